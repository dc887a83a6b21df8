//! How an attempt ends, and what the agent adds to it while it goes on.

use super::draft::{Draft, Next};
use super::guard::{self, lease_of};
use super::rules::Step;
use super::validate::Problems;
use super::{context, lease, status};
use crate::answer::Pending;
use crate::command::{CompleteTask, FailTask, Guard, NewContext, RunEvent};
use crate::event::data::{LeaseExpired, LeaseTransferred, Only, RunCompleted, RunFailed, RunReleased};
use crate::event::{Json, Moment, kind, tags::Tags};
use crate::rejection::Rejection;
use crate::reserved::is_reserved_type;
use crate::rows::{ContextType, FailureClass, Lease, Run, Task, TaskStatus};
use serde::Serialize;
use std::sync::Arc;
use store::Text;

/// The wait after a first failed attempt, in milliseconds; each further one doubles it.
pub const BACKOFF_BASE_MS: i64 = 1_000;
/// The longest wait before jitter, in milliseconds.
pub const BACKOFF_MAX_MS: i64 = 3_600_000;
/// The longest wait an agent may ask for, in milliseconds: 30 days.
pub const RETRY_AFTER_MAX_MS: i64 = 30 * 86_400_000;
/// Most events one command may add to a run.
pub const RUN_EVENTS_MAX: usize = 1_000;
/// Longest event type a caller may give, in bytes.
const KIND_BYTES_MAX: usize = 128;

/// How a run ends.
pub(super) enum End {
    Completed {
        output: Option<Text>,
        evidence: Option<Text>,
        cost: Option<f64>,
        tokens: Option<i64>,
    },
    Failed {
        class: FailureClass,
        message: Text,
        retry_after_ms: Option<i64>,
    },
    Cancelled,
    Released {
        note: Option<Text>,
    },
    /// Another agent goes on.
    HandedOver {
        agent_id: Text,
        /// The lease it goes on under.
        lease_id: Text,
    },
    Expired,
}

impl End {
    /// Completed, with nothing to tell of it.
    pub(super) const COMPLETED: Self =
        Self::Completed { output: None, evidence: None, cost: None, tokens: None };
}

/// What ended with it.
pub(super) struct Ended {
    pub(super) lease_id: Option<Text>,
    /// As it was while it ran.
    pub(super) run: Option<Arc<Run>>,
}

impl Ended {
    pub(super) fn run_id(&self) -> Option<Text> {
        self.run.as_ref().map(|run| run.id.clone())
    }

    /// The answer to a command that ended a run; without a run it is just the task.
    fn answer(self, draft: &Draft<'_>, task_id: Text) -> Pending {
        match self.run {
            Some(run) => Pending::Ended { task_id, run, now: draft.now() },
            None => draft.answer_task(task_id),
        }
    }
}

/// Ends the task's lease and run, if it has them.
pub(super) fn end_run(draft: &mut Draft<'_>, task: &Task, end: End) -> Ended {
    match lease_of(draft, &task.id) {
        Some(lease) => end_lease(draft, &lease, end),
        None => Ended { lease_id: None, run: None },
    }
}

/// Ends a lease and the run under it.
pub(super) fn end_lease(draft: &mut Draft<'_>, lease: &Lease, end: End) -> Ended {
    let work = draft.work;
    let run = work.leases.run(&lease.id).and_then(|id| work.runs.get(id)).map(|run| Arc::clone(&run.row));
    let how = match &end {
        End::Expired => How::Expired,
        End::HandedOver { agent_id, lease_id } => How::HandedOver(agent_id.clone(), lease_id.clone()),
        End::Completed { .. } | End::Failed { .. } | End::Cancelled | End::Released { .. } => How::Released,
    };
    if let Some(run) = &run {
        push_end(draft, run, end);
    }
    push_lease_end(draft, lease, how);
    draft.note_ended(lease.id.clone());
    Ended { lease_id: Some(lease.id.clone()), run }
}

/// What the end of a run is to its lease.
enum How {
    Released,
    Expired,
    /// To that agent, under that lease.
    HandedOver(Text, Text),
}

