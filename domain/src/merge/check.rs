//! What the data of another node's event must hold: the shape and the ranges of its type, as the commands that make
//! such events have them, or the import that made it. Not where a task may go: nodes work apart, and what was
//! allowed there may look odd here (docs/adr/0010).

use crate::beads;
use crate::command::Change;
use crate::decide::validate::Problems;
use crate::decide::{ATTEMPTS_MAX, PRIORITY_MAX};
use crate::event::data::{
    AgentRegistered, AgentUpdated, ContextAdded, ContextSuperseded, Only, ProgressItemAdded,
    ProgressItemCompleted, RelationshipAdded, RelationshipRemoved, TaskCreated, TaskStatusChanged,
    TaskUpdated,
};
use crate::event::{Json, Moment, kind};
use crate::rows::{RelationshipType, TaskStatus};
use serde::Deserialize;
use store::{Event, Text};

/// Longest id an event of another node may name, in bytes: as long as an imported one.
const ID_BYTES_MAX: usize = beads::ID_BYTES_MAX;

/// Notes what does not hold of an event in a stream of the model; pointers are into the event.
pub(super) fn data(event: &Event, found: &mut Problems) {
    let named = event.stream.split_once('-').map_or("", |(_, id)| id);
    let check = &mut Check { named, imported: is_imported(event), found };
    check.any_id("/stream", named);
    let text = &*event.data;
    match &*event.kind {
        kind::TASK_CREATED => check.read(text, Check::task_created),
        kind::TASK_UPDATED => check.read(text, Check::task_updated),
        kind::TASK_STATUS_CHANGED => check.read(text, Check::task_status_changed),
        kind::TASK_ARCHIVED | kind::TASK_RESTORED => {
            check.read(text, |check, data: Only| check.is_named(&data.id));
        }
        kind::RELATIONSHIP_ADDED => check.read(text, Check::relationship_added),
        kind::RELATIONSHIP_REMOVED => check.read(text, |check, data: RelationshipRemoved| {
            check.is_named(&data.id);
            check.ends(&data.from_task_id, &data.to_task_id);
        }),
        kind::PROGRESS_ITEM_ADDED => check.read(text, |check, data: ProgressItemAdded| {
            check.made(&data.id);
            check.any_id("/data/task_id", &data.task_id);
            check.said("/data/content", &data.content);
        }),
        kind::PROGRESS_ITEM_COMPLETED => {
            check.read(text, |check, data: ProgressItemCompleted| check.is_named(&data.id));
        }
        kind::CONTEXT_ADDED => check.read(text, |check, data: ContextAdded| {
            check.made(&data.id);
            check.any_id("/data/task_id", &data.task_id);
            check.said("/data/content", &data.content);
            check.metadata(data.metadata.as_ref());
            check.found.maybe_id("/data/supersedes", data.supersedes.as_ref());
        }),
        kind::CONTEXT_SUPERSEDED => check.read(text, |check, data: ContextSuperseded| {
            check.is_named(&data.id);
            check.found.maybe_id("/data/by", data.by.as_ref());
        }),
        kind::AGENT_REGISTERED => check.read(text, |check, data: AgentRegistered| {
            check.made(&data.id);
            check.said("/data/name", &data.name);
            check.found.words("/data/caps", &data.caps);
            check.metadata(data.metadata.as_ref());
        }),
        kind::AGENT_UPDATED => check.read(text, |check, data: AgentUpdated| {
            check.is_named(&data.id);
            if let Some(name) = &data.name {
                check.said("/data/name", name);
            }
            if let Some(caps) = &data.caps {
                check.found.words("/data/caps", caps);
            }
            check.metadata(data.metadata.as_ref());
        }),
        _ => {}
    }
}

/// Whether an import made it: it takes ids, words and owners as it finds them.
#[must_use]
pub fn is_imported(event: &Event) -> bool {
    event.tags.iter().any(|tag| &**tag == beads::TAG)
}

struct Check<'a> {
    /// The id in the name of the stream.
    named: &'a str,
    imported: bool,
    found: &'a mut Problems,
}

