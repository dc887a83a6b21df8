//! What fields must hold. Problems are collected, so that a caller hears of all of them at once.

use crate::TextSet;
use crate::event::DATA_BYTES_MAX;
use crate::rejection::{Problem, Rejection};
use crate::time;
use serde::de::IgnoredAny;
use std::ops::RangeInclusive;
use store::{Text, Timestamp};

/// Longest id a caller may give, in characters.
pub const ID_CHARS_MAX: usize = 128;
/// Most capabilities, or labels, of one task or agent: more are not a set of words but data.
pub const WORDS_MAX: usize = 64;
/// Longest capability or label, in characters.
pub const WORD_CHARS_MAX: usize = 128;
/// Longest task type, in characters.
const KIND_CHARS_MAX: usize = 32;

/// Whether a caller may give this as an id: `[A-Za-z0-9._:-]{1,128}`.
#[must_use]
pub fn is_id(id: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    /// The first field that no event can hold.
    too_large: Option<(String, usize)>,
}

impl Problems {
    pub(crate) fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.found.push(Problem { pointer: pointer.into(), message: message.into() });
    }

    /// Whether there is none.
    ///
    /// # Errors
    /// That one is too large for an event; else all of them.
    pub(crate) fn finish(self) -> Result<(), Rejection> {
        let Self { found, too_large } = self;
        if let Some((pointer, bytes)) = too_large {
            let (kind, pointer, bytes_max) = (None, Some(pointer), DATA_BYTES_MAX);
            return Err(Rejection::TooLarge { kind, pointer, bytes, bytes_max });
        }
        if found.is_empty() { Ok(()) } else { Err(Rejection::Validation(found)) }
    }

    pub(crate) fn id(&mut self, pointer: &str, id: &str) {
        if !is_id(id) {
            self.add(pointer, format!("must be 1 to {ID_CHARS_MAX} of the characters A-Z a-z 0-9 . _ : -"));
        }
    }

    pub(crate) fn maybe_id(&mut self, pointer: &str, id: Option<&Text>) {
        if let Some(id) = id {
            self.id(pointer, id);
        }
    }

    /// Any text within the bound.
    pub(crate) fn text(&mut self, pointer: &str, text: &str) {
        if text.len() > DATA_BYTES_MAX {
            self.too_large.get_or_insert_with(|| (pointer.to_owned(), text.len()));
        }
    }

    pub(crate) fn maybe_text(&mut self, pointer: &str, text: Option<&Text>) {
        if let Some(text) = text {
            self.text(pointer, text);
        }
    }

    /// Text that says something.
    pub(crate) fn some_text(&mut self, pointer: &str, text: &str) {
        if text.is_empty() {
            self.add(pointer, "must not be empty");
        }
        self.text(pointer, text);
    }

    pub(crate) fn kind(&mut self, pointer: &str, kind: &str) {
        let holds = (1..=KIND_CHARS_MAX).contains(&kind.len())
            && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !holds {
            self.add(
                pointer,
                format!(
                    "must be feature, bugfix, refactor, docs, ops or 1 to {KIND_CHARS_MAX} of the characters a-z 0-9 -"
                ),
            );
        }
    }

    pub(crate) fn words(&mut self, pointer: &str, words: &TextSet) {
        let words = words.as_slice();
        if words.len() > WORDS_MAX {
            self.add(pointer, format!("has {} members, at most {WORDS_MAX} are allowed", words.len()));
        }
        for word in words {
            if word.is_empty() {
                self.add(pointer, "must not hold an empty text");
            } else if word.chars().nth(WORD_CHARS_MAX).is_some() {
                self.add(pointer, format!("`{}…` is longer than {WORD_CHARS_MAX} characters", start(word)));
            }
        }
    }

    /// A JSON object as text.
    pub(crate) fn object(&mut self, pointer: &str, json: Option<&Text>) {
        let Some(json) = json else { return };
        if !json.trim_start().starts_with('{') {
            self.add(pointer, "must be a JSON object");
        }
        self.json(pointer, Some(json));
    }

    /// Any JSON as text.
    pub(crate) fn json(&mut self, pointer: &str, json: Option<&Text>) {
        let Some(json) = json else { return };
        self.text(pointer, json);
        if let Err(error) = serde_json::from_str::<IgnoredAny>(json) {
            self.add(pointer, format!("must be JSON: {error}"));
        }
    }

    pub(crate) fn range(&mut self, pointer: &str, value: Option<i64>, range: RangeInclusive<i64>) {
        if let Some(value) = value
            && !range.contains(&value)
        {
            self.add(pointer, format!("is {value}, must be {} to {}", range.start(), range.end()));
        }
    }

    pub(crate) fn moment(&mut self, pointer: &str, moment: Option<Timestamp>) {
        if moment.is_some_and(|moment| !(time::MIN..=time::MAX).contains(&moment)) {
            self.add(pointer, "must be in the years 0 to 9999");
        }
    }

    /// A list that has a bound.
    pub(crate) fn at_most(&mut self, pointer: &str, length: usize, max: usize) {
        if length > max {
            self.add(pointer, format!("has {length} members, at most {max} are allowed"));
        }
    }
}

/// The first characters of a word too long to be told whole.
fn start(word: &str) -> String {
    word.chars().take(16).collect()
}
