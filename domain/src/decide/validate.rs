//! What fields must hold. Problems are collected, so that a caller hears of all of them at once.

use crate::TextSet;
use crate::rejection::{Problem, Rejection};
use crate::time;
use serde::de::IgnoredAny;
use std::ops::RangeInclusive;
use store::{Text, Timestamp};

/// Longest id a caller may give, in characters.
pub const ID_CHARS_MAX: usize = 128;
/// Longest text, in bytes: the bound on an event's data.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
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
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { pointer: pointer.into(), message: message.into() });
    }

    /// Whether there is none.
    ///
    /// # Errors
    /// All of them.
    pub(super) fn finish(self) -> Result<(), Rejection> {
        if self.0.is_empty() { Ok(()) } else { Err(Rejection::Validation(self.0)) }
    }

    pub(super) fn id(&mut self, pointer: &str, id: &str) {
        if !is_id(id) {
            self.add(pointer, format!("must be 1 to {ID_CHARS_MAX} of the characters A-Z a-z 0-9 . _ : -"));
        }
    }

    pub(super) fn maybe_id(&mut self, pointer: &str, id: Option<&Text>) {
        if let Some(id) = id {
            self.id(pointer, id);
        }
    }

    /// Any text within the bound.
    pub(super) fn text(&mut self, pointer: &str, text: &str) {
        if text.len() > TEXT_BYTES_MAX {
            self.add(pointer, format!("is {} bytes long, at most {TEXT_BYTES_MAX} are allowed", text.len()));
        }
    }

    pub(super) fn maybe_text(&mut self, pointer: &str, text: Option<&Text>) {
        if let Some(text) = text {
            self.text(pointer, text);
        }
    }

    /// Text that says something.
    pub(super) fn some_text(&mut self, pointer: &str, text: &str) {
        if text.is_empty() {
            self.add(pointer, "must not be empty");
        }
        self.text(pointer, text);
    }

    pub(super) fn kind(&mut self, pointer: &str, kind: &str) {
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

    pub(super) fn words(&mut self, pointer: &str, words: &TextSet) {
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
    pub(super) fn object(&mut self, pointer: &str, json: Option<&Text>) {
        let Some(json) = json else { return };
        if !json.trim_start().starts_with('{') {
            self.add(pointer, "must be a JSON object");
        }
        self.json(pointer, Some(json));
    }

    /// Any JSON as text.
    pub(super) fn json(&mut self, pointer: &str, json: Option<&Text>) {
        let Some(json) = json else { return };
        self.text(pointer, json);
        if let Err(error) = serde_json::from_str::<IgnoredAny>(json) {
            self.add(pointer, format!("must be JSON: {error}"));
        }
    }

    pub(super) fn range(&mut self, pointer: &str, value: Option<i64>, range: RangeInclusive<i64>) {
        if let Some(value) = value
            && !range.contains(&value)
        {
            self.add(pointer, format!("is {value}, must be {} to {}", range.start(), range.end()));
        }
    }

    pub(super) fn moment(&mut self, pointer: &str, moment: Option<Timestamp>) {
        if moment.is_some_and(|moment| !(time::MIN..=time::MAX).contains(&moment)) {
            self.add(pointer, "must be in the years 0 to 9999");
        }
    }

    /// A list that has a bound.
    pub(super) fn at_most(&mut self, pointer: &str, length: usize, max: usize) {
        if length > max {
            self.add(pointer, format!("has {length} members, at most {max} are allowed"));
        }
    }
}

/// The first characters of a word too long to be told whole.
fn start(word: &str) -> String {
    word.chars().take(16).collect()
}
