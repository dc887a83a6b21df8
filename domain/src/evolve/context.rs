use super::{Fold, id, row};
use crate::event::data::{ContextAdded, ContextSuperseded};
use crate::rows::{Context, Row, Table};
use crate::state::Work;
use std::sync::Arc;

impl Work {
    pub(super) fn context_added(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: ContextAdded = fold.data()?;
        if self.context(suffix).is_some() {
            return None;
        }
        let node = self.intern(&data.task_id);
        let version = fold.version(Context {
            id: id(suffix, &data.id),
            task_id: self.at(node).id.clone(),
            kind: data.kind,
            content: data.content,
            metadata: data.metadata.map_or_else(|| "{}".into(), |metadata| metadata.0),
            superseded_by: None,
            created_at: fold.time(),
        });
        let context = Arc::clone(&version.row);
        self.put_context(version);
        self.list_context(node, &context);
        fold.note(Table::Contexts, context.id.clone(), None, Some(Row::Context(context)));
        Some(())
    }

    pub(super) fn context_superseded(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: ContextSuperseded = fold.data()?;
        let before = self.context(suffix)?;
        // One that nothing took the place of is superseded by itself: gone, and by no other.
        let by = data.by.unwrap_or_else(|| before.id.clone());
        let version = fold.version(Context { superseded_by: Some(by), ..Context::clone(before) });
        let after = Arc::clone(&version.row);
        let before = self.put_context(version);
        fold.note(
            Table::Contexts,
            after.id.clone(),
            before.map(|before| row(before, Row::Context)),
            Some(Row::Context(after)),
        );
        Some(())
    }
}
