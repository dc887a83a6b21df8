use super::{ContextType, FailureClass, LeaseStatus, RelationshipType, Role, RunStatus, SessionStatus};
use crate::TextSet;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Text, Timestamp};

/// One attempt of one agent at one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub id: Text,
    /// The task.
    pub task_id: Text,
    /// The agent.
    pub agent_id: Text,
    /// The agent's session, if it named one.
    pub session_id: Option<Text>,
    /// The lease it runs under.
    pub lease_id: Text,
    /// 1 for the task's first attempt.
    pub attempt: u32,
    /// How it went.
    pub status: RunStatus,
    /// Why it failed.
    pub failure_class: Option<FailureClass>,
    /// What it said when it failed.
    pub failure_message: Option<Text>,
    /// When the task was claimed.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it cost, in the caller's currency.
    pub cost: Option<f64>,
    /// Tokens it used.
    pub tokens: Option<i64>,
    /// JSON: what it gave.
    pub output: Option<Text>,
}

impl Run {
    /// How long it took, in whole milliseconds, once it has ended.
    #[must_use]
    pub fn duration_ms(&self) -> Option<i64> {
        self.ended_at.map(|end| (end.0 - self.started_at.0).div_euclid(1_000))
    }
}

/// What one task is to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relationship {
    /// Its name.
    pub id: Text,
    /// The blocker, the parent, the duplicate.
    pub from_task_id: Text,
    /// The blocked, the child, the original.
    pub to_task_id: Text,
    /// What it says. On the wire: `type`.
    pub kind: RelationshipType,
    /// A JSON object.
    pub metadata: Text,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A relationship that is in the log and does not hold: it would close a cycle with older ones. Two nodes that did
/// not know of each other's made it so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// What is left out. The conflict has its id.
    pub relationship: Arc<Relationship>,
}

impl Conflict {
    /// What kind of conflict it is. So far there is one.
    pub const KIND: &'static str = "cycle";

    /// The tasks it is between.
    #[must_use]
    pub fn subject_ids(&self) -> [&Text; 2] {
        [&self.relationship.from_task_id, &self.relationship.to_task_id]
    }

    /// What happened, for people.
    #[must_use]
    pub fn reason(&self) -> String {
        let Relationship { from_task_id, to_task_id, kind, .. } = &*self.relationship;
        format!(
            "`{from_task_id}` {kind} `{to_task_id}` would close a cycle with older relationships; remove one of them"
        )
    }
}

/// The count of events that this node and those it heard from have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Clock {
    /// How far the Lamport number of an event made here is ahead of its position.
    pub skew: u64,
}

/// A step of a task's own list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgressItem {
    /// Its name.
    pub id: Text,
    /// The task.
    pub task_id: Text,
    /// What is to be done.
    pub content: Text,
    /// Whether it is.
    pub completed: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
}

/// Something worth knowing about a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// Its name.
    pub id: Text,
    /// The task.
    pub task_id: Text,
    /// What it is. On the wire: `type`.
    pub kind: ContextType,
    /// The text.
    pub content: Text,
    /// A JSON object.
    pub metadata: Text,
    /// The context that took its place.
    pub superseded_by: Option<Text>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Somebody who works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Its id.
    pub id: Text,
    /// What people call it.
    pub name: Text,
    /// What it is for.
    pub role: Role,
    /// What it can do.
    pub caps: TextSet,
    /// A JSON object.
    pub metadata: Text,
    /// When it registered first.
    pub created_at: Timestamp,
    /// When it last registered, took or renewed a lease, or was heard of in a session.
    pub last_seen_at: Timestamp,
}

/// A stretch of an agent's presence: who is there, apart from what it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its name.
    pub id: Text,
    /// Whose it is.
    pub agent_id: Text,
    /// Where it stands.
    pub status: SessionStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, or was found lost.
    pub ended_at: Option<Timestamp>,
    /// When it was last heard of.
    pub last_heartbeat_at: Timestamp,
    /// A JSON object.
    pub metadata: Text,
    /// How long it may be silent before it is lost, in milliseconds. Not a column.
    pub timeout_ms: i64,
    /// Where in the log it last heard how all its leases stand; 0 when it never did. Not a column.
    pub told: u64,
}

impl Session {
    /// From then on it is lost, whether or not its end is in the log yet.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.last_heartbeat_at.plus_ms(self.timeout_ms)
    }

    /// From then on it is worth a write to say that it is alive, when nothing else is to be written: half of its time has
    /// gone.
    #[must_use]
    pub fn half_silent(&self) -> Timestamp {
        self.last_heartbeat_at.plus_ms(self.timeout_ms / 2)
    }
}

/// One acquisition of one task: who may write to it, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// Its name, unique per acquisition.
    pub id: Text,
    /// The task.
    pub task_id: Text,
    /// The holder.
    pub agent_id: Text,
    /// The holder's session, if it named one.
    pub session_id: Option<Text>,
    /// How often the task was taken so far, hand-overs included, from 1: for the holder to hand to resources outside.
    pub fence: u64,
    /// Where it stands.
    pub status: LeaseStatus,
    /// How long each renewal lasts, in milliseconds. Not a column.
    pub ttl_ms: i64,
    /// From then on it is refused, whether or not its end is in the log yet.
    pub expires_at: Timestamp,
    /// When it was acquired.
    pub created_at: Timestamp,
    /// When it was last renewed, or ended.
    pub updated_at: Timestamp,
    /// It ended, and not at its holder's word. Not a column.
    pub taken: bool,
}
