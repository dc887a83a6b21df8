//! A hundred agents at a few tasks, with clients that give up in the middle of a call, a server that is killed, and
//! leases that run out: claims, versions and keys are linearizable.

use agentpm_tests::history::{Fault, Kind, Op, Told, check, plant};
use agentpm_tests::{Answer, Client, Seed, Server, full, size, time, wait};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::RwLock;

const AGENTS: usize = 100;
const TASKS: usize = 50;
/// Attempts at a call with a key before its client gives up: the server is away for a moment when it is killed.
const ATTEMPTS_MAX: usize = 200;

/// What the agents share.
struct Arena {
    /// The server's address changes when it is started again.
    tcp: RwLock<Client>,
    unix: Client,
    /// The greatest position that anybody was told.
    known: AtomicU64,
    /// Of each agent, by number, the tasks and leases that others handed over to it and it has not heard of yet.
    handed: Vec<Mutex<Vec<(String, String)>>>,
    over: AtomicBool,
}

/// One agent.
struct Agent {
    arena: Arc<Arena>,
    number: usize,
    name: String,
    by_tcp: bool,
    seed: Seed,
    /// Tasks and leases that it holds, or held.
    held: Vec<(String, String)>,
    /// Those that it knows and lets run out, handed over, or were never its own.
    dead: Vec<(String, String)>,
    ops: Vec<Op>,
}

/// A call: what is asked, how, and what it is in the history.
struct Call {
    kind: Kind,
    method: &'static str,
    path: String,
    body: Value,
    /// Whether it has a key, and so may be sent again.
    keyed: bool,
}

impl Agent {
    async fn client(&self) -> Client {
        if self.by_tcp { self.arena.tcp.read().await.clone() } else { self.arena.unix.clone() }
    }

    /// Works until it is over, and gives what it did.
    async fn work(mut self) -> Vec<Op> {
        while !self.arena.over.load(SeqCst) {
            let handed = std::mem::take(&mut *self.arena.handed[self.number].lock().unwrap());
            self.held.extend(handed);
            let call = self.next().await;
            let Some(call) = call else { continue };
            self.make(call).await;
        }
        self.ops
    }

    fn task(&mut self) -> String {
        format!("t{}", self.seed.below(0..TASKS))
    }

    /// What to do next.
    async fn next(&mut self) -> Option<Call> {
        let held = (!self.held.is_empty()).then(|| self.seed.below(0..self.held.len()));
        let call = |kind, method, path: String, body| Call { kind, method, path, body, keyed: false };
        match (self.seed.below(0..100), held) {
            (0..30, _) | (_, None) if self.held.len() < 3 && self.seed.percent(60) => {
                let lease_s = 1 + self.seed.below(0..2);
                let body = json!({ "agent_id": self.name, "lease_s": lease_s });
                let claim = call(Kind::Claim, "POST", "/tasks/claim".into(), body);
                Some(Call { keyed: self.seed.percent(40), ..claim })
            }
            // A holder that is never heard of again.
            (30..36, Some(at)) => {
                let lost = self.held.swap_remove(at);
                self.dead.push(lost);
                None
            }
            (36..76, Some(at)) => {
                let (task, lease) = self.held[at].clone();
                Some(self.write(task, lease))
            }
            (76..80, _) if !self.dead.is_empty() => {
                let at = self.seed.below(0..self.dead.len());
                let (task, lease) = self.dead[at].clone();
                Some(self.write(task, lease))
            }
            (80..90, _) => {
                let task = self.task();
                let kind = Kind::Added { task: task.clone() };
                let body = json!({ "task_id": task, "type": "note", "content": "seen" });
                Some(Call { keyed: true, ..call(kind, "POST", "/contexts".into(), body) })
            }
            _ => {
                // As it was a moment ago, and may be no longer.
                let task = self.task();
                let client = self.client().await;
                let seen = client.try_send(client.request("GET", &format!("/tasks/{task}"))).await?;
                let version = seen.body["data"]["version"].as_u64()?;
                let guard = json!({ "expected_version": version });
                Some(match seen.body["data"]["status"].as_str()? {
                    "blocked" => {
                        let kind = Kind::Seen { task: task.clone(), version, from: &["blocked"] };
                        let body = with(guard, &json!({ "status": "open" }));
                        call(kind, "POST", format!("/tasks/{task}/transition"), body)
                    }
                    _ => {
                        let from = &["open", "blocked", "in_progress"];
                        let kind = Kind::Seen { task: task.clone(), version, from };
                        let title = format!("seen by {} {}", self.name, self.ops.len());
                        let body = with(guard, &json!({ "title": title }));
                        call(kind, "PATCH", format!("/tasks/{task}"), body)
                    }
                })
            }
        }
    }

