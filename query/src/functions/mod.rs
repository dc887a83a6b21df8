//! What PQL computes: every operation once, as a function from values to a value.
//!
//! Both evaluators call these same kernels, row by row; what DataFusion does natively and alike (comparing
//! plain types, AND, OR, NOT, IS NULL, IN over constants, counting) is lowered to its own operators instead,
//! and a property test holds the two together.

pub(crate) mod aggregate;
pub(crate) mod arithmetic;
mod cast;
pub(crate) mod compare;
pub(crate) mod json;
mod number;
pub(crate) mod pattern;
pub(crate) mod set;
pub(crate) mod text;
pub(crate) mod time;

pub(crate) use aggregate::Aggregate;
pub(crate) use arithmetic::Arithmetic;
pub(crate) use cast::is_castable;
pub(crate) use compare::Comparison;
pub(crate) use json::Path;
pub(crate) use number::NumberFunction;
pub(crate) use pattern::Pattern;
pub(crate) use set::SetOp;
pub(crate) use text::TextFunction;
pub(crate) use time::Unit;

use crate::eval::Datum;
use crate::types::Type;
use grammar::{Code, Error, Span};
use std::borrow::Cow;
use std::fmt;

/// An operation on one to three values, its types chosen. All give null when an operand is null, but
/// [`Op::Extreme`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// Two values of one type.
    Compare(Comparison),
    /// Two JSON values: null unless both are of one kind.
    CompareJson(Comparison),
    /// A JSON number, exactly, with an int.
    CompareJsonInt(Comparison),
    Arithmetic(Arithmetic),
    Negate,
    /// Text after text.
    Concat,
    /// Two sets, or a text and a set.
    Set(SetOp),
    /// Members of a set.
    Size,
    /// Text and pattern: `%` any stretch, `_` any character, `\` takes the next as it is.
    Like {
        any_case: bool,
    },
    /// A regular expression, compiled once.
    Matches(Pattern),
    /// A step-by-step read into JSON.
    Path(Path),
    /// JSON as a type; null if it is not that.
    Read(Type),
    /// An int as a float.
    Float,
    /// CAST; fails where the value has no counterpart.
    Cast(Type),
    /// The one form that equal JSON values share: for GROUP BY and DISTINCT.
    Normal,
    /// Text whose byte order is the order of JSON values, or of sets.
    OrderKey,
    /// greatest (true) or least of two; a null is passed over.
    Extreme {
        greatest: bool,
    },
    Text(TextFunction),
    Number(NumberFunction),
    /// The start of the calendar unit a time lies in, UTC.
    Truncate(Unit),
    /// The start of the stretch of so many microseconds a time lies in, counted from 1970.
    Bucket(i64),
}

impl Op {
    /// Whether it can fail, given the type of its first operand.
    pub(crate) fn is_fallible(&self, first: Type) -> bool {
        match self {
            Self::Arithmetic(_) | Self::Negate | Self::Cast(_) | Self::Truncate(_) | Self::Bucket(_) => true,
            Self::Number(function) => function.is_fallible(first),
            _ => false,
        }
    }

    /// Whether null operands do not simply give null.
    pub(crate) fn takes_nulls(&self) -> bool {
        matches!(self, Self::Extreme { .. })
    }

