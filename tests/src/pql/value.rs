//! The values PQL speaks of, and what it says of two of them: how they compare, how they are ordered, how they
//! stand in an answer.

use crate::time;
use serde_json::{Number, Value as Json, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// The types there are; `Null` is that of a bare `null`, which goes with all of them.
#[expect(missing_docs, reason = "the words of the language say it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Null,
    Bool,
    Int,
    Float,
    Text,
    Time,
    Duration,
    Set,
    Json,
}

impl Type {
    /// As it stands beside a column of an answer.
    #[must_use]
    pub fn word(self) -> &'static str {
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

    /// The type that CAST calls so.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "bool" | "boolean" => Self::Bool,
            "int" | "integer" | "bigint" => Self::Int,
            "float" | "double" | "real" => Self::Float,
            "text" | "string" | "varchar" => Self::Text,
            "time" | "timestamp" => Self::Time,
            "duration" => Self::Duration,
            "set" => Self::Set,
            "json" => Self::Json,
            _ => return None,
        })
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Json | Self::Null)
    }
}

/// A value. Times and durations are microseconds; JSON null is `Null`.
#[expect(missing_docs, reason = "the words of the language say it")]
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Time(i64),
    Duration(i64),
    Set(BTreeSet<String>),
    Json(Json),
}

impl From<Option<bool>> for Value {
    fn from(truth: Option<bool>) -> Self {
        truth.map_or(Self::Null, Self::Bool)
    }
}

impl Value {
    /// JSON as a value of its own.
    #[must_use]
    pub fn json(json: Json) -> Self {
        if json.is_null() { Self::Null } else { Self::Json(json) }
    }

    /// What an answer or a row of the model says, as a value of the column's type.
    ///
    /// # Panics
    /// When the model's row is not of the type.
    #[must_use]
    pub fn of_column(json: &Json, kind: Type) -> Self {
        if json.is_null() {
            return Self::Null;
        }
        let value = match kind {
            Type::Bool => json.as_bool().map(Self::Bool),
            Type::Int => json.as_i64().map(Self::Int),
            Type::Float => json.as_f64().map(Self::Float),
            Type::Text => json.as_str().map(|text| Self::Text(text.to_owned())),
            Type::Time => json.as_str().map(|text| Self::Time(time::micros(text))),
            Type::Set => set_of(json).map(Self::Set),
            Type::Json => Some(Self::Json(json.clone())),
            Type::Null | Type::Duration => None,
        };
        value.unwrap_or_else(|| panic!("{json} is no {}", kind.word()))
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Read as truth.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) | Self::Json(Json::Bool(truth)) => Some(*truth),
            _ => None,
        }
    }

    /// Read as a text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Json(Json::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Read as a number, as a float.
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "an int beside a float is one")]
            Self::Int(int) => Some(*int as f64),
            Self::Float(float) => Some(*float),
            Self::Json(json) => json.as_f64(),
            _ => None,
        }
    }

    /// Read as a whole number of 64 bits.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Json(Json::Number(number)) => whole(number),
            _ => None,
        }
    }

    /// Read as a time.
    pub(super) fn time(&self) -> Option<i64> {
        match self {
            Self::Time(at) => Some(*at),
            Self::Json(Json::String(text)) => parse_time(text),
            _ => None,
        }
    }

    /// Read as a set.
    pub(super) fn set(&self) -> Option<BTreeSet<String>> {
        match self {
            Self::Set(set) => Some(set.clone()),
            Self::Json(json) => set_of(json),
            _ => None,
        }
    }

    /// Read as that type; what is not of it is null. An int becomes a float.
    pub(super) fn read(self, kind: Type) -> Self {
        let read = match kind {
            Type::Bool => self.truth().map(Self::Bool),
            Type::Int => self.int().map(Self::Int),
            Type::Float => self.float().map(Self::Float),
            Type::Text => self.text().map(|text| Self::Text(text.to_owned())),
            Type::Time => self.time().map(Self::Time),
            Type::Set => self.set().map(Self::Set),
            Type::Null | Type::Duration | Type::Json => Some(self),
        };
        read.unwrap_or(Self::Null)
    }

    /// As it stands in an answer.
    #[must_use]
    pub fn answer(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => json!(truth),
            Self::Int(int) => json!(int),
            Self::Float(float) => json!(float),
            Self::Text(text) => json!(text),
            Self::Time(at) => json!(time::text(*at)),
            Self::Duration(length) => json!(duration(*length)),
            Self::Set(set) => json!(set),
            Self::Json(json) => json.clone(),
        }
    }
}

/// Microseconds of an RFC 3339 text; digits past the microsecond are cut off.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_micros())
}

