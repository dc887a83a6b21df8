use super::{Fold, row};
use crate::event::Moment;
use crate::event::data::{TaskCreated, TaskStatusChanged, TaskUpdated};
use crate::event::kind;
use crate::merge::TaskSum;
use crate::rows::{Row, Table, Task, TaskStatus};
use crate::state::{NodeId, Ripple, Side, Standing, Work};
use std::sync::Arc;
use store::{Text, Timestamp};

/// Priorities that a row can hold; the commands' own bounds are narrower.
fn clamp_priority(priority: i64) -> i8 {
    i8::try_from(priority.clamp(i64::from(i8::MIN), i64::from(i8::MAX))).unwrap_or_default()
}

/// The task that `TaskCreated` makes at that time.
pub(crate) fn made(data: TaskCreated, time: Timestamp) -> Task {
    let ended = |status, at: Option<Moment>| (data.status == status).then(|| at.map_or(time, |at| at.0));
    Task {
        parent_id: None,
        status: data.status,
        priority: clamp_priority(data.priority),
        version: 1,
        attempts: 0,
        created_at: data.created_at.map_or(time, |at| at.0),
        updated_at: time,
        completed_at: ended(TaskStatus::Completed, data.completed_at),
        cancelled_at: ended(TaskStatus::Cancelled, data.cancelled_at),
        archived_at: None,
        blocked_by_rule: false,
        elsewhere: false,
        id: data.id,
        project_id: data.project_id,
        title: data.title,
        intent: data.intent,
        kind: data.kind,
        owner_agent_id: data.owner_agent_id,
        class: data.class,
        caps: data.caps,
        labels: data.labels,
        metadata: data.metadata.map_or_else(|| "{}".into(), |metadata| metadata.0),
        max_attempts: data.max_attempts,
        not_before: data.not_before.map(|at| at.0),
        due_at: data.due_at.map(|at| at.0),
    }
}

/// The task after an event of its own stream, id, parent, version and the time of the update aside; none if the
/// event changes nothing.
pub(crate) fn after(
    task: Option<&Task>,
    kind: &str,
    data: &str,
    time: Timestamp,
    merged: bool,
) -> Option<Task> {
    if kind == kind::TASK_CREATED {
        return match task {
            None => Some(Task { elsewhere: merged, ..made(serde_json::from_str(data).ok()?, time) }),
            // Two nodes made the same one: the later says all that a creation says.
            Some(task) => {
                let made = made(serde_json::from_str(data).ok()?, time);
                Some(Task { elsewhere: merged, archived_at: task.archived_at, ..made })
            }
        };
    }
    let mut task = task?.clone();
    match kind {
        kind::TASK_UPDATED => update(&mut task, serde_json::from_str(data).ok()?),
        kind::TASK_STATUS_CHANGED => {
            change_status(&mut task, serde_json::from_str(data).ok()?, time);
            task.elsewhere = merged;
        }
        kind::TASK_ARCHIVED => task.archived_at = task.archived_at.or(Some(time)),
        kind::TASK_RESTORED => task.archived_at = None,
        _ => return None,
    }
    Some(task)
}

fn update(task: &mut Task, data: TaskUpdated) {
    fn set<T>(field: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *field = value;
        }
    }
    set(&mut task.title, data.title);
    data.intent.apply(&mut task.intent);
    data.kind.apply(&mut task.kind);
    data.project_id.apply(&mut task.project_id);
    data.owner_agent_id.apply(&mut task.owner_agent_id);
    set(&mut task.priority, data.priority.map(clamp_priority));
    set(&mut task.class, data.class);
    set(&mut task.caps, data.caps);
    set(&mut task.labels, data.labels);
    set(&mut task.metadata, data.metadata.map(|metadata| metadata.0));
    set(&mut task.max_attempts, data.max_attempts);
    data.not_before.map(|at| at.0).apply(&mut task.not_before);
    data.due_at.map(|at| at.0).apply(&mut task.due_at);
    set(&mut task.created_at, data.created_at.map(|at| at.0));
}

fn change_status(task: &mut Task, data: TaskStatusChanged, time: Timestamp) {
    task.status = data.status;
    task.owner_agent_id = data.owner_agent_id;
    task.attempts = data.attempts;
    task.not_before = data.not_before.map(|at| at.0);
    task.blocked_by_rule = data.status == TaskStatus::Blocked && data.by_rule;
    // A task that was completed before and is said to be so again keeps its moment.
    let ended = |status, at: Option<Moment>, was: Option<Timestamp>| {
        (data.status == status).then(|| at.map(|at| at.0).or(was).unwrap_or(time))
    };
    task.completed_at = ended(TaskStatus::Completed, data.completed_at, task.completed_at);
    task.cancelled_at = ended(TaskStatus::Cancelled, data.cancelled_at, task.cancelled_at);
}

