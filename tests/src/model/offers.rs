//! Which task an agent is offered, and in what order.

use super::graph::{Graph, members, unfinished};
use super::{Row, World};
use crate::time;
use std::collections::BTreeSet;

/// One priority step, in the integers of the order: an hour of age is a tenth of it.
const PRIORITY_STEP: i64 = 36_000_000;
/// One step of dependency depth.
const DEPTH_STEP: i64 = 18_000_000;

/// A task's place in the order of offers, the best least; and what an agent needs to take it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    rank: usize,
    /// The score without the part that grows alike for all, negated: the greater score comes first.
    late: i64,
    created_at: i64,
    /// The task.
    pub id: String,
    /// Capabilities it takes.
    pub caps: BTreeSet<String>,
}

impl Offer {
    /// Of a task with this `dependency_depth`.
    ///
    /// # Panics
    /// When a column of the task is not what the contract says.
    #[must_use]
    pub fn of(task: &Row, depth: u64) -> Self {
        let class = task["class"].as_str().expect("a task has a class");
        let created_at = time::micros(task["created_at"].as_str().expect("a task has a created_at"));
        let priority = task["priority"].as_i64().expect("a task has a priority");
        let depth = i64::try_from(depth).expect("a chain of dependencies is short");
        let late = created_at.div_euclid(1_000) - priority * PRIORITY_STEP - depth * DEPTH_STEP;
        Self {
            rank: ["critical", "high", "normal", "low"]
                .iter()
                .position(|word| *word == class)
                .expect("a class"),
            late,
            created_at,
            id: task["id"].as_str().expect("a task has an id").to_owned(),
            caps: members(&task["caps"]).into_iter().map(str::to_owned).collect(),
        }
    }
}

pub(super) fn next_task(world: &World, agent: Option<&str>, now: i64) -> Vec<Row> {
    let graph = Graph::of(world);
    let row = agent.and_then(|agent| world.row("agents", agent));
    let has = row.map(|row| members(&row["caps"])).unwrap_or_default();
    let mut offers: Vec<(Offer, &Row)> = Vec::new();
    for (id, task) in world.stored("tasks") {
        let ready = task["status"] == "open"
            && unfinished(world, id)
            && graph.blocked_by_count(id) == 0
            && task["not_before"].as_str().is_none_or(|from| time::micros(from) <= now)
            && task["owner_agent_id"].as_str().is_none_or(|owner| Some(owner) == agent)
            && (agent.is_none() || members(&task["caps"]).is_subset(&has));
        if ready {
            offers.push((Offer::of(task, graph.depth(id)), task));
        }
    }
    offers.sort_by(|(a, _), (b, _)| a.cmp(b));
    offers.into_iter().map(|(_, task)| graph.complete(task, now)).collect()
}
