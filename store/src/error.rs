//! What can go wrong: one small enum for each operation. fjall's own errors never leave this crate; they
//! travel as text.

use crate::{EventId, ExpectedRevision, Position, Revision, Text, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Why a store cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Another process, or another handle of this one, has it.
    #[error("the data directory {} is held by another process ({holder})", dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
        /// What the holder wrote into the lock file.
        holder: String,
    },
    /// There is nothing to verify or to rebuild.
    #[error("{} is no data directory: it has no log", dir.display())]
    NoLog {
        /// The directory.
        dir: PathBuf,
    },
    /// Written by a version that this one does not know.
    #[error(
        "the data directory has format {found}, this version reads format {supported}; use the version that wrote it, or a newer one"
    )]
    UnknownFormat {
        /// The format on disk.
        found: u32,
        /// The format of this version.
        supported: u32,
    },
    /// The log does not verify. Nothing was changed.
    #[error("the log is damaged: {0}")]
    Damaged(Damage),
    /// The views on disk are ahead of the log: acknowledged events are missing from it.
    #[error(
        "the log ends at position {head}, but the checkpoint was taken at {checkpoint}: acknowledged events are missing; restore the directory from a backup"
    )]
    LogBehindCheckpoint {
        /// Where the log ends.
        head: Position,
        /// Where the checkpoint was taken.
        checkpoint: Position,
    },
    /// An option is out of its range.
    #[error("option {option} is {value}; {wanted}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        value: u64,
        /// What it may be.
        wanted: &'static str,
    },
    /// The operating system or the disk refused.
    #[error("cannot open the data directory: {0}")]
    Io(Arc<str>),
}

/// Bytes that are not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}{}: {why}", at(*position))]
pub struct Damage {
    /// Of what.
    pub what: &'static str,
    /// Where in the log; for other things, the nearest position known, or zero.
    pub position: Position,
    /// What does not fit.
    pub why: Text,
}

/// A place in words; nothing where none is known.
fn at(position: Position) -> String {
    if position == Position::ZERO { String::new() } else { format!(" at position {position}") }
}

/// Why something cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The bytes are not what was written.
    #[error("damaged {0}")]
    Damaged(#[from] Damage),
    /// The operating system or the disk refused.
    #[error("cannot read: {0}")]
    Io(Arc<str>),
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage),
            ReadError::Io(why) => Self::Io(why),
        }
    }
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExecuteError<R> {
    /// By the model, or by an append's own conditions. Everything it was decided by is durable.
    #[error("rejected")]
    Rejected(R),
    /// A command's events cannot be written as the model made them.
    #[error("the command's events cannot be written: {0}")]
    Refused(AppendError),
    /// As many requests as the store holds are waiting. Try again.
    #[error("the writer's queue is full")]
    QueueFull,
    /// The request would write more than a request may.
    #[error("the request writes {bytes} bytes of events, at most {bytes_max} are taken at once")]
    TooLarge {
        /// What it would write.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A commit failed or the model panicked: whether this request was carried out is known only after the
    /// store has been opened again.
    #[error("the writer has stopped: {0}")]
    Poisoned(Arc<str>),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl<R> ExecuteError<R> {
    /// The same error with another rejection.
    pub fn map<S>(self, f: impl FnOnce(R) -> S) -> ExecuteError<S> {
        match self {
            Self::Rejected(rejection) => ExecuteError::Rejected(f(rejection)),
            Self::Refused(refusal) => ExecuteError::Refused(refusal),
            Self::QueueFull => ExecuteError::QueueFull,
            Self::TooLarge { bytes, bytes_max } => ExecuteError::TooLarge { bytes, bytes_max },
            Self::Poisoned(why) => ExecuteError::Poisoned(why),
            Self::Closed => ExecuteError::Closed,
        }
    }
}

/// Why events are not appended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AppendError {
    /// The stream is not where it was expected.
    #[error("stream {stream} is at revision {actual}, expected {expected:?}")]
    RevisionConflict {
        /// The stream.
        stream: Text,
        /// The condition.
        expected: ExpectedRevision,
        /// The revision it has; zero when absent.
        actual: Revision,
    },
    /// A time before that of the event before it.
    #[error("time {} us is before that of the head, {} us", time.0, head.0)]
    TimeBeforeHead {
        /// Which event of the append, from 0.
        event: usize,
        /// The time given.
        time: Timestamp,
        /// The time of the event before.
        head: Timestamp,
    },
    /// A time in the future.
    #[error("time {} us is after now, {} us", time.0, now.0)]
    TimeAfterNow {
        /// Which event of the append, from 0.
        event: usize,
        /// The time given.
        time: Timestamp,
        /// The clock.
        now: Timestamp,
    },
    /// An append without events.
    #[error("nothing to append")]
    Empty,
    /// A stream's name is empty or too long.
    #[error("a stream's name has 1 to {bytes_max} bytes, this one has {bytes}")]
    StreamLength {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// An event type is empty or too long.
    #[error("an event type has 1 to {bytes_max} bytes, this one has {bytes}")]
    KindLength {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A tag is empty or too long.
    #[error("a tag has 1 to {bytes_max} bytes, this one has {bytes}")]
    TagLength {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A tag that begins with `$`, which is the store's own.
    #[error("tag {tag} begins with $, which is reserved")]
    TagReserved {
        /// The tag.
        tag: Text,
    },
    /// An event with too many tags.
    #[error("an event has at most {tags_max} tags, this one has {tags}")]
    TooManyTags {
        /// How many.
        tags: usize,
        /// The bound.
        tags_max: usize,
    },
    /// There is an event that the append's condition says must not be there.
    #[error("the event at position {position} fails the append's condition")]
    ConditionFailed {
        /// Its position.
        position: Position,
    },
    /// It cannot be told whether an event is one that the condition says must not be there.
    #[error("the append's condition cannot be told of the event at position {position}")]
    ConditionFaulty {
        /// The event's position.
        position: Position,
    },
    /// Too much came since the condition was looked at. Look again.
    #[error("{events} events came since the append's condition was looked at, at most {events_max} may")]
    ConditionBehind {
        /// How many.
        events: u64,
        /// The bound.
        events_max: u64,
    },
    /// There is an event with that id, and it is not part of the very same append made before.
    #[error("there is an event with id {id} already")]
    EventExists {
        /// The id.
        id: EventId,
    },
}

/// Why a checkpoint was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// The writer has stopped.
    #[error("the writer has stopped: {0}")]
    Poisoned(Arc<str>),
}

/// Why an observer was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ObserverError {
    /// There is one.
    #[error("the store has an observer already")]
    Taken,
}
