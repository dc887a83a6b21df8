//! Events that a predicate holds for: out of the log, and live out of a mailbox.
//!
//! Far from the head it reads the log in goes, through an index where there is one. Near it, it takes a [`Seat`] and
//! reads up to where that begins. When its mailbox has closed it gives up the seat and reads the log again, from
//! where the mailbox ended: who takes slowly costs reads of its own and holds up nobody.

use super::fan::{Fan, INLINE_EVENTS, Seat};
use super::shown::Shown;
use crate::app::Shared;
use crate::error::Error;
use crate::http::blocking;
use domain::Rejection;
use query::{EventPredicate, Sought};
use std::collections::VecDeque;
use std::sync::Arc;
use store::{Direction, Position};

/// Events looked at in one go.
pub(super) const SCAN_EVENTS: usize = 1_024;

/// Bytes of matching events after which a go ends early: what one follower holds.
const SCAN_BYTES: usize = 1 << 20;

/// This near to the head a seat is taken; what is missing fits into one go.
const NEAR_EVENTS: u64 = 1_024;

/// See above.
#[derive(Debug)]
pub(super) struct Events {
    app: Shared,
    predicate: EventPredicate,
    found: VecDeque<Arc<Shown>>,
    looked_at: Position,
    /// The head when it was made: only past it is it level.
    head_first: Position,
    seat: Option<Seat>,
}

impl Events {
    pub(super) fn new(app: Shared, predicate: EventPredicate, start: Position) -> Self {
        let head_first = app.store().head().position;
        Self { app, predicate, found: VecDeque::new(), looked_at: start, head_first, seat: None }
    }

    pub(super) fn take(&mut self) -> Option<Arc<Shown>> {
        self.found.pop_front()
    }

    pub(super) fn looked_at(&self) -> Position {
        self.looked_at
    }

    pub(super) fn is_level(&self) -> bool {
        self.seat.is_some() && self.looked_at >= self.head_first
    }

    pub(super) async fn look(&mut self) -> Result<bool, Error> {
        let Some(seat) = &self.seat else {
            let head = self.app.store().head().position;
            if head.0.saturating_sub(self.looked_at.0) > NEAR_EVENTS {
                self.scan(head).await?;
            } else {
                self.seat = Some(Fan::sit(&self.app.fan, &self.predicate));
            }
            return Ok(true);
        };
        let begins = seat.after().max(self.head_first);
        if self.looked_at < begins {
            #[cfg(test)]
            if *self.app.fan.planted.lock() == Some(super::test::Fault::SkipsTheSeam) {
                self.looked_at = begins;
            }
            self.scan(begins).await?;
            return Ok(true);
        }
        // Asked before the mailbox: what was dealt up to there is in it.
        let dealt = self.app.fan.dealt();
        let closed_after = seat.mailbox().take(&mut self.found);
        // What was read from the log although the seat has it too.
        let mut twice = 0;
        while self.found.get(twice).is_some_and(|event| event.position() <= self.looked_at) {
            twice += 1;
        }
        drop(self.found.drain(..twice));
        let last = self.found.back().map_or(Position::ZERO, |event| event.position());
        self.looked_at = self.looked_at.max(last).max(closed_after.unwrap_or(dealt));
        if closed_after.is_some() {
            self.seat = None;
            return Ok(true);
        }
        Ok(!self.found.is_empty())
    }

    pub(super) async fn changed(&mut self) {
        // Without a seat it has to look before there is something to wait for.
        if let Some(seat) = &self.seat {
            seat.mailbox().filled().await;
        }
    }

    /// Looks at the next events up to `upto`, at most one go of them; what an index passes over costs nothing.
    async fn scan(&mut self, upto: Position) -> Result<(), Error> {
        let (after, wanted) = (self.looked_at, self.predicate.clone());
        let is_short = upto.0.saturating_sub(after.0) <= INLINE_EVENTS;
        // A short stretch is in memory as it lies.
        let sought = if is_short { Sought::default() } else { wanted.sought.clone() };
        let reader = self.app.store().reader();
        let read = move || -> Result<_, Error> {
            let (mut matching, mut bytes) = (VecDeque::new(), 0);
            for (looked, event) in sought.events(&reader, after, upto, Direction::Forward).enumerate() {
                let event = event?;
                let position = event.position;
                if wanted.holds(&event).map_err(Rejection::Predicate)? {
                    bytes += event.data.len() + event.metadata.len();
                    matching.push_back(Shown::new(event));
                }
                if bytes >= SCAN_BYTES || looked + 1 == SCAN_EVENTS {
                    return Ok((matching, position));
                }
            }
            Ok((matching, upto))
        };
        let (mut matching, looked_at) = match is_short {
            true => read()?,
            false => blocking(read).await??,
        };
        self.found.append(&mut matching);
        self.looked_at = looked_at;
        Ok(())
    }
}
