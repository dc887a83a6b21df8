//! What the relationships say of tasks, kept up as tasks and relationships change: counts of neighbours, which are
//! rows, and depths, which are worked out when somebody asks ([`crate::depth`]); and which are leased without being in
//! progress.

use super::{Node, NodeId, Side, Work};
use crate::depth::{Depths, Downstream, Upstream};
use crate::evolve::Fold;
use crate::rows::{Row, Table, Task, TaskGraph, TaskStatus};
use rustc_hash::FxHashMap;
use store::Version;

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

    /// How deep work is stacked on the task of that id: see [`crate::depth`].
    pub fn depth(&mut self, id: &str) -> u32 {
        self.node_id(id).map_or(0, |node| self.depth_of(node))
    }

    pub(super) fn depth_of(&mut self, id: NodeId) -> u32 {
        self.depths.depth(id.0, &Edges(&self.nodes))
    }

    /// The depth of a task that is offered: offers are ranked by it.
    pub(crate) fn known_depth(&self, id: NodeId) -> u32 {
        self.depths.known(id.0).expect("what is offered was ranked")
    }

    /// The depth of a task may be another, and so may those upstream of it.
    pub(crate) fn forget_depth(&mut self, id: NodeId) {
        self.deepen(|depths, edges, changed| depths.forget(id.0, edges, changed));
    }

    /// Every depth may be another.
    pub(crate) fn forget_depths(&mut self) {
        self.depths.forget_all();
    }

    /// Changes what is known of depths, and puts the offers among those that have another rank now where they belong.
    fn deepen(&mut self, change: impl FnOnce(&mut Depths, &Edges<'_>, &mut dyn FnMut(u32))) {
        let mut ranked = Vec::new();
        let nodes = &self.nodes;
        change(&mut self.depths, &Edges(nodes), &mut |node| {
            if nodes[node as usize].place.is_ranked() {
                ranked.push(NodeId(node));
            }
        });
        for node in ranked {
            self.place(node);
        }
    }

    /// An unfinished task waits for another from now on, or no longer, or is not unfinished any more.
    fn waits_changed(&mut self, waiting: NodeId, blocker: NodeId, waits: bool) {
        self.deepen(|depths, edges, changed| match waits {
            true => depths.waits(waiting.0, blocker.0, edges, changed),
            false => depths.waits_no_more(waiting.0, blocker.0, edges, changed),
        });
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
            for blocked in self.neighbours(id, Side::Blocks).collect::<Vec<_>>() {
                self.count_blocker(blocked, after.unfinished, ripple);
            }
            for blocker in self.neighbours(id, Side::BlockedBy).collect::<Vec<_>>() {
                self.waits_changed(id, blocker, after.unfinished);
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
            self.waits_changed(to, from, added);
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

    /// Notes every row that is another one now, and puts those tasks in their new places among the offers.
    pub(crate) fn settle(&mut self, ripple: Ripple, fold: &mut Fold<'_>) {
        let mut changed: Vec<_> = ripple.before.into_iter().collect();
        // Those too that are as they were: on the way some were placed by what was not so for long.
        for (id, _) in &changed {
            self.place(*id);
        }
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
            // Commands open by events of their own. They block so too, but for a task that a merge brought with
            // blockers nobody here knew: one of those is made.
            if blocked && (fold.settles_blocked || self.at(id).graph.blocked_by_count > 0) {
                self.blockers_changed(id, fold);
            }
        }
    }
}

/// Who waits for whom, as the relationships that hold and the tasks say.
struct Edges<'a>(&'a [Node]);

impl Edges<'_> {
    fn is_unfinished(&self, node: u32) -> bool {
        Standing::of(self.0[node as usize].task().map(|task| &**task)).unfinished
    }
}

impl Downstream for Edges<'_> {
    fn waiting(&self, node: u32) -> impl Iterator<Item = u32> {
        let blocked = self.0[node as usize].links.others(Side::Blocks);
        blocked.map(|node| node.0).filter(|node| self.is_unfinished(*node))
    }
}

impl Upstream for Edges<'_> {
    fn blockers(&self, node: u32) -> impl Iterator<Item = u32> {
        let counts = self.is_unfinished(node);
        self.0[node as usize].links.others(Side::BlockedBy).filter(move |_| counts).map(|node| node.0)
    }
}
