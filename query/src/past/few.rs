//! Rows of the past by key: each is found by its life and read from the store, with what stood beside it and how deep
//! work was stacked on it. What that costs follows from the rows that are asked for, not from the table.

use super::table::TablePast;
use super::{Life, Past};
use crate::scan::World;
use crate::tables::tasks;
use crate::views::{Entry, SomeDepths, Waiting, blocks, unfinished};
use datafusion::error::DataFusionError;
use domain::rows::{Row, Table, TaskGraph};
use std::cell::Cell;
use std::ops::RangeInclusive;
use store::{Position, ReadError, Text, Timestamp};
use tokio::sync::OwnedRwLockReadGuard;

/// Relationships that are looked up one by one to find how deep work was stacked. What leads further is worked out from
/// the columns of all.
const LINKS_MAX: usize = 256;

/// What of rows is wanted besides their own fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    counts: bool,
    depths: bool,
}

impl Needs {
    /// What these columns of a table need.
    pub(crate) fn of(table: Table, columns: &[usize]) -> Self {
        let any = |of: &RangeInclusive<usize>| {
            table == Table::Tasks && columns.iter().any(|column| of.contains(column))
        };
        Self { counts: any(&tasks::COUNTS), depths: any(&tasks::DEEP) }
    }

    /// The same where depths are known already.
    pub(crate) fn but_depths(table: Table, columns: &[usize]) -> Self {
        Self { depths: false, ..Self::of(table, columns) }
    }
}

/// The past of a table, known up to the statement's head, and of what its rows need. Nobody can read on for as long as
/// this is kept: let go of it before anything is waited for.
pub(crate) struct Few<'w> {
    world: &'w World,
    table: Table,
    rows: OwnedRwLockReadGuard<TablePast>,
    beside: Option<OwnedRwLockReadGuard<TablePast>>,
    relationships: Option<OwnedRwLockReadGuard<TablePast>>,
    /// Those of the moment asked for last.
    depths: Option<(Position, SomeDepths)>,
    links_left: usize,
}

impl<'w> Few<'w> {
    /// Reads on what is not known yet.
    pub(crate) async fn of(world: &'w World, table: Table, needs: Needs) -> Result<Self, DataFusionError> {
        let head = world.current.head.position;
        let beside = match needs.counts {
            true => Some(Past::reaching(world, Table::TaskGraph, &[], head).await?),
            false => None,
        };
        let relationships = match needs.depths {
            true => Some(Past::reaching(world, Table::Relationships, &[], head).await?),
            false => None,
        };
        let rows = Past::reaching(world, table, &[], head).await?;
        Ok(Self { world, table, rows, beside, relationships, depths: None, links_left: LINKS_MAX })
    }

    /// The same without waiting: none if there is much to read.
    pub(crate) fn at_once(world: &'w World, table: Table, needs: Needs) -> Option<Self> {
        let reaching = |table| Past::reaching_at_once(world, table, &[], world.current.head.position);
        let beside = if needs.counts { Some(reaching(Table::TaskGraph)?) } else { None };
        let relationships = if needs.depths { Some(reaching(Table::Relationships)?) } else { None };
        let rows = reaching(table)?;
        Some(Self { world, table, rows, beside, relationships, depths: None, links_left: LINKS_MAX })
    }

    /// The row of a key as it was after the event at `position`, with all that was wanted of it.
    pub(crate) fn row(&mut self, key: &str, position: Position) -> Result<Option<Found>, ReadError> {
        match self.rows.row(self.world, key, position)? {
            Some(entry) => Ok(Some(self.found(key, entry, position, None)?)),
            None => Ok(None),
        }
    }

    fn found(&mut self, key: &str, entry: Entry, position: Position, to: End) -> Result<Found, ReadError> {
        let entry = self.with_beside(key, entry, position)?;
        let depth = match &entry.version.row {
            Row::Task(task) => self.depth(&task.id, position)?,
            _ => Some(0),
        };
        Ok(Found { entry, depth, to })
    }

    fn with_beside(&self, key: &str, mut entry: Entry, position: Position) -> Result<Entry, ReadError> {
        if let Some(beside) = &self.beside {
            entry.graph = match beside.row(self.world, key, position)?.map(|beside| beside.version.row) {
                Some(Row::TaskGraph(graph)) => graph,
                _ => TaskGraph::default(),
            };
        }
        Ok(entry)
    }

    /// The versions of a row up to the statement's head, last first.
    pub(crate) fn lives(&self, key: &str) -> impl Iterator<Item = Life> {
        let head = self.world.current.head.position;
        let upto_head = self.rows.lives(key).filter(move |life| life.from <= head);
        upto_head.map(move |life| Life { to: life.to.filter(|to| *to <= head), ..life })
    }

