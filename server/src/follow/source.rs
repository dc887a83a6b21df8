//! What a follower has its steps from.

use super::Step;
use super::events::Events;
use super::rows::Rows;
use crate::error::Error;
use store::Position;

/// Where steps come from. A source looks at every position after its beginning exactly once, in order.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every follower has the large one: it lies in the follower itself"
)]
pub(super) enum Source {
    /// Events that a predicate holds for.
    Events(Events),
    /// The rows of a query.
    Rows(Box<Rows>),
}

/// Which positions a step is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// Nothing up to here is still to come.
    pub(super) before: Position,
    /// With the step, nothing up to here.
    pub(super) upto: Position,
}

impl Source {
    /// Where it began: at `start`, if it does not know better.
    pub(super) fn begins(&self, start: Position) -> Position {
        match self {
            Self::Events(_) => start,
            Self::Rows(rows) => rows.begins(),
        }
    }

    /// The next step that was found, and what it is of.
    pub(super) fn take(&mut self) -> Option<(Stretch, Step)> {
        match self {
            Self::Events(events) => events.take().map(|event| {
                let upto = event.position();
                (Stretch { before: Position(upto.0.saturating_sub(1)), upto }, Step::Event(event))
            }),
            Self::Rows(rows) => rows.take().map(|(stretch, diff)| (stretch, Step::Diff(diff))),
        }
    }

    /// Everything up to here was looked at; what was found there and not taken comes first.
    pub(super) fn looked_at(&self) -> Position {
        match self {
            Self::Events(events) => events.looked_at(),
            Self::Rows(rows) => rows.looked_at(),
        }
    }

    /// Whether all that was there when it was made has been looked at.
    pub(super) fn is_level(&self) -> bool {
        match self {
            Self::Events(events) => events.is_level(),
            Self::Rows(rows) => rows.is_level(),
        }
    }

    /// Looks further, one go; whether it is worth looking again at once. May be dropped while it waits and called again.
    ///
    /// # Errors
    /// When the log cannot be read, or it cannot be told whether something is wanted.
    pub(super) async fn look(&mut self) -> Result<bool, Error> {
        match self {
            Self::Events(events) => events.look().await,
            Self::Rows(rows) => rows.look(),
        }
    }

    /// Waits until it is worth looking again.
    pub(super) async fn changed(&mut self) {
        match self {
            Self::Events(events) => events.changed().await,
            Self::Rows(rows) => rows.changed().await,
        }
    }
}
