//! What is on disk, for those who ask about the store itself.

use crate::{EventId, Position, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is on disk at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// The versions of what is there.
    pub formats: Formats,
    /// Position of the checkpoint: the views on disk are the fold up to there. Zero before the first.
    pub checkpoint: Position,
    /// Bytes of the views on disk.
    pub views_bytes: u64,
    /// When the log was made.
    pub log_made: Timestamp,
    /// When the views were made, or made anew; none when the file system does not tell.
    pub views_made: Option<Timestamp>,
}

/// The versions of what is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    /// Of the data directory and its log.
    pub log: u32,
    /// Of the views' keys and values.
    pub views: u32,
    /// [`Decider::fold_version`](crate::Decider::fold_version).
    pub fold: u32,
}

/// Bits of a ULID below its milliseconds.
const RANDOM_BITS: u32 = 80;

/// When an id was made.
pub(crate) fn made(id: EventId) -> Timestamp {
    let millis = i64::try_from(id.0 >> RANDOM_BITS).unwrap_or(i64::MAX);
    Timestamp(millis.saturating_mul(1_000))
}

/// The system's time as ours.
pub(crate) fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let micros = time.duration_since(UNIX_EPOCH).ok()?.as_micros();
    i64::try_from(micros).ok().map(Timestamp)
}
