//! The functions of docs/pql/functions.md: what they take, and what they give of one row. CAST is among them.

use super::Stop;
use super::eval::{Frame, Run};
use super::meaning::{mismatch, one_type};
use super::node::Node;
use super::value::{Type, Value, compare, normal, order, parse_time};
use crate::time;
use chrono::{DateTime, Datelike as _, Months, NaiveDate, Utc};
use grammar::Code;
use serde_json::{Value as Json, json};
use std::cmp::Ordering;

/// The functions over groups.
const AGGREGATES: &[&str] =
    &["count", "sum", "avg", "min", "max", "median", "stddev", "quantile", "first", "last", "any", "collect"];

pub(super) fn is_aggregate(name: &str) -> bool {
    AGGREGATES.contains(&name)
}

/// What an aggregate gives of values of that type.
pub(super) fn aggregate_type(name: &str, arg: Option<Type>) -> Result<Type, Stop> {
    let kind = arg.unwrap_or(Type::Int);
    Ok(match (name, kind) {
        ("count", _) => Type::Int,
        ("sum", Type::Int | Type::Float | Type::Duration) => kind,
        ("sum" | "avg" | "median" | "stddev" | "quantile", Type::Json | Type::Float | Type::Int) => {
            Type::Float
        }
        ("avg", Type::Duration) => Type::Duration,
        ("min" | "max", Type::Set) => return mismatch(),
        ("min" | "max" | "first" | "last" | "any", _) => kind,
        ("collect", Type::Text | Type::Set | Type::Json | Type::Null) => Type::Set,
        _ => return mismatch(),
    })
}

/// A call, if there is such a function and it takes these.
pub(super) fn call(name: &str, args: Vec<(Node, Type)>) -> Result<(Node, Type), Stop> {
    use Type::{Bool, Duration, Float, Int, Json, Null, Set, Text, Time};
    let made = |args: Vec<(Node, Type)>, kind: Type| {
        let args = args.into_iter().map(|(node, _)| node).collect();
        Ok((Node::Call { name: name.to_owned(), args, kind }, kind))
    };
    if matches!(name, "coalesce" | "greatest" | "least" | "nullif") {
        let fits = if name == "nullif" { args.len() == 2 } else { !args.is_empty() };
        if !fits {
            return Err(Stop::Error(Code::WrongArgumentCount));
        }
        let (args, kind) = one_type(args)?;
        return Ok((Node::Call { name: name.to_owned(), args, kind }, kind));
    }
    let first = args.first().map(|(_, kind)| *kind);
    let (takes, optional, gives): (&[Type], usize, Type) = match name {
        "lower" | "upper" | "trim" => (&[Text], 0, Text),
        "length" => (&[Text], 0, Int),
        "substr" => (&[Text, Int, Int], 1, Text),
        "replace" => (&[Text, Text, Text], 0, Text),
        "split" => (&[Text, Text], 0, Set),
        "starts_with" | "contains" => (&[Text, Text], 0, Bool),
        "abs" if first == Some(Duration) => (&[Duration], 0, Duration),
        "abs" | "floor" | "ceil" => (&[Float], 0, if first == Some(Int) { Int } else { Float }),
        "round" => (&[Float, Int], 1, if first == Some(Int) { Int } else { Float }),
        "now" => (&[], 0, Time),
        "ago" => (&[Duration], 0, Time),
        "age" => (&[Time], 0, Duration),
        "bucket" => (&[Duration, Time], 0, Time),
        "date_trunc" => (&[Text, Time], 0, Time),
        "size" => (&[Set], 0, Int),
        "text" => (&[Json], 0, Text),
        "int" => (&[Json], 0, Int),
        "float" => (&[Json], 0, Float),
        "bool" => (&[Json], 0, Bool),
        "time" => (&[Json], 0, Time),
        _ => return Err(Stop::Error(Code::UnknownFunction)),
    };
    if args.len() > takes.len() || args.len() + optional < takes.len() {
        return Err(Stop::Error(Code::WrongArgumentCount));
    }
    for ((_, kind), wanted) in args.iter().zip(takes) {
        let fits = match wanted {
            Float => kind.is_number(),
            Duration => matches!(kind, Duration | Null),
            wanted => kind == wanted || matches!(kind, Json | Null),
        };
        if !fits {
            return mismatch();
        }
    }
    if name == "bucket" && !matches!(args[0].0, Node::Constant(Value::Duration(1..))) {
        return mismatch();
    }
    made(args, gives)
}

