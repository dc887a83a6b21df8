//! A row of a table, an event.

use super::scalar::{quoted, write_int, write_json, write_set, write_text, write_time, write_value};
use crate::tables::{Fields, RowFields, TableSchema, TaskFields, tasks};
use domain::command::TaskView;
use domain::rows::{Row, TaskGraph};
use std::io::Write;
use store::{Event, Timestamp};

/// Writes a row as an object: those of the table's columns that `keep` names by place, in their order.
pub fn fields(
    table: &TableSchema,
    row: &impl Fields,
    mut keep: impl FnMut(usize) -> bool,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    let mut first = true;
    for (place, column) in table.columns.iter().enumerate() {
        if !keep(place) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        write_text(column.name, out);
        out.push(b':');
        write_value(&row.field(place), out);
    }
    out.push(b'}');
}

/// Writes a task with its computed columns: an object with exactly the columns of `tasks`.
pub fn task(view: &TaskView, out: &mut Vec<u8>) {
    fields(&tasks::SCHEMA, &TaskFields::of(view), |_| true, out);
}

/// Writes a row of any table but a task's computed part: an object with exactly the table's columns. A task
/// has its columns, with those that are computed as if nothing were related to it and at the time it was
/// last updated; use [`task`] where they are known.
pub fn row(row: &Row, out: &mut Vec<u8>) {
    let now = match row {
        Row::Task(task) => task.updated_at,
        _ => Timestamp::default(),
    };
    match RowFields::of(row, &TaskGraph::default(), 0, now) {
        Some(row) => fields(row.schema(), &row, |_| true, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Writes an event as the API gives it: what it is, without what columns read out of it.
pub fn event(event: &Event, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"position\":");
    write_int(event.position.0 as i64, out);
    let _ = write!(out, ",\"id\":\"{}\",\"stream\":", event.id);
    write_text(&event.stream, out);
    out.extend_from_slice(b",\"revision\":");
    write_int(event.revision.0 as i64, out);
    out.extend_from_slice(b",\"type\":");
    write_text(&event.kind, out);
    out.extend_from_slice(b",\"time\":");
    quoted(out, |out| write_time(event.time.0, out));
    out.extend_from_slice(b",\"data\":");
    write_json(&event.data, out);
    out.extend_from_slice(b",\"metadata\":");
    write_json(&event.metadata, out);
    out.extend_from_slice(b",\"tags\":");
    write_set(event.tags.iter().map(|tag| &**tag), out);
    out.push(b'}');
}
