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

/// Places of columns that something is worked out from.
#[allow(missing_docs)]
pub(crate) mod place {
    pub(crate) const PROJECT_ID: usize = 1;
    pub(crate) const PARENT_ID: usize = 2;
    pub(crate) const TITLE: usize = 3;
    pub(crate) const INTENT: usize = 4;
    pub(crate) const TYPE: usize = 5;
    pub(crate) const STATUS: usize = 6;
    pub(crate) const OWNER_AGENT_ID: usize = 7;
    pub(crate) const PRIORITY: usize = 8;
    pub(crate) const CLASS: usize = 9;
    pub(crate) const CAPS: usize = 10;
    pub(crate) const LABELS: usize = 11;
    pub(crate) const METADATA: usize = 12;
    pub(crate) const VERSION: usize = 13;
    pub(crate) const ATTEMPTS: usize = 14;
    pub(crate) const MAX_ATTEMPTS: usize = 15;
    pub(crate) const NOT_BEFORE: usize = 16;
    pub(crate) const DUE_AT: usize = 17;
    pub(crate) const CREATED_AT: usize = 18;
    pub(crate) const UPDATED_AT: usize = 19;
    pub(crate) const COMPLETED_AT: usize = 20;
    pub(crate) const CANCELLED_AT: usize = 21;
    pub(crate) const ARCHIVED_AT: usize = 22;
    pub(crate) const BLOCKED_BY_COUNT: usize = 23;
    pub(crate) const CHILD_COUNT: usize = 24;
    pub(crate) const CHILD_DONE_COUNT: usize = 25;
    pub(crate) const DEPENDENCY_DEPTH: usize = 26;
    pub(crate) const SCORE: usize = 27;
}

/// One of [`COUNTS`].
pub(crate) fn count(graph: &TaskGraph, column: usize) -> Value<'static> {
    Value::Int(i64::from(match column {
        place::BLOCKED_BY_COUNT => graph.blocked_by_count,
        place::CHILD_COUNT => graph.child_count,
        _ => graph.child_done_count,
    }))
}

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
    /// Who works on it, or the only agent who may claim it while it is open; a lease that ends unfinished leaves it to nobody.
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

#[cfg(test)]
mod test {
    use super::{SCHEMA, place};

    #[test]
    fn columns_are_where_they_are_looked_for() {
        macro_rules! are_at {
            ($($place:ident),+) => {
                $(assert_eq!(SCHEMA.columns[place::$place].name, stringify!($place).to_lowercase());)+
            };
        }
        are_at!(
            PROJECT_ID,
            PARENT_ID,
            TITLE,
            INTENT,
            TYPE,
            STATUS,
            OWNER_AGENT_ID,
            PRIORITY,
            CLASS,
            CAPS,
            LABELS
        );
        are_at!(METADATA, VERSION, ATTEMPTS, MAX_ATTEMPTS, NOT_BEFORE, DUE_AT, CREATED_AT, UPDATED_AT);
        are_at!(COMPLETED_AT, CANCELLED_AT, ARCHIVED_AT, BLOCKED_BY_COUNT, CHILD_COUNT, CHILD_DONE_COUNT);
        are_at!(DEPENDENCY_DEPTH, SCORE);
    }
}
