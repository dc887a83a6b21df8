//! Tickets: a browser cannot set a header on a WebSocket or an EventSource, so it fetches a ticket with its
//! token and puts that into the URL, where it is worth little: it works once, and not for long.

use crate::error::{Code, Error};
use parking_lot::Mutex;
use rand::Rng;
use rustc_hash::FxHashMap;
use serde_json::json;
use std::time::{Duration, Instant};

/// How long a ticket can be used.
pub(crate) const TICKET_LIFE: Duration = Duration::from_secs(30);

/// Tickets that are out at once. Beyond it the oldest go: they are nearly over.
const TICKETS_MAX: usize = 10_000;

/// Tickets that were given and not used.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<FxHashMap<String, Instant>>);

impl Tickets {
    /// A fresh ticket.
    pub(crate) fn give(&self) -> String {
        // 128 random bits: nobody guesses one within its life.
        let ticket = format!("{:032x}", rand::rng().random::<u128>());
        let now = Instant::now();
        let mut given = self.0.lock();
        given.retain(|_, until| *until > now);
        if given.len() >= TICKETS_MAX
            && let Some(oldest) =
                given.iter().min_by_key(|(_, until)| **until).map(|(ticket, _)| ticket.clone())
        {
            given.remove(&oldest);
        }
        given.insert(ticket.clone(), now + TICKET_LIFE);
        ticket
    }

    /// Uses a ticket up; whether it was good.
    pub(crate) fn take(&self, ticket: &str) -> bool {
        self.0.lock().remove(ticket).is_some_and(|until| until > Instant::now())
    }
}

/// What is told of a ticket that is not good.
pub(super) fn stale() -> Error {
    let reason = "the ticket was used, is too old, or was never given";
    Error::new(Code::Unauthorized, reason)
        .details(json!({"rule": "ticket", "reason": reason}))
        .hint("POST /tickets gives one that works once, within 30 s")
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_ticket_works_once() {
        let tickets = Tickets::default();
        let ticket = tickets.give();
        assert!(!tickets.take("another"));
        assert!(tickets.take(&ticket));
        assert!(!tickets.take(&ticket));
    }

    #[test]
    fn a_ticket_ends_and_there_are_not_too_many() {
        let tickets = Tickets::default();
        let old = tickets.give();
        *tickets.0.lock().get_mut(&old).unwrap() = Instant::now();
        assert!(!tickets.take(&old));
        for _ in 0..TICKETS_MAX + 10 {
            tickets.give();
        }
        assert_eq!(tickets.0.lock().len(), TICKETS_MAX);
    }
}
