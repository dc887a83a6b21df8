//! How deep work is stacked: for each task the longest chain of unfinished tasks that wait for it, one after another.
//!
//! Depths follow from who waits for whom, and one relationship may change thousands of them, so they are kept
//! nowhere: [`Depths`] works them out when they are asked for and remembers them while they hold.
//!
//! **Invariant**: a known depth is right, and what it is made of is known. So if a depth is not known, none
//! upstream is: those that are [`Upstream::blockers`] of it, directly or further on. A change therefore forgets
//! upstream and stops wherever a depth is forgotten already, and each one it forgets was paid for by who read it.

#[cfg(test)]
mod test;

/// Depths stop here. No cycle passes a command, but what reads a log must end whatever it holds: the depth of
/// tasks that wait for each other in a ring is this, and that of all a ring waits for. So is that of longer
/// chains; by then their score has long outweighed everything else.
pub const DEPTH_MAX: u32 = 10_000;

/// Who waits for whom, by numbers.
pub trait Downstream {
    /// The unfinished tasks that wait for this one. Some may come twice.
    fn waiting(&self, node: u32) -> impl Iterator<Item = u32>;
}

/// Whose depths count on whose.
pub trait Upstream {
    /// The tasks this one waits for: none if it is not unfinished, as then nobody counts it. Some may come twice.
    fn blockers(&self, node: u32) -> impl Iterator<Item = u32>;
}

/// The depths of tasks numbered from 0, as far as they are known.
#[derive(Debug, Default)]
pub struct Depths(Vec<u32>);

/// Not known.
const UNKNOWN: u32 = u32::MAX;
/// Being worked out: below it on the path that is being followed.
const OPEN: u32 = u32::MAX - 1;

impl Depths {
    /// Of so many tasks, none of them known.
    #[must_use]
    pub fn unknown(nodes: usize) -> Self {
        Self(vec![UNKNOWN; nodes])
    }

    /// So many tasks, none of the new ones known.
    pub fn grow(&mut self, nodes: usize) {
        self.0.resize(nodes, UNKNOWN);
    }

    /// One more task, for which nobody waits.
    pub fn push(&mut self) {
        self.0.push(0);
    }

    /// The depth of a task, if it is known.
    #[must_use]
    pub fn known(&self, node: u32) -> Option<u32> {
        Some(self.0[node as usize]).filter(|depth| *depth <= DEPTH_MAX)
    }

    /// No depth is known any more.
    pub fn forget_all(&mut self) {
        self.0.fill(UNKNOWN);
    }

    /// The depth of a task. Costs what is downstream of it and not known, and makes it known.
    pub fn depth(&mut self, node: u32, graph: &impl Downstream) -> u32 {
        // On the way down a task opens; on the way back up those that wait for it are known. One that is still
        // open then leads back here: a ring.
        let mut stack = vec![(node, false)];
        while let Some((node, is_back)) = stack.pop() {
            let place = node as usize;
            if is_back {
                let deepest = graph.waiting(node).map(|waiting| self.over(waiting)).max();
                self.0[place] = deepest.unwrap_or(0);
            } else if self.0[place] == UNKNOWN {
                self.0[place] = OPEN;
                stack.push((node, true));
                stack.extend(
                    graph
                        .waiting(node)
                        .filter(|waiting| self.0[*waiting as usize] == UNKNOWN)
                        .map(|waiting| (waiting, false)),
                );
            }
        }
        self.0[node as usize]
    }

    /// The depth that one who waits gives to whom it waits for.
    fn over(&self, waiting: u32) -> u32 {
        self.known(waiting).map_or(DEPTH_MAX, |depth| (depth + 1).min(DEPTH_MAX))
    }

    /// An unfinished task waits for another from now on, in `graph` already. `changed` is told of every task whose
    /// depth is not what was known before.
    pub fn waits(&mut self, waiting: u32, blocker: u32, graph: &impl Upstream, changed: &mut dyn FnMut(u32)) {
        let Some(known) = self.known(blocker) else { return };
        if self.known(waiting).is_none() {
            return self.forget(blocker, graph, changed);
        }
        let depth = self.over(waiting);
        if depth > known {
            self.0[blocker as usize] = depth;
            changed(blocker);
            // If this closed a ring, the task is upstream of itself and forgotten again.
            for next in graph.blockers(blocker) {
                self.forget(next, graph, changed);
            }
        }
    }

    /// A task waits for another no longer, or nobody counts it any more; in `graph` already.
    pub fn waits_no_more(
        &mut self,
        waiting: u32,
        blocker: u32,
        graph: &impl Upstream,
        changed: &mut dyn FnMut(u32),
    ) {
        // Somebody else is what makes the blocker as deep as it is.
        let is_shorter = self.known(blocker).is_some_and(|known| self.over(waiting) < known);
        if !is_shorter {
            self.forget(blocker, graph, changed);
        }
    }

    /// The depth of a task may be another from now on, and so may those upstream.
    pub fn forget(&mut self, node: u32, graph: &impl Upstream, changed: &mut dyn FnMut(u32)) {
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            if self.known(node).is_some() {
                self.0[node as usize] = UNKNOWN;
                changed(node);
                stack.extend(graph.blockers(node));
            }
        }
    }
}
