use super::draft::Draft;
use super::validate::Problems;
use crate::answer::Pending;
use crate::command::AddRelationship;
use crate::rejection::Rejection;
use crate::rows::RelationshipType;
use crate::state::{Side, Work};
use store::Text;

/// Adds a relationship; the task that is blocked by it becomes so.
pub(super) fn add(draft: &mut Draft<'_>, command: AddRelationship) -> Result<Pending, Rejection> {
    let AddRelationship { from_task_id: from, to_task_id: to, kind, metadata } = command;
    let mut problems = Problems::default();
    problems.object("/metadata", metadata.as_ref());
    let is_ordering = matches!(kind, RelationshipType::Blocks | RelationshipType::ParentOf);
    if from == to && !is_ordering {
        problems.add("/to_task_id", "must be another task than from_task_id");
    }
    problems.finish()?;
    draft.task(&from)?;
    draft.task(&to)?;
    if let Some(known) = draft.work.link(&from, Side::of(kind).0, &to) {
        return Err(Rejection::AlreadyExists { kind: "relationship", id: known.id.clone() });
    }
    match kind {
        RelationshipType::Blocks => check_blocks(draft.work, std::slice::from_ref(&from), &to)?,
        RelationshipType::ParentOf => {
            check_parent(draft.work, &from, &to)?;
            if let Some(parent) = parent_of(draft.work, &to) {
                return Err(Rejection::SecondParent { child: to, parent });
            }
        }
        RelationshipType::RelatesTo | RelationshipType::Duplicates => {}
    }
    let id = draft.link(&from, &to, kind, metadata);
    if kind == RelationshipType::Blocks {
        draft.block_by_rule(&to);
    }
    Ok(Pending::Relationship(id))
}

/// Removes a relationship; the task that was blocked by it alone becomes open.
pub(super) fn remove(draft: &mut Draft<'_>, id: &Text) -> Result<Pending, Rejection> {
    let missing = || Rejection::NotFound { kind: "relationship", id: id.clone() };
    // Also one that was left out: taking it away ends the conflict.
    let relationship = draft.work.known_relationship(id).ok_or_else(missing)?.clone();
    draft.unlink(&relationship);
    Ok(Pending::RelationshipRemoved(relationship))
}

/// The parent of a task, if it has one.
pub(super) fn parent_of(work: &Work, child: &str) -> Option<Text> {
    work.task(child)?.parent_id.clone()
}

/// Whether `blockers` may block `task` without a ring: none of them waits for it, directly or not.
pub(super) fn check_blocks(work: &Work, blockers: &[Text], task: &Text) -> Result<(), Rejection> {
    let waiting = work.path([task], Side::Blocks, blockers);
    // A task that the state does not know has no path; blocking itself is a ring all the same.
    let itself = || blockers.contains(task).then(|| vec![task.clone()]);
    match waiting.or_else(itself) {
        None => Ok(()),
        Some(path) => Err(Rejection::Cycle { kind: "blocks", path: closed(path) }),
    }
}

/// Whether `parent` may contain `child` without a ring.
pub(super) fn check_parent(work: &Work, parent: &Text, child: &Text) -> Result<(), Rejection> {
    let itself = || (parent == child).then(|| vec![child.clone()]);
    match work.path([parent], Side::Parent, [child]).or_else(itself) {
        None => Ok(()),
        Some(mut path) => {
            path.reverse();
            Err(Rejection::Cycle { kind: "parent_of", path: closed(path) })
        }
    }
}

/// A path from the task at the new edge's end to the one at its start, as the ring the edge would close:
/// from the edge's start to itself again.
fn closed(path: Vec<Text>) -> Vec<Text> {
    let mut ring = Vec::with_capacity(path.len() + 1);
    ring.extend(path.last().cloned());
    ring.extend(path);
    ring
}
