//! Columns of Arrow from rows: one builder, by type.

use super::Fields;
use crate::types::Type;
use crate::value::Value;
use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, DurationMicrosecondBuilder, Float64Builder, Int64Builder, ListBuilder,
    NullArray, StringBuilder, TimestampMicrosecondBuilder,
};
use std::sync::Arc;

/// Bytes per text to begin with; builders grow by doubling.
const TEXT_BYTES_GUESS: usize = 16;

/// The array of one column of these rows. A value of another type than `ty` is a mistake in the table's
/// definition; it stands as null.
#[must_use]
pub fn array<F: Fields>(ty: Type, column: usize, rows: &[F]) -> ArrayRef {
    macro_rules! gather {
        ($builder:expr, $value:pat => $kept:expr) => {{
            let mut builder = $builder;
            for row in rows {
                match row.field(column) {
                    $value => builder.append_value($kept),
                    other => {
                        debug_assert!(
                            matches!(other, Value::Null),
                            "column {column} is no {ty:?}: {other:?}"
                        );
                        builder.append_null();
                    }
                }
            }
            Arc::new(builder.finish())
        }};
    }
    let length = rows.len();
    match ty {
        Type::Null => Arc::new(NullArray::new(length)),
        Type::Bool => gather!(BooleanBuilder::with_capacity(length), Value::Bool(it) => it),
        Type::Int => gather!(Int64Builder::with_capacity(length), Value::Int(it) => it),
        // −0.0 + 0.0 is 0.0: Arrow compares floats by their bits.
        Type::Float => gather!(Float64Builder::with_capacity(length), Value::Float(it) => it + 0.0),
        Type::Text => {
            gather!(StringBuilder::with_capacity(length, length * TEXT_BYTES_GUESS), Value::Text(it) => it)
        }
        Type::Json => {
            gather!(StringBuilder::with_capacity(length, length * TEXT_BYTES_GUESS), Value::Json(it) => it)
        }
        Type::Time => gather!(
            TimestampMicrosecondBuilder::with_capacity(length).with_timezone("UTC"),
            Value::Time(it) => it
        ),
        Type::Duration => {
            gather!(DurationMicrosecondBuilder::with_capacity(length), Value::Duration(it) => it)
        }
        Type::Set => {
            let mut builder = ListBuilder::with_capacity(StringBuilder::new(), length);
            for row in rows {
                match row.field(column) {
                    Value::Set(members) => {
                        for member in members.iter() {
                            builder.values().append_value(member);
                        }
                        builder.append(true);
                    }
                    other => {
                        debug_assert!(matches!(other, Value::Null), "column {column} is no set: {other:?}");
                        builder.append_null();
                    }
                }
            }
            Arc::new(builder.finish())
        }
    }
}
