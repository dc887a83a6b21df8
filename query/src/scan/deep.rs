//! How deep work was stacked on tasks at the beginning of each of their versions: who waits for whom and who is
//! unfinished, gone through once along the log, with a look at each version on the way.

use super::closed::closed;
use super::{ROWS_PER_TURN, World};
use crate::views::{blocks, unfinished};
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use domain::depth::{Depths, Downstream, Upstream};
use domain::rows::{Row, Table};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use store::{Position, Text};

/// Depths by task and first position of the version.
#[derive(Debug, Default)]
pub(super) struct PastDepths {
    /// Those that are not zero.
    by_version: FxHashMap<(Text, Position), u32>,
}

/// What an event did to the graph. Of one event, what ends comes before what begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// (blocker, who waits)
    Unlinked(u32, u32),
    Linked(u32, u32),
    /// A task is unfinished, or is not, from now on.
    Stands(u32, bool),
}

impl PastDepths {
    /// Of every version of the tasks that are `wanted`, up to the statement's head.
    pub(super) async fn load(
        world: &World,
        wanted: impl Fn(&str) -> bool,
        reservation: &mut MemoryReservation,
    ) -> Result<Self> {
        let mut story = Story::default();
        // What is read is let go at once: a few numbers remain.
        closed(world, Table::Relationships, Position::ZERO, reservation, |closed| {
            story.relationship(&closed.version.row, closed.version.from.position, Some(closed.to_position));
            false
        })
        .await?;
        for (_, entry) in world.current.rows(Table::Relationships).iter() {
            story.relationship(&entry.version.row, entry.version.from.position, None);
        }
        closed(world, Table::Tasks, Position::ZERO, reservation, |closed| {
            story.task(&closed.key, &closed.version.row, closed.version.from.position, &wanted);
            false
        })
        .await?;
        for (key, entry) in world.current.rows(Table::Tasks).iter() {
            story.task(key, &entry.version.row, entry.version.from.position, &wanted);
        }
        reservation.try_grow(story.bytes())?;
        story.tell().await
    }

    /// The depth of the task right after the event at `from`, which began a version of it.
    pub(super) fn get(&self, task: &Text, from: Position) -> u32 {
        self.by_version.get(&(task.clone(), from)).copied().unwrap_or(0)
    }
}

/// All that happened, in no order.
#[derive(Debug, Default)]
struct Story {
    numbers: FxHashMap<Text, u32>,
    changes: Vec<(Position, Change)>,
    /// Versions whose depths are wanted.
    versions: Vec<(Position, u32)>,
}

impl Story {
    fn number(&mut self, task: &Text) -> u32 {
        // Rows are in memory: it ends before they are 4 billion.
        let next = self.numbers.len() as u32;
        *self.numbers.entry(task.clone()).or_insert(next)
    }

    fn relationship(&mut self, row: &Row, from: Position, to: Option<Position>) {
        let Some(edge) = blocks(row) else { return };
        let (blocker, waiting) = (self.number(&edge.from_task_id), self.number(&edge.to_task_id));
        self.changes.push((from, Change::Linked(blocker, waiting)));
        self.changes.extend(to.map(|to| (to, Change::Unlinked(blocker, waiting))));
    }

    /// A version of a task; another one follows where it ends, as no task is ever taken out.
    fn task(&mut self, id: &Text, row: &Row, from: Position, wanted: impl Fn(&str) -> bool) {
        // Nobody waits for those that no relationship names, so far as that is known: relationships come first.
        let Some(&number) = self.numbers.get(id) else { return };
        self.changes.push((from, Change::Stands(number, unfinished(row).is_some())));
        if wanted(id) {
            self.versions.push((from, number));
        }
    }

    fn bytes(&self) -> usize {
        self.changes.len() * size_of::<(Position, Change)>()
            + self.versions.len() * size_of::<((Text, Position), u32)>()
            + self.numbers.len() * size_of::<(Text, u32)>()
    }

    /// Goes through it all, and notes the depths that are wanted as they are met.
    async fn tell(mut self) -> Result<PastDepths> {
        self.changes.sort_unstable();
        self.versions.sort_unstable();
        let mut names: Vec<Text> = vec![Text::default(); self.numbers.len()];
        for (name, number) in self.numbers {
            names[number as usize] = name;
        }
        let mut graph = Graph { unfinished: vec![false; names.len()], ..Graph::default() };
        let mut depths = Depths::unknown(names.len());
        let mut changes = self.changes.into_iter().peekable();
        let mut told = PastDepths::default();
        for (nth, (from, number)) in self.versions.into_iter().enumerate() {
            while let Some((_, change)) = changes.next_if(|(at, _)| *at <= from) {
                graph.change(change, &mut depths);
            }
            let depth = depths.depth(number, &graph);
            if depth > 0 {
                told.by_version.insert((names[number as usize].clone(), from), depth);
            }
            if nth % ROWS_PER_TURN == ROWS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(told)
    }
}

/// Who waits for whom at a position.
#[derive(Debug, Default)]
struct Graph {
    unfinished: Vec<bool>,
    /// (blocker, who waits), and how many relationships say so.
    blocks: BTreeMap<(u32, u32), u32>,
    /// The same, seen from who waits.
    blocked_by: BTreeSet<(u32, u32)>,
}

impl Graph {
    fn change(&mut self, change: Change, depths: &mut Depths) {
        match change {
            Change::Linked(blocker, waiting) => {
                let count = self.blocks.entry((blocker, waiting)).or_default();
                *count += 1;
                if *count == 1 {
                    self.blocked_by.insert((waiting, blocker));
                    self.waits(waiting, blocker, self.unfinished[waiting as usize], true, depths);
                }
            }
            Change::Unlinked(blocker, waiting) => {
                let Some(count) = self.blocks.get_mut(&(blocker, waiting)) else { return };
                *count -= 1;
                if *count == 0 {
                    self.blocks.remove(&(blocker, waiting));
                    self.blocked_by.remove(&(waiting, blocker));
                    self.waits(waiting, blocker, self.unfinished[waiting as usize], false, depths);
                }
            }
            Change::Stands(node, is_unfinished) => {
                let was = std::mem::replace(&mut self.unfinished[node as usize], is_unfinished);
                if was != is_unfinished {
                    for blocker in self.all_blockers(node) {
                        self.waits(node, blocker, true, is_unfinished, depths);
                    }
                }
            }
        }
    }

    /// A task that counts waits for another from now on, or no longer.
    fn waits(&self, waiting: u32, blocker: u32, counts: bool, waits: bool, depths: &mut Depths) {
        // Nobody has to hear of it: depths are asked for one at a time.
        let changed = &mut |_| {};
        match waits {
            _ if !counts => {}
            true => depths.waits(waiting, blocker, self, changed),
            false => depths.waits_no_more(waiting, blocker, self, changed),
        }
    }

    fn all_blockers(&self, node: u32) -> impl Iterator<Item = u32> {
        self.blocked_by.range((node, 0)..=(node, u32::MAX)).map(|(_, blocker)| *blocker)
    }
}

impl Downstream for Graph {
    fn waiting(&self, node: u32) -> impl Iterator<Item = u32> {
        let blocked = self.blocks.range((node, 0)..=(node, u32::MAX)).map(|((_, waiting), _)| *waiting);
        blocked.filter(|waiting| self.unfinished[*waiting as usize])
    }
}

impl Upstream for Graph {
    fn blockers(&self, node: u32) -> impl Iterator<Item = u32> {
        let counts = self.unfinished[node as usize];
        self.all_blockers(node).filter(move |_| counts)
    }
}
