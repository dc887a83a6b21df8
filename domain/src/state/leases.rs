//! Leases that have not ended, by id and by when they end.

use crate::rows::Lease;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Text, Timestamp, Version};

/// The active leases.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    by_id: FxHashMap<Text, Version<Arc<Lease>>>,
    by_expiry: BTreeSet<(Timestamp, Text)>,
    /// The run under each lease.
    runs: FxHashMap<Text, Text>,
    /// The leases that name a session, by session. None is empty.
    by_session: FxHashMap<Text, BTreeSet<Text>>,
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
