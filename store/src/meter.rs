//! What the writer's work costs, for whoever keeps figures.

use std::sync::Arc;
use std::time::Duration;

/// One piece of work that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A commit is durable and shown to everybody.
    Commit {
        /// Its events.
        events: usize,
        /// Bytes of its record.
        bytes: usize,
        /// From the record's first byte written to the return of its sync.
        sync: Duration,
        /// The whole of it, the sync and the observer included.
        total: Duration,
    },
    /// Views were written down: the checkpoint has moved.
    Flush {
        /// How long it took, in the background.
        total: Duration,
    },
}

/// Called by the thread that did the work, after it. It holds up all writing, so it should only count.
pub type Meter = Arc<dyn Fn(Measure) + Send + Sync>;