    /// Applies it to its operands, the ones beyond its arity null.
    ///
    /// # Errors
    /// What the caller turns into an error at the expression's span.
    pub(crate) fn apply<'a>(&self, a: Datum<'a>, b: Datum<'a>, c: Datum<'a>) -> Result<Datum<'a>, Fault> {
        Ok(match (self, a, b) {
            (Self::Compare(comparison), a, b) => {
                a.compare(&b).map_or(Datum::Null, |order| Datum::Bool(comparison.holds(order)))
            }
            (Self::CompareJson(comparison), Datum::Json(a), Datum::Json(b)) => {
                json::compare(&a, &b, *comparison).map_or(Datum::Null, Datum::Bool)
            }
            (Self::CompareJsonInt(comparison), Datum::Json(a), Datum::Int(b)) => json::number(&a)
                .map_or(Datum::Null, |a| Datum::Bool(comparison.holds(a.order(json::Number::Int(b))))),
            (Self::Arithmetic(arithmetic), a, b) => arithmetic.apply(&a, &b)?,
            (Self::Negate, a, _) => arithmetic::negate(&a)?,
            (Self::Concat, Datum::Text(a), Datum::Text(b)) => Datum::Text(a + b),
            (Self::Set(op), a, b) => op.apply(a, b),
            (Self::Size, Datum::Set(members), _) => Datum::Int(members.len() as i64),
            (Self::Like { any_case }, Datum::Text(text), Datum::Text(pattern)) => {
                Datum::Bool(pattern::like(&text, &pattern, *any_case))
            }
            (Self::Matches(pattern), Datum::Text(text), _) => Datum::Bool(pattern.is_match(&text)),
            (Self::Path(path), Datum::Json(json), _) => path.get(json),
            (Self::Read(ty), value, _) => json::read(value, *ty),
            (Self::Float, Datum::Int(value), _) => Datum::Float(value as f64),
            (Self::Cast(ty), value, _) => cast::cast(value, *ty)?,
            (Self::Normal, Datum::Json(json), _) => Datum::Json(json::normal(json)),
            (Self::OrderKey, Datum::Json(json), _) => Datum::Text(Cow::Owned(json::order_key(&json))),
            (Self::OrderKey, Datum::Set(members), _) => Datum::Text(Cow::Owned(set::order_key(&members))),
            (Self::Extreme { greatest }, a, b) => match a.compare(&b) {
                Some(order) if (order == std::cmp::Ordering::Less) == *greatest => b,
                Some(_) => a,
                None if a.is_null() => b,
                None => a,
            },
            (Self::Text(function), a, b) => function.apply(a, b, c),
            (Self::Number(function), a, b) => function.apply(&a, &b)?,
            (Self::Truncate(unit), Datum::Time(time), _) => Datum::Time(unit.start_of(time)?),
            (Self::Bucket(width), Datum::Time(time), _) => Datum::Time(time::bucket(*width, time)?),
            // The resolver gives every operation operands of its types, so what is left is null.
            _ => Datum::Null,
        })
    }
}

/// Text that tells operations apart, parameters included.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why an operation failed; where is for the caller to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<&'static str>,
}

impl Fault {
    pub(crate) fn division_by_zero() -> Self {
        Self {
            code: Code::DivisionByZero,
            message: "division by zero".to_owned(),
            hint: Some("guard it: CASE WHEN divisor = 0 THEN null ELSE … END, or nullif(divisor, 0)"),
        }
    }

    pub(crate) fn overflow(ty: Type) -> Self {
        let message = format!("the result does not fit {}", article(ty));
        Self { code: Code::Overflow, message, hint: None }
    }

    pub(crate) fn cast(value: &Datum<'_>, ty: Type) -> Self {
        let message = format!("{} is no {}", shown(value), ty.as_str());
        Self { code: Code::CastFailed, message, hint: None }
    }

    /// The error at a place in the statement.
    #[cold]
    pub(crate) fn at(self, span: Span) -> Error {
        Error { code: self.code, message: self.message, hint: self.hint.map(str::to_owned), span }
    }
}

/// "an int", "a float".
pub(crate) fn article(ty: Type) -> String {
    let article = if ty == Type::Int { "an" } else { "a" };
    format!("{article} {}", ty.as_str())
}

/// Most characters of a value that an error shows.
const SHOWN_CHARS_MAX: usize = 60;

/// A value as an error shows it.
pub(crate) fn shown(value: &Datum<'_>) -> String {
    let text = match value {
        Datum::Null => "null".to_owned(),
        Datum::Bool(value) => value.to_string(),
        Datum::Int(value) => value.to_string(),
        Datum::Float(value) => value.to_string(),
        Datum::Text(text) => format!("'{text}'"),
        Datum::Time(time) => format!("'{}'", time::format(*time)),
        Datum::Duration(micros) => format!("{micros} µs"),
        Datum::Set(members) => format!("{{{}}}", members.join(", ")),
        Datum::Json(json) => json.to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
