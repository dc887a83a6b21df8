//! Results as CSV (RFC 4180): a line of names, then a line a row, each ended by CRLF.
//!
//! Null is an empty field, empty text a quoted one (`""`). Times, durations, numbers and truth stand as in
//! JSON without quotes; sets and JSON values as JSON.

use crate::json;
use crate::output::Column;
use crate::plan::OutputColumn;
use crate::value::Value;
use datafusion::arrow::array::RecordBatch;
use std::io::Write;
use store::Text;

/// Writes the line of names.
pub fn write_header(columns: &[OutputColumn], out: &mut Vec<u8>) {
    for (nth, column) in columns.iter().enumerate() {
        separate(nth, out);
        field(column.name.as_bytes(), out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes each row of a batch of a [`RowStream`](crate::RowStream) with those columns.
pub fn write_rows(batch: &RecordBatch, columns: &[OutputColumn], out: &mut Vec<u8>) {
    let columns: Vec<Column<'_>> =
        columns.iter().zip(batch.columns()).map(|(column, array)| Column::of(column.ty, array)).collect();
    let mut word = Vec::new();
    for row in 0..batch.num_rows() {
        for (nth, column) in columns.iter().enumerate() {
            separate(nth, out);
            cell(column, row, &mut word, out);
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn separate(nth: usize, out: &mut Vec<u8>) {
    if nth > 0 {
        out.push(b',');
    }
}

fn cell(column: &Column<'_>, row: usize, word: &mut Vec<u8>, out: &mut Vec<u8>) {
    if column.is_null(row) {
        return;
    }
    word.clear();
    match column {
        Column::Null => {}
        Column::Bool(array) => _ = write!(out, "{}", array.value(row)),
        Column::Int(array) => _ = write!(out, "{}", array.value(row)),
        Column::Float(array) => json::write_value(&Value::Float(array.value(row)), out),
        Column::Time(array) => json::write_time(array.value(row), out),
        Column::Duration(array) => json::write_duration(array.value(row), out),
        Column::Text(array) => field(array.value(row).as_bytes(), out),
        Column::Json(array) => field(array.value(row).as_bytes(), out),
        Column::Set(lists, members) => {
            let members: Vec<Text> =
                Column::members(lists, members, row).into_iter().map(Text::from).collect();
            json::write_value(&Value::Set(members.into()), word);
            field(word, out);
        }
    }
}

/// A field, in quotes where it needs them.
fn field(text: &[u8], out: &mut Vec<u8>) {
    let plain = !text.is_empty() && !text.iter().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n'));
    if plain {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
