//! A row as the events of its stream make it in their order, and how it is written into the metadata of the
//! event that needs it.

use super::mark::{Merged, Order, order};
use crate::event::data::{AgentRegistered, ContextAdded, ProgressItemAdded, RelationshipAdded, TaskCreated};
use crate::event::{Json, Moment};
use crate::evolve;
use crate::rows::{Agent, Context, ProgressItem, Relationship, Task};
use serde::{Deserialize, Serialize};
use store::{Event, Text, Timestamp};

/// What of an event counts for its row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) order: Order,
    pub(super) time: Timestamp,
    pub(super) kind: &'a str,
    pub(super) data: &'a str,
    /// Made on another node.
    pub(super) merged: bool,
}

impl<'a> Part<'a> {
    /// Of an event of this log.
    pub(super) fn known(event: &'a Event) -> Self {
        let merged = Merged::of(event);
        let time = merged.as_ref().map_or(event.time, |merged| merged.origin.time);
        let merged = merged.is_some();
        Self { order: order(event), time, kind: &event.kind, data: &event.data, merged }
    }
}

/// The beginning of a stream whose events make rows of other nodes too.
pub(super) fn prefix(stream: &str) -> Option<&str> {
    let (prefix, _) = stream.split_once('-')?;
    ["task", "relationship", "progress", "context", "agent"].contains(&prefix).then_some(prefix)
}

/// `metadata.merge`: what has become of the event's row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sum {
    /// A later event of the same push tells.
    Later,
    /// There is none.
    Gone,
    Task(Box<TaskSum>),
    Relationship(RelationshipSum),
    Progress(ProgressSum),
    Context(ContextSum),
    Agent(AgentSum),
}

