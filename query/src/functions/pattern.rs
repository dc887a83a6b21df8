//! LIKE, ILIKE and MATCHES.

use regex::{Regex, RegexBuilder};
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest pattern of MATCHES, in bytes.
pub(crate) const PATTERN_BYTES_MAX: usize = 1024;

/// Most memory a compiled pattern may take: counted repetitions can make a short pattern large.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A regular expression, compiled. Two are the same when their texts are.
#[derive(Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// In words, when it is too long or no regular expression.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(format!(
                "the pattern is {} bytes long, at most {PATTERN_BYTES_MAX} are taken",
                text.len()
            ));
        }
        match RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build() {
            Ok(regex) => Ok(Self(regex)),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err("the pattern becomes too large when it is compiled; repeat less".to_owned())
            }
            Err(error) => {
                // The last line of regex's drawing says what is wrong.
                let message = error.to_string();
                let reason = message.lines().last().unwrap_or_default().trim();
                Err(format!("no regular expression: {}", reason.strip_prefix("error: ").unwrap_or(reason)))
            }
        }
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_str().fmt(f)
    }
}

/// Whether all of `text` is like `pattern`: `%` stands for any stretch, `_` for one character, and `\` takes
/// the character after it as it is. With `any_case`, letters are compared in lower case.
pub(super) fn like(text: &str, pattern: &str, any_case: bool) -> bool {
    if any_case {
        return is_like(&text.to_lowercase(), &pattern.to_lowercase());
    }
    is_like(text, pattern)
}

/// The greedy match with one point of return: after a later `%` an earlier one need not be tried again.
fn is_like(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (text_here, pattern_here) = (text.clone(), pattern.clone());
        let matched = match (pattern.next(), text_here.clone().next()) {
            (Some('%'), _) => {
                retry = Some((text_here, pattern.clone()));
                continue;
            }
            (None, None) => return true,
            (None, Some(_)) | (Some(_), None) => false,
            (Some('_'), Some(_)) => true,
            // A backslash at the end stands for itself.
            (Some('\\'), Some(character)) => pattern.next().unwrap_or('\\') == character,
            (Some(wanted), Some(character)) => wanted == character,
        };
        if matched {
            text.next();
            continue;
        }
        drop(pattern_here);
        let Some((from, after)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        (text, pattern) = (from.clone(), after.clone());
    }
}
