//! The past: any table as it was at any moment. What that costs follows from the size of the table, not of its history.
//!
//! Each column of a table is a [timeline](timeline) of its own: what it said of a row changes far more rarely
//! than the row does. The columns of a table are read from the store when one is first asked for (once through its
//! versions; those of JSON by themselves), and from then on only what is new. So what nobody asks costs nothing, neither on the way in nor
//! when the server starts, and everything here can be dropped at any time.
//!
//! Rows asked for by key are found by their [lives](lives), and read from the store [one by one](few).

mod column;
mod depths;
mod few;
mod keys;
mod lives;
mod moment;
mod table;
mod timeline;
mod words;

pub(crate) use few::{Few, Found, Needs};
pub(crate) use lives::Life;
pub(crate) use moment::TableAt;

use crate::plan::{AsOf, KEY};
use crate::scan::{World, read_error};
use crate::tables::of_rows;
use crate::tables::tasks::{self, place};
use crate::types::Type;
use crate::views::Entry;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use domain::rows::Table;
use std::sync::Arc;
use store::Position;
use table::TablePast;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// The number of a row: rows are numbered as they appear and keep their number for ever.
pub(crate) type Slot = u32;

/// What is kept of a task after the columns of its table.
const HIDDEN: [Type; 2] = [Type::Bool; 2];

/// Whether the rule that watches its blockers blocked it: place of the first of [`HIDDEN`].
pub(crate) const BLOCKED_BY_RULE: usize = tasks::SCHEMA.columns.len();

/// Whether it is held back though it is open: place of the second.
pub(crate) const HELD: usize = BLOCKED_BY_RULE + 1;

/// Events that the past of a table is read on by on the caller's own thread: some of these changed the table, each of
/// them costs a few µs.
const EVENTS_AT_ONCE_MAX: u64 = 256;

/// Values of columns that are put together on the caller's own thread: a millisecond or two, and some 8 MB.
const VALUES_AT_ONCE_MAX: usize = 1 << 20;

/// Every table through time.
#[derive(Debug)]
pub(crate) struct Past {
    /// By the table's number.
    tables: Vec<Arc<RwLock<TablePast>>>,
    bytes_max: usize,
}

