//! The state that commands are decided on: every task with its relationships, who holds what, and the
//! index of what can be offered.
//!
//! Ended leases and runs are not here: nothing can happen to them any more. Of them only the id and fence of
//! the last lease of each task remain, and what a session has to be told.

mod bits;
mod graph;
mod leases;
mod left_out;
mod links;
mod ready;
mod sessions;

pub(crate) use graph::{Ripple, Standing};
pub(crate) use left_out::LeftOut;
pub(crate) use links::Side;

use crate::depth::Depths;
use crate::rows::{Agent, Clock, Context, Lease, ProgressItem, Relationship, Run, Session, Task, TaskGraph};
use leases::Leases;
use links::{Links, Relationships};
use ready::{Place, Ready};
use rustc_hash::{FxHashMap, FxHashSet};
use sessions::Sessions;
use std::sync::Arc;
use store::{Stamp, Text, Timestamp, Version};

/// Number of a task in this state. Tasks are never forgotten, so numbers are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// All that is known of one task. It exists also for a task that only relationships name so far.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: Text,
    pub(crate) task: Option<Version<Arc<Task>>>,
    pub(crate) graph: TaskGraph,
    /// The event that made `graph`; none while it is all zero, as its row is absent then.
    graph_from: Option<Arc<Stamp>>,
    links: Links,
    /// Its contexts, oldest first.
    contexts: Vec<(Timestamp, Text)>,
    /// The last lease there was. While it is among the active ones it holds the task.
    lease: Option<Text>,
    /// The last fence that was given out.
    fence: u64,
    place: Place,
}

/// The state of the work model. It is the [`store::Decider`] of the product.
#[derive(Debug, Default)]
pub struct Work {
    ids: FxHashMap<Text, NodeId>,
    nodes: Vec<Node>,
    /// Of the nodes, by number.
    depths: Depths,
    relationships: Relationships,
    pub(crate) left_out: LeftOut,
    contexts: FxHashMap<Text, Version<Arc<Context>>>,
    pub(crate) progress: FxHashMap<Text, Version<Arc<ProgressItem>>>,
    pub(crate) agents: FxHashMap<Text, Version<Arc<Agent>>>,
    pub(crate) leases: Leases,
    pub(crate) sessions: Sessions,
    /// The running ones.
    pub(crate) runs: FxHashMap<Text, Version<Arc<Run>>>,
    /// How far Lamport numbers are ahead of positions, and since which event.
    pub(crate) clock: Option<Version<Clock>>,
    ready: Ready,
    /// Time of the last event.
    time: Timestamp,
}

impl Work {
    /// The state before the first event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The task of that id.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<&Arc<Task>> {
        self.node(id)?.task.as_ref().map(|version| &version.row)
    }

    /// What the relationships say of the task of that id.
    #[must_use]
    pub fn graph(&self, id: &str) -> TaskGraph {
        self.node(id).map_or_else(TaskGraph::default, |node| node.graph)
    }

    /// The agent of that id.
    #[must_use]
    pub fn agent(&self, id: &str) -> Option<&Arc<Agent>> {
        self.agents.get(id).map(|version| &version.row)
    }

    /// The session of that id.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<&Arc<Session>> {
        self.sessions.get(id)
    }

    /// The relationship of that id.
    #[must_use]
    pub fn relationship(&self, id: &str) -> Option<&Arc<Relationship>> {
        self.relationships.get(id).map(|version| &version.row)
    }

    /// The context of that id.
    #[must_use]
    pub fn context(&self, id: &str) -> Option<&Arc<Context>> {
        self.contexts.get(id).map(|version| &version.row)
    }

    /// Every relationship that names the task, from whichever end.
    pub fn relationships_of(&self, task_id: &str) -> impl Iterator<Item = &Arc<Relationship>> {
        self.node_id(task_id)
            .into_iter()
            .flat_map(|id| self.at(id).links.all(id))
            .filter_map(|relationship| self.relationships.at(relationship))
            .map(|version| &version.row)
    }

    /// The contexts of a task, oldest first, superseded ones too.
    pub fn contexts_of(&self, task_id: &str) -> impl Iterator<Item = &Arc<Context>> {
        self.node(task_id)
            .into_iter()
            .flat_map(|node| &node.contexts)
            .filter_map(|(_, id)| self.contexts.get(id))
            .map(|version| &version.row)
    }

    pub(crate) fn node_id(&self, id: &str) -> Option<NodeId> {
        self.ids.get(id).copied()
    }

    pub(crate) fn node(&self, id: &str) -> Option<&Node> {
        self.node_id(id).map(|id| self.at(id))
    }

    pub(crate) fn at(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn at_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        // The number of nodes fits: `intern` gave each its number.
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The task of that id, known or not so far.
    pub(crate) fn intern(&mut self, id: &Text) -> NodeId {
        if let Some(&known) = self.ids.get(id) {
            return known;
        }
        let next = u32::try_from(self.nodes.len()).expect("memory ends before 4 billion tasks");
        self.ids.insert(id.clone(), NodeId(next));
        self.nodes.push(Node {
            id: id.clone(),
            task: None,
            graph: TaskGraph::default(),
            graph_from: None,
            links: Links::default(),
            contexts: Vec::new(),
            lease: None,
            fence: 0,
            place: Place::Nowhere,
        });
        self.depths.push();
        NodeId(next)
    }

    /// The tasks beside one, each once: those it blocks, its parents, …
    pub(crate) fn neighbours(&self, node: NodeId, side: Side) -> impl Iterator<Item = NodeId> {
        self.at(node).links.others(side)
    }

    /// The relationship that says this of these two, if there is one; of several the one of least id.
    pub(crate) fn link(&self, from: &str, side: Side, to: &str) -> Option<&Arc<Relationship>> {
        let (from, to) = (self.node_id(from)?, self.node_id(to)?);
        let links = self.at(from).links.to(side, to);
        links
            .filter_map(|link| self.relationships.at(link))
            .map(|version| &version.row)
            .min_by(|a, b| a.id.cmp(&b.id))
    }

    /// A chain of `side` neighbours from one of the `from` to one of the `to`, both ends included. Relationships
    /// that were left out lead on too: what closes no cycle with them is never left out itself.
    pub(crate) fn path<'a>(
        &self,
        from: impl IntoIterator<Item = &'a Text>,
        side: Side,
        to: impl IntoIterator<Item = &'a Text>,
    ) -> Option<Vec<Text>> {
        let mut stack: Vec<NodeId> = from.into_iter().filter_map(|id| self.node_id(id)).collect();
        let mut ends: FxHashSet<NodeId> = to.into_iter().filter_map(|id| self.node_id(id)).collect();
        // Nothing leads to most ends; then there is nothing to look for, however much the start leads to.
        ends.retain(|&end| {
            stack.contains(&end) || self.all_neighbours(end, side.opposite()).next().is_some()
        });
        if ends.is_empty() {
            return None;
        }
        let mut came_from: FxHashMap<NodeId, Option<NodeId>> = stack.iter().map(|&id| (id, None)).collect();
        while let Some(node) = stack.pop() {
            if ends.contains(&node) {
                let chain = std::iter::successors(Some(node), |step| came_from.get(step).copied().flatten());
                let mut path: Vec<Text> = chain.map(|step| self.at(step).id.clone()).collect();
                path.reverse();
                return Some(path);
            }
            for next in self.all_neighbours(node, side) {
                came_from.entry(next).or_insert_with(|| {
                    stack.push(next);
                    Some(node)
                });
            }
        }
        None
    }
}

