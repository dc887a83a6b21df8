//! The newest commits, decoded: who follows the head reads them from memory.

use crate::{Commit, Event, Options, Position};
use parking_lot::RwLock;
use std::collections::VecDeque;
use std::sync::Arc;

/// Commits in order of position, bounded by events and bytes. The newest is always kept.
pub(crate) struct Recent<R> {
    events_max: usize,
    bytes_max: usize,
    kept: RwLock<Kept<R>>,
}

struct Kept<R> {
    commits: VecDeque<(Arc<Commit<R>>, usize)>,
    events: usize,
    bytes: usize,
}

impl<R> Recent<R> {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            events_max: options.recent_events_max,
            bytes_max: options.recent_bytes_max,
            kept: RwLock::new(Kept { commits: VecDeque::new(), events: 0, bytes: 0 }),
        }
    }

    /// Keeps a commit whose events take `bytes`, and forgets the oldest.
    pub(crate) fn push(&self, commit: &Arc<Commit<R>>, bytes: usize) {
        let mut forgotten = Vec::new();
        let mut kept = self.kept.write();
        kept.events += commit.events.len();
        kept.bytes += bytes;
        kept.commits.push_back((Arc::clone(commit), bytes));
        while kept.commits.len() > 1 && (kept.events > self.events_max || kept.bytes > self.bytes_max) {
            if let Some((oldest, bytes)) = kept.commits.pop_front() {
                kept.events -= oldest.events.len();
                kept.bytes -= bytes;
                forgotten.push(oldest);
            }
        }
        // What is forgotten is freed after the readers are let in again.
        drop(kept);
    }

    /// The commit that has the event at `position`, if it is kept.
    pub(crate) fn find(&self, position: Position) -> Option<Arc<Commit<R>>> {
        let kept = self.kept.read();
        let after = kept.commits.partition_point(|(commit, _)| commit.first <= position);
        let (commit, _) = kept.commits.get(after.checked_sub(1)?)?;
        (position <= commit.last).then(|| Arc::clone(commit))
    }
}

impl<R> Commit<R> {
    /// The event at `position`, if it is of this commit.
    pub(crate) fn event(&self, position: Position) -> Option<&Event> {
        let index = position.0.checked_sub(self.first.0)?;
        self.events.get(usize::try_from(index).ok()?)
    }
}
