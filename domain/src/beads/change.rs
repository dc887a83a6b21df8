//! One changed issue: the difference between the task that is and the task it asks for, as events.

use super::Issue;
use super::command::{Change, Op, Writer};
use super::target::{Target, TargetContext, contexts, is_imported};
use crate::command::Change as FieldChange;
use crate::event::data::{
    ContextAdded, ContextSuperseded, Only, TaskCreated, TaskStatusChanged, TaskUpdated,
};
use crate::event::tags::Tags;
use crate::event::{Json, Moment, kind};
use crate::rows::Task;
use crate::state::Work;
use store::Text;

/// The events of one line.
pub(super) fn decide(work: &Work, writer: &mut Writer<'_>, change: &Change) {
    writer.line(change.line, change.digest);
    match &change.op {
        Op::Delete(id) => {
            if let Some(task) = work.task(id)
                && task.archived_at.is_none()
            {
                archive(writer, task);
            }
        }
        Op::Upsert(issue) => {
            let task = work.task(&issue.id);
            let target = Target::of(issue, task.map(|task| &**task), writer.at());
            note_oddities(writer, issue, &target);
            match task {
                None => create(writer, issue, &target),
                Some(task) => update(writer, task, &target),
            }
            let project = task.map_or(writer.project_id(), |task| task.project_id.as_ref()).cloned();
            let wanted: Vec<_> = contexts(issue).collect();
            let named = |metadata: &str| wanted.iter().any(|wanted| wanted.metadata == metadata);
            for gone in work.contexts_of(&issue.id) {
                if gone.superseded_by.is_none() && is_imported(&gone.metadata) && !named(&gone.metadata) {
                    supersede(writer, &issue.id, project.as_ref(), &gone.id, None);
                }
            }
            for wanted in wanted {
                context(work, writer, &issue.id, project.as_ref(), wanted);
            }
        }
    }
}

fn note_oddities(writer: &mut Writer<'_>, issue: &Issue, target: &Target) {
    if target.unknown_status {
        let status = issue.status.clone().unwrap_or_default();
        writer.report.unknown_statuses.push((issue.id.clone(), status));
    }
    writer.report.cut_fields.extend(issue.cut.iter().map(|field| (issue.id.clone(), field.clone())));
}

fn create(writer: &mut Writer<'_>, issue: &Issue, target: &Target) {
    let project_id = writer.project_id().cloned();
    let tags = || Tags::of_task(&issue.id, project_id.as_ref());
    let at = writer.at();
    let data = TaskCreated {
        intent: target.intent.clone(),
        kind: target.kind.clone(),
        project_id: project_id.clone(),
        status: target.status,
        owner_agent_id: target.owner.clone(),
        priority: target.priority.into(),
        labels: target.labels.clone(),
        metadata: Some(Json(target.metadata.clone())),
        not_before: target.not_before.map(Moment),
        created_at: (target.created_at != at || writer.restamps()).then_some(Moment(target.created_at)),
        completed_at: target.completed_at.map(Moment),
        ..TaskCreated::new(issue.id.clone(), target.title.clone())
    };
    writer.push(stream(&issue.id), kind::TASK_CREATED, &data, tags());
    writer.report.tasks_created += 1;
    if target.archived {
        writer.push(stream(&issue.id), kind::TASK_ARCHIVED, &Only { id: issue.id.clone() }, tags());
        writer.report.tasks_archived += 1;
    }
}

fn archive(writer: &mut Writer<'_>, task: &Task) {
    let tags = Tags::of_task(&task.id, task.project_id.as_ref());
    writer.push(stream(&task.id), kind::TASK_ARCHIVED, &Only { id: task.id.clone() }, tags);
    writer.report.tasks_archived += 1;
}

