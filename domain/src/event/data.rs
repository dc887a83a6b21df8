//! The `data` of each event that the model folds, one struct a type. Reading is tolerant: members that are
//! not known are passed over and those that are left out take the default the catalogue names.

use super::json::{Json, Moment};
use crate::TextSet;
use crate::command::Change;
use crate::rows::{Class, ContextType, FailureClass, RelationshipType, Role, TaskStatus};
use serde::{Deserialize, Serialize};
use store::Text;

/// Attempts a task has when nothing is said.
pub const MAX_ATTEMPTS_DEFAULT: u32 = 3;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TaskCreated {
    #[serde(default)]
    pub id: Text,
    #[serde(default)]
    pub title: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Text>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<Text>,
    #[serde(default = "open")]
    pub status: TaskStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_agent_id: Option<Text>,
    #[serde(default)]
    pub priority: i64,
    #[serde(default = "normal")]
    pub class: Class,
    #[serde(default, skip_serializing_if = "TextSet::is_empty")]
    pub caps: TextSet,
    #[serde(default, skip_serializing_if = "TextSet::is_empty")]
    pub labels: TextSet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    #[serde(default = "max_attempts")]
    pub max_attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Moment>,
}

const fn open() -> TaskStatus {
    TaskStatus::Open
}

const fn normal() -> Class {
    Class::Normal
}

const fn max_attempts() -> u32 {
    MAX_ATTEMPTS_DEFAULT
}

impl TaskCreated {
    /// An open task of which nothing but id and title is known.
    #[must_use]
    pub fn new(id: Text, title: Text) -> Self {
        Self {
            id,
            title,
            intent: None,
            kind: None,
            project_id: None,
            status: open(),
            owner_agent_id: None,
            priority: 0,
            class: normal(),
            caps: TextSet::default(),
            labels: TextSet::default(),
            metadata: None,
            max_attempts: max_attempts(),
            not_before: None,
            due_at: None,
            created_at: None,
            completed_at: None,
            cancelled_at: None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TaskUpdated {
    #[serde(default)]
    pub id: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text>,
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub intent: Change<Text>,
    #[serde(default, rename = "type", skip_serializing_if = "Change::is_keep")]
    pub kind: Change<Text>,
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub project_id: Change<Text>,
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub owner_agent_id: Change<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<TextSet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<TextSet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub not_before: Change<Moment>,
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub due_at: Change<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TaskStatusChanged {
    #[serde(default)]
    pub id: Text,
    pub status: TaskStatus,
    #[serde(default)]
    pub owner_agent_id: Option<Text>,
    #[serde(default)]
    pub attempts: u32,
    #[serde(default)]
    pub not_before: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_rule: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<Text>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// The data of events that say all by their type: `TaskArchived`, `LeaseReleased`, `RunExpired`, …
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Only {
    pub id: Text,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RelationshipAdded {
    #[serde(default)]
    pub id: Text,
    pub from_task_id: Text,
    pub to_task_id: Text,
    #[serde(rename = "type")]
    pub kind: RelationshipType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RelationshipRemoved {
    pub id: Text,
    pub from_task_id: Text,
    pub to_task_id: Text,
    #[serde(rename = "type")]
    pub kind: RelationshipType,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ProgressItemAdded {
    #[serde(default)]
    pub id: Text,
    pub task_id: Text,
    #[serde(default)]
    pub content: Text,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ProgressItemCompleted {
    #[serde(default)]
    pub id: Text,
    #[serde(default)]
    pub task_id: Text,
    #[serde(default = "yes")]
    pub completed: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ContextAdded {
    #[serde(default)]
    pub id: Text,
    pub task_id: Text,
    #[serde(rename = "type")]
    pub kind: ContextType,
    #[serde(default)]
    pub content: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Text>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ContextSuperseded {
    #[serde(default)]
    pub id: Text,
    #[serde(default)]
    pub task_id: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AgentRegistered {
    #[serde(default)]
    pub id: Text,
    #[serde(default)]
    pub name: Text,
    #[serde(default = "executor")]
    pub role: Role,
    #[serde(default)]
    pub caps: TextSet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
}

const fn executor() -> Role {
    Role::Executor
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AgentUpdated {
    #[serde(default)]
    pub id: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<TextSet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SessionStarted {
    #[serde(default)]
    pub id: Text,
    pub agent_id: Text,
    #[serde(default = "session_timeout_ms")]
    pub timeout_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
}

/// How long a session may be silent when nothing is said, in milliseconds.
pub const SESSION_TIMEOUT_DEFAULT_MS: i64 = 60_000;

const fn session_timeout_ms() -> i64 {
    SESSION_TIMEOUT_DEFAULT_MS
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SessionHeartbeat {
    #[serde(default)]
    pub id: Text,
    #[serde(default)]
    pub agent_id: Text,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<Text>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub all: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SessionEnded {
    #[serde(default)]
    pub id: Text,
    #[serde(default)]
    pub agent_id: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LeaseAcquired {
    #[serde(default)]
    pub id: Text,
    pub task_id: Text,
    pub agent_id: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
    pub fence: u64,
    pub ttl_ms: i64,
    pub expires_at: Moment,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LeaseRenewed {
    #[serde(default)]
    pub id: Text,
    pub expires_at: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LeaseExpired {
    #[serde(default)]
    pub id: Text,
    pub expires_at: Moment,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LeaseTransferred {
    #[serde(default)]
    pub id: Text,
    #[serde(default)]
    pub task_id: Text,
    #[serde(default)]
    pub from_agent_id: Text,
    #[serde(default)]
    pub agent_id: Text,
    #[serde(default)]
    pub lease_id: Text,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LeaseOverride {
    pub task_id: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
    pub command: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_id: Option<Text>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RunStarted {
    #[serde(default)]
    pub id: Text,
    pub task_id: Text,
    pub agent_id: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
    pub lease_id: Text,
    pub attempt: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RunCompleted {
    #[serde(default)]
    pub id: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RunFailed {
    #[serde(default)]
    pub id: Text,
    pub class: FailureClass,
    #[serde(default)]
    pub message: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RunReleased {
    #[serde(default)]
    pub id: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
}
