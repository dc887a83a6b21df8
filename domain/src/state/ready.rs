//! The index of what can be offered: one ordered shelf per owner and set of needed capabilities, so that a
//! claim looks at the first of each shelf it may take from, however many tasks there are.

use super::bits::{Bits, Names};
use super::{Node, NodeId, Work};
use crate::TextSet;
use crate::offer;
use crate::order_key;
use crate::rows::{Class, Task};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, btree_set};
use store::{Text, Timestamp};

/// What offers are ordered by, before the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    class: Class,
    key: Reverse<i64>,
    created_at: Timestamp,
}

impl Rank {
    pub(crate) fn of(task: &Task, depth: u32) -> Self {
        Self { class: task.class, key: Reverse(order_key(task, depth)), created_at: task.created_at }
    }
}

/// A task as it lies on a shelf; the best is the least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offer {
    rank: Rank,
    id: Text,
    pub(crate) node: NodeId,
}

type Shelf = BTreeSet<Offer>;

/// Where a task is in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere,
    /// Ready; its depth is not known, so neither is its rank.
    Unranked,
    /// Ready.
    Shelf {
        owner: Option<Text>,
        needs: Bits,
        rank: Rank,
    },
    /// Ready but for `not_before`.
    Delayed(Timestamp),
}

#[derive(Debug, Default)]
pub(super) struct Ready {
    names: Names,
    /// By the only one who may take from it, if there is such a one, and by what is needed. None is empty.
    shelves: FxHashMap<Option<Text>, FxHashMap<Bits, Shelf>>,
    delayed: BTreeSet<(Timestamp, NodeId)>,
    /// Those to be put on shelves before anybody looks at them. On a shelf every rank is by a depth that is known.
    unranked: FxHashSet<NodeId>,
}

impl Place {
    /// Whether it lies on a shelf.
    pub(super) const fn is_ranked(&self) -> bool {
        matches!(self, Self::Shelf { .. })
    }
}

impl Ready {
    fn put(&mut self, node: &Node, number: NodeId) {
        match &node.place {
            Place::Nowhere => {}
            Place::Unranked => {
                self.unranked.insert(number);
            }
            Place::Delayed(until) => {
                self.delayed.insert((*until, number));
            }
            Place::Shelf { owner, needs, rank } => {
                let offer = Offer { rank: *rank, id: node.id.clone(), node: number };
                // Nearly always the shelf is there; look before cloning its name.
                if let Some(shelf) = self.shelves.get_mut(owner).and_then(|shelves| shelves.get_mut(needs)) {
                    shelf.insert(offer);
                } else {
                    let shelves = self.shelves.entry(owner.clone()).or_default();
                    shelves.entry(needs.clone()).or_default().insert(offer);
                }
            }
        }
    }

    fn take(&mut self, node: &Node, number: NodeId) {
        match &node.place {
            Place::Nowhere => {}
            Place::Unranked => {
                self.unranked.remove(&number);
            }
            Place::Delayed(until) => {
                self.delayed.remove(&(*until, number));
            }
            Place::Shelf { owner, needs, rank } => {
                let Some(shelves) = self.shelves.get_mut(owner) else { return };
                let Some(shelf) = shelves.get_mut(needs) else { return };
                shelf.remove(&Offer { rank: *rank, id: node.id.clone(), node: number });
                if shelf.is_empty() {
                    shelves.remove(needs);
                }
                if shelves.is_empty() {
                    self.shelves.remove(owner);
                }
            }
        }
    }
}

impl Work {
    /// Puts a task where it belongs in the index; to be called whenever the task, its graph or its depth changed.
    pub(crate) fn place(&mut self, number: NodeId) {
        let node = &mut self.nodes[number.0 as usize];
        let place = match node.task.as_ref().map(|version| &*version.row) {
            Some(task) if offer::is_ready_but_for_time(task, &node.graph) => match task.not_before {
                Some(until) if until > self.time => Place::Delayed(until),
                _ => match self.depths.known(number.0) {
                    None => Place::Unranked,
                    Some(depth) => Place::Shelf {
                        owner: task.owner_agent_id.clone(),
                        needs: self.ready.names.intern(&task.caps),
                        rank: Rank::of(task, depth),
                    },
                },
            },
            _ => Place::Nowhere,
        };
        if place != node.place {
            self.ready.take(node, number);
            node.place = place;
            self.ready.put(node, number);
        }
    }

    /// A row of a checkpoint was made at that time.
    pub(crate) fn note_time(&mut self, time: Timestamp) {
        self.time = self.time.max(time);
    }

    /// Time goes on to that of the next event: tasks whose wait is over become ready.
    pub(crate) fn advance(&mut self, time: Timestamp) {
        self.time = self.time.max(time);
        while let Some(&(until, number)) = self.ready.delayed.first()
            && until <= self.time
        {
            // `place` takes it off `delayed`, as its time has come.
            self.place(number);
        }
    }

