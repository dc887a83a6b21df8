//! Versions that have ended, as the store has them.

use super::{ROWS_PER_TURN, World, read_error};
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use domain::rows::{Row, Table};
use store::{ClosedVersion, Position, Text};

/// What a row in memory costs besides its texts: its struct, its stamp, the places that point at it.
const ROW_BYTES: usize = 512;

/// Every version that ended after `ended_after` and up to the statement's head, in order of its end. Memory
/// is reserved for those that `keep` says it keeps, so that a query meets its own limit and not the
/// machine's.
pub(super) async fn closed(
    world: &World,
    table: Table,
    ended_after: Position,
    reservation: &mut MemoryReservation,
    mut keep: impl FnMut(ClosedVersion<Row>) -> bool,
) -> Result<()> {
    let head = world.current.head.position;
    for (nth, version) in world.reader.history(table.id(), ended_after).enumerate() {
        let version = version.map_err(read_error)?;
        if version.to_position > head {
            break;
        }
        let bytes = ROW_BYTES + text_bytes(&version.version.row);
        if keep(version) {
            reservation.try_grow(bytes)?;
        }
        if nth % ROWS_PER_TURN == ROWS_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Bytes of the long texts of a row.
fn text_bytes(row: &Row) -> usize {
    let length = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.len());
    match row {
        Row::Task(row) => row.title.len() + length(&row.intent) + row.metadata.len(),
        Row::TaskGraph(_) | Row::Lease(_) | Row::Clock(_) => 0,
        Row::Conflict(row) => row.relationship.metadata.len(),
        Row::Run(row) => length(&row.failure_message) + length(&row.output),
        Row::Relationship(row) => row.metadata.len(),
        Row::ProgressItem(row) => row.content.len(),
        Row::Context(row) => row.content.len() + row.metadata.len(),
        Row::Agent(row) => row.name.len() + row.metadata.len(),
        Row::Session(row) => row.metadata.len(),
    }
}
