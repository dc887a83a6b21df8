//! One value.

use crate::eval::Datum;
use crate::value::Value;
use std::io::Write;

/// Writes a value.
pub fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => write_null(out),
        Value::Bool(it) => write_bool(*it, out),
        Value::Int(it) => write_int(*it, out),
        Value::Float(it) => write_float(*it, out),
        Value::Text(it) => write_text(it, out),
        Value::Time(it) => quoted(out, |out| write_time(*it, out)),
        Value::Duration(it) => quoted(out, |out| write_duration(*it, out)),
        Value::Set(members) => write_set(members.iter().map(|member| &**member), out),
        Value::Json(it) => write_json(it, out),
    }
}

/// Writes a value of the row evaluator.
pub(crate) fn write_datum(value: &Datum<'_>, out: &mut Vec<u8>) {
    match value {
        Datum::Null => write_null(out),
        Datum::Bool(it) => write_bool(*it, out),
        Datum::Int(it) => write_int(*it, out),
        Datum::Float(it) => write_float(*it, out),
        Datum::Text(it) => write_text(it, out),
        Datum::Time(it) => quoted(out, |out| write_time(*it, out)),
        Datum::Duration(it) => quoted(out, |out| write_duration(*it, out)),
        Datum::Set(members) => write_set(members.iter().map(|member| &**member), out),
        Datum::Json(it) => write_json(it, out),
    }
}

pub(super) fn write_null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

pub(super) fn write_bool(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

pub(super) fn write_int(value: i64, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &value);
}

/// JSON has no word for what is not finite; it stands as null.
pub(super) fn write_float(value: f64, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &value);
}

/// Writes text with its quotes, escaped where JSON demands it.
pub fn write_text(value: &str, out: &mut Vec<u8>) {
    // Writing a str into a Vec cannot fail.
    let _ = serde_json::to_writer(out, value);
}

pub(super) fn write_set<'a>(members: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (nth, member) in members.enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        write_text(member, out);
    }
    out.push(b']');
}

/// Writes a JSON value as it is, but on one line: a line break in JSON can only stand between its tokens,
/// where a blank means the same, and a row of NDJSON must not have one.
pub(super) fn write_json(value: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(value.as_bytes());
    for byte in &mut out[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

pub(super) fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Writes a time, µs since 1970, without quotes: `2026-01-19T14:25:00.000000Z`. Years past 9999 have a sign
/// and more digits, as ISO 8601 has it.
pub fn write_time(micros: i64, out: &mut Vec<u8>) {
    let (seconds, micros) = (micros.div_euclid(MICROS_PER_SECOND), micros.rem_euclid(MICROS_PER_SECOND));
    let (days, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
    let (year, month, day) = civil(days);
    if !(0..=9_999).contains(&year) {
        out.push(if year < 0 { b'-' } else { b'+' });
    }
    digits(year.unsigned_abs(), 4, out);
    out.push(b'-');
    digits(month, 2, out);
    out.push(b'-');
    digits(day, 2, out);
    out.push(b'T');
    digits(second.unsigned_abs() / 3_600, 2, out);
    out.push(b':');
    digits(second.unsigned_abs() / 60 % 60, 2, out);
    out.push(b':');
    digits(second.unsigned_abs() % 60, 2, out);
    out.push(b'.');
    digits(micros.unsigned_abs(), 6, out);
    out.push(b'Z');
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`): years begin in March, so the leap day is the last of its year.
fn civil(days: i64) -> (i64, u64, u64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month.unsigned_abs(), day.unsigned_abs())
}

/// A number with zeros before it, `width` digits at least.
fn digits(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    while number > 0 || out.len() - start < width {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
    }
    out[start..].reverse();
}

/// Writes a duration in µs without quotes: `PT90S`, `PT0.25S`, `-PT1S`.
pub fn write_duration(micros: i64, out: &mut Vec<u8>) {
    if micros < 0 {
        out.push(b'-');
    }
    let micros = micros.unsigned_abs();
    let (seconds, rest) = (micros / MICROS_PER_SECOND as u64, micros % MICROS_PER_SECOND as u64);
    let _ = write!(out, "PT{seconds}");
    if rest > 0 {
        out.push(b'.');
        digits(rest, 6, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.push(b'S');
}
