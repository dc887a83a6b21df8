use super::draft::{Draft, Next};
use super::guard::{self, holder, holding_lease, is_anothers, lease_of};
use super::rules::Step;
use super::run::{self, End};
use super::validate::Problems;
use super::{expire, session};
use crate::answer::Pending;
use crate::command::{AcquireLease, Guard, TransferLease};
use crate::event::data::{LeaseAcquired, LeaseRenewed, RunStarted};
use crate::event::{Moment, kind, tags::Tags};
use crate::rejection::Rejection;
use crate::rows::{Lease, Task, TaskStatus};
use std::sync::Arc;
use store::Text;

/// How long a lease lasts when nothing is said, in milliseconds.
pub const TTL_DEFAULT_MS: i64 = 600_000;
/// Shortest lease, in milliseconds: shorter ones would end before an answer arrives.
pub const TTL_MIN_MS: i64 = 1_000;
/// Longest lease, in milliseconds: a dead agent must not hold a task for more than a day.
pub const TTL_MAX_MS: i64 = 86_400_000;

/// Who starts to work, and for how long.
pub(super) struct Worker {
    pub(super) agent_id: Text,
    pub(super) session_id: Option<Text>,
    pub(super) ttl_ms: i64,
}

impl Worker {
    /// `ttl` is the name of the field on the wire.
    pub(super) fn check(
        problems: &mut Problems,
        agent_id: &Text,
        session_id: Option<&Text>,
        ttl: &str,
        ttl_ms: Option<i64>,
    ) {
        problems.id("/agent_id", agent_id);
        problems.maybe_id("/session_id", session_id);
        check_ttl(problems, ttl, ttl_ms);
    }
}

fn check_ttl(problems: &mut Problems, pointer: &str, ttl_ms: Option<i64>) {
    if ttl_ms.is_some_and(|ttl| !(TTL_MIN_MS..=TTL_MAX_MS).contains(&ttl)) {
        problems.add(pointer, format!("must be {} to {} seconds", TTL_MIN_MS / 1_000, TTL_MAX_MS / 1_000));
    }
}

/// What started.
pub(super) struct Started {
    pub(super) lease_id: Text,
    pub(super) run_id: Text,
}

/// Takes one task that was named, on offer or not.
pub(super) fn acquire(draft: &mut Draft<'_>, command: AcquireLease) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    let AcquireLease { task_id, agent_id, session_id, ttl_ms } = command;
    Worker::check(&mut problems, &agent_id, session_id.as_ref(), "/ttl_s", ttl_ms);
    problems.finish()?;
    draft.task(&task_id)?;
    session::admit(draft, &agent_id, session_id.as_ref())?;
    if let Some(lease) = lease_of(draft, &task_id) {
        // Its end may be due; then the task is as free as the clock says.
        if draft.now() >= lease.expires_at {
            expire::one(draft, &lease);
        }
    }
    let task = draft.task(&task_id)?;
    guard::check(draft, &task, &Guard::default(), Step::Acquire)?;
    let worker = Worker { agent_id, session_id, ttl_ms: ttl_ms.unwrap_or(TTL_DEFAULT_MS) };
    let started = start(draft, &task, &worker);
    Ok(Pending::Lease(started.lease_id))
}

/// Lease, run and status of a task that somebody starts to work on.
pub(super) fn start(draft: &mut Draft<'_>, task: &Task, worker: &Worker) -> Started {
    let lease_id = draft.fresh_id();
    start_attempt(draft, task, worker, lease_id, task.attempts.saturating_add(1))
}

fn start_attempt(
    draft: &mut Draft<'_>,
    task: &Task,
    worker: &Worker,
    lease_id: Text,
    attempt: u32,
) -> Started {
    let fence = draft.work.node(&task.id).map_or(0, |node| node.fence()) + 1;
    let Worker { agent_id, session_id, ttl_ms } = worker;
    let tags = Tags::of_task(&task.id, task.project_id.as_ref())
        .with("agent:", agent_id)
        .maybe("session:", session_id.as_ref());
    let data = LeaseAcquired {
        id: lease_id.clone(),
        task_id: task.id.clone(),
        agent_id: agent_id.clone(),
        session_id: session_id.clone(),
        fence,
        ttl_ms: *ttl_ms,
        expires_at: Moment(draft.now().plus_ms(*ttl_ms)),
    };
    draft.push("lease-", &lease_id, kind::LEASE_ACQUIRED, &data, tags.clone().with("lease:", &lease_id));
    let run_id = draft.fresh_id();
    let data = RunStarted {
        id: run_id.clone(),
        task_id: task.id.clone(),
        agent_id: agent_id.clone(),
        session_id: session_id.clone(),
        lease_id: lease_id.clone(),
        attempt,
    };
    draft.push("run-", &run_id, kind::RUN_STARTED, &data, tags.with("run:", &run_id));
    let next = Next {
        owner_agent_id: Some(agent_id.clone()),
        attempts: attempt,
        lease_id: Some(lease_id.clone()),
        run_id: Some(run_id.clone()),
        ..Next::of(task, TaskStatus::InProgress)
    };
    draft.change_status(task, next);
    Started { lease_id, run_id }
}

