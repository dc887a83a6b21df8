//! The rows of a table as they were: those that have not changed since, and those that ended since.

use super::{ROWS_PER_TURN, World, read_error};
use crate::views::{Depths, Entry, RowChunk, Rows};
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

/// Past moments whose depths are kept.
const CACHED_DEPTHS_MAX: usize = 8;

/// Depths of one moment that are kept, at most.
const CACHED_DEPTHS_TASKS_MAX: usize = CACHED_ROWS_MAX;

/// A table at a position.
type Moment = (Table, Position);

/// The last few past moments that were asked for. What was at a position never changes, so nothing here
/// grows stale.
#[derive(Debug, Default)]
pub(crate) struct PastCache {
    /// Least recently used first.
    kept: Mutex<Vec<(Moment, Arc<Rows>)>>,
    /// The same of depths.
    depths: Mutex<Vec<(Position, Arc<Depths>)>>,
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

    fn depths(&self, at: Position) -> Option<Arc<Depths>> {
        let mut kept = self.depths.lock();
        let place = kept.iter().position(|(other, _)| *other == at)?;
        let found = kept.remove(place);
        let depths = found.1.clone();
        kept.push(found);
        Some(depths)
    }

    fn put_depths(&self, at: Position, depths: &Arc<Depths>) {
        if depths.len() > CACHED_DEPTHS_TASKS_MAX {
            return;
        }
        let mut kept = self.depths.lock();
        kept.retain(|(other, _)| *other != at);
        kept.push((at, depths.clone()));
        if kept.len() > CACHED_DEPTHS_MAX {
            kept.remove(0);
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
    let differences = Differences::since(world, table, at, reservation).await?;
    let mut rows = differences.undo(world.current.rows(table), reservation)?;
    if table == Table::Tasks {
        let of_graphs = Differences::since(world, Table::TaskGraph, at, reservation).await?;
        let graphs = of_graphs.undo(world.current.rows(Table::TaskGraph), reservation)?;
        for key in differences.keys().chain(of_graphs.keys()) {
            let graph = graphs.row(key).map_or_else(TaskGraph::default, |(_, entry)| graph_of(entry));
            rows.update(|other| other.cmp(key), |task| task.graph = graph);
        }
    }
    let rows = Arc::new(rows);
    world.past.put((table, at), &rows);
    Ok(rows)
}

/// How deep work was stacked on each task right after the event at `at`.
pub(super) async fn depths_at(
    world: &World,
    at: Position,
    reservation: &mut MemoryReservation,
) -> Result<Arc<Depths>> {
    if let Some(depths) = world.past.depths(at) {
        return Ok(depths);
    }
    let relationships = rows_at(world, Table::Relationships, at, reservation).await?;
    let tasks = rows_at(world, Table::Tasks, at, reservation).await?;
    let depths = Arc::new(Depths::of(&relationships, &tasks));
    reservation.try_grow(depths.len() * size_of::<(Text, u32)>())?;
    world.past.put_depths(at, &depths);
    Ok(depths)
}

/// What a row of the table beside `tasks` says.
pub(super) fn graph_of(entry: &Entry) -> TaskGraph {
    match entry.version.row {
        Row::TaskGraph(graph) => graph,
        _ => TaskGraph::default(),
    }
}

/// In what a table at a moment differs from the same table at the statement's head.
struct Differences {
    /// Rows that were, and are no more as they were. In order of key.
    then: Vec<(Text, Entry)>,
    /// Keys of rows that have become what they are since. In order.
    since: Vec<Text>,
}

/// Of so many rows one may differ for the past to be made from the present, change by change; the chunks
/// without a difference are shared then, with their Arrow form. With more it is cheaper to go through all.
const SHARED_RATIO: usize = 8;

impl Differences {
    async fn since(
        world: &World,
        table: Table,
        at: Position,
        reservation: &mut MemoryReservation,
    ) -> Result<Self> {
        let mut then = Vec::new();
        closed(world, table, at, reservation, |closed| {
            let was = closed.version.from.position <= at;
            if was {
                then.push((closed.key, Entry::new(closed.version)));
            }
            was
        })
        .await?;
        then.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        let mut since = Vec::new();
        for chunk in world.current.rows(table).chunks().iter().filter(|chunk| newest(chunk) > at) {
            let later = chunk.entries().iter().filter(|(_, entry)| entry.version.from.position > at);
            since.extend(later.map(|(key, _)| key.clone()));
        }
        Ok(Self { then, since })
    }

    /// Every key in question; some twice.
    fn keys(&self) -> impl Iterator<Item = &Text> {
        self.then.iter().map(|(key, _)| key).chain(&self.since)
    }

    /// The table as it was. A task's computed part is still that of the head.
    fn undo(&self, now: &Rows, reservation: &mut MemoryReservation) -> Result<Rows> {
        if (self.then.len() + self.since.len()) * SHARED_RATIO <= now.len() {
            let mut rows = now.clone();
            for key in &self.since {
                rows.remove(|other| other.cmp(key));
            }
            for (key, entry) in &self.then {
                rows.insert(key.clone(), entry.clone());
            }
            return Ok(rows);
        }
        reservation.try_grow((now.len() + self.then.len()) * size_of::<(Text, Entry)>())?;
        let mut since = self.since.iter().peekable();
        let still = now
            .iter()
            .filter(|(key, _)| since.next_if(|later| *later == *key).is_none())
            .map(|(key, entry)| (key.clone(), entry.clone()));
        let mut then = self.then.iter().cloned().peekable();
        let mut rows = Vec::with_capacity(now.len() + self.then.len());
        for row in still {
            while let Some(earlier) = then.next_if(|(key, _)| *key < row.0) {
                rows.push(earlier);
            }
            rows.push(row);
        }
        rows.extend(then);
        Ok(Rows::from_sorted(rows))
    }
}

/// Position of the newest version in a chunk.
fn newest(chunk: &RowChunk) -> Position {
    let positions = || chunk.entries().iter().map(|(_, entry)| entry.version.from.position);
    chunk.derived().newest(|| positions().max().unwrap_or_default())
}

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

#[cfg(test)]
mod test {
    use super::*;

    fn rows(count: usize) -> Arc<Rows> {
        let from = Arc::new(store::Stamp {
            position: Position(1),
            time: store::Timestamp(0),
            event_id: store::EventId(0),
            kind: "K".into(),
            actor: None,
        });
        let entry =
            |_| Entry::new(store::Version { row: Row::TaskGraph(TaskGraph::default()), from: from.clone() });
        Arc::new(Rows::from_sorted((0..count).map(|nth| (Text::from(format!("{nth:09}")), entry(nth)))))
    }

    #[test]
    fn the_cache_is_bounded_by_rows_and_by_tables() {
        let cache = PastCache::default();
        let at = |position: u64| (Table::Tasks, Position(position));
        let half = rows(CACHED_ROWS_MAX / 2);
        cache.put(at(1), &half);
        cache.put(at(2), &half);
        assert!(cache.get(at(1)).is_some() && cache.get(at(2)).is_some());
        // The one that was used least recently goes.
        cache.put(at(3), &rows(1));
        assert!(cache.get(at(1)).is_none() && cache.get(at(2)).is_some() && cache.get(at(3)).is_some());
        // What alone is past the bound is not kept, and pushes nothing out.
        cache.put(at(4), &rows(CACHED_ROWS_MAX + 1));
        assert!(cache.get(at(4)).is_none() && cache.get(at(2)).is_some());
        let one = rows(1);
        let many = 100..100 + CACHED_TABLES_MAX as u64;
        many.clone().for_each(|position| cache.put(at(position), &one));
        assert!(many.clone().all(|position| cache.get(at(position)).is_some()));
        assert!(cache.get(at(2)).is_none() && cache.get(at(3)).is_none());
    }
}
