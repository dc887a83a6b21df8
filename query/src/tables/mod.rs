//! The tables: their columns, once, for scans, for the scalar evaluator, for JSON and for the docs.

pub mod agents;
mod column;
pub mod conflicts;
pub mod contexts;
mod define;
pub mod events;
pub mod leases;
pub mod left_out;
pub mod next_task;
pub mod progress_items;
pub mod relationships;
mod row;
pub mod runs;
pub mod schema_migrations;
pub mod sessions;
pub mod snapshots;
pub mod subscriptions;
pub mod tasks;

#[cfg(test)]
mod test;

pub use column::array;
pub use events::EventFields;
pub use row::RowFields;
pub(crate) use row::{kept, of_rows};
pub use tasks::TaskFields;

use crate::types::Type;
use crate::value::Value;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use std::sync::Arc;

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// What it says, for DESCRIBE and the reference.
    pub doc: &'static str,
}

/// What is known of a table before any row is read.
#[derive(Debug, Clone, Copy)]
pub struct TableSchema {
    /// Its name.
    pub name: &'static str,
    /// One line on what its rows are.
    pub doc: &'static str,
    /// Its columns, in the order of `SELECT *`.
    pub columns: &'static [Column],
    /// Names accepted for columns besides their own: (alias, column name).
    pub aliases: &'static [(&'static str, &'static str)],
    /// Whether it has `HISTORY`.
    pub has_history: bool,
}

impl TableSchema {
    /// The place of a column by name or accepted alias.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        let name = self.aliases.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, column)| column);
        self.columns.iter().position(|column| column.name == name)
    }

    /// The Arrow schema of its rows; with `history`, that of its versions.
    #[must_use]
    pub fn arrow(&self, history: bool) -> SchemaRef {
        let extra = if history { HISTORY_COLUMNS } else { &[] };
        let fields: Vec<Field> =
            self.columns.iter().chain(extra).map(|column| column.ty.field(column.name)).collect();
        Arc::new(Schema::new(fields))
    }
}

/// The columns HISTORY adds after a table's own.
pub const HISTORY_COLUMNS: &[Column] = &[
    Column { name: "valid_from", ty: Type::Time, doc: "when this version began" },
    Column { name: "valid_to", ty: Type::Time, doc: "when it ended; null while it is current" },
    Column { name: "from_position", ty: Type::Int, doc: "position of the event that made it" },
    Column { name: "to_position", ty: Type::Int, doc: "position of the event that ended it" },
    Column { name: "event_id", ty: Type::Text, doc: "id of the event that made it" },
    Column { name: "event_type", ty: Type::Text, doc: "type of the event that made it" },
    Column { name: "actor", ty: Type::Text, doc: "the agent that made it, if known" },
];

/// Every table, in the order of SHOW TABLES.
pub static ALL: [&TableSchema; 14] = [
    &agents::SCHEMA,
    &conflicts::SCHEMA,
    &contexts::SCHEMA,
    &events::SCHEMA,
    &leases::SCHEMA,
    &next_task::SCHEMA,
    &progress_items::SCHEMA,
    &relationships::SCHEMA,
    &runs::SCHEMA,
    &schema_migrations::SCHEMA,
    &sessions::SCHEMA,
    &snapshots::SCHEMA,
    &subscriptions::SCHEMA,
    &tasks::SCHEMA,
];

/// The names of [`ALL`], in the same order.
pub static NAMES: [&str; 14] = [
    "agents",
    "conflicts",
    "contexts",
    "events",
    "leases",
    "next_task",
    "progress_items",
    "relationships",
    "runs",
    "schema_migrations",
    "sessions",
    "snapshots",
    "subscriptions",
    "tasks",
];

/// The table of that name.
#[must_use]
pub fn schema(name: &str) -> Option<&'static TableSchema> {
    ALL.into_iter().find(|schema| schema.name == name)
}

/// A row whose columns can be read one at a time, by place in its [`TableSchema`].
pub trait Fields {
    /// The value of the `column`th column.
    fn field(&self, column: usize) -> Value<'_>;
}
