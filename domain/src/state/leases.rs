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
}

impl Leases {
    pub(crate) fn get(&self, id: &str) -> Option<&Version<Arc<Lease>>> {
        self.by_id.get(id)
    }

    /// Puts it in, or the new version in the place of the old.
    pub(crate) fn put(&mut self, version: Version<Arc<Lease>>) -> Option<Version<Arc<Lease>>> {
        let (id, expires_at) = (version.row.id.clone(), version.row.expires_at);
        let before = self.by_id.insert(id.clone(), version);
        if let Some(before) = &before {
            self.by_expiry.remove(&(before.row.expires_at, id.clone()));
        }
        self.by_expiry.insert((expires_at, id));
        before
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Version<Arc<Lease>>> {
        let (id, version) = self.by_id.remove_entry(id)?;
        self.runs.remove(&id);
        self.by_expiry.remove(&(version.row.expires_at, id));
        Some(version)
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
