//! Who subscribes to the rows of a query has, at every position, what the query says `AS OF` it, however often the connection
//! is cut and the server killed.

use agentpm_tests::client::escape;
use agentpm_tests::workload::Workload;
use agentpm_tests::{Client, Seed, Server, Socket};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What is subscribed to, and the query whose answer that is.
const QUERIES: &[(&str, &str)] = &[
    ("(SELECT id, status, owner_agent_id FROM tasks WHERE status <> 'completed')", ""),
    ("(SELECT id, blocked_by_count, child_count, child_done_count FROM tasks)", ""),
    ("(SELECT status, class, count(*) AS n, sum(attempts) AS tries FROM tasks GROUP BY status, class)", ""),
    ("(SELECT count(*) AS n, max(updated_at) AS last FROM tasks)", ""),
    ("runs WHERE status <> 'running'", "SELECT * FROM runs WHERE status <> 'running'"),
    ("leases", "SELECT * FROM leases"),
    ("(SELECT id, priority FROM next_task)", ""),
];

/// Times that every connection is made anew.
const ROUNDS: usize = 4;

/// The most that a server takes to send a frame.
const FRAME_LIMIT: Duration = Duration::from_secs(20);

/// Rows, each with how often it is there.
type Rows = BTreeMap<String, usize>;

/// Rows as a subscriber keeps them.
#[derive(Debug, Default)]
struct Kept {
    rows: Rows,
    /// Changes of a position of which more may come.
    open: Vec<Value>,
    open_at: u64,
    /// The rows are as of here.
    position: u64,
    /// What they were, at each position that a frame told of.
    seen: BTreeMap<u64, Rows>,
}

impl Kept {
    /// Takes a frame.
    fn take(&mut self, frame: &Value) {
        let position = frame["position"].as_u64().unwrap();
        if self.open_at < position || frame["op"] != "diff" {
            self.settle(position);
        }
        if frame["op"] == "diff" {
            self.open_at = position;
            self.open.extend(frame["changes"].as_array().unwrap().iter().cloned());
        } else {
            assert!(position >= self.position, "{frame} after {}", self.position);
            self.position = position;
            self.seen.insert(position, self.rows.clone());
        }
    }

    /// Takes in what is open, if it is of a position up to this one.
    fn settle(&mut self, upto: u64) {
        if self.open.is_empty() || self.open_at > upto {
            return;
        }
        assert!(self.open_at >= self.position, "a difference of {} after {}", self.open_at, self.position);
        for change in std::mem::take(&mut self.open) {
            let count = self.rows.entry(change["row"].to_string()).or_default();
            match change["op"].as_str() {
                Some("+") => *count += 1,
                _ => *count = count.checked_sub(1).expect("what goes was there"),
            }
        }
        self.rows.retain(|_, count| *count > 0);
        self.position = self.open_at;
        self.seen.insert(self.position, self.rows.clone());
    }
}

fn query_of((subscribed, query): (&str, &str)) -> String {
    match query {
        "" => subscribed.trim_start_matches('(').strip_suffix(')').unwrap().to_owned(),
        query => query.to_owned(),
    }
}

async fn as_of(client: &Client, query: &str, position: u64) -> Rows {
    let mut rows = Rows::new();
    for row in client.query(&format!("{query} AS OF POSITION {position}")).await.rows {
        *rows.entry(Value::Object(row).to_string()).or_default() += 1;
    }
    rows
}

