//! A plan: tasks that need capabilities and wait for each other, the same for the same seed.

use super::agent::AGENTS;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

const VERBS: [&str; 8] = ["Write", "Test", "Review", "Measure", "Document", "Simplify", "Ship", "Harden"];
const THINGS: [&str; 10] = [
    "the parser",
    "the index",
    "the login page",
    "the import",
    "the schema",
    "the retry rule",
    "the dashboard",
    "the backup",
    "the search",
    "the first-run guide",
];

/// A task waits for others that come at most so far before it: chains become long, but the plan stays wide.
const REACH: usize = 15;

/// The id of the `n`th task.
fn id(n: usize) -> String {
    format!("task-{n:03}")
}

/// The bodies that create the tasks, in an order in which every task comes after those it waits for.
pub(super) fn plan(tasks: u32, seed: u64) -> Vec<Value> {
    let mut random = StdRng::seed_from_u64(seed);
    (1..=tasks as usize).map(|n| task(n, &mut random)).collect()
}

fn task(n: usize, random: &mut StdRng) -> Value {
    let verb = VERBS.choose(random).copied().unwrap_or_default();
    let thing = THINGS.choose(random).copied().unwrap_or_default();
    // What somebody who does not crash is able to do, so that the plan can be completed.
    let (_, able) = AGENTS[..AGENTS.len() - 1].choose(random).copied().unwrap_or_default();
    let needed = random.random_range(0..=2);
    let caps: Vec<&str> = able.choose_multiple(random, needed).copied().collect();
    let earlier = n - 1;
    let mut blocked_by: Vec<String> = Vec::new();
    if earlier > 0 {
        for _ in 0..random.random_range(0..=2) {
            let blocker = id(random.random_range(earlier.saturating_sub(REACH).max(1)..=earlier));
            if !blocked_by.contains(&blocker) {
                blocked_by.push(blocker);
            }
        }
    }
    json!({
        "id": id(n),
        "title": format!("{verb} {thing}"),
        "project_id": "demo",
        "priority": random.random_range(-2..=3),
        "caps": caps,
        "blocked_by": blocked_by,
        "max_attempts": 5,
    })
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_plan() {
        assert_eq!(plan(50, 1), plan(50, 1));
        assert_ne!(plan(50, 1), plan(50, 2));
    }

    #[test]
    fn a_task_waits_only_for_earlier_ones() {
        let plan = plan(300, 7);
        for (n, task) in plan.iter().enumerate() {
            for blocker in task["blocked_by"].as_array().unwrap() {
                assert!(plan[..n].iter().any(|earlier| earlier["id"] == *blocker), "{task}");
            }
        }
        let waiting = plan.iter().filter(|task| task["blocked_by"].as_array().is_some_and(|b| !b.is_empty()));
        assert!(waiting.count() > 100);
    }
}
