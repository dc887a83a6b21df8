//! Many wait, and the claims that are tried are counted.

use super::dispatch;
use crate::app::{App, Shared, context};
use crate::context::Provenance;
use crate::http::front::Front;
use crate::metrics::Metrics;
use crate::server::Config;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use domain::Work;
use query::Engine;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use store::{Append, ExpectedRevision, NewEvent, Store, StreamWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What should happen at once has happened within it, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(30);

struct Desk {
    app: Shared,
    front: Front,
    _dir: tempfile::TempDir,
}

impl Desk {
    /// A server without doors, that follows the log for those who wait.
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), Work::new(), store::Options::default()).unwrap();
        let engine = Engine::new(store, query::Options::default()).unwrap();
        let app = App::new(
            engine.clone(),
            crate::durable::Durable::at(&engine, dir.path()),
            Metrics::default(),
            &Config::at(dir.path()),
        );
        tokio::spawn(dispatch(app.clone()));
        Self { front: Front::new(app.clone()), app, _dir: dir }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        post(self.front.clone(), path.to_owned(), body).await
    }

    /// A claim that waits, in a task of its own.
    fn wait(&self, claims: &mut JoinSet<(usize, Value)>, number: usize, more: Value) {
        let mut body = json!({ "agent_id": format!("a{number}"), "wait_ms": 30_000 });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let front = self.front.clone();
        claims.spawn(async move { (number, post(front, "/tasks/claim".to_owned(), body).await) });
    }

    /// Until so many wait and all of them have been tried: then nothing happens by itself.
    async fn still(&self, waiters: usize, tries: u64) {
        let quiet = async {
            while self.app.waiting.count() != waiters || self.app.waiting.tries() < tries {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, quiet).await.unwrap_or_else(|_| {
            panic!(
                "{} wait of {waiters}, {} tries of {tries}",
                self.app.waiting.count(),
                self.app.waiting.tries()
            )
        });
    }
}

