//! What the relationships say of tasks, kept up as tasks and relationships change; and which are leased without being
//! in progress.
//!
//! The depth of a task is one more than the greatest depth of an unfinished task that waits for it. Each
//! change goes on to its blockers only while depths change, one task after another from a queue.

use super::{Node, NodeId, Side, Work};
use crate::evolve::Fold;
use crate::rows::{Row, Table, Task, TaskGraph, TaskStatus};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use store::Version;

/// Depths stop here. No cycle passes a command, but a fold must end whatever the log holds: the depth of
/// tasks that wait for each other in a ring is this. So is that of longer chains; by then their score has
/// long outweighed everything else.
pub const DEPTH_MAX: u32 = 10_000;

/// What of a task its neighbours look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// Others wait for it.
    unfinished: bool,
    /// Its parents count it.
    counted: bool,
    /// Its parents count it as done.
    done: bool,
}

impl Standing {
    pub(crate) const fn is_unfinished(self) -> bool {
        self.unfinished
    }

    pub(crate) fn of(task: Option<&Task>) -> Self {
        task.map_or_else(Self::default, |task| {
            let counted = task.archived_at.is_none();
            Self {
                unfinished: task.is_unfinished(),
                counted,
                done: counted && task.status == TaskStatus::Completed,
            }
        })
    }
}

/// How one event goes through the graph.
#[derive(Debug, Default)]
pub(crate) struct Ripple {
    /// Rows as they were before the event.
    before: FxHashMap<NodeId, TaskGraph>,
    /// Unfinished tasks whose depth changed and whose blockers have not been told, with the depth they know.
    untold: FxHashMap<NodeId, u32>,
    queue: VecDeque<NodeId>,
}

impl Ripple {
    fn change(&mut self, id: NodeId, node: &mut Node, f: impl FnOnce(&mut TaskGraph)) {
        self.before.entry(id).or_insert(node.graph);
        f(&mut node.graph);
    }
}

/// `count` up or down by one. Counts are of neighbours that are there, so they do not pass zero.
fn step(count: &mut u32, up: bool) {
    *count = if up { count.saturating_add(1) } else { count.saturating_sub(1) };
}

impl Work {
    /// A row of a checkpoint.
    pub(crate) fn set_graph(&mut self, id: NodeId, graph: TaskGraph, from: std::sync::Arc<store::Stamp>) {
        let node = self.at_mut(id);
        node.graph = graph;
        node.graph_from = Some(from);
    }

    /// Nothing is said of the task, as at first.
    pub(crate) fn clear_graph(&mut self, id: NodeId) {
        let node = self.at_mut(id);
        (node.graph, node.graph_from) = (TaskGraph::default(), None);
    }

    /// Nobody waits for it, as far as is known.
    pub(crate) fn forget_waiting(&mut self, id: NodeId) {
        self.at_mut(id).waiting_depths.clear();
    }

    /// Tells the neighbours of a task where it stands now.
    pub(crate) fn standing_changed(
        &mut self,
        id: NodeId,
        before: Standing,
        after: Standing,
        ripple: &mut Ripple,
    ) {
        if before.unfinished != after.unfinished {
            let depth = self.at(id).graph.dependency_depth;
            for blocked in self.neighbours(id, Side::Blocks).collect::<Vec<_>>() {
                self.count_blocker(blocked, after.unfinished, ripple);
            }
            for blocker in self.neighbours(id, Side::BlockedBy).collect::<Vec<_>>() {
                self.count_waiting(blocker, depth, after.unfinished);
                self.deepen(blocker, ripple);
            }
        }
        if (before.counted, before.done) != (after.counted, after.done) {
            for parent in self.neighbours(id, Side::Parent).collect::<Vec<_>>() {
                self.count_child(parent, before, false, ripple);
                self.count_child(parent, after, true, ripple);
            }
        }
    }

    /// `from` blocks `to` from now on, or no longer.
    pub(crate) fn blocks_changed(&mut self, from: NodeId, to: NodeId, added: bool, ripple: &mut Ripple) {
        if Standing::of(self.at(from).task().map(|task| &**task)).unfinished {
            self.count_blocker(to, added, ripple);
        }
        if Standing::of(self.at(to).task().map(|task| &**task)).unfinished {
            // Its blockers go by the depth they were told.
            let depth = self.at(to).graph.dependency_depth;
            let told = ripple.untold.get(&to).copied().unwrap_or(depth);
            self.count_waiting(from, told, added);
            self.deepen(from, ripple);
        }
    }

