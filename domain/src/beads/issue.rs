//! A line of a beads history, read leniently: what is odd is kept as JSON text rather than refused.

use super::{FIELD_BYTES_MAX, ID_BYTES_MAX};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use store::Text;

/// An issue as a beads file holds it.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs)]
pub struct Issue {
    pub id: Text,
    pub title: Option<Text>,
    pub description: Option<Text>,
    pub status: Option<Text>,
    pub priority: Option<i64>,
    pub issue_type: Option<Text>,
    pub created_at: Option<Text>,
    pub closed_at: Option<Text>,
    pub assignee: Option<Text>,
    pub notes: Option<Text>,
    pub design: Option<Text>,
    pub acceptance_criteria: Option<Text>,
    pub close_reason: Option<Text>,
    pub labels: Vec<Text>,
    pub dependencies: Vec<Dependency>,
    pub comments: Vec<Comment>,
    /// Every other field but those that change without meaning ([`is_noise`]), in the order of the file.
    pub others: Vec<(Text, Value)>,
    /// Fields that were longer than [`FIELD_BYTES_MAX`] and were cut.
    pub cut: Vec<Text>,
}

/// An edge as an issue names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dependency {
    /// The issue at the other end.
    pub depends_on: Text,
    /// `blocks`, `parent-child`, `related`, … On the wire: `type`.
    pub kind: Text,
}

/// A comment.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Comment {
    pub id: Option<Text>,
    pub author: Option<Text>,
    pub created_at: Option<Text>,
    pub text: Text,
}

/// A line of the input.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    /// An issue by itself: a snapshot.
    Snapshot(Box<Issue>),
    /// `{"at","commit","op":"upsert","issue"}`
    Upsert {
        /// Seconds since 1970.
        at: i64,
        /// The commit's name.
        commit: Option<Text>,
        /// The issue from now on.
        issue: Box<Issue>,
    },
    /// `{"at","commit","op":"delete","id"}`
    Delete {
        /// Seconds since 1970.
        at: i64,
        /// The commit's name.
        commit: Option<Text>,
        /// The issue.
        id: Text,
    },
}

/// Why a line was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It is no JSON object of the right shape; the text says where.
    #[error("not JSON of a known shape: {0}")]
    Json(String),
    /// It lacks a field it needs.
    #[error("no `{0}`")]
    Missing(&'static str),
    /// The id is empty or too long.
    #[error("an id of {0} bytes (1 to {ID_BYTES_MAX} are taken)")]
    IdLength(usize),
    /// Neither `upsert` nor `delete`.
    #[error("unknown op `{0}`")]
    UnknownOp(Text),
}

/// Reads one line.
///
/// # Errors
/// When it is neither an issue nor a change.
pub fn parse_line(line: &[u8]) -> Result<Parsed, ParseError> {
    let line: Line = serde_json::from_slice(line).map_err(|error| ParseError::Json(error.to_string()))?;
    let checked = |id: &Text| match id.len() {
        1..=ID_BYTES_MAX => Ok(()),
        bytes => Err(ParseError::IdLength(bytes)),
    };
    let Some(op) = line.op else {
        checked(&line.issue.id)?;
        return Ok(Parsed::Snapshot(Box::new(line.issue)));
    };
    let at = line.at.ok_or(ParseError::Missing("at"))?;
    match &*op {
        "upsert" => {
            let issue = line.nested.ok_or(ParseError::Missing("issue"))?;
            checked(&issue.id)?;
            Ok(Parsed::Upsert { at, commit: line.commit, issue })
        }
        "delete" => {
            checked(&line.issue.id)?;
            Ok(Parsed::Delete { at, commit: line.commit, id: line.issue.id })
        }
        _ => Err(ParseError::UnknownOp(op)),
    }
}

/// Whether a field changes without anything we keep having changed.
fn is_noise(field: &str) -> bool {
    matches!(field, "updated_at" | "last_activity" | "compacted_at" | "compaction_level" | "original_size")
        || field.ends_with("_hash")
        || field.ends_with("_count")
}

/// Either shape of a line: an issue's fields at the top (or only `id`, for a delete), or a change around one.
#[derive(Default)]
struct Line {
    op: Option<Text>,
    at: Option<i64>,
    commit: Option<Text>,
    nested: Option<Box<Issue>>,
    issue: Issue,
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LineVisitor;
        impl<'de> Visitor<'de> for LineVisitor {
            type Value = Line;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an issue or a change")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
                let mut line = Line::default();
                while let Some(key) = map.next_key::<Key>()? {
                    match &*key.0 {
                        "op" => line.op = map.next_value::<Lenient>()?.0,
                        "at" => line.at = map.next_value::<Whole>()?.0,
                        "commit" => line.commit = map.next_value::<Lenient>()?.0,
                        "issue" => line.nested = Some(Box::new(map.next_value()?)),
                        _ => line.issue.read_field(&key.0, &mut map)?,
                    }
                }
                Ok(line)
            }
        }
        deserializer.deserialize_map(LineVisitor)
    }
}

