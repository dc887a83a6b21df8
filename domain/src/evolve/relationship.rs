use super::{Fold, id, row};
use crate::event::data::RelationshipAdded;
use crate::rows::{Relationship, RelationshipType, Row, Table};
use crate::state::{NodeId, Ripple, Work};
use std::sync::Arc;

impl Work {
    pub(super) fn relationship_added(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: RelationshipAdded = fold.data()?;
        if self.relationship(suffix).is_some() {
            return None;
        }
        let from = self.intern(&data.from_task_id);
        let to = self.intern(&data.to_task_id);
        let version = fold.version(Relationship {
            id: id(suffix, &data.id),
            // The tasks' own copies of their ids, so that the text is there once.
            from_task_id: self.at(from).id.clone(),
            to_task_id: self.at(to).id.clone(),
            kind: data.kind,
            metadata: data.metadata.map_or_else(|| "{}".into(), |metadata| metadata.0),
            created_at: fold.time(),
        });
        let row = Arc::clone(&version.row);
        let first = self.insert_link(from, to, version);
        fold.note(Table::Relationships, row.id.clone(), None, Some(Row::Relationship(row)));
        if first {
            self.link_changed(data.kind, from, to, true, fold);
        }
        Some(())
    }

    pub(super) fn relationship_removed(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let (before, from, to, last) = self.remove_link(suffix)?;
        let kind = before.row.kind;
        fold.note(Table::Relationships, before.row.id.clone(), Some(row(before, Row::Relationship)), None);
        if last {
            self.link_changed(kind, from, to, false, fold);
        }
        Some(())
    }

    fn link_changed(
        &mut self,
        kind: RelationshipType,
        from: NodeId,
        to: NodeId,
        added: bool,
        fold: &mut Fold<'_>,
    ) {
        let mut ripple = Ripple::default();
        match kind {
            RelationshipType::Blocks => self.blocks_changed(from, to, added, &mut ripple),
            RelationshipType::ParentOf => {
                self.child_changed(from, to, added, &mut ripple);
                self.adopt(to, fold);
            }
            RelationshipType::RelatesTo | RelationshipType::Duplicates => return,
        }
        self.settle(ripple, fold);
    }
}
