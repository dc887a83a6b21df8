//! One event of a push, as another node's API gave it.

use crate::wire::append::EVENT_DATA_BYTES_MAX;
use crate::wire::fields::short;
use domain::Problem;
use domain::merge::{Incoming, Refusal, is_imported};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use store::{Event, EventId, Position, Revision, Text};

/// An event that was pushed: what its sender calls it, and the event, or why it is none that is merged.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) id: EventId,
    pub(crate) event: Result<Incoming, String>,
}

/// Why a push is refused for one of its events.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It does not hold; pointers are into the event.
    Malformed(Vec<Problem>),
    /// Its data has so many bytes.
    TooLarge(usize),
}

/// What is read of an event; what is this log's own to say (revision) is passed over.
#[derive(Deserialize)]
struct Raw<'a> {
    /// Needed when the metadata does not say the Lamport number.
    #[serde(default)]
    position: u64,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
    #[serde(default)]
    tags: Vec<Text>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl Item {
    /// Reads an event of the log of `node`.
    ///
    /// # Errors
    /// Why no push may have it.
    pub(crate) fn read(node: EventId, text: &str) -> Result<Self, Fault> {
        let named: Named<'_> = serde_json::from_str(text)
            .map_err(|error| Fault::at("", format!("has no id that could be read: {error}")))?;
        let id = EventId::parse(&named.id).map_err(|_| {
            Fault::at("/id", format!("expected a ULID of 26 characters, found `{}`", short(&named.id)))
        })?;
        match Incoming::new(node, &event(id, text)?) {
            Ok(event) => Ok(Self { id, event: Ok(event) }),
            Err(Refusal::NotMerged(why)) => Ok(Self { id, event: Err(why) }),
            Err(Refusal::Malformed(problems)) => Err(Fault::Malformed(problems)),
        }
    }
}

impl Fault {
    fn at(pointer: &str, message: String) -> Self {
        Self::Malformed(vec![Problem { pointer: pointer.to_owned(), message }])
    }
}

fn event(id: EventId, text: &str) -> Result<Event, Fault> {
    let raw: Raw<'_> = serde_json::from_str(text)
        .map_err(|error| Fault::at("", format!("is not an event as GET /events gives them: {error}")))?;
    let data = raw.data.map_or("null", RawValue::get);
    let time = domain::time::parse(&raw.time)
        .ok_or_else(|| Fault::at("/time", format!("expected RFC 3339, found `{}`", short(&raw.time))))?;
    let mut tags = raw.tags;
    tags.sort_unstable();
    tags.dedup();
    let event = Event {
        position: Position(raw.position),
        id,
        stream: (&*raw.stream).into(),
        // Each node counts its own.
        revision: Revision::ZERO,
        kind: (&*raw.kind).into(),
        time,
        data: data.into(),
        metadata: raw.metadata.map_or("{}", RawValue::get).into(),
        tags,
    };
    // An import bounds its fields, not what they come to.
    if data.len() > EVENT_DATA_BYTES_MAX && !is_imported(&event) {
        return Err(Fault::TooLarge(data.len()));
    }
    Ok(event)
}
