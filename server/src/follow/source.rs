//! What a follower has its steps from.

use super::Step;
use super::events::Events;
use crate::error::Error;
use store::Position;

/// Where steps come from. A source looks at every position after its beginning exactly once, in order.
#[derive(Debug)]
pub(super) enum Source {
    /// Events that a predicate holds for.
    Events(Events),
}

impl Source {
    /// The next step that was found, and its position.
    pub(super) fn take(&mut self) -> Option<(Position, Step)> {
        match self {
            Self::Events(events) => events.take().map(|event| (event.position(), Step::Event(event))),
        }
    }

    /// Everything up to here was looked at; what was found there and not taken comes first.
    pub(super) fn looked_at(&self) -> Position {
        match self {
            Self::Events(events) => events.looked_at(),
        }
    }

    /// Whether all that was there when it was made has been looked at.
    pub(super) fn is_level(&self) -> bool {
        match self {
            Self::Events(events) => events.is_level(),
        }
    }

    /// Looks further, one go; whether it is worth looking again at once. May be dropped while it waits and called again.
    ///
    /// # Errors
    /// When the log cannot be read, or it cannot be told whether something is wanted.
    pub(super) async fn look(&mut self) -> Result<bool, Error> {
        match self {
            Self::Events(events) => events.look().await,
        }
    }

    /// Waits until it is worth looking again.
    pub(super) async fn changed(&mut self) {
        match self {
            Self::Events(events) => events.changed().await,
        }
    }
}