impl Work {
    /// An event of a task's own stream.
    pub(super) fn task_event(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let known = self.node_id(suffix);
        let before = known.and_then(|node| self.at(node).task());
        let event = fold.event;
        // Here no task is made twice; another node may not have known it.
        if before.is_some() && !fold.merged && &*event.kind == kind::TASK_CREATED {
            return None;
        }
        let mut task = after(before.map(|task| &**task), &event.kind, &event.data, fold.time, fold.merged)?;
        let node = known.unwrap_or_else(|| self.intern(&Text::from(suffix)));
        task.updated_at = fold.time;
        self.put_own(node, task, fold);
        Some(())
    }

    /// What an event of another node, that had to go before others, makes of its task.
    pub(super) fn task_sum(&mut self, suffix: &str, sum: TaskSum, fold: &mut Fold<'_>) {
        let node = self.intern(&Text::from(suffix));
        self.put_own(node, sum.into_task(), fold);
    }

    /// The task is this from now on, by an event of its own stream.
    fn put_own(&mut self, node: NodeId, mut task: Task, fold: &mut Fold<'_>) {
        task.id = self.at(node).id.clone();
        task.parent_id = self.parent_of(node);
        task.version = fold.event.revision.0;
        if fold.merged || task.blocked_by_rule {
            show_blocked(&mut task, self.at(node).graph.blocked_by_count);
        }
        self.put_task(node, task, fold);
    }

    fn put_task(&mut self, node: NodeId, task: Task, fold: &mut Fold<'_>) {
        let after = Standing::of(Some(&task));
        let version = fold.version(task);
        let before = self.at_mut(node).task.replace(version.clone());
        let was = Standing::of(before.as_ref().map(|before| &*before.row));
        fold.note(
            Table::Tasks,
            version.row.id.clone(),
            before.map(|before| row(before, Row::Task)),
            Some(Row::Task(version.row)),
        );
        let mut ripple = Ripple::default();
        if was != after {
            self.standing_changed(node, was, after, &mut ripple);
        }
        self.hold_changed(node, &mut ripple);
        self.settle(ripple, fold);
        self.place(node);
    }

    /// `parent_of` says who the parent is; of several, which only a merge can bring, the one of least id.
    fn parent_of(&self, node: NodeId) -> Option<Text> {
        self.neighbours(node, Side::Parent).map(|parent| &self.at(parent).id).min().cloned()
    }

    /// Takes over the parent that the relationships say, without making a version of the task's stream.
    pub(super) fn adopt(&mut self, node: NodeId, fold: &mut Fold<'_>) {
        let parent_id = self.parent_of(node);
        let Some(before) = self.at(node).task.clone() else { return };
        if before.row.parent_id == parent_id {
            return;
        }
        let version = fold.version(Task { parent_id, ..Task::clone(&before.row) });
        self.at_mut(node).task = Some(version.clone());
        let after = Row::Task(Arc::clone(&version.row));
        fold.note(Table::Tasks, version.row.id.clone(), Some(row(before, Row::Task)), Some(after));
    }

    /// The number of a task's unfinished blockers is another one, and no event of its own says what follows:
    /// shows it as blocked or open.
    pub(crate) fn blockers_changed(&mut self, node: NodeId, fold: &mut Fold<'_>) {
        let count = self.at(node).graph.blocked_by_count;
        let Some(before) = self.at(node).task.clone().filter(|before| before.row.blocked_by_rule) else {
            return;
        };
        let mut task = Task::clone(&before.row);
        show_blocked(&mut task, count);
        if task.status == before.row.status {
            return;
        }
        // Waiting or open, it is unfinished: nothing of it changes for its neighbours.
        let version = fold.version(task);
        self.at_mut(node).task = Some(version.clone());
        let after = Row::Task(Arc::clone(&version.row));
        fold.note(Table::Tasks, version.row.id.clone(), Some(row(before, Row::Task)), Some(after));
        self.place(node);
    }
}

/// A task that the rule blocked is blocked while it has unfinished blockers, and open otherwise, whichever
/// events of whichever nodes made it so.
fn show_blocked(task: &mut Task, blocked_by_count: u32) {
    if task.blocked_by_rule {
        task.status = if blocked_by_count > 0 { TaskStatus::Blocked } else { TaskStatus::Open };
    }
}
