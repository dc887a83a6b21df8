//! Relationships that are in the log and do not hold, because they would close a cycle: only a merge brings such.
//!
//! Which of them are left out follows from the set of all of them. A cycle lies in one ring (tasks that reach
//! each other over relationships of that kind, the ones left out among them), so each ring is settled by itself:
//! from the oldest relationship to the youngest, by their time and id, each is taken unless it closes a cycle
//! with those taken before.

use super::{NodeId, Side, Work};
use crate::rows::{Conflict, Relationship, RelationshipType};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Text, Version};

/// All that are left out.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    rows: BTreeMap<Text, Version<Arc<Conflict>>>,
    /// From both their ends.
    sides: BTreeSet<(Side, NodeId, NodeId, Text)>,
}

impl LeftOut {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn beside(&self, side: Side, node: NodeId) -> impl Iterator<Item = (NodeId, &Text)> {
        let first = (side, node, NodeId(0), Text::from(""));
        self.sides
            .range(first..)
            .take_while(move |(of, at, ..)| (*of, *at) == (side, node))
            .map(|(_, _, other, id)| (*other, id))
    }
}

impl Work {
    /// The relationship of that id, whether it holds or was left out.
    pub(crate) fn known_relationship(&self, id: &str) -> Option<&Arc<Relationship>> {
        self.relationship(id).or_else(|| self.left_out(id).map(|conflict| &conflict.relationship))
    }

    /// The relationship of that id that was left out.
    pub(crate) fn left_out(&self, id: &str) -> Option<&Arc<Conflict>> {
        self.left_out.rows.get(id).map(|version| &version.row)
    }

    /// A relationship is left out from now on, by an event or by a row of a checkpoint.
    pub(crate) fn leave_out(&mut self, version: Version<Arc<Conflict>>) {
        let relationship = &version.row.relationship;
        let (from, to) = (self.intern(&relationship.from_task_id), self.intern(&relationship.to_task_id));
        let ((out, back), id) = (Side::of(relationship.kind), relationship.id.clone());
        self.left_out.sides.insert((out, from, to, id.clone()));
        self.left_out.sides.insert((back, to, from, id.clone()));
        self.left_out.rows.insert(id, version);
    }

    /// It is not left out any more.
    pub(crate) fn take_left_out(&mut self, id: &str) -> Option<Version<Arc<Conflict>>> {
        let version = self.left_out.rows.remove(id)?;
        let relationship = &version.row.relationship;
        let (from, to) = (self.intern(&relationship.from_task_id), self.intern(&relationship.to_task_id));
        let (out, back) = Side::of(relationship.kind);
        self.left_out.sides.remove(&(out, from, to, relationship.id.clone()));
        self.left_out.sides.remove(&(back, to, from, relationship.id.clone()));
        Some(version)
    }

    /// The tasks beside one, those of relationships that were left out among them; a task may come twice.
    pub(crate) fn all_neighbours(&self, node: NodeId, side: Side) -> impl Iterator<Item = NodeId> {
        let left_out =
            (!self.left_out.is_empty()).then(|| self.left_out.beside(side, node).map(|(other, _)| other));
        self.neighbours(node, side).chain(left_out.into_iter().flatten())
    }

    /// The tasks of the ring that a relationship is in or would be in; none if it is in none.
    pub(crate) fn ring(&self, relationship: &Relationship) -> Option<BTreeSet<NodeId>> {
        if !matches!(relationship.kind, RelationshipType::Blocks | RelationshipType::ParentOf) {
            return None;
        }
        let (out, back) = Side::of(relationship.kind);
        let from = self.node_id(&relationship.from_task_id)?;
        let to = self.node_id(&relationship.to_task_id)?;
        // Nothing leads to most tasks.
        if from != to && self.all_neighbours(from, back).next().is_none() {
            return None;
        }
        let after = self.reached(to, out);
        if !after.contains(&from) {
            return None;
        }
        let before = self.reached(from, back);
        Some(after.intersection(&before).copied().collect())
    }

    fn reached(&self, from: NodeId, side: Side) -> FxHashSet<NodeId> {
        let (mut seen, mut stack) = (FxHashSet::from_iter([from]), vec![from]);
        while let Some(node) = stack.pop() {
            for next in self.all_neighbours(node, side) {
                if seen.insert(next) {
                    stack.push(next);
                }
            }
        }
        seen
    }

    /// The relationships of that kind between tasks of a ring, the oldest first, and whether each holds.
    pub(crate) fn chosen(
        &self,
        kind: RelationshipType,
        ring: &BTreeSet<NodeId>,
    ) -> Vec<(Arc<Relationship>, bool)> {
        let (out, _) = Side::of(kind);
        let mut edges: Vec<(NodeId, NodeId, &Arc<Relationship>)> = Vec::new();
        for &from in ring {
            for to in self.neighbours(from, out).filter(|to| ring.contains(to)) {
                let links = self.at(from).links.to(out, to).filter_map(|link| self.relationships.at(link));
                edges.extend(links.map(|version| (from, to, &version.row)));
            }
            let left_out = self.left_out.beside(out, from).filter(|(to, _)| ring.contains(to));
            edges.extend(
                left_out
                    .filter_map(|(to, id)| Some((from, to, &self.left_out.rows.get(id)?.row.relationship))),
            );
        }
        edges.sort_unstable_by(|(_, _, a), (_, _, b)| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let mut taken: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
        let mut chosen = Vec::with_capacity(edges.len());
        for (from, to, relationship) in edges {
            let holds = !leads(&taken, to, from);
            if holds {
                taken.entry(from).or_default().push(to);
            }
            chosen.push((Arc::clone(relationship), holds));
        }
        chosen
    }
}

/// Whether the edges lead from one task to another. Each leads to itself.
fn leads(edges: &FxHashMap<NodeId, Vec<NodeId>>, from: NodeId, to: NodeId) -> bool {
    let (mut seen, mut stack) = (FxHashSet::from_iter([from]), vec![from]);
    while let Some(node) = stack.pop() {
        if node == to {
            return true;
        }
        for &next in edges.get(&node).into_iter().flatten() {
            if seen.insert(next) {
                stack.push(next);
            }
        }
    }
    false
}