    /// The version of a row that lived so, with all that was wanted of it as it was at its beginning.
    pub(crate) fn version(&mut self, key: &str, life: Life) -> Result<Option<Found>, ReadError> {
        match version(self.world, self.table, key, life)? {
            Some((entry, to)) => Ok(Some(self.found(key, entry, life.from, to)?)),
            None => Ok(None),
        }
    }

    /// How deep work was stacked on a task; zero where that was not wanted, none if it leads too far.
    fn depth(&mut self, task: &Text, position: Position) -> Result<Option<u32>, ReadError> {
        let Some(relationships) = &self.relationships else { return Ok(Some(0)) };
        if self.depths.as_ref().is_none_or(|(at, _)| *at != position) {
            self.depths = Some((position, SomeDepths::default()));
        }
        let Some((_, depths)) = &mut self.depths else { return Ok(None) };
        let links_left = Cell::new(self.links_left);
        let moment = WaitingThen {
            world: self.world,
            tasks: &self.rows,
            relationships,
            position,
            links_left: &links_left,
        };
        let depth = depths.get(task, &moment);
        self.links_left = links_left.get();
        match depth {
            Ok(depth) => Ok(Some(depth)),
            Err(Lost::TooFar) => {
                // What was read in part is not what it is made of.
                self.depths = None;
                Ok(None)
            }
            Err(Lost::Unreadable(error)) => Err(error),
        }
    }
}

/// The event that ended a version, if one has.
type End = Option<(Position, Timestamp)>;

/// A row of the past.
pub(crate) struct Found {
    pub(crate) entry: Entry,
    /// How deep work was stacked on it, if it is a task; none where that led too far to be looked up.
    pub(crate) depth: Option<u32>,
    /// For a version: the event that ended it, if one has.
    pub(crate) to: End,
}

/// Why a depth was not found.
enum Lost {
    TooFar,
    Unreadable(ReadError),
}

impl From<ReadError> for Lost {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

/// Who waited for whom at a moment.
struct WaitingThen<'a> {
    world: &'a World,
    tasks: &'a TablePast,
    relationships: &'a TablePast,
    position: Position,
    links_left: &'a Cell<usize>,
}

impl Waiting for WaitingThen<'_> {
    type Error = Lost;

    fn waiting(&self, task: &Text, found: &mut Vec<Text>) -> Result<(), Lost> {
        for edge in self.relationships.ever_from(task) {
            self.links_left.set(self.links_left.get().checked_sub(1).ok_or(Lost::TooFar)?);
            let Some(row) = self.relationships.row(self.world, edge, self.position)? else { continue };
            if let Some(edge) = blocks(&row.version.row)
                && edge.from_task_id == *task
                && let Some(waiting) = self.tasks.row(self.world, &edge.to_task_id, self.position)?
                && unfinished(&waiting.version.row).is_some()
            {
                found.push(edge.to_task_id.clone());
            }
        }
        Ok(())
    }
}

impl TablePast {
    /// The row of a key as it was after the event at `position`; known up to the statement's head.
    pub(super) fn row(
        &self,
        world: &World,
        key: &str,
        position: Position,
    ) -> Result<Option<Entry>, ReadError> {
        if let Some(entry) = unchanged(world, self.table(), key, position) {
            return Ok(Some(entry.clone()));
        }
        let Some(life) = self.life(key, position) else { return Ok(None) };
        Ok(version(world, self.table(), key, life)?.map(|(entry, _)| entry))
    }
}

/// A row that has not changed since that event: it needs no look at its life.
pub(super) fn unchanged<'w>(
    world: &'w World,
    table: Table,
    key: &str,
    position: Position,
) -> Option<&'w Entry> {
    let (_, entry) = world.current.rows(table).row(key)?;
    (entry.version.from.position <= position).then_some(entry)
}

/// The version of a row that lived so, and the event that ended it: one that was current at the statement's head is
/// there, one that had ended is in the store.
fn version(world: &World, table: Table, key: &str, life: Life) -> Result<Option<(Entry, End)>, ReadError> {
    let head = world.current.head.position;
    Ok(match life.to.filter(|to| *to <= head) {
        Some(to) => {
            let closed = world.reader.version(table.id(), key, to)?;
            closed.map(|it| (Entry::new(it.version), Some((to, it.to_time))))
        }
        None => world.current.rows(table).row(key).map(|(_, entry)| (entry.clone(), None)),
    })
}
