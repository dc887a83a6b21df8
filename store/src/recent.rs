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

#[cfg(test)]
mod test {
    use super::*;
    use crate::{EventId, Revision, Timestamp};

    fn commit(first: u64, events: u64) -> Arc<Commit<()>> {
        let event = |position| Event {
            position: Position(position),
            id: EventId(u128::from(position)),
            stream: "s".into(),
            revision: Revision(position),
            kind: "Noted".into(),
            time: Timestamp(0),
            data: "1".into(),
            metadata: "{}".into(),
            tags: Vec::new(),
        };
        let last = first + events - 1;
        Arc::new(Commit {
            first: Position(first),
            last: Position(last),
            time: Timestamp(0),
            events: (first..=last).map(event).collect(),
            changes: Vec::new(),
            answers: Vec::new(),
            next_deadline: None,
        })
    }

    fn kept(recent: &Recent<()>) -> Vec<u64> {
        (0..30).filter(|position| recent.find(Position(*position)).is_some()).collect()
    }

    #[test]
    fn keeps_the_newest_within_both_bounds() {
        let options = Options { recent_events_max: 6, recent_bytes_max: 100, ..Options::default() };
        let recent = Recent::new(&options);
        assert_eq!(kept(&recent), []);
        recent.push(&commit(1, 3), 10);
        recent.push(&commit(4, 3), 10);
        assert_eq!(kept(&recent), [1, 2, 3, 4, 5, 6]);
        recent.push(&commit(7, 1), 10);
        assert_eq!(kept(&recent), [4, 5, 6, 7], "seven events are too many");
        recent.push(&commit(8, 1), 80);
        assert_eq!(kept(&recent), [4, 5, 6, 7, 8], "a hundred bytes are allowed");
        recent.push(&commit(9, 1), 1);
        assert_eq!(kept(&recent), [7, 8, 9]);
        recent.push(&commit(10, 9), 500);
        assert_eq!(kept(&recent), (10..19).collect::<Vec<_>>(), "the newest is kept, whatever its size");
        let found = recent.find(Position(12)).unwrap();
        assert_eq!(found.event(Position(12)).unwrap().position, Position(12));
        assert_eq!((found.event(Position(9)), found.event(Position(19))), (None, None));
    }
}
