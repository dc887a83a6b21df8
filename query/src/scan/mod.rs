//! Table providers: what a plan reads from.

mod asking;
mod closed;
mod deep;
mod events;
mod exec;
mod history;
mod left_out;
mod next_task;
mod pushdown;
mod rows;
pub(crate) mod storage;

pub(crate) use events::EventsTable;
pub(crate) use exec::ScanExec;
pub(crate) use history::HistoryTable;
pub(crate) use left_out::LeftOutTable;
pub(crate) use next_task::NextTaskTable;
pub(crate) use rows::{RowsTable, is_looked_up};

use crate::past::Past;
use crate::tables::subscriptions::DurableSubscription;
use crate::views::Current;
use datafusion::error::DataFusionError;
use domain::rows::Row;
use std::fmt;
use std::sync::{Arc, OnceLock};
use store::{Position, ReadError, Reader, Storage, Timestamp};

/// Tells how the durable subscriptions stand, when the log ends at that position.
pub(crate) type SubscriptionsNow = dyn Fn(Position) -> Vec<DurableSubscription> + Send + Sync;

/// Tells what is on disk.
pub(crate) type StorageNow = Arc<dyn Fn() -> Storage + Send + Sync>;

/// What one statement sees: every table and the log at one head, and its clock.
#[derive(Clone)]
pub(crate) struct World {
    /// The current rows; their head is the statement's.
    pub(crate) current: Arc<Current>,
    /// At that head or after it; whatever it shows past that head is left out.
    pub(crate) reader: Reader<Row>,
    /// The statement's now, never before the head's time.
    pub(crate) now: Timestamp,
    /// Tells what is on disk; of the moment it is asked.
    pub(crate) storage: StorageNow,
    /// Tells how the durable subscriptions stand; set once there is somebody to tell.
    pub(crate) subscriptions: Arc<OnceLock<Arc<SubscriptionsNow>>>,
    /// Every table through time, as far as somebody asked.
    pub(crate) past: Arc<Past>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("head", &self.current.head)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Rows taken between two chances for others (and for the time limit) to get a word in.
const ROWS_PER_TURN: usize = 1_024;

/// A failed read as the engine's error; the engine takes it out again.
pub(crate) fn read_error(error: ReadError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
