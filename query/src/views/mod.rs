//! The views: current rows in memory, kept up from row changes, pinned by readers.

pub(crate) mod chunked;
mod current;
mod depths;
mod derived;
mod pinned;
mod rows;
mod tally;

pub(crate) use current::Current;
pub(crate) use depths::{Depths, SomeDepths, Waiting, blocks, unfinished};
pub use pinned::{Pinned, TaskViews};
pub(crate) use rows::{Entry, Projection, RowChunk, Rows};
pub use tally::Counts;

use domain::rows::Row;
use parking_lot::Mutex;
use std::sync::Arc;
use store::{Commit, Position, ReadError, Reader};
use tokio::sync::Notify;

/// Events of commits that wait to be taken in; at this many the committing thread takes them in itself, so
/// that a burst of writes meets the views' pace and not the memory's end.
pub(crate) const PENDING_EVENTS_MAX: usize = 16_384;

/// Events that may wait for the next reader before the background is woken to take them in: few, so that a
/// reader finds little to do, and enough that it is not woken for every commit.
const WAKE_EVENTS: usize = 256;

/// The current rows and the commits they have yet to take in.
#[derive(Debug)]
pub(crate) struct Views {
    /// Taken before `pending` by whoever takes both.
    current: Mutex<Arc<Current>>,
    pending: Mutex<Pending>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    commits: Vec<Arc<Commit<Row>>>,
    events: usize,
}

impl Views {
    /// Views of an empty log: commits may be pushed from now on, [`Views::load`] gives them their rows.
    pub(crate) fn new() -> Self {
        Self { current: Mutex::default(), pending: Mutex::default(), wake: Notify::new() }
    }

    /// Takes every row from a reader. It is made here, after commits began to be pushed: so none is missed
    /// between the two, and those that the reader has already change nothing.
    pub(crate) fn load(&self, reader: impl FnOnce() -> Reader<Row>) -> Result<(), ReadError> {
        let mut current = self.current.lock();
        *current = Arc::new(Current::load(&reader())?);
        Ok(())
    }

    /// Hands a commit over; called in order of position by the thread that committed it.
    pub(crate) fn push(&self, commit: &Arc<Commit<Row>>) {
        let events = {
            let mut pending = self.pending.lock();
            pending.commits.push(commit.clone());
            pending.events += commit.events.len();
            pending.events
        };
        if events >= PENDING_EVENTS_MAX {
            self.catch_up();
        } else if events >= WAKE_EVENTS {
            self.wake.notify_one();
        }
    }

    /// Takes in all that was pushed before, in the background, for ever.
    pub(crate) async fn keep_up(self: Arc<Self>) {
        loop {
            self.wake.notified().await;
            self.catch_up();
        }
    }

    /// The rows after every commit that was pushed before this call.
    pub(crate) fn pin(&self) -> Arc<Current> {
        self.catch_up()
    }

    /// Position that was taken in.
    pub(crate) fn position(&self) -> Position {
        self.current.lock().head.position
    }

    fn catch_up(&self) -> Arc<Current> {
        let mut current = self.current.lock();
        let pending = std::mem::take(&mut *self.pending.lock());
        if !pending.commits.is_empty() {
            let rows = Arc::make_mut(&mut current);
            for commit in &pending.commits {
                rows.apply(commit);
            }
        }
        current.clone()
    }

    #[cfg(test)]
    pub(crate) fn pending_events(&self) -> usize {
        self.pending.lock().events
    }
}