    /// Works out the depth of everything that can be offered at `now` and is not ranked yet: to be called before
    /// [`Work::candidates`].
    pub(crate) fn rank_offers(&mut self, now: Timestamp) {
        for number in self.ready.unranked.iter().copied().collect::<Vec<_>>() {
            self.depth_of(number);
            self.place(number);
        }
        let due = self.ready.delayed.iter().take_while(|(until, _)| *until <= now);
        for number in due.map(|(_, number)| *number).collect::<Vec<_>>() {
            self.depth_of(number);
        }
    }

    /// What this agent may take at `now`, best first. Costs what distinct shelves cost, and what is due
    /// since the last event, not what tasks there are.
    pub(crate) fn candidates(&self, agent_id: &Text, caps: &TextSet, now: Timestamp) -> Candidates<'_> {
        debug_assert!(self.ready.unranked.is_empty(), "offers are ranked first");
        let has = self.ready.names.known(caps);
        let mut candidates = Candidates { shelves: Vec::new(), due: Vec::new(), heads: BinaryHeap::new() };
        for owner in [None, Some(agent_id.clone())] {
            let shelves = self.ready.shelves.get(&owner).into_iter().flatten();
            for (_, shelf) in shelves.filter(|(needs, _)| needs.is_subset(&has)) {
                candidates.shelves.push(shelf.iter());
            }
        }
        for &(_, number) in self.ready.delayed.iter().take_while(|(until, _)| *until <= now) {
            let node = self.at(number);
            if let Some(task) = node.task()
                && offer::may_take_as(task, agent_id, caps)
            {
                let rank = Rank::of(task, self.known_depth(number));
                candidates.due.push(Offer { rank, id: node.id.clone(), node: number });
            }
        }
        // Last is best, so that `pop` takes it.
        candidates.due.sort_unstable_by(|a, b| b.cmp(a));
        for shelf in 0..candidates.shelves.len() {
            candidates.refill(shelf);
        }
        candidates
    }
}

/// The merge of several shelves, best first.
pub(crate) struct Candidates<'a> {
    shelves: Vec<btree_set::Iter<'a, Offer>>,
    due: Vec<Offer>,
    /// The best of each shelf, with the shelf it is from.
    heads: BinaryHeap<Reverse<(&'a Offer, usize)>>,
}

impl Candidates<'_> {
    fn refill(&mut self, shelf: usize) {
        if let Some(head) = self.shelves[shelf].next() {
            self.heads.push(Reverse((head, shelf)));
        }
    }
}

impl Iterator for Candidates<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        let due_is_better = match (self.due.last(), self.heads.peek()) {
            (Some(due), Some(Reverse((head, _)))) => due < head,
            (due, _) => due.is_some(),
        };
        if due_is_better {
            return self.due.pop().map(|offer| offer.node);
        }
        let Reverse((head, shelf)) = self.heads.pop()?;
        self.refill(shelf);
        Some(head.node)
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::time;
    use store::{Decider, Event, EventId, Position, Revision};

    #[test]
    fn a_task_whose_time_has_come_goes_to_its_shelf_with_the_next_event() {
        let mut work = Work::new();
        let mut event = Event {
            position: Position(1),
            id: EventId(1),
            stream: "task-a".into(),
            revision: Revision(1),
            kind: "TaskCreated".into(),
            time: Timestamp(0),
            data: format!(r#"{{"not_before":"{}"}}"#, time::format(Timestamp(5))).into(),
            metadata: "{}".into(),
            tags: Vec::new(),
        };
        work.evolve(&event, &mut Vec::new());
        assert_eq!((work.ready.delayed.len(), work.ready.shelves.len()), (1, 0));
        // Anybody's event will do: it tells the time.
        (event.stream, event.kind) = ("mine".into(), "Seen".into());
        event.time = Timestamp(4);
        work.evolve(&event, &mut Vec::new());
        assert_eq!(work.ready.delayed.len(), 1);
        event.time = Timestamp(5);
        work.evolve(&event, &mut Vec::new());
        assert_eq!((work.ready.delayed.len(), work.ready.shelves.len()), (0, 1));
        let agent: Text = "bob".into();
        assert_eq!(work.candidates(&agent, &TextSet::default(), Timestamp(5)).count(), 1);
    }

    #[test]
    fn empty_shelves_are_not_kept() {
        let mut work = Work::new();
        for (revision, data) in
            [(1, r#"{"caps":["a"],"owner_agent_id":"bob"}"#), (2, r#"{"status":"completed"}"#)]
        {
            let event = Event {
                position: Position(revision),
                id: EventId(1),
                stream: "task-a".into(),
                revision: Revision(revision),
                kind: if revision == 1 { "TaskCreated" } else { "TaskStatusChanged" }.into(),
                time: Timestamp(0),
                data: data.into(),
                metadata: "{}".into(),
                tags: Vec::new(),
            };
            work.evolve(&event, &mut Vec::new());
            assert_eq!(work.ready.shelves.len(), usize::from(revision == 1));
        }
    }
}
