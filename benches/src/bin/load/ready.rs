//! What a claim costs when much is ready: tasks of many projects that need many sets of capabilities, and an agent
//! that has them all, who takes one that a predicate lets through and gives it back, again and again.

use crate::Failure;
use crate::connection::{Address, Connection};
use crate::timing::{Measured, latencies, nanoseconds};
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A plan, and a claim of it.
pub(crate) struct Plan {
    pub(crate) tasks: u64,
    /// Sets of two capabilities that tasks need.
    pub(crate) sets: u64,
    pub(crate) predicate: Option<&'static str>,
}

/// One task in ten is of the project, and of these one in two urgent enough.
pub(crate) const WHERE: &str = "project_id = 'p3' AND priority >= 0";
const PROJECTS: u64 = 10;
/// Words of which two make a set: 1,035 sets.
const WORDS: u64 = 46;
/// Clients that make the plan, and tasks that each makes at once.
const PLANNERS: u64 = 4;
const BATCH_OPS: u64 = 1_000;
/// Claims that are timed, and those before them that are not.
const CLAIMS: u64 = 2_000;
const WARM_UP: u64 = 200;

impl Plan {
    fn task(&self, n: u64) -> Value {
        let mut pairs = (0..WORDS).flat_map(|a| (a + 1..WORDS).map(move |b| [word(a), word(b)]));
        let caps = usize::try_from(n % self.sets).ok().and_then(|set| pairs.nth(set));
        json!({
            "id": format!("t{n}"), "title": format!("task number {n}"), "priority": (n % 11).cast_signed() - 5,
            "project_id": format!("p{}", n / self.sets % PROJECTS), "caps": caps,
        })
    }

    /// Makes the tasks, and the agent.
    pub(crate) async fn make(&self, address: &Address) -> Result<(), Failure> {
        let made = (0..PLANNERS).map(async |planner| {
            let mut connection = Connection::open(address).await?;
            for batch in (planner..self.tasks.div_ceil(BATCH_OPS)).step_by(usize::try_from(PLANNERS)?) {
                let tasks = batch * BATCH_OPS..((batch + 1) * BATCH_OPS).min(self.tasks);
                let ops = tasks.map(|n| json!({ "op": "create_task", "data": self.task(n) }));
                connection.post("/batch", json!({ "ops": ops.collect::<Vec<_>>() }).to_string()).await?;
            }
            Ok::<_, Failure>(())
        });
        try_join_all(made).await?;
        let able = json!({ "id": "able", "name": "able", "caps": (0..WORDS).map(word).collect::<Vec<_>>() });
        Connection::open(address).await?.post("/agents/register", able.to_string()).await.map(drop)
    }

    /// Claims, one after another; what was claimed goes back before the next.
    pub(crate) async fn claim(&self, address: &Address) -> Result<Measured, Failure> {
        let mut connection = Connection::open(address).await?;
        let claim = json!({ "agent_id": "able", "where": self.predicate }).to_string();
        let (mut latency, mut elapsed) = (latencies(), Duration::ZERO);
        for n in 0..WARM_UP + CLAIMS {
            let begun = Instant::now();
            let answer = connection.post("/tasks/claim", claim.clone()).await?;
            let took = begun.elapsed();
            if n >= WARM_UP {
                elapsed += took;
                latency.saturating_record(nanoseconds(took));
            }
            let claimed = serde_json::from_slice::<Value>(&answer)?["data"].take();
            let task = claimed["task"]["id"].as_str().ok_or("there is work for all of them")?;
            let back = json!({ "lease_id": claimed["lease"]["id"] }).to_string();
            connection.post(&format!("/tasks/{task}/release"), back).await?;
        }
        Ok(Measured { units: CLAIMS, elapsed, latency: Some(latency) })
    }
}

fn word(n: u64) -> String {
    format!("able-to-{n}")
}
