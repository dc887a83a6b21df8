//! JSON text: paths into it, typed reads, order and the form that equal values share.
//!
//! Nothing here parses a whole document: a path walks over the text and gives back a slice of it. The text
//! was checked when it came in; where it is not JSON after all, the answer is null, never a panic.

#[cfg(test)]
mod test;

use super::{Comparison, arithmetic, time};
use crate::eval::{Datum, Members};
use crate::types::Type;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;
use std::sync::Arc;

/// Steps into JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Path(pub(crate) Arc<[Step]>);

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A key of an object; the first of that name.
    Key(String),
    /// A place in an array, from 0.
    Index(u64),
}

impl Path {
    /// The value at the path's end; null if there is none or it is JSON null.
    pub(super) fn get<'a>(&self, json: Cow<'a, str>) -> Datum<'a> {
        match json {
            Cow::Borrowed(json) => {
                self.find(json).map_or(Datum::Null, |found| Datum::Json(Cow::Borrowed(found)))
            }
            Cow::Owned(json) => {
                self.find(&json).map_or(Datum::Null, |found| Datum::Json(Cow::Owned(found.to_owned())))
            }
        }
    }

    fn find<'j>(&self, json: &'j str) -> Option<&'j str> {
        let mut here = json.trim_matches(is_blank);
        for step in self.0.iter() {
            here = match step {
                Step::Key(key) => Walk::object(here)?.find(|(name, _)| is_named(name, key))?.1,
                Step::Index(index) => Walk::array(here)?.nth(usize::try_from(*index).ok()?)?.1,
            };
        }
        (here != "null").then_some(here)
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// Whether a key as written, quotes included, says `key`.
fn is_named(written: &str, key: &str) -> bool {
    text(written).is_some_and(|name| name == key)
}

/// The entries of one object or array: key as written (empty in arrays) and value.
struct Walk<'j> {
    json: &'j str,
    at: usize,
    keyed: bool,
}

impl<'j> Walk<'j> {
    fn object(json: &'j str) -> Option<Self> {
        json.starts_with('{').then_some(Self { json, at: 1, keyed: true })
    }

    fn array(json: &'j str) -> Option<Self> {
        json.starts_with('[').then_some(Self { json, at: 1, keyed: false })
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.json.as_bytes();
        while matches!(bytes.get(self.at)?, b' ' | b'\t' | b'\n' | b'\r' | b',') {
            self.at += 1;
        }
        Some(bytes[self.at])
    }

    /// Steps over one value and gives it.
    fn value(&mut self) -> Option<&'j str> {
        let first = self.peek()?;
        let start = self.at;
        let bytes = self.json.as_bytes();
        match first {
            b'"' => self.string()?,
            b'{' | b'[' => {
                let mut depth = 0_usize;
                loop {
                    match bytes.get(self.at)? {
                        b'"' => {
                            self.string()?;
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        break;
                    }
                }
            }
            _ => {
                let rest = &bytes[start..];
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                self.at += rest.iter().position(is_end).unwrap_or(rest.len());
            }
        }
        self.json.get(start..self.at)
    }

    /// Steps over a string.
    fn string(&mut self) -> Option<()> {
        let bytes = self.json.as_bytes();
        self.at += 1;
        loop {
            match bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }
}

impl<'j> Iterator for Walk<'j> {
    type Item = (&'j str, &'j str);

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.peek()?, b'}' | b']') {
            return None;
        }
        if !self.keyed {
            return self.value().map(|value| ("", value));
        }
        let key = self.value()?;
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.value().map(|value| (key, value))
    }
}

/// The text a JSON string says; `None` for every other value.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// A JSON number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Int(i64),
    /// With fraction or exponent, or beyond 64 bits.
    Float(f64),
}

/// The number a JSON value is; `None` for every other value and for numbers no float holds.
pub(crate) fn number(json: &str) -> Option<Number> {
    if !json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    if let Ok(number) = json.parse() {
        return Some(Number::Int(number));
    }
    let number: f64 = json.parse().ok()?;
    match arithmetic::whole(number) {
        // 4.0 is the number 4.
        Some(whole) => Some(Number::Int(whole)),
        None => number.is_finite().then_some(Number::Float(number)),
    }
}

impl Number {
    /// Exact order, whatever the mix.
    pub(crate) fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(&b),
            (Self::Int(a), Self::Float(b)) => int_to_float(a, b),
            (Self::Float(a), Self::Int(b)) => int_to_float(b, a).reverse(),
        }
    }

    fn as_float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

fn int_to_float(int: i64, float: f64) -> Ordering {
    match arithmetic::whole(float.trunc()) {
        Some(whole) => int.cmp(&whole).then_with(|| 0.0_f64.total_cmp(&(float.fract() + 0.0))),
        // Beyond every int.
        None if float > 0.0 => Ordering::Less,
        None => Ordering::Greater,
    }
}

