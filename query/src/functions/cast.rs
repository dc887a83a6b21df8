//! `CAST(e AS type)`: what has no counterpart in the type is an error, never null.

use super::{Fault, arithmetic, json, time};
use crate::eval::Datum;
use crate::types::Type;
use std::borrow::Cow;

/// Whether values of `from` may be cast to `to` at all.
pub(crate) fn is_castable(from: Type, to: Type) -> bool {
    use Type::{Bool, Duration, Float, Int, Json, Null, Set, Text, Time};
    match (from, to) {
        (_, Null) => false,
        (Null, _) | (Json, Bool | Int | Float | Text | Time | Set) => true,
        (_, Json) => from != Duration,
        (Text, Bool | Int | Float | Time) => true,
        (Int, Float | Text | Bool) | (Float, Int | Text) | (Bool, Int | Text) | (Time, Text) => true,
        _ => from == to,
    }
}

/// Casts a value that is not null.
pub(super) fn cast<'a>(value: Datum<'a>, ty: Type) -> Result<Datum<'a>, Fault> {
    let cast = match (&value, ty) {
        (Datum::Text(text), Type::Bool) => match text.trim() {
            word if word.eq_ignore_ascii_case("true") => Some(Datum::Bool(true)),
            word if word.eq_ignore_ascii_case("false") => Some(Datum::Bool(false)),
            _ => None,
        },
        (Datum::Text(text), Type::Int) => text.trim().parse().ok().map(Datum::Int),
        (Datum::Text(text), Type::Float) => float(text.trim()),
        (Datum::Text(text), Type::Time) => time::parse(text.trim()).map(Datum::Time),
        (Datum::Int(number), Type::Float) => Some(Datum::Float(*number as f64)),
        (Datum::Int(number), Type::Bool) => Some(Datum::Bool(*number != 0)),
        (Datum::Int(number), Type::Text) => Some(Datum::Text(Cow::Owned(number.to_string()))),
        // The fraction is dropped.
        (Datum::Float(number), Type::Int) => arithmetic::whole(number.trunc()).map(Datum::Int),
        (Datum::Float(number), Type::Text) => Some(Datum::Text(Cow::Owned(number.to_string()))),
        (Datum::Bool(truth), Type::Int) => Some(Datum::Int(i64::from(*truth))),
        (Datum::Bool(truth), Type::Text) => Some(Datum::text(if *truth { "true" } else { "false" })),
        (Datum::Time(micros), Type::Text) => Some(Datum::Text(Cow::Owned(time::format(*micros)))),
        (Datum::Json(json), Type::Text) => Some(match json::text(json) {
            Some(text) => Datum::Text(Cow::Owned(text.into_owned())),
            None => Datum::Text(json.clone()),
        }),
        (Datum::Json(json), Type::Bool | Type::Int | Type::Float | Type::Time | Type::Set) => {
            return from_json(json, ty);
        }
        (_, Type::Json) if !matches!(value, Datum::Json(_)) => to_json(&value),
        _ if value.ty() == ty => return Ok(value),
        _ => None,
    };
    cast.ok_or_else(|| Fault::cast(&value, ty))
}

/// A JSON scalar is cast as the scalar it is; an array of strings is a set.
fn from_json<'a>(json: &str, ty: Type) -> Result<Datum<'a>, Fault> {
    let fault = || Fault::cast(&Datum::Json(Cow::Borrowed(json)), ty);
    if let Some(text) = json::text(json) {
        return cast(Datum::Text(text), ty).map(|value| value.into_owned()).map_err(|_| fault());
    }
    let scalar = match json::number(json) {
        Some(json::Number::Int(number)) => Datum::Int(number),
        Some(json::Number::Float(number)) => Datum::Float(number),
        None => match json::read(Datum::Json(Cow::Borrowed(json)), Type::Bool) {
            Datum::Null => json::read(Datum::Json(Cow::Borrowed(json)), Type::Set),
            truth => truth,
        },
    };
    if scalar.is_null() || !is_castable(scalar.ty(), ty) {
        return Err(fault());
    }
    cast(scalar, ty).map(Datum::into_owned).map_err(|_| fault())
}

fn to_json<'a>(value: &Datum<'_>) -> Option<Datum<'a>> {
    let json = match value {
        Datum::Bool(truth) => truth.to_string(),
        Datum::Int(number) => number.to_string(),
        Datum::Float(number) => serde_json::to_string(number).ok()?,
        Datum::Text(text) => serde_json::to_string(text).ok()?,
        Datum::Time(micros) => serde_json::to_string(&time::format(*micros)).ok()?,
        Datum::Set(members) => serde_json::to_string(&**members).ok()?,
        _ => return None,
    };
    Some(Datum::Json(Cow::Owned(json)))
}

/// A finite number: `inf` and `NaN` are words to Rust, but no numbers here.
fn float<'a>(text: &str) -> Option<Datum<'a>> {
    text.parse().ok().and_then(Datum::float)
}
