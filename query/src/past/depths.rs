//! How deep work was stacked at a moment.

use super::Slot;
use super::moment::TableAt;
use crate::tables::relationships;
use crate::tables::tasks::place;
use domain::depth::{Depths, Downstream};
use domain::rows::{RelationshipType, TaskStatus};
use rustc_hash::FxHashMap;

/// What is needed of relationships.
pub(super) const COLUMNS: [usize; 3] = [relationships::FROM, relationships::TO, relationships::TYPE];

/// Per task the unfinished ones that wait for it.
#[derive(Default)]
struct Waiting(FxHashMap<Slot, Vec<Slot>>);

impl Downstream for Waiting {
    fn waiting(&self, node: u32) -> impl Iterator<Item = u32> {
        self.0.get(&node).into_iter().flatten().copied()
    }
}

/// The depth of each task, by slot.
pub(super) fn of(tasks: &TableAt, relationships: &TableAt) -> Vec<u32> {
    let mut waiting = Waiting::default();
    for edge in relationships.rows() {
        let text = |column| relationships.column(column).and_then(|column| column.text(edge));
        let ends = (text(relationships::FROM), text(relationships::TO), text(relationships::TYPE));
        if let (Some(from), Some(to), Some(kind)) = ends
            && **kind == *RelationshipType::Blocks.as_str()
            && let (Some(from), Some(to)) = (tasks.slot(from), tasks.slot(to))
            && is_unfinished(tasks, to)
        {
            waiting.0.entry(from).or_default().push(to);
        }
    }
    let mut found = vec![0; tasks.slots()];
    if !waiting.0.is_empty() {
        let mut depths = Depths::unknown(tasks.slots());
        for &slot in waiting.0.keys() {
            found[slot as usize] = depths.depth(slot, &waiting);
        }
    }
    found
}

fn is_unfinished(tasks: &TableAt, slot: Slot) -> bool {
    let status = tasks.column(place::STATUS).and_then(|column| column.text(slot));
    let archived = tasks.column(place::ARCHIVED_AT).and_then(|column| column.number(slot));
    archived.is_none()
        && status.and_then(|word| TaskStatus::parse(word)).is_some_and(|status| !status.is_final())
}
