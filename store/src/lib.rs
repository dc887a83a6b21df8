//! The log: one append-only stream of events on fjall, and the derived keyspace beside it.
//!
//! fjall lives only in this crate.

mod append;
mod change;
mod codec;
mod commit;
mod condition;
mod cursors;
mod decider;
mod delta;
mod disk;
mod error;
mod event;
#[cfg(test)]
mod fault;
mod group;
mod id;
mod journal;
mod keys;
mod little_endian;
mod lock;
mod meter;
#[cfg(test)]
mod model;
mod open;
mod options;
mod poison;
mod read;
mod rebuild;
mod recent;
mod record;
mod refold;
mod storage;
mod store;
#[cfg(test)]
mod test;
mod texts;
mod verify;
mod view;
mod views;
mod writer;

pub use append::{Append, Appended, ExpectedRevision, StreamWrite};
pub use change::{ClosedVersion, RowChange, Stamp, StoredRow, TableId, Version};
pub use commit::{Commit, CommitSpan, Direction, Done, Observer};
pub use condition::{CONDITION_EVENTS_MAX, Condition, ConditionFault, ConditionTest};
pub use cursors::{AllKept, Cursors, CursorsError, Kept, Note, Parked, Slot, Tried, Writing};
pub use decider::{Decider, Decision};
pub use error::{AppendError, CheckpointError, Damage, ExecuteError, ObserverError, OpenError, ReadError};
pub use event::{Context, Event, Head, MODEL_IDS_MAX, NewEvent};
pub use group::{
    Answered, Digest, Group, GroupError, Once, Render, Step, StepDone, StepError, StepResult, Told,
};
pub use id::{EventId, Position, Revision, Text, Timestamp};
pub use meter::{Measure, Meter};
pub use open::Opened;
pub use options::{KIND_BYTES_MAX, Options, ROW_KEY_BYTES_MAX, STREAM_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX};
pub use read::Reader;
pub use rebuild::{Rebuilt, rebuild};
pub use record::Chain;
pub use storage::{Formats, Storage};
pub use store::{Pending, Store};
pub use verify::{FINDINGS_MAX, Finding, Place, Progress, Report, Stage, verify};
