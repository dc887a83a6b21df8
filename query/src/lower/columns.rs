//! Values in and out of Arrow arrays.

use crate::eval::{Datum, Members};
use crate::types::Type;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, DurationMicrosecondArray,
    DurationMicrosecondBuilder, Float64Array, Float64Builder, Int64Array, Int64Builder, ListArray,
    ListBuilder, NullArray, StringArray, StringBuilder, TimestampMicrosecondArray,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, DurationMicrosecondType, Field, Float64Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue};
use std::borrow::Cow;
use std::sync::Arc;

/// An array whose values can be read as those of a PQL type.
pub(crate) enum Reader {
    Null,
    Bool(BooleanArray),
    Int(Int64Array),
    Float(Float64Array),
    Text(StringArray),
    Json(StringArray),
    Time(TimestampMicrosecondArray),
    Duration(DurationMicrosecondArray),
    Set(ListArray, StringArray),
}

impl Reader {
    /// Reads `array` as `ty`; an array that carries it in another Arrow type (a view, a dictionary) is cast.
    pub(crate) fn new(array: &ArrayRef, ty: Type) -> Result<Self> {
        if array.data_type() == &DataType::Null {
            return Ok(Self::Null);
        }
        let same = match (array.data_type(), ty) {
            (DataType::List(item), Type::Set) => item.data_type() == &DataType::Utf8,
            (have, _) => have == &ty.arrow(),
        };
        let array = if same { Arc::clone(array) } else { cast(array, &ty.arrow())? };
        Ok(match ty {
            Type::Null => Self::Null,
            Type::Bool => Self::Bool(array.as_boolean().clone()),
            Type::Int => Self::Int(array.as_primitive::<Int64Type>().clone()),
            Type::Float => Self::Float(array.as_primitive::<Float64Type>().clone()),
            Type::Text => Self::Text(array.as_string::<i32>().clone()),
            Type::Json => Self::Json(array.as_string::<i32>().clone()),
            Type::Time => Self::Time(array.as_primitive::<TimestampMicrosecondType>().clone()),
            Type::Duration => Self::Duration(array.as_primitive::<DurationMicrosecondType>().clone()),
            Type::Set => {
                let lists = array.as_list::<i32>().clone();
                let members = lists.values().as_string::<i32>().clone();
                Self::Set(lists, members)
            }
        })
    }

    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Datum<'_> {
        match self {
            Self::Null => Datum::Null,
            Self::Bool(array) if array.is_valid(row) => Datum::Bool(array.value(row)),
            Self::Int(array) if array.is_valid(row) => Datum::Int(array.value(row)),
            Self::Float(array) if array.is_valid(row) => {
                Datum::float(array.value(row)).unwrap_or(Datum::Null)
            }
            Self::Text(array) if array.is_valid(row) => Datum::text(array.value(row)),
            Self::Json(array) if array.is_valid(row) => Datum::Json(Cow::Borrowed(array.value(row))),
            Self::Time(array) if array.is_valid(row) => Datum::Time(array.value(row)),
            Self::Duration(array) if array.is_valid(row) => Datum::Duration(array.value(row)),
            Self::Set(lists, members) if lists.is_valid(row) => {
                let offsets = lists.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                let members = (start..end).map(|at| Cow::Borrowed(members.value(at)));
                Datum::Set(Members::Owned(members.collect()))
            }
            _ => Datum::Null,
        }
    }
}

/// An array of a PQL type in the making.
pub(crate) enum Builder {
    Null(usize),
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    /// Text and JSON.
    Text(StringBuilder),
    Time(TimestampMicrosecondBuilder),
    Duration(DurationMicrosecondBuilder),
    Set(ListBuilder<StringBuilder>),
}

