//! A row of any table as its columns.

use super::{
    Fields, TableSchema, TaskFields, agents, conflicts, contexts, leases, progress_items, relationships,
    runs, sessions, tasks,
};
use crate::value::Value;
use domain::rows::{
    Agent, Conflict, Context, Lease, ProgressItem, Relationship, Row, Run, Session, Table, TaskGraph,
};
use store::Timestamp;

/// A borrowed row of whichever table.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum RowFields<'a> {
    Task(TaskFields<'a>),
    Run(&'a Run),
    Relationship(&'a Relationship),
    ProgressItem(&'a ProgressItem),
    Context(&'a Context),
    Agent(&'a Agent),
    Session(&'a Session),
    Lease(&'a Lease),
    Conflict(&'a Conflict),
}

impl<'a> RowFields<'a> {
    /// The row as columns; `graph`, `depth` and `now` are for the computed columns of a task. None for a row that is
    /// no table's own (the graph beside a task).
    #[must_use]
    pub fn of(row: &'a Row, graph: &'a TaskGraph, depth: u32, now: Timestamp) -> Option<Self> {
        Some(match row {
            Row::Task(task) => Self::Task(TaskFields { task, graph, depth, now }),
            Row::TaskGraph(_) | Row::Clock(_) => return None,
            Row::Run(row) => Self::Run(row),
            Row::Relationship(row) => Self::Relationship(row),
            Row::ProgressItem(row) => Self::ProgressItem(row),
            Row::Context(row) => Self::Context(row),
            Row::Agent(row) => Self::Agent(row),
            Row::Session(row) => Self::Session(row),
            Row::Lease(row) => Self::Lease(row),
            Row::Conflict(row) => Self::Conflict(row),
        })
    }

    /// The table it is a row of.
    #[must_use]
    pub fn schema(&self) -> &'static TableSchema {
        match self {
            Self::Task(_) => &tasks::SCHEMA,
            Self::Run(_) => &runs::SCHEMA,
            Self::Relationship(_) => &relationships::SCHEMA,
            Self::ProgressItem(_) => &progress_items::SCHEMA,
            Self::Context(_) => &contexts::SCHEMA,
            Self::Agent(_) => &agents::SCHEMA,
            Self::Session(_) => &sessions::SCHEMA,
            Self::Lease(_) => &leases::SCHEMA,
            Self::Conflict(_) => &conflicts::SCHEMA,
        }
    }
}

impl Fields for RowFields<'_> {
    fn field(&self, column: usize) -> Value<'_> {
        match self {
            Self::Task(row) => row.field(column),
            Self::Run(row) => row.field(column),
            Self::Relationship(row) => row.field(column),
            Self::ProgressItem(row) => row.field(column),
            Self::Context(row) => row.field(column),
            Self::Agent(row) => row.field(column),
            Self::Session(row) => row.field(column),
            Self::Lease(row) => row.field(column),
            Self::Conflict(row) => row.field(column),
        }
    }
}

/// The table of the work model that a table of PQL shows.
#[must_use]
pub(crate) fn kept(schema: &TableSchema) -> Option<Table> {
    Some(match schema.name {
        "tasks" | "next_task" => Table::Tasks,
        "runs" => Table::Runs,
        "relationships" => Table::Relationships,
        "progress_items" => Table::ProgressItems,
        "contexts" => Table::Contexts,
        "agents" => Table::Agents,
        "sessions" => Table::Sessions,
        "leases" => Table::Leases,
        "conflicts" => Table::Conflicts,
        _ => return None,
    })
}

/// The table of PQL that shows a table of the work model as it is; without columns for one that none shows.
pub(crate) fn of_rows(table: Table) -> &'static TableSchema {
    static UNSEEN: TableSchema =
        TableSchema { name: "", doc: "", columns: &[], aliases: &[], has_history: false };
    let shows = |schema: &&'static TableSchema| schema.has_history && kept(schema) == Some(table);
    super::ALL.into_iter().find(shows).unwrap_or(&UNSEEN)
}
