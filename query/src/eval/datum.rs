//! A value during evaluation: like [`Value`], but sets borrow from wherever they lie (a row, an Arrow
//! array, a constant).

use crate::types::Type;
use crate::value::Value;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// A value of one expression for one row.
#[derive(Debug, Clone)]
pub(crate) enum Datum<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Finite, and never −0.0: so that Arrow's comparison of bits and ours agree.
    Float(f64),
    Text(Cow<'a, str>),
    /// Microseconds since 1970-01-01 UTC.
    Time(i64),
    /// Microseconds.
    Duration(i64),
    Set(Members<'a>),
    /// One JSON value as text; never JSON null.
    Json(Cow<'a, str>),
}

/// A value that outlives every row: constants, parameters, what aggregates keep.
pub(crate) type Constant = Datum<'static>;

/// The members of a set: sorted by byte, without repetition.
#[derive(Debug, Clone)]
pub(crate) enum Members<'a> {
    Borrowed(&'a [Cow<'a, str>]),
    Owned(Vec<Cow<'a, str>>),
}

impl<'a> Members<'a> {
    /// A set of whatever is given, in any order.
    pub(crate) fn of(mut members: Vec<Cow<'a, str>>) -> Self {
        members.sort_unstable();
        members.dedup();
        Self::Owned(members)
    }

    /// Whether `word` is a member.
    pub(crate) fn holds(&self, word: &str) -> bool {
        self.binary_search_by(|member| (**member).cmp(word)).is_ok()
    }

    /// The members, to be moved into another set.
    pub(crate) fn into_vec(self) -> Vec<Cow<'a, str>> {
        match self {
            Self::Borrowed(members) => members.to_vec(),
            Self::Owned(members) => members,
        }
    }
}

impl<'a> Deref for Members<'a> {
    type Target = [Cow<'a, str>];

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Borrowed(members) => members,
            Self::Owned(members) => members,
        }
    }
}

impl<'a> Datum<'a> {
    /// A float that keeps the promise of [`Datum::Float`], or `None` when `number` is not finite.
    pub(crate) fn float(number: f64) -> Option<Self> {
        // −0.0 + 0.0 is 0.0; every other number stays as it is.
        number.is_finite().then_some(Self::Float(number + 0.0))
    }

    /// Borrowed text.
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The type this value is of; null is [`Type::Null`].
    pub(crate) fn ty(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Text(_) => Type::Text,
            Self::Time(_) => Type::Time,
            Self::Duration(_) => Type::Duration,
            Self::Set(_) => Type::Set,
            Self::Json(_) => Type::Json,
        }
    }

    /// The same value, borrowing from this one.
    pub(crate) fn borrow(&self) -> Datum<'_> {
        match self {
            Self::Null => Datum::Null,
            Self::Bool(value) => Datum::Bool(*value),
            Self::Int(value) => Datum::Int(*value),
            Self::Float(value) => Datum::Float(*value),
            Self::Text(text) => Datum::Text(Cow::Borrowed(text)),
            Self::Time(value) => Datum::Time(*value),
            Self::Duration(value) => Datum::Duration(*value),
            Self::Set(members) => Datum::Set(Members::Borrowed(members)),
            Self::Json(text) => Datum::Json(Cow::Borrowed(text)),
        }
    }

    /// The same value, owning all of it.
    pub(crate) fn into_owned(self) -> Constant {
        match self {
            Self::Null => Datum::Null,
            Self::Bool(value) => Datum::Bool(value),
            Self::Int(value) => Datum::Int(value),
            Self::Float(value) => Datum::Float(value),
            Self::Text(text) => Datum::Text(Cow::Owned(text.into_owned())),
            Self::Time(value) => Datum::Time(value),
            Self::Duration(value) => Datum::Duration(value),
            Self::Set(members) => {
                let owned = members.into_vec().into_iter().map(|member| Cow::Owned(member.into_owned()));
                Datum::Set(Members::Owned(owned.collect()))
            }
            Self::Json(text) => Datum::Json(Cow::Owned(text.into_owned())),
        }
    }

    /// Order of two values of one type; `None` if either is null or the types differ or have no order.
    pub(crate) fn compare(&self, other: &Datum<'_>) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Bool(a), Datum::Bool(b)) => a.cmp(b),
            (Self::Int(a), Datum::Int(b))
            | (Self::Time(a), Datum::Time(b))
            | (Self::Duration(a), Datum::Duration(b)) => a.cmp(b),
            (Self::Float(a), Datum::Float(b)) => a.total_cmp(b),
            (Self::Text(a), Datum::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Set(a), Datum::Set(b)) => a.iter().cmp(b.iter()),
            (Self::Json(a), Datum::Json(b)) => crate::functions::json::order(a, b),
            _ => return None,
        })
    }
}

impl<'a> From<Value<'a>> for Datum<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Float(value) => Self::float(value).unwrap_or(Self::Null),
            Value::Text(text) => Self::Text(text),
            Value::Time(value) => Self::Time(value),
            Value::Duration(value) => Self::Duration(value),
            Value::Set(Cow::Borrowed(members)) => {
                Self::Set(Members::Owned(members.iter().map(|member| Cow::Borrowed(&**member)).collect()))
            }
            Value::Set(Cow::Owned(members)) => Self::Set(Members::Owned(
                members.iter().map(|member| Cow::Owned(member.to_string())).collect(),
            )),
            Value::Json(text) => Self::Json(text),
        }
    }
}

/// Sameness of constants (null equals null), for telling whether two expressions are the same.
impl PartialEq for Datum<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Json(a), Self::Json(b)) => a == b,
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }
}

impl Eq for Datum<'_> {}

impl Hash for Datum<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            Self::Int(value) | Self::Time(value) | Self::Duration(value) => value.hash(state),
            Self::Float(value) => value.to_bits().hash(state),
            Self::Text(text) | Self::Json(text) => text.hash(state),
            Self::Set(members) => members.hash(state),
        }
    }
}