impl Node {
    pub(crate) fn task(&self) -> Option<&Arc<Task>> {
        self.task.as_ref().map(|version| &version.row)
    }

    /// The id of its last lease, active or not.
    pub(crate) fn last_lease(&self) -> Option<&Text> {
        self.lease.as_ref()
    }

    pub(crate) fn fence(&self) -> u64 {
        self.fence
    }
}

/// How rows come in, from an event or from a checkpoint.
impl Work {
    /// Whether it is the first that says this of these two.
    pub(crate) fn insert_link(
        &mut self,
        from: NodeId,
        to: NodeId,
        version: Version<Arc<Relationship>>,
    ) -> bool {
        let (out, back) = Side::of(version.row.kind);
        let link = self.relationships.insert(version);
        let first = self.at_mut(from).links.insert(out, to, link);
        self.at_mut(to).links.insert(back, from, link);
        first
    }

    /// The relationship that went, its ends, and whether it was the last that said so of them.
    pub(crate) fn remove_link(
        &mut self,
        id: &str,
    ) -> Option<(Version<Arc<Relationship>>, NodeId, NodeId, bool)> {
        let (link, version) = self.relationships.remove(id)?;
        let (from, to) = (self.node_id(&version.row.from_task_id)?, self.node_id(&version.row.to_task_id)?);
        let (out, back) = Side::of(version.row.kind);
        let last = self.at_mut(from).links.remove(out, to, link);
        self.at_mut(to).links.remove(back, from, link);
        Some((version, from, to, last))
    }

    pub(crate) fn put_context(&mut self, version: Version<Arc<Context>>) -> Option<Version<Arc<Context>>> {
        self.contexts.insert(version.row.id.clone(), version)
    }

    /// Enters a context in its task's list, which is ordered whatever order they come in.
    pub(crate) fn list_context(&mut self, node: NodeId, context: &Context) {
        let entry = (context.created_at, context.id.clone());
        let list = &mut self.at_mut(node).contexts;
        let place = list.partition_point(|other| *other < entry);
        list.insert(place, entry);
    }

    /// Takes a context off its task's list.
    pub(crate) fn unlist_context(&mut self, context: &Context) {
        if let Some(node) = self.node_id(&context.task_id) {
            let entry = (context.created_at, context.id.clone());
            self.at_mut(node).contexts.retain(|other| *other != entry);
        }
    }

    pub(crate) fn put_run(&mut self, version: Version<Arc<Run>>) {
        self.leases.set_run(version.row.lease_id.clone(), version.row.id.clone());
        self.runs.insert(version.row.id.clone(), version);
    }

    /// Takes a context out, also of its task's list.
    pub(crate) fn remove_context(&mut self, node: NodeId, context: &Context) {
        self.contexts.remove(&context.id);
        self.at_mut(node).contexts.retain(|(_, id)| *id != context.id);
    }

    pub(crate) fn set_last_lease(&mut self, node: NodeId, lease: Option<Text>, fence: u64) {
        let node = self.at_mut(node);
        (node.lease, node.fence) = (lease, fence);
    }

    /// A lease of the task: its last one, unless there is one with a greater fence.
    pub(crate) fn list_lease(&mut self, node: NodeId, lease: &Lease) {
        let node = self.at_mut(node);
        if lease.fence >= node.fence {
            node.fence = lease.fence;
            node.lease = Some(lease.id.clone());
        }
    }
}
