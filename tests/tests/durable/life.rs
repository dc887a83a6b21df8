//! What a subscription does, call by call.

use crate::LIMIT;
use agentpm_tests::{Client, Server, wait};
use serde_json::{Value, json};

async fn append(client: &Client, stream: &str, kind: &str, count: usize) {
    let events: Vec<Value> = (0..count).map(|n| json!({ "type": kind, "data": { "n": n } })).collect();
    client.post(&format!("/streams/{stream}/events"), json!({ "events": events })).await.data();
}

async fn put(client: &Client, name: &str, definition: Value) -> Value {
    client.call("PUT", &format!("/subscriptions/{name}"), &definition).await.data()
}

async fn fetch(client: &Client, name: &str, n: usize, wait_ms: u64) -> Vec<Value> {
    let body = json!({ "n": n, "wait_ms": wait_ms });
    let data = client.post(&format!("/subscriptions/{name}/fetch"), body).await.data();
    let events = data["events"].as_array().unwrap().clone();
    assert_eq!(data["ack_before"].is_null(), events.is_empty());
    events
}

fn ids(events: &[Value]) -> Vec<Value> {
    events.iter().map(|event| event["id"].clone()).collect()
}

fn numbers(events: &[Value], name: &str) -> Vec<u64> {
    events.iter().map(|event| event[name].as_u64().unwrap()).collect()
}

async fn ack(client: &Client, name: &str, events: &[Value]) -> Value {
    client.post(&format!("/subscriptions/{name}/ack"), json!({ "ids": ids(events) })).await.data()
}

async fn nack(client: &Client, name: &str, events: &[Value], action: &str) -> Value {
    let body = json!({ "ids": ids(events), "action": action });
    client.post(&format!("/subscriptions/{name}/nack"), body).await.data()
}

