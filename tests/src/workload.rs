//! Random work through the real API: every kind of command, sensible and not, so that logs have in them what
//! a year of agents would put there.

use crate::model::World;
use crate::{Answer, Client, Seed, time, wait};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The capabilities there are.
pub const CAPS: &[&str] = &["rust", "sql", "ui", "ops", "docs"];
const TYPES: &[&str] = &["feature", "bugfix", "refactor", "docs", "ops", "spike-2"];
const CLASSES: &[&str] = &["critical", "high", "normal", "low"];
const STATUSES: &[&str] = &["open", "in_progress", "blocked", "completed", "cancelled"];
const FAILURES: &[&str] = &["transient", "terminal", "policy", "validation", "dependency", "capacity"];
const CONTEXTS: &[&str] =
    &["decision", "rationale", "attempt", "outcome", "blocker", "note", "reference", "user_input"];
const RELATIONSHIPS: &[&str] = &["parent_of", "blocks", "relates_to", "duplicates"];
/// Text that breaks what splices, trims or counts bytes.
const TITLES: &[&str] = &[
    "Write the parser",
    "tabs\tand\nnew lines",
    "quote ' and \" and \\",
    "ünïcödé → 🚀",
    "; DROP TABLE tasks; --",
    " leading and trailing ",
];
/// A short lease, in seconds: the least there is.
const SHORT_LEASE_S: i64 = 1;
/// The timer has ended a lease of one second long before.
const EXPIRY_LIMIT: Duration = Duration::from_secs(30);

/// A lease that was given to this workload and may have ended since.
#[derive(Debug, Clone)]
struct Held {
    task: String,
    lease: String,
    fence: Value,
    run: Option<String>,
}

/// A stream of random commands.
pub struct Workload {
    client: Client,
    seed: Seed,
    made: usize,
    agents: Vec<String>,
    tasks: Vec<String>,
    held: Vec<Held>,
    /// Sessions, each with its agent.
    sessions: Vec<(String, String)>,
    relationships: Vec<String>,
    contexts: Vec<String>,
    items: Vec<String>,
    /// How often each outcome came: `ok`, or the error's code.
    pub outcomes: BTreeMap<String, usize>,
}

impl Workload {
    /// Work against that server.
    #[must_use]
    pub fn new(client: Client, seed: Seed) -> Self {
        Self {
            client,
            seed,
            made: 0,
            agents: Vec::new(),
            tasks: Vec::new(),
            held: Vec::new(),
            sessions: Vec::new(),
            relationships: Vec::new(),
            contexts: Vec::new(),
            items: Vec::new(),
            outcomes: BTreeMap::new(),
        }
    }

    /// One random command.
    pub async fn step(&mut self) {
        match self.seed.below(0..100) {
            0..6 => self.register().await,
            6..24 => self.create().await,
            24..42 => self.claim().await,
            42..49 => self.end("complete").await,
            49..55 => self.end("fail").await,
            55..59 => self.end("release").await,
            59..63 => self.lease().await,
            63..70 => self.update().await,
            70..76 => self.transition().await,
            76..82 => self.relate().await,
            82..87 => self.tell().await,
            87..91 => self.shelve().await,
            91..94 => self.log().await,
            94..96 => self.batch().await,
            96..98 => self.session().await,
            _ => self.nonsense().await,
        }
    }

