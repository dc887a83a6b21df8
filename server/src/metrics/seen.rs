//! How far each subscription has come.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::Position;

/// Where they are who have all there is, whatever that is.
const LEVEL: Position = Position(u64::MAX);

/// Those who follow the log.
#[derive(Debug, Default, Clone)]
pub(crate) struct Followers(Arc<Mutex<Vec<Arc<AtomicU64>>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Following {
    all: Followers,
    at: Arc<AtomicU64>,
}

impl Followers {
    /// One more, that begins there; none when there are `max` already.
    pub(crate) fn begin(&self, at: Position, max: usize) -> Option<Following> {
        let at = Arc::new(AtomicU64::new(at.0));
        let mut all = self.0.lock();
        if all.len() >= max {
            return None;
        }
        all.push(Arc::clone(&at));
        drop(all);
        Some(Following { all: self.clone(), at })
    }

    /// How many there are, and how far the slowest is behind the head.
    pub(super) fn seen(&self, head: Position) -> (usize, u64) {
        let all = self.0.lock();
        let slowest = all.iter().map(|at| at.load(Ordering::Relaxed)).min();
        (all.len(), slowest.map_or(0, |at| head.0.saturating_sub(at)))
    }
}

impl Following {
    /// Says that everything there is was taken, or did not match, and what comes will be told of.
    pub(crate) fn is_level(&self) {
        self.is_at(LEVEL);
    }

    /// Says that everything up to there was taken, or did not match.
    pub(crate) fn is_at(&self, position: Position) {
        self.at.store(position.0, Ordering::Relaxed);
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut all = self.all.0.lock();
        if let Some(place) = all.iter().position(|at| Arc::ptr_eq(at, &self.at)) {
            all.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_slowest_of_those_that_are_left() {
        let followers = Followers::default();
        assert_eq!(followers.seen(Position(9)), (0, 0));
        let (slow, fast) =
            (followers.begin(Position(2), 2).unwrap(), followers.begin(Position(5), 2).unwrap());
        assert!(followers.begin(Position(5), 2).is_none(), "one too many");
        fast.is_at(Position(9));
        assert_eq!(followers.seen(Position(10)), (2, 8));
        slow.is_level();
        assert_eq!(followers.seen(Position(10)), (2, 1));
        drop(slow);
        assert_eq!(followers.seen(Position(10)), (1, 1));
        assert_eq!(followers.seen(Position(3)), (1, 0), "ahead of a head that was read before");
    }
}
