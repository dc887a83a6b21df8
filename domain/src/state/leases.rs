//! Leases that have not ended, by id and by when they end; and those of a session that were taken from it.

use crate::rows::Lease;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use store::{Position, Text, Timestamp, Version};

/// The active leases.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    by_id: FxHashMap<Text, Version<Arc<Lease>>>,
    by_expiry: BTreeSet<(Timestamp, Text)>,
    /// The run under each lease.
    runs: FxHashMap<Text, Text>,
    /// The leases that name a session, by session. None is empty.
    by_session: FxHashMap<Text, BTreeSet<Text>>,
    /// By session, and by where they ended: leases that are over, and not at their holder's word. Kept as long as sessions
    /// are, so that what was taken back can be told again.
    taken: FxHashMap<Text, BTreeMap<Position, Arc<Lease>>>,
}

impl Leases {
    pub(crate) fn get(&self, id: &str) -> Option<&Version<Arc<Lease>>> {
        self.by_id.get(id)
    }

    /// Puts it in, or the new version in the place of the old.
    pub(crate) fn put(&mut self, version: Version<Arc<Lease>>) -> Option<Version<Arc<Lease>>> {
        let lease = Arc::clone(&version.row);
        let before = self.by_id.insert(lease.id.clone(), version);
        if let Some(before) = &before {
            self.unlist(&before.row);
        }
        if let Some(session) = &lease.session_id {
            self.by_session.entry(session.clone()).or_default().insert(lease.id.clone());
        }
        self.by_expiry.insert((lease.expires_at, lease.id.clone()));
        before
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Version<Arc<Lease>>> {
        let version = self.by_id.remove(id)?;
        self.runs.remove(id);
        self.unlist(&version.row);
        Some(version)
    }

    /// Takes it out of the orders it is in.
    fn unlist(&mut self, lease: &Lease) {
        self.by_expiry.remove(&(lease.expires_at, lease.id.clone()));
        if let Some(session) = &lease.session_id
            && let Some(ids) = self.by_session.get_mut(session)
        {
            ids.remove(&lease.id);
            if ids.is_empty() {
                self.by_session.remove(session);
            }
        }
    }

    /// Those that name the session, in order of id.
    pub(crate) fn of_session(&self, session_id: &str) -> impl Iterator<Item = &Arc<Lease>> {
        let ids = self.by_session.get(session_id).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id)).map(|version| &version.row)
    }

    /// How many name the session.
    pub(crate) fn count_of_session(&self, session_id: &str) -> usize {
        self.by_session.get(session_id).map_or(0, BTreeSet::len)
    }

    /// It ended there, and not at its holder's word; who holds it in a session hears of it.
    pub(crate) fn put_taken(&mut self, ended: Position, lease: Arc<Lease>) {
        if let Some(session) = &lease.session_id {
            self.taken.entry(session.clone()).or_default().insert(ended, lease);
        }
    }

    /// It has not ended after all.
    pub(crate) fn forget_taken(&mut self, lease: &Lease) {
        if let Some(taken) = lease.session_id.as_ref().and_then(|session| self.taken.get_mut(session)) {
            taken.retain(|_, known| known.id != lease.id);
        }
    }

    /// Those of a session that ended after that position, and not at its word; the last ones first.
    pub(crate) fn taken(&self, session_id: &str, after: Position) -> impl Iterator<Item = &Arc<Lease>> {
        let taken = self.taken.get(session_id).into_iter();
        taken.flat_map(move |taken| taken.range((Excluded(after), Unbounded)).rev()).map(|(_, lease)| lease)
    }

    /// Keeps only those that may still be told of: `told` gives up to where that was done, and none of a session that
    /// is over.
    pub(crate) fn drop_told(&mut self, told: impl Fn(&str) -> Option<Position>) {
        self.taken.retain(|session, taken| {
            let Some(told) = told(session) else { return false };
            taken.retain(|ended, _| *ended > told);
            !taken.is_empty()
        });
    }

    pub(crate) fn set_run(&mut self, lease_id: Text, run_id: Text) {
        self.runs.insert(lease_id, run_id);
    }

    pub(crate) fn run(&self, lease_id: &str) -> Option<&Text> {
        self.runs.get(lease_id)
    }

    /// Those whose time has passed, the longest ago first.
    pub(crate) fn over(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Lease>> {
        self.by_expiry
            .iter()
            .take_while(move |(expires_at, _)| *expires_at <= now)
            .filter_map(|(_, id)| self.by_id.get(id))
            .map(|version| &version.row)
    }

    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.by_expiry.first().map(|(expires_at, _)| *expires_at)
    }
}