impl Builder {
    /// An empty array with room for `rows`.
    pub(crate) fn new(ty: Type, rows: usize) -> Self {
        match ty {
            Type::Null => Self::Null(0),
            Type::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            Type::Int => Self::Int(Int64Builder::with_capacity(rows)),
            Type::Float => Self::Float(Float64Builder::with_capacity(rows)),
            Type::Text | Type::Json => Self::Text(StringBuilder::with_capacity(rows, rows * 8)),
            Type::Time => {
                Self::Time(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(ty.arrow()))
            }
            Type::Duration => Self::Duration(DurationMicrosecondBuilder::with_capacity(rows)),
            Type::Set => {
                let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
                Self::Set(ListBuilder::with_capacity(StringBuilder::new(), rows).with_field(item))
            }
        }
    }

    /// Adds a value; one of another type counts as null.
    pub(crate) fn push(&mut self, value: &Datum<'_>) {
        match (self, value) {
            (Self::Null(rows), _) => *rows += 1,
            (Self::Bool(builder), Datum::Bool(value)) => builder.append_value(*value),
            (Self::Bool(builder), _) => builder.append_null(),
            (Self::Int(builder), Datum::Int(value)) => builder.append_value(*value),
            (Self::Int(builder), _) => builder.append_null(),
            (Self::Float(builder), Datum::Float(value)) => builder.append_value(*value),
            (Self::Float(builder), _) => builder.append_null(),
            (Self::Text(builder), Datum::Text(value) | Datum::Json(value)) => builder.append_value(value),
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Time(builder), Datum::Time(value)) => builder.append_value(*value),
            (Self::Time(builder), _) => builder.append_null(),
            (Self::Duration(builder), Datum::Duration(value)) => builder.append_value(*value),
            (Self::Duration(builder), _) => builder.append_null(),
            (Self::Set(builder), Datum::Set(members)) => {
                for member in members.iter() {
                    builder.values().append_value(member);
                }
                builder.append(true);
            }
            (Self::Set(builder), _) => builder.append(false),
        }
    }

    /// The array.
    pub(crate) fn finish(self) -> ArrayRef {
        match self {
            Self::Null(rows) => Arc::new(NullArray::new(rows)),
            Self::Bool(mut builder) => Arc::new(builder.finish()),
            Self::Int(mut builder) => Arc::new(builder.finish()),
            Self::Float(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::Duration(mut builder) => Arc::new(builder.finish()),
            Self::Set(mut builder) => Arc::new(builder.finish()),
        }
    }
}

/// A value as DataFusion's scalar of type `ty`.
pub(crate) fn scalar(value: &Datum<'_>, ty: Type) -> ScalarValue {
    let zone = || Some(Arc::from("UTC"));
    match (ty, value) {
        (Type::Null, _) => ScalarValue::Null,
        (Type::Bool, Datum::Bool(value)) => ScalarValue::Boolean(Some(*value)),
        (Type::Bool, _) => ScalarValue::Boolean(None),
        (Type::Int, Datum::Int(value)) => ScalarValue::Int64(Some(*value)),
        (Type::Int, _) => ScalarValue::Int64(None),
        (Type::Float, Datum::Float(value)) => ScalarValue::Float64(Some(*value)),
        (Type::Float, _) => ScalarValue::Float64(None),
        (Type::Text | Type::Json, Datum::Text(value) | Datum::Json(value)) => {
            ScalarValue::Utf8(Some(value.to_string()))
        }
        (Type::Text | Type::Json, _) => ScalarValue::Utf8(None),
        (Type::Time, Datum::Time(value)) => ScalarValue::TimestampMicrosecond(Some(*value), zone()),
        (Type::Time, _) => ScalarValue::TimestampMicrosecond(None, zone()),
        (Type::Duration, Datum::Duration(value)) => ScalarValue::DurationMicrosecond(Some(*value)),
        (Type::Duration, _) => ScalarValue::DurationMicrosecond(None),
        (Type::Set, value) => {
            let mut builder = Builder::new(Type::Set, 1);
            builder.push(value);
            ScalarValue::List(Arc::new(builder.finish().as_list::<i32>().clone()))
        }
    }
}
