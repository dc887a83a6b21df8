use super::draft::Draft;
use super::relationship::{check_blocks, check_parent};
use super::rules::Step;
use super::validate::Problems;
use super::{context, guard, progress};
use crate::answer::Pending;
use crate::command::{Change, CreateTask, UpdateTask};
use crate::event::data::{MAX_ATTEMPTS_DEFAULT, TaskCreated, TaskUpdated};
use crate::event::{Json, Moment, kind, tags::Tags};
use crate::evolve::made_task;
use crate::rejection::Rejection;
use crate::rows::{Class, RelationshipType, Task, TaskStatus};
use crate::state::Side;
use store::{Text, Timestamp};

/// Priorities are −5 … 5.
pub const PRIORITY_MAX: i64 = 5;
/// `max_attempts` is 1 … 100.
pub const ATTEMPTS_MAX: i64 = 100;
/// Most blockers, tasks to block, or contexts that one command may name.
pub const RELATED_MAX: usize = 1_000;

/// Makes a task, with all that belongs to it from the start.
pub(super) fn create(draft: &mut Draft<'_>, command: CreateTask) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    check_new(&mut problems, &command);
    problems.finish()?;
    let id = command.id.unwrap_or_else(|| draft.fresh_id());
    if draft.work.task(&id).is_some() {
        return Err(Rejection::AlreadyExists { kind: "task", id });
    }
    let (blocked_by, blocks) = (distinct(command.blocked_by), distinct(command.blocks));
    check_place(draft, &id, command.parent_id.as_ref(), &blocked_by, &blocks)?;

    let data = TaskCreated {
        id: id.clone(),
        title: command.title,
        intent: command.intent,
        kind: command.kind,
        project_id: command.project_id,
        status: TaskStatus::Open,
        owner_agent_id: command.owner_agent_id,
        priority: command.priority.unwrap_or(0),
        class: command.class.unwrap_or(Class::Normal),
        caps: command.caps,
        labels: command.labels,
        metadata: command.metadata.map(Json),
        max_attempts: command.max_attempts.map_or(MAX_ATTEMPTS_DEFAULT, attempts),
        not_before: command.not_before.map(Moment),
        due_at: command.due_at.map(Moment),
        created_at: None,
        completed_at: None,
        cancelled_at: None,
    };
    let tags = Tags::of_task(&id, data.project_id.as_ref());
    draft.push("task-", &id, kind::TASK_CREATED, &data, tags);
    draft.put_task(made_task(data, draft.now()));

    progress::push(draft, &id, command.progress);
    for new in command.contexts {
        context::push(draft, &id, new, None);
    }
    if let Some(parent) = &command.parent_id {
        draft.link(parent, &id, RelationshipType::ParentOf, None);
    }
    for blocker in &blocked_by {
        draft.link(blocker, &id, RelationshipType::Blocks, None);
    }
    for blocked in &blocks {
        draft.link(&id, blocked, RelationshipType::Blocks, None);
    }
    draft.block_by_rule(&id);
    for blocked in &blocks {
        draft.block_by_rule(blocked);
    }
    Ok(draft.answer_task(id))
}

fn check_new(problems: &mut Problems, command: &CreateTask) {
    problems.maybe_id("/id", command.id.as_ref());
    problems.some_text("/title", &command.title);
    problems.maybe_text("/intent", command.intent.as_ref());
    if let Some(kind) = &command.kind {
        problems.kind("/type", kind);
    }
    problems.maybe_id("/project_id", command.project_id.as_ref());
    problems.range("/priority", command.priority, -PRIORITY_MAX..=PRIORITY_MAX);
    problems.words("/caps", &command.caps);
    problems.words("/labels", &command.labels);
    problems.object("/metadata", command.metadata.as_ref());
    problems.moment("/due_at", command.due_at);
    problems.moment("/not_before", command.not_before);
    problems.range("/max_attempts", command.max_attempts, 1..=ATTEMPTS_MAX);
    problems.maybe_id("/owner_agent_id", command.owner_agent_id.as_ref());
    progress::check(problems, "/progress", &command.progress);
    problems.at_most("/contexts", command.contexts.len(), RELATED_MAX);
    for (i, new) in command.contexts.iter().enumerate().take(RELATED_MAX) {
        context::check(problems, &format!("/contexts/{i}"), new);
    }
    problems.at_most("/blocked_by", command.blocked_by.len(), RELATED_MAX);
    problems.at_most("/blocks", command.blocks.len(), RELATED_MAX);
}

/// Whether the new task may have these neighbours: they are there, and none that it blocks leads to one
/// that blocks it.
fn check_place(
    draft: &Draft<'_>,
    id: &Text,
    parent: Option<&Text>,
    blocked_by: &[Text],
    blocks: &[Text],
) -> Result<(), Rejection> {
    if let Some(parent) = parent {
        check_parent(draft.work, parent, id)?;
    }
    check_blocks(draft.work, blocked_by, id)?;
    check_blocks(draft.work, blocks, id)?;
    for neighbour in parent.into_iter().chain(blocked_by).chain(blocks) {
        draft.task(neighbour)?;
    }
    match draft.work.path(blocks, Side::Blocks, blocked_by) {
        None => Ok(()),
        Some(mut path) => {
            path.insert(0, id.clone());
            path.push(id.clone());
            Err(Rejection::Cycle { kind: "blocks", path })
        }
    }
}

/// Each once, in order.
pub(super) fn distinct(mut ids: Vec<Text>) -> Vec<Text> {
    let mut seen = rustc_hash::FxHashSet::default();
    ids.retain(|id| seen.insert(id.clone()));
    ids
}

