//! A subscriber sees every event that matches, once, in order, however often its connection is cut.

use agentpm_tests::client::escape;
use agentpm_tests::server::Options;
use agentpm_tests::{Client, Seed, Server, Socket, size, wait};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const WRITERS: usize = 16;
const CUTS: usize = 10;

/// Types the writers use; the predicate below asks for some of them.
const TYPES: &[&str] = &["Opened", "Said", "Closed"];

fn wanted(event: &Value) -> bool {
    let tags = event["tags"].as_array().unwrap();
    matches!(event["type"].as_str(), Some("Opened" | "Closed"))
        && tags.contains(&json!("room:2"))
        && event["data"]["n"].as_i64().is_some_and(|n| n % 3 != 0)
}

const WANTED: &str =
    "SUBSCRIBE events WHERE type IN ('Opened','Closed') AND tags ⊇ {'room:2'} AND data.n % 3 != 0";

async fn write(client: Client, mut seed: Seed, writer: usize, appends: usize) {
    for n in 0..appends {
        let events: Vec<Value> = (0..seed.below(1..4))
            .map(|k| {
                let room = format!("room:{}", seed.below(1..4));
                json!({
                    "type": seed.pick(TYPES).unwrap(),
                    "data": { "n": n * 10 + k, "writer": writer },
                    "tags": [room, "all"],
                })
            })
            .collect();
        let append =
            json!({ "stream": format!("chat{writer}"), "expected_revision": "any", "events": events });
        client.post("/append", json!({ "appends": [append] })).await.data();
    }
}

