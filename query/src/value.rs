//! One value of one row, borrowed from it where that is possible.

use std::borrow::Cow;
use store::Text;

/// A value as the scalar evaluator and the column builders see it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// Truth.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Microseconds since 1970-01-01 UTC.
    Time(i64),
    /// Microseconds.
    Duration(i64),
    /// Sorted by byte, without repetition.
    Set(Cow<'a, [Text]>),
    /// One JSON value as text; never `null` (that is [`Value::Null`]).
    Json(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// Text, or null.
    #[must_use]
    pub fn text(value: Option<&'a str>) -> Self {
        value.map_or(Self::Null, |text| Self::Text(Cow::Borrowed(text)))
    }

    /// A time, or null.
    #[must_use]
    pub fn time(value: Option<store::Timestamp>) -> Self {
        value.map_or(Self::Null, |time| Self::Time(time.0))
    }

    /// JSON, or null when there is none or it is JSON null.
    #[must_use]
    pub fn json(value: Option<&'a str>) -> Self {
        match value {
            None | Some("null") => Self::Null,
            Some(text) => Self::Json(Cow::Borrowed(text)),
        }
    }
}
