//! Rows of a result.

use super::scalar::{
    quoted, write_bool, write_duration, write_float, write_int, write_json, write_null, write_set,
    write_text, write_time,
};
use crate::output::Column;
use crate::plan::OutputColumn;
use datafusion::arrow::array::RecordBatch;

/// Writes each row of a batch as an object, in order; `each` is given one at a time. The batch is one of a
/// [`RowStream`](crate::RowStream), `columns` are that stream's.
pub fn write_rows(batch: &RecordBatch, columns: &[OutputColumn], mut each: impl FnMut(&[u8])) {
    let names = columns.iter().enumerate().map(|(nth, column)| {
        let mut name = vec![if nth == 0 { b'{' } else { b',' }];
        write_text(&column.name, &mut name);
        name.push(b':');
        name
    });
    let values = columns.iter().zip(batch.columns()).map(|(column, array)| Column::of(column.ty, array));
    let columns: Vec<(Vec<u8>, Column<'_>)> = names.zip(values).collect();
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        out.clear();
        if columns.is_empty() {
            out.push(b'{');
        }
        for (name, column) in &columns {
            out.extend_from_slice(name);
            write_cell(column, row, &mut out);
        }
        out.push(b'}');
        each(&out);
    }
}

fn write_cell(column: &Column<'_>, row: usize, out: &mut Vec<u8>) {
    if column.is_null(row) {
        return write_null(out);
    }
    match column {
        Column::Null => write_null(out),
        Column::Bool(array) => write_bool(array.value(row), out),
        Column::Int(array) => write_int(array.value(row), out),
        Column::Float(array) => write_float(array.value(row), out),
        Column::Text(array) => write_text(array.value(row), out),
        Column::Json(array) => write_json(array.value(row), out),
        Column::Time(array) => quoted(out, |out| write_time(array.value(row), out)),
        Column::Duration(array) => quoted(out, |out| write_duration(array.value(row), out)),
        Column::Set(lists, members) => write_set(Column::members(lists, members, row).into_iter(), out),
    }
}
