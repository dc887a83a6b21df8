//! A table at one moment: which rows there were, and what the columns that somebody asked for said.

use super::Slot;
use super::column::ColumnAt;
use super::keys::Keys;
use crate::tables::{self, Fields, TableSchema, tasks};
use crate::value::Value;
use datafusion::arrow::array::ArrayRef;
use domain::TextSet;
use domain::rows::{Class, Task, TaskGraph, TaskStatus};
use std::borrow::Cow;
use std::sync::Arc;
use store::{Text, Timestamp};
use tasks::place;

/// A table at a moment, by slot. Never changes.
#[derive(Debug)]
pub(crate) struct TableAt {
    pub(super) schema: &'static TableSchema,
    pub(super) keys: Arc<Keys>,
    pub(super) alive: Vec<bool>,
    /// By place in the schema (those of [`super::HIDDEN`] after them); those that nobody asked for are not there.
    pub(super) columns: Vec<Option<ColumnAt>>,
    /// The depth of each task, where it was asked for.
    pub(super) depths: Option<Vec<u32>>,
    /// For the score.
    pub(super) now: Timestamp,
}

impl TableAt {
    /// The rows there were, in order of key.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = Slot> {
        self.keys.order().iter().copied().filter(|slot| self.is_alive(*slot))
    }

    /// How many slots there are, dead ones included.
    pub(crate) fn slots(&self) -> usize {
        self.alive.len()
    }

    /// Whether a row was there.
    pub(crate) fn is_alive(&self, slot: Slot) -> bool {
        self.alive[slot as usize]
    }

    /// The slot of a key whose row was there.
    pub(crate) fn slot(&self, key: &str) -> Option<Slot> {
        self.keys.known(key).filter(|slot| self.is_alive(*slot))
    }

    /// A column that was asked for.
    pub(crate) fn column(&self, column: usize) -> Option<&ColumnAt> {
        self.columns.get(column)?.as_ref()
    }

    /// A row's columns.
    pub(crate) fn row(&self, slot: Slot) -> RowAt<'_> {
        RowAt { table: self, slot }
    }

    /// A column of these rows.
    pub(crate) fn array(&self, column: usize, slots: &[Slot]) -> ArrayRef {
        let ty = self.schema.columns[column].ty;
        let is_of_tasks = std::ptr::eq(self.schema.columns, tasks::SCHEMA.columns);
        let is_computed = is_of_tasks && (tasks::COUNTS.contains(&column) || tasks::DEEP.contains(&column));
        match self.column(column) {
            Some(kept) if column != 0 && !is_computed => kept.array(slots, ty),
            _ => {
                let rows: Vec<RowAt<'_>> = slots.iter().map(|slot| self.row(*slot)).collect();
                tables::array(ty, column, &rows)
            }
        }
    }

    /// A row's key.
    pub(crate) fn key(&self, slot: Slot) -> &Text {
        &self.keys.all()[slot as usize]
    }

    /// How deep work is stacked on a task, where that was asked for.
    pub(crate) fn depth(&self, slot: Slot) -> u32 {
        self.depths.as_ref().map_or(0, |depths| depths[slot as usize])
    }

    /// The counts of a task that were asked for.
    pub(crate) fn graph(&self, slot: Slot) -> TaskGraph {
        let count = |column| self.number(column, slot).unwrap_or_default() as u32;
        TaskGraph {
            blocked_by_count: count(place::BLOCKED_BY_COUNT),
            child_count: count(place::CHILD_COUNT),
            child_done_count: count(place::CHILD_DONE_COUNT),
            held: self.number(super::HELD, slot) == Some(1),
        }
    }

    /// A row of `tasks`, with what was asked for; anything else is as in a task that has none.
    pub(crate) fn task(&self, slot: Slot) -> Task {
        let column = |place| self.column(place);
        let text = |place| column(place).and_then(|texts| texts.text(slot)).cloned();
        let set = |place| {
            let members = column(place).and_then(|sets| sets.set(slot));
            members.map_or_else(TextSet::default, |members| members.clone().into())
        };
        let number = |place| self.number(place, slot);
        let time = |place| number(place).map(Timestamp);
        let status = column(place::STATUS).and_then(|texts| TaskStatus::parse(texts.text(slot)?));
        let class = column(place::CLASS).and_then(|texts| Class::parse(texts.text(slot)?));
        Task {
            id: self.key(slot).clone(),
            project_id: text(place::PROJECT_ID),
            parent_id: text(place::PARENT_ID),
            title: text(place::TITLE).unwrap_or_default(),
            intent: text(place::INTENT),
            kind: text(place::TYPE),
            status: status.unwrap_or(TaskStatus::Open),
            owner_agent_id: text(place::OWNER_AGENT_ID),
            priority: number(place::PRIORITY).unwrap_or_default() as i8,
            class: class.unwrap_or(Class::Normal),
            caps: set(place::CAPS),
            labels: set(place::LABELS),
            metadata: text(place::METADATA).unwrap_or_default(),
            version: number(place::VERSION).unwrap_or_default().cast_unsigned(),
            attempts: number(place::ATTEMPTS).unwrap_or_default() as u32,
            max_attempts: number(place::MAX_ATTEMPTS).unwrap_or_default() as u32,
            not_before: time(place::NOT_BEFORE),
            due_at: time(place::DUE_AT),
            created_at: time(place::CREATED_AT).unwrap_or_default(),
            updated_at: time(place::UPDATED_AT).unwrap_or_default(),
            completed_at: time(place::COMPLETED_AT),
            cancelled_at: time(place::CANCELLED_AT),
            archived_at: time(place::ARCHIVED_AT),
            blocked_by_rule: number(super::BLOCKED_BY_RULE) == Some(1),
            elsewhere: false,
        }
    }

    fn number(&self, column: usize, slot: Slot) -> Option<i64> {
        self.column(column)?.number(slot)
    }
}

/// A row of a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowAt<'a> {
    table: &'a TableAt,
    slot: Slot,
}

impl Fields for RowAt<'_> {
    fn field(&self, column: usize) -> Value<'_> {
        let Self { table, slot } = *self;
        if column == 0 {
            return Value::Text(Cow::Borrowed(table.key(slot)));
        }
        let number = |column| table.number(column, slot).unwrap_or_default();
        if std::ptr::eq(table.schema.columns, tasks::SCHEMA.columns) {
            match column {
                // Of a task of which nothing is said the counts are zero.
                place::BLOCKED_BY_COUNT..=place::CHILD_DONE_COUNT => return Value::Int(number(column)),
                place::DEPENDENCY_DEPTH => return Value::Int(table.depth(slot).into()),
                place::SCORE => {
                    let (priority, created_at) =
                        (number(place::PRIORITY), Timestamp(number(place::CREATED_AT)));
                    let score = domain::score_of(priority as i8, created_at, table.depth(slot), table.now);
                    return Value::Float(score);
                }
                _ => {}
            }
        }
        let ty = table.schema.columns[column].ty;
        table.column(column).map_or(Value::Null, |kept| kept.value(slot, ty))
    }
}
