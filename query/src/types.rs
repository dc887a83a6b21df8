//! The types of PQL values and how Arrow carries them.

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use std::sync::Arc;

/// What kind of value an expression gives. Any of them may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// Nothing but null: the literal, an unbound null parameter.
    Null,
    /// `Boolean`
    Bool,
    /// `Int64`
    Int,
    /// `Float64`
    Float,
    /// `Utf8`
    Text,
    /// `Timestamp(µs, UTC)`
    Time,
    /// `Duration(µs)`
    Duration,
    /// `List<Utf8>`: sorted by byte, without repetition, no null members.
    Set,
    /// `Utf8` that holds one JSON value; JSON null is SQL null.
    Json,
}

/// Key of the Arrow field metadata that tells PQL types apart which share an Arrow type.
pub const TYPE_KEY: &str = "pql";

impl Type {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::Null,
        Self::Bool,
        Self::Int,
        Self::Float,
        Self::Text,
        Self::Time,
        Self::Duration,
        Self::Set,
        Self::Json,
    ];

    /// The name people see, in answers (`columns[].type`), DESCRIBE, CAST and errors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Text => "text",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Set => "set",
            Self::Json => "json",
        }
    }

    /// How Arrow carries it.
    #[must_use]
    pub fn arrow(self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text | Self::Json => DataType::Utf8,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Duration => DataType::Duration(TimeUnit::Microsecond),
            Self::Set => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        }
    }

    /// A nullable field of this type, marked with [`TYPE_KEY`].
    #[must_use]
    pub fn field(self, name: &str) -> Field {
        Field::new(name, self.arrow(), true)
            .with_metadata([(TYPE_KEY.to_owned(), self.as_str().to_owned())].into())
    }
}