impl Past {
    /// Of a store that nobody asked about yet. More than `bytes_max` bytes are not kept: columns that were not asked
    /// for the longest are dropped, and read again when somebody asks.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let tables = Table::ALL.into_iter().map(|table| Arc::new(RwLock::new(empty(table))));
        Self { tables: tables.collect(), bytes_max }
    }

    /// Bytes that it takes; what is being read at this moment is not among them.
    pub(crate) fn bytes(&self) -> usize {
        self.tables.iter().filter_map(|past| past.try_read().ok()).map(|past| past.bytes()).sum()
    }

    /// A table at a moment, with those columns (places in its schema; for tasks [`BLOCKED_BY_RULE`] and [`HELD`] too).
    /// What it takes is added to `reservation`, for as long as the caller keeps it.
    pub(crate) async fn at(
        world: &World,
        table: Table,
        at: AsOf,
        columns: impl IntoIterator<Item = usize>,
        reservation: &mut MemoryReservation,
    ) -> Result<TableAt> {
        let is_deep = |column: &usize| table == Table::Tasks && tasks::DEEP.contains(column);
        let (deep, mut columns): (Vec<usize>, Vec<usize>) = columns.into_iter().partition(is_deep);
        if !deep.is_empty() {
            columns.extend([place::PRIORITY, place::CREATED_AT, place::STATUS, place::ARCHIVED_AT]);
        }
        // Keys are kept by themselves.
        columns.retain(|column| *column != KEY);
        columns.sort_unstable();
        columns.dedup();
        let mut found = Self::kept_at(world, table, at, &columns, reservation).await?;
        if !deep.is_empty() {
            let edges = Self::kept_at(world, Table::Relationships, at, &depths::COLUMNS, reservation).await?;
            found.depths = Some(depths::of(&found, &edges));
        }
        Ok(found)
    }

    /// The depth of each of these tasks at a moment.
    pub(crate) async fn depths(
        world: &World,
        at: AsOf,
        tasks: impl Iterator<Item = &str>,
        reservation: &mut MemoryReservation,
    ) -> Result<Vec<u32>> {
        let then = Self::at(world, Table::Tasks, at, [place::DEPENDENCY_DEPTH], reservation).await?;
        Ok(tasks.map(|task| then.slot(task).map_or(0, |slot| then.depth(slot))).collect())
    }

    /// The same without waiting and without depths, if that is little work: none if there is much to read, or the
    /// columns are long.
    pub(crate) fn at_once(world: &World, table: Table, at: AsOf, columns: &[usize]) -> Option<TableAt> {
        debug_assert!(table != Table::Tasks || !columns.iter().any(|column| tasks::DEEP.contains(column)));
        let columns: Vec<usize> = columns.iter().copied().filter(|column| *column != KEY).collect();
        let past = Self::reaching_at_once(world, table, &columns, at.position)?;
        let is_little = past.slots() * (1 + columns.len()) <= VALUES_AT_ONCE_MAX;
        is_little.then(|| past.at(at.position, at.time, &columns))
    }

    async fn kept_at(
        world: &World,
        table: Table,
        at: AsOf,
        columns: &[usize],
        reservation: &mut MemoryReservation,
    ) -> Result<TableAt> {
        let past = Self::reaching(world, table, columns, at.position).await?;
        reservation.try_grow(past.bytes_at(columns))?;
        Ok(past.at(at.position, at.time, columns))
    }

    /// The row of a key as it was after the event at `position`. What stands beside a task is not with it.
    pub(crate) async fn row(
        world: &World,
        table: Table,
        key: &str,
        position: Position,
    ) -> Result<Option<Entry>> {
        if let Some(entry) = few::unchanged(world, table, key, position) {
            return Ok(Some(entry.clone()));
        }
        let past = Self::reaching(world, table, &[], world.current.head.position).await?;
        past.row(world, key, position).map_err(read_error)
    }

    /// The past of a table, read as far as needed. Reading goes on if the statement is given up meanwhile: the
    /// next one has it then.
    async fn reaching(
        world: &World,
        table: Table,
        columns: &[usize],
        position: Position,
    ) -> Result<OwnedRwLockReadGuard<TablePast>> {
        let of_table = &world.past.tables[usize::from(table.id()) - 1];
        let past = of_table.clone().read_owned().await;
        if past.reaches(columns, position) {
            return Ok(past);
        }
        drop(past);
        let mut past = of_table.clone().write_owned().await;
        if !past.reaches(columns, position) {
            let (reading, columns) = (world.clone(), columns.to_vec());
            let read = tokio::task::spawn_blocking(move || {
                let read = past.advance(&reading, &columns);
                match read {
                    Ok(()) => reading.past.make_room(&mut past, table),
                    // What was half read is not kept.
                    Err(_) => *past = empty(table),
                }
                (past, read)
            });
            let (advanced, read) = read.await.map_err(|error| DataFusionError::External(Box::new(error)))?;
            read.map_err(read_error)?;
            past = advanced;
        }
        Ok(past.downgrade())
    }

    /// The same without waiting: none if somebody is reading it on, or there is much to read.
    fn reaching_at_once(
        world: &World,
        table: Table,
        columns: &[usize],
        position: Position,
    ) -> Option<OwnedRwLockReadGuard<TablePast>> {
        let of_table = &world.past.tables[usize::from(table.id()) - 1];
        let past = of_table.clone().try_read_owned().ok()?;
        if past.reaches(columns, position) {
            return Some(past);
        }
        if world.current.head.position.0 - past.known(columns)?.0 > EVENTS_AT_ONCE_MAX {
            return None;
        }
        drop(past);
        let mut past = of_table.clone().try_write_owned().ok()?;
        match past.advance(world, columns) {
            Ok(()) => world.past.make_room(&mut past, table),
            Err(_) => {
                // Whoever reads it next is told.
                *past = empty(table);
                return None;
            }
        }
        Some(past.downgrade())
    }

    /// Drops columns until what is kept is within its bound, or nothing is left but what is in use.
    fn make_room(&self, held: &mut TablePast, table: Table) {
        let others = || self.tables.iter().enumerate().filter(|(nth, _)| *nth + 1 != usize::from(table.id()));
        let busy = |past: &Arc<RwLock<TablePast>>| past.try_read().map_or(0, |past| past.bytes());
        let mut total = held.bytes() + others().map(|(_, past)| busy(past)).sum::<usize>();
        while total > self.bytes_max {
            let before = held.bytes();
            if held.forget_a_column() {
                total -= before - held.bytes();
                continue;
            }
            let freed = others().find_map(|(_, past)| {
                let mut past = past.try_write().ok()?;
                let before = past.bytes();
                past.forget_a_column().then(|| before - past.bytes())
            });
            match freed {
                Some(freed) => total -= freed,
                None => return,
            }
        }
    }
}

fn empty(table: Table) -> TablePast {
    TablePast::new(of_rows(table), table)
}
