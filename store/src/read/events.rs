//! A stretch of the log, event by event.

use super::fetch::{Fetch, Walk};
use crate::{Direction, Event, Position, ReadError};

/// Positions `first..=last`, in one direction. After an error it ends.
pub(super) struct Events<R> {
    fetch: Fetch<R>,
    walk: Walk,
    direction: Direction,
    first: u64,
    last: u64,
}

impl<R> Events<R> {
    /// `upto` is at or before the head.
    pub(super) fn new(fetch: Fetch<R>, after: Position, upto: Position, direction: Direction) -> Self {
        let (first, last) = (after.0.saturating_add(1), upto.0);
        let end = match direction {
            Direction::Forward => last,
            Direction::Backward => first,
        };
        Self { fetch, walk: Walk::new(direction, Position(end)), direction, first, last }
    }
}

impl<R> Iterator for Events<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.first > self.last {
            return None;
        }
        let position = match self.direction {
            Direction::Forward => self.first,
            Direction::Backward => self.last,
        };
        let event = self.fetch.event_along(Position(position), &mut self.walk);
        match self.direction {
            _ if event.is_err() => self.first = u64::MAX,
            Direction::Forward => self.first += 1,
            Direction::Backward => self.last -= 1,
        }
        Some(event)
    }
}
