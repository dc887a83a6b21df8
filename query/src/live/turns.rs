//! What commits changed in one table: from the newest commits in memory, or from the versions in the store.
//!
//! Either way a stretch of the log is known as the turns that each row took in it. A row at a position is then its turn
//! before that position, or what it was before its first turn, or, if it took none, what it is now.

use super::query::Seen;
use crate::views::Current;
use domain::rows::{Row, Table, TaskGraph};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Commit, CommitSpan, Position, ReadError, Reader, Text, Timestamp};

/// Changes of one stretch that is read from the store: what is remembered of each is its place. Who has missed more begins
/// anew.
pub(super) const TURNS_MAX: usize = 1_000_000;

/// What one commit did to a table.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Turned {
    /// Position of its last event.
    pub(super) last: Position,
    /// Its time.
    pub(super) time: Timestamp,
    /// Rows that changed, in order of key, each once.
    pub(super) rows: Vec<RowStep>,
}

/// A row before a commit and after it.
#[derive(Debug, PartialEq)]
pub(super) struct RowStep {
    pub(super) key: Text,
    pub(super) before: Option<Seen>,
    pub(super) after: Option<Seen>,
}

/// Why a stretch cannot be had.
#[derive(Debug)]
pub(super) enum Missed {
    /// There are more than [`TURNS_MAX`] changes in it.
    TooMany,
    Unreadable(ReadError),
}

impl From<ReadError> for Missed {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) table: Table,
    /// With what stands beside tasks.
    pub(super) graphs: bool,
    /// Commits that change no row too.
    pub(super) every: bool,
}

/// The commits after one position and up to another. It holds no reader, which would keep old data on disk: what it asks of the
/// store never changes, so whoever goes on with it brings one.
pub(super) struct Stretch {
    wanted: Wanted,
    /// The rows at its end; not there if no row needs it.
    current: Option<Arc<Current>>,
    /// Of the table, and of what stands beside it.
    rows: Turns,
    graphs: Turns,
    /// Every change, in order of position: which slot of which.
    order: Vec<(Position, bool, Slot)>,
    /// How many of them were given.
    given: usize,
    done: Position,
    upto: Position,
}

type Slot = u32;

/// The turns that the rows of a table took.
#[derive(Debug)]
struct Turns {
    table: Table,
    slots: FxHashMap<Text, Slot>,
    of: Vec<RowTurns>,
}

#[derive(Debug)]
struct RowTurns {
    key: Text,
    /// What it was before the first.
    before: Known,
    /// In order of position.
    turns: Vec<(Position, Known)>,
}

/// What is known of a row between two turns.
#[derive(Debug, Clone)]
enum Known {
    Row(Row),
    /// There was none.
    Nothing,
    /// The version that the next turn ended, or that is there now.
    Stored,
}

impl Turns {
    fn new(table: Table) -> Self {
        Self { table, slots: FxHashMap::default(), of: Vec::new() }
    }

    fn slot(&mut self, key: &Text, before: Known) -> Slot {
        if let Some(&slot) = self.slots.get(key) {
            return slot;
        }
        // There are at most so many as [`TURNS_MAX`], or as are in memory.
        let slot = self.of.len() as Slot;
        self.slots.insert(key.clone(), slot);
        self.of.push(RowTurns { key: key.clone(), before, turns: Vec::new() });
        slot
    }

    /// Reads the versions that began or ended after a position, up to that of `current`.
    fn read(
        &mut self,
        reader: &Reader<Row>,
        current: &Current,
        after: Position,
        left: &mut usize,
    ) -> Result<(), Missed> {
        let upto = current.head.position;
        let mut note = |turns: &mut Self, key: &Text, at: Position, known: Known| {
            *left = left.checked_sub(1).ok_or(Missed::TooMany)?;
            let slot = turns.slot(key, Known::Stored);
            turns.of[slot as usize].turns.push((at, known));
            Ok::<(), Missed>(())
        };
        for closed in reader.history(self.table.id(), after) {
            let closed = closed?;
            if closed.to_position > upto {
                break;
            }
            if closed.version.from.position > after {
                note(self, &closed.key, closed.version.from.position, Known::Stored)?;
            }
            note(self, &closed.key, closed.to_position, Known::Nothing)?;
        }
        for chunk in current.rows(self.table).chunks() {
            for (key, entry) in chunk.entries() {
                let from = entry.version.from.position;
                if from > after {
                    note(self, key, from, Known::Stored)?;
                }
            }
        }
        for row in &mut self.of {
            // Where one version ends and the next begins, the row is not gone.
            row.turns.sort_by_key(|(at, known)| (*at, matches!(known, Known::Nothing)));
            row.turns.dedup_by_key(|(at, _)| *at);
        }
        Ok(())
    }

    /// The row of a key after the event at a position of the stretch.
    fn at(
        &self,
        key: &str,
        position: Position,
        reader: &Reader<Row>,
        current: Option<&Current>,
    ) -> Result<Option<Row>, ReadError> {
        let now = || {
            let (_, entry) = current?.rows(self.table).row(key)?;
            Some(entry.version.row.clone())
        };
        let Some(&slot) = self.slots.get(key) else { return Ok(now()) };
        let row = &self.of[slot as usize];
        let next = row.turns.partition_point(|(at, _)| *at <= position);
        let known = next.checked_sub(1).map_or(&row.before, |last| &row.turns[last].1);
        match known {
            Known::Row(row) => Ok(Some(row.clone())),
            Known::Nothing => Ok(None),
            Known::Stored => match row.turns.get(next) {
                Some((end, _)) => {
                    let ended = reader.version(self.table.id(), key, *end)?;
                    Ok(ended.map(|ended| ended.version.row))
                }
                None => Ok(now()),
            },
        }
    }
}

