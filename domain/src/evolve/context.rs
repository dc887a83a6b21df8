use super::{Fold, id, row};
use crate::event::data::{ContextAdded, ContextSuperseded};
use crate::event::kind;
use crate::rows::{Context, Row, Table};
use crate::state::Work;
use std::sync::Arc;
use store::{Text, Timestamp};

/// The context after an event of its stream; none if the event changes nothing.
pub(crate) fn after(
    suffix: &str,
    context: Option<&Context>,
    kind: &str,
    data: &str,
    time: Timestamp,
) -> Option<Context> {
    match (kind, context) {
        (kind::CONTEXT_ADDED, None) => {
            let data: ContextAdded = serde_json::from_str(data).ok()?;
            Some(Context {
                id: id(suffix, &data.id),
                task_id: data.task_id,
                kind: data.kind,
                content: data.content,
                metadata: data.metadata.map_or_else(|| "{}".into(), |metadata| metadata.0),
                superseded_by: None,
                created_at: time,
            })
        }
        (kind::CONTEXT_SUPERSEDED, Some(context)) => {
            let data: ContextSuperseded = serde_json::from_str(data).ok()?;
            // One that nothing took the place of is superseded by itself: gone, and by no other.
            let by = data.by.unwrap_or_else(|| context.id.clone());
            Some(Context { superseded_by: Some(by), ..context.clone() })
        }
        _ => None,
    }
}

impl Work {
    pub(super) fn context_event(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let known = self.context(suffix).map(|context| &**context);
        let context = after(suffix, known, &fold.event.kind, &fold.event.data, fold.time)?;
        self.context_is(context, fold);
        Some(())
    }

    /// What an event of another node, that had to go before others, makes of its context.
    pub(super) fn context_sum(&mut self, suffix: &str, sum: Context, fold: &mut Fold<'_>) {
        self.context_is(Context { id: Text::from(suffix), ..sum }, fold);
    }

    fn context_is(&mut self, mut context: Context, fold: &mut Fold<'_>) {
        let node = self.intern(&context.task_id);
        // The task's own copy of its id, so that the text is there once.
        context.task_id = self.at(node).id.clone();
        let version = fold.version(context);
        let after = Arc::clone(&version.row);
        let before = self.put_context(version);
        match &before {
            Some(before)
                if (&before.row.task_id, before.row.created_at) == (&after.task_id, after.created_at) => {}
            before => {
                if let Some(before) = before {
                    self.unlist_context(&before.row);
                }
                self.list_context(node, &after);
            }
        }
        let before = before.map(|before| row(before, Row::Context));
        fold.note(Table::Contexts, after.id.clone(), before, Some(Row::Context(after)));
    }
}