impl<'de> Deserialize<'de> for Issue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IssueVisitor;
        impl<'de> Visitor<'de> for IssueVisitor {
            type Value = Issue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an issue")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Issue, A::Error> {
                let mut issue = Issue::default();
                while let Some(key) = map.next_key::<Key>()? {
                    issue.read_field(&key.0, &mut map)?;
                }
                Ok(issue)
            }
        }
        deserializer.deserialize_map(IssueVisitor)
    }
}

impl Issue {
    fn read_field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.id = map.next_value::<Lenient>()?.0.unwrap_or_default(),
            "title" => self.title = self.text(key, map)?,
            "description" => self.description = self.text(key, map)?,
            "status" => self.status = map.next_value::<Lenient>()?.0,
            "priority" => self.priority = map.next_value::<Whole>()?.0,
            "issue_type" => self.issue_type = map.next_value::<Lenient>()?.0,
            "created_at" => self.created_at = map.next_value::<Lenient>()?.0,
            "closed_at" => self.closed_at = map.next_value::<Lenient>()?.0,
            "assignee" => self.assignee = self.text(key, map)?,
            "notes" => self.notes = self.text(key, map)?,
            "design" => self.design = self.text(key, map)?,
            "acceptance_criteria" => self.acceptance_criteria = self.text(key, map)?,
            "close_reason" => self.close_reason = self.text(key, map)?,
            "labels" => {
                self.labels =
                    map.next_value::<List<Lenient>>()?.0.into_iter().filter_map(|label| label.0).collect();
                self.labels.retain(|label| !label.is_empty());
            }
            "dependencies" => {
                self.dependencies = map
                    .next_value::<List<RawDependency>>()?
                    .0
                    .into_iter()
                    .filter_map(RawDependency::named)
                    .collect();
            }
            "comments" => {
                for raw in map.next_value::<List<RawComment>>()?.0 {
                    let text = cut(&mut self.cut, key, raw.text.0.unwrap_or_default());
                    self.comments.push(Comment {
                        id: raw.id.0,
                        author: raw.author.0,
                        created_at: raw.created_at.0,
                        text,
                    });
                }
            }
            _ if is_noise(key) => drop(map.next_value::<IgnoredAny>()?),
            _ => {
                let value = map.next_value::<Value>()?;
                if !value.is_null() {
                    self.others.push((key.into(), value));
                }
            }
        }
        Ok(())
    }

    /// A text field that may be long. Empty is absent.
    fn text<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<Option<Text>, A::Error> {
        let text = map.next_value::<Lenient>()?.0;
        Ok(text.filter(|text| !text.is_empty()).map(|text| cut(&mut self.cut, key, text)))
    }
}

fn cut(noted: &mut Vec<Text>, field: &str, text: Text) -> Text {
    if text.len() <= FIELD_BYTES_MAX {
        return text;
    }
    noted.push(field.into());
    text[..text.floor_char_boundary(FIELD_BYTES_MAX)].into()
}

/// A key, borrowed where the input lets it be.
struct Key<'a>(std::borrow::Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(key.into()))
            }
            fn visit_str<E: de::Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(key.to_owned().into()))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Text; null is none; anything else is its JSON.
#[derive(Default)]
struct Lenient(Option<Text>);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LenientVisitor;
        impl<'de> Visitor<'de> for LenientVisitor {
            type Value = Lenient;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E>(self, text: &str) -> Result<Lenient, E> {
                Ok(Lenient(Some(text.into())))
            }
            fn visit_unit<E>(self) -> Result<Lenient, E> {
                Ok(Lenient(None))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Lenient, E> {
                Ok(Lenient(Some(value.to_string().into())))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Lenient, E> {
                Ok(Lenient(Some(value.to_string().into())))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Lenient, E> {
                Ok(Lenient(Some(value.to_string().into())))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Lenient, E> {
                Ok(Lenient(Some(Value::from(value).to_string().into())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Lenient, A::Error> {
                let value = Value::deserialize(de::value::SeqAccessDeserializer::new(seq))?;
                Ok(Lenient(Some(value.to_string().into())))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Lenient, A::Error> {
                let value = Value::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Lenient(Some(value.to_string().into())))
            }
        }
        deserializer.deserialize_any(LenientVisitor)
    }
}

/// A whole number, also written as text or with a fraction of zero; anything else is none.
#[derive(Default)]
struct Whole(Option<i64>);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::Number(number) => number.as_i64().or_else(|| {
                number
                    .as_f64()
                    .filter(|float| float.fract() == 0.0 && float.abs() < 9e15)
                    .map(|float| float as i64)
            }),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }))
    }
}

/// A list; anything else is empty, and so is an element that is not such a thing.
struct List<T>(Vec<T>);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<T>()? {
                    items.push(item);
                }
                Ok(List(items))
            }
            fn visit_unit<E>(self) -> Result<List<T>, E> {
                Ok(List(Vec::new()))
            }
        }
        deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct RawDependency {
    depends_on_id: Lenient,
    #[serde(rename = "type")]
    kind: Lenient,
}

impl RawDependency {
    fn named(self) -> Option<Dependency> {
        let depends_on = self.depends_on_id.0.filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()))?;
        Some(Dependency { depends_on, kind: self.kind.0.unwrap_or_else(|| "blocks".into()) })
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct RawComment {
    id: Lenient,
    author: Lenient,
    created_at: Lenient,
    text: Lenient,
}
