//! The log: one append-only stream of events on fjall, and the derived keyspace beside it.
//!
//! fjall lives only in this crate.

mod change;
mod decider;
mod event;
mod id;

pub use change::{ClosedVersion, RowChange, Stamp, StoredRow, TableId, Version};
pub use decider::{Decider, Decision};
pub use event::{Context, Event, Head, NewEvent};
pub use id::{EventId, Position, Revision, Text, Timestamp};