    /// `child` is one of `parent` from now on, or no longer.
    pub(crate) fn child_changed(&mut self, parent: NodeId, child: NodeId, added: bool, ripple: &mut Ripple) {
        let standing = Standing::of(self.at(child).task().map(|task| &**task));
        self.count_child(parent, standing, added, ripple);
    }

    /// The task's status or the end of its lease may have changed whether it is leased without being in progress.
    ///
    /// A lease that begins changes nothing: the status that goes with it comes right after it.
    pub(crate) fn hold_changed(&mut self, id: NodeId, ripple: &mut Ripple) {
        let node = self.at(id);
        let waits =
            node.task().is_some_and(|task| matches!(task.status, TaskStatus::Open | TaskStatus::Blocked));
        let held = waits && node.last_lease().is_some_and(|lease| self.leases.get(lease).is_some());
        if held != node.graph.held {
            ripple.change(id, self.at_mut(id), |graph| graph.held = held);
        }
    }

    fn count_blocker(&mut self, blocked: NodeId, up: bool, ripple: &mut Ripple) {
        ripple.change(blocked, self.at_mut(blocked), |graph| step(&mut graph.blocked_by_count, up));
    }

    fn count_child(&mut self, parent: NodeId, child: Standing, up: bool, ripple: &mut Ripple) {
        if child.counted {
            ripple.change(parent, self.at_mut(parent), |graph| {
                step(&mut graph.child_count, up);
                if child.done {
                    step(&mut graph.child_done_count, up);
                }
            });
        }
    }

    /// One more, or one less, unfinished task of that depth waits for `blocker`.
    pub(crate) fn count_waiting(&mut self, blocker: NodeId, depth: u32, up: bool) {
        let depths = &mut self.at_mut(blocker).waiting_depths;
        let count = depths.entry(depth).or_default();
        step(count, up);
        if *count == 0 {
            depths.remove(&depth);
        }
    }

    /// Takes over the depth that follows from those who wait, and notes that its own blockers must hear.
    fn deepen(&mut self, id: NodeId, ripple: &mut Ripple) {
        let node = self.at_mut(id);
        let known = node.graph.dependency_depth;
        let depth =
            node.waiting_depths.last_key_value().map_or(0, |(deepest, _)| (deepest + 1).min(DEPTH_MAX));
        if depth == known {
            return;
        }
        ripple.change(id, node, |graph| graph.dependency_depth = depth);
        if Standing::of(node.task().map(|task| &**task)).unfinished
            && let std::collections::hash_map::Entry::Vacant(untold) = ripple.untold.entry(id)
        {
            untold.insert(known);
            ripple.queue.push_back(id);
        }
    }

    /// Lets the change go as far as it goes, notes every row that is another one now, and puts those tasks
    /// in their new places among the offers.
    pub(crate) fn settle(&mut self, mut ripple: Ripple, fold: &mut Fold<'_>) {
        while let Some(id) = ripple.queue.pop_front() {
            let Some(known) = ripple.untold.remove(&id) else { continue };
            let depth = self.at(id).graph.dependency_depth;
            if depth == known {
                continue;
            }
            for blocker in self.neighbours(id, Side::BlockedBy).collect::<Vec<_>>() {
                self.count_waiting(blocker, known, false);
                self.count_waiting(blocker, depth, true);
                self.deepen(blocker, &mut ripple);
            }
        }
        let mut changed: Vec<_> = ripple.before.into_iter().collect();
        changed.retain(|(id, before)| self.at(*id).graph != *before);
        // Numbers differ between a replay and a restored state; ids do not.
        changed.sort_unstable_by(|(a, _), (b, _)| self.at(*a).id.cmp(&self.at(*b).id));
        for (id, before) in changed {
            let node = self.at_mut(id);
            let from = node.graph_from.take();
            let exists = node.graph != TaskGraph::default();
            let blocked = (before.blocked_by_count > 0) != (node.graph.blocked_by_count > 0);
            node.graph_from = exists.then(|| fold.stamp());
            let (key, graph) = (node.id.clone(), node.graph);
            fold.note(
                Table::TaskGraph,
                key,
                from.map(|from| Version { row: Row::TaskGraph(before), from }),
                exists.then_some(Row::TaskGraph(graph)),
            );
            self.place(id);
            // Commands open by events of their own. They block so too, but for a task that a merge brought with
            // blockers nobody here knew: one of those is made.
            if blocked && (fold.settles_blocked || self.at(id).graph.blocked_by_count > 0) {
                self.blockers_changed(id, fold);
            }
        }
    }
}
