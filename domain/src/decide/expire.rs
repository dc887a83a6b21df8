use super::draft::Draft;
use super::run::{self, End};
use super::session::{self, Over};
use super::status;
use crate::answer::Pending;
use crate::rows::{Lease, Session, TaskStatus};
use std::sync::Arc;

/// Leases after which one command ends no further one, nor a session, so that many that end at once do not hold up the writer; the next
/// deadline stays in the past until all are.
pub const EXPIRED_MAX: usize = 1_000;

/// Ends every lease and every session whose time has passed; their tasks are open again.
pub(super) fn all(draft: &mut Draft<'_>) -> Pending {
    let now = draft.now();
    let over: Vec<Arc<Lease>> = draft.work.leases.over(now).take(EXPIRED_MAX).cloned().collect();
    for lease in &over {
        one(draft, lease);
    }
    let (mut leases, mut sessions) = (over.len(), 0);
    let silent: Vec<Arc<Session>> = draft.work.sessions.over(now).take(EXPIRED_MAX).cloned().collect();
    for session in &silent {
        if leases >= EXPIRED_MAX {
            break;
        }
        leases += session::close(draft, session, Over::Lost);
        sessions += 1;
    }
    Pending::Expired { leases, sessions }
}

pub(super) fn one(draft: &mut Draft<'_>, lease: &Arc<Lease>) {
    let ended = run::end_lease(draft, lease, End::Expired);
    if let Ok(task) = draft.task(&lease.task_id)
        && task.status == TaskStatus::InProgress
        && !task.elsewhere
    {
        status::give_back(draft, &task, task.not_before, None, &ended);
    }
}
