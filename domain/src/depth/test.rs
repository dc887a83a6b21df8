use super::{DEPTH_MAX, Depths, Downstream, Upstream};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Tasks of a property: few, so that they meet in every way.
const NODES: u32 = 9;

/// Who waits for whom, as plain as it can be.
#[derive(Debug)]
struct Plain {
    /// (blocker, who waits)
    edges: BTreeSet<(u32, u32)>,
    unfinished: Vec<bool>,
}

impl Downstream for Plain {
    fn waiting(&self, node: u32) -> impl Iterator<Item = u32> {
        let edges = self.edges.iter().filter(move |(blocker, _)| *blocker == node);
        edges.map(|(_, waiting)| *waiting).filter(|waiting| self.unfinished[*waiting as usize])
    }
}

impl Upstream for Plain {
    fn blockers(&self, node: u32) -> impl Iterator<Item = u32> {
        let counts = self.unfinished[node as usize];
        self.edges.iter().filter(move |(_, waiting)| counts && *waiting == node).map(|(blocker, _)| *blocker)
    }
}

impl Plain {
    /// By its definition: every path is followed to its end, or to where it meets itself.
    fn depth(&self, node: u32, path: &mut Vec<u32>) -> u32 {
        if path.contains(&node) {
            return DEPTH_MAX;
        }
        path.push(node);
        let depths: Vec<u32> =
            self.waiting(node).map(|next| (self.depth(next, path) + 1).min(DEPTH_MAX)).collect();
        path.pop();
        depths.into_iter().max().unwrap_or(0)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Link(u32, u32),
    Unlink(usize),
    /// Unfinished, or not any more.
    Stand(u32),
    Read(u32),
    ReadAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..NODES, 0..NODES).prop_map(|(a, b)| Step::Link(a, b)),
        2 => any::<usize>().prop_map(Step::Unlink),
        2 => (0..NODES).prop_map(Step::Stand),
        3 => (0..NODES).prop_map(Step::Read),
        1 => Just(Step::ReadAll),
    ]
}

fn run(steps: Vec<Step>) {
    let mut graph = Plain { edges: BTreeSet::new(), unfinished: vec![true; NODES as usize] };
    let mut depths = Depths::default();
    (0..NODES).for_each(|_| depths.push());
    for step in steps {
        // What is known before, and of what is told that it is not so any more.
        let before: Vec<Option<u32>> = (0..NODES).map(|node| depths.known(node)).collect();
        let mut changed = BTreeSet::new();
        let mut tell = |node| _ = changed.insert(node);
        let mut is_read = false;
        match step {
            Step::Link(blocker, waiting) => {
                if graph.edges.insert((blocker, waiting)) && graph.unfinished[waiting as usize] {
                    depths.waits(waiting, blocker, &graph, &mut tell);
                }
            }
            Step::Unlink(n) => {
                let Some(&(blocker, waiting)) = graph.edges.iter().nth(n % graph.edges.len().max(1)) else {
                    continue;
                };
                graph.edges.remove(&(blocker, waiting));
                if graph.unfinished[waiting as usize] {
                    depths.waits_no_more(waiting, blocker, &graph, &mut tell);
                }
            }
            Step::Stand(node) => {
                let is = &mut graph.unfinished[node as usize];
                *is = !*is;
                let is = *is;
                let blockers: Vec<u32> =
                    graph.edges.iter().filter(|(_, to)| *to == node).map(|(from, _)| *from).collect();
                for blocker in blockers {
                    if is {
                        depths.waits(node, blocker, &graph, &mut tell);
                    } else {
                        depths.waits_no_more(node, blocker, &graph, &mut tell);
                    }
                }
            }
            Step::Read(node) => {
                is_read = true;
                assert_eq!(depths.depth(node, &graph), graph.depth(node, &mut Vec::new()), "{graph:?}");
            }
            Step::ReadAll => {
                is_read = true;
                (0..NODES).for_each(|node| _ = depths.depth(node, &graph));
            }
        }
        for node in 0..NODES {
            let known = depths.known(node);
            if !is_read && known != before[node as usize] {
                assert!(changed.contains(&node), "nobody heard of {node}");
            }
            match known {
                Some(known) => {
                    assert_eq!(known, graph.depth(node, &mut Vec::new()), "depth of {node} in {graph:?}");
                    assert!(graph.waiting(node).all(|next| depths.known(next).is_some()));
                }
                None => assert!(graph.blockers(node).all(|next| depths.known(next).is_none())),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn what_is_known_is_right_whatever_happens_and_whoever_asks(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        run(steps);
    }
}

/// A chain, each but the first blocked by the one before.
struct Chain(u32);

impl Downstream for Chain {
    fn waiting(&self, node: u32) -> impl Iterator<Item = u32> {
        Some(node + 1).filter(|next| *next < self.0).into_iter()
    }
}

#[test]
fn a_chain_beyond_the_bound_needs_no_stack() {
    let chain = Chain(DEPTH_MAX * 3);
    let mut depths = Depths::unknown(chain.0 as usize);
    assert_eq!(depths.depth(0, &chain), DEPTH_MAX);
    assert_eq!(depths.known(chain.0 - 1), Some(0));
    assert_eq!(depths.known(chain.0 - 1 - DEPTH_MAX), Some(DEPTH_MAX));
    assert_eq!(depths.known(chain.0 - DEPTH_MAX), Some(DEPTH_MAX - 1));
}
