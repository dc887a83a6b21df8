//! Merging what other nodes did: their events on the way into this log.

mod item;
mod push;

pub(crate) use item::{Fault, Item};
pub(crate) use push::{Push, Status, push};

/// Most events of one push. Together with the bound of a body it bounds what one merge reads and writes.
pub(crate) const PUSH_EVENTS_MAX: usize = 1_000;

/// How far this node has heard the log of another is in the stream of this name and the other's id, as an event
/// that is committed together with what it tells of. It goes to nobody.
pub(crate) const HEARD_STREAM: &str = "$sync-";

/// Type of that event.
pub(crate) const HEARD: &str = "$Heard";