/// A call over one row.
pub(super) fn eval(
    name: &str,
    args: &[Node],
    kind: Type,
    frame: &Frame<'_>,
    run: &Run<'_>,
) -> Result<Value, Stop> {
    let value = |index: usize| args[index].eval(frame, run);
    match name {
        "coalesce" => {
            for index in 0..args.len() {
                let value = value(index)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            return Ok(Value::Null);
        }
        "nullif" => {
            let first = value(0)?;
            if first.is_null() {
                return Ok(Value::Null);
            }
            let same = compare(&first, &value(1)?).is_some_and(Ordering::is_eq);
            return Ok(if same { Value::Null } else { first });
        }
        _ => {}
    }
    let values = (0..args.len()).map(value).collect::<Result<Vec<_>, _>>()?;
    if matches!(name, "greatest" | "least") {
        let there = values.into_iter().filter(|value| !value.is_null());
        let best = if name == "greatest" { there.max_by(order) } else { there.min_by(order) };
        return Ok(best.unwrap_or(Value::Null));
    }
    known(name, &values, kind, run).map(|value| value.unwrap_or(Value::Null))
}

/// The functions that are null where an argument is, or is not of the type it is read as.
fn known(name: &str, args: &[Value], kind: Type, run: &Run<'_>) -> Result<Option<Value>, Stop> {
    let text = |index: usize| args.get(index).and_then(Value::text);
    let overflow = || Stop::Error(Code::Overflow);
    Ok(match name {
        "lower" => text(0).map(|text| Value::Text(text.to_lowercase())),
        "upper" => text(0).map(|text| Value::Text(text.to_uppercase())),
        "trim" => text(0).map(|text| Value::Text(text.trim().to_owned())),
        "length" => text(0).map(|text| Value::Int(int(text.chars().count()))),
        "substr" => substr(args),
        "replace" => text(0).zip(text(1)).zip(text(2)).map(|((text, sought), by)| {
            Value::Text(if sought.is_empty() { text.to_owned() } else { text.replace(sought, by) })
        }),
        "split" => text(0).zip(text(1)).map(|(text, separator)| {
            let whole = std::iter::once(text.to_owned());
            Value::Set(if separator.is_empty() {
                whole.collect()
            } else {
                text.split(separator).map(str::to_owned).collect()
            })
        }),
        "starts_with" => text(0).zip(text(1)).map(|(text, start)| Value::Bool(text.starts_with(start))),
        "contains" => text(0).zip(text(1)).map(|(text, part)| Value::Bool(text.contains(part))),
        "abs" | "floor" | "ceil" if kind == Type::Int => match args[0] {
            Value::Int(int) if name == "abs" => Some(Value::Int(int.checked_abs().ok_or_else(overflow)?)),
            Value::Int(int) => Some(Value::Int(int)),
            _ => None,
        },
        "abs" if kind == Type::Duration => match args[0] {
            Value::Duration(length) => Some(Value::Duration(length.checked_abs().ok_or_else(overflow)?)),
            _ => None,
        },
        "abs" => args[0].float().map(|float| Value::Float(float.abs())),
        "floor" => args[0].float().map(|float| Value::Float(float.floor())),
        "ceil" => args[0].float().map(|float| Value::Float(float.ceil())),
        "round" => round(args)?,
        "now" => Some(Value::Time(run.now)),
        "ago" => match args[0] {
            Value::Duration(length) => Some(Value::Time(run.now - length)),
            _ => None,
        },
        "age" => args[0].time().map(|at| Value::Duration(run.now - at)),
        "bucket" => match (&args[0], args[1].time()) {
            (Value::Duration(width), Some(at)) => Some(Value::Time(at.div_euclid(*width) * width)),
            _ => None,
        },
        "date_trunc" => match (text(0), args[1].time()) {
            (Some(unit), Some(at)) => Some(Value::Time(truncated(unit, at)?)),
            _ => None,
        },
        "size" => args[0].set().map(|set| Value::Int(int(set.len()))),
        "int" | "text" | "float" | "bool" | "time" => Some(args[0].clone().read(kind)),
        _ => unreachable!("{name} is known"),
    })
}

fn int(count: usize) -> i64 {
    i64::try_from(count).expect("a count fits")
}

fn substr(args: &[Value]) -> Option<Value> {
    let (text, from) = (args[0].text()?, args[1].int()?);
    let end = match args.get(2) {
        Some(length) => from.saturating_add(length.int()?.max(0)),
        None => i64::MAX,
    };
    let chars = text.chars().zip(1_i64..).filter(|(_, place)| (from..end).contains(place));
    Some(Value::Text(chars.map(|(char, _)| char).collect()))
}

fn round(args: &[Value]) -> Result<Option<Value>, Stop> {
    let decimals = match args.get(1) {
        None => 0,
        Some(decimals) => match decimals.int() {
            Some(decimals) => decimals,
            None => return Ok(None),
        },
    };
    if let Value::Int(whole) = args[0] {
        if decimals >= 0 {
            return Ok(Some(Value::Int(whole)));
        }
        let step = 10_i128.checked_pow(u32::try_from(-decimals).unwrap_or(u32::MAX));
        let Some(step) = step else { return Ok(Some(Value::Int(0))) };
        let (whole, half) = (i128::from(whole), step / 2);
        let rounded = (whole.abs() + half) / step * step * whole.signum();
        return i64::try_from(rounded)
            .map(|int| Some(Value::Int(int)))
            .map_err(|_| Stop::Error(Code::Overflow));
    }
    let Some(float) = args[0].float() else { return Ok(None) };
    if decimals != 0 {
        return Err(Stop::Unknowable("how the decimals of a float are rounded"));
    }
    Ok(Some(Value::Float(float.round())))
}

/// The start of the calendar unit.
fn truncated(unit: &str, at: i64) -> Result<i64, Stop> {
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    let down = |width: i64| at.div_euclid(width) * width;
    let date = DateTime::<Utc>::from_timestamp_micros(at).expect("a time of an event").date_naive();
    let midnight =
        |date: NaiveDate| date.and_hms_opt(0, 0, 0).expect("midnight").and_utc().timestamp_micros();
    let first = date.with_day(1).expect("each month has one");
    Ok(match unit {
        "millisecond" => down(1_000),
        "second" => down(SECOND),
        "minute" => down(60 * SECOND),
        "hour" => down(3_600 * SECOND),
        "day" => down(DAY),
        "week" => midnight(date.week(chrono::Weekday::Mon).first_day()),
        "month" => midnight(first),
        "quarter" => midnight(first - Months::new(first.month0() % 3)),
        "year" => midnight(first.with_month(1).expect("each year has one")),
        _ => return mismatch(),
    })
}

/// Whether there is such a cast.
pub(super) fn casts(from: Type, to: Type) -> bool {
    use Type::{Bool, Float, Int, Json, Null, Set, Text, Time};
    from == to
        || match from {
            Null => true,
            Text => matches!(to, Bool | Int | Float | Time | Json),
            Int => matches!(to, Float | Text | Bool | Json),
            Float => matches!(to, Int | Text | Json),
            Bool => matches!(to, Int | Text | Json),
            Time => matches!(to, Text | Json),
            Json => matches!(to, Bool | Int | Float | Text | Time | Set),
            Set => to == Json,
            Type::Duration => false,
        }
}

/// `CAST(value AS to)`
pub(super) fn cast(value: Value, to: Type) -> Result<Value, Stop> {
    let failed = Stop::Error(Code::CastFailed);
    if let Value::Json(json) = &value {
        let scalar = match json {
            _ if to == Type::Json => return Ok(value),
            _ if to == Type::Set => return value.set().map(Value::Set).ok_or(failed),
            Json::String(text) => Value::Text(text.clone()),
            Json::Bool(truth) => Value::Bool(*truth),
            Json::Number(number) => match number.as_i64() {
                Some(int) => Value::Int(int),
                None => Value::Float(number.as_f64().ok_or(failed)?),
            },
            _ if to == Type::Text => return Ok(Value::Text(normal(json))),
            _ => return Err(failed),
        };
        return if casts_to(&scalar, to) { cast(scalar, to) } else { Err(failed) };
    }
    if to == Type::Json && !value.is_null() {
        return Ok(Value::Json(match &value {
            Value::Text(text) => json!(text),
            other => other.answer(),
        }));
    }
    Ok(match (value, to) {
        (Value::Null, _) => Value::Null,
        (Value::Text(text), Type::Bool) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(failed),
        },
        (Value::Text(text), Type::Int) => Value::Int(text.trim().parse().map_err(|_| failed)?),
        (Value::Text(text), Type::Float) => match text.trim().parse::<f64>() {
            Ok(float) if float.is_finite() => Value::Float(float),
            _ => return Err(failed),
        },
        (Value::Text(text), Type::Time) => Value::Time(parse_time(text.trim()).ok_or(failed)?),
        (value @ Value::Int(_), Type::Float) => value.read(Type::Float),
        (Value::Int(int), Type::Text) => Value::Text(int.to_string()),
        (Value::Int(int), Type::Bool) => Value::Bool(int != 0),
        #[expect(clippy::cast_possible_truncation, reason = "the range is asked for first")]
        (Value::Float(float), Type::Int) => {
            if (-9.2e18..9.2e18).contains(&float) {
                Value::Int(float.trunc() as i64)
            } else {
                return Err(failed);
            }
        }
        (Value::Float(float), Type::Text) => Value::Text(float.to_string()),
        (Value::Bool(truth), Type::Int) => Value::Int(i64::from(truth)),
        (Value::Bool(truth), Type::Text) => Value::Text(truth.to_string()),
        (Value::Time(at), Type::Text) => Value::Text(time::text(at)),
        (value, _) => value,
    })
}

fn casts_to(scalar: &Value, to: Type) -> bool {
    let from = match scalar {
        Value::Text(_) => Type::Text,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        _ => Type::Float,
    };
    casts(from, to)
}
