use super::{Class, TaskStatus};
use crate::TextSet;
use serde::{Deserialize, Serialize};
use store::{Text, Timestamp};

/// A piece of work. `parent_id` follows the `parent_of` relationship; everything else is the task's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub id: Text,
    /// The project it belongs to.
    pub project_id: Option<Text>,
    /// The task that contains it.
    pub parent_id: Option<Text>,
    /// One line.
    pub title: Text,
    /// What is wanted, at any length.
    pub intent: Option<Text>,
    /// `feature`, `bugfix`, `refactor`, `docs`, `ops` or any word `[a-z0-9-]{1,32}`. On the wire: `type`.
    pub kind: Option<Text>,
    /// Where it stands.
    pub status: TaskStatus,
    /// Who works on it, or the only one who may claim it while it is open.
    pub owner_agent_id: Option<Text>,
    /// −5 … 5, more is sooner.
    pub priority: i8,
    /// Urgency before score.
    pub class: Class,
    /// Capabilities an agent needs to be offered it.
    pub caps: TextSet,
    /// Words to find it by.
    pub labels: TextSet,
    /// A JSON object.
    pub metadata: Text,
    /// Revision of its stream: how often its own fields changed.
    pub version: u64,
    /// Attempts that were started.
    pub attempts: u32,
    /// Attempts after which a failure that would be tried again blocks it.
    pub max_attempts: u32,
    /// Not offered before.
    pub not_before: Option<Timestamp>,
    /// When it should be done.
    pub due_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a field of its own last changed.
    pub updated_at: Timestamp,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// When it was archived; archived tasks are never offered and block nothing.
    pub archived_at: Option<Timestamp>,
    /// Blocked by the rule that watches its blockers, so the rule may open it again. Not a column.
    pub blocked_by_rule: bool,
    /// Its status was last changed on another node, so a lease of this one that ends leaves it alone. Not a column.
    pub elsewhere: bool,
}

impl Task {
    /// Whether others still wait for it: neither final nor archived.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        !self.status.is_final() && self.archived_at.is_none()
    }
}

/// What the relationships say of a task, and a lease that outlived its status: a row of its own beside the task's, so
/// that its changes make no versions of the task. Absent means all zero. What a task's neighbours alone decide is here;
/// how many wait for it in a row is not, as one relationship may change that of thousands: see [`crate::depth`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskGraph {
    /// Unfinished tasks that block it.
    pub blocked_by_count: u32,
    /// Its children, archived ones left out.
    pub child_count: u32,
    /// Those of them that are completed.
    pub child_done_count: u32,
    /// It is leased here, though open or blocked: what another node, or an import, said of it came last. Nobody is
    /// offered it before that lease ends. Not a column.
    pub held: bool,
}
