//! The past of one table: what is kept of it, and how it is read from the store.

use super::Slot;
use super::column::Column;
use super::keys::Keys;
use super::lives::{Life, Lives};
use super::moment::TableAt;
use super::timeline::Timeline;
use super::{BLOCKED_BY_RULE, HELD, HIDDEN};
use crate::scan::World;
use crate::tables::{Fields, RowFields, TableSchema, tasks};
use crate::types::Type;
use crate::value::Value;
use crate::views::RowChunk;
use domain::rows::{Row, Table, TaskGraph};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use store::{Position, ReadError, Stamp, Text, Timestamp};

/// A table through time: which rows there were, and what their columns said. All columns are read together when
/// one of them is asked for first, but those of JSON, which are large and seldom asked for; from then on what is
/// new is read when somebody asks.
#[derive(Debug)]
pub(super) struct TablePast {
    schema: &'static TableSchema,
    table: Table,
    /// Shared with whoever reads a moment; copied if rows come while somebody does.
    keys: Arc<Keys>,
    alive: Timeline<bool>,
    lives: Lives,
    /// For relationships: those that ever went out from a task.
    from: EverFrom,
    /// What `alive` and `lives` know of.
    upto: Position,
    columns: Vec<Kept>,
    /// How often something was asked for.
    asked: u64,
}

#[derive(Debug)]
struct Kept {
    ty: Type,
    of: Column,
    /// [`Position::ZERO`] when nothing is known of it.
    upto: Position,
    /// When it was last asked for, by the count of [`TablePast::asked`].
    asked: u64,
    /// Read only when somebody asks for it.
    is_lazy: bool,
}

impl Kept {
    fn new(ty: Type) -> Self {
        Self { ty, of: Column::new(ty), upto: Position::ZERO, asked: 0, is_lazy: ty == Type::Json }
    }
}

/// Going once through the versions that began or ended after a position.
#[derive(Debug)]
struct Pass {
    source: Table,
    from: Position,
    /// Whether it is for `alive` and `lives` too.
    rows: bool,
    columns: Vec<usize>,
    /// Ends of versions that none has followed yet.
    ends: FxHashMap<Slot, Position>,
    /// When events were that it meets.
    times: Times,
}

/// Positions and times of events, of each time little more than the first and the last.
#[derive(Debug, Default)]
struct Times {
    /// Of ends, in order.
    ends: Vec<(Position, Timestamp)>,
    /// Of new rows, in any order.
    births: Vec<(Position, Timestamp)>,
}

impl Times {
    /// The position after all that were noted so.
    fn end(&mut self, position: Position, time: Timestamp) {
        match &mut self.ends[..] {
            [.., (_, before), (last, of)] if *before == time && *of == time => *last = position,
            _ => self.ends.push((position, time)),
        }
    }

    fn told(mut self, world: &World) {
        self.births.sort_unstable();
        world.reader.learn_times(self.ends);
        world.reader.learn_times(self.births);
    }
}

/// Relationships by the task they go out from, those that are gone among them.
#[derive(Debug, Default)]
struct EverFrom {
    by_task: FxHashMap<Text, Vec<Slot>>,
    count: usize,
}

impl EverFrom {
    fn note(&mut self, task: &Text, slot: Slot) {
        if self.of(task).contains(&slot) {
            return;
        }
        self.count += 1;
        self.by_task.entry(task.clone()).or_default().push(slot);
    }

    fn of(&self, task: &str) -> &[Slot] {
        self.by_task.get(task).map_or(&[], Vec::as_slice)
    }

    /// Bytes it takes, about: lists grow by doubling.
    fn bytes(&self) -> usize {
        self.by_task.capacity() * (size_of::<(Text, Vec<Slot>)>() + 1) + 2 * self.count * size_of::<Slot>()
    }
}

impl TablePast {
    pub(super) fn new(schema: &'static TableSchema, table: Table) -> Self {
        let hidden = if table == Table::Tasks { &HIDDEN[..] } else { &[] };
        let types = schema.columns.iter().map(|column| column.ty).chain(hidden.iter().copied());
        let mut columns: Vec<Kept> = types.map(Kept::new).collect();
        if let Some(key) = columns.first_mut() {
            // Keys are kept by themselves.
            key.is_lazy = true;
        }
        Self {
            schema,
            table,
            keys: Arc::default(),
            alive: Timeline::default(),
            lives: Lives::default(),
            from: EverFrom::default(),
            upto: Position::ZERO,
            columns,
            asked: 0,
        }
    }