impl Stretch {
    fn new(wanted: Wanted, current: Option<Arc<Current>>, after: Position, upto: Position) -> Self {
        Self {
            wanted,
            current,
            rows: Turns::new(wanted.table),
            graphs: Turns::new(Table::TaskGraph),
            order: Vec::new(),
            given: 0,
            done: after,
            upto,
        }
    }

    /// The commits after `after`, if all of them are in memory, up to the head of `reader`; that of `current` is the same.
    pub(super) fn of_recent(
        wanted: Wanted,
        reader: &Reader<Row>,
        current: Option<Arc<Current>>,
        after: Position,
    ) -> Option<Self> {
        let upto = current.as_ref().map_or(reader.head().position, |current| current.head.position);
        let mut stretch = Self::new(wanted, current, after, upto);
        let mut at = after;
        while at < stretch.upto {
            let commit = reader.recent_commit(Position(at.0 + 1))?;
            at = commit.last;
            stretch.take(&commit);
        }
        Some(stretch)
    }

    fn take(&mut self, commit: &Commit<Row>) {
        for change in &commit.changes {
            let is_graph = change.table == Table::TaskGraph.id();
            let turns = match is_graph {
                true if self.wanted.graphs => &mut self.graphs,
                false if change.table == self.wanted.table.id() => &mut self.rows,
                _ => continue,
            };
            let known = |row: Option<&Row>| row.map_or(Known::Nothing, |row| Known::Row(row.clone()));
            let slot = turns.slot(&change.key, known(change.before.as_ref().map(|version| &version.row)));
            let position = change.at.position;
            turns.of[slot as usize].turns.push((position, known(change.after.as_ref())));
            self.order.push((position, is_graph, slot));
        }
    }

    /// The same from the store, up to the head of `current`.
    pub(super) fn of_store(
        wanted: Wanted,
        reader: &Reader<Row>,
        current: Arc<Current>,
        after: Position,
    ) -> Result<Self, Missed> {
        let upto = current.head.position;
        let mut stretch = Self::new(wanted, Some(current.clone()), after, upto);
        let mut left = TURNS_MAX;
        stretch.rows.read(reader, &current, after, &mut left)?;
        if wanted.graphs {
            stretch.graphs.read(reader, &current, after, &mut left)?;
        }
        for (is_graph, turns) in [(false, &stretch.rows), (true, &stretch.graphs)] {
            for (slot, row) in turns.of.iter().enumerate() {
                stretch.order.extend(row.turns.iter().map(|(at, _)| (*at, is_graph, slot as Slot)));
            }
        }
        stretch.order.sort_unstable();
        Ok(stretch)
    }

    /// The position up to which all was given.
    pub(super) fn done(&self) -> Position {
        self.done
    }

    /// Where it ends.
    pub(super) fn upto(&self) -> Position {
        self.upto
    }

    /// The rows of the table at a position of it. Reads every row.
    pub(super) fn rows_at(
        &self,
        reader: &Reader<Row>,
        position: Position,
        mut each: impl FnMut(&Text, Seen) -> Result<(), Missed>,
    ) -> Result<(), Missed> {
        let Some(current) = &self.current else { return Ok(()) };
        for (key, entry) in current.rows(self.wanted.table).iter() {
            if !self.rows.slots.contains_key(key) {
                each(
                    key,
                    Seen { row: entry.version.row.clone(), graph: self.graph(reader, key, position)? },
                )?;
            }
        }
        for row in &self.rows.of {
            if let Some(seen) = self.seen(reader, &row.key, position)? {
                each(&row.key, seen)?;
            }
        }
        Ok(())
    }

    /// What the next commit did; of those that did nothing, only if every one is wanted. None at the end.
    pub(super) fn next(&mut self, reader: &Reader<Row>) -> Result<Option<Turned>, ReadError> {
        let changed = self.order.get(self.given).map(|(position, ..)| *position);
        let position = match (changed, self.wanted.every) {
            (_, true) if self.done < self.upto => Position(self.done.0 + 1),
            (Some(position), false) => position,
            _ => {
                self.done = self.upto;
                return Ok(None);
            }
        };
        let Some(CommitSpan { first, last, time }) = reader.commit_span(position)? else {
            self.done = self.upto;
            return Ok(None);
        };
        // Somebody may begin in the middle of a commit.
        let before = Position(first.0 - 1).max(self.done);
        let mut keys: BTreeSet<Text> = BTreeSet::new();
        while let Some((_, is_graph, slot)) = self.order.get(self.given).filter(|(at, ..)| *at <= last) {
            let turns = if *is_graph { &self.graphs } else { &self.rows };
            keys.insert(turns.of[*slot as usize].key.clone());
            self.given += 1;
        }
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            let (before, after) = (self.seen(reader, &key, before)?, self.seen(reader, &key, last)?);
            if before != after {
                rows.push(RowStep { key, before, after });
            }
        }
        self.done = last;
        Ok(Some(Turned { last, time, rows }))
    }

    fn seen(&self, reader: &Reader<Row>, key: &Text, position: Position) -> Result<Option<Seen>, ReadError> {
        match self.rows.at(key, position, reader, self.current.as_deref())? {
            Some(row) => Ok(Some(Seen { row, graph: self.graph(reader, key, position)? })),
            None => Ok(None),
        }
    }

    fn graph(&self, reader: &Reader<Row>, key: &Text, position: Position) -> Result<TaskGraph, ReadError> {
        if !self.wanted.graphs {
            return Ok(TaskGraph::default());
        }
        Ok(match self.graphs.at(key, position, reader, self.current.as_deref())? {
            Some(Row::TaskGraph(graph)) => graph,
            _ => TaskGraph::default(),
        })
    }
}
