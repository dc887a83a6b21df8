//! The edges of a beads history: which are wanted, which are there, what comes and goes.

use super::Dependency;
use super::command::{LeftOut, LeftOutReason, Wanted, Writer};
use crate::event::data::{RelationshipAdded, RelationshipRemoved};
use crate::event::tags::Tags;
use crate::event::{Json, kind};
use crate::rows::{Relationship, RelationshipType};
use crate::state::{Side, Work};
use rustc_hash::{FxHashMap, FxHashSet};
use store::Text;

/// An edge as a relationship: which, from where to where, and what its metadata must say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Edge {
    kind: RelationshipType,
    from: Text,
    to: Text,
    metadata: Text,
}

impl Edge {
    fn of(issue: &Text, dependency: &Dependency) -> Self {
        let Dependency { depends_on: other, kind } = dependency;
        let owner = serde_json::to_string(&**issue).expect("text is JSON");
        let plain = || format!(r#"{{"beads":{{"issue":{owner}}}}}"#);
        let (relationship, from, to, metadata) = match &**kind {
            "blocks" | "blocked-by" => (RelationshipType::Blocks, other, issue, plain()),
            "parent-child" => (RelationshipType::ParentOf, other, issue, plain()),
            "related" | "relates-to" => (RelationshipType::RelatesTo, issue, other, plain()),
            "duplicates" => (RelationshipType::Duplicates, issue, other, plain()),
            other_kind => {
                let word = serde_json::to_string(other_kind).expect("text is JSON");
                let metadata = format!(r#"{{"beads":{{"issue":{owner}}},"kind":{word}}}"#);
                (RelationshipType::RelatesTo, issue, other, metadata)
            }
        };
        Self { kind: relationship, from: from.clone(), to: to.clone(), metadata: metadata.into() }
    }

    fn is(&self, relationship: &Relationship) -> bool {
        self.kind == relationship.kind
            && self.from == relationship.from_task_id
            && self.to == relationship.to_task_id
            && self.metadata == relationship.metadata
    }
}

/// Whether an issue's own import made this relationship.
fn is_owned(relationship: &Relationship, issue: &str) -> bool {
    let owner = serde_json::to_string(issue).expect("text is JSON");
    let rest = relationship.metadata.strip_prefix(r#"{"beads":{"issue":"#);
    rest.and_then(|rest| rest.strip_prefix(&*owner)).is_some_and(|rest| rest.starts_with('}'))
}

fn tags(id: &str, from: &str, to: &str) -> Tags {
    Tags::default().with("task:", from).with("task:", to).with("relationship:", id)
}

/// Removes what these issues brought and no longer name.
pub(super) fn unlink(work: &Work, writer: &mut Writer<'_>, wanted: &[Wanted]) {
    for Wanted { line, digest, issue, edges } in wanted {
        writer.line(*line, *digest);
        let edges: FxHashSet<Edge> = edges.iter().map(|dependency| Edge::of(issue, dependency)).collect();
        for gone in work.relationships_of(issue) {
            if !is_owned(gone, issue) || edges.iter().any(|edge| edge.is(gone)) {
                continue;
            }
            let Relationship { id, from_task_id, to_task_id, .. } = &**gone;
            let data = RelationshipRemoved {
                id: id.clone(),
                from_task_id: from_task_id.clone(),
                to_task_id: to_task_id.clone(),
                kind: gone.kind,
            };
            let tags = tags(id, from_task_id, to_task_id);
            writer.push(format!("relationship-{id}"), kind::RELATIONSHIP_REMOVED, &data, tags);
            writer.report.edges_removed += 1;
        }
    }
}

/// Adds what these issues name and what is not there. Of edges that would close a cycle together the last
/// one is left out; a child keeps its first parent.
pub(super) fn link(work: &Work, writer: &mut Writer<'_>, wanted: &[Wanted]) {
    let mut added = Overlay::default();
    for Wanted { line, digest, issue, edges } in wanted {
        writer.line(*line, *digest);
        let mut seen = FxHashSet::default();
        for dependency in edges {
            let edge = Edge::of(issue, dependency);
            if !seen.insert(edge.clone()) || work.relationships_of(issue).any(|there| edge.is(there)) {
                continue;
            }
            if let Some(reason) = refused(work, &added, &edge) {
                writer.report.left_out.push(LeftOut {
                    issue: issue.clone(),
                    depends_on: dependency.depends_on.clone(),
                    kind: dependency.kind.clone(),
                    line: *line,
                    reason,
                });
                continue;
            }
            let id = writer.fresh_id();
            let data = RelationshipAdded {
                id: id.clone(),
                from_task_id: edge.from.clone(),
                to_task_id: edge.to.clone(),
                kind: edge.kind,
                metadata: Some(Json(edge.metadata.clone())),
            };
            let tags = tags(&id, &edge.from, &edge.to);
            writer.push(format!("relationship-{id}"), kind::RELATIONSHIP_ADDED, &data, tags);
            writer.report.edges_added += 1;
            added.add(edge);
        }
    }
}

/// Edges that this batch adds: the state does not hold them yet.
#[derive(Default)]
struct Overlay {
    out: FxHashMap<(RelationshipType, Text), Vec<Text>>,
    parents: FxHashSet<Text>,
}

impl Overlay {
    fn add(&mut self, edge: Edge) {
        if edge.kind == RelationshipType::ParentOf {
            self.parents.insert(edge.to.clone());
        }
        if matches!(edge.kind, RelationshipType::ParentOf | RelationshipType::Blocks) {
            self.out.entry((edge.kind, edge.from)).or_default().push(edge.to);
        }
    }
}

fn refused(work: &Work, added: &Overlay, edge: &Edge) -> Option<LeftOutReason> {
    if work.task(&edge.from).is_none() || work.task(&edge.to).is_none() {
        return Some(LeftOutReason::MissingEnd);
    }
    if !matches!(edge.kind, RelationshipType::ParentOf | RelationshipType::Blocks) {
        return (edge.from == edge.to).then_some(LeftOutReason::Cycle);
    }
    if edge.kind == RelationshipType::ParentOf {
        let has_parent =
            work.node_id(&edge.to).is_some_and(|id| work.neighbours(id, Side::Parent).next().is_some());
        if has_parent || added.parents.contains(&edge.to) {
            return Some(LeftOutReason::SecondParent);
        }
    }
    reaches(work, added, edge.kind, &edge.to, &edge.from).then_some(LeftOutReason::Cycle)
}

/// Whether `goal` can be reached from `start` along edges of that kind.
fn reaches(work: &Work, added: &Overlay, kind: RelationshipType, start: &Text, goal: &Text) -> bool {
    let mut seen = FxHashSet::default();
    let mut stack = vec![start.clone()];
    while let Some(at) = stack.pop() {
        if at == *goal {
            return true;
        }
        if !seen.insert(at.clone()) {
            continue;
        }
        if let Some(id) = work.node_id(&at) {
            stack.extend(work.neighbours(id, Side::of(kind).0).map(|next| work.at(next).id.clone()));
        }
        if let Some(more) = added.out.get(&(kind, at)) {
            stack.extend(more.iter().cloned());
        }
    }
    false
}