/// Another agent goes on with the task: the lease ends, and there is another with the next fence, so that nothing
/// the former holder knows is good any more.
pub(super) fn transfer(draft: &mut Draft<'_>, command: TransferLease) -> Result<Pending, Rejection> {
    let TransferLease { lease_id, agent_id, session_id } = command;
    let mut problems = Problems::default();
    Worker::check(&mut problems, &agent_id, session_id.as_ref(), "/ttl_s", None);
    problems.finish()?;
    let lease = active(draft, &lease_id)?;
    session::admit(draft, &agent_id, session_id.as_ref())?;
    // Who speaks for itself need not have registered; whom others name must be there to go on.
    if session_id.is_none() && lease.agent_id != agent_id && draft.work.agent(&agent_id).is_none() {
        return Err(Rejection::NotFound { kind: "agent", id: agent_id });
    }
    if lease.agent_id == agent_id && lease.session_id == session_id {
        let mut problems = Problems::default();
        problems.add("/agent_id", "holds the lease already; to go on with it, renew it");
        problems.finish()?;
    }
    let task = draft.task(&lease.task_id)?;
    if task.status != TaskStatus::InProgress || task.archived_at.is_some() {
        return Err(guard::invalid(draft, &task, TaskStatus::InProgress.as_str()));
    }
    draft.note_used(Arc::clone(&lease));
    let next_id = draft.fresh_id();
    let end = End::HandedOver { agent_id: agent_id.clone(), lease_id: next_id.clone() };
    let ended = run::end_lease(draft, &lease, end);
    let attempt = ended.run.map_or(task.attempts, |run| run.attempt);
    let worker = Worker { agent_id, session_id, ttl_ms: lease.ttl_ms };
    let started = start_attempt(draft, &task, &worker, next_id, attempt);
    Ok(Pending::Lease(started.lease_id))
}

/// The lease of that id, if it holds its task now.
///
/// # Errors
/// [`Rejection::LeaseExpired`]. A lease that never was cannot be told from one that is long over.
pub(super) fn active(draft: &Draft<'_>, lease_id: &Text) -> Result<Arc<Lease>, Rejection> {
    let known = draft.work.leases.get(lease_id).map(|version| &version.row);
    match known.and_then(|lease| holding_lease(draft, &lease.task_id)) {
        Some(lease) if lease.id == *lease_id && !is_anothers(draft, &lease) => Ok(lease),
        other => Err(Rejection::LeaseExpired {
            lease_id: lease_id.clone(),
            task_id: known.map(|lease| lease.task_id.clone()),
            holder: other.as_deref().map(holder),
        }),
    }
}

/// The holder goes on, from now for as long as it says, or as long as before.
pub(super) fn renew(
    draft: &mut Draft<'_>,
    lease_id: Text,
    ttl_ms: Option<i64>,
) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    check_ttl(&mut problems, "/ttl_s", ttl_ms);
    problems.finish()?;
    let lease = active(draft, &lease_id)?;
    push_renewal(draft, &lease, ttl_ms);
    // That it was used says that its session is alive.
    draft.note_used(lease);
    Ok(Pending::Lease(lease_id))
}

/// The event that a lease goes on from now; once a command.
pub(super) fn push_renewal(draft: &mut Draft<'_>, lease: &Lease, ttl_ms: Option<i64>) {
    let ttl = ttl_ms.unwrap_or(lease.ttl_ms);
    let data = LeaseRenewed {
        id: lease.id.clone(),
        expires_at: Moment(draft.now().plus_ms(ttl)),
        ttl_ms: (ttl != lease.ttl_ms).then_some(ttl),
    };
    let tags = tags(draft, lease);
    draft.push("lease-", &lease.id, kind::LEASE_RENEWED, &data, tags);
    draft.note_renewed(lease.id.clone());
}

/// The tags of an event of a lease.
pub(super) fn tags(draft: &Draft<'_>, lease: &Lease) -> Tags {
    draft
        .tags_of(&lease.task_id)
        .with("agent:", &lease.agent_id)
        .maybe("session:", lease.session_id.as_ref())
        .with("lease:", &lease.id)
}
