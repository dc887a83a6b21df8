//! Events of other nodes on their way in.

use super::mark::{Merged, Order, Origin, RESERVED, own_lamport};
use super::row::Part;
use crate::event::data::{
    AgentRegistered, AgentUpdated, ContextAdded, ContextSuperseded, ProgressItemAdded, ProgressItemCompleted,
    RelationshipAdded, RelationshipRemoved, TaskCreated, TaskStatusChanged, TaskUpdated,
};
use crate::event::kind;
use crate::reserved;
use crate::time;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use store::{Event, EventId, KIND_BYTES_MAX, NewEvent, STREAM_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX, Text};

/// Greatest Lamport number that is taken from another node: the greatest whole number every JSON reader knows.
pub const LAMPORT_MAX: u64 = (1 << 53) - 1;

/// Longest id an event of another node may name, in bytes: as long as an imported one.
const ID_BYTES_MAX: usize = 512;

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
    pub fn new(node: EventId, event: &Event) -> Result<Self, String> {
        let Event { position, id, stream, kind, time, data, metadata, tags, .. } = event;
        let origin = Merged::of(event).map_or_else(
            || Origin { node, time: *time, lamport: own_lamport(*position, metadata) },
            |merged| merged.origin,
        );
        if !(1..=LAMPORT_MAX).contains(&origin.lamport) {
            return Err(format!("its Lamport number is {}; expected 1 to {LAMPORT_MAX}", origin.lamport));
        }
        if !(time::MIN..=time::MAX).contains(&origin.time) {
            return Err("its time is before year 0 or after year 9999".to_owned());
        }
        check_lengths(event)?;
        match super::row::prefix(stream) {
            Some(prefix) => check_model(prefix, event)?,
            None => check_own(stream, kind, tags)?,
        }
        serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(metadata)
            .map_err(|_| "its metadata is no JSON object".to_owned())?;
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

fn check_lengths(event: &Event) -> Result<(), String> {
    let fits = |what: &str, text: &str, max: usize| match text.len() {
        bytes if (1..=max).contains(&bytes) => Ok(()),
        bytes => Err(format!("its {what} has {bytes} bytes; expected 1 to {max}")),
    };
    fits("stream", &event.stream, STREAM_BYTES_MAX)?;
    fits("type", &event.kind, KIND_BYTES_MAX)?;
    if event.tags.len() > TAGS_MAX {
        return Err(format!("it has {} tags; at most {TAGS_MAX} are taken", event.tags.len()));
    }
    for tag in &event.tags {
        fits("tag", tag, TAG_BYTES_MAX)?;
        if tag.starts_with('$') {
            return Err(format!("its tag `{tag}` begins with `$`, which is reserved"));
        }
    }
    Ok(())
}

fn check_own(stream: &str, kind: &str, tags: &[Text]) -> Result<(), String> {
    if ["lease-", "run-", "session-"].iter().any(|prefix| stream.starts_with(prefix)) {
        return Err(format!(
            "{kind} of stream `{stream}` is of the node it is on: leases, sessions and runs are not merged, \
             what came of them is in the task's status and contexts"
        ));
    }
    reserved::check(stream, kind, tags).map_err(|rejection| rejection.to_string())
}

fn check_model(prefix: &str, event: &Event) -> Result<(), String> {
    let kind = &*event.kind;
    if !kinds(prefix).contains(&kind) {
        return Err(format!("streams `{prefix}-…` have no events of type `{kind}`"));
    }
    fn read<'d, T: Deserialize<'d>>(event: &'d Event) -> Result<T, String> {
        serde_json::from_str(&event.data)
            .map_err(|error| format!("its data is not that of {}: {error}", event.kind))
    }
    let is_id = |what: &str, id: &str| match id.len() {
        1..=ID_BYTES_MAX => Ok(()),
        bytes => Err(format!("its {what} has {bytes} bytes; expected 1 to {ID_BYTES_MAX}")),
    };
    is_id("id", event.stream.split_once('-').map_or("", |(_, id)| id))?;
    match kind {
        kind::TASK_CREATED => read::<TaskCreated>(event).map(drop),
        kind::TASK_UPDATED => read::<TaskUpdated>(event).map(drop),
        kind::TASK_STATUS_CHANGED => read::<TaskStatusChanged>(event).map(drop),
        kind::RELATIONSHIP_ADDED => {
            let data: RelationshipAdded = read(event)?;
            is_id("from_task_id", &data.from_task_id)?;
            is_id("to_task_id", &data.to_task_id)
        }
        kind::RELATIONSHIP_REMOVED => read::<RelationshipRemoved>(event).map(drop),
        kind::PROGRESS_ITEM_ADDED => is_id("task_id", &read::<ProgressItemAdded>(event)?.task_id),
        kind::PROGRESS_ITEM_COMPLETED => read::<ProgressItemCompleted>(event).map(drop),
        kind::CONTEXT_ADDED => is_id("task_id", &read::<ContextAdded>(event)?.task_id),
        kind::CONTEXT_SUPERSEDED => read::<ContextSuperseded>(event).map(drop),
        kind::AGENT_REGISTERED => read::<AgentRegistered>(event).map(drop),
        kind::AGENT_UPDATED => read::<AgentUpdated>(event).map(drop),
        _ => Ok(()),
    }
}
