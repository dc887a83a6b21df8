use super::context;
use super::draft::{Draft, Next};
use super::guard;
use super::relationship::check_blocks;
use super::rules::Step;
use super::run::{self, End, Ended};
use super::task::{RELATED_MAX, distinct};
use super::validate::Problems;
use crate::answer::Pending;
use crate::command::{Guard, NewContext, TransitionTask};
use crate::event::data::Only;
use crate::event::kind;
use crate::rejection::Rejection;
use crate::rows::{ContextType, RelationshipType, Task, TaskStatus};
use crate::state::Side;
use store::{Text, Timestamp};

/// Moves a task to another status at its caller's word.
pub(super) fn transition(draft: &mut Draft<'_>, command: TransitionTask) -> Result<Pending, Rejection> {
    let TransitionTask { task_id, status, guard, reason, blocked_by } = command;
    let mut problems = Problems::default();
    problems.maybe_text("/reason", reason.as_ref());
    problems.at_most("/blocked_by", blocked_by.len(), RELATED_MAX);
    if !blocked_by.is_empty() && status != TaskStatus::Blocked {
        problems.add("/blocked_by", "goes with status blocked only");
    }
    problems.finish()?;
    let task = draft.task(&task_id)?;
    guard::check(draft, &task, &guard, Step::Transition(status))?;
    let reason = reason.filter(|reason| !reason.is_empty());
    match status {
        TaskStatus::Open => reopen(draft, &task, reason),
        TaskStatus::InProgress => begin(draft, &task, reason)?,
        TaskStatus::Blocked => block(draft, &task, reason, blocked_by)?,
        TaskStatus::Completed => {
            let ended = run::end_run(draft, &task, End::COMPLETED);
            leave(draft, &task, Next { reason, ..Next::of(&task, TaskStatus::Completed) }, &ended);
        }
        TaskStatus::Cancelled => {
            let ended = run::end_run(draft, &task, End::Cancelled);
            leave(draft, &task, Next { reason, ..Next::of(&task, TaskStatus::Cancelled) }, &ended);
        }
    }
    Ok(draft.answer_task(task_id))
}

/// The task leaves its run, if it was in one.
pub(super) fn leave(draft: &mut Draft<'_>, task: &Task, next: Next, ended: &Ended) {
    let next = Next { lease_id: ended.lease_id.clone(), run_id: ended.run_id(), ..next };
    draft.change_status(task, next);
}

/// The task is open again and nobody's; or blocked, if meanwhile something blocks it.
pub(super) fn give_back(
    draft: &mut Draft<'_>,
    task: &Task,
    not_before: Option<Timestamp>,
    reason: Option<Text>,
    ended: &Ended,
) {
    let next = Next { owner_agent_id: None, not_before, reason, ..Next::of(task, TaskStatus::Open) };
    leave(draft, task, next, ended);
    draft.block_by_rule(&task.id);
}

fn reopen(draft: &mut Draft<'_>, task: &Task, reason: Option<Text>) {
    if task.status == TaskStatus::InProgress {
        let ended = run::end_run(draft, task, End::Released { note: reason.clone() });
        give_back(draft, task, task.not_before, reason, &ended);
        return;
    }
    draft.change_status(task, Next { reason, ..Next::of(task, TaskStatus::Open) });
    draft.block_by_rule(&task.id);
}

/// Work without a lease: only in somebody's name.
fn begin(draft: &mut Draft<'_>, task: &Task, reason: Option<Text>) -> Result<(), Rejection> {
    let Some(owner) = task.owner_agent_id.clone().or_else(|| draft.context.actor.clone()) else {
        let mut problems = Problems::default();
        problems.add("/status", "in_progress needs an owner: set owner_agent_id first, or take a lease");
        return problems.finish();
    };
    let next = Next { owner_agent_id: Some(owner), reason, ..Next::of(task, TaskStatus::InProgress) };
    draft.change_status(task, next);
    Ok(())
}

/// Blocked by tasks, then the rule will open it; or for a reason, then a transition will.
fn block(
    draft: &mut Draft<'_>,
    task: &Task,
    reason: Option<Text>,
    blocked_by: Vec<Text>,
) -> Result<(), Rejection> {
    let blocked_by = distinct(blocked_by);
    for blocker in &blocked_by {
        draft.task(blocker)?;
    }
    check_blocks(draft.work, &blocked_by, &task.id)?;
    let named = !blocked_by.is_empty();
    let fresh: Vec<Text> = blocked_by
        .into_iter()
        .filter(|blocker| draft.work.link(blocker, Side::Blocks, &task.id).is_none())
        .collect();
    for blocker in &fresh {
        draft.link(blocker, &task.id, RelationshipType::Blocks, None);
    }
    let waits = draft.blocked_by_count(&task.id) > 0;
    if !waits && reason.is_none() {
        let mut problems = Problems::default();
        match named {
            true => problems
                .add("/blocked_by", "names only tasks that have ended, so nothing blocks it; give a reason"),
            false => problems.add("/reason", "say why it is blocked, or by which tasks (blocked_by)"),
        }
        return problems.finish();
    }
    // A reason of its own outlives the blockers, unless it only explains those that were named with it.
    let by_rule = waits && (named || reason.is_none());
    if let Some(reason) = &reason {
        let note = NewContext { kind: ContextType::Blocker, content: reason.clone(), metadata: None };
        context::push(draft, &task.id, note, None);
    }
    let was_running = task.status == TaskStatus::InProgress;
    let ended = run::end_run(draft, task, End::Released { note: reason.clone() });
    let owner_agent_id = if was_running { None } else { task.owner_agent_id.clone() };
    leave(
        draft,
        task,
        Next { owner_agent_id, reason, by_rule, ..Next::of(task, TaskStatus::Blocked) },
        &ended,
    );
    Ok(())
}

/// Puts a final task away.
pub(super) fn archive(draft: &mut Draft<'_>, task_id: Text) -> Result<Pending, Rejection> {
    let task = draft.task(&task_id)?;
    guard::check(draft, &task, &Guard::default(), Step::Archive)?;
    let tags = draft.tags_of(&task_id);
    draft.push("task-", &task_id, kind::TASK_ARCHIVED, &Only { id: task_id.clone() }, tags);
    Ok(draft.answer_task(task_id))
}

/// Takes an archived task up again. One that is not finished (an import may archive such) blocks again,
/// and is blocked.
pub(super) fn restore(draft: &mut Draft<'_>, task_id: Text) -> Result<Pending, Rejection> {
    let task = draft.task(&task_id)?;
    guard::check(draft, &task, &Guard::default(), Step::Restore)?;
    let tags = draft.tags_of(&task_id);
    draft.push("task-", &task_id, kind::TASK_RESTORED, &Only { id: task_id.clone() }, tags);
    let restored = Task { archived_at: None, version: task.version + 1, ..Task::clone(&task) };
    let blocks_again = restored.is_unfinished();
    draft.put_task(restored);
    if blocks_again {
        for waiting in draft.waiting_for(&task_id) {
            draft.count_blocker(&waiting, true);
            draft.block_by_rule(&waiting);
        }
        draft.block_by_rule(&task_id);
    }
    Ok(draft.answer_task(task_id))
}
