//! What waits for one follower, bounded in events and in bytes.

use super::shown::Shown;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use store::Position;
use tokio::sync::Notify;

/// Events that wait for one follower.
pub(super) const EVENTS_MAX: usize = 1_024;

/// Bytes of them. One event alone may be larger.
pub(super) const BYTES_MAX: usize = 256 << 10;

/// Filled by the [fan](super::fan), emptied by a follower.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Arc<Shown>>,
    bytes: usize,
    /// Nothing after this position was put, whatever it is: there was no room, or it could not be told whether
    /// it is wanted.
    closed_after: Option<Position>,
}

impl Mailbox {
    /// Puts an event; without room for it the mailbox closes before it. Whether it is still open.
    pub(super) fn put(&self, shown: &Arc<Shown>) -> bool {
        let mut waiting = self.waiting.lock();
        let bytes = waiting.bytes + shown.bytes();
        let has_room = waiting.events.is_empty() || (waiting.events.len() < EVENTS_MAX && bytes <= BYTES_MAX);
        if !has_room {
            drop(waiting);
            self.close_before(shown.position());
            return false;
        }
        waiting.bytes = bytes;
        waiting.events.push_back(Arc::clone(shown));
        drop(waiting);
        self.filled.notify_one();
        true
    }

    /// Closes it: neither the event at that position nor any later one is put.
    pub(super) fn close_before(&self, position: Position) {
        self.waiting.lock().closed_after = Some(Position(position.0.saturating_sub(1)));
        self.filled.notify_one();
    }

    /// Moves all that waits to the end of `to`; the position after which it is closed, if it is.
    pub(super) fn take(&self, to: &mut VecDeque<Arc<Shown>>) -> Option<Position> {
        let mut waiting = self.waiting.lock();
        waiting.bytes = 0;
        if to.is_empty() {
            std::mem::swap(to, &mut waiting.events);
        } else {
            to.append(&mut waiting.events);
        }
        waiting.closed_after
    }

    /// Waits until something was put, or it was closed, since this was last waited for.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use futures::FutureExt as _;
    use store::{Event, EventId, Revision, Timestamp};

    fn shown(position: u64, bytes: usize) -> Arc<Shown> {
        Shown::new(Event {
            position: Position(position),
            id: EventId(u128::from(position)),
            stream: "s".into(),
            revision: Revision(position),
            kind: "Noted".into(),
            time: Timestamp(0),
            data: "x".repeat(bytes).into(),
            metadata: "".into(),
            tags: Vec::new(),
        })
    }

    fn taken(mailbox: &Mailbox) -> (Vec<u64>, Option<u64>) {
        let mut events = VecDeque::new();
        let closed_after = mailbox.take(&mut events);
        (events.iter().map(|event| event.position().0).collect(), closed_after.map(|position| position.0))
    }

    #[test]
    fn it_closes_before_the_event_that_it_has_no_room_for() {
        let mailbox = Mailbox::default();
        for position in 1..=EVENTS_MAX as u64 {
            assert!(mailbox.put(&shown(position, 1)), "at the bound");
        }
        let beyond = EVENTS_MAX as u64 + 1;
        assert!(!mailbox.put(&shown(beyond, 1)), "beyond it");
        assert_eq!(taken(&mailbox), ((1..beyond).collect(), Some(beyond - 1)));
    }

    #[test]
    fn bytes_are_bounded_but_for_one_event_alone() {
        let mailbox = Mailbox::default();
        assert!(mailbox.put(&shown(1, BYTES_MAX - 1)) && mailbox.put(&shown(2, 1)), "at the bound");
        assert_eq!(taken(&mailbox), (vec![1, 2], None));
        assert!(mailbox.put(&shown(3, 2 * BYTES_MAX)), "room is free again, and one may be larger");
        assert!(!mailbox.put(&shown(7, 1)));
        assert_eq!(taken(&mailbox), (vec![3], Some(6)));
    }

    #[test]
    fn whoever_waits_hears_of_an_event_and_of_the_end() {
        let mailbox = Mailbox::default();
        assert!(mailbox.filled().now_or_never().is_none());
        mailbox.put(&shown(1, 1));
        assert!(mailbox.filled().now_or_never().is_some(), "also when it was put before");
        mailbox.close_before(Position(2));
        assert!(mailbox.filled().now_or_never().is_some());
    }
}
