//! What the lists of rows have in common: a page of them, and which columns.

use crate::error::Error;
use crate::wire::args::Args;
use crate::wire::envelope::{answer, push, push_list, push_name};
use crate::wire::rows::{Columns, push_row};
use axum::response::Response;
use query::tables::{RowFields, TableSchema};
use serde_json::json;
use store::Position;

/// Rows of a list when nothing is said.
pub(super) const LIMIT_DEFAULT: u64 = 100;

/// Most rows of a list.
pub(super) const LIMIT_MAX: u64 = 10_000;

/// A part of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    limit: usize,
    offset: usize,
}

impl Page {
    /// `limit=` and `offset=`.
    pub(super) fn of(args: &mut Args) -> Self {
        let limit = args.int_in("limit", 1..=LIMIT_MAX).unwrap_or(LIMIT_DEFAULT);
        let offset = args.int_in("offset", 0..=u64::from(u32::MAX)).unwrap_or(0);
        Self { limit: limit as usize, offset: offset as usize }
    }

    /// Most rows of it.
    pub(super) fn limit(self) -> usize {
        self.limit
    }

    /// Rows before it.
    pub(super) fn offset(self) -> usize {
        self.offset
    }

    /// `{name: […], "total", "next_offset"}` of the rows that this page shows.
    pub(super) fn answer<T>(
        self,
        position: Position,
        name: &'static str,
        rows: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) -> Response {
        let mut total = 0;
        let mut shown = Vec::new();
        for (index, row) in rows.enumerate() {
            total = index + 1;
            if index >= self.offset && shown.len() < self.limit {
                shown.push(row);
            }
        }
        let next = self.offset + shown.len();
        let next = (next < total && !shown.is_empty()).then_some(next);
        answer(position, |out| {
            out.extend_from_slice(b"{\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            push_list(out, shown, &mut write);
            push_name(out, "total");
            push(out, &total);
            push_name(out, "next_offset");
            push(out, &next);
            out.push(b'}');
        })
    }
}

/// `fields=a,b`, or every column but the long ones.
pub(super) fn columns(args: &mut Args, schema: &'static TableSchema, long: &[&str]) -> Columns {
    let names = args.words("fields");
    args.note("fields", || {
        let columns: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
        json!({ "items": { "type": "string", "enum": columns } })
    });
    let Some(names) = names else { return Columns::without(schema, long) };
    match Columns::named(schema, &names) {
        Ok(columns) => columns,
        Err(name) => {
            let near = crate::wire::fields::nearest(&name, schema.columns.iter().map(|column| column.name));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            args.problem("fields", format!("no column `{name}` in `{}`{hint}", schema.name));
            Columns::without(schema, long)
        }
    }
}

/// One row, whole.
///
/// # Errors
/// `ERR_NOT_FOUND` when there is none.
pub(super) fn one(
    position: Position,
    kind: &'static str,
    id: &str,
    row: Option<RowFields<'_>>,
) -> Result<Response, Error> {
    let row = row.ok_or_else(|| Error::not_found(kind, id))?;
    Ok(answer(position, |out| push_row(out, &row)))
}
