//! One language in every place that takes a row predicate: the same text means the same in WHERE, in a
//! subscription, in an append's condition; and in WHERE over next_task, in `SELECT next_task`, in a claim.

use agentpm_tests::fixture::odd_events;
use agentpm_tests::pql::generate::Generator;
use agentpm_tests::pql::{self, Past};
use agentpm_tests::{Client, Seed, Server, Socket, size};
use serde_json::{Value, json};

/// So many predicates are thought up for each kind of row.
const RANDOM: usize = 60;

const OVER_EVENTS: &[&str] = &[
    "true",
    "false",
    "null",
    "type = 'Odd'",
    "type IN ('Odd', 'Plain') AND position > 5",
    "data.n = 1",
    "data.n > 1 OR data.n < 0",
    "NOT data.n > 1",
    "data.n = '3'",
    "data.n IS NULL",
    "int(data.n) = 3",
    "float(data.n) >= 2.5",
    "data.n = true",
    "data.word = 'a' OR data.word ILIKE 'b'",
    "data.word LIKE '100\\%%'",
    "data.word MATCHES '^[ab]$'",
    "length(data.word) = 0",
    "data.list ⊇ {x}",
    "'x' ∈ data.list",
    "{x, y} <@ data.list OR data.list = {x}",
    "data.list OVERLAPS {X, nothing}",
    "data.deep['odd key'][1].z = true",
    "data[1] = 2",
    "tags ⊇ {'hall:1'} AND data.word IS NOT NULL",
    "'hall:2' IN tags",
    "tags = {}",
    "stream = 'predicates' AND revision BETWEEN 3 AND 6",
    "CASE WHEN type = 'Odd' THEN data.n ELSE data.word END IS NOT NULL",
    "coalesce(text(data.n), data.word, 'none') != 'none'",
    "starts_with(data.word, 'ü') OR contains(data.word, '%')",
    "data.n + 1 > 2",
    "time > '2020-01-01T00:00:00Z' AND position % 2 = 0",
    "metadata.agent_id = 'teller'",
    "agent_id IN ('teller', 'nobody')",
    "data.n = data.n",
    "data.word IN ('a', null)",
    "data.word NOT IN ('a', 'B')",
];

async fn by_where(client: &Client, predicate: &str) -> Vec<u64> {
    let rows = client.query(&format!("SELECT position FROM events WHERE {predicate}")).await;
    rows.column("position").iter().map(|position| position.as_u64().unwrap()).collect()
}

async fn by_subscription(socket: &mut Socket, predicate: &str) -> Vec<u64> {
    let pql = format!("SUBSCRIBE events WHERE {predicate} FROM START");
    socket.send(json!({ "op": "subscribe", "sub": "s", "pql": pql })).await;
    socket.expect("subscribed").await;
    let mut positions = Vec::new();
    loop {
        let frame = socket.next().await.expect("the connection holds");
        match frame["op"].as_str() {
            Some("event") => positions.push(frame["event"]["position"].as_u64().unwrap()),
            Some("caught_up") => break,
            _ => assert_eq!(frame["op"], "progress", "{predicate}: {frame}"),
        }
    }
    socket.send(json!({ "op": "unsubscribe", "sub": "s" })).await;
    socket.expect("closed").await;
    positions
}

