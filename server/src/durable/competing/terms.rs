//! What is agreed on, found, given out and said.

use store::{EventId, Position, Text, Timestamp};

/// By which terms events are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Events in all hands together.
    pub(crate) max_in_flight: usize,
    /// How long a hand may keep one.
    pub(crate) ack_timeout_ms: i64,
    /// Deliveries of one event before it is parked.
    pub(crate) max_attempts: u32,
    /// Whether the events of a stream come one after another.
    pub(crate) by_stream: bool,
}

/// An event that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) position: Position,
    pub(crate) id: EventId,
    pub(crate) stream: Text,
    /// Why it cannot be told whether it matches: it is parked with that.
    pub(crate) fault: Option<Text>,
}

/// An event in somebody's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) position: Position,
    /// How often it was delivered, with this.
    pub(crate) attempt: u32,
}

/// What a consumer says of an event that it could not deal with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Again, not before that time.
    Retry(Option<Timestamp>),
    /// Put it aside.
    Park,
    /// Never again.
    Skip,
}

/// What was said about one event came to this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is done with.
    Done,
    /// It comes again.
    Again,
    /// It is put aside.
    Parked,
    /// It was done with, or parked, before.
    Already,
    /// It is in the hands of another.
    NotYours,
    /// It is none of this subscription's.
    Unknown,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    pub(crate) floor: Position,
    pub(crate) in_flight: usize,
    pub(crate) parked: usize,
}
