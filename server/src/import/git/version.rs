//! The issue file at one commit, and how it differs from the one before.

use domain::beads::Issue;
use rustc_hash::FxHashMap;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::ops::Range;
use store::Text;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// The file as one commit has it: digests, not the text.
///
/// Files hold thousands of issues and commits change a few, so a line that was there before is known by the
/// digest of its bytes and not parsed again.
#[derive(Debug, Default)]
pub(super) struct Version {
    /// By the digest of its bytes.
    lines: FxHashMap<u128, Line>,
    /// Of several lines with one id the last counts.
    issues: FxHashMap<Text, Standing>,
    /// Where the lines are that are JSON without being issues, by the digest of their bytes.
    others: FxHashMap<u128, Range<usize>>,
}

#[derive(Debug, Clone)]
struct Line {
    /// None when it is no issue.
    id: Option<Text>,
    meaning: u128,
}

#[derive(Debug)]
struct Standing {
    /// Digest of what the line means: the same for other white space and another order of members.
    meaning: u128,
    /// Where it is in the file, in bytes.
    place: Range<usize>,
}

/// What a commit changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// The issue of the line at this place is new, or not what it was.
    Upsert(Range<usize>),
    /// The issue with this id has gone.
    Delete(&'a str),
}

/// A line that is not JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotJson {
    /// Its number.
    pub(super) line: u64,
    /// What is wrong with it.
    pub(super) reason: String,
}

impl Version {
    /// Reads a file; `before` is the version that it most likely resembles.
    ///
    /// # Errors
    /// When a line is not JSON.
    pub(super) fn read(file: &[u8], before: &Self) -> Result<Self, NotJson> {
        let mut version = Self::default();
        let mut start = 0;
        for (index, whole) in file.split(|byte| *byte == b'\n').enumerate() {
            let text = whole.trim_ascii();
            let from = start + (whole.len() - whole.trim_ascii_start().len());
            start += whole.len() + 1;
            if text.is_empty() {
                continue;
            }
            let place = from..from + text.len();
            let digest = xxh3_128(text);
            let line = match before.lines.get(&digest) {
                Some(known) => known.clone(),
                None => parse(text, digest).map_err(|reason| NotJson { line: index as u64 + 1, reason })?,
            };
            if let Some(id) = &line.id {
                version.issues.insert(id.clone(), Standing { meaning: line.meaning, place });
            } else {
                version.others.insert(digest, place);
            }
            version.lines.insert(digest, line);
        }
        Ok(version)
    }

    /// What differs: first the issues that are new or changed, in the order of this file, then those that have
    /// gone, in the order of the file before. A line that is no issue passes once, for the importer to report.
    pub(super) fn changes_since<'a>(&self, before: &'a Self) -> impl Iterator<Item = Change<'a>> {
        let differs = |(id, now): &(&Text, &Standing)| {
            before.issues.get(*id).is_none_or(|then| then.meaning != now.meaning)
        };
        let others = self.others.iter().filter(|(digest, _)| !before.others.contains_key(*digest));
        let mut upserts: Vec<Range<usize>> = self
            .issues
            .iter()
            .filter(differs)
            .map(|(_, now)| now.place.clone())
            .chain(others.map(|(_, place)| place.clone()))
            .collect();
        upserts.sort_unstable_by_key(|place| place.start);
        let gone = before.issues.iter().filter(|(id, _)| !self.issues.contains_key(*id));
        let mut deletes: Vec<(usize, &str)> = gone.map(|(id, then)| (then.place.start, &**id)).collect();
        deletes.sort_unstable();
        let deletes = deletes.into_iter().map(|(_, id)| Change::Delete(id));
        upserts.into_iter().map(Change::Upsert).chain(deletes)
    }
}

/// Reads one line, of which `digest` is the digest.
fn parse(text: &[u8], digest: u128) -> Result<Line, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let meaning = match serde_json::from_str::<Value>(text) {
        Ok(value) => {
            let mut hasher = Xxh3::new();
            digest_meaning(&value, &mut hasher);
            hasher.digest128()
        }
        // JSON may be more than can be held, nested deeper or with half a surrogate pair; then it means what
        // its bytes say.
        Err(error) => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(IgnoredAny) => digest,
            Err(_) => return Err(error.to_string()),
        },
    };
    let id = serde_json::from_str::<Issue>(text).ok().map(|issue| issue.id).filter(|id| !id.is_empty());
    Ok(Line { id, meaning })
}

/// Every kind of value begins with a byte of its own and has a known end, so no two values write the same bytes.
fn digest_meaning(value: &Value, hasher: &mut Xxh3) {
    let text = |mark: u8, text: &str, hasher: &mut Xxh3| {
        hasher.update(&[mark]);
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    let count = |mark: u8, count: usize, hasher: &mut Xxh3| {
        hasher.update(&[mark]);
        hasher.update(&(count as u64).to_le_bytes());
    };
    match value {
        Value::Null => hasher.update(b"n"),
        Value::Bool(value) => hasher.update(if *value { b"t" } else { b"f" }),
        Value::Number(number) => text(b'#', &number.to_string(), hasher),
        Value::String(string) => text(b'"', string, hasher),
        Value::Array(items) => {
            count(b'[', items.len(), hasher);
            for item in items {
                digest_meaning(item, hasher);
            }
        }
        Value::Object(members) => {
            count(b'{', members.len(), hasher);
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in members {
                text(b'"', name, hasher);
                digest_meaning(value, hasher);
            }
        }
    }
}