async fn standing(client: &Client, name: &str) -> [u64; 4] {
    let pql = "SELECT position, lag, in_flight, parked FROM subscriptions WHERE name = $1";
    let rows = client.query_with(pql, json!([name])).await;
    ["position", "lag", "in_flight", "parked"].map(|column| rows.rows[0][column].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_to_one_hand_each_and_come_again_when_they_are_not_done_with() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    append(&client, "s", "A", 6).await;
    append(&client, "s", "B", 2).await;
    let definition = json!({
        "pql": "SUBSCRIBE events WHERE type = $kind", "params": { "kind": "A" }, "from": "start",
        "max_in_flight": 4, "ack_timeout_s": 600, "max_attempts": 2,
    });
    let made = put(&client, "work", definition.clone()).await;
    assert_eq!((&made["name"], &made["lag"], &made["from"]), (&json!("work"), &json!(8), &json!("start")));
    assert_eq!(put(&client, "work", definition.clone()).await["created_at"], made["created_at"], "the same");

    let first = fetch(&client, "work", 3, 0).await;
    assert_eq!(numbers(&first, "position"), [1, 2, 3]);
    assert_eq!(numbers(&first, "attempt"), [1, 1, 1]);
    let second = fetch(&client, "work", 3, 0).await;
    assert_eq!(numbers(&second, "position"), [4], "four are in hands, and no more may be");
    assert_eq!(standing(&client, "work").await, [0, 8, 4, 0]);

    assert_eq!(ack(&client, "work", &first[1..]).await, json!({ "acked": 2, "already": 0 }));
    assert_eq!(ack(&client, "work", &first[1..]).await, json!({ "acked": 0, "already": 2 }));
    assert_eq!(standing(&client, "work").await, [0, 8, 2, 0], "the first is not settled");
    let refused = nack(&client, "work", &first[..1], "retry").await;
    assert_eq!(refused["retried"], 1);
    let third = fetch(&client, "work", 3, 0).await;
    assert_eq!(numbers(&third, "position"), [1, 5, 6]);
    assert_eq!(numbers(&third, "attempt"), [2, 1, 1]);
    // Two attempts are all it gets.
    let refused = nack(&client, "work", &third[..1], "retry").await;
    assert_eq!((&refused["retried"], &refused["parked"]), (&json!(0), &json!(1)));
    ack(&client, "work", &third[1..]).await;
    ack(&client, "work", &second).await;
    assert_eq!(standing(&client, "work").await, [8, 0, 0, 1], "what does not match is passed over");
    let shown = client.get("/subscriptions/work").await.data();
    let parked = &shown["parked_events"][0];
    assert_eq!((&parked["id"], &parked["attempts"]), (&third[0]["id"], &json!(2)), "{shown}");

    let replayed = client.post("/subscriptions/work/replay_parked", json!({})).await.data();
    assert_eq!(replayed, json!({ "replayed": 1 }));
    let again = fetch(&client, "work", 9, 0).await;
    assert_eq!((numbers(&again, "position"), numbers(&again, "attempt")), (vec![1], vec![1]));
    assert_eq!(nack(&client, "work", &again, "park").await["parked"], 1);
    assert_eq!(nack(&client, "work", &again, "skip").await["skipped"], 1, "what is parked is let go of so");
    assert_eq!(standing(&client, "work").await, [8, 0, 0, 0]);
    assert!(fetch(&client, "work", 9, 0).await.is_empty());

    let deleted = client.delete("/subscriptions/work").await.data();
    assert_eq!(deleted["name"], "work");
    assert_eq!(client.get("/subscriptions/work").await.status, 404);
    put(&client, "work", definition).await;
    assert_eq!(
        numbers(&fetch(&client, "work", 9, 0).await, "position"),
        [1, 2, 3, 4],
        "it remembers nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_woken_by_the_log_by_time_and_by_what_others_say() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let definition = |timeout: f64| json!({ "pql": "SUBSCRIBE events WHERE type = 'A'", "max_in_flight": 1, "ack_timeout_s": timeout });
    put(&client, "w", definition(600.0)).await;
    let wait = |client: &Client| {
        let client = client.clone();
        tokio::spawn(async move { fetch(&client, "w", 5, 30_000).await })
    };
    // By the log.
    let waiting = wait(&client);
    append(&client, "s", "B", 1).await;
    append(&client, "s", "A", 2).await;
    let first = waiting.await.unwrap();
    assert_eq!(numbers(&first, "position"), [2]);
    // By an acknowledgement, which frees a hand.
    let waiting = wait(&client);
    ack(&client, "w", &first).await;
    let second = waiting.await.unwrap();
    assert_eq!(numbers(&second, "position"), [3]);
    // By a refusal.
    let waiting = wait(&client);
    nack(&client, "w", &second, "retry").await;
    let third = waiting.await.unwrap();
    assert_eq!((numbers(&third, "position"), numbers(&third, "attempt")), (vec![3], vec![2]));
    // By time: what is refused with a delay, and what is not acknowledged.
    put(&client, "w", definition(0.1)).await;
    let body = json!({ "ids": ids(&third), "action": "retry", "delay_ms": 100 });
    client.post("/subscriptions/w/nack", body).await.data();
    assert!(fetch(&client, "w", 5, 0).await.is_empty(), "not yet");
    for attempt in 3..=5 {
        let given = wait(&client).await.unwrap();
        assert_eq!((numbers(&given, "position"), numbers(&given, "attempt")), (vec![3], vec![attempt]));
    }
    let parked = || async { (standing(&client, "w").await == [3, 0, 0, 1]).then_some(()) };
    wait::until("five attempts park it", LIMIT, parked).await;
    // Not at all.
    assert!(fetch(&client, "w", 5, 50).await.is_empty());
    // By its end.
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.post("/subscriptions/w/fetch", json!({ "wait_ms": 30_000 })).await })
    };
    client.delete("/subscriptions/w").await.data();
    assert_eq!(waiting.await.unwrap().code(), "ERR_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_of_a_stream_are_never_in_two_hands() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    put(&client, "o", json!({ "pql": "SUBSCRIBE events", "from": 0, "order_by": "stream" })).await;
    for stream in ["a", "b", "a", "a"] {
        append(&client, stream, "X", 1).await;
    }
    let first = fetch(&client, "o", 1, 0).await;
    let others = fetch(&client, "o", 9, 0).await;
    assert_eq!((numbers(&first, "position"), numbers(&others, "position")), (vec![1], vec![2]));
    assert!(fetch(&client, "o", 9, 0).await.is_empty());
    nack(&client, "o", &first, "retry").await;
    let all = fetch(&client, "o", 9, 0).await;
    assert_eq!(numbers(&all, "position"), [1, 3, 4], "what comes again comes before what is after it");
    nack(&client, "o", &all[..1], "park").await;
    ack(&client, "o", &all[1..]).await;
    assert_eq!(standing(&client, "o").await, [1, 3, 1, 1], "what is parked holds nobody up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_is_there_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let client = server.client();
    append(&client, "s", "A", 10).await;
    let definition =
        json!({ "pql": "SUBSCRIBE events", "from": "start", "max_attempts": 3, "ack_timeout_s": 600 });
    put(&client, "k", definition.clone()).await;
    let all = fetch(&client, "k", 10, 0).await;
    ack(&client, "k", &all[..3]).await;
    ack(&client, "k", &all[5..6]).await;
    nack(&client, "k", &all[3..4], "retry").await;
    nack(&client, "k", &all[6..7], "park").await;
    let before = standing(&client, "k").await;
    assert_eq!(before, [3, 7, 4, 1]);

    server.kill9();
    let server = Server::start(dir.path());
    let client = server.client();
    assert_eq!(standing(&client, "k").await, [3, 7, 0, 1], "what was in hands is in nobody's");
    // Somebody is done with one that they were given before: nobody gets it again.
    assert_eq!(ack(&client, "k", &all[9..]).await, json!({ "acked": 1, "already": 0 }));
    assert_eq!(put(&client, "k", definition).await["position"], 3, "the same as before");
    let again = fetch(&client, "k", 10, 0).await;
    assert_eq!(numbers(&again, "position"), [4, 5, 8, 9]);
    assert_eq!(numbers(&again, "attempt"), [2, 1, 1, 1], "a delivery that nobody ended is not counted");
    ack(&client, "k", &again).await;
    client.post("/subscriptions/k/replay_parked", json!({})).await.data();
    let last = fetch(&client, "k", 10, 0).await;
    assert_eq!(numbers(&last, "position"), [7]);
    ack(&client, "k", &last).await;
    assert_eq!(standing(&client, "k").await, [10, 0, 0, 0]);
}

/// Most that one server keeps.
const SUBSCRIPTIONS_MAX: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_as_there_may_be_and_one_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let client = server.client();
    let make = |client: Client, from: usize| async move {
        for number in (from..SUBSCRIPTIONS_MAX).step_by(20) {
            put(&client, &format!("s{number}"), json!({ "pql": "SUBSCRIBE events" })).await;
        }
    };
    let makers: Vec<_> = (0..20).map(|from| tokio::spawn(make(client.clone(), from))).collect();
    for maker in makers {
        maker.await.unwrap();
    }
    let more = json!({ "pql": "SUBSCRIBE events" });
    let one_more = || client.call("PUT", "/subscriptions/more", &more);
    let refused = one_more().await;
    assert_eq!((refused.status, refused.code()), (503, "ERR_UNAVAILABLE"));
    put(&client, "s7", json!({ "pql": "SUBSCRIBE events", "max_attempts": 9 })).await;
    client.delete("/subscriptions/s8").await.data();
    assert!(one_more().await.ok());
    server.kill9();
    let server = Server::start(dir.path());
    let rows =
        server.client().query("SELECT name, max_attempts FROM subscriptions WHERE max_attempts = 9").await;
    assert_eq!(rows.texts("name"), ["s7"]);
    let count = server.client().query("SELECT count(*) AS n FROM subscriptions").await;
    assert_eq!(count.column("n"), [json!(SUBSCRIPTIONS_MAX)]);
}