    /// Whether the rows and those columns are known up to a position.
    pub(super) fn reaches(&self, columns: &[usize], position: Position) -> bool {
        self.upto >= position && columns.iter().all(|column| self.columns[*column].upto >= position)
    }

    /// How far both the rows and those columns are known; none if one of them is not known at all.
    pub(super) fn known(&self, columns: &[usize]) -> Option<Position> {
        let columns = columns.iter().map(|column| self.columns[*column].upto);
        columns.chain([self.upto]).min().filter(|known| *known > Position::ZERO)
    }

    /// Reads on to the head of `world`: the rows, those columns, and the columns that stand where they stand.
    pub(super) fn advance(&mut self, world: &World, wanted: &[usize]) -> Result<(), ReadError> {
        self.asked += 1;
        for column in wanted {
            self.columns[*column].asked = self.asked;
        }
        while let Some(pass) = self.next_pass(self.table, world.current.head.position, wanted) {
            self.pass(world, pass)?;
        }
        if self.table == Table::Tasks {
            while let Some(pass) = self.next_pass(Table::TaskGraph, world.current.head.position, wanted) {
                self.pass(world, pass)?;
            }
        }
        Arc::make_mut(&mut self.keys).settle();
        Ok(())
    }

    /// What is furthest behind of what is wanted, with all that is as far.
    fn next_pass(&self, source: Table, head: Position, wanted: &[usize]) -> Option<Pass> {
        let own = source == self.table;
        let behind = wanted
            .iter()
            .filter(|column| self.source(**column) == source)
            .map(|column| self.columns[*column].upto)
            .chain(own.then_some(self.upto));
        let from = behind.min().filter(|from| *from < head)?;
        let goes_along = |(place, column): &(usize, &Kept)| {
            let is_read = column.upto > Position::ZERO || !column.is_lazy || wanted.contains(place);
            self.source(*place) == source && column.upto == from && is_read
        };
        let columns = self.columns.iter().enumerate().filter(goes_along).map(|(place, _)| place).collect();
        let rows = own && self.upto == from;
        Some(Pass { source, from, rows, columns, ends: FxHashMap::default(), times: Times::default() })
    }

    /// The table of the model that a column comes from.
    fn source(&self, column: usize) -> Table {
        match self.table {
            Table::Tasks if tasks::COUNTS.contains(&column) || column == HELD => Table::TaskGraph,
            table => table,
        }
    }

    fn pass(&mut self, world: &World, mut pass: Pass) -> Result<(), ReadError> {
        let head = world.current.head.position;
        // Ended ones come in the order of their ends: those of one row one after another.
        for closed in world.reader.history(pass.source.id(), pass.from) {
            let closed = closed?;
            if closed.to_position > head {
                break;
            }
            let slot = self.slot(&closed.key, &closed.version.from, &mut pass);
            let from = closed.version.from.position;
            if from > pass.from {
                self.began(&mut pass, slot, from, &closed.version.row);
            }
            pass.ends.insert(slot, closed.to_position);
            pass.times.end(closed.to_position, closed.to_time);
        }
        let since = pass.from;
        for chunk in world.current.rows(pass.source).chunks().iter().filter(|chunk| newest(chunk) > since) {
            for (key, entry) in chunk.entries() {
                let from = entry.version.from.position;
                if from > since {
                    let slot = self.slot(key, &entry.version.from, &mut pass);
                    self.began(&mut pass, slot, from, &entry.version.row);
                }
            }
        }
        for (slot, end) in std::mem::take(&mut pass.ends) {
            self.ended(&pass, slot, end);
        }
        std::mem::take(&mut pass.times).told(world);
        if pass.rows {
            self.alive.settle();
            self.upto = head;
        }
        for column in &pass.columns {
            let column = &mut self.columns[*column];
            column.of.settle();
            column.upto = head;
        }
        Ok(())
    }

    /// The slot of a row one of whose versions that event began.
    fn slot(&mut self, key: &Text, from: &Stamp, pass: &mut Pass) -> Slot {
        self.keys.known(key).unwrap_or_else(|| {
            pass.times.births.push((from.position, from.time));
            Arc::make_mut(&mut self.keys).slot(key)
        })
    }