fn update(writer: &mut Writer<'_>, task: &Task, target: &Target) {
    let tags = || Tags::of_task(&task.id, task.project_id.as_ref());
    if task.archived_at.is_some() && !target.archived {
        writer.push(stream(&task.id), kind::TASK_RESTORED, &Only { id: task.id.clone() }, tags());
        writer.report.tasks_restored += 1;
    }
    let unchanged = TaskUpdated { id: task.id.clone(), ..TaskUpdated::default() };
    let data = TaskUpdated {
        title: differs(&task.title, &target.title),
        intent: field(&task.intent, &target.intent),
        kind: field(&task.kind, &target.kind),
        priority: (task.priority != target.priority).then(|| target.priority.into()),
        labels: differs(&task.labels, &target.labels),
        metadata: differs(&task.metadata, &target.metadata).map(Json),
        created_at: (task.created_at != target.created_at).then_some(Moment(target.created_at)),
        ..unchanged.clone()
    };
    let mut changed = false;
    if data != unchanged {
        writer.push(stream(&task.id), kind::TASK_UPDATED, &data, tags());
        changed = true;
    }
    // A tombstone keeps the status its task had: the file no longer tells one.
    if !target.archived && differs_in_status(task, target) {
        let data = TaskStatusChanged {
            id: task.id.clone(),
            status: target.status,
            owner_agent_id: target.owner.clone(),
            attempts: task.attempts,
            not_before: target.not_before.map(Moment),
            reason: None,
            by_rule: false,
            completed_at: target.completed_at.map(Moment),
            cancelled_at: None,
            lease_id: None,
            run_id: None,
        };
        writer.push(stream(&task.id), kind::TASK_STATUS_CHANGED, &data, tags());
        changed = true;
    }
    writer.report.tasks_changed += u64::from(changed);
    if target.archived && task.archived_at.is_none() {
        archive(writer, task);
    }
}

fn differs<T: PartialEq + Clone>(is: &T, should_be: &T) -> Option<T> {
    (is != should_be).then(|| should_be.clone())
}

fn field(is: &Option<Text>, should_be: &Option<Text>) -> FieldChange<Text> {
    match should_be {
        _ if is == should_be => FieldChange::Keep,
        None => FieldChange::Clear,
        Some(text) => FieldChange::Set(text.clone()),
    }
}

fn differs_in_status(task: &Task, target: &Target) -> bool {
    task.status != target.status
        || task.owner_agent_id != target.owner
        || task.not_before != target.not_before
        || task.completed_at != target.completed_at
}

/// A changed text supersedes its context; one that is gone from the file is superseded by nothing.
fn context(work: &Work, writer: &mut Writer<'_>, task: &Text, project: Option<&Text>, wanted: TargetContext) {
    let current = work
        .contexts_of(task)
        .find(|context| context.superseded_by.is_none() && *context.metadata == *wanted.metadata);
    let content = current.map_or("", |context| &context.content);
    if content == &*wanted.content {
        return;
    }
    let by = (!wanted.content.is_empty()).then(|| writer.fresh_id());
    if let Some(id) = &by {
        let data = ContextAdded {
            id: id.clone(),
            task_id: task.clone(),
            kind: wanted.kind,
            content: wanted.content,
            metadata: Some(Json(wanted.metadata.into())),
            supersedes: current.map(|context| context.id.clone()),
        };
        let tags = Tags::of_task(task, project).with("context:", id);
        writer.push(format!("context-{id}"), kind::CONTEXT_ADDED, &data, tags);
        writer.report.contexts_added += 1;
    }
    if let Some(old) = current.map(|context| &context.id) {
        supersede(writer, task, project, old, by);
    }
}

fn supersede(writer: &mut Writer<'_>, task: &Text, project: Option<&Text>, old: &Text, by: Option<Text>) {
    let data = ContextSuperseded { id: old.clone(), task_id: task.clone(), by };
    let tags = Tags::of_task(task, project).with("context:", old);
    writer.push(format!("context-{old}"), kind::CONTEXT_SUPERSEDED, &data, tags);
}

fn stream(task: &str) -> String {
    format!("task-{task}")
}