fn set_of(json: &Json) -> Option<BTreeSet<String>> {
    json.as_array()?.iter().map(|member| member.as_str().map(str::to_owned)).collect()
}

fn whole(number: &Number) -> Option<i64> {
    if let Some(int) = number.as_i64() {
        return Some(int);
    }
    let float = number.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "the range is asked for first")]
    (float.fract() == 0.0 && (-9.2e18..9.2e18).contains(&float)).then_some(float as i64)
}

/// ISO 8601, in seconds.
fn duration(length: i64) -> String {
    let (seconds, micros) = (length.unsigned_abs() / 1_000_000, length.unsigned_abs() % 1_000_000);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{}PT{seconds}{}S", if length < 0 { "-" } else { "" }, fraction.trim_end_matches('0'))
}

/// How two values that may be compared compare; `None` where one is null, or JSON of another kind.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    use Value as V;
    match (left, right) {
        (V::Null, _) | (_, V::Null) => None,
        (V::Int(a), V::Int(b)) => Some(a.cmp(b)),
        (V::Json(Json::Number(a)), V::Int(b)) => exactly(a, &Number::from(*b)),
        (V::Int(a), V::Json(Json::Number(b))) => exactly(&Number::from(*a), b),
        (V::Json(a), V::Json(b)) => same_kind(a, b),
        (V::Int(_) | V::Float(_), _) | (_, V::Int(_) | V::Float(_)) => {
            left.float()?.partial_cmp(&right.float()?)
        }
        (V::Bool(_), _) | (_, V::Bool(_)) => Some(left.truth()?.cmp(&right.truth()?)),
        (V::Time(_), _) | (_, V::Time(_)) => Some(left.time()?.cmp(&right.time()?)),
        (V::Text(_), _) | (_, V::Text(_)) => Some(left.text()?.as_bytes().cmp(right.text()?.as_bytes())),
        (V::Duration(a), V::Duration(b)) => Some(a.cmp(b)),
        (V::Duration(_), _) | (_, V::Duration(_)) => None,
        (V::Set(_), _) | (_, V::Set(_)) => Some(left.set()?.cmp(&right.set()?)),
    }
}

/// Two numbers of JSON, without rounding either.
fn exactly(a: &Number, b: &Number) -> Option<Ordering> {
    let (x, y) = (whole(a), whole(b));
    if let (Some(x), Some(y)) = (x, y) {
        return Some(x.cmp(&y));
    }
    // One of them at least has a fraction or is beyond 64 bits: the other's rounding cannot bring them together
    // unless it is beyond 2^53, and then the fraction is none.
    a.as_f64()?.partial_cmp(&b.as_f64()?)
}

/// JSON beside JSON: equal kinds only; arrays and objects are equal or they are not.
fn same_kind(a: &Json, b: &Json) -> Option<Ordering> {
    match (a, b) {
        (Json::Bool(a), Json::Bool(b)) => Some(a.cmp(b)),
        (Json::Number(a), Json::Number(b)) => exactly(a, b),
        (Json::String(a), Json::String(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Json::Array(_), Json::Array(_)) | (Json::Object(_), Json::Object(_)) => {
            Some(normal(a).cmp(&normal(b)))
        }
        _ => None,
    }
}

/// One spelling of all that are equal: keys in order, `1` for `1.0`.
pub(super) fn normal(json: &Json) -> String {
    match json {
        Json::Number(number) => whole(number).map_or_else(|| number.to_string(), |int| int.to_string()),
        Json::Array(items) => format!("[{}]", items.iter().map(normal).collect::<Vec<_>>().join(",")),
        Json::Object(members) => {
            let mut members: Vec<(&String, &Json)> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
            let members = members.iter().map(|(key, value)| format!("{}:{}", json!(key), normal(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// The order of ORDER BY, GROUP BY and DISTINCT; null is the greatest.
pub(super) fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Json(a), Value::Json(b)) => {
            rank(a).cmp(&rank(b)).then_with(|| same_kind(a, b).unwrap_or(Ordering::Equal))
        }
        _ => compare(left, right).unwrap_or(Ordering::Equal),
    }
}

/// The same over several.
pub(super) fn order_all(left: &[Value], right: &[Value]) -> Ordering {
    left.iter().zip(right).map(|(a, b)| order(a, b)).find(|found| found.is_ne()).unwrap_or(Ordering::Equal)
}

fn rank(json: &Json) -> u8 {
    match json {
        Json::Null => 0,
        Json::Bool(_) => 1,
        Json::Number(_) => 2,
        Json::String(_) => 3,
        Json::Array(_) => 4,
        Json::Object(_) => 5,
    }
}