    fn began(&mut self, pass: &mut Pass, slot: Slot, at: Position, row: &Row) {
        if let Some(end) = pass.ends.remove(&slot).filter(|end| *end < at) {
            self.ended(pass, slot, end);
        }
        if pass.rows {
            self.alive.note(at.0, slot, true);
            self.lives.turn(slot, at, false);
            if let Row::Relationship(row) = row {
                self.from.note(&row.from_task_id, slot);
            }
        }
        // No computed column is kept, so what they are made of does not matter.
        let graph = TaskGraph::default();
        let fields = RowFields::of(row, &graph, 0, Timestamp(0));
        for &column in &pass.columns {
            let value = match (row, &fields) {
                (Row::TaskGraph(graph), _) if column == HELD => Value::Bool(graph.held),
                (Row::TaskGraph(graph), _) => tasks::count(graph, column),
                (Row::Task(task), _) if column == BLOCKED_BY_RULE => Value::Bool(task.blocked_by_rule),
                (_, Some(fields)) => fields.field(column),
                (_, None) => Value::Null,
            };
            self.columns[column].of.note(at.0, slot, &value);
        }
    }

    /// The row was gone from that position on, until it came back or for ever.
    fn ended(&mut self, pass: &Pass, slot: Slot, at: Position) {
        if pass.rows {
            self.alive.note(at.0, slot, false);
            self.lives.turn(slot, at, true);
        }
        if pass.source != self.table {
            // Nobody asks what a row said that is gone; but the task is there of which nothing is said any more.
            for &column in &pass.columns {
                self.columns[column].of.note(at.0, slot, &Value::Null);
            }
        }
    }

    /// The table after the event at `position`, with those columns.
    pub(super) fn at(&self, position: Position, now: Timestamp, wanted: &[usize]) -> TableAt {
        debug_assert!(self.reaches(wanted, position), "advance comes first");
        let slots = self.keys.len();
        let mut columns: Vec<_> = self.columns.iter().map(|_| None).collect();
        for &column in wanted {
            columns[column] = Some(self.columns[column].of.at(position.0, slots));
        }
        TableAt {
            schema: self.schema,
            keys: self.keys.clone(),
            alive: self.alive.at(position.0, slots),
            columns,
            depths: None,
            now,
        }
    }

    /// Bytes that [`TablePast::at`] takes.
    pub(super) fn bytes_at(&self, wanted: &[usize]) -> usize {
        self.keys.len() * (1 + wanted.len() * size_of::<i64>())
    }

    /// The table of the model it is of.
    pub(super) fn table(&self) -> Table {
        self.table
    }

    /// How many rows there ever were.
    pub(super) fn slots(&self) -> usize {
        self.keys.len()
    }

    /// Of relationships: keys of those that ever went out from a task.
    pub(super) fn ever_from(&self, task: &str) -> impl Iterator<Item = &Text> {
        self.from.of(task).iter().map(|slot| &self.keys.all()[*slot as usize])
    }

    /// The version of a row that was alive after the event at `position`.
    pub(super) fn life(&self, key: &str, position: Position) -> Option<Life> {
        self.lives.at(self.keys.known(key)?, position)
    }

    /// The versions of a row, last first.
    pub(super) fn lives(&self, key: &str) -> impl Iterator<Item = Life> {
        self.keys.known(key).into_iter().flat_map(|slot| self.lives.of(slot))
    }

    /// Bytes it keeps.
    pub(super) fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(|column| column.of.bytes()).sum();
        self.keys.bytes() + self.alive.bytes() + self.lives.bytes() + self.from.bytes() + columns
    }

    /// Forgets the column that nobody asked for the longest, those of the last request left out. Tells whether
    /// there was one.
    pub(super) fn forget_a_column(&mut self) -> bool {
        let asked = self.asked;
        let kept = self.columns.iter_mut();
        let forgotten = kept.filter(|column| column.upto > Position::ZERO && column.asked < asked);
        match forgotten.min_by_key(|column| column.asked) {
            Some(column) => {
                *column = Kept { is_lazy: true, ..Kept::new(column.ty) };
                true
            }
            None => false,
        }
    }
}

/// Position of the newest version in a chunk.
fn newest(chunk: &RowChunk) -> Position {
    let positions = || chunk.entries().iter().map(|(_, entry)| entry.version.from.position);
    chunk.derived().newest(|| positions().max().unwrap_or_default())
}