    /// Something that only the holder may do.
    fn write(&mut self, task: String, lease: String) -> Call {
        let guard = json!({ "lease_id": lease });
        let (method, path, body) = match self.seed.below(0..11) {
            0..4 => {
                // Of another value than before, or there would be nothing to write.
                let title = format!("by {} {}", self.name, self.ops.len());
                ("PATCH", format!("/tasks/{task}"), with(guard, &json!({ "title": title })))
            }
            4 => ("PATCH", format!("/leases/{lease}/renew"), json!({ "ttl_s": 2 })),
            5 => {
                let items = json!({ "task_id": task, "items": ["one", "two"] });
                ("POST", "/progress_items".to_owned(), with(guard, &items))
            }
            6 => {
                let body = json!({ "status": "blocked", "reason": "waiting" });
                ("POST", format!("/tasks/{task}/transition"), with(guard, &body))
            }
            7 => {
                let body = json!({ "class": "transient", "message": "again", "retry_after_s": 0.05 });
                ("POST", format!("/tasks/{task}/fail"), with(guard, &body))
            }
            8..10 => {
                let to = (self.number + 1 + self.seed.below(0..AGENTS - 1)) % AGENTS;
                ("POST", format!("/leases/{lease}/transfer"), json!({ "agent_id": format!("a{to}") }))
            }
            _ => ("POST", format!("/tasks/{task}/release"), guard),
        };
        Call { kind: Kind::Held { task, lease }, method, path, body, keyed: self.seed.percent(30) }
    }

    /// Makes a call, and remembers what came of it.
    async fn make(&mut self, call: Call) {
        let id = format!("{}-{}", self.name, self.ops.len());
        let known = self.arena.known.load(SeqCst);
        let sent = time::now();
        let mut answers = Vec::new();
        // With a key it is made until it is known what came of it; sometimes once more, which changes nothing.
        let attempts = if call.keyed { ATTEMPTS_MAX } else { 1 };
        for _ in 0..attempts {
            let client = self.client().await;
            let request = self.request(&client, &id, &call);
            let answer = self.send(&client, request).await;
            if let Some(answer) = &answer {
                self.arena.known.fetch_max(answer.position(), SeqCst);
                answers.push(told(answer));
            }
            let is_known = answer.is_some_and(|answer| answer.status != 503);
            if is_known && !self.seed.percent(30) {
                break;
            }
            if !is_known {
                tokio::task::yield_now().await;
            }
        }
        if call.kind == Kind::Claim {
            let taken = answers.iter().find(|told| told.ok() && !told.data.is_null());
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let pair = taken
                .and_then(|told| Some((text(&told.data["task"]["id"])?, text(&told.data["lease"]["id"])?)));
            self.held.extend(pair);
        } else if let Kind::Held { task, lease } = &call.kind {
            let lease = lease.clone();
            let ends =
                ["/release", "/fail", "/transition", "/transfer"].iter().any(|end| call.path.ends_with(end));
            let handed = answers.iter().find(|told| told.ok() && call.path.ends_with("/transfer"));
            if let Some(theirs) = handed.and_then(|told| told.data["id"].as_str()) {
                let to = call.body["agent_id"].as_str().unwrap()[1..].parse::<usize>().unwrap();
                let theirs = (task.clone(), theirs.to_owned());
                self.arena.handed[to].lock().unwrap().push(theirs.clone());
                // It knows both ids, and neither is good for it any more.
                self.dead.extend([(task.clone(), lease.clone()), theirs]);
            }
            let is_over = answers.iter().any(|told| told.status == 423) || ends;
            self.held.retain(|(_, held)| !is_over || *held != lease);
        }
        let op = Op { id, agent: self.name.clone(), kind: call.kind, sent, got: time::now(), known, answers };
        self.ops.push(op);
    }

    fn request(&self, client: &Client, id: &str, call: &Call) -> RequestBuilder {
        let request = client
            .request(call.method, &call.path)
            .header("agentpm-agent", &self.name)
            .header("agentpm-correlation-id", id)
            .json(&call.body);
        if call.keyed { request.header("idempotency-key", id) } else { request }
    }

