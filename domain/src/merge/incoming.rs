//! Events of other nodes on their way in.

use super::check;
use super::mark::{Merged, Order, Origin, RESERVED, own_lamport};
use super::row::Part;
use crate::decide::validate::Problems;
use crate::event::kind;
use crate::rejection::{Problem, Rejection};
use crate::reserved;
use crate::state::Work;
use crate::time;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use store::{
    Decider as _, Event, EventId, KIND_BYTES_MAX, NewEvent, STREAM_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX, Text,
};

/// Greatest Lamport number that is taken from another node: the greatest whole number every JSON reader knows.
pub const LAMPORT_MAX: u64 = (1 << 53) - 1;

/// Whether events of that type in that stream go to other nodes: what is known of tasks and agents does, and
/// everybody's own streams do. Leases, sessions and runs are of the node they are on.
#[must_use]
pub fn travels(stream: &str, kind: &str) -> bool {
    match super::row::prefix(stream) {
        Some(prefix) => kinds(prefix).contains(&kind),
        None => reserved::check(stream, kind, &[]).is_ok(),
    }
}

/// The types of events that make rows of other nodes, by the beginning of their stream.
fn kinds(prefix: &str) -> &'static [&'static str] {
    match prefix {
        "task" => &[
            kind::TASK_CREATED,
            kind::TASK_UPDATED,
            kind::TASK_STATUS_CHANGED,
            kind::TASK_ARCHIVED,
            kind::TASK_RESTORED,
        ],
        "relationship" => &[kind::RELATIONSHIP_ADDED, kind::RELATIONSHIP_REMOVED],
        "progress" => &[kind::PROGRESS_ITEM_ADDED, kind::PROGRESS_ITEM_COMPLETED],
        "context" => &[kind::CONTEXT_ADDED, kind::CONTEXT_SUPERSEDED],
        "agent" => &[kind::AGENT_REGISTERED, kind::AGENT_UPDATED],
        _ => &[],
    }
}

/// Why an event of another node is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is well made, but of the node it is on, or of a type that is not known here; why.
    NotMerged(String),
    /// It does not hold; pointers are into the event.
    Malformed(Vec<Problem>),
}

/// An event of another node that can be taken.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Its name, the same on every node.
    pub id: EventId,
    /// Its stream.
    pub stream: Text,
    kind: Text,
    data: Text,
    metadata: Text,
    tags: Vec<Text>,
    origin: Origin,
}

impl Incoming {
    /// An event as it is in the log of `node`.
    ///
    /// # Errors
    /// Why it cannot be taken, and what could be.
    pub fn new(node: EventId, event: &Event) -> Result<Self, Refusal> {
        let Event { position, id, stream, kind, time, data, metadata, tags, .. } = event;
        let mut found = Problems::default();
        let origin = Merged::of(event).map_or_else(
            || Origin { node, time: *time, lamport: own_lamport(*position, metadata) },
            |merged| merged.origin,
        );
        if !(1..=LAMPORT_MAX).contains(&origin.lamport) {
            let message = format!("its Lamport number is {}; expected 1 to {LAMPORT_MAX}", origin.lamport);
            found.add("/metadata/lamport", message);
        }
        found.moment("/time", Some(origin.time));
        check_lengths(event, &mut found);
        if serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(metadata).is_err() {
            found.add("/metadata", "must be a JSON object");
        }
        if travels(stream, kind) && super::row::prefix(stream).is_some() {
            check::data(event, &mut found);
        }
        if let Err(Rejection::Validation(problems)) = found.finish() {
            return Err(Refusal::Malformed(problems));
        }
        check_merged(stream, kind, tags).map_err(Refusal::NotMerged)?;
        Ok(Self {
            id: *id,
            stream: stream.clone(),
            kind: kind.clone(),
            data: data.clone(),
            metadata: metadata.clone(),
            tags: tags.clone(),
            origin,
        })
    }

