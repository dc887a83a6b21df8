use super::{Fold, id, row};
use crate::event::data::{ProgressItemAdded, ProgressItemCompleted};
use crate::event::kind;
use crate::rows::{ProgressItem, Row, Table};
use crate::state::Work;
use std::sync::Arc;
use store::{Text, Timestamp};

/// The item after an event of its stream; none if the event changes nothing.
pub(crate) fn after(
    suffix: &str,
    item: Option<&ProgressItem>,
    kind: &str,
    data: &str,
    time: Timestamp,
) -> Option<ProgressItem> {
    match (kind, item) {
        (kind::PROGRESS_ITEM_ADDED, None) => {
            let data: ProgressItemAdded = serde_json::from_str(data).ok()?;
            Some(ProgressItem {
                id: id(suffix, &data.id),
                task_id: data.task_id,
                content: data.content,
                completed: false,
                created_at: time,
                completed_at: None,
            })
        }
        (kind::PROGRESS_ITEM_COMPLETED, Some(item)) => {
            let data: ProgressItemCompleted = serde_json::from_str(data).ok()?;
            let completed_at = data.completed.then_some(time);
            Some(ProgressItem { completed: data.completed, completed_at, ..item.clone() })
        }
        _ => None,
    }
}

impl Work {
    pub(super) fn progress_event(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let known = self.progress.get(suffix).map(|version| &*version.row);
        let item = after(suffix, known, &fold.event.kind, &fold.event.data, fold.time)?;
        self.progress_is(item, fold);
        Some(())
    }

    /// What an event of another node, that had to go before others, makes of its item.
    pub(super) fn progress_sum(&mut self, suffix: &str, sum: ProgressItem, fold: &mut Fold<'_>) {
        self.progress_is(ProgressItem { id: Text::from(suffix), ..sum }, fold);
    }

    fn progress_is(&mut self, item: ProgressItem, fold: &mut Fold<'_>) {
        let version = fold.version(item);
        let item = Arc::clone(&version.row);
        let before = self.progress.insert(item.id.clone(), version);
        fold.note(
            Table::ProgressItems,
            item.id.clone(),
            before.map(|before| row(before, Row::ProgressItem)),
            Some(Row::ProgressItem(item)),
        );
    }
}