async fn post(front: Front, path: String, body: Value) -> Value {
    let mut request = Request::new(Body::from(body.to_string()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().unwrap();
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let response = front.call("r", request).await;
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["ok"], true, "{path} {answer}");
    answer["data"].clone()
}

async fn next(claims: &mut JoinSet<(usize, Value)>) -> (usize, Value) {
    timeout(LIMIT, claims.join_next()).await.expect("somebody has work").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_wakes_one_of_fifty() {
    const WAITERS: usize = 50;
    let desk = Desk::open();
    let mut claims = JoinSet::new();
    for number in 0..WAITERS {
        desk.wait(&mut claims, number, json!({}));
        // One after another, so that it is known who came first.
        desk.still(number + 1, number as u64 + 1).await;
    }
    for number in 0..WAITERS {
        // What is nobody's business wakes nobody.
        desk.post("/agents/register", json!({ "id": "other", "name": format!("n{number}") })).await;
        desk.post("/tasks", json!({ "id": format!("hard{number}"), "title": "t", "caps": ["none has it"] }))
            .await;
        desk.post("/tasks", json!({ "id": format!("t{number}"), "title": "t" })).await;
        let (who, claimed) = next(&mut claims).await;
        assert_eq!((who, &claimed["task"]["id"]), (number, &json!(format!("t{number}"))));
    }
    // One when it came, one when there was work.
    assert_eq!(desk.app.waiting.tries(), 2 * WAITERS as u64);
    assert_eq!(desk.app.waiting.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_go_to_as_many() {
    const WAITERS: usize = 30;
    let desk = Desk::open();
    let mut claims = JoinSet::new();
    for number in 0..WAITERS {
        desk.wait(&mut claims, number, json!({}));
    }
    desk.still(WAITERS, WAITERS as u64).await;
    let mut made = JoinSet::new();
    for number in 0..WAITERS {
        let front = desk.front.clone();
        let task = json!({ "id": format!("t{number}"), "title": "t" });
        made.spawn(post(front, "/tasks".to_owned(), task));
    }
    let mut given = BTreeSet::new();
    for _ in 0..WAITERS {
        given.insert(next(&mut claims).await.1["task"]["id"].as_str().unwrap().to_owned());
    }
    made.join_all().await;
    assert_eq!(given.len(), WAITERS, "each went to one");
    let tries = desk.app.waiting.tries();
    assert!(tries <= 4 * WAITERS as u64, "{tries} tries for {WAITERS} tasks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_may_take_it_is_woken() {
    let desk = Desk::open();
    desk.post("/agents/register", json!({ "id": "a1", "name": "n", "caps": ["rust"] })).await;
    let mut claims = JoinSet::new();
    for number in 0..3 {
        desk.wait(&mut claims, number, json!({}));
        desk.still(number + 1, number as u64 + 1).await;
    }
    desk.post("/tasks", json!({ "id": "r", "title": "t", "caps": ["rust"] })).await;
    assert_eq!(next(&mut claims).await.0, 1);
    desk.post("/tasks", json!({ "id": "own", "title": "t", "owner_agent_id": "a2" })).await;
    assert_eq!(next(&mut claims).await.0, 2);
    assert_eq!(desk.app.waiting.tries(), 5);
    // The last learns something, and then there is work for it.
    desk.post("/tasks", json!({ "id": "s", "title": "t", "caps": ["sql"] })).await;
    desk.post("/agents/register", json!({ "id": "a0", "name": "n", "caps": ["sql"] })).await;
    assert_eq!(next(&mut claims).await.1["task"]["id"], "s");
    assert_eq!(desk.app.waiting.tries(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_predicate_that_refuses_passes_it_on() {
    let desk = Desk::open();
    let mut claims = JoinSet::new();
    for number in 0..5 {
        desk.wait(&mut claims, number, json!({ "where": format!("priority = {number}") }));
        desk.still(number + 1, number as u64 + 1).await;
    }
    desk.post("/tasks", json!({ "id": "t", "title": "t", "priority": 3 })).await;
    let (who, claimed) = next(&mut claims).await;
    assert_eq!((who, &claimed["task"]["id"]), (3, &json!("t")));
    // Those before it in the queue looked at it, and nobody after it.
    assert_eq!(desk.app.waiting.tries(), 5 + 4);
    // One that lies there is looked at again when it changes.
    desk.post("/tasks", json!({ "id": "u", "title": "t", "priority": 5 })).await;
    desk.still(4, 9 + 4).await;
    let update = json!({ "priority": 4, "expected_version": 1 });
    let mut request = Request::new(Body::from(update.to_string()));
    *request.method_mut() = Method::PATCH;
    *request.uri_mut() = "/tasks/u".parse().unwrap();
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    assert!(desk.front.call("r", request).await.status().is_success());
    assert_eq!(next(&mut claims).await.0, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_whose_time_comes_wakes_one() {
    let desk = Desk::open();
    let soon = |ms: i64| query_time(crate::clock::now().plus_ms(ms));
    // One before anybody waits, one after.
    desk.post("/tasks", json!({ "id": "t0", "title": "t", "not_before": soon(300) })).await;
    let mut claims = JoinSet::new();
    for number in 0..10 {
        desk.wait(&mut claims, number, json!({}));
        desk.still(number + 1, number as u64 + 1).await;
    }
    desk.post("/tasks", json!({ "id": "t1", "title": "t", "not_before": soon(600) })).await;
    let mut given: Vec<_> = Vec::new();
    for _ in 0..2 {
        given.push(next(&mut claims).await.1["task"]["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(given, ["t0", "t1"]);
    let tries = desk.app.waiting.tries();
    // The first may have come due while they were coming.
    assert!((12..=13).contains(&tries), "{tries} tries");
    // What ends a lease opens a task too.
    desk.app.stop.cancel();
    while let Some(ended) = claims.join_next().await {
        assert_eq!(ended.unwrap().1, Value::Null, "the server stops: nothing was given");
    }
    assert_eq!(desk.app.waiting.count(), 0);
}

fn query_time(at: store::Timestamp) -> String {
    crate::wire::time::rfc3339(at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_passes_on_what_it_was_woken_for() {
    let desk = Desk::open();
    let mut first = JoinSet::new();
    desk.wait(&mut first, 0, json!({}));
    desk.still(1, 1).await;
    let mut second = JoinSet::new();
    desk.wait(&mut second, 1, json!({}));
    desk.still(2, 2).await;
    first.shutdown().await;
    desk.still(1, 2).await;
    desk.post("/tasks", json!({ "id": "t", "title": "t" })).await;
    assert_eq!(next(&mut second).await.0, 1);
    // After a while without anybody it goes on as before.
    desk.post("/tasks", json!({ "id": "u", "title": "t", "caps": ["x"] })).await;
    desk.wait(&mut second, 2, json!({}));
    desk.still(1, 4).await;
    desk.post("/tasks", json!({ "id": "v", "title": "t" })).await;
    assert_eq!(next(&mut second).await.1["task"]["id"], "v");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_lease_that_outlived_its_tasks_status_wakes_one() {
    let desk = Desk::open();
    tokio::spawn(crate::timers::expire(desk.app.clone()));
    for (task, ttl_s) in [("given-back", 600), ("run-out", 1)] {
        desk.post("/tasks", json!({ "id": task, "title": "t" })).await;
        let lease = json!({ "task_id": task, "agent_id": "bob", "ttl_s": ttl_s });
        let lease = desk.post("/leases", lease).await;
        // As a merge leaves it: another node has opened it, and here it is leased.
        let event = NewEvent {
            id: None,
            stream: format!("task-{task}").into(),
            kind: "TaskStatusChanged".into(),
            data: r#"{"status":"open","owner_agent_id":null,"attempts":1}"#.into(),
            metadata: "{}".into(),
            tags: vec![format!("task:{task}").into()],
            time: None,
        };
        let write = StreamWrite {
            stream: event.stream.clone(),
            expected: ExpectedRevision::Any,
            events: vec![event],
        };
        let append = Append { writes: vec![write] };
        desk.app.store().append(context(&Provenance::default()), append).await.unwrap();
        let (mut claims, tries) = (JoinSet::new(), desk.app.waiting.tries());
        desk.wait(&mut claims, 0, json!({}));
        desk.still(1, tries + 1).await;
        if ttl_s > 1 {
            let mut request = Request::new(Body::empty());
            *request.method_mut() = Method::DELETE;
            *request.uri_mut() = format!("/leases/{}", lease["id"].as_str().unwrap()).parse().unwrap();
            assert!(desk.front.call("r", request).await.status().is_success());
        }
        assert_eq!(next(&mut claims).await.1["task"]["id"], task);
    }
}
