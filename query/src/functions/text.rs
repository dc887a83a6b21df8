//! Functions of text. Places and lengths count characters.

use crate::eval::{Datum, Members};
use std::borrow::Cow;

/// The functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TextFunction {
    Lower,
    Upper,
    /// Without white space at both ends.
    Trim,
    /// In characters.
    Length,
    /// From a place, 1-based, to the end.
    SubstrFrom,
    /// From a place, 1-based, so many characters.
    Substr,
    /// Every occurrence; nothing where the sought text is empty.
    Replace,
    /// The set of the parts between separators; the whole text where the separator is empty.
    Split,
    StartsWith,
    Contains,
}

impl TextFunction {
    pub(super) fn apply<'a>(self, a: Datum<'a>, b: Datum<'a>, c: Datum<'a>) -> Datum<'a> {
        let Datum::Text(text) = a else { return Datum::Null };
        match (self, b, c) {
            (Self::Lower, ..) => Datum::Text(Cow::Owned(text.to_lowercase())),
            (Self::Upper, ..) => Datum::Text(Cow::Owned(text.to_uppercase())),
            (Self::Trim, ..) => Datum::Text(slice(text, |text| text.trim())),
            (Self::Length, ..) => Datum::Int(text.chars().count() as i64),
            (Self::SubstrFrom, Datum::Int(from), _) => {
                Datum::Text(slice(text, |text| substr(text, from, i64::MAX)))
            }
            (Self::Substr, Datum::Int(from), Datum::Int(length)) => {
                Datum::Text(slice(text, |text| substr(text, from, length)))
            }
            (Self::Replace, Datum::Text(sought), Datum::Text(by)) => {
                if sought.is_empty() || !text.contains(&*sought) {
                    return Datum::Text(text);
                }
                Datum::Text(Cow::Owned(text.replace(&*sought, &by)))
            }
            (Self::Split, Datum::Text(separator), _) => {
                let members: Vec<_> = match (&*separator, text) {
                    ("", text) => vec![text],
                    (separator, Cow::Borrowed(text)) => text.split(separator).map(Cow::Borrowed).collect(),
                    (separator, Cow::Owned(text)) => {
                        text.split(separator).map(|part| Cow::Owned(part.to_owned())).collect()
                    }
                };
                Datum::Set(Members::of(members))
            }
            (Self::StartsWith, Datum::Text(start), _) => Datum::Bool(text.starts_with(&*start)),
            (Self::Contains, Datum::Text(part), _) => Datum::Bool(text.contains(&*part)),
            _ => Datum::Null,
        }
    }
}

/// A part of `text` that stays borrowed if the text is.
pub(super) fn slice<'a>(text: Cow<'a, str>, part: impl for<'t> Fn(&'t str) -> &'t str) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
    }
}

/// `length` characters from the `from`th (1-based); places before the first count, but hold nothing.
fn substr(text: &str, from: i64, length: i64) -> &str {
    let end = from.saturating_add(length.max(0));
    let start = byte_of(text, from);
    &text[start..byte_of(text, end).max(start)]
}

/// Where the `place`th character (1-based) begins, the text's end if it has fewer.
fn byte_of(text: &str, place: i64) -> usize {
    let Ok(skip) = usize::try_from(place.saturating_sub(1).max(0)) else { return text.len() };
    if text.is_ascii() {
        return skip.min(text.len());
    }
    text.char_indices().nth(skip).map_or(text.len(), |(at, _)| at)
}
