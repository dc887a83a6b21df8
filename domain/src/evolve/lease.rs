use super::{Fold, actor, id, row};
use crate::event::data::{LeaseAcquired, LeaseRenewed};
use crate::event::kind;
use crate::rows::{Lease, LeaseStatus, Row, Table};
use crate::state::{Ripple, Work};
use std::sync::Arc;
use store::{Event, Revision, Version};

impl Work {
    pub(super) fn lease_acquired(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        // A lease begins with its stream. So one that has ended, which is not here any more, cannot begin
        // again.
        if fold.event.revision != Revision(1) {
            return None;
        }
        let data: LeaseAcquired = fold.data()?;
        let node = self.intern(&data.task_id);
        let lease = Lease {
            id: id(suffix, &data.id),
            task_id: self.at(node).id.clone(),
            agent_id: data.agent_id,
            session_id: data.session_id,
            fence: data.fence,
            status: LeaseStatus::Active,
            ttl_ms: data.ttl_ms,
            expires_at: data.expires_at.0,
            created_at: fold.time,
            updated_at: fold.time,
            taken: false,
        };
        let version = fold.version(lease);
        let lease = Arc::clone(&version.row);
        self.list_lease(node, &lease);
        self.leases.put(version);
        fold.note(Table::Leases, lease.id.clone(), None, Some(Row::Lease(Arc::clone(&lease))));
        self.agent_seen(&lease.agent_id, fold);
        Some(())
    }

    pub(super) fn lease_renewed(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: LeaseRenewed = fold.data()?;
        let before = self.leases.get(suffix)?;
        let version = fold.version(Lease {
            expires_at: data.expires_at.0,
            ttl_ms: data.ttl_ms.unwrap_or(before.row.ttl_ms),
            updated_at: fold.time,
            ..Lease::clone(&before.row)
        });
        let lease = Arc::clone(&version.row);
        let before = self.leases.put(version);
        note(before, &lease, fold);
        self.agent_seen(&lease.agent_id, fold);
        Some(())
    }

    /// Released, handed over or expired.
    pub(super) fn lease_ended(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let lease = Arc::new(ended(&self.leases.get(suffix)?.row, fold.event)?);
        let before = self.leases.remove(suffix);
        if lease.taken {
            self.leases.put_taken(fold.event.position, Arc::clone(&lease));
        }
        note(before, &lease, fold);
        let node = self.intern(&lease.task_id);
        let mut ripple = Ripple::default();
        self.hold_changed(node, &mut ripple);
        self.settle(ripple, fold);
        Some(())
    }
}

/// The lease after the event that ends it; none if the event is not such a one.
pub(crate) fn ended(lease: &Lease, event: &Event) -> Option<Lease> {
    let status = match &*event.kind {
        kind::LEASE_EXPIRED => LeaseStatus::Expired,
        kind::LEASE_RELEASED | kind::LEASE_TRANSFERRED => LeaseStatus::Released,
        _ => return None,
    };
    let taken = match status {
        LeaseStatus::Expired => true,
        // Who hands it over is its holder.
        _ => *event.kind == *kind::LEASE_RELEASED && actor(&event.metadata).as_ref() != Some(&lease.agent_id),
    };
    Some(Lease { status, updated_at: event.time, taken, ..lease.clone() })
}

fn note(before: Option<Version<Arc<Lease>>>, after: &Arc<Lease>, fold: &mut Fold<'_>) {
    let before = before.map(|before| row(before, Row::Lease));
    fold.note(Table::Leases, after.id.clone(), before, Some(Row::Lease(Arc::clone(after))));
}
