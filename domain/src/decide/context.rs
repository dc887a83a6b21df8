use super::draft::Draft;
use super::validate::Problems;
use crate::answer::Pending;
use crate::command::{AddContext, NewContext};
use crate::event::data::{ContextAdded, ContextSuperseded};
use crate::event::{Json, kind};
use crate::rejection::Rejection;
use store::Text;

/// Adds a context, which may take the place of another.
pub(super) fn add(draft: &mut Draft<'_>, command: AddContext) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    check(&mut problems, "", &command.context);
    problems.finish()?;
    let task = draft.task(&command.task_id)?;
    if let Some(old) = &command.supersedes {
        let missing = || Rejection::NotFound { kind: "context", id: old.clone() };
        let context = draft.work.context(old).ok_or_else(missing)?;
        let mut problems = Problems::default();
        if context.task_id != task.id {
            problems.add("/supersedes", format!("context `{old}` belongs to task `{}`", context.task_id));
        } else if let Some(by) = &context.superseded_by {
            problems.add("/supersedes", format!("context `{by}` took the place of `{old}` already"));
        }
        problems.finish()?;
    }
    let id = push(draft, &task.id, command.context, command.supersedes.clone());
    if let Some(old) = command.supersedes {
        let data = ContextSuperseded { id: old.clone(), task_id: task.id.clone(), by: Some(id.clone()) };
        let tags = draft.tags_of(&task.id).with("context:", &old);
        draft.push("context-", &old, kind::CONTEXT_SUPERSEDED, &data, tags);
    }
    Ok(Pending::Context(id))
}

pub(super) fn check(problems: &mut Problems, at: &str, context: &NewContext) {
    problems.some_text(&format!("{at}/content"), &context.content);
    problems.object(&format!("{at}/metadata"), context.metadata.as_ref());
}

/// The event; gives the new context's id.
pub(super) fn push(
    draft: &mut Draft<'_>,
    task_id: &Text,
    context: NewContext,
    supersedes: Option<Text>,
) -> Text {
    let id = draft.fresh_id();
    let data = ContextAdded {
        id: id.clone(),
        task_id: task_id.clone(),
        kind: context.kind,
        content: context.content,
        metadata: context.metadata.map(Json),
        supersedes,
    };
    let tags = draft.tags_of(task_id).with("context:", &id);
    draft.push("context-", &id, kind::CONTEXT_ADDED, &data, tags);
    id
}