impl Check<'_> {
    fn read<'d, T: Deserialize<'d>>(&mut self, text: &'d str, hold: impl FnOnce(&mut Self, T)) {
        match serde_json::from_str(text) {
            Ok(data) => hold(self, data),
            Err(error) => self.found.add("/data", format!("is not that of its type: {error}")),
        }
    }

    fn task_created(&mut self, data: TaskCreated) {
        self.made(&data.id);
        self.said("/data/title", &data.title);
        self.kind(data.kind.as_ref());
        self.given_id("/data/project_id", data.project_id.as_ref());
        self.given_id("/data/owner_agent_id", data.owner_agent_id.as_ref());
        self.owned(data.status, data.owner_agent_id.as_ref());
        self.found.range("/data/priority", Some(data.priority), -PRIORITY_MAX..=PRIORITY_MAX);
        self.attempts_max(Some(data.max_attempts));
        self.found.words("/data/caps", &data.caps);
        if !self.imported {
            self.found.words("/data/labels", &data.labels);
        }
        self.metadata(data.metadata.as_ref());
        for (pointer, moment) in [
            ("/data/not_before", data.not_before),
            ("/data/due_at", data.due_at),
            ("/data/created_at", data.created_at),
            ("/data/completed_at", data.completed_at),
            ("/data/cancelled_at", data.cancelled_at),
        ] {
            self.moment(pointer, moment);
        }
    }

    fn task_updated(&mut self, data: TaskUpdated) {
        self.is_named(&data.id);
        if let Some(title) = &data.title {
            self.said("/data/title", title);
        }
        self.kind(set(&data.kind));
        self.given_id("/data/project_id", set(&data.project_id));
        self.given_id("/data/owner_agent_id", set(&data.owner_agent_id));
        self.found.range("/data/priority", data.priority, -PRIORITY_MAX..=PRIORITY_MAX);
        self.attempts_max(data.max_attempts);
        if let Some(caps) = &data.caps {
            self.found.words("/data/caps", caps);
        }
        if let Some(labels) = data.labels.as_ref().filter(|_| !self.imported) {
            self.found.words("/data/labels", labels);
        }
        self.metadata(data.metadata.as_ref());
        for (pointer, moment) in [
            ("/data/not_before", set(&data.not_before)),
            ("/data/due_at", set(&data.due_at)),
            ("/data/created_at", data.created_at.as_ref()),
        ] {
            self.moment(pointer, moment.copied());
        }
    }

    fn task_status_changed(&mut self, data: TaskStatusChanged) {
        self.is_named(&data.id);
        // It goes on saying who an import said it was.
        if let Some(owner) = &data.owner_agent_id {
            self.any_id("/data/owner_agent_id", owner);
        }
        self.owned(data.status, data.owner_agent_id.as_ref());
        self.found.maybe_id("/data/lease_id", data.lease_id.as_ref());
        self.found.maybe_id("/data/run_id", data.run_id.as_ref());
        for (pointer, moment) in [
            ("/data/not_before", data.not_before),
            ("/data/completed_at", data.completed_at),
            ("/data/cancelled_at", data.cancelled_at),
        ] {
            self.moment(pointer, moment);
        }
    }

    fn relationship_added(&mut self, data: RelationshipAdded) {
        self.made(&data.id);
        self.ends(&data.from_task_id, &data.to_task_id);
        let orders = matches!(data.kind, RelationshipType::Blocks | RelationshipType::ParentOf);
        if orders && data.from_task_id == data.to_task_id {
            self.found.add("/data/to_task_id", "is from_task_id: no task blocks itself or is its own parent");
        }
        self.metadata(data.metadata.as_ref());
    }

    /// The id of something that begins with this event.
    fn made(&mut self, id: &str) {
        self.is_named(id);
        if !self.imported {
            self.found.id("/stream", self.named);
        }
    }

    /// An id that the stream has too; where it is left out, it is the stream's.
    fn is_named(&mut self, id: &str) {
        if !id.is_empty() && id != self.named {
            self.found.add("/data/id", format!("is not `{}`, of which the stream is", self.named));
        }
    }

    /// An id that may come from an import.
    fn any_id(&mut self, pointer: &str, id: &str) {
        if !(1..=ID_BYTES_MAX).contains(&id.len()) {
            self.found.add(pointer, format!("has an id of {} bytes, must be 1 to {ID_BYTES_MAX}", id.len()));
        }
    }

    fn given_id(&mut self, pointer: &str, id: Option<&Text>) {
        match id {
            Some(id) if self.imported => self.any_id(pointer, id),
            id => self.found.maybe_id(pointer, id),
        }
    }

    fn ends(&mut self, from: &str, to: &str) {
        self.any_id("/data/from_task_id", from);
        self.any_id("/data/to_task_id", to);
    }

    /// Text that is not empty; an import keeps what it finds.
    fn said(&mut self, pointer: &str, text: &str) {
        if text.is_empty() && !self.imported {
            self.found.add(pointer, "must not be empty");
        }
    }

    fn kind(&mut self, word: Option<&Text>) {
        if let Some(word) = word.filter(|_| !self.imported) {
            self.found.kind("/data/type", word);
        }
    }

    /// A task in progress has an owner; an import need not know it.
    fn owned(&mut self, status: TaskStatus, owner: Option<&Text>) {
        if status == TaskStatus::InProgress && owner.is_none() && !self.imported {
            self.found.add("/data/owner_agent_id", "a task in progress has an owner");
        }
    }

    fn attempts_max(&mut self, attempts: Option<u32>) {
        self.found.range("/data/max_attempts", attempts.map(i64::from), 1..=ATTEMPTS_MAX);
    }

    fn metadata(&mut self, metadata: Option<&Json>) {
        if metadata.is_some_and(|metadata| !metadata.0.trim_start().starts_with('{')) {
            self.found.add("/data/metadata", "must be a JSON object");
        }
    }

    fn moment(&mut self, pointer: &str, moment: Option<Moment>) {
        self.found.moment(pointer, moment.map(|moment| moment.0));
    }
}

fn set<T>(change: &Change<T>) -> Option<&T> {
    match change {
        Change::Set(value) => Some(value),
        Change::Keep | Change::Clear => None,
    }
}
