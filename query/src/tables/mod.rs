//! The tables: their columns, once, for scans, for the scalar evaluator, for JSON and for the docs.

use crate::types::Type;
use crate::value::Value;

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

/// A row whose columns can be read one at a time, by place in its [`TableSchema`].
pub trait Fields {
    /// The value of the `column`th column.
    fn field(&self, column: usize) -> Value<'_>;
}