/// Reads until `done` is set and the head at that time was reached, cut at random moments.
async fn follow(server: Arc<Server>, pql: &str, mut seed: Seed, done: Arc<AtomicBool>) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    let (mut last, mut cuts) = (0, 0);
    loop {
        let mut socket = server.connect().await;
        let subscribed = socket.subscribe("s", &format!("{pql} AFTER POSITION {last}")).await;
        assert_eq!(subscribed["sub"], "s");
        let cut_at = Instant::now() + Duration::from_millis(seed.below(1..150) as u64);
        loop {
            let was_done = done.load(Ordering::SeqCst);
            let frame = if cuts < CUTS {
                let Ok(frame) = tokio::time::timeout_at(cut_at, socket.next()).await else {
                    // Dropped without a word, as a lost network would.
                    cuts += 1;
                    break;
                };
                frame
            } else {
                socket.next().await
            };
            let frame = frame.expect("the server keeps the connection");
            assert_eq!(frame["sub"], "s", "{frame}");
            match frame["op"].as_str().unwrap() {
                "event" => {
                    let position = frame["event"]["position"].as_u64().unwrap();
                    assert!(position > last, "position {position} after {last}: out of order or twice");
                    last = position;
                    seen.push(frame["event"].clone());
                }
                // Nothing at or before the position of a mark is still to come: one may resume from it too.
                "caught_up" | "progress" => {
                    let position = frame["position"].as_u64().unwrap();
                    assert!(position >= last, "{frame} after {last}");
                    last = position;
                    if was_done && cuts >= CUTS && last >= server.client().head().await {
                        return seen;
                    }
                }
                other => panic!("{other} is not due: {frame}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_then_live_without_gap_or_duplicate() {
    let dir = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::start(dir.path()));
    let seed = Seed::new();
    let appends = size("AGENTPM_APPENDS", 40);
    // Some history first, so that catching up and live delivery meet while both are busy.
    write(server.client(), seed.fork(100), 0, appends).await;
    let done = Arc::new(AtomicBool::new(false));
    let all = tokio::spawn({
        let (server, seed, done) = (server.clone(), seed.fork(200), done.clone());
        async move { follow(server, "SUBSCRIBE events", seed, done).await }
    });
    let some = tokio::spawn({
        let (server, seed, done) = (server.clone(), seed.fork(201), done.clone());
        async move { follow(server, WANTED, seed, done).await }
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(server.client(), seed.fork(writer as u64), writer, appends)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let log = server.client().events().await;
    assert_eq!(all.await.unwrap(), log, "a subscriber to everything has the log");
    let expected: Vec<Value> = log.iter().filter(|event| wanted(event)).cloned().collect();
    assert!(
        !expected.is_empty() && expected.len() < log.len() / 2,
        "the predicate takes some and leaves more"
    );
    assert_eq!(some.await.unwrap(), expected, "a predicate takes what matches, and all of it");
}

async fn append(client: &Client, stream: &str, kind: &str) -> u64 {
    let event = json!({ "type": kind, "data": {} });
    let body = json!({ "appends": [{ "stream": stream, "expected_revision": "any", "events": [event] }] });
    client.post("/append", body).await.data()["last_position"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_a_subscription() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    append(&client, "a", "First").await;
    let mut socket = server.connect().await;

    // The default is from now on: the first event is not sent, the position says where now is.
    let subscribed = socket.subscribe("live", "SUBSCRIBE events").await;
    assert_eq!(subscribed, json!({ "op": "subscribed", "sub": "live", "position": 1 }));
    assert_eq!(socket.expect("caught_up").await["position"], 1);
    append(&client, "a", "Second").await;
    let event = socket.expect("event").await;
    assert_eq!((&event["sub"], &event["event"]["type"]), (&json!("live"), &json!("Second")));
    assert_eq!(
        event["event"],
        client.get("/events?after=1").await.data()["events"][0],
        "one form of an event"
    );

    // Credit: as many as were granted and not one more, until there is more.
    socket.send(json!({ "op": "unsubscribe", "sub": "live" })).await;
    let closed = socket.expect("closed").await;
    assert_eq!(closed["sub"], "live");
    for _ in 0..4 {
        append(&client, "a", "More").await;
    }
    socket
        .send(json!({ "op": "subscribe", "sub": "slow", "pql": "SUBSCRIBE events FROM START", "credit": 2 }))
        .await;
    socket.expect("subscribed").await;
    for position in 1..=2 {
        assert_eq!(socket.expect("event").await["event"]["position"], position);
    }
    // The pong comes before any third event: without credit there is none.
    socket.send(json!({ "op": "ping" })).await;
    socket.expect("pong").await;
    socket.send(json!({ "op": "credit", "sub": "slow", "n": 100 })).await;
    for position in 3..=6 {
        assert_eq!(socket.expect("event").await["event"]["position"], position);
    }
    assert_eq!(socket.expect("caught_up").await["position"], 6);

    // Parameters are bound as in a query.
    socket
        .send(json!({
            "op": "subscribe", "sub": "p", "pql": "SUBSCRIBE events WHERE type = $1 FROM START", "params": ["Second"],
        }))
        .await;
    socket.expect("subscribed").await;
    assert_eq!(socket.expect("event").await["event"]["position"], 2);
    assert_eq!(socket.expect("caught_up").await["sub"], "p");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_subscription_is_told_how_far_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut socket = server.connect().await;
    socket.subscribe("none", "SUBSCRIBE events WHERE type = 'NeverAppended' FROM START").await;
    socket.expect("caught_up").await;
    let position = append(&server.client(), "a", "Other").await;
    loop {
        let frame = socket.next().await.unwrap();
        assert_eq!((&frame["op"], &frame["sub"]), (&json!("progress"), &json!("none")));
        if frame["position"] == position {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_wrong_are_answered_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut socket = server.connect().await;
    for (text, code) in [
        ("no json", "ERR_VALIDATION"),
        (r#"{"op":"dance"}"#, "ERR_VALIDATION"),
        (r#"{"op":"subscribe","sub":"x"}"#, "ERR_VALIDATION"),
        (r#"{"op":"subscribe","sub":"x","pql":"SUBSCRIBE events WHERE"}"#, "ERR_PQL"),
        (r#"{"op":"subscribe","sub":"x","pql":"SUBSCRIBE events WHERE colour = 'red'"}"#, "ERR_PQL"),
        (r#"{"op":"subscribe","sub":"x","pql":"SELECT id FROM tasks"}"#, "ERR_PQL"),
        (r#"{"op":"credit","sub":"unknown","n":1}"#, "ERR_NOT_FOUND"),
        (r#"{"op":"unsubscribe","sub":"unknown"}"#, "ERR_NOT_FOUND"),
    ] {
        socket.send_text(text).await;
        let frame = socket.expect("error").await;
        assert_eq!(frame["error"]["code"], code, "{text}: {frame}");
    }
    socket.subscribe("twice", "SUBSCRIBE events").await;
    socket.expect("caught_up").await;
    socket.send(json!({ "op": "subscribe", "sub": "twice", "pql": "SUBSCRIBE events" })).await;
    assert_eq!(socket.expect("error").await["sub"], "twice");
    assert_eq!(server.client().head().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_through_the_socket() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut socket = server.connect().await;
    // Pipelined: all are sent before the first answer is read; each comes back under its own name.
    for n in 0..64 {
        let event = json!({ "type": "Piped", "data": { "n": n } });
        let body = json!({ "appends": [{ "stream": format!("s{n}"), "expected_revision": "no_stream", "events": [event] }] });
        socket.send(json!({ "op": "request", "req": format!("r{n}"), "method": "POST", "path": "/append", "body": body })).await;
    }
    let mut answered = std::collections::BTreeSet::new();
    for _ in 0..64 {
        let frame = socket.expect("response").await;
        assert_eq!((&frame["status"], &frame["body"]["ok"]), (&json!(200), &json!(true)), "{frame}");
        answered.insert(frame["req"].as_str().unwrap().to_owned());
    }
    assert_eq!(answered.len(), 64);
    assert_eq!(server.client().head().await, 64);

    let refused = socket.request("bad", "POST", "/tasks", json!({ "title": 1 })).await;
    assert_eq!(
        (&refused["status"], &refused["body"]["error"]["code"]),
        (&json!(400), &json!("ERR_VALIDATION"))
    );
    let missing = socket.request("gone", "GET", "/tasks/none", Value::Null).await;
    assert_eq!(missing["status"], 404);
    let nested = socket.request("ws", "GET", "/ws", Value::Null).await;
    assert!(nested["status"].as_u64().unwrap() >= 400, "no socket inside a socket: {nested}");
}

/// Reads Server-Sent Events until `count` of them carried an event; gives (id, event).
async fn sse(client: &Client, pql: &str, last_event_id: Option<u64>, count: usize) -> Vec<(u64, Value)> {
    let mut request = client.request("GET", &format!("/subscribe?pql={}", escape(pql)));
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id.to_string());
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    let mut found = Vec::new();
    while found.len() < count {
        text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let data: Option<Value> = field("data:").and_then(|data| serde_json::from_str(data).ok());
            // Either the bare event or the frame that WebSockets carry: its event has a position.
            let event = data.map(|data| if data["event"].is_object() { data["event"].clone() } else { data });
            if let Some(event) = event.filter(|event| event["type"].is_string()) {
                found.push((field("id:").expect("an event has an id").parse().unwrap(), event));
            }
            text = rest.to_owned();
        }
    }
    found.truncate(count);
    found.truncate(count);
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_sent_events_resume_after_the_last_id() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    for n in 0..5 {
        append(&client, &format!("s{n}"), "Sent").await;
    }
    let first = sse(&client, "SUBSCRIBE events FROM START", None, 2).await;
    assert_eq!(first.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2]);
    let rest = sse(&client, "SUBSCRIBE events FROM START", Some(2), 3).await;
    assert_eq!(rest.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 4, 5]);
    assert!(rest.iter().all(|(id, event)| event["position"] == *id));
    let refused = client.get(&format!("/subscribe?pql={}", escape("SELECT id FROM tasks"))).await;
    assert_eq!(refused.status, 400, "nothing but SUBSCRIBE: {}", refused.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_outlives_a_restart_by_its_position() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    append(&server.client(), "a", "Before").await;
    let mut socket: Socket = server.connect().await;
    socket.subscribe("s", "SUBSCRIBE events FROM START").await;
    let last = socket.expect("event").await["event"]["position"].as_u64().unwrap();
    let server = server.restart();
    // The old connection ends, told or not.
    while socket.next().await.is_some_and(|frame| frame["op"] != "closed") {}
    append(&server.client(), "a", "After").await;
    let mut socket = server.connect().await;
    socket.subscribe("s", &format!("SUBSCRIBE events AFTER POSITION {last}")).await;
    assert_eq!(socket.expect("event").await["event"]["type"], "After");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_says_where_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    append(&server.client(), "a", "Before").await;
    let mut socket = server.connect().await;
    for sub in ["one", "two"] {
        socket.subscribe(sub, "SUBSCRIBE events FROM START").await;
        socket.expect("event").await;
        socket.expect("caught_up").await;
    }
    let events = server
        .client()
        .request("GET", &format!("/subscribe?pql={}", escape("SUBSCRIBE events FROM START")))
        .send()
        .await
        .unwrap();
    let stopping = tokio::task::spawn_blocking(move || server.stop());
    let mut closed = std::collections::BTreeSet::new();
    while let Some(frame) = socket.next().await {
        assert_eq!(
            (&frame["op"], &frame["reason"], &frame["resume_after"]),
            (&json!("closed"), &json!("shutting_down"), &json!(1))
        );
        closed.insert(frame["sub"].as_str().unwrap().to_owned());
    }
    assert_eq!(closed.len(), 2);
    let text = events.text().await.unwrap();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    assert!(
        last.contains("id: 1\nevent: closed\n") && last.contains(r#""reason":"shutting_down""#),
        "{text}"
    );
    assert!(stopping.await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_are_bounded_per_connection_and_in_all() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--subscriptions-max", "3", "--subscriptions-per-connection-max", "2"];
    let options = Options { arguments: arguments.map(str::to_owned).to_vec(), ..Options::default() };
    let server = Server::start_with(dir.path(), options);
    let client = server.client();
    let mut sockets = [server.connect().await, server.connect().await];
    let all = json!({ "op": "subscribe", "sub": "more", "pql": "SUBSCRIBE events" });
    for sub in ["a", "b"] {
        sockets[0].subscribe(sub, "SUBSCRIBE events").await;
        sockets[0].expect("caught_up").await;
    }
    sockets[0].send(all.clone()).await;
    let refused = sockets[0].expect("error").await;
    assert_eq!((&refused["sub"], &refused["error"]["code"]), (&json!("more"), &json!("ERR_RATE_LIMIT")));
    assert_eq!(refused["error"]["message"], "a connection has at most 2 subscriptions");

    sockets[1].subscribe("c", "SUBSCRIBE events").await;
    sockets[1].expect("caught_up").await;
    sockets[1].send(all.clone()).await;
    let refused = sockets[1].expect("error").await;
    assert_eq!(refused["error"]["message"], "the server has at most 3 subscriptions");
    let path = format!("/subscribe?pql={}", escape("SUBSCRIBE events"));
    let refused = client.get(&path).await;
    assert_eq!((refused.status, refused.code()), (429, "ERR_RATE_LIMIT"));
    let page = client.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    for line in
        ["agentpm_subscriptions 3", "agentpm_subscriptions_max 3", "agentpm_subscription_predicates 1"]
    {
        assert!(page.lines().any(|other| other == line), "{line}: {page}");
    }

    // Whoever leaves makes room.
    sockets[0].send(json!({ "op": "unsubscribe", "sub": "a" })).await;
    sockets[0].expect("closed").await;
    sockets[1].send(all).await;
    loop {
        let frame = sockets[1].next().await.unwrap();
        match frame["op"].as_str().unwrap() {
            "subscribed" => break,
            // The one that left is counted until its end.
            "error" => {
                sockets[1].send(json!({ "op": "subscribe", "sub": "more", "pql": "SUBSCRIBE events" })).await
            }
            other => assert_eq!(other, "progress", "{frame}"),
        }
    }
}

/// Events that are appended while somebody reads nothing: more than it may be behind, in more bytes than connections
/// hold.
const UNREAD_EVENTS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_nothing_is_closed_and_costs_the_others_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let (mut slow, mut quick) = (server.connect().await, server.connect().await);
    for socket in [&mut slow, &mut quick] {
        socket.subscribe("s", "SUBSCRIBE events").await;
        socket.expect("caught_up").await;
    }
    let event = json!({ "type": "Long", "data": { "text": "x".repeat(3_000) } });
    let reading = tokio::spawn(async move {
        for position in 1..=UNREAD_EVENTS {
            assert_eq!(quick.expect("event").await["event"]["position"], position);
        }
        quick
    });
    for _ in 0..UNREAD_EVENTS / 200 {
        let events = vec![event.clone(); 200];
        client.post("/append", json!({ "appends": [{ "stream": "a", "events": events }] })).await.data();
    }
    let quick = reading.await.unwrap();
    wait::until("the slow one is given up", Duration::from_secs(30), async || {
        let page = client.get("/metrics").await.body;
        page.as_str().is_some_and(|page| page.contains("agentpm_subscriptions 1\n")).then_some(())
    })
    .await;
    drop(quick);
    let mut last = 0;
    let closed = loop {
        let frame = slow.next().await.unwrap();
        if frame["op"] != "event" {
            break frame;
        }
        last += 1;
        assert_eq!(frame["event"]["position"], last);
    };
    assert_eq!(
        closed,
        json!({ "op": "closed", "sub": "s", "reason": "slow_consumer", "resume_after": last })
    );
    // It goes on where it was told to.
    slow.subscribe("s", &format!("SUBSCRIBE events AFTER POSITION {last}")).await;
    for position in last + 1..=UNREAD_EVENTS {
        assert_eq!(slow.expect("event").await["event"]["position"], position);
    }
    assert_eq!(slow.expect("caught_up").await["position"], UNREAD_EVENTS);
}
