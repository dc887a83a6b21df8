//! Who may write to a task: the holder of its lease; when nobody holds it, whoever knows its version; and
//! anybody who says so, which is recorded.

use super::draft::Draft;
use super::rules::{self, ARCHIVED, Hold, Refusal, Shown, Stand, Step, Title, Verdict};
use crate::command::Guard;
use crate::event::{data::LeaseOverride, kind};
use crate::rejection::{Holder, Rejection};
use crate::rows::{Lease, Task, TaskStatus};
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

/// The lease of a task that is not over in the log, looked up once for all that one step asks of it.
struct Held {
    lease: Option<Arc<Lease>>,
    hold: Hold,
}

impl Held {
    fn of(draft: &Draft<'_>, task_id: &str) -> Self {
        let lease = lease_of(draft, task_id);
        let hold = match &lease {
            None => Hold::Nobody,
            Some(lease) if draft.now() < lease.expires_at => Hold::Somebody,
            Some(_) => Hold::Overdue,
        };
        Self { lease, hold }
    }

    /// The lease that holds the task now.
    fn holding(&self) -> Option<&Arc<Lease>> {
        self.lease.as_ref().filter(|_| self.hold == Hold::Somebody)
    }

    /// That lease, if it is the one that is shown, by whoever it is of.
    fn shown_by(&self, draft: &Draft<'_>, lease_id: &Text) -> Option<&Arc<Lease>> {
        self.holding().filter(|lease| lease.id == *lease_id && !is_anothers(draft, lease))
    }

    fn title(&self, draft: &Draft<'_>, task: &Task, guard: &Guard) -> Title {
        let fence = |fence| self.holding().is_some_and(|lease| lease.fence == fence);
        Title {
            hold: self.hold,
            lease: shown(guard.lease_id.as_ref(), |id| self.shown_by(draft, id).is_some()),
            fence: shown(guard.fence, fence),
            version: shown(guard.expected_version, |version| version == task.version),
            override_lease: guard.override_lease,
        }
    }
}

/// What the rules say of a step that is asked for with nothing shown: see [`rules::verdict`].
pub(super) fn verdict(draft: &Draft<'_>, task: &Task, step: Step) -> Verdict {
    let title = Held::of(draft, &task.id).title(draft, task, &Guard::default());
    rules::verdict(stand(draft, task), step, title)
}

/// How the task stands after the events so far.
pub(super) fn stand(draft: &Draft<'_>, task: &Task) -> Stand {
    Stand::of(task, draft.blocked_by_count(&task.id))
}

fn shown<T>(what: Option<T>, is_right: impl FnOnce(T) -> bool) -> Shown {
    match what.map(is_right) {
        None => Shown::Nothing,
        Some(true) => Shown::Right,
        Some(false) => Shown::Wrong,
    }
}

/// Lets a command through to the task, with its override on record where it needs one; or says why not.
///
/// # Errors
/// What the rules refuse: see [`rules::verdict`].
pub(super) fn check(draft: &mut Draft<'_>, task: &Task, guard: &Guard, step: Step) -> Result<(), Rejection> {
    let held = Held::of(draft, &task.id);
    match rules::verdict(stand(draft, task), step, held.title(draft, task, guard)) {
        Verdict::Refused(refusal) => return Err(rejection(draft, task, guard, step, refusal, &held)),
        Verdict::Overridden => record_override(draft, task, step.command(), held.lease.as_deref()),
        Verdict::Allowed => {}
    }
    let used = guard.lease_id.as_ref().and_then(|id| held.shown_by(draft, id));
    if let Some(lease) = used.map(Arc::clone) {
        draft.note_used(lease);
    }
    Ok(())
}

/// The refusal, with what it has to tell.
fn rejection(
    draft: &Draft<'_>,
    task: &Task,
    guard: &Guard,
    step: Step,
    refusal: Refusal,
    held: &Held,
) -> Rejection {
    let holder = held.holding().map(|lease| holder(lease));
    let task_id = task.id.clone();
    match (refusal, holder) {
        (Refusal::VersionConflict, _) => {
            let expected = guard.expected_version.unwrap_or_default();
            Rejection::VersionConflict { id: task_id, expected, actual: task.version }
        }
        (Refusal::LeaseExpired, holder) => {
            let fence = || format!("fence {}", guard.fence.unwrap_or_default()).into();
            let lease_id = guard.lease_id.clone().unwrap_or_else(fence);
            Rejection::LeaseExpired { lease_id, task_id: Some(task_id), holder }
        }
        (Refusal::LeaseHeld, Some(holder)) => Rejection::LeaseHeld { task_id, holder },
        // Held by nobody that could be named: its lease is needed all the same.
        (Refusal::LeaseRequired | Refusal::LeaseHeld, holder) => Rejection::LeaseRequired { task_id, holder },
        (Refusal::InvalidState, _) => invalid(draft, task, step.target(task.status)),
    }
}

/// The refusal of a change that the task's state does not allow.
pub(super) fn invalid(draft: &Draft<'_>, task: &Task, to: &'static str) -> Rejection {
    let task_id = task.id.clone();
    if task.archived_at.is_some() {
        return Rejection::InvalidState { task_id, from: ARCHIVED, to, allowed: Vec::new() };
    }
    let allowed = stand(draft, task).targets().map(TaskStatus::as_str).collect();
    Rejection::InvalidState { task_id, from: task.status.as_str(), to, allowed }
}

/// Whether the one who asks says to be another agent than the lease's. Who does not say who it is is whoever
/// knows the lease's id.
pub(super) fn is_anothers(draft: &Draft<'_>, lease: &Lease) -> bool {
    draft.context.actor.as_ref().is_some_and(|actor| *actor != lease.agent_id)
}

fn record_override(draft: &mut Draft<'_>, task: &Task, command: &'static str, lease: Option<&Lease>) {
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
