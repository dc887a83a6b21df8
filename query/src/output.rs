//! Batches of a result as the engine promises them: each column in the one Arrow type of its PQL type.

use crate::plan::OutputColumn;
use crate::types::Type;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DurationMicrosecondArray, Float64Array, Int64Array, ListArray,
    RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DurationMicrosecondType, Float64Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use std::sync::Arc;

/// The Arrow schema of a result.
pub(crate) fn schema(columns: &[OutputColumn]) -> SchemaRef {
    let fields: Vec<_> = columns.iter().map(|column| column.ty.field(&column.name)).collect();
    Arc::new(Schema::new(fields))
}

/// The same batch under `schema`. Operators may give a column another shape of the same thing (a view, a
/// dictionary, another width); those are cast.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let cast_one = |(array, field): (&ArrayRef, &Arc<datafusion::arrow::datatypes::Field>)| {
        if array.data_type() == field.data_type() {
            Ok(array.clone())
        } else {
            cast(array, field.data_type())
        }
    };
    let arrays = batch.columns().iter().zip(schema.fields()).map(cast_one).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
}

/// A column of a conformed batch, ready to be read row by row.
#[derive(Debug)]
pub(crate) enum Column<'a> {
    /// Nothing but null.
    Null,
    Bool(&'a BooleanArray),
    Int(&'a Int64Array),
    Float(&'a Float64Array),
    Text(&'a StringArray),
    Json(&'a StringArray),
    Time(&'a TimestampMicrosecondArray),
    Duration(&'a DurationMicrosecondArray),
    /// The lists, and the members of all of them.
    Set(&'a ListArray, &'a StringArray),
}

impl<'a> Column<'a> {
    /// The column as its type; all null if the array is of another.
    pub(crate) fn of(ty: Type, array: &'a ArrayRef) -> Self {
        let column = match ty {
            Type::Null => None,
            Type::Bool => array.as_boolean_opt().map(Self::Bool),
            Type::Int => array.as_primitive_opt::<Int64Type>().map(Self::Int),
            Type::Float => array.as_primitive_opt::<Float64Type>().map(Self::Float),
            Type::Text => array.as_string_opt::<i32>().map(Self::Text),
            Type::Json => array.as_string_opt::<i32>().map(Self::Json),
            Type::Time => array.as_primitive_opt::<TimestampMicrosecondType>().map(Self::Time),
            Type::Duration => array.as_primitive_opt::<DurationMicrosecondType>().map(Self::Duration),
            Type::Set => array
                .as_list_opt::<i32>()
                .and_then(|lists| Some(Self::Set(lists, lists.values().as_string_opt::<i32>()?))),
        };
        debug_assert!(column.is_some() || ty == Type::Null, "{} is no {ty:?}", array.data_type());
        column.unwrap_or(Self::Null)
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(array) => array.is_null(row),
            Self::Int(array) => array.is_null(row),
            Self::Float(array) => array.is_null(row),
            Self::Text(array) | Self::Json(array) => array.is_null(row),
            Self::Time(array) => array.is_null(row),
            Self::Duration(array) => array.is_null(row),
            Self::Set(array, _) => array.is_null(row),
        }
    }

    /// Members of the set of one row. A set that an operator put together may not be in order; it is given
    /// so, and without repetition.
    pub(crate) fn members<'s>(lists: &ListArray, members: &'s StringArray, row: usize) -> Vec<&'s str> {
        let offsets = lists.value_offsets();
        let mut words: Vec<&str> =
            (offsets[row]..offsets[row + 1]).map(|at| members.value(at as usize)).collect();
        words.sort_unstable();
        words.dedup();
        words
    }
}
