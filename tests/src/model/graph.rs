//! The computed columns of tasks, anew from all relationships each time.

use super::{Row, World};
use crate::time;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Microseconds of an hour, for the score.
const HOUR_US: f64 = 3_600_000_000.0;

/// Who waits for whom, and who is whose child.
pub(super) struct Graph<'a> {
    world: &'a World,
    blockers: BTreeMap<&'a str, BTreeSet<&'a str>>,
    children: BTreeMap<&'a str, BTreeSet<&'a str>>,
    depths: BTreeMap<&'a str, u64>,
}

impl<'a> Graph<'a> {
    pub(super) fn of(world: &'a World) -> Self {
        let mut blockers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut blocked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut children: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (_, relationship) in world.stored("relationships") {
            let from = relationship["from_task_id"].as_str().unwrap_or_default();
            let to = relationship["to_task_id"].as_str().unwrap_or_default();
            match relationship["type"].as_str() {
                Some("blocks") => {
                    blockers.entry(to).or_default().insert(from);
                    blocked.entry(from).or_default().insert(to);
                }
                Some("parent_of") => drop(children.entry(from).or_default().insert(to)),
                _ => {}
            }
        }
        let mut depths = BTreeMap::new();
        for (id, _) in world.stored("tasks") {
            depth(world, &blocked, id, &mut depths);
        }
        Self { world, blockers, children, depths }
    }

    pub(super) fn blocked_by_count(&self, id: &str) -> usize {
        let blockers = self.blockers.get(id).into_iter().flatten();
        blockers.filter(|blocker| unfinished(self.world, blocker)).count()
    }

    pub(super) fn depth(&self, id: &str) -> u64 {
        self.depths.get(id).copied().unwrap_or_default()
    }

    /// The row with its computed columns at `now`.
    pub(super) fn complete(&self, task: &Row, now: i64) -> Row {
        let id = task["id"].as_str().unwrap_or_default();
        let children = self.children.get(id).into_iter().flatten();
        let children: Vec<&Row> = children
            .filter_map(|child| self.world.row("tasks", child))
            .filter(|child| child["archived_at"].is_null())
            .collect();
        let created = task["created_at"].as_str().map_or(now, time::micros);
        #[expect(clippy::cast_precision_loss, reason = "ages and depths are far below 2^52")]
        let score = task["priority"].as_f64().unwrap_or_default()
            + 0.1 * ((now - created) as f64 / HOUR_US)
            + 0.5 * (self.depth(id) as f64);
        let mut row = task.clone();
        row.insert("blocked_by_count".into(), json!(self.blocked_by_count(id)));
        row.insert("child_count".into(), json!(children.len()));
        let done = children.iter().filter(|child| child["status"] == "completed").count();
        row.insert("child_done_count".into(), json!(done));
        row.insert("dependency_depth".into(), json!(self.depth(id)));
        row.insert("score".into(), json!(score));
        row
    }
}

/// Whether others still wait for it.
pub(super) fn unfinished(world: &World, id: &str) -> bool {
    world.row("tasks", id).is_some_and(|task| {
        task["archived_at"].is_null() && !matches!(task["status"].as_str(), Some("completed" | "cancelled"))
    })
}

/// The longest chain of unfinished tasks that wait for `id`, one after another.
fn depth<'a>(
    world: &'a World,
    blocked: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    id: &'a str,
    known: &mut BTreeMap<&'a str, u64>,
) -> u64 {
    if let Some(depth) = known.get(id) {
        return *depth;
    }
    let waiting = blocked.get(id).into_iter().flatten().filter(|task| unfinished(world, task));
    let chains: Vec<u64> = waiting.map(|task| 1 + depth(world, blocked, task, known)).collect();
    let longest = chains.into_iter().max().unwrap_or(0);
    known.insert(id, longest);
    longest
}

/// The members of a set column.
pub(super) fn members(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
