//! `snapshots`: the views as they are on disk.

use super::define::table;
use crate::value::Value;
use store::{Position, Timestamp};

/// The views on disk.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    /// The last event that is in them.
    pub position: Position,
    /// Its time.
    pub time: Option<Timestamp>,
    /// Events of the log after it.
    pub events_since: u64,
    /// Their size.
    pub bytes: u64,
}

table! {
    /// What a start begins from: the tables as they are on disk, at one position. One row, or none before the first is written; of the present only.
    "snapshots", Snapshot, history: false, aliases: &[];

    /// Position of the last event that is in it.
    "position": Int = |row| int(row.position.0);
    /// Time of that event.
    "time": Time = |row| row.time.map_or(Value::Null, |time| Value::Time(time.0));
    /// Events of the log after it: what a start after a crash replays.
    "events_since": Int = |row| int(row.events_since);
    /// Its size on disk.
    "bytes": Int = |row| int(row.bytes);
}

fn int(number: u64) -> Value<'static> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
