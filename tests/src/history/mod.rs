//! What clients did and were told, to be held against the log.
//!
//! The log is the order in which everything happened; the question is whether it explains what every client
//! saw. That is linearizability with a witness: each operation must have a place in the log that lies after everything
//! that anybody was told before it was sent, and there its answer must be what the state at that place gives. So
//! [`check`] replays the log and looks at each operation at its place; an operation that was refused has some place
//! between what was known when it was sent and the head of its answer.

mod check;
mod plant;
mod state;

pub use check::check;
pub use plant::{Fault, plant};

use serde_json::Value;

/// One operation of one client.
#[derive(Debug, Clone)]
pub struct Op {
    /// Its correlation id: it is in the metadata of every event that the operation made.
    pub id: String,
    /// Whose.
    pub agent: String,
    /// What was asked.
    pub kind: Kind,
    /// Microseconds since 1970, before it was sent for the first time.
    pub sent: i64,
    /// And when its last answer was here.
    pub got: i64,
    /// The greatest position that any client had been told of before it was sent.
    pub known: u64,
    /// The answers: several when it was sent several times with one key, none when nobody knows what came of it.
    pub answers: Vec<Told>,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// For the best task.
    Claim,
    /// To change a task as the holder of its lease.
    Held {
        /// The task.
        task: String,
        /// The lease.
        lease: String,
    },
    /// To change a task that nobody holds, as it was at that version, in one of those statuses.
    Seen {
        /// The task.
        task: String,
        /// The version.
        version: u64,
        /// The statuses in which it may be done.
        from: &'static [&'static str],
    },
    /// To add something to a task, which anybody may.
    Added {
        /// The task.
        task: String,
    },
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its status.
    pub status: u16,
    /// The head that it reflects.
    pub position: u64,
    /// `data`; null of an error.
    pub data: Value,
    /// The answer's error code; empty when it is none.
    pub code: String,
}

impl Told {
    /// Whether it was carried out.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.status == 200
    }
}
