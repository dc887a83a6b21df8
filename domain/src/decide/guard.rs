//! Who may write to a task: the holder of its lease; when nobody holds it, whoever knows its version; and
//! anybody who says so, which is recorded.

use super::draft::Draft;
use super::session;
use crate::command::Guard;
use crate::event::{data::LeaseOverride, kind};
use crate::rejection::{Holder, Rejection};
use crate::rows::{Lease, Task};
use std::sync::Arc;
use store::Text;

/// The lease whose end is not in the log, over by the clock or not.
pub(super) fn lease_of(draft: &Draft<'_>, task_id: &str) -> Option<Arc<Lease>> {
    let id = draft.work.node(task_id)?.last_lease()?;
    let lease = &draft.work.leases.get(id)?.row;
    (!draft.has_ended(id)).then(|| Arc::clone(lease))
}

/// The lease that holds the task now.
pub(super) fn holding_lease(draft: &Draft<'_>, task_id: &str) -> Option<Arc<Lease>> {
    lease_of(draft, task_id).filter(|lease| draft.now() < lease.expires_at)
}

pub(super) fn holder(lease: &Lease) -> Holder {
    Holder { agent_id: lease.agent_id.clone(), since: lease.created_at, expires_at: lease.expires_at }
}

/// Lets a command that goes against `state` (what its own rules say of the task as it stands) through to
/// the right refusal, and one that does not through to the task.
///
/// A version or a fence that differs is told first: the caller's picture is old. Then a lease that is over, as it was
/// taken from the caller; then that the task's state forbids it; and only then that a lease is needed, as
/// getting one would not help before.
///
/// # Errors
/// [`Rejection::VersionConflict`], [`Rejection::LeaseExpired`], what `state` says, or
/// [`Rejection::LeaseRequired`].
pub(super) fn check(
    draft: &mut Draft<'_>,
    task: &Task,
    guard: &Guard,
    state: Result<(), Rejection>,
    command: &'static str,
) -> Result<(), Rejection> {
    if let Some(expected) = guard.expected_version
        && expected != task.version
    {
        return Err(Rejection::VersionConflict { id: task.id.clone(), expected, actual: task.version });
    }
    let held = holding_lease(draft, &task.id);
    if let Some(fence) = guard.fence
        && held.as_ref().is_none_or(|lease| lease.fence != fence)
    {
        let lease_id = guard.lease_id.clone().unwrap_or_else(|| format!("fence {fence}").into());
        return Err(Rejection::LeaseExpired { lease_id, holder: held.as_deref().map(holder) });
    }
    let entitled = entitled(draft, task, guard, held.as_deref());
    session::note_use(draft, guard, held);
    if guard.lease_id.is_some() && !guard.override_lease {
        entitled?;
        return state;
    }
    state?;
    match entitled {
        Ok(()) => Ok(()),
        Err(_) if guard.override_lease => {
            record_override(draft, task, command);
            Ok(())
        }
        Err(rejection) => Err(rejection),
    }
}

/// Whether the one who asks held the lease and handed it over: its id is not theirs any more.
pub(super) fn is_former(draft: &Draft<'_>, lease: &Lease) -> bool {
    let actor = draft.context.actor.as_ref().filter(|actor| **actor != lease.agent_id);
    actor.is_some_and(|actor| lease.former.contains(actor))
}

fn entitled(draft: &Draft<'_>, task: &Task, guard: &Guard, held: Option<&Lease>) -> Result<(), Rejection> {
    let over = |lease_id: &Text| {
        Err(Rejection::LeaseExpired { lease_id: lease_id.clone(), holder: held.map(holder) })
    };
    match (&guard.lease_id, held) {
        (Some(lease_id), Some(lease)) if *lease_id == lease.id && !is_former(draft, lease) => Ok(()),
        (Some(lease_id), _) => over(lease_id),
        (None, Some(lease)) => {
            Err(Rejection::LeaseRequired { task_id: task.id.clone(), holder: Some(holder(lease)) })
        }
        (None, None) if guard.expected_version.is_some() => Ok(()),
        (None, None) => Err(Rejection::LeaseRequired { task_id: task.id.clone(), holder: None }),
    }
}

fn record_override(draft: &mut Draft<'_>, task: &Task, command: &'static str) {
    let lease = lease_of(draft, &task.id);
    let lease_id = lease.map(|lease| lease.id.clone());
    let data = LeaseOverride {
        task_id: task.id.clone(),
        by: draft.context.actor.clone(),
        command: command.into(),
        lease_id: lease_id.clone(),
    };
    let tags = draft.tags_of(&task.id).maybe("agent:", data.by.as_ref()).maybe("lease:", lease_id.as_ref());
    match lease_id {
        Some(lease_id) => draft.push("lease-", &lease_id, kind::LEASE_OVERRIDE, &data, tags),
        None => draft.push("lease-override-", &task.id, kind::LEASE_OVERRIDE, &data, tags),
    }
}
