//! A server with something for each call to be about.

use agentpm_tests::contract::Operation;
use agentpm_tests::{Client, Server};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) struct Stage {
    pub(crate) client: Client,
    made: AtomicUsize,
    _server: Server,
    _dir: tempfile::TempDir,
}

impl Stage {
    /// A server with the agents `ada`, `bob` and `eve` and the tasks `t1` and `t2`, which the examples name.
    pub(crate) async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path());
        // Over it events may be pushed.
        let client = Client::unix(&server.socket_path());
        for (id, caps) in [("ada", json!(["rust"])), ("bob", json!([])), ("eve", json!([]))] {
            let agent = json!({ "id": id, "name": id, "role": "executor", "caps": caps });
            client.post("/agents/register", agent).await.data();
        }
        for id in ["t1", "t2"] {
            client.post("/tasks", json!({ "id": id, "title": id })).await.data();
        }
        Self { client, made: AtomicUsize::new(0), _server: server, _dir: dir }
    }

    fn fresh(&self) -> String {
        format!("made-{}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// A fresh task, open.
    pub(crate) async fn task(&self) -> String {
        let id = self.fresh();
        self.client.post("/tasks", json!({ "id": id, "title": id })).await.data();
        id
    }

    async fn made(&self, path: &str, body: Value) -> Value {
        self.client.post(path, body).await.data()
    }

    /// A lease of `ada` on a fresh task.
    async fn lease(&self) -> Value {
        let task = self.task().await;
        self.made("/leases", json!({ "task_id": task, "agent_id": "ada" })).await
    }

    /// A path of a call, about something that is there and fresh.
    pub(crate) async fn path(&self, operation: &Operation) -> String {
        let template = &*operation.template;
        if !template.contains('{') {
            return template.to_owned();
        }
        let needs_lease = operation.says["requestBody"].to_string().contains("$lease");
        let id = match template.split('/').nth(1) {
            Some("tasks") if needs_lease => text(&self.lease().await["task_id"]),
            Some("tasks") => self.task().await,
            Some("agents") => "ada".to_owned(),
            Some("leases") => text(&self.lease().await["id"]),
            Some("runs") => {
                let task = text(&self.lease().await["task_id"]);
                let runs = self.client.get(&format!("/runs?task_id={task}")).await.data();
                text(&runs["runs"][0]["id"])
            }
            Some("relationships") => {
                let (from, to) = (self.task().await, self.task().await);
                let edge = json!({ "from_task_id": from, "to_task_id": to, "type": "relates_to" });
                text(&self.made("/relationships", edge).await["id"])
            }
            Some("progress_items") => {
                let items = json!({ "task_id": self.task().await, "items": ["one"], "override": true });
                text(&self.made("/progress_items", items).await["progress_items"][0]["id"])
            }
            Some("sessions") => {
                let session = text(&self.made("/sessions/start", json!({ "agent_id": "ada" })).await["id"]);
                let holds_t1 = operation.says["requestBody"].to_string().contains("\"t1\"");
                if holds_t1 {
                    let lease = json!({ "task_id": "t1", "agent_id": "ada", "session_id": session });
                    // Where a request was refused before, the session before holds it.
                    let held = self.client.post("/leases", lease).await;
                    assert!(held.ok() || held.status == 409, "{}", held.body);
                }
                session
            }
            // Making one takes a name that is free.
            Some("subscriptions") if operation.method == "PUT" => self.fresh(),
            Some("subscriptions") => {
                let (name, body) = (self.fresh(), json!({ "pql": "SUBSCRIBE events", "from": "start" }));
                self.client.call("PUT", &format!("/subscriptions/{name}"), &body).await.data();
                name
            }
            Some("streams") => "orders-2".to_owned(),
            other => panic!("the stage has nothing for {other:?}: add it to tests/tests/openapi/stage.rs"),
        };
        let (before, rest) = template.split_once('{').unwrap();
        format!("{before}{id}{}", rest.split_once('}').unwrap().1)
    }

    /// An example with the lease that goes with the path instead of `$lease`, and events that a subscription delivered.
    pub(crate) async fn fill(&self, mut example: Value, path: &str) -> Value {
        if let Some(name) = path.strip_prefix("/subscriptions/")
            && let Some(ids) = example.get_mut("ids")
        {
            let name = name.split('/').next().unwrap();
            let given = self.made(&format!("/subscriptions/{name}/fetch"), json!({})).await;
            *ids = json!([given["events"][0]["id"]]);
        }
        if !example.to_string().contains("$lease") {
            return example;
        }
        let mut steps = path.split('/').skip(1);
        let lease = match (steps.next(), steps.next()) {
            (Some("tasks"), Some(task)) => {
                let task = self.client.get(&format!("/tasks/{task}?include=leases")).await.data();
                text(&task["leases"][0]["id"])
            }
            (Some("runs"), Some(run)) => {
                text(&self.client.get(&format!("/runs/{run}")).await.data()["lease_id"])
            }
            _ => text(&self.lease().await["id"]),
        };
        serde_json::from_str(&example.to_string().replace("$lease", &lease)).unwrap()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text was due, not {value}")).to_owned()
}
