//! A team at work: agents claim tasks, change them, report, complete them, and now and then are never heard of
//! again. What each sort of call costs, and how late the work of the dead comes back.

use crate::Failure;
use crate::connection::{Address, Connection};
use crate::syncs::Syncs;
use crate::timing::{Measured, latencies, nanoseconds};
use agentpm_benches::CAPS;
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Tasks that are there before it begins.
    pub(crate) tasks: u64,
    /// Agents; [`AT_ONCE`] of them work at the same time.
    pub(crate) agents: u64,
    /// Events after which it ends.
    pub(crate) events: u64,
}

/// Agents that work at the same time.
pub(crate) const AT_ONCE: u64 = 10;
/// Operations of one batch of the plan.
const BATCH_OPS: u64 = 1_000;
/// Of so many agents that hold a task, one is never heard of again.
const ONE_IN_DIES: u64 = 50;
/// The lease of such a one, in seconds: the shortest there is.
const DEAD_LEASE_S: u64 = 1;

/// Makes the tasks of a plan under a name of its own.
async fn plan(connection: &mut Connection, name: &str, size: Size) -> Result<(), Failure> {
    let cap = |n: u64| CAPS[usize::try_from(n % CAPS.len() as u64).expect("below eight")];
    for from in (0..size.tasks).step_by(usize::try_from(BATCH_OPS)?) {
        let numbers = from..(from + BATCH_OPS).min(size.tasks);
        let ops = numbers.map(|n| {
            let data = json!({
                "id": format!("{name}-{n}"), "title": format!("task number {n}"), "project_id": name,
                "priority": (n % 11).cast_signed() - 5, "caps": [cap(n), name],
            });
            json!({ "op": "create_task", "data": data })
        });
        connection.post("/batch", json!({ "ops": ops.collect::<Vec<_>>() }).to_string()).await?;
    }
    for n in 0..size.agents {
        let mut caps: Vec<&str> = CAPS.to_vec();
        caps.push(name);
        let agent = json!({ "id": format!("{name}-agent-{n}"), "name": format!("agent {n}"), "caps": caps });
        connection.post("/agents/register", agent.to_string()).await?;
    }
    Ok(())
}

/// One of those who work at the same time, each in turn as many agents.
struct Worker {
    connection: Connection,
    plan: String,
    size: Size,
    number: u64,
    /// The last position there was when it began, and the greatest that anybody was told.
    from: u64,
    head: Arc<AtomicU64>,
    /// No task is left.
    empty: Arc<AtomicBool>,
    costs: BTreeMap<&'static str, Histogram<u64>>,
}

impl Worker {
    async fn work(mut self) -> Result<BTreeMap<&'static str, Histogram<u64>>, Failure> {
        let mut turn = 0;
        while self.head.load(Ordering::Relaxed) < self.from + self.size.events
            && !self.empty.load(Ordering::Relaxed)
        {
            turn += 1;
            let agent = (self.number + turn * AT_ONCE) % self.size.agents;
            let dies = (self.number + turn).is_multiple_of(ONE_IN_DIES);
            self.turn(&format!("{}-agent-{agent}", self.plan), dies).await?;
        }
        Ok(self.costs)
    }

    async fn turn(&mut self, agent: &str, dies: bool) -> Result<(), Failure> {
        let lease_s = if dies { DEAD_LEASE_S } else { 600 };
        let claimed =
            self.call("claim", "/tasks/claim", json!({ "agent_id": agent, "lease_s": lease_s })).await?;
        let (Some(task), Some(lease)) = (claimed["task"]["id"].as_str(), claimed["lease"]["id"].as_str())
        else {
            self.empty.store(true, Ordering::Relaxed);
            return Ok(());
        };
        if dies {
            return Ok(());
        }
        let path = format!("/tasks/{task}");
        let update = json!({ "lease_id": lease, "intent": format!("as {agent} sees it") });
        self.call("update", &path, update).await?;
        let items = json!({ "task_id": task, "items": ["read", "write"], "lease_id": lease });
        self.call("progress", "/progress_items", items).await?;
        let note = json!({ "task_id": task, "type": "decision", "content": "the simple way" });
        self.call("context", "/contexts", note).await?;
        let done = json!({ "lease_id": lease, "output": { "ok": true }, "cost": 0.1, "tokens": 1_000 });
        self.call("complete", &format!("{path}/complete"), done).await?;
        Ok(())
    }

    /// Makes a call, and notes what it took.
    async fn call(&mut self, name: &'static str, path: &str, body: Value) -> Result<Value, Failure> {
        let begun = Instant::now();
        let body = body.to_string();
        let (answer, position) = match name {
            "update" => self.connection.patch(path, body).await?,
            _ => self.connection.post_at(path, body).await?,
        };
        let took = begun.elapsed();
        self.head.fetch_max(position, Ordering::Relaxed);
        self.costs.entry(name).or_insert_with(latencies).saturating_record(nanoseconds(took));
        Ok(serde_json::from_slice::<Value>(&answer)?["data"].take())
    }
}