/// Validated to be 1 … [`ATTEMPTS_MAX`].
fn attempts(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(MAX_ATTEMPTS_DEFAULT)
}

/// Changes fields of a task; only what differs is written.
pub(super) fn update(draft: &mut Draft<'_>, command: UpdateTask) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    check_changes(&mut problems, &command);
    problems.finish()?;
    let task = draft.task(&command.task_id)?;
    check_owner(draft, &task, &command.owner_agent_id)?;
    if let Change::Set(parent) = &command.parent_id {
        draft.task(parent)?;
    }
    guard::check(draft, &task, &command.guard, Step::Update)?;

    let parent_id = command.parent_id.clone();
    let data = difference(&task, command);
    if data != (TaskUpdated { id: task.id.clone(), ..TaskUpdated::default() }) {
        let project_id = match &data.project_id {
            Change::Keep => task.project_id.clone(),
            Change::Clear => None,
            Change::Set(project_id) => Some(project_id.clone()),
        };
        let tags = Tags::of_task(&task.id, project_id.as_ref());
        draft.push("task-", &task.id, kind::TASK_UPDATED, &data, tags);
        draft.put_task(Task { project_id, version: task.version + 1, ..Task::clone(&task) });
    }
    change_parent(draft, &task, parent_id)?;
    Ok(draft.answer_task(task.id.clone()))
}

fn check_changes(problems: &mut Problems, command: &UpdateTask) {
    fn value<T>(change: &Change<T>) -> Option<&T> {
        match change {
            Change::Set(value) => Some(value),
            Change::Keep | Change::Clear => None,
        }
    }
    if let Some(title) = &command.title {
        problems.some_text("/title", title);
    }
    problems.maybe_text("/intent", value(&command.intent));
    if let Some(kind) = value(&command.kind) {
        problems.kind("/type", kind);
    }
    problems.maybe_id("/project_id", value(&command.project_id));
    problems.range("/priority", command.priority, -PRIORITY_MAX..=PRIORITY_MAX);
    if let Some(caps) = &command.caps {
        problems.words("/caps", caps);
    }
    if let Some(labels) = &command.labels {
        problems.words("/labels", labels);
    }
    problems.object("/metadata", command.metadata.as_ref());
    problems.moment("/due_at", value(&command.due_at).copied());
    problems.moment("/not_before", value(&command.not_before).copied());
    problems.range("/max_attempts", command.max_attempts, 1..=ATTEMPTS_MAX);
    problems.maybe_id("/owner_agent_id", value(&command.owner_agent_id));
}

/// A task in progress has an owner, and while it is leased that is the holder.
fn check_owner(draft: &Draft<'_>, task: &Task, owner: &Change<Text>) -> Result<(), Rejection> {
    let mut problems = Problems::default();
    if task.status == TaskStatus::InProgress {
        let held = guard::lease_of(draft, &task.id);
        match owner {
            Change::Clear => {
                problems.add("/owner_agent_id", "a task in progress has an owner; release it instead");
            }
            Change::Set(owner) if held.is_some_and(|lease| lease.agent_id != *owner) => {
                problems.add("/owner_agent_id", "is the holder of the lease; release or transfer it instead");
            }
            Change::Set(_) | Change::Keep => {}
        }
    }
    problems.finish()
}

fn difference(task: &Task, command: UpdateTask) -> TaskUpdated {
    fn other<T: PartialEq>(value: Option<T>, old: &T) -> Option<T> {
        value.filter(|value| value != old)
    }
    fn change<T: PartialEq>(change: Change<T>, old: Option<&T>) -> Change<T> {
        match (&change, old) {
            (Change::Clear, None) => Change::Keep,
            (Change::Set(value), Some(old)) if value == old => Change::Keep,
            _ => change,
        }
    }
    let moment = |new: Change<Timestamp>, old: Option<Timestamp>| change(new, old.as_ref()).map(Moment);
    TaskUpdated {
        id: task.id.clone(),
        title: other(command.title, &task.title),
        intent: change(command.intent, task.intent.as_ref()),
        kind: change(command.kind, task.kind.as_ref()),
        project_id: change(command.project_id, task.project_id.as_ref()),
        owner_agent_id: change(command.owner_agent_id, task.owner_agent_id.as_ref()),
        priority: other(command.priority, &i64::from(task.priority)),
        class: other(command.class, &task.class),
        caps: other(command.caps, &task.caps),
        labels: other(command.labels, &task.labels),
        metadata: other(command.metadata, &task.metadata).map(Json),
        max_attempts: other(command.max_attempts.map(attempts), &task.max_attempts),
        not_before: moment(command.not_before, task.not_before),
        due_at: moment(command.due_at, task.due_at),
        created_at: None,
    }
}

/// The parent is a relationship, so another parent is another relationship.
fn change_parent(draft: &mut Draft<'_>, task: &Task, parent: Change<Text>) -> Result<(), Rejection> {
    let parent = match parent {
        Change::Keep => return Ok(()),
        Change::Clear => None,
        Change::Set(parent) => Some(parent),
    };
    if parent == task.parent_id {
        return Ok(());
    }
    if let Some(parent) = &parent {
        // The old parent is above the task, so leaving it neither makes nor mends a ring.
        check_parent(draft.work, parent, &task.id)?;
    }
    let work = draft.work;
    for old in task.parent_id.iter().filter_map(|old| work.link(old, Side::Child, &task.id)) {
        draft.unlink(old);
    }
    if let Some(parent) = &parent {
        draft.link(parent, &task.id, RelationshipType::ParentOf, None);
    }
    Ok(())
}
