//! `events`: the log itself.

use super::define::table;
use crate::value::Value;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::OnceCell;
use store::Event;

/// An event as a row. What the columns need of its metadata is read when the first of them is asked for.
#[derive(Debug, Clone)]
pub struct EventFields<'a> {
    event: &'a Event,
    known: OnceCell<Known<'a>>,
}

impl<'a> EventFields<'a> {
    /// The event as a row.
    #[must_use]
    pub fn new(event: &'a Event) -> Self {
        Self { event, known: OnceCell::new() }
    }

    fn known(&self) -> &Known<'a> {
        self.known.get_or_init(|| Known::of(&self.event.metadata))
    }
}

/// Place of `position`, which the log is sorted by.
pub(crate) const POSITION: usize = 0;
/// Place of `time`, which never runs backwards along positions.
pub(crate) const TIME: usize = 5;

table! {
    /// The log: every event, in order of position.
    "events", EventFields<'_>, history: false,
    aliases: &[("event_type", "type"), ("payload", "data"), ("created_at", "time")];

    /// Place in the log, 1-based, gapless.
    "position": Int = |row| Value::Int(row.event.position.0 as i64);
    /// A ULID.
    "id": Text = |row| Value::Text(Cow::Owned(row.event.id.to_string()));
    /// The stream it belongs to.
    "stream": Text = |row| Value::Text(Cow::Borrowed(&row.event.stream));
    /// Place in that stream, 1-based, gapless.
    "revision": Int = |row| Value::Int(row.event.revision.0 as i64);
    /// What happened. Also `event_type`.
    "type": Text = |row| Value::Text(Cow::Borrowed(&row.event.kind));
    /// When it was committed here; never runs backwards along positions. Also `created_at`.
    "time": Time = |row| Value::Time(row.event.time.0);
    /// JSON. Also `payload`.
    "data": Json = |row| Value::json(Some(&row.event.data));
    /// A JSON object: who, in which session, why.
    "metadata": Json = |row| Value::json(Some(&row.event.metadata));
    /// Words to find it by, `kind:value`; never null.
    "tags": Set = |row| Value::Set(Cow::Borrowed(&row.event.tags));
    /// The task of its first `task:` tag.
    "task_id": Text = |row| {
        Value::text(row.event.tags.iter().find_map(|tag| tag.strip_prefix("task:")))
    };
    /// `metadata.agent_id`: who acted.
    "agent_id": Text = |row| row.known().agent_id.clone();
    /// `metadata.session_id`.
    "session_id": Text = |row| row.known().session_id.clone();
    /// `metadata.correlation_id`.
    "correlation_id": Text = |row| row.known().correlation_id.clone();
    /// Number of the event on the node that made it, greater than those of all events that node had seen.
    "lamport": Int = |row| match row.known().lamport {
        Value::Int(lamport) => Value::Int(lamport),
        _ => Value::Int(row.event.position.0 as i64),
    };
}

/// The columns that come from the metadata. One that is of another kind than its column is null.
#[derive(Debug, Clone)]
struct Known<'a> {
    agent_id: Value<'a>,
    session_id: Value<'a>,
    correlation_id: Value<'a>,
    lamport: Value<'a>,
}

#[derive(Default, Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    agent_id: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow)]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow)]
    lamport: Option<&'a RawValue>,
}

impl<'a> Known<'a> {
    fn of(metadata: &'a str) -> Self {
        let raw: Raw<'a> = serde_json::from_str(metadata).unwrap_or_default();
        Self {
            agent_id: text(raw.agent_id),
            session_id: text(raw.session_id),
            correlation_id: text(raw.correlation_id),
            lamport: raw.lamport.and_then(|value| value.get().parse().ok()).map_or(Value::Null, Value::Int),
        }
    }
}

fn text(value: Option<&RawValue>) -> Value<'_> {
    #[derive(Deserialize)]
    struct Borrowing<'a>(#[serde(borrow)] Cow<'a, str>);
    value
        .and_then(|value| serde_json::from_str::<Borrowing<'_>>(value.get()).ok())
        .map_or(Value::Null, |Borrowing(text)| Value::Text(text))
}