/// JSON read as a type: null if it is not that. Values of other types are what they are.
pub(crate) fn read<'a>(value: Datum<'a>, ty: Type) -> Datum<'a> {
    let Datum::Json(json) = value else { return value };
    match (ty, &*json) {
        (Type::Json, _) => Datum::Json(json),
        (Type::Bool, "true") => Datum::Bool(true),
        (Type::Bool, "false") => Datum::Bool(false),
        (Type::Int, _) => match number(&json) {
            Some(Number::Int(number)) => Datum::Int(number),
            _ => Datum::Null,
        },
        (Type::Float, _) => {
            number(&json).and_then(|number| Datum::float(number.as_float())).unwrap_or(Datum::Null)
        }
        (Type::Text, _) => match json {
            Cow::Borrowed(json) => text(json).map_or(Datum::Null, Datum::Text),
            Cow::Owned(json) => {
                text(&json).map_or(Datum::Null, |text| Datum::Text(Cow::Owned(text.into_owned())))
            }
        },
        (Type::Time, _) => text(&json).and_then(|text| time::parse(&text)).map_or(Datum::Null, Datum::Time),
        (Type::Set, _) => match json {
            Cow::Borrowed(json) => set(json).map_or(Datum::Null, Datum::Set),
            Cow::Owned(json) => set(&json).map_or(Datum::Null, |members| Datum::Set(members).into_owned()),
        },
        _ => Datum::Null,
    }
}

/// The set an array of strings stands for.
fn set(json: &str) -> Option<Members<'_>> {
    Walk::array(json)?.map(|(_, member)| text(member)).collect::<Option<Vec<_>>>().map(Members::of)
}

/// How two JSON values compare: `None` (null) unless they are of one kind; arrays and objects can only be
/// equal or not.
pub(crate) fn compare(a: &str, b: &str, comparison: Comparison) -> Option<bool> {
    let order = match (Kind::of(a), Kind::of(b)) {
        (Kind::Number, Kind::Number) => number(a)?.order(number(b)?),
        (Kind::Text, Kind::Text) => text(a)?.cmp(&text(b)?),
        (Kind::Bool, Kind::Bool) => a.cmp(b),
        (Kind::Array, Kind::Array) | (Kind::Object, Kind::Object) if comparison.is_equality() => {
            normal(Cow::Borrowed(a)).cmp(&normal(Cow::Borrowed(b)))
        }
        _ => return None,
    };
    Some(comparison.holds(order))
}

/// The kinds of JSON values, in the order ORDER BY puts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Number,
    Text,
    Array,
    Object,
}

impl Kind {
    fn of(json: &str) -> Self {
        match json.as_bytes().first() {
            Some(b'"') => Self::Text,
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            Some(b't' | b'f') => Self::Bool,
            _ => Self::Number,
        }
    }
}

/// Order of two JSON values as ORDER BY, min and max see it.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    order_key(a).cmp(&order_key(b))
}

/// Text whose byte order is the order of JSON values: false, true, numbers, texts, arrays, objects.
pub(super) fn order_key(json: &str) -> String {
    match Kind::of(json) {
        Kind::Bool => format!("b{json}"),
        Kind::Number => match number(json) {
            Some(number) => number_key(number),
            None => format!("o{json}"),
        },
        Kind::Text => format!("s{}", text(json).unwrap_or_default()),
        Kind::Array => format!("t{}", normal(Cow::Borrowed(json))),
        Kind::Object => format!("u{}", normal(Cow::Borrowed(json))),
    }
}

/// The bits of the nearest float, made so that they order as unsigned numbers, then what an int differs
/// from it.
fn number_key(number: Number) -> String {
    const SIGN: u64 = 1 << 63;
    let float = number.as_float() + 0.0;
    let bits = float.to_bits();
    let ordered = if bits & SIGN == 0 { bits | SIGN } else { !bits };
    let rest = match number {
        Number::Int(int) => i128::from(int) - float as i128,
        Number::Float(_) => 0,
    };
    // The difference of an i64 and the float next to it is below 2^10.
    format!("n{ordered:016x}{:04x}", rest + 0x8000)
}

/// The form that equal values share: keys sorted, no blanks, numbers and escapes in one spelling.
pub(super) fn normal(json: Cow<'_, str>) -> Cow<'_, str> {
    let is_plain = match Kind::of(&json) {
        Kind::Bool => true,
        Kind::Text => !json.contains('\\'),
        Kind::Number => json.bytes().all(|byte| byte.is_ascii_digit()),
        Kind::Array | Kind::Object => false,
    };
    if is_plain {
        return json;
    }
    let Ok(value) = serde_json::from_str::<serde_json::Value>(&json) else { return json };
    let mut out = String::with_capacity(json.len());
    write_normal(&value, &mut out);
    Cow::Owned(out)
}

fn write_normal(value: &serde_json::Value, out: &mut String) {
    use serde_json::Value;
    match value {
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_normal(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            out.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::String(key.clone()));
                write_normal(value, out);
            }
            out.push('}');
        }
        Value::Number(written) => {
            let _ = match number(&written.to_string()) {
                Some(Number::Int(number)) => write!(out, "{number}"),
                _ => write!(out, "{written}"),
            };
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}
