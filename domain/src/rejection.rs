//! Why a command changes nothing.

use store::{Text, Timestamp};

/// A field that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the request: `/priority`.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Why a command changes nothing. `server` maps each to its code on the wire in one place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Rejection {
    #[error("{} field(s) do not hold: {}", .0.len(), .0.iter().map(|p| format!("{} {}", p.pointer, p.message)).collect::<Vec<_>>().join("; "))]
    Validation(Vec<Problem>),
    /// Of a field, when one by itself is too much; of an event, when only all together are.
    #[error("the data of {} would have {bytes} bytes, at most {bytes_max}", .kind.as_deref().unwrap_or("an event"))]
    TooLarge {
        /// The event's type, where it is known.
        kind: Option<Text>,
        /// JSON pointer to the field.
        pointer: Option<String>,
        bytes: usize,
        bytes_max: usize,
    },
    #[error("no {kind} has the id `{id}`")]
    NotFound { kind: &'static str, id: Text },
    #[error("a {kind} with the id `{id}` exists already")]
    AlreadyExists { kind: &'static str, id: Text },
    #[error("task `{id}` is at version {actual}, not {expected}")]
    VersionConflict { id: Text, expected: u64, actual: u64 },
    #[error("{kind} would close a cycle: {}", .path.join(" → "))]
    Cycle { kind: &'static str, path: Vec<Text> },
    #[error("task `{child}` has the parent `{parent}` already")]
    SecondParent { child: Text, parent: Text },
    #[error("{}", refused_step(.from, .to, .allowed))]
    InvalidState {
        /// The task.
        task_id: Text,
        /// The task's status, or `archived`.
        from: &'static str,
        /// The status it should have had, or `archived`.
        to: &'static str,
        /// The statuses it can be given.
        allowed: Vec<&'static str>,
    },
    #[error("task `{task_id}` needs its lease")]
    LeaseRequired { task_id: Text, holder: Option<Holder> },
    #[error("the lease `{lease_id}` is over, not of this task or not the caller's, or its fence is stale")]
    LeaseExpired {
        lease_id: Text,
        /// Its task, where that is known.
        task_id: Option<Text>,
        holder: Option<Holder>,
    },
    #[error("task `{task_id}` is held by another lease")]
    LeaseHeld { task_id: Text, holder: Holder },
    #[error("session `{id}` is over")]
    SessionClosed { id: Text },
    #[error("{reason}")]
    Forbidden { rule: &'static str, reason: String },
    #[error("{}", .0.message)]
    Predicate(PredicateFault),
}

fn refused_step(from: &str, to: &str, allowed: &[&str]) -> String {
    match to {
        _ if from == to => format!("the task is {from} already"),
        // A transition may bring it there; what was asked for is not one.
        "in_progress" if allowed.contains(&to) => format!("a task that is {from} cannot be leased"),
        "open" if allowed.contains(&to) => format!("a task that is {from} cannot be released"),
        _ => format!("a task cannot go from {from} to {to}"),
    }
}

/// A row predicate that cannot tell: a division by zero, a failing CAST, an overflow. The language above says
/// what and where; the model only hands it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredicateFault {
    /// The language's code for it.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right, where that is known.
    pub hint: Option<String>,
    /// Line of the text, 1-based.
    pub line: usize,
    /// Column in characters, 1-based.
    pub column: usize,
    /// Length in characters.
    pub length: usize,
}

/// Who holds a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The agent.
    pub agent_id: Text,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless renewed.
    pub expires_at: Timestamp,
}
