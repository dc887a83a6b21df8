//! `tasks`: the work.

use super::define::table;
use crate::value::Value;
use domain::rows::{Task, TaskGraph};
use std::borrow::Cow;
use store::Timestamp;

/// A task with all that its computed columns need.
#[derive(Debug, Clone, Copy)]
pub struct TaskFields<'a> {
    /// Its own fields.
    pub task: &'a Task,
    /// What the relationships say of it.
    pub graph: &'a TaskGraph,
    /// How deep work is stacked on it: see [`domain::depth`].
    pub depth: u32,
    /// The moment its score is asked for.
    pub now: Timestamp,
}

impl<'a> TaskFields<'a> {
    /// The task of an answer.
    #[must_use]
    pub fn of(view: &'a domain::command::TaskView) -> Self {
        Self { task: &view.task, graph: &view.graph, depth: view.depth, now: view.now }
    }
}

/// Places of the columns that neighbours decide.
pub(crate) const COUNTS: std::ops::RangeInclusive<usize> = 23..=25;

/// Places of the columns that change with tasks far away, or with time alone, so no array of them is kept:
/// `dependency_depth` and `score`.
pub(crate) const DEEP: std::ops::RangeInclusive<usize> = 26..=27;

table! {
    /// Pieces of work, one row each, archived ones included.
    "tasks", TaskFields<'_>, history: true, aliases: &[];

    /// Its name.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.task.id));
    /// The project it belongs to.
    "project_id": Text = |row| Value::text(row.task.project_id.as_deref());
    /// The task that contains it: the `from` of its `parent_of` relationship.
    "parent_id": Text = |row| Value::text(row.task.parent_id.as_deref());
    /// One line.
    "title": Text = |row| Value::Text(Cow::Borrowed(&row.task.title));
    /// What is wanted, at any length.
    "intent": Text = |row| Value::text(row.task.intent.as_deref());
    /// `feature`, `bugfix`, `refactor`, `docs`, `ops`, or any word of `[a-z0-9-]{1,32}`.
    "type": Text = |row| Value::text(row.task.kind.as_deref());
    /// `open`, `in_progress`, `blocked`, `completed` or `cancelled`.
    "status": Text = |row| Value::Text(Cow::Borrowed(row.task.status.as_str()));
    /// Who works on it, or the only agent who may claim it while it is open.
    "owner_agent_id": Text = |row| Value::text(row.task.owner_agent_id.as_deref());
    /// −5 … 5, more is sooner.
    "priority": Int = |row| Value::Int(row.task.priority.into());
    /// `critical`, `high`, `normal` or `low`: urgency before score.
    "class": Text = |row| Value::Text(Cow::Borrowed(row.task.class.as_str()));
    /// Capabilities an agent needs to be offered it; never null.
    "caps": Set = |row| Value::Set(Cow::Borrowed(row.task.caps.as_slice()));
    /// Words to find it by; never null.
    "labels": Set = |row| Value::Set(Cow::Borrowed(row.task.labels.as_slice()));
    /// A JSON object of the caller's own.
    "metadata": Json = |row| Value::json(Some(&row.task.metadata));
    /// How often its own fields changed: the revision of its stream.
    "version": Int = |row| Value::Int(row.task.version as i64);
    /// Attempts that were started.
    "attempts": Int = |row| Value::Int(row.task.attempts.into());
    /// Attempts after which a failure blocks it instead of being tried again.
    "max_attempts": Int = |row| Value::Int(row.task.max_attempts.into());
    /// Not offered before.
    "not_before": Time = |row| Value::time(row.task.not_before);
    /// When it should be done.
    "due_at": Time = |row| Value::time(row.task.due_at);
    /// When it was made.
    "created_at": Time = |row| Value::Time(row.task.created_at.0);
    /// When a field of its own last changed.
    "updated_at": Time = |row| Value::Time(row.task.updated_at.0);
    /// When it was completed.
    "completed_at": Time = |row| Value::time(row.task.completed_at);
    /// When it was cancelled.
    "cancelled_at": Time = |row| Value::time(row.task.cancelled_at);
    /// When it was archived; an archived task is never offered and blocks nothing.
    "archived_at": Time = |row| Value::time(row.task.archived_at);
    /// Computed: unfinished tasks that block it.
    "blocked_by_count": Int = |row| Value::Int(row.graph.blocked_by_count.into());
    /// Computed: its children, archived ones left out.
    "child_count": Int = |row| Value::Int(row.graph.child_count.into());
    /// Computed: those of its children that are completed.
    "child_done_count": Int = |row| Value::Int(row.graph.child_done_count.into());
    /// Computed: length of the longest chain of unfinished tasks that wait for it.
    "dependency_depth": Int = |row| Value::Int(row.depth.into());
    /// Computed: `priority + 0.1·age_hours + 0.5·dependency_depth` at the moment of the statement.
    "score": Float = |row| Value::Float(domain::score(row.task, row.depth, row.now));
}