/// Each append fails on the first event after the last one found; when none is left, one is made that no
/// predicate is asked about.
async fn by_condition(client: &Client, predicate: &str) -> Vec<u64> {
    let mut positions = Vec::new();
    loop {
        let answer = client
            .post(
                "/append",
                json!({
                    "appends": [{ "stream": "beside", "expected_revision": "any", "events": [{ "type": "Beside" }] }],
                    "condition": {
                        "fail_if": format!("type IN ('Odd', 'Plain') AND ({predicate})"),
                        "after": positions.last().copied().unwrap_or(0),
                    },
                }),
            )
            .await;
        if answer.ok() {
            return positions;
        }
        assert_eq!((answer.status, answer.code()), (409, "ERR_CONFLICT"), "{predicate}: {}", answer.body);
        positions.push(answer.error()["details"]["position"].as_u64().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_events() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let request = client
        .request("POST", "/streams/predicates/events")
        .header("agentpm-agent", "teller")
        .json(&json!({ "expected_revision": "no_stream", "events": odd_events() }));
    let last = client.send(request).await.data()["last_position"].as_u64().unwrap();
    let mut socket = Socket::connect(&server.url(), None).await;
    let mut all = 0;
    for predicate in OVER_EVENTS {
        // What the conditions leave beside is asked about by nobody.
        let asked = format!("({predicate}) AND position <= {last}");
        let found = by_where(&client, &asked).await;
        assert_eq!(by_subscription(&mut socket, &asked).await, found, "SUBSCRIBE events WHERE {predicate}");
        assert_eq!(by_condition(&client, predicate).await, found, "fail_if {predicate}");
        all += found.len();
    }
    assert!(all > 2 * OVER_EVENTS.len(), "the predicates ask about something: {all}");
}

/// Predicates that a generator thinks up: every place gives what a plain evaluator of the language makes of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_events_at_random() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let append = json!({ "expected_revision": "no_stream", "events": odd_events() });
    client.post("/streams/predicates/events", append).await.data();
    let past = Past::new(client.events().await);
    let (seed, last) = (Seed::new(), past.head());
    let mut generator = Generator::new(&past, seed.fork(1));
    let mut socket = Socket::connect(&server.url(), None).await;
    let mut told = 0;
    for _ in 0..size("AGENTPM_PREDICATES", RANDOM) {
        let predicate = generator.predicate("events");
        // What fails on a row, or is left open, is asked about elsewhere.
        let Ok(kept) = pql::kept(&past, "events", &predicate, past.at(last)) else { continue };
        let wanted: Vec<u64> = kept.into_iter().map(|place| place as u64 + 1).collect();
        let asked = format!("({predicate}) AND position <= {last}");
        assert_eq!(by_where(&client, &asked).await, wanted, "WHERE {predicate}");
        assert_eq!(by_subscription(&mut socket, &asked).await, wanted, "SUBSCRIBE events WHERE {predicate}");
        assert_eq!(by_condition(&client, &predicate).await, wanted, "fail_if {predicate}");
        told += usize::from(!wanted.is_empty());
    }
    assert!(told > 0, "some of them are true of something");
}

const OVER_TASKS: &[&str] = &[
    "true",
    "false",
    "null",
    "priority > 0",
    "caps ⊆ {rust, sql}",
    "'rust' IN caps",
    "labels = {}",
    "labels OVERLAPS {urgent}",
    "class = 'high' OR score > 3",
    "title LIKE '%e%' AND NOT title LIKE 'T%'",
    "metadata.size > 1",
    "metadata.size = '2'",
    "metadata['odd key'] IS NULL",
    "due_at IS NOT NULL",
    "project_id IN ('p1', 'p2')",
    "coalesce(intent, '') != ''",
    "attempts = 0 AND max_attempts >= 3",
    "size(caps) = 1",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tasks() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let agent = json!({ "id": "able", "name": "Able", "caps": ["rust", "sql", "docs"] });
    client.post("/agents/register", agent).await.data();
    for task in [
        json!({ "id": "t1", "title": "Tea", "caps": ["rust"], "priority": 3, "metadata": { "size": 2 } }),
        json!({ "id": "t2", "title": "Coffee", "caps": ["sql"], "labels": ["urgent"], "project_id": "p1" }),
        json!({ "id": "t3", "title": "Ale", "class": "high", "metadata": { "size": "2", "odd key": 1 } }),
        json!({ "id": "t4", "title": "Tee", "caps": ["rust", "docs"], "intent": "swing", "labels": ["a", "b"] }),
        json!({ "id": "t5", "title": "", "due_at": "2999-01-01T00:00:00Z", "priority": -2 }),
    ] {
        let title = if task["title"] == "" { json!("none") } else { task["title"].clone() };
        let mut task = task;
        task["title"] = title;
        client.post("/tasks", task).await.data();
    }
    for predicate in OVER_TASKS {
        in_every_claim(&client, predicate).await;
    }
    let past = Past::new(client.events().await);
    let mut generator = Generator::new(&past, Seed::new().fork(1));
    for _ in 0..size("AGENTPM_PREDICATES", RANDOM) {
        let predicate = generator.predicate("tasks");
        let Ok(kept) = pql::kept(&past, "tasks", &predicate, past.at(past.head())) else { continue };
        let wanted: Vec<String> = kept.into_iter().map(|place| format!("t{}", place + 1)).collect();
        let pql = format!("SELECT id FROM tasks WHERE {predicate} AS OF POSITION {}", past.head());
        assert_eq!(client.query(&pql).await.texts("id"), wanted, "{pql}");
        in_every_claim(&client, &predicate).await;
    }
}

/// The same tasks are shown, offered and given away, best first. Each is given back, which changes it.
async fn in_every_claim(client: &Client, predicate: &str) {
    let shown = async || {
        let mut shown =
            client.query(&format!("SELECT id FROM next_task WHERE {predicate}")).await.texts("id");
        shown.sort();
        shown
    };
    let offer = async || {
        let pql = format!("SELECT next_task FOR 'able' WHERE {predicate} LIMIT 10");
        client.query(&pql).await.texts("id")
    };
    let give_back = async |task: &Value, lease: &Value| {
        let path = format!("/tasks/{}/release", task.as_str().unwrap());
        client.post(&path, json!({ "lease_id": lease })).await.data();
    };
    let (wanted, offered) = (shown().await, offer().await);
    let body = json!({ "agent_id": "able", "where": predicate, "limit": 10 });
    let claimed = client.post("/tasks/claim", body).await.data();
    let mut taken = Vec::new();
    for claim in claimed["claims"].as_array().into_iter().flatten() {
        taken.push(claim["task"]["id"].as_str().unwrap().to_owned());
        give_back(&claim["task"]["id"], &claim["lease"]["id"]).await;
    }
    assert_eq!(taken, offered, "claim where {predicate}: best first, as offered");
    taken.sort();
    assert_eq!(taken, wanted, "SELECT id FROM next_task WHERE {predicate}");

    let offered = offer().await;
    let pql = format!("CLAIM next_task FOR 'able' WHERE {predicate} LIMIT 10");
    let by_pql = client.query(&pql).await;
    for row in &by_pql.rows {
        give_back(&row["id"], &row["lease_id"]).await;
    }
    assert_eq!(by_pql.texts("id"), offered, "{pql}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_told_is_an_error_in_every_place() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let event = json!({ "type": "Divided", "data": { "by": 0 } });
    client.post("/streams/s/events", json!({ "events": [event] })).await.data();
    let head = client.head().await;
    let predicate = "type = 'Divided' AND 1 / data.by > 0";
    let query = json!({ "pql": format!("SELECT position FROM events WHERE {predicate}") });
    let asked = client.post("/query", query).await;
    let condition = json!({ "fail_if": predicate, "after": 0 });
    let append = json!({ "expected_revision": "any", "events": [{ "type": "X" }], "condition": condition });
    let appended = client.post("/streams/s/events", append).await;
    let mut socket = Socket::connect(&server.url(), None).await;
    let pql = format!("SUBSCRIBE events WHERE {predicate} FROM START");
    socket.send(json!({ "op": "subscribe", "sub": "s", "pql": pql })).await;
    socket.expect("subscribed").await;
    let told = socket.expect("error").await;
    for error in [asked.error(), appended.error(), &told["error"]] {
        assert_eq!(error["code"], "ERR_PQL", "{error}");
        assert_eq!(error["details"]["pql_code"], "division_by_zero", "{error}");
    }
    assert_eq!(client.head().await, head, "nothing was written");

    // A position nobody has seen cannot have been decided by.
    let ahead = json!({ "events": [{ "type": "X" }], "condition": { "fail_if": "type = 'X'", "after": 99 } });
    let ahead = client.post("/streams/s/events", ahead).await;
    assert_eq!((ahead.status, ahead.code()), (400, "ERR_VALIDATION"), "{}", ahead.body);
    assert!(ahead.error()["details"].to_string().contains("/condition/after"));
}
