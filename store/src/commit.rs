//! What the writer tells once it is durable.

use crate::{Answered, Event, Position, RowChange, Timestamp};
use std::sync::Arc;

/// One commit: every event of it, and every row they changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit<R> {
    /// Position of its first event.
    pub first: Position,
    /// Position of its last event.
    pub last: Position,
    /// Time of its last event.
    pub time: Timestamp,
    /// In order of position.
    pub events: Vec<Event>,
    /// In order of position.
    pub changes: Vec<RowChange<R>>,
    /// Answers that are kept.
    pub answers: Vec<Answered>,
    /// When time alone gives the model something to do, as of `last`.
    pub next_deadline: Option<Timestamp>,
}

/// Where a commit is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitSpan {
    /// Position of its first event.
    pub first: Position,
    /// Position of its last event.
    pub last: Position,
    /// Time of its last event.
    pub time: Timestamp,
}

/// Called by the committing thread: after the commit is durable, in order of position, before any answer of
/// that commit leaves. It holds up all writing, so it should only hand the commit on.
pub type Observer<R> = Arc<dyn Fn(&Arc<Commit<R>>) + Send + Sync>;

/// A request that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<O> {
    /// What the model says.
    pub outcome: O,
    /// The head right after it: a reader at this position or later sees its effects.
    pub position: Position,
}

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}
