//! The rows of a table as they were: those that have not changed since, and those that ended since.

use super::{ROWS_PER_TURN, World, read_error};
use crate::views::{Current, Entry, Rows};
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use domain::rows::{Row, Table, TaskGraph};
use parking_lot::Mutex;
use std::sync::Arc;
use store::{ClosedVersion, Position, Text};

/// Rows of past moments that are kept for whoever asks again, all together.
const CACHED_ROWS_MAX: usize = 200_000;

/// Past moments of tables that are kept, however small.
const CACHED_TABLES_MAX: usize = 32;

/// What a row in memory costs besides its texts: its struct, its stamp, the places that point at it.
const ROW_BYTES: usize = 512;

/// A table at a position.
type Moment = (Table, Position);

/// The last few past moments that were asked for. What was at a position never changes, so nothing here
/// grows stale.
#[derive(Debug, Default)]
pub(crate) struct PastCache {
    /// Least recently used first.
    kept: Mutex<Vec<(Moment, Arc<Rows>)>>,
}

impl PastCache {
    fn get(&self, key: Moment) -> Option<Arc<Rows>> {
        let mut kept = self.kept.lock();
        let at = kept.iter().position(|(other, _)| *other == key)?;
        let found = kept.remove(at);
        let rows = found.1.clone();
        kept.push(found);
        Some(rows)
    }

    fn put(&self, key: Moment, rows: &Arc<Rows>) {
        if rows.len() > CACHED_ROWS_MAX {
            return;
        }
        let mut kept = self.kept.lock();
        kept.retain(|(other, _)| *other != key);
        kept.push((key, rows.clone()));
        let mut total: usize = kept.iter().map(|(_, rows)| rows.len()).sum();
        while total > CACHED_ROWS_MAX || kept.len() > CACHED_TABLES_MAX {
            total -= kept.remove(0).1.len();
        }
    }
}

/// The rows of `table` right after the event at `at`, which is at or before the statement's head. What they
/// take is added to `reservation`, for as long as the caller keeps them.
pub(super) async fn rows_at(
    world: &World,
    table: Table,
    at: Position,
    reservation: &mut MemoryReservation,
) -> Result<Arc<Rows>> {
    if let Some(rows) = world.past.get((table, at)) {
        return Ok(rows);
    }
    let mut rows = alive(world, table, at, reservation).await?;
    if table == Table::Tasks {
        let mut graphs = alive(world, Table::TaskGraph, at, reservation).await?.into_iter().peekable();
        for (key, entry) in &mut rows {
            while graphs.next_if(|(other, _)| other < key).is_some() {}
            if let Some((_, graph)) = graphs.next_if(|(other, _)| other == key) {
                entry.graph = graph_of(&graph);
            }
        }
    }
    let rows = Arc::new(Rows::from_sorted(rows));
    world.past.put((table, at), &rows);
    Ok(rows)
}

/// What a row of the table beside `tasks` says.
pub(super) fn graph_of(entry: &Entry) -> TaskGraph {
    match entry.version.row {
        Row::TaskGraph(graph) => graph,
        _ => TaskGraph::default(),
    }
}

/// Versions alive at `at`, in order of key.
async fn alive(
    world: &World,
    table: Table,
    at: Position,
    reservation: &mut MemoryReservation,
) -> Result<Vec<(Text, Entry)>> {
    let mut ended = Vec::new();
    closed(world, table, at, reservation, |closed| {
        if closed.version.from.position <= at {
            ended.push((closed.key, Entry::new(closed.version)));
        }
    })
    .await?;
    ended.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
    let still = world.current.rows(table);
    reservation.try_grow(still.len() * size_of::<(Text, Entry)>())?;
    let mut alive = Vec::with_capacity(ended.len() + still.len());
    let mut ended = ended.into_iter().peekable();
    for (key, entry) in still.iter().filter(|(_, entry)| entry.version.from.position <= at) {
        while let Some(earlier) = ended.next_if(|(other, _)| other < key) {
            alive.push(earlier);
        }
        alive.push((key.clone(), Entry::new(entry.version.clone())));
    }
    alive.extend(ended);
    Ok(alive)
}

/// Every version that ended after `ended_after` and up to the statement's head, in order of its end. Memory
/// is reserved for each, so whoever keeps them all meets the query's limit and not the machine's.
pub(super) async fn closed(
    world: &World,
    table: Table,
    ended_after: Position,
    reservation: &mut MemoryReservation,
    mut each: impl FnMut(ClosedVersion<Row>),
) -> Result<()> {
    let head = head(&world.current);
    let mut bytes = 0;
    for (nth, version) in world.reader.history(table.id(), ended_after).enumerate() {
        let version = version.map_err(read_error)?;
        if version.to_position > head {
            break;
        }
        bytes += ROW_BYTES + text_bytes(&version.version.row);
        each(version);
        if nth % ROWS_PER_TURN == ROWS_PER_TURN - 1 {
            reservation.try_grow(std::mem::take(&mut bytes))?;
            tokio::task::yield_now().await;
        }
    }
    reservation.try_grow(bytes)
}

fn head(current: &Current) -> Position {
    current.head.position
}

/// Bytes of the long texts of a row.
fn text_bytes(row: &Row) -> usize {
    let length = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.len());
    match row {
        Row::Task(row) => row.title.len() + length(&row.intent) + row.metadata.len(),
        Row::TaskGraph(_) | Row::Lease(_) => 0,
        Row::Run(row) => length(&row.failure_message) + length(&row.output),
        Row::Relationship(row) => row.metadata.len(),
        Row::ProgressItem(row) => row.content.len(),
        Row::Context(row) => row.content.len() + row.metadata.len(),
        Row::Agent(row) => row.name.len() + row.metadata.len(),
    }
}