/// What each sort of call cost, and the syncs of the log meanwhile.
pub(crate) async fn work(address: &Address, size: Size) -> Result<Vec<(&'static str, Measured)>, Failure> {
    let name = format!("team{}", size.tasks);
    let mut connection = Connection::open(address).await?;
    plan(&mut connection, &name, size).await?;
    let (_, from) = connection.post_at("/agents/register", json!({ "name": "head" }).to_string()).await?;
    let (head, empty) = (Arc::new(AtomicU64::new(from)), Arc::new(AtomicBool::new(false)));
    let syncs = Syncs::begin(&mut connection).await?;
    let mut workers = Vec::new();
    for number in 0..AT_ONCE {
        let worker = Worker {
            connection: Connection::open(address).await?,
            plan: name.clone(),
            size,
            number,
            from,
            head: Arc::clone(&head),
            empty: Arc::clone(&empty),
            costs: BTreeMap::new(),
        };
        workers.push(tokio::spawn(worker.work()));
    }
    let begun = Instant::now();
    let mut costs: BTreeMap<&'static str, Histogram<u64>> = BTreeMap::new();
    for done in try_join_all(workers).await? {
        for (name, cost) in done? {
            costs.entry(name).or_insert_with(latencies).add(cost)?;
        }
    }
    let elapsed = begun.elapsed();
    if empty.load(Ordering::Relaxed) {
        return Err("no task was left before there were as many events".into());
    }
    let syncs = syncs.end(&mut connection).await?;
    costs.insert("reclaim", reclaims(&mut connection, &name).await?);
    let measured =
        |latency: Histogram<u64>| Measured { units: latency.len(), elapsed, latency: Some(latency) };
    let calls = costs.into_iter().map(|(name, latency)| (name, measured(latency)));
    Ok(calls.chain([("syncs of the log, at most", syncs)]).collect())
}

/// How long after its time each lease of the dead ended in the log. Waits for the last of them.
async fn reclaims(connection: &mut Connection, plan: &str) -> Result<Histogram<u64>, Failure> {
    let held =
        format!("SELECT count(*) AS n FROM tasks WHERE project_id = '{plan}' AND status = 'in_progress'");
    let rows = async |connection: &mut Connection, pql: &str| -> Result<Value, Failure> {
        let answer = connection.post("/query", json!({ "pql": pql }).to_string()).await?;
        Ok(serde_json::from_slice::<Value>(&answer)?["data"]["rows"].take())
    };
    let deadline = Instant::now() + Duration::from_secs(10 * DEAD_LEASE_S);
    while rows(connection, &held).await?[0]["n"] != 0 {
        if Instant::now() > deadline {
            return Err("leases of the dead do not end".into());
        }
    }
    // `updated_at` of a lease that has ended is when it did.
    let ended = "SELECT (updated_at - expires_at) / 1ms AS late_ms FROM leases WHERE status = 'expired'";
    let mut late = latencies();
    for row in rows(connection, ended).await?.as_array().into_iter().flatten() {
        let milliseconds = row["late_ms"].as_f64().ok_or_else(|| format!("not late by a number: {row}"))?;
        late.saturating_record(nanoseconds(Duration::from_secs_f64(milliseconds.max(0.0) / 1_000.0)));
    }
    Ok(late)
}
