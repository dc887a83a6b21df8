//! The rows of the work model's tables, and how they are stored.

mod records;
mod task;
mod words;

pub use records::{Agent, Clock, Conflict, Context, Lease, ProgressItem, Relationship, Run, Session};
pub use task::{Task, TaskGraph};
pub use words::{
    Class, ContextType, FailureClass, LeaseStatus, RelationshipType, Role, RunStatus, SessionStatus,
    TaskStatus,
};

use std::sync::Arc;
use store::{StoredRow, TableId};

/// Version of the stored form of rows: first byte of each. Rows are derived, so another version means a
/// refold, not a migration.
const FORMAT: u8 = 1;

/// The tables of the work model. The numbers are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Table {
    Tasks = 1,
    /// Beside `tasks`: [`TaskGraph`] by task id.
    TaskGraph = 2,
    Runs = 3,
    Relationships = 4,
    ProgressItems = 5,
    Contexts = 6,
    Agents = 7,
    Sessions = 8,
    Leases = 9,
    Conflicts = 10,
    /// One row: [`Clock`].
    Clock = 11,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 11] = [
        Self::Tasks,
        Self::TaskGraph,
        Self::Runs,
        Self::Relationships,
        Self::ProgressItems,
        Self::Contexts,
        Self::Agents,
        Self::Sessions,
        Self::Leases,
        Self::Conflicts,
        Self::Clock,
    ];

    /// Its number.
    #[must_use]
    pub const fn id(self) -> TableId {
        self as TableId
    }

    /// Its name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::TaskGraph => "task_graph",
            Self::Runs => "runs",
            Self::Relationships => "relationships",
            Self::ProgressItems => "progress_items",
            Self::Contexts => "contexts",
            Self::Agents => "agents",
            Self::Sessions => "sessions",
            Self::Leases => "leases",
            Self::Conflicts => "conflicts",
            Self::Clock => "clock",
        }
    }

    /// The table with that number.
    #[must_use]
    pub fn from_id(id: TableId) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.id() == id)
    }
}

/// A row of any table.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Row {
    Task(Arc<Task>),
    TaskGraph(TaskGraph),
    Run(Arc<Run>),
    Relationship(Arc<Relationship>),
    ProgressItem(Arc<ProgressItem>),
    Context(Arc<Context>),
    Agent(Arc<Agent>),
    Session(Arc<Session>),
    Lease(Arc<Lease>),
    Conflict(Arc<Conflict>),
    Clock(Clock),
}

impl StoredRow for Row {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(FORMAT);
        let taken = std::mem::take(out);
        let written = match self {
            Self::Task(row) => postcard::to_extend(&**row, taken),
            Self::TaskGraph(row) => postcard::to_extend(row, taken),
            Self::Run(row) => postcard::to_extend(&**row, taken),
            Self::Relationship(row) => postcard::to_extend(&**row, taken),
            Self::ProgressItem(row) => postcard::to_extend(&**row, taken),
            Self::Context(row) => postcard::to_extend(&**row, taken),
            Self::Agent(row) => postcard::to_extend(&**row, taken),
            Self::Session(row) => postcard::to_extend(&**row, taken),
            Self::Lease(row) => postcard::to_extend(&**row, taken),
            Self::Conflict(row) => postcard::to_extend(&**row, taken),
            Self::Clock(row) => postcard::to_extend(row, taken),
        };
        *out = written.expect("a row is plain data and a Vec has room");
    }

    fn decode(table: TableId, bytes: &[u8]) -> Result<Self, String> {
        let (&format, body) = bytes.split_first().ok_or("empty row")?;
        if format != FORMAT {
            return Err(format!("row format {format}, this build knows {FORMAT}"));
        }
        fn read<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
            match postcard::take_from_bytes(body) {
                Ok((row, [])) => Ok(row),
                Ok((_, rest)) => Err(format!("{} bytes after the row", rest.len())),
                Err(error) => Err(error.to_string()),
            }
        }
        let table = Table::from_id(table).ok_or_else(|| format!("no table has number {table}"))?;
        Ok(match table {
            Table::Tasks => Self::Task(Arc::new(read(body)?)),
            Table::TaskGraph => Self::TaskGraph(read(body)?),
            Table::Runs => Self::Run(Arc::new(read(body)?)),
            Table::Relationships => Self::Relationship(Arc::new(read(body)?)),
            Table::ProgressItems => Self::ProgressItem(Arc::new(read(body)?)),
            Table::Contexts => Self::Context(Arc::new(read(body)?)),
            Table::Agents => Self::Agent(Arc::new(read(body)?)),
            Table::Sessions => Self::Session(Arc::new(read(body)?)),
            Table::Leases => Self::Lease(Arc::new(read(body)?)),
            Table::Conflicts => Self::Conflict(Arc::new(read(body)?)),
            Table::Clock => Self::Clock(read(body)?),
        })
    }
}
