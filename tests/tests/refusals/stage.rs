//! A server with a little work in every state, and the doors into it.

use crate::row::{Ask, Body, Door};
use agentpm_tests::{Client, Server, Socket, cli};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// Events of a type of their own: joined with themselves they are more rows than one document may have.
const EVENTS: usize = 400;

/// What came back.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The HTTP status; the exit code of a command; 0 of an error frame, which has none.
    pub(crate) status: u16,
    /// The envelope.
    pub(crate) body: Value,
    /// The headers, where there are any.
    pub(crate) headers: Option<HeaderMap>,
    /// What a command wrote on stderr.
    pub(crate) stderr: String,
}

/// The server, its doors, and the ids that it gave.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) tcp: Client,
    pub(crate) unix: Client,
    pub(crate) socket: Socket,
    /// Words that rows write for ids they cannot know, and the ids.
    names: Vec<(&'static str, String)>,
    dir: tempfile::TempDir,
}

impl Stage {
    /// Tasks: `t0`, parent of `t1` (open); `held` (in progress, `$lease`, `$run`); `done` (completed), `gone` (completed
    /// and archived), `stuck` (blocked by `t1`). An agent `a1`, a progress item `$item`, a relationship `$relationship`, a session `$session` of `a1` and one that is `over`.
    /// A durable subscription `filler`.
    pub(crate) async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (server, tcp) = agentpm_tests::fixture::small(&dir).await;
        let mut socket = server.connect().await;
        let task = |id: &str| json!({ "id": id, "title": id, "project_id": "p2" });
        for id in ["held", "done", "gone"] {
            tcp.post("/tasks", task(id)).await.data();
        }
        let mut stuck = task("stuck");
        stuck["blocked_by"] = json!(["t1"]);
        tcp.post("/tasks", stuck).await.data();
        let lease = |task: &str| json!({ "task_id": task, "agent_id": "a1", "ttl_s": 3600 });
        for id in ["done", "gone"] {
            let lease = tcp.post("/leases", lease(id)).await.data()["id"].clone();
            tcp.post(&format!("/tasks/{id}/complete"), json!({ "lease_id": lease })).await.data();
        }
        tcp.post("/tasks/gone/archive", json!({})).await.data();
        let held = tcp.post("/leases", lease("held")).await.data();
        let session = json!({ "agent_id": "a1" });
        let session = tcp.post("/sessions/start", session).await.data()["id"].clone();
        tcp.post("/sessions/start", json!({ "agent_id": "a1", "id": "over" })).await.data();
        tcp.post("/sessions/over/end", json!({})).await.data();
        let events: Vec<Value> =
            (0..EVENTS).map(|n| json!({ "type": "Filler", "data": { "n": n } })).collect();
        tcp.post("/append", json!({ "appends": [{ "stream": "filler", "events": events }] })).await.data();
        let subscription = json!({ "pql": "SUBSCRIBE events" });
        tcp.call("PUT", "/subscriptions/filler", &subscription).await.data();
        let one = async |pql: &str| tcp.query(pql).await.texts("id").remove(0);
        let names = vec![
            ("$lease", held["id"].as_str().unwrap().to_owned()),
            ("$session", session.as_str().unwrap().to_owned()),
            ("$run", one("SELECT id FROM runs WHERE task_id = 'held'").await),
            ("$item", one("SELECT id FROM progress_items WHERE task_id = 't1' LIMIT 1").await),
            ("$relationship", one("SELECT id FROM relationships WHERE type = 'parent_of'").await),
            ("$event", one("SELECT id FROM events WHERE position = 1").await),
        ];
        socket.send(json!({ "op": "ping" })).await;
        socket.expect("pong").await;
        let unix = server.unix_client();
        Self { server, tcp, unix, socket, names, dir }
    }

    /// The server, when the doors are no longer needed.
    pub(crate) fn leave(self) -> (Server, tempfile::TempDir) {
        (self.server, self.dir)
    }

    /// The position of the last event.
    pub(crate) async fn head(&self) -> u64 {
        self.unix.head().await
    }

    /// Puts ids in the place of the words for them.
    pub(crate) fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (word, id)| text.replace(word, id))
    }

    /// Sends it through one door.
    pub(crate) async fn ask(&mut self, ask: &Ask, door: Door) -> Seen {
        match ask {
            Ask::Call { method, path, headers, body, .. } => {
                let headers: Vec<_> =
                    headers.iter().map(|(name, value)| (*name, self.named(value))).collect();
                let path = self.named(path);
                let body = match body {
                    Body::Json(body) => {
                        let body = self.named(&body.to_string());
                        Body::Json(serde_json::from_str(&body).expect("ids need no escapes"))
                    }
                    other => other.clone(),
                };
                match door {
                    Door::Tcp => http(&self.tcp, method, &path, &headers, &body).await,
                    Door::Unix => http(&self.unix, method, &path, &headers, &body).await,
                    Door::Request => self.request(method, &path, &headers, &body).await,
                }
            }
            Ask::Frame(text) => {
                let text = self.named(text);
                self.socket.send_text(&text).await;
                self.answer().await
            }
            Ask::Cli(arguments) => {
                let ran = cli::run_at(&self.server, arguments);
                let status = u16::try_from(ran.code).unwrap_or(u16::MAX);
                assert!(ran.stdout.is_empty(), "{}: errors go to stderr: {}", ran.line, ran.stdout);
                Seen { status, body: Value::Null, headers: None, stderr: ran.stderr }
            }
        }
    }

    async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&'static str, String)],
        body: &Body,
    ) -> Seen {
        let mut frame = json!({ "op": "request", "req": "r", "method": method, "path": path });
        match body {
            Body::Absent => {}
            Body::Json(body) => frame["body"] = body.clone(),
            Body::Raw(_) => panic!("a frame holds JSON"),
        }
        if !headers.is_empty() {
            frame["headers"] =
                headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        }
        self.socket.send(frame).await;
        self.answer().await
    }

    /// The next frame: of a request its status and envelope, else what the frame says.
    async fn answer(&mut self) -> Seen {
        let frame = loop {
            let frame = self.socket.next().await.expect("the socket stays open");
            if frame["op"] != "progress" {
                break frame;
            }
        };
        match frame["op"].as_str() {
            Some("response") => {
                let status = frame["status"].as_u64().and_then(|status| u16::try_from(status).ok());
                Seen {
                    status: status.expect("a response has a status"),
                    body: frame["body"].clone(),
                    headers: None,
                    stderr: String::new(),
                }
            }
            Some("error") => {
                let body = json!({ "ok": false, "data": null, "error": frame["error"] });
                Seen { status: 0, body, headers: None, stderr: String::new() }
            }
            other => {
                let body = json!({ "ok": true, "data": frame, "error": null, "op": other });
                Seen { status: 0, body, headers: None, stderr: String::new() }
            }
        }
    }
}

async fn http(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(&'static str, String)],
    body: &Body,
) -> Seen {
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = match body {
        Body::Absent => request,
        Body::Json(body) => request.json(body),
        Body::Raw(bytes) => request.body(bytes.clone()),
    };
    let answer = client.send(request).await;
    Seen { status: answer.status, body: answer.body, headers: Some(answer.headers), stderr: String::new() }
}
