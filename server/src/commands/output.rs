//! What a command prints: one document on stdout.

use crate::failure::Failure;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, TableComponent, presets};
use serde_json::{Map, Value};
use std::io::{self, IsTerminal, Write};

/// Columns of a terminal below which cells are not wrapped: they would be a letter wide.
const WRAP_WIDTH_MIN: u16 = 40;

/// The form of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Columns for people; the default on a terminal.
    Table,
    /// One JSON document; the default elsewhere.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a line of names.
    Csv,
}

impl Form {
    /// The form that was asked for, or the one that fits where stdout goes.
    pub(crate) fn or_fitting(asked: Option<Self>) -> Self {
        asked.unwrap_or(match io::stdout().is_terminal() {
            true => Self::Table,
            false => Self::Json,
        })
    }
}

/// Prints the `data` of an answer.
///
/// # Errors
/// When stdout cannot be written to.
pub(crate) fn print(data: &Value, form: Form) -> Result<(), Failure> {
    print_bytes(render(data, form).as_bytes())
}

/// Prints bytes as they are.
///
/// # Errors
/// When stdout cannot be written to; a reader that has seen enough is no error.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    stream_bytes(bytes).map(drop)
}

/// Prints a part of a document that may have no end; `false` when its reader has seen enough.
///
/// # Errors
/// When stdout cannot be written to.
pub(crate) fn stream_bytes(bytes: &[u8]) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::internal(format!("stdout: {error}"))),
    }
}

fn render(data: &Value, form: Form) -> String {
    match form {
        Form::Json => format!("{data:#}\n"),
        Form::Ndjson => rows(data).iter().map(|row| format!("{row}\n")).collect(),
        Form::Csv => csv(&columns(data), &rows(data)),
        Form::Table => match is_list(data) {
            true => table(&columns(data), &rows(data)),
            false => fields(data),
        },
    }
}

/// The list that an answer is about: its `rows`, or the first list in it.
fn list(data: &Value) -> Option<&Vec<Value>> {
    match data {
        Value::Array(rows) => Some(rows),
        Value::Object(members) if members.contains_key("rows") => members["rows"].as_array(),
        // A list has its total beside it; a single thing may hold lists, but is not one.
        Value::Object(members) if members.contains_key("total") || members.len() == 1 => {
            members.values().find_map(Value::as_array)
        }
        _ => None,
    }
}

fn is_list(data: &Value) -> bool {
    list(data).is_some()
}

fn rows(data: &Value) -> Vec<Value> {
    list(data).cloned().unwrap_or_else(|| vec![data.clone()])
}

/// The names of the columns: those the answer declares, else those of its rows, each at its first place.
fn columns(data: &Value) -> Vec<String> {
    if let Some(declared) = data["columns"].as_array() {
        return declared.iter().filter_map(|column| Some(column["name"].as_str()?.to_owned())).collect();
    }
    let mut names = Vec::new();
    for name in rows(data).iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn table(columns: &[String], rows: &[Value]) -> String {
    let mut table = fresh_table();
    table.set_header(columns);
    for row in rows {
        table.add_row(columns.iter().map(|column| cell(&row[column.as_str()])));
    }
    let count = rows.len();
    format!("{table}\n{count} row{}\n", if count == 1 { "" } else { "s" })
}

fn fields(data: &Value) -> String {
    let Some(members) = data.as_object() else { return format!("{}\n", cell(data)) };
    let mut table = fresh_table();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        table.add_row([name.clone(), cell(value)]);
    }
    format!("{table}\n")
}

fn fresh_table() -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_content_arrangement(ContentArrangement::Dynamic);
    // Terminals that do not know their width say 0.
    if table.width().is_none_or(|width| width < WRAP_WIDTH_MIN) {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// A value as a person reads it; text is not quoted, and what would move the cursor is shown instead.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(members) if members.iter().all(Value::is_string) => {
            members.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn csv(columns: &[String], rows: &[Value]) -> String {
    let mut out = String::new();
    let mut line = |cells: Vec<String>| {
        out.push_str(&cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    };
    line(columns.to_vec());
    for row in rows {
        let value = |column: &String| match &row[column.as_str()] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        line(columns.iter().map(value).collect());
    }
    out
}

/// RFC 4180.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_in_every_form() {
        let data = json!({
            "columns": [{"name": "id", "type": "text"}, {"name": "caps", "type": "set"}],
            "rows": [{"id": "a", "caps": ["x", "y"]}, {"id": "b, c", "caps": []}],
            "row_count": 2,
        });
        assert_eq!(render(&data, Form::Csv), "id,caps\r\na,\"[\"\"x\"\",\"\"y\"\"]\"\r\n\"b, c\",[]\r\n");
        assert_eq!(render(&data, Form::Ndjson).lines().count(), 2);
        let table = render(&data, Form::Table);
        assert!(table.contains("x, y") && table.contains("2 rows"), "{table}");
    }

    #[test]
    fn a_thing_is_not_a_list() {
        let task = json!({"id": "t", "labels": ["a"], "parent_id": null});
        let table = render(&task, Form::Table);
        assert!(table.contains("labels") && !table.contains("parent_id"), "{table}");
        assert_eq!(render(&task, Form::Ndjson), "{\"id\":\"t\",\"labels\":[\"a\"],\"parent_id\":null}\n");
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(cell(&json!("a\u{1b}[2Jb\nc")), "a [2Jb c");
    }
}