/// [`Sum::Later`] in JSON.
pub(super) const LATER: &str = r#""later""#;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TaskSum {
    created: TaskCreated,
    attempts: u32,
    by_rule: bool,
    elsewhere: bool,
    updated_at: Moment,
    archived_at: Option<Moment>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RelationshipSum {
    added: RelationshipAdded,
    created_at: Moment,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProgressSum {
    added: ProgressItemAdded,
    created_at: Moment,
    completed: bool,
    completed_at: Option<Moment>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ContextSum {
    added: ContextAdded,
    created_at: Moment,
    superseded_by: Option<Text>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AgentSum {
    registered: AgentRegistered,
    created_at: Moment,
    last_seen_at: Moment,
}

/// The row of a stream with these events, as JSON of [`Sum`].
pub(super) fn resolve(stream: &str, mut parts: Vec<Part<'_>>) -> String {
    parts.sort_by_key(|part| part.order);
    let id = stream.split_once('-').map_or("", |(_, id)| id);
    let sum = match prefix(stream) {
        Some("task") => fold(&parts, |task: Option<&Task>, part| {
            let after = evolve::task::after(task, part.kind, part.data, part.time, part.merged);
            after.map(|task| Task { updated_at: part.time, ..task })
        })
        .map(|task| Sum::Task(Box::new(TaskSum::of(task)))),
        Some("relationship") => fold_away(&parts, |row, part| {
            evolve::relationship::after(id, row, part.kind, part.data, part.time)
        })
        .map(|row| Sum::Relationship(RelationshipSum::of(row))),
        Some("progress") => {
            fold(&parts, |row, part| evolve::progress::after(id, row, part.kind, part.data, part.time))
                .map(|row| Sum::Progress(ProgressSum::of(row)))
        }
        Some("context") => {
            fold(&parts, |row, part| evolve::context::after(id, row, part.kind, part.data, part.time))
                .map(|row| Sum::Context(ContextSum::of(row)))
        }
        Some("agent") => {
            fold(&parts, |row, part| evolve::agent::after(id, row, part.kind, part.data, part.time))
                .map(|row| Sum::Agent(AgentSum::of(row)))
        }
        _ => None,
    };
    serde_json::to_string(&sum.unwrap_or(Sum::Gone)).expect("rows are JSON")
}

fn fold<'p, R>(parts: &[Part<'p>], after: impl Fn(Option<&R>, &Part<'p>) -> Option<R>) -> Option<R> {
    parts.iter().fold(None, |row, part| after(row.as_ref(), part).or(row))
}

/// [`fold`] of what can go away again: `Some(None)` says that it does.
fn fold_away<'p, R>(
    parts: &[Part<'p>],
    after: impl Fn(Option<&R>, &Part<'p>) -> Option<Option<R>>,
) -> Option<R> {
    parts.iter().fold(None, |row, part| after(row.as_ref(), part).unwrap_or(row))
}

/// The caller's own object, left out when it is empty, as in events.
fn some(metadata: Text) -> Option<Json> {
    (&*metadata != "{}").then_some(Json(metadata))
}

fn text(metadata: Option<Json>) -> Text {
    metadata.map_or_else(|| "{}".into(), |metadata| metadata.0)
}

impl TaskSum {
    fn of(task: Task) -> Self {
        let Task { attempts, blocked_by_rule, elsewhere, updated_at, archived_at, .. } = task;
        Self {
            attempts,
            by_rule: blocked_by_rule,
            elsewhere,
            updated_at: Moment(updated_at),
            archived_at: archived_at.map(Moment),
            created: TaskCreated {
                id: task.id,
                title: task.title,
                intent: task.intent,
                kind: task.kind,
                project_id: task.project_id,
                status: task.status,
                owner_agent_id: task.owner_agent_id,
                priority: task.priority.into(),
                class: task.class,
                caps: task.caps,
                labels: task.labels,
                metadata: some(task.metadata),
                max_attempts: task.max_attempts,
                not_before: task.not_before.map(Moment),
                due_at: task.due_at.map(Moment),
                created_at: Some(Moment(task.created_at)),
                completed_at: task.completed_at.map(Moment),
                cancelled_at: task.cancelled_at.map(Moment),
            },
        }
    }

    pub(crate) fn into_task(self) -> Task {
        let Self { created, attempts, by_rule, elsewhere, updated_at, archived_at } = self;
        Task {
            attempts,
            blocked_by_rule: by_rule,
            elsewhere,
            updated_at: updated_at.0,
            archived_at: archived_at.map(|at| at.0),
            ..evolve::task::made(created, updated_at.0)
        }
    }
}

impl RelationshipSum {
    fn of(row: Relationship) -> Self {
        let Relationship { id, from_task_id, to_task_id, kind, metadata, created_at } = row;
        let added = RelationshipAdded { id, from_task_id, to_task_id, kind, metadata: some(metadata) };
        Self { added, created_at: Moment(created_at) }
    }

    pub(crate) fn into_row(self) -> Relationship {
        let RelationshipAdded { id, from_task_id, to_task_id, kind, metadata } = self.added;
        let (metadata, created_at) = (text(metadata), self.created_at.0);
        Relationship { id, from_task_id, to_task_id, kind, metadata, created_at }
    }
}

impl ProgressSum {
    fn of(row: ProgressItem) -> Self {
        let ProgressItem { id, task_id, content, completed, created_at, completed_at } = row;
        let completed_at = completed_at.map(Moment);
        let added = ProgressItemAdded { id, task_id, content };
        Self { added, created_at: Moment(created_at), completed, completed_at }
    }

    pub(crate) fn into_row(self) -> ProgressItem {
        let ProgressItemAdded { id, task_id, content } = self.added;
        let (created_at, completed_at) = (self.created_at.0, self.completed_at.map(|at| at.0));
        ProgressItem { id, task_id, content, completed: self.completed, created_at, completed_at }
    }
}

impl ContextSum {
    fn of(row: Context) -> Self {
        let Context { id, task_id, kind, content, metadata, superseded_by, created_at } = row;
        let added = ContextAdded { id, task_id, kind, content, metadata: some(metadata), supersedes: None };
        Self { added, created_at: Moment(created_at), superseded_by }
    }

    pub(crate) fn into_row(self) -> Context {
        let ContextAdded { id, task_id, kind, content, metadata, .. } = self.added;
        let (metadata, created_at) = (text(metadata), self.created_at.0);
        Context { id, task_id, kind, content, metadata, superseded_by: self.superseded_by, created_at }
    }
}

impl AgentSum {
    fn of(row: Agent) -> Self {
        let Agent { id, name, role, caps, metadata, created_at, last_seen_at } = row;
        let registered = AgentRegistered { id, name, role, caps, metadata: some(metadata) };
        Self { registered, created_at: Moment(created_at), last_seen_at: Moment(last_seen_at) }
    }

    pub(crate) fn into_row(self) -> Agent {
        let AgentRegistered { id, name, role, caps, metadata } = self.registered;
        let (metadata, created_at) = (text(metadata), self.created_at.0);
        Agent { id, name, role, caps, metadata, created_at, last_seen_at: self.last_seen_at.0 }
    }
}
