//! Sessions, by id and by when they are lost.

use crate::rows::{Session, SessionStatus};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Text, Timestamp, Version};

/// Every session there ever was: who names one that is closed is told so.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: FxHashMap<Text, Version<Arc<Session>>>,
    /// The active ones.
    by_deadline: BTreeSet<(Timestamp, Text)>,
}

impl Sessions {
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Session>> {
        self.by_id.get(id).map(|version| &version.row)
    }

    /// Puts it in, or the new version in the place of the old.
    pub(crate) fn put(&mut self, version: Version<Arc<Session>>) -> Option<Version<Arc<Session>>> {
        let session = Arc::clone(&version.row);
        let before = self.by_id.insert(session.id.clone(), version);
        if let Some(before) = &before {
            self.by_deadline.remove(&(before.row.deadline(), session.id.clone()));
        }
        if session.status == SessionStatus::Active {
            self.by_deadline.insert((session.deadline(), session.id.clone()));
        }
        before
    }

    /// It never was.
    pub(crate) fn remove(&mut self, id: &str) {
        if let Some((id, version)) = self.by_id.remove_entry(id) {
            self.by_deadline.remove(&(version.row.deadline(), id));
        }
    }

    /// Those that have been silent for too long, the longest first.
    pub(crate) fn over(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Session>> {
        self.by_deadline
            .iter()
            .take_while(move |(deadline, _)| *deadline <= now)
            .filter_map(|(_, id)| self.get(id))
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }
}