/// Takes frames until all up to `head` is there, or the moment comes at which the connection is cut.
async fn follow(socket: &mut Socket, kept: &mut Kept, head: u64, cut_at: Option<Instant>) -> bool {
    let until = cut_at.unwrap_or_else(|| Instant::now() + FRAME_LIMIT);
    loop {
        if kept.position >= head {
            return true;
        }
        match tokio::time::timeout_at(until, socket.next()).await {
            Ok(Some(frame)) if frame["op"] == "subscribed" => {}
            Ok(Some(frame)) => kept.take(&frame),
            Ok(None) => return false,
            Err(_) if cut_at.is_some() => return false,
            Err(_) => panic!("nothing comes; the rows are as of {}, the head is {head}", kept.position),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_and_differences_are_the_query_as_of() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let mut seed = Seed::new();
    let mut workload = Workload::new(server.client(), seed.fork(1));
    workload.run(40).await;
    let mut kept: Vec<Kept> = QUERIES.iter().map(|_| Kept::default()).collect();
    for round in 0..ROUNDS {
        let mut sockets = Vec::new();
        for (query, kept) in QUERIES.iter().zip(&mut kept) {
            let mut socket = server.connect().await;
            // Half of what was to come is lost with the connection: it begins again where it was whole.
            kept.open.clear();
            let start =
                if kept.position == 0 { String::new() } else { format!("AFTER POSITION {}", kept.position) };
            if kept.position == 0 {
                *kept = Kept::default();
            }
            socket.subscribe("s", &format!("SUBSCRIBE {} {start}", query.0)).await;
            sockets.push(socket);
        }
        workload.run(25).await;
        let head = server.client().head().await;
        let is_last = round + 1 == ROUNDS;
        for (socket, kept) in sockets.iter_mut().zip(&mut kept) {
            let is_cut = !is_last && seed.percent(50);
            let cut_at = is_cut.then(|| Instant::now() + Duration::from_millis(seed.below(1..60) as u64));
            follow(socket, kept, head, cut_at).await;
        }
        drop(sockets);
        // Nobody is connected: this comes from the log.
        workload.run(10).await;
        if round == 1 {
            server.kill9();
            server = server.restart();
            workload = Workload::new(server.client(), seed.fork(2 + round as u64));
        }
    }
    let client = server.client();
    for (query, kept) in QUERIES.iter().zip(&kept) {
        let query = query_of(*query);
        assert!(kept.seen.len() > 3, "{query}: only {} positions", kept.seen.len());
        for (position, rows) in &kept.seen {
            let wanted = as_of(&client, &query, *position).await;
            assert_eq!(*rows, wanted, "{query} at {position}");
        }
    }
    // The check sees a row too many.
    let (position, rows) = kept[1].seen.last_key_value().unwrap();
    let mut wrong = rows.clone();
    wrong.insert("{}".to_owned(), 1);
    assert_ne!(wrong, as_of(&client, &query_of(QUERIES[1]), *position).await);
}

fn diff(position: u64, changes: Value) -> Value {
    json!({ "op": "diff", "sub": "s", "position": position, "changes": changes })
}

#[tokio::test]
async fn frames_of_rows() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let append = |n: u64| json!({ "appends": [{ "stream": "s", "expected_revision": "any", "events": [{ "type": "Noted", "data": { "n": n } }] }] });
    client.post("/tasks", json!({ "id": "a", "title": "A" })).await.data();
    client.post("/tasks", json!({ "id": "b", "title": "B", "priority": 2 })).await.data();
    let mut socket = server.connect().await;
    let pql = "SUBSCRIBE (SELECT id, title, priority AS p FROM tasks WHERE priority >= 0)";
    socket.send(json!({ "op": "subscribe", "sub": "s", "pql": pql, "credit": 2 })).await;
    let frame = socket.expect("subscribed").await;
    assert_eq!(frame["position"], 2);
    let (a, b) = (json!({ "id": "a", "title": "A", "p": 0 }), json!({ "id": "b", "title": "B", "p": 2 }));
    let first = socket.expect("diff").await;
    assert_eq!(first, diff(2, json!([{ "op": "+", "row": a }, { "op": "+", "row": b }])));
    assert_eq!(socket.expect("caught_up").await["position"], 2);
    // What changes nothing of the rows sends nothing.
    client.post("/append", append(1)).await.data();
    let changed = json!({ "title": "C", "override": true });
    client.patch("/tasks/b", changed).await.data();
    let c = json!({ "id": "b", "title": "C", "p": 2 });
    let second = socket.expect("diff").await;
    assert_eq!(
        second,
        diff(second["position"].as_u64().unwrap(), json!([{ "op": "-", "row": b }, { "op": "+", "row": c }]))
    );
    // A third waits for credit.
    client.patch("/tasks/b", json!({ "priority": -1, "override": true })).await.data();
    socket.send(json!({ "op": "ping" })).await;
    socket.expect("pong").await;
    socket.send(json!({ "op": "credit", "sub": "s", "n": 1 })).await;
    let third = socket.expect("diff").await;
    assert_eq!(third["changes"], json!([{ "op": "-", "row": c }]));
    socket.send(json!({ "op": "unsubscribe", "sub": "s" })).await;
    let closed = socket.expect("closed").await;
    assert_eq!((&closed["reason"], &closed["resume_after"]), (&json!("unsubscribed"), &third["position"]));
    // Who comes back has missed nothing.
    client.patch("/tasks/b", json!({ "priority": 1, "override": true })).await.data();
    socket.subscribe("s", &format!("{pql} AFTER POSITION {}", third["position"])).await;
    let fourth = socket.expect("diff").await;
    assert_eq!(fourth["changes"], json!([{ "op": "+", "row": { "id": "b", "title": "C", "p": 1 } }]));
}

/// A task waits for its time, and comes with the first commit after it.
#[tokio::test]
async fn next_task_comes_when_its_time_has() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let mut socket = server.connect().await;
    socket.subscribe("s", "SUBSCRIBE (SELECT id FROM next_task)").await;
    socket.expect("caught_up").await;
    client.post("/tasks", json!({ "id": "now", "title": "N" })).await.data();
    let came = socket.expect("diff").await;
    assert_eq!(came["changes"], json!([{ "op": "+", "row": { "id": "now" } }]));
    let claimed = client.post("/tasks/claim", json!({ "agent_id": "a" })).await;
    if !claimed.ok() {
        client
            .post("/agents/register", json!({ "id": "a", "name": "a", "role": "executor", "caps": [] }))
            .await
            .data();
        client.post("/tasks/claim", json!({ "agent_id": "a" })).await.data();
    }
    let went = socket.expect("diff").await;
    assert_eq!(went["changes"], json!([{ "op": "-", "row": { "id": "now" } }]));
}

