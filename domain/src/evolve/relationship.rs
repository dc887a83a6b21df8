use super::{Fold, id, row};
use crate::event::data::RelationshipAdded;
use crate::event::kind;
use crate::rows::{Conflict, Relationship, RelationshipType, Row, Table};
use crate::state::{NodeId, Ripple, Work};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Text, Timestamp, Version};

/// The relationship after an event of its stream, `Some(None)` when it goes; none if the event changes nothing.
pub(crate) fn after(
    suffix: &str,
    relationship: Option<&Relationship>,
    kind: &str,
    data: &str,
    time: Timestamp,
) -> Option<Option<Relationship>> {
    match (kind, relationship) {
        (kind::RELATIONSHIP_ADDED, None) => {
            let data: RelationshipAdded = serde_json::from_str(data).ok()?;
            Some(Some(Relationship {
                id: id(suffix, &data.id),
                from_task_id: data.from_task_id,
                to_task_id: data.to_task_id,
                kind: data.kind,
                metadata: data.metadata.map_or_else(|| "{}".into(), |metadata| metadata.0),
                created_at: time,
            }))
        }
        (kind::RELATIONSHIP_REMOVED, Some(_)) => Some(None),
        _ => None,
    }
}

/// A relationship as it stood: holding, or left out.
type Before = (Option<Version<Arc<Relationship>>>, Option<Version<Arc<Conflict>>>);

/// What one event does to relationships: which of them it touched, and what that does to tasks.
#[derive(Default)]
struct Change {
    /// As they stood before.
    before: BTreeMap<Text, Before>,
    /// Tasks that may have another parent.
    children: BTreeSet<NodeId>,
    ripple: Ripple,
}

impl Work {
    pub(super) fn relationship_event(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let known = self.known_relationship(suffix).map(|row| &**row);
        let after = after(suffix, known, &fold.event.kind, &fold.event.data, fold.time)?;
        self.relationship_is(suffix, after, fold);
        Some(())
    }

    /// The relationship is this from now on, or none. Of those that close a cycle among each other some are left
    /// out, which ones a function of all of them (see [`Work::ring`]).
    pub(super) fn relationship_is(&mut self, id: &str, after: Option<Relationship>, fold: &mut Fold<'_>) {
        let mut change = Change::default();
        if let Some(before) = self.known_relationship(id).cloned() {
            if after.as_ref() == Some(&before) {
                return;
            }
            // One that goes makes room for others only while some are left out.
            let ring = if self.left_out.is_empty() { None } else { self.ring(&before) };
            self.take_out(id, &mut change);
            if let Some(ring) = ring {
                fold.settles_blocked = true;
                self.choose(before.kind, &ring, fold, &mut change);
            }
        }
        if let Some(mut after) = after {
            let (from, to) = (self.intern(&after.from_task_id), self.intern(&after.to_task_id));
            // The tasks' own copies of their ids, so that the text is there once.
            after.from_task_id = self.at(from).id.clone();
            after.to_task_id = self.at(to).id.clone();
            let version = fold.version(after);
            let kind = version.row.kind;
            // Commands make no cycles among what they know; a task may be made here whose relationships a merge
            // brought before it.
            let ring = self.ring(&version.row);
            self.put_in(version, &mut change);
            if let Some(ring) = ring {
                fold.settles_blocked = true;
                self.choose(kind, &ring, fold, &mut change);
            }
        }
        self.tell(change, fold);
    }

    /// Of the relationships of that kind between the tasks of a ring, takes each that closes no cycle with those
    /// taken before, the oldest first; the others are left out.
    fn choose(
        &mut self,
        kind: RelationshipType,
        ring: &BTreeSet<NodeId>,
        fold: &mut Fold<'_>,
        change: &mut Change,
    ) {
        for (relationship, holds) in self.chosen(kind, ring) {
            let id = &relationship.id;
            if self.relationship(id).is_some() == holds {
                continue;
            }
            self.take_out(id, change);
            if holds {
                let version = fold.version(Relationship::clone(&relationship));
                self.put_in(version, change);
            } else {
                let version = fold.version(Conflict { relationship });
                self.leave_out(version);
            }
        }
    }

    /// A relationship that holds, or was left out, does not any more.
    fn take_out(&mut self, id: &str, change: &mut Change) {
        let left_out = self.take_left_out(id);
        let held = self.remove_link(id);
        if let Some((version, from, to, last)) = &held
            && *last
        {
            self.link_changed(version.row.kind, *from, *to, false, change);
        }
        let held = held.map(|(version, ..)| version);
        change.before.entry(id.into()).or_insert((held, left_out));
    }

    /// A relationship holds from now on.
    fn put_in(&mut self, version: Version<Arc<Relationship>>, change: &mut Change) {
        let relationship = &version.row;
        let (from, to) = (self.intern(&relationship.from_task_id), self.intern(&relationship.to_task_id));
        change.before.entry(relationship.id.clone()).or_insert((None, None));
        let kind = relationship.kind;
        if self.insert_link(from, to, version) {
            self.link_changed(kind, from, to, true, change);
        }
    }

    fn link_changed(
        &mut self,
        kind: RelationshipType,
        from: NodeId,
        to: NodeId,
        added: bool,
        change: &mut Change,
    ) {
        match kind {
            RelationshipType::Blocks => self.blocks_changed(from, to, added, &mut change.ripple),
            RelationshipType::ParentOf => {
                self.child_changed(from, to, added, &mut change.ripple);
                change.children.insert(to);
            }
            RelationshipType::RelatesTo | RelationshipType::Duplicates => {}
        }
    }

    /// Notes each row that is another one now.
    fn tell(&mut self, change: Change, fold: &mut Fold<'_>) {
        let Change { before, children, ripple } = change;
        for (id, (held, left_out)) in before {
            let after = self.relationship(&id).cloned();
            if held.as_ref().map(|version| &version.row) != after.as_ref() {
                let held = held.map(|version| row(version, Row::Relationship));
                fold.note(Table::Relationships, id.clone(), held, after.map(Row::Relationship));
            }
            let after = self.left_out(&id).cloned();
            if left_out.as_ref().map(|version| &version.row) != after.as_ref() {
                let left_out = left_out.map(|version| row(version, Row::Conflict));
                fold.note(Table::Conflicts, id, left_out, after.map(Row::Conflict));
            }
        }
        let mut children: Vec<NodeId> = children.into_iter().collect();
        // Numbers differ between a replay and a restored state; ids do not.
        children.sort_unstable_by(|a, b| self.at(*a).id.cmp(&self.at(*b).id));
        for child in children {
            self.adopt(child, fold);
        }
        self.settle(ripple, fold);
    }
}