fn push_lease_end(draft: &mut Draft<'_>, lease: &Lease, how: How) {
    let (id, tags) = (lease.id.clone(), lease::tags(draft, lease));
    match how {
        How::Released => draft.push("lease-", &lease.id, kind::LEASE_RELEASED, &Only { id }, tags),
        How::Expired => {
            let data = LeaseExpired { id, expires_at: Moment(lease.expires_at) };
            draft.push("lease-", &lease.id, kind::LEASE_EXPIRED, &data, tags);
        }
        How::HandedOver(to_agent_id, to_lease_id) => {
            let data = LeaseTransferred {
                id,
                task_id: lease.task_id.clone(),
                from_agent_id: lease.agent_id.clone(),
                agent_id: to_agent_id,
                lease_id: to_lease_id,
            };
            draft.push("lease-", &lease.id, kind::LEASE_TRANSFERRED, &data, tags);
        }
    }
}

fn push_end(draft: &mut Draft<'_>, run: &Run, end: End) {
    let id = run.id.clone();
    match end {
        End::Completed { output, evidence, cost, tokens } => {
            let (output, evidence) = (output.map(Json), evidence.map(Json));
            push(draft, run, kind::RUN_COMPLETED, &RunCompleted { id, output, evidence, cost, tokens });
        }
        End::Failed { class, message, retry_after_ms } => {
            push(draft, run, kind::RUN_FAILED, &RunFailed { id, class, message, retry_after_ms });
        }
        End::Cancelled => push(draft, run, kind::RUN_CANCELLED, &Only { id }),
        End::Released { note } => push(draft, run, kind::RUN_RELEASED, &RunReleased { id, note }),
        End::HandedOver { agent_id, lease_id: _ } => {
            let note = Some(format!("handed over to {agent_id}").into());
            push(draft, run, kind::RUN_RELEASED, &RunReleased { id, note });
        }
        End::Expired => push(draft, run, kind::RUN_EXPIRED, &Only { id }),
    }
}

fn push(draft: &mut Draft<'_>, run: &Run, kind: &str, data: &impl Serialize) {
    let tags = tags(draft, run);
    draft.push("run-", &run.id, kind, data, tags);
}

fn tags(draft: &Draft<'_>, run: &Run) -> Tags {
    draft
        .tags_of(&run.task_id)
        .with("agent:", &run.agent_id)
        .maybe("session:", run.session_id.as_ref())
        .with("run:", &run.id)
}

/// The task is done.
pub(super) fn complete(draft: &mut Draft<'_>, command: CompleteTask) -> Result<Pending, Rejection> {
    let CompleteTask { task_id, guard, output, evidence, cost, tokens } = command;
    let mut problems = Problems::default();
    problems.json("/output", output.as_ref());
    problems.json("/evidence", evidence.as_ref());
    if cost.is_some_and(|cost| !cost.is_finite() || cost < 0.0) {
        problems.add("/cost", "must be a number that is not negative");
    }
    problems.range("/tokens", tokens, 0..=i64::MAX);
    problems.finish()?;
    let task = draft.task(&task_id)?;
    guard::check(draft, &task, &guard, Step::Complete)?;
    let ended = end_run(draft, &task, End::Completed { output, evidence, cost, tokens });
    status::leave(draft, &task, Next::of(&task, TaskStatus::Completed), &ended);
    Ok(ended.answer(draft, task_id))
}

/// The attempt failed: the task waits and is tried again, or is blocked until somebody looks.
pub(super) fn fail(draft: &mut Draft<'_>, command: FailTask) -> Result<Pending, Rejection> {
    let FailTask { task_id, guard, class, message, retry_after_ms } = command;
    let mut problems = Problems::default();
    problems.some_text("/message", &message);
    if retry_after_ms.is_some_and(|wait| !(0..=RETRY_AFTER_MAX_MS).contains(&wait)) {
        problems.add("/retry_after_s", format!("must be 0 to {} seconds", RETRY_AFTER_MAX_MS / 1_000));
    }
    problems.finish()?;
    let task = draft.task(&task_id)?;
    guard::check(draft, &task, &guard, Step::Fail)?;
    let end = End::Failed { class, message: message.clone(), retry_after_ms };
    let ended = end_run(draft, &task, end);
    if class.is_retried() && task.attempts < task.max_attempts {
        let run_id = ended.run_id().unwrap_or_else(|| task_id.clone());
        let wait = retry_after_ms.unwrap_or_else(|| backoff_ms(task.attempts, &run_id));
        let not_before = Some(draft.now().plus_ms(wait));
        status::give_back(draft, &task, not_before, Some(message), &ended);
    } else {
        let note = NewContext { kind: ContextType::Blocker, content: message.clone(), metadata: None };
        context::push(draft, &task_id, note, None);
        let next =
            Next { owner_agent_id: None, reason: Some(message), ..Next::of(&task, TaskStatus::Blocked) };
        status::leave(draft, &task, next, &ended);
    }
    Ok(ended.answer(draft, task_id))
}

