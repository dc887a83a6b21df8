//! The same story as `story_cli`, told over HTTP alone: sessions with heartbeats, claims that wait, a batch, requests
//! that are made again, an executor that is never heard of again, a reviewer who reads what came of it.

use agentpm_tests::{Answer, Client, Server};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// A story of a debug build on a busy machine has ended by then.
const STORY_LIMIT: Duration = Duration::from_secs(120);

/// How long a claim waits for work.
const WAIT_MS: u64 = 20_000;

/// One who works.
#[derive(Clone)]
struct Agent {
    id: &'static str,
    client: Client,
    session: String,
}

/// A task that somebody has.
#[derive(Debug, Clone)]
struct Work {
    id: String,
    title: String,
    lease: String,
    fence: u64,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}")).to_owned()
}

impl Agent {
    async fn arrive(client: &Client, id: &'static str, role: &str, caps: &[&str]) -> Self {
        let mut agent = Self { id, client: client.clone(), session: String::new() };
        agent
            .post("/agents/register", json!({ "id": id, "name": id, "role": role, "caps": caps }))
            .await
            .data();
        agent.session = text(&agent.post("/sessions/start", json!({ "agent_id": id })).await.data()["id"]);
        agent
    }

    /// Says who asks, and in which session.
    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, body, None).await
    }

    async fn send(&self, method: &str, path: &str, body: Value, key: Option<&str>) -> Answer {
        let mut request = self.client.request(method, path).header("agentpm-agent", self.id).json(&body);
        if !self.session.is_empty() {
            request = request.header("agentpm-session", &self.session);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.client.send(request).await
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(path).await.data()
    }

    async fn rows(&self, pql: &str) -> Vec<Value> {
        let answer = self.post("/query", json!({ "pql": pql })).await.data();
        answer["rows"].as_array().unwrap().clone()
    }

    /// Takes work as soon as there is some.
    async fn claim(&self, lease_s: f64, wait_ms: u64) -> Option<Work> {
        let claim = json!({ "agent_id": self.id, "session_id": self.session, "lease_s": lease_s, "wait_ms": wait_ms });
        let claim = self.post("/tasks/claim", claim).await.data();
        (!claim.is_null()).then(|| Work {
            id: text(&claim["task"]["id"]),
            title: text(&claim["task"]["title"]),
            lease: text(&claim["lease"]["id"]),
            fence: claim["lease"]["fence"].as_u64().unwrap(),
        })
    }

    async fn beat(&self, body: Value) -> Value {
        self.post(&format!("/sessions/{}/heartbeat", self.session), body).await.data()
    }

    /// Does a task as it should be done: the completion is sent twice, as by somebody whom no answer reached.
    async fn carry_out(&self, work: &Work) {
        let brief = self.get(&format!("/tasks/{}/brief?max_tokens=1500", work.id)).await;
        assert_eq!(
            (&brief["task"]["title"], &brief["leases"][0]["fence"]),
            (&json!(work.title), &json!(work.fence))
        );
        let steps = json!({ "task_id": work.id, "items": ["do it"], "lease_id": work.lease });
        let steps = self.post("/progress_items", steps).await.data();
        let beat = json!({ "leases": [work.lease], "progress": [{ "id": steps["progress_items"][0]["id"], "completed": true }] });
        let beat = self.beat(beat).await;
        assert_eq!(
            (&beat["directive"], &beat["leases"][0]["directive"]),
            (&json!("continue"), &json!("continue"))
        );
        let outcome = format!("{} did {}", self.id, work.title);
        self.post("/contexts", json!({ "task_id": work.id, "type": "outcome", "content": outcome }))
            .await
            .data();
        let done =
            json!({ "lease_id": work.lease, "fence": work.fence, "output": { "ok": true }, "tokens": 900 });
        let path = format!("/tasks/{}/complete", work.id);
        let key = format!("complete {}", work.lease);
        let first = self.send("POST", &path, done.clone(), Some(&key)).await.data();
        assert_eq!(first["status"], "completed");
        let again = self.send("POST", &path, done, Some(&key)).await.data();
        assert_eq!(again, first, "made again, it is answered again");
    }
}

