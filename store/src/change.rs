//! Row changes: what an event did to the tables. Views, history and live queries all come from these.

use crate::{EventId, Position, Text, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The number of a table, pinned by whoever defines the tables.
pub type TableId = u8;

/// The event that made a row what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Its position.
    pub position: Position,
    /// Its time.
    pub time: Timestamp,
    /// Its id.
    pub event_id: EventId,
    /// Its type.
    pub kind: Text,
    /// The agent in its metadata.
    pub actor: Option<Text>,
}

/// A row as it stood from one event to the next that changed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Version<R> {
    /// The row.
    pub row: R,
    /// The event that made it so.
    pub from: Arc<Stamp>,
}

/// A version that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedVersion<R> {
    /// Key of the row in its table.
    pub key: Text,
    /// The version.
    pub version: Version<R>,
    /// Position of the event that ended it.
    pub to_position: Position,
    /// Time of that event.
    pub to_time: Timestamp,
}

/// One event's effect on one row. An event changes a row at most once.
#[derive(Debug, Clone, PartialEq)]
pub struct RowChange<R> {
    /// Which table.
    pub table: TableId,
    /// Which row.
    pub key: Text,
    /// The version that ended, if there was one.
    pub before: Option<Version<R>>,
    /// The row from now on; none when it is gone.
    pub after: Option<R>,
    /// The event.
    pub at: Arc<Stamp>,
}

/// A row that can be stored. Rows are cheap to clone (shared inside).
pub trait StoredRow: Clone + Send + Sync + 'static {
    /// Appends the row's bytes to `out`; the first byte is the row format's version.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads what [`StoredRow::encode`] wrote for that table.
    ///
    /// # Errors
    /// When the bytes are not such a row; the text says why.
    fn decode(table: TableId, bytes: &[u8]) -> Result<Self, String>;
}
