//! The store as a whole, with the counters of [`crate::model`] as its model.

mod beside;
mod concurrent;
mod condition;
mod fails;
mod group;
mod like_a_vec;
mod opening;
mod power_cut;
mod requests;

use crate::model::{Ask, Counters, new_event};
use crate::{
    Append, Context, Event, EventId, ExpectedRevision, NewEvent, Opened, Options, Pending, Position, Reader,
    Store, StreamWrite, Timestamp,
};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tempfile::TempDir;

/// Microseconds at which every test begins.
pub(crate) const NOON: i64 = 1_700_000_000_000_000;

/// A directory for one store: in memory where there is such a place, because a thousand syncs of a real disk
/// show nothing here that they do not show there.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// A context with a seed of its own.
pub(crate) fn context(now: i64) -> Context {
    static SEED: AtomicU64 = AtomicU64::new(1);
    Context {
        now: Timestamp(now),
        seed: EventId(u128::from(SEED.fetch_add(1, Relaxed)) << 32),
        metadata: r#"{"agent_id":"tester"}"#.into(),
        actor: Some("tester".into()),
    }
}

pub(crate) fn open(dir: &Path, options: &Options) -> (Store<Counters>, Opened) {
    Store::open(dir, Counters::default(), options.clone()).unwrap()
}

/// Bounds so small that every mechanism runs within a few commits.
pub(crate) fn tiny() -> Options {
    Options {
        delta_entries_max: 40,
        tail_events_max: 30,
        recent_events_max: 5,
        revision_cache_streams: 3,
        log_cache_bytes: 1 << 20,
        views_cache_bytes: 1 << 20,
        disk_threads: 1,
        ..Options::default()
    }
}

pub(crate) fn add(counter: &str, number: i64) -> Ask {
    Ask::Add { counter: counter.into(), number, times: 1 }
}

/// One event to one stream.
pub(crate) fn append_one(stream: &str, expected: ExpectedRevision, event: NewEvent) -> Append {
    Append { writes: vec![StreamWrite { stream: stream.into(), expected, events: vec![event] }] }
}

pub(crate) fn note(data: &str) -> NewEvent {
    new_event("ignored", "Noted", data)
}

/// Every event there is.
pub(crate) fn all_events(reader: &Reader<crate::model::Count>) -> Vec<Event> {
    reader.events(Position::ZERO, Position(u64::MAX), crate::Direction::Forward).map(Result::unwrap).collect()
}
