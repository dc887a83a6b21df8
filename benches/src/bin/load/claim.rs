//! Durable claims: a plan of open tasks, and agents that take one after another.

use crate::Failure;
use crate::connection::{Address, Connection};
use crate::timing::{Client, Measured, Window};
use agentpm_benches::CAPS;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Clients that make the plan.
const PLANNERS: usize = 64;
/// Longer than making any plan takes.
const PLANNING_MAX: Duration = Duration::from_secs(3_600);

struct Planner {
    connection: Connection,
    next: Arc<AtomicU64>,
    tasks: u64,
}

impl Client for Planner {
    async fn once(&mut self) -> Result<Option<u64>, Failure> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        if n >= self.tasks {
            return Ok(None);
        }
        let cap = |k: u64| CAPS[usize::try_from(n / k % CAPS.len() as u64).expect("below eight")];
        let body = format!(
            r#"{{"id":"t{n}","title":"task number {n}","priority":{},"caps":["{}","{}"]}}"#,
            (n % 11).cast_signed() - 5,
            cap(1),
            cap(8)
        );
        self.connection.post("/tasks", body).await?;
        Ok(Some(1))
    }
}

/// Makes open tasks `t0` to `tN`.
pub(crate) async fn plan(address: &Address, tasks: u64) -> Result<(), Failure> {
    let next = Arc::new(AtomicU64::new(0));
    let mut planners = Vec::new();
    for _ in 0..PLANNERS {
        let connection = Connection::open(address).await?;
        planners.push(Planner { connection, next: next.clone(), tasks });
    }
    Window::of(PLANNING_MAX).drive(planners).await?;
    Ok(())
}

struct Agent {
    connection: Connection,
    body: String,
    taken: Vec<String>,
}

impl Client for Agent {
    async fn once(&mut self) -> Result<Option<u64>, Failure> {
        let answer = self.connection.post("/tasks/claim", self.body.clone()).await?;
        let answer = String::from_utf8(answer)?;
        if answer.starts_with(r#"{"ok":true,"data":null"#) {
            return Ok(None);
        }
        let id = answer.split_once(r#""task":{"id":""#).and_then(|(_, rest)| rest.split('"').next());
        self.taken.push(id.ok_or_else(|| format!("not a claim: {answer}"))?.to_owned());
        Ok(Some(1))
    }
}

/// Agents who are able to do everything take one task after another; no task may go to two of them.
pub(crate) async fn race(address: &Address, clients: usize, window: Window) -> Result<Measured, Failure> {
    let mut agents = Vec::new();
    for number in 0..clients {
        let mut connection = Connection::open(address).await?;
        let id = format!("agent-{clients}-{number}");
        let register = serde_json::json!({ "id": id, "name": id, "caps": CAPS });
        connection.post("/agents/register", register.to_string()).await?;
        let body = format!(r#"{{"agent_id":"{id}","lease_s":3600}}"#);
        agents.push(Agent { connection, body, taken: Vec::new() });
    }
    let (measured, agents) = window.drive(agents).await?;
    let mut seen = HashSet::new();
    for id in agents.into_iter().flat_map(|agent| agent.taken) {
        if let Some(twice) = seen.replace(id) {
            return Err(format!("task {twice} was claimed twice").into());
        }
    }
    Ok(measured)
}
