//! Which columns of a table an answer shows.

use domain::command::TaskView;
use query::json;
use query::tables::{Fields, RowFields, TableSchema};

/// A choice among the columns of a table; they stand in the table's own order.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    schema: &'static TableSchema,
    shown: Vec<bool>,
}

impl Columns {
    /// Every column but some.
    pub(crate) fn without(schema: &'static TableSchema, left_out: &[&str]) -> Self {
        let shown = schema.columns.iter().map(|column| !left_out.contains(&column.name)).collect();
        Self { schema, shown }
    }

    /// The columns named.
    ///
    /// # Errors
    /// The first name that is no column.
    pub(crate) fn named(schema: &'static TableSchema, names: &[String]) -> Result<Self, String> {
        let mut shown = vec![false; schema.columns.len()];
        for name in names {
            shown[schema.position(name).ok_or_else(|| name.clone())?] = true;
        }
        Ok(Self { schema, shown })
    }

    /// Appends a row as an object.
    pub(crate) fn push(&self, out: &mut Vec<u8>, row: &impl Fields) {
        json::fields(self.schema, row, |place| self.shown[place], out);
    }
}

/// Appends a task with all its columns.
pub(crate) fn push_task(out: &mut Vec<u8>, view: &TaskView) {
    json::task(view, out);
}

/// Appends a row of any table with all its columns.
pub(crate) fn push_row(out: &mut Vec<u8>, row: &RowFields<'_>) {
    json::fields(row.schema(), row, |_| true, out);
}
