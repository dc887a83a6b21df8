//! One event of a push, as another node's API gave it.

use crate::wire::append::EVENT_DATA_BYTES_MAX;
use crate::wire::fields::short;
use domain::merge::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use store::{Event, EventId, Position, Revision, Text};

/// An event that was pushed: what its sender calls it, and the event, or why it is none that can be taken.
#[derive(Debug)]
pub(crate) struct Item {
    /// None when it has no id that could be read.
    pub(crate) id: Option<EventId>,
    pub(crate) event: Result<Incoming, String>,
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
    pub(crate) fn read(node: EventId, text: &str) -> Self {
        let id = serde_json::from_str::<Named<'_>>(text)
            .map_err(|error| format!("it has no id: {error}"))
            .and_then(|named| {
                EventId::parse(&named.id)
                    .map_err(|_| format!("its id `{}` is no ULID of 26 characters", short(&named.id)))
            });
        let event = id.clone().and_then(|id| incoming(node, id, text));
        Self { id: id.ok(), event }
    }
}

fn incoming(node: EventId, id: EventId, text: &str) -> Result<Incoming, String> {
    let raw: Raw<'_> = serde_json::from_str(text)
        .map_err(|error| format!("it is not an event as GET /events gives them: {error}"))?;
    let data = raw.data.map_or("null", RawValue::get);
    if data.len() > EVENT_DATA_BYTES_MAX {
        return Err(format!("its data has {} bytes, at most {EVENT_DATA_BYTES_MAX}", data.len()));
    }
    let time = domain::time::parse(&raw.time)
        .ok_or_else(|| format!("its time `{}` is not RFC 3339", short(&raw.time)))?;
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
    Incoming::new(node, &event)
}
