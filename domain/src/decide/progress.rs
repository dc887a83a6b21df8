use super::draft::Draft;
use super::guard;
use super::rules::Step;
use super::validate::Problems;
use crate::answer::Pending;
use crate::command::Guard;
use crate::event::data::{ProgressItemAdded, ProgressItemCompleted};
use crate::event::kind;
use crate::rejection::Rejection;
use store::Text;

/// Most items one command may add: a list longer than this is a plan to be made of tasks.
pub const ITEMS_MAX: usize = 1_000;

/// Adds items to a task's list.
pub(super) fn add(
    draft: &mut Draft<'_>,
    task_id: Text,
    items: Vec<Text>,
    guard: &Guard,
) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    check_some(&mut problems, "/items", &items);
    problems.finish()?;
    let task = draft.task(&task_id)?;
    guard::check(draft, &task, guard, Step::AddProgress)?;
    Ok(Pending::ProgressItems(push(draft, &task_id, items)))
}

/// [`check`] of a list that must not be empty.
pub(super) fn check_some(problems: &mut Problems, pointer: &str, items: &[Text]) {
    if items.is_empty() {
        problems.add(pointer, "must not be empty");
    }
    check(problems, pointer, items);
}

pub(super) fn check(problems: &mut Problems, pointer: &str, items: &[Text]) {
    problems.at_most(pointer, items.len(), ITEMS_MAX);
    for (i, item) in items.iter().enumerate().take(ITEMS_MAX) {
        problems.some_text(&format!("{pointer}/{i}"), item);
    }
}

/// The events; gives the new items' ids.
pub(super) fn push(draft: &mut Draft<'_>, task_id: &Text, items: Vec<Text>) -> Vec<Text> {
    let mut ids = Vec::with_capacity(items.len());
    for content in items {
        let id = draft.fresh_id();
        let data = ProgressItemAdded { id: id.clone(), task_id: task_id.clone(), content };
        let tags = draft.tags_of(task_id).with("progress:", &id);
        draft.push("progress-", &id, kind::PROGRESS_ITEM_ADDED, &data, tags);
        ids.push(id);
    }
    ids
}

/// Marks an item as done or not; nothing when it is so already.
pub(super) fn complete(
    draft: &mut Draft<'_>,
    item_id: Text,
    completed: bool,
    guard: &Guard,
) -> Result<Pending, Rejection> {
    let missing = || Rejection::NotFound { kind: "progress item", id: item_id.clone() };
    let item = &draft.work.progress.get(&item_id).ok_or_else(missing)?.row;
    let task = draft.task(&item.task_id)?;
    guard::check(draft, &task, guard, Step::CompleteProgress)?;
    if item.completed != completed {
        let data = ProgressItemCompleted { id: item_id.clone(), task_id: item.task_id.clone(), completed };
        let tags = draft.tags_of(&item.task_id).with("progress:", &item_id);
        draft.push("progress-", &item_id, kind::PROGRESS_ITEM_COMPLETED, &data, tags);
    }
    Ok(Pending::ProgressItem(item_id))
}