#[tokio::test]
async fn over_server_sent_events() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    // More than fits into one piece.
    let intent = "x".repeat(60_000);
    for n in 0..12 {
        client
            .post("/tasks", json!({ "id": format!("t{n:02}"), "title": "T", "intent": intent }))
            .await
            .data();
    }
    let pql = escape("SUBSCRIBE (SELECT id, intent FROM tasks)");
    let path = format!("/subscribe?pql={pql}");
    let blocks = sse(&client, &path, None, "caught_up").await;
    let diffs: Vec<&String> = blocks.iter().filter(|block| block.contains("event: diff")).collect();
    assert!(diffs.len() > 1, "in pieces");
    let with_id: Vec<bool> = diffs.iter().map(|block| block.starts_with("id: 12\n")).collect();
    assert!(with_id.iter().rev().skip(1).all(|has| !has) && with_id[with_id.len() - 1], "{with_id:?}");
    client.patch("/tasks/t03", json!({ "intent": "short", "override": true })).await.data();
    let blocks = sse(&client, &path, Some(12), "caught_up").await;
    assert!(
        blocks[0].contains(r#""op":"-""#)
            && blocks[0].contains(r#"{"op":"+","row":{"id":"t03","intent":"short"}}"#)
    );
}

/// The messages of a subscription until the first of that name.
async fn sse(client: &Client, path: &str, after: Option<u64>, until: &str) -> Vec<String> {
    let mut request = client.request("GET", path);
    if let Some(after) = after {
        request = request.header("last-event-id", after.to_string());
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while !text.contains(&format!("event: {until}\n")) || !text.ends_with("\n\n") {
        text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
    text.split("\n\n").filter(|block| !block.is_empty()).map(str::to_owned).collect()
}