    /// Whether an event of the log has the same content: stream, type, data and tags. Who has an event of this id
    /// with another content has another event.
    #[must_use]
    pub fn is(&self, event: &Event) -> bool {
        let Event { stream, kind, data, tags, .. } = event;
        self.has(stream, kind, data, tags)
    }

    /// The same of two that come together.
    #[must_use]
    pub fn is_again(&self, other: &Self) -> bool {
        let Self { stream, kind, data, tags, .. } = other;
        self.has(stream, kind, data, tags)
    }

    fn has(&self, stream: &Text, kind: &Text, data: &str, tags: &[Text]) -> bool {
        (&self.stream, &self.kind, &*self.tags) == (stream, kind, tags) && Work::same_data(&self.data, data)
    }

    pub(super) fn order(&self) -> Order {
        Order::new(self.origin, self.id)
    }

    pub(super) fn part(&self) -> Part<'_> {
        let (kind, data) = (&*self.kind, &*self.data);
        Part { order: self.order(), time: self.origin.time, kind, data, merged: true }
    }

    /// The event with its origin, and what `merge` says of its row, in the metadata.
    pub(super) fn into_new(self, merge: Option<&str>) -> NewEvent {
        let metadata = metadata(&self.metadata, &self.origin, merge);
        let Self { id, stream, kind, data, tags, .. } = self;
        NewEvent { id: Some(id), stream, kind, data, metadata, tags, time: None }
    }
}

/// The name under which an import's own `origin_time` goes on.
const IMPORT_TIME: &str = "import_time";

fn metadata(own: &str, origin: &Origin, merge: Option<&str>) -> Text {
    let mut members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(own).unwrap_or_default();
    let was_merged = members.contains_key("origin");
    let told = RESERVED.map(|name| (name, members.remove(name)));
    if let Some((_, Some(time))) = told.iter().find(|(name, _)| *name == "origin_time")
        && !was_merged
    {
        members.entry(IMPORT_TIME.into()).or_insert(time);
    }
    let mut text = format!(
        r#"{{"origin":"{}","origin_time":"{}","lamport":{}"#,
        origin.node,
        time::format(origin.time),
        origin.lamport
    );
    let merge = merge.map(|merge| ("merge", merge));
    let members = members.iter().map(|(name, value)| (&**name, value.get()));
    for (name, value) in members.chain(merge) {
        text.push(',');
        text.push_str(&serde_json::to_string(name).unwrap_or_default());
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text.into()
}

fn check_lengths(event: &Event, found: &mut Problems) {
    let mut fits = |pointer: &str, text: &str, max: usize| {
        if !(1..=max).contains(&text.len()) {
            found.add(pointer, format!("has {} bytes; expected 1 to {max}", text.len()));
        }
    };
    fits("/stream", &event.stream, STREAM_BYTES_MAX);
    fits("/type", &event.kind, KIND_BYTES_MAX);
    for tag in &event.tags {
        fits("/tags", tag, TAG_BYTES_MAX);
    }
    if event.tags.len() > TAGS_MAX {
        found.add("/tags", format!("has {} tags; at most {TAGS_MAX} are taken", event.tags.len()));
    }
    if let Some(tag) = event.tags.iter().find(|tag| tag.starts_with('$')) {
        found.add("/tags", format!("`{tag}` begins with `$`, which is reserved"));
    }
}

/// Whether events of that stream and type are merged at all.
fn check_merged(stream: &str, kind: &str, tags: &[Text]) -> Result<(), String> {
    if let Some(prefix) = super::row::prefix(stream) {
        return match kinds(prefix).contains(&kind) {
            true => Ok(()),
            false => Err(format!("streams `{prefix}-…` have no events of type `{kind}`")),
        };
    }
    if ["lease-", "run-", "session-"].iter().any(|prefix| stream.starts_with(prefix)) {
        return Err(format!(
            "{kind} of stream `{stream}` is of the node it is on: leases, sessions and runs are not merged, \
             what came of them is in the task's status and contexts"
        ));
    }
    reserved::check(stream, kind, tags).map_err(|rejection| rejection.to_string())
}