/// `base · 2^(attempts−1)`, capped, and up to a quarter more so that what failed together does not come
/// back together. The quarter follows from the run's id, so it is the same whenever it is worked out.
pub(crate) fn backoff_ms(attempts: u32, run_id: &str) -> i64 {
    let doublings = attempts.saturating_sub(1).min(32);
    let wait = (BACKOFF_BASE_MS << doublings).min(BACKOFF_MAX_MS);
    // FNV-1a: simple, and the same on every machine and in every version.
    let hash = run_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // Short ids leave their last characters in few of the bits: lay all of them over each other.
    let folded = (hash ^ (hash >> 16) ^ (hash >> 32) ^ (hash >> 48)) & 0xffff;
    wait + wait / 4 * i64::try_from(folded).unwrap_or_default() / 0xffff
}

/// The task is given back.
pub(super) fn release(
    draft: &mut Draft<'_>,
    task_id: Text,
    guard: &Guard,
    note: Option<Text>,
) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    problems.maybe_text("/note", note.as_ref());
    problems.finish()?;
    let task = draft.task(&task_id)?;
    guard::check(draft, &task, guard, Step::Release)?;
    let ended = end_run(draft, &task, End::Released { note: note.clone() });
    status::give_back(draft, &task, task.not_before, note, &ended);
    Ok(ended.answer(draft, task_id))
}

/// [`release`] by the lease alone.
pub(super) fn release_lease(draft: &mut Draft<'_>, lease_id: &Text) -> Result<Pending, Rejection> {
    let lease = lease::active(draft, lease_id)?;
    let task = draft.task(&lease.task_id)?;
    if task.status != TaskStatus::InProgress || task.elsewhere {
        // Another node has said meanwhile where the task stands: only the lease and its run end.
        end_lease(draft, &lease, End::Released { note: None });
    } else {
        let guard = Guard { lease_id: Some(lease.id.clone()), ..Guard::default() };
        release(draft, lease.task_id.clone(), &guard, None)?;
    }
    Ok(Pending::LeaseEnded(lease))
}

/// Adds the agent's own events to the stream of its run.
pub(super) fn append(
    draft: &mut Draft<'_>,
    run_id: &Text,
    lease_id: &Text,
    events: Vec<RunEvent>,
) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    if events.is_empty() {
        problems.add("/events", "must not be empty");
    }
    problems.at_most("/events", events.len(), RUN_EVENTS_MAX);
    for (i, event) in events.iter().enumerate().take(RUN_EVENTS_MAX) {
        let RunEvent { kind, data } = event;
        if !(1..=KIND_BYTES_MAX).contains(&kind.len()) {
            problems.add(format!("/events/{i}/type"), format!("must be 1 to {KIND_BYTES_MAX} bytes long"));
        } else if &**kind != kind::TOOL_INVOKED && is_reserved_type(kind) {
            let message = format!("`{kind}` comes from the work model's own commands; choose another type");
            problems.add(format!("/events/{i}/type"), message);
        }
        problems.json(&format!("/events/{i}/data"), Some(data));
    }
    problems.finish()?;
    let lease = lease::active(draft, lease_id)?;
    draft.note_used(Arc::clone(&lease));
    let run = draft.work.runs.get(run_id).map(|version| Arc::clone(&version.row));
    let Some(run) = run.filter(|run| run.lease_id == lease.id) else {
        return Err(Rejection::NotFound { kind: "run under this lease", id: run_id.clone() });
    };
    let count = events.len();
    for RunEvent { kind, data } in events {
        let tags = tags(draft, &run);
        draft.push_raw("run-", run_id, kind, data, tags);
    }
    Ok(Pending::Appended { count })
}