    /// Sends it; some clients go away before they have their answer.
    async fn send(&mut self, client: &Client, request: RequestBuilder) -> Option<Answer> {
        match self.seed.percent(5) {
            false => client.try_send(request).await,
            true => {
                let patience = Duration::from_micros(self.seed.below(0..6_000) as u64);
                tokio::time::timeout(patience, client.try_send(request)).await.ok().flatten()
            }
        }
    }
}

fn with(mut body: Value, more: &Value) -> Value {
    let members = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(members);
    body
}

fn told(answer: &Answer) -> Told {
    Told {
        status: answer.status,
        position: answer.position(),
        data: answer.body["data"].clone(),
        code: answer.body["error"]["code"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Lets the race go on: it has a length.
async fn go_on_until(end: tokio::time::Instant) {
    let is_over = || async { (tokio::time::Instant::now() >= end).then_some(()) };
    wait::until("the end of the race", Duration::from_secs(3_600), is_over).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hundred_agents_saw_is_what_the_log_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut seed = Seed::new();
    let mut server = Server::start(dir.path());
    let client = server.client();
    for n in 0..TASKS {
        client
            .post("/tasks", json!({ "id": format!("t{n}"), "title": "t", "max_attempts": 100 }))
            .await
            .data();
    }
    for n in 0..AGENTS {
        client.post("/agents/register", json!({ "id": format!("a{n}"), "name": "a" })).await.data();
    }
    let arena = Arc::new(Arena {
        unix: server.unix_client(),
        tcp: RwLock::new(client),
        known: AtomicU64::new(0),
        handed: (0..AGENTS).map(|_| Mutex::default()).collect(),
        over: AtomicBool::new(false),
    });
    let agents: Vec<_> = (0..AGENTS)
        .map(|n| {
            let agent = Agent {
                arena: Arc::clone(&arena),
                number: n,
                name: format!("a{n}"),
                by_tcp: n % 2 == 0,
                seed: seed.fork(n as u64),
                held: Vec::new(),
                dead: Vec::new(),
                ops: Vec::new(),
            };
            tokio::spawn(agent.work())
        })
        .collect();
    let seconds = size("AGENTPM_RACE_S", if full() { 30 } else { 5 });
    let kills = size("AGENTPM_RACE_KILLS", if full() { 5 } else { 2 });
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds as u64);
    for kill in (1..=kills as u32).rev() {
        let left = end.saturating_duration_since(tokio::time::Instant::now());
        let until = left / (kill + 1) + Duration::from_millis(seed.below(0..200) as u64);
        go_on_until(tokio::time::Instant::now() + until).await;
        server.kill9();
        server = server.restart();
        *arena.tcp.write().await = server.client();
    }
    go_on_until(end).await;
    arena.over.store(true, SeqCst);
    let mut ops = Vec::new();
    for agent in agents {
        ops.extend(agent.await.unwrap());
    }
    let events = server.client().events().await;
    let count = |what: &dyn Fn(&Op) -> bool| ops.iter().filter(|op| what(op)).count();
    let done = count(&|op| op.answers.iter().any(|told| told.ok() && !told.data.is_null()));
    let refused = count(&|op| op.answers.iter().any(|told| [409, 423].contains(&told.status)));
    let nothing = count(&|op| op.answers.iter().any(|told| told.ok() && told.data.is_null()));
    let unknown = count(&|op| op.answers.is_empty());
    println!(
        "{} operations in {seconds} s: {done} done, {refused} refused, {nothing} claims that found nothing, {unknown} unknown; {} events",
        ops.len(),
        events.len()
    );
    let handed = events.iter().filter(|event| event["type"] == "LeaseTransferred").count();
    assert!(handed > 2, "{handed} tasks were handed over");
    let wrong = check(&events, &ops);
    assert!(wrong.is_empty(), "{} violations:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    for count in [done, refused, nothing, unknown] {
        assert!(count > 10, "the race shows too little");
    }
    for fault in Fault::ALL {
        let (mut events, mut ops) = (events.clone(), ops.clone());
        plant(*fault, &mut events, &mut ops);
        assert!(!check(&events, &ops).is_empty(), "{fault:?} is not seen");
    }
}
