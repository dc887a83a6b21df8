//! Raw appends: events written as they are given, under an expected revision.

use crate::{EventId, NewEvent, Position, Revision, Text};

/// Writes to one or more streams, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// In order; a later one sees the revisions the earlier ones lead to.
    pub writes: Vec<StreamWrite>,
}

impl Append {
    /// How many events it adds by each of its writes.
    #[must_use]
    pub fn events(&self) -> Vec<usize> {
        self.writes.iter().map(|write| write.events.len()).collect()
    }
}

/// The events one append adds to one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamWrite {
    /// The stream. It overrides [`NewEvent::stream`].
    pub stream: Text,
    /// What the stream must look like before.
    pub expected: ExpectedRevision,
    /// What to add. May be empty when another write of the append is not: then it is a condition only.
    pub events: Vec<NewEvent>,
}

/// A condition on a stream's revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedRevision {
    /// None.
    Any,
    /// The stream has no events.
    NoStream,
    /// The stream has events.
    Exists,
    /// The stream is exactly there. [`Revision::ZERO`] is the same as [`ExpectedRevision::NoStream`].
    Exact(Revision),
}

impl ExpectedRevision {
    /// Whether a stream at `actual` meets the condition.
    #[must_use]
    pub fn holds(self, actual: Revision) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual == Revision::ZERO,
            Self::Exists => actual > Revision::ZERO,
            Self::Exact(expected) => actual == expected,
        }
    }
}

/// What an append came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Position of its first event.
    pub first: Position,
    /// Position of its last event.
    pub last: Position,
    /// Each stream written to, in the order of the append, with its revision after.
    pub streams: Vec<(Text, Revision)>,
    /// Each event, in the order of the append.
    pub events: Vec<(EventId, Position, Revision)>,
}
