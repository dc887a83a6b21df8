//! The events of the work model: the catalogue, and the data of each as it is written and read.

mod catalogue;
pub mod data;
mod json;
pub mod tags;
#[cfg(test)]
mod test;

pub use catalogue::{CATALOGUE, EventType, Field, find};
pub use json::{Json, Moment};

/// Most bytes of an event's data, but of an imported one's: what is larger is kept elsewhere and referred to.
pub const DATA_BYTES_MAX: usize = 1 << 20;

/// The names of the event types.
#[allow(missing_docs)]
pub mod kind {
    pub const TASK_CREATED: &str = "TaskCreated";
    pub const TASK_UPDATED: &str = "TaskUpdated";
    pub const TASK_STATUS_CHANGED: &str = "TaskStatusChanged";
    pub const TASK_ARCHIVED: &str = "TaskArchived";
    pub const TASK_RESTORED: &str = "TaskRestored";
    pub const RELATIONSHIP_ADDED: &str = "RelationshipAdded";
    pub const RELATIONSHIP_REMOVED: &str = "RelationshipRemoved";
    pub const PROGRESS_ITEM_ADDED: &str = "ProgressItemAdded";
    pub const PROGRESS_ITEM_COMPLETED: &str = "ProgressItemCompleted";
    pub const CONTEXT_ADDED: &str = "ContextAdded";
    pub const CONTEXT_SUPERSEDED: &str = "ContextSuperseded";
    pub const AGENT_REGISTERED: &str = "AgentRegistered";
    pub const AGENT_UPDATED: &str = "AgentUpdated";
    pub const SESSION_STARTED: &str = "SessionStarted";
    pub const SESSION_HEARTBEAT: &str = "SessionHeartbeat";
    pub const SESSION_ENDED: &str = "SessionEnded";
    pub const LEASE_ACQUIRED: &str = "LeaseAcquired";
    pub const LEASE_RENEWED: &str = "LeaseRenewed";
    pub const LEASE_RELEASED: &str = "LeaseReleased";
    pub const LEASE_EXPIRED: &str = "LeaseExpired";
    pub const LEASE_OVERRIDE: &str = "LeaseOverride";
    pub const LEASE_TRANSFERRED: &str = "LeaseTransferred";
    pub const RUN_STARTED: &str = "RunStarted";
    pub const RUN_COMPLETED: &str = "RunCompleted";
    pub const RUN_FAILED: &str = "RunFailed";
    pub const RUN_CANCELLED: &str = "RunCancelled";
    pub const RUN_RELEASED: &str = "RunReleased";
    pub const RUN_EXPIRED: &str = "RunExpired";
    pub const TOOL_INVOKED: &str = "ToolInvoked";
}