/// A whole of five parts, in one batch; gives the whole's id.
async fn plan(planner: &Agent) -> String {
    let part = |title: &str, priority: i64, blocked_by: Value| {
        let data = json!({
            "title": title, "caps": ["rust"], "parent_id": "$whole", "priority": priority, "blocked_by": blocked_by,
        });
        json!({ "op": "create_task", "ref": title, "data": data })
    };
    let batch = json!({ "atomic": true, "ops": [
        { "op": "create_task", "ref": "whole", "data": { "title": "A parser", "caps": ["planning"] } },
        part("lexer", 3, json!([])),
        part("pages", 3, json!([])),
        part("grammar", 2, json!([])),
        part("tree", 0, json!(["$grammar", "$lexer"])),
        part("flaky", 0, json!([])),
    ]});
    let first = planner.send("POST", "/batch", batch.clone(), Some("the plan")).await.data();
    let again = planner.send("POST", "/batch", batch, Some("the plan")).await.data();
    assert_eq!(first, again, "the plan is made once");
    let results = first["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["ok"] == true), "{first}");
    assert_eq!(planner.get("/tasks?status=blocked").await["tasks"][0]["title"], "tree");
    text(&results[0]["data"]["id"])
}

/// Works until nothing of the plan is left to do.
async fn work(executor: &Agent, whole: &str) {
    loop {
        let Some(work) = executor.claim(600.0, 1_000).await else {
            let left =
                executor.get(&format!("/tasks?parent_id={whole}&status=open,in_progress,blocked")).await;
            if left["total"] == 0 {
                return;
            }
            continue;
        };
        let failed = executor.get(&format!("/runs?task_id={}&status=failed", work.id)).await;
        if work.title == "flaky" && failed["total"] == 0 {
            let fail = json!({ "lease_id": work.lease, "class": "transient", "message": "no net", "retry_after_s": 0.2 });
            executor.post(&format!("/tasks/{}/fail", work.id), fail).await.data();
        } else {
            executor.carry_out(&work).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_execute_report_review() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    timeout(STORY_LIMIT, story(server.client())).await.expect("the story comes to its end");
}

async fn story(client: Client) {
    let planner = Agent::arrive(&client, "paula", "planner", &["planning"]).await;
    let ada = Agent::arrive(&client, "ada", "executor", &["rust"]).await;
    let bob = Agent::arrive(&client, "bob", "executor", &["rust", "sql"]).await;

    // Both wait for work before there is any.
    let (bob_took_two, told) = oneshot::channel();
    let first_of_ada = tokio::spawn({
        let ada = ada.clone();
        async move { ada.claim(600.0, WAIT_MS).await.expect("work comes") }
    });
    let bob_works = tokio::spawn({
        let bob = bob.clone();
        async move {
            let first = bob.claim(600.0, WAIT_MS).await.expect("work comes");
            // He takes more, for a moment, does the first, and is never heard of again.
            let second = bob.claim(1.0, WAIT_MS).await.expect("there is more");
            bob_took_two.send(()).unwrap();
            bob.carry_out(&first).await;
            second
        }
    });
    let whole = plan(&planner).await;
    let first = first_of_ada.await.unwrap();
    told.await.unwrap();
    ada.carry_out(&first).await;
    work(&ada, &whole).await;
    let abandoned = bob_works.await.unwrap();

    // The dead one's lease is over, and somebody else's run completed the task.
    let late = json!({ "lease_id": abandoned.lease, "items": ["go on"], "task_id": abandoned.id });
    let late = bob.post("/progress_items", late).await;
    assert_eq!((late.status, late.code()), (423, "ERR_LEASE_EXPIRED"));
    let beat = bob.beat(json!({ "leases": [abandoned.lease] })).await;
    assert_eq!(beat["directive"], "cancel", "a heartbeat says so too: {beat}");

    review(&client, &whole, &abandoned).await;

    let last = planner.claim(60.0, WAIT_MS).await.expect("the whole is left");
    assert_eq!(last.id, whole);
    planner.carry_out(&last).await;
    for agent in [&planner, &ada, &bob] {
        let ended = agent.post(&format!("/sessions/{}/end", agent.session), json!({})).await.data();
        assert_eq!(ended["status"], "closed");
    }
    let left = planner.rows("SELECT id FROM tasks WHERE status != 'completed'").await;
    assert_eq!(left, Vec::<Value>::new(), "all of it is done");
    assert_eq!(planner.rows("SELECT id FROM leases WHERE status = 'active'").await, Vec::<Value>::new());
}

/// The reviewer reads, judges, asks for one thing more and does it.
async fn review(client: &Client, whole: &str, abandoned: &Work) {
    let reviewer = Agent::arrive(client, "rita", "reviewer", &["review"]).await;
    let brief = reviewer.get(&format!("/tasks/{whole}/brief")).await;
    assert_eq!(brief["children"].as_array().unwrap().len(), 5);
    assert_eq!(brief["task"]["child_done_count"], 5);
    let history = reviewer.get(&format!("/tasks/{}/history", abandoned.id)).await;
    let types: Vec<_> =
        history["events"].as_array().unwrap().iter().map(|event| text(&event["type"])).collect();
    let at = |kind: &str| {
        types.iter().position(|other| other == kind).unwrap_or_else(|| panic!("{kind}: {types:?}"))
    };
    assert!(at("LeaseExpired") < at("RunCompleted"), "{types:?}");
    let of_bob = reviewer.get(&format!("/tasks/{}/history?agent_id=bob&type=RunStarted", abandoned.id)).await;
    assert_eq!(of_bob["total"], 1, "{of_bob}");
    let runs = reviewer.get(&format!("/runs?task_id={}", abandoned.id)).await;
    let how: Vec<_> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (text(&run["agent_id"]), text(&run["status"])))
        .collect();
    assert!(
        how.contains(&("bob".into(), "expired".into())) && how.contains(&("ada".into(), "completed".into())),
        "{how:?}"
    );
    assert_eq!(
        reviewer.rows("SELECT count(*) AS n FROM events WHERE type = 'RunFailed'").await,
        [json!({ "n": 1 })]
    );
    let spent = reviewer.rows("SELECT sum(tokens) AS n FROM runs WHERE status = 'completed'").await;
    assert_eq!(spent, [json!({ "n": 4_500 })]);

    let judged = json!({ "task_id": whole, "type": "decision", "content": "good, but for the errors" });
    let judged = reviewer.post("/contexts", judged).await.data();
    let better = json!({ "task_id": whole, "type": "decision", "content": "good, but for two errors", "supersedes": judged["id"] });
    reviewer.post("/contexts", better).await.data();
    let follow_up =
        json!({ "title": "errors that teach", "caps": ["review"], "parent_id": whole, "blocks": [whole] });
    let follow_up = text(&reviewer.post("/tasks", follow_up).await.data()["id"]);
    assert_eq!(reviewer.get(&format!("/tasks/{whole}")).await["status"], "blocked", "the whole waits for it");
    let work = reviewer.claim(60.0, WAIT_MS).await.expect("it is offered");
    assert_eq!(work.id, follow_up);
    reviewer.carry_out(&work).await;
    let brief = reviewer.get(&format!("/tasks/{whole}/brief")).await;
    assert_eq!((&brief["task"]["status"], brief["context"].as_array().unwrap().len()), (&json!("open"), 1));
}
