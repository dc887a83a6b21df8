//! A simulated agent: claims what it is able to do, does it, says how it went.

use super::Stage;
use crate::client::At;
use crate::failure::Failure;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Who works, and what they can do. The last one crashes; what it can do, another can too.
pub(super) const AGENTS: [(&str, &[&str]); 4] = [
    ("ada", &["rust", "sql"]),
    ("ben", &["rust", "ui", "docs"]),
    ("cyn", &["sql", "ui", "docs"]),
    ("dov", &["rust", "docs"]),
];

/// How long a lease lasts: far longer than any task takes here, and short enough to see one run out.
const LEASE_S: u32 = 2;

/// How long an agent without work waits at the server for some.
const WAIT_MS: u32 = 300;

/// The crash comes when the crashing agent has done this share of an even quarter of the plan.
const CRASH_AFTER_SHARE: u32 = 4;

/// One in so many first attempts fails and is tried again.
const FAILS_ONE_IN: u32 = 15;

/// What the agents have in common.
#[derive(Debug)]
pub(super) struct Team {
    tasks: u32,
    seed: u64,
    completed: AtomicU32,
    failed: AtomicU32,
}

impl Team {
    pub(super) fn new(tasks: u32, seed: u64) -> Self {
        Self { tasks, seed, completed: AtomicU32::new(0), failed: AtomicU32::new(0) }
    }

    fn is_done(&self) -> bool {
        self.completed.load(Ordering::Relaxed) >= self.tasks
    }

    /// Whether this attempt goes wrong: some first ones do, among them the very first that could.
    fn goes_wrong(&self, attempt: u64, random: &mut StdRng) -> bool {
        let chosen = random.random_range(0..FAILS_ONE_IN) == 0 || self.failed.load(Ordering::Relaxed) == 0;
        attempt == 1 && chosen
    }
}

/// Works until the plan is done, or until it crashes.
pub(super) async fn work(
    name: &'static str,
    stage: Stage,
    team: std::sync::Arc<Team>,
) -> Result<(), Failure> {
    let crashes = name == AGENTS[AGENTS.len() - 1].0;
    let crash_after = team.tasks / AGENTS.len() as u32 / CRASH_AFTER_SHARE;
    let own_seed = name.bytes().fold(team.seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut random = StdRng::seed_from_u64(own_seed);
    let mut done = 0;
    while !team.is_done() {
        let claim = json!({"agent_id": name, "lease_s": LEASE_S, "wait_ms": WAIT_MS});
        let claim = stage.client.post(&At::path(&["tasks", "claim"]), &claim).await?;
        if claim.is_null() {
            continue;
        }
        if crashes && done >= crash_after {
            let task = claim["task"]["id"].as_str().unwrap_or_default();
            stage
                .show
                .say(&format!("{name} crashes while it holds {task}; its lease runs out in {LEASE_S} s"));
            return Ok(());
        }
        attempt(name, &stage, &team, &claim, &mut random).await?;
        done += 1;
    }
    Ok(())
}

/// One attempt at one task.
async fn attempt(
    name: &str,
    stage: &Stage,
    team: &Team,
    claim: &Value,
    random: &mut StdRng,
) -> Result<(), Failure> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (task, lease) = (text(&claim["task"]["id"]), text(&claim["lease"]["id"]));
    let took_ms = random.random_range(1..6);
    // The work itself.
    tokio::time::sleep(Duration::from_millis(took_ms)).await;
    let tool = json!({
        "lease_id": lease,
        "events": [{"type": "ToolInvoked", "data": {"tool": "editor", "duration_ms": took_ms}}],
    });
    let run = text(&claim["run_id"]);
    stage.client.post(&At::path(&["runs", &run, "events"]), &tool).await?;
    let number = claim["task"]["attempts"].as_u64().unwrap_or(1);
    if team.goes_wrong(number, random) {
        team.failed.fetch_add(1, Ordering::Relaxed);
        let failure = json!({
            "lease_id": lease,
            "class": "transient",
            "message": "the build machine did not answer",
            "retry_after_s": 0.3,
        });
        stage.client.post(&At::path(&["tasks", &task, "fail"]), &failure).await?;
        return Ok(());
    }
    if random.random_range(0..10) == 0 {
        let note =
            json!({"task_id": task, "type": "note", "content": format!("{name}: simpler than it looked")});
        stage.client.post(&At::path(&["contexts"]), &note).await?;
    }
    let tokens = random.random_range(200..4_000);
    let end = json!({
        "lease_id": lease,
        "output": {"by": name},
        "tokens": tokens,
        "cost": f64::from(tokens) * 0.000_01,
    });
    stage.client.post(&At::path(&["tasks", &task, "complete"]), &end).await?;
    team.completed.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
