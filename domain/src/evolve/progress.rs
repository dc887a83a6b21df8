use super::{Fold, id, row};
use crate::event::data::{ProgressItemAdded, ProgressItemCompleted};
use crate::rows::{ProgressItem, Row, Table};
use crate::state::Work;
use std::sync::Arc;

impl Work {
    pub(super) fn progress_added(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: ProgressItemAdded = fold.data()?;
        if self.progress.contains_key(suffix) {
            return None;
        }
        let version = fold.version(ProgressItem {
            id: id(suffix, &data.id),
            task_id: data.task_id,
            content: data.content,
            completed: false,
            created_at: fold.time(),
            completed_at: None,
        });
        let item = Arc::clone(&version.row);
        self.progress.insert(item.id.clone(), version);
        fold.note(Table::ProgressItems, item.id.clone(), None, Some(Row::ProgressItem(item)));
        Some(())
    }

    pub(super) fn progress_completed(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: ProgressItemCompleted = fold.data()?;
        let before = self.progress.get(suffix)?;
        let version = fold.version(ProgressItem {
            completed: data.completed,
            completed_at: data.completed.then_some(fold.time()),
            ..ProgressItem::clone(&before.row)
        });
        let item = Arc::clone(&version.row);
        let before = self.progress.insert(item.id.clone(), version);
        fold.note(
            Table::ProgressItems,
            item.id.clone(),
            before.map(|before| row(before, Row::ProgressItem)),
            Some(Row::ProgressItem(item)),
        );
        Some(())
    }
}
