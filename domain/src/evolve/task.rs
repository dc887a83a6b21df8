use super::{Fold, id, row};
use crate::event::Moment;
use crate::event::data::{TaskCreated, TaskStatusChanged, TaskUpdated};
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

impl Work {
    pub(super) fn task_created(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: TaskCreated = fold.data()?;
        let node = self.intern(&id(suffix, &data.id));
        if self.at(node).task.is_some() {
            return None;
        }
        let mut task = made(data, fold.time());
        task.id = self.at(node).id.clone();
        task.parent_id = self.parent_of(node);
        task.version = fold.event.revision.0;
        self.put_task(node, task, fold);
        Some(())
    }

    pub(super) fn task_updated(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let node = self.node_id(suffix)?;
        let mut task = self.next_version(node, fold)?;
        let data: TaskUpdated = fold.data()?;
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
        self.put_task(node, task, fold);
        Some(())
    }

    pub(super) fn task_status_changed(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let node = self.node_id(suffix)?;
        let mut task = self.next_version(node, fold)?;
        let data: TaskStatusChanged = fold.data()?;
        let time = fold.time();
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
        self.put_task(node, task, fold);
        Some(())
    }

    pub(super) fn task_archived(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let node = self.node_id(suffix)?;
        let mut task = self.next_version(node, fold)?;
        task.archived_at = task.archived_at.or(Some(fold.time()));
        self.put_task(node, task, fold);
        Some(())
    }

    pub(super) fn task_restored(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let node = self.node_id(suffix)?;
        let mut task = self.next_version(node, fold)?;
        task.archived_at = None;
        self.put_task(node, task, fold);
        Some(())
    }

    /// The task as it is, at the version and time of this event of its own stream.
    fn next_version(&self, node: NodeId, fold: &Fold<'_>) -> Option<Task> {
        let mut task = Task::clone(self.at(node).task()?);
        task.version = fold.event.revision.0;
        task.updated_at = fold.time();
        Some(task)
    }

    /// The task is this from now on.
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
        if was != after {
            let mut ripple = Ripple::default();
            self.standing_changed(node, was, after, &mut ripple);
            self.settle(ripple, fold);
        }
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
}