    /// Many of them.
    pub async fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step().await;
        }
    }

    /// Ends every session, which would be lost by itself, and waits until the timer has ended every lease whose time
    /// has passed, so that the log stands still.
    pub async fn settle(&mut self) {
        let there = self.client.query("SELECT id FROM sessions WHERE status = 'active'").await;
        for id in there.texts("id") {
            self.post(&format!("/sessions/{id}/end"), json!({})).await;
        }
        wait::until("every lease that is over has ended in the log", EXPIRY_LIMIT, || async {
            let rows = self.client.query("SELECT id, expires_at FROM leases WHERE status = 'active'").await;
            let soon = time::now() + 10 * 1_000_000;
            rows.texts("expires_at").iter().all(|at| time::micros(at) > soon).then_some(())
        })
        .await;
    }

    fn name(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{}", self.made)
    }

    /// One that is there; now and then one that is not.
    fn one_of(&mut self, from: &[String]) -> String {
        if self.seed.percent(3) {
            return "nobody-knows-it".to_owned();
        }
        // Mostly what is new: old things are final and refuse everything.
        let recent = &from[from.len().saturating_sub(40)..];
        self.seed.pick(recent).cloned().unwrap_or_else(|| "nothing-yet".to_owned())
    }

    fn task(&mut self) -> String {
        let tasks = std::mem::take(&mut self.tasks);
        let one = self.one_of(&tasks);
        self.tasks = tasks;
        one
    }

    fn agent(&mut self) -> String {
        let agents = std::mem::take(&mut self.agents);
        let one = self.one_of(&agents);
        self.agents = agents;
        one
    }

    fn caps(&mut self, one_in: u32) -> Vec<&'static str> {
        self.seed.some(CAPS, one_in)
    }

    fn word(&mut self, from: &[&'static str]) -> &'static str {
        self.seed.pick(from).copied().unwrap_or_default()
    }

    fn note(&mut self, answer: &Answer) {
        assert!(answer.status < 500, "{}: {} {}", answer.request, answer.status, answer.body);
        let outcome = if answer.ok() { "ok" } else { answer.error()["code"].as_str().unwrap_or_default() };
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
    }

    async fn post(&mut self, path: &str, body: Value) -> Answer {
        let answer = self.client.post(path, body).await;
        self.note(&answer);
        answer
    }

    async fn register(&mut self) {
        let id =
            if self.agents.is_empty() || self.seed.percent(60) { self.name("agent") } else { self.agent() };
        let role = self.word(&["planner", "executor", "reviewer", "coordinator"]);
        let body = json!({ "id": id, "name": format!("The {id}"), "role": role, "caps": self.caps(2) });
        if self.post("/agents/register", body).await.ok() && !self.agents.contains(&id) {
            self.agents.push(id);
        }
    }

    fn new_task(&mut self) -> Value {
        let mut body = json!({
            "title": self.word(TITLES),
            "type": self.word(TYPES),
            "priority": self.seed.int(-5..6),
            "class": self.word(CLASSES),
            "caps": self.caps(6),
            "labels": self.caps(4),
        });
        let now = time::now();
        let hour = 3_600_000_000;
        for (chance, name) in [
            (80, "id"),
            (30, "intent"),
            (30, "project_id"),
            (20, "parent_id"),
            (20, "metadata"),
            (10, "due_at"),
            (10, "not_before"),
            (20, "max_attempts"),
            (6, "owner_agent_id"),
            (20, "progress"),
            (15, "contexts"),
            (15, "blocked_by"),
            (8, "blocks"),
        ] {
            if !self.seed.percent(chance) {
                continue;
            }
            body[name] = match name {
                "id" => json!(self.name("task")),
                "intent" => json!("What is wanted, at length.\n".repeat(3)),
                "project_id" => json!(self.word(&["p1", "p2"])),
                "parent_id" => json!(self.task()),
                "metadata" => json!({ "n": self.made, "nested": { "list": [1, "two", null] } }),
                "due_at" => json!(time::text(now + hour)),
                "not_before" => json!(time::text(now + if self.seed.percent(50) { hour } else { -hour })),
                "max_attempts" => json!(self.seed.int(1..4)),
                "owner_agent_id" => json!(self.agent()),
                "progress" => json!(["first", "second"]),
                "contexts" => json!([{ "type": self.word(CONTEXTS), "content": "known from the start" }]),
                _ => json!([self.task()]),
            };
        }
        body
    }

    async fn create(&mut self) {
        let body = self.new_task();
        let answer = self.post("/tasks", body).await;
        if answer.ok() {
            self.tasks.push(answer.data()["id"].as_str().expect("a task has an id").to_owned());
        }
    }

    async fn claim(&mut self) {
        let agent = self.agent();
        let lease_s = if self.seed.percent(20) { SHORT_LEASE_S } else { 600 };
        if self.seed.percent(50) {
            let mut body = json!({ "agent_id": agent, "lease_s": lease_s });
            if self.seed.percent(25) {
                body["where"] = json!("priority >= $1");
                body["params"] = json!([self.seed.int(-5..3)]);
            }
            if self.seed.percent(15) {
                body["limit"] = json!(3);
            }
            let own = self.sessions.iter().rfind(|(_, of)| *of == agent).map(|(id, _)| id.clone());
            if let Some(id) = own.filter(|_| self.seed.percent(80)) {
                body["session_id"] = json!(id);
            }
            let answer = self.post("/tasks/claim", body).await;
            if !answer.ok() {
                return;
            }
            let data = answer.data();
            let one = [data.clone()];
            for claim in data["claims"].as_array().map_or(&one[..], Vec::as_slice) {
                if !claim.is_null() {
                    self.hold(
                        &claim["task"]["id"],
                        &claim["lease"]["id"],
                        &claim["lease"]["fence"],
                        &claim["run_id"],
                    );
                }
            }
        } else {
            let where_ = if self.seed.percent(25) { " WHERE labels ⊇ {rust}" } else { "" };
            let pql = format!("CLAIM next_task FOR '{agent}'{where_} LEASE {lease_s}s");
            let answer = self.post("/query", json!({ "pql": pql })).await;
            if answer.ok() {
                for row in answer.rows().rows {
                    self.hold(&row["id"], &row["lease_id"], &row["fence"], &Value::Null);
                }
            }
        }
    }

    fn hold(&mut self, task: &Value, lease: &Value, fence: &Value, run: &Value) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (task, lease) = text(task).zip(text(lease)).expect("a claim names the task and the lease");
        self.held.push(Held { task, lease, fence: fence.clone(), run: text(run) });
    }

    /// A lease: mostly one that was not used up.
    fn pick_held(&mut self, keep: bool) -> Held {
        if self.held.is_empty() || self.seed.percent(4) {
            return Held { task: self.task(), lease: "no-such-lease".into(), fence: json!(1), run: None };
        }
        let index = self.seed.below(0..self.held.len());
        if keep || self.seed.percent(10) { self.held[index].clone() } else { self.held.swap_remove(index) }
    }

    async fn end(&mut self, how: &str) {
        let held = self.pick_held(false);
        let mut body = match how {
            "complete" => json!({ "output": { "lines": self.made }, "cost": 0.25, "tokens": 1_200 }),
            "fail" => {
                let mut body = json!({ "class": self.word(FAILURES), "message": "it did not work" });
                if self.seed.percent(30) {
                    body["retry_after_s"] = json!(3_600);
                }
                body
            }
            _ => json!({ "note": "half of it is done" }),
        };
        if self.seed.percent(90) {
            body["lease_id"] = json!(held.lease);
        }
        self.post(&format!("/tasks/{}/{how}", held.task), body).await;
    }

    async fn lease(&mut self) {
        match self.seed.below(0..10) {
            0..4 => {
                let held = self.pick_held(true);
                let answer = self
                    .client
                    .patch(&format!("/leases/{}/renew", held.lease), json!({ "ttl_s": 900 }))
                    .await;
                self.note(&answer);
            }
            4 => {
                let (held, agent) = (self.pick_held(true), self.agent());
                let body = json!({ "agent_id": agent });
                let answer = self.post(&format!("/leases/{}/transfer", held.lease), body).await;
                if answer.ok() {
                    let data = answer.data();
                    self.hold(&json!(held.task), &data["id"], &data["fence"], &Value::Null);
                }
            }
            5 => {
                let held = self.pick_held(false);
                let answer = self.client.delete(&format!("/leases/{}", held.lease)).await;
                self.note(&answer);
            }
            _ => {
                let (task, agent) = (self.task(), self.agent());
                let ttl = if self.seed.percent(30) { SHORT_LEASE_S } else { 600 };
                let body = json!({ "task_id": task, "agent_id": agent, "ttl_s": ttl });
                let answer = self.post("/leases", body).await;
                if answer.ok() {
                    let data = answer.data();
                    self.hold(&json!(task), &data["id"], &data["fence"], &Value::Null);
                }
            }
        }
    }

    async fn session(&mut self) {
        let known = self.seed.pick(&self.sessions).cloned();
        match (self.seed.below(0..10), known) {
            (0..4, Some((id, _))) => {
                let mut body = json!({});
                if self.seed.percent(30) {
                    body["leases"] = json!([self.pick_held(true).lease]);
                }
                self.post(&format!("/sessions/{id}/heartbeat"), body).await;
            }
            (4, Some((id, _))) => drop(self.post(&format!("/sessions/{id}/end"), json!({})).await),
            _ => {
                let (id, agent) = (self.name("session"), self.agent());
                let body = json!({ "id": id, "agent_id": agent, "metadata": { "n": self.made } });
                if self.post("/sessions/start", body).await.ok() {
                    self.sessions.push((id, agent));
                }
            }
        }
    }

    /// What entitles to write to a task: its lease, its version, an override, or nothing.
    async fn guard(&mut self, task: &str, body: &mut Value) {
        let held = self.held.iter().find(|held| held.task == task).cloned();
        match (self.seed.below(0..10), held) {
            (0..6, Some(held)) => {
                body["lease_id"] = json!(held.lease);
                body["fence"] = held.fence;
            }
            (0..6, None) => {
                let answer = self.client.get(&format!("/tasks/{task}")).await;
                self.note(&answer);
                body["expected_version"] =
                    if answer.ok() { answer.data()["version"].clone() } else { json!(1) };
            }
            (6, _) => body["expected_version"] = json!(1),
            (7 | 8, _) => body["override"] = json!(true),
            _ => {}
        }
    }

    async fn update(&mut self) {
        let task = self.task();
        let mut body = json!({});
        for _ in 0..self.seed.below(1..4) {
            match self.seed.below(0..9) {
                0 => body["title"] = json!(self.word(TITLES)),
                1 => body["intent"] = Value::Null,
                2 => body["priority"] = json!(self.seed.int(-5..6)),
                3 => body["caps"] = json!(self.caps(5)),
                4 => body["labels"] = json!(self.caps(3)),
                5 => body["class"] = json!(self.word(CLASSES)),
                6 => body["parent_id"] = if self.seed.percent(30) { Value::Null } else { json!(self.task()) },
                7 => body["project_id"] = if self.seed.percent(30) { Value::Null } else { json!("p2") },
                _ => body["metadata"] = json!({ "changed": self.made }),
            }
        }
        self.guard(&task, &mut body).await;
        let answer = self.client.patch(&format!("/tasks/{task}"), body).await;
        self.note(&answer);
    }

    async fn transition(&mut self) {
        let task = if self.held.is_empty() || self.seed.percent(50) {
            self.task()
        } else {
            self.pick_held(true).task
        };
        let mut body = json!({ "status": self.word(STATUSES), "reason": "because" });
        if body["status"] == "blocked" && self.seed.percent(60) {
            body["blocked_by"] = json!([self.task()]);
        }
        self.guard(&task, &mut body).await;
        self.post(&format!("/tasks/{task}/transition"), body).await;
    }

    async fn relate(&mut self) {
        if !self.relationships.is_empty() && self.seed.percent(30) {
            let index = self.seed.below(0..self.relationships.len());
            let id = self.relationships.swap_remove(index);
            let answer = self.client.delete(&format!("/relationships/{id}")).await;
            self.note(&answer);
            return;
        }
        let body = json!({
            "from_task_id": self.task(),
            "to_task_id": self.task(),
            "type": self.word(RELATIONSHIPS),
            "metadata": { "why": "it is so" },
        });
        let answer = self.post("/relationships", body).await;
        if answer.ok() {
            self.relationships.push(answer.data()["id"].as_str().expect("it has an id").to_owned());
        }
    }

    async fn tell(&mut self) {
        if self.seed.percent(55) {
            let mut body =
                json!({ "task_id": self.task(), "type": self.word(CONTEXTS), "content": "worth knowing" });
            if !self.contexts.is_empty() && self.seed.percent(30) {
                let contexts = std::mem::take(&mut self.contexts);
                body["supersedes"] = json!(self.one_of(&contexts));
                self.contexts = contexts;
            }
            let answer = self.post("/contexts", body).await;
            if answer.ok() {
                self.contexts.push(answer.data()["id"].as_str().expect("it has an id").to_owned());
            }
        } else if self.items.is_empty() || self.seed.percent(50) {
            let task = if self.held.is_empty() { self.task() } else { self.pick_held(true).task };
            let mut body = json!({ "task_id": task, "items": ["step one", "step two"] });
            self.guard(&task, &mut body).await;
            let answer = self.post("/progress_items", body).await;
            if answer.ok() {
                let rows = self.client.query("SELECT id FROM progress_items").await;
                self.items = rows.texts("id");
            }
        } else {
            let items = std::mem::take(&mut self.items);
            let id = self.one_of(&items);
            self.items = items;
            let body = json!({ "completed": self.seed.percent(80), "override": true });
            let answer = self.client.patch(&format!("/progress_items/{id}"), body).await;
            self.note(&answer);
        }
    }

    async fn shelve(&mut self) {
        let how = if self.seed.percent(65) { "archive" } else { "restore" };
        let finals = self
            .client
            .query("SELECT id FROM tasks WHERE status IN ('completed', 'cancelled') ORDER BY id")
            .await
            .texts("id");
        let task = if self.seed.percent(80) { self.one_of(&finals) } else { self.task() };
        self.post(&format!("/tasks/{task}/{how}"), json!({})).await;
    }

    async fn log(&mut self) {
        if self.seed.percent(50) {
            let held = self.pick_held(true);
            let run = held.run.unwrap_or_else(|| "no-such-run".into());
            let events =
                json!([{ "type": "ToolInvoked", "data": { "tool": "cargo", "duration_ms": 5, "ok": true } }]);
            self.post(&format!("/runs/{run}/events"), json!({ "lease_id": held.lease, "events": events }))
                .await;
        } else {
            let stream = self.word(&["ci", "chat", "task-1"]);
            let event =
                json!({ "type": "Said", "data": { "text": "héllo", "n": self.made }, "tags": ["room:1"] });
            let append = json!({ "stream": stream, "expected_revision": "any", "events": [event] });
            self.post("/append", json!({ "appends": [append] })).await;
        }
    }

    async fn batch(&mut self) {
        let atomic = self.seed.percent(50);
        let first = self.new_task();
        let ops = json!([
            { "op": "create_task", "data": first, "ref": "a" },
            { "op": "add_context", "data": { "task_id": "$a", "type": "note", "content": "from a batch" } },
            { "op": "add_relationship", "data": { "from_task_id": "$a", "to_task_id": self.task(), "type": "blocks" } },
        ]);
        let answer = self.post("/batch", json!({ "ops": ops, "atomic": atomic })).await;
        if answer.ok() {
            let data = answer.data();
            if let Some(id) = data["results"][0]["data"]["id"].as_str() {
                self.tasks.push(id.to_owned());
            }
        }
    }

    async fn nonsense(&mut self) {
        let (path, body) = match self.seed.below(0..5) {
            0 => ("/tasks", json!({ "title": "" })),
            1 => ("/tasks", json!({ "title": "x", "priority": 99, "colour": "red" })),
            2 => ("/tasks/claim", json!({})),
            3 => ("/relationships", json!({ "from_task_id": "a", "to_task_id": "b", "type": "loves" })),
            _ => ("/agents/register", json!({ "id": "has blanks", "name": 7 })),
        };
        let answer = self.post(path, body).await;
        assert!(!answer.ok(), "{} should be refused", answer.request);
    }
}

/// The ids of a world's agents, for questions that name one.
#[must_use]
pub fn agents_of(world: &World) -> Vec<String> {
    world.stored("agents").map(|(id, _)| id.to_owned()).collect()
}
