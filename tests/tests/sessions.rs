//! Sessions, leases that are handed over, and claims that wait, against a real server.

use agentpm_tests::{Client, Options, Server, time, wait};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What should happen at once has happened within it, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(30);

/// A server whose sessions may be silent for so long.
fn server(dir: &tempfile::TempDir, timeout_s: u32) -> Server {
    let environment = vec![("AGENTPM_SESSION_TIMEOUT_S".to_owned(), timeout_s.to_string())];
    Server::start_with(dir.path(), Options { environment, ..Options::default() })
}

async fn start(client: &Client, id: &str, agent: &str) -> Value {
    client.post("/sessions/start", json!({ "id": id, "agent_id": agent })).await.data()
}

async fn task(client: &Client, id: &str) {
    client.post("/tasks", json!({ "id": id, "title": id })).await.data();
}

/// A claim in a session; the lease.
async fn claim(client: &Client, agent: &str, session: &str) -> Value {
    let body = json!({ "agent_id": agent, "session_id": session });
    client.post("/tasks/claim", body).await.data()["lease"].clone()
}

async fn status(client: &Client, task: &str) -> String {
    client.get(&format!("/tasks/{task}")).await.data()["status"].as_str().unwrap().to_owned()
}

/// How long after the session's last sign of life it ended, in the log, in seconds; and its reason.
async fn ended_after(client: &Client, session: &str) -> (f64, String) {
    let events = client.events().await;
    let of = |kind: &str| {
        let mut of = events
            .iter()
            .filter(|event| event["type"] == kind && event["stream"] == format!("session-{session}"));
        of.next_back().cloned()
    };
    let ended = of("SessionEnded").expect("it has ended");
    let heard = of("SessionHeartbeat").or_else(|| of("SessionStarted")).expect("it began");
    let at = |event: &Value| time::micros(event["time"].as_str().unwrap());
    ((at(&ended) - at(&heard)) as f64 / 1e6, ended["data"]["reason"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_session_is_lost_within_a_second_and_its_work_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 2);
    let client = server.client();
    start(&client, "s", "bob").await;
    task(&client, "t").await;
    let lease = claim(&client, "bob", "s").await;
    // Whoever waits for work has it as soon as the session is lost; the lease would have held for ten minutes.
    let next = client.post("/tasks/claim", json!({ "agent_id": "eve", "wait_ms": 20_000 })).await.data();
    assert_eq!((&next["task"]["id"], &next["lease"]["fence"]), (&json!("t"), &json!(2)));
    let (after, reason) = ended_after(&client, "s").await;
    assert!((2.0..3.0).contains(&after), "lost {after} s after its last sign of life");
    assert_eq!(reason, "lost");
    // All of it in one commit.
    let events = client.events().await;
    let at = events.iter().position(|event| event["type"] == "SessionEnded").unwrap();
    let kinds: Vec<_> = events[at..at + 4].iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["SessionEnded", "RunReleased", "LeaseReleased", "TaskStatusChanged"]);
    let refused = client.post("/tasks/t/complete", json!({ "lease_id": lease["id"] })).await;
    assert_eq!((refused.status, refused.code()), (423, "ERR_LEASE_EXPIRED"));
    let refused = client.post("/sessions/s/heartbeat", json!({})).await;
    assert_eq!((refused.status, refused.code()), (409, "ERR_INVALID_STATE"));
    let row = client.query("SELECT * FROM sessions").await;
    assert_eq!(row.column("status"), ["closed"]);
    let was = client.query("SELECT status FROM sessions HISTORY").await;
    assert!(was.column("status").contains(&json!("active")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_holds_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let before = server(&dir, 3);
    let client = before.client();
    start(&client, "s", "bob").await;
    task(&client, "t").await;
    claim(&client, "bob", "s").await;
    let after = before.restart();
    let client = after.client();
    assert_eq!(status(&client, "t").await, "in_progress");
    wait::until("the session is lost", LIMIT, || async {
        (status(&client, "t").await == "open").then_some(())
    })
    .await;
    let (after, reason) = ended_after(&client, "s").await;
    assert!(after >= 3.0 && reason == "lost", "{after} {reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_and_writes_keep_a_session_and_its_leases() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 2);
    let client = server.client();
    client.post("/agents/register", json!({ "id": "bob", "name": "Bob" })).await.data();
    start(&client, "s", "bob").await;
    task(&client, "t").await;
    let body = json!({ "agent_id": "bob", "session_id": "s", "lease_s": 3 });
    let lease = client.post("/tasks/claim", body).await.data()["lease"].clone();
    // Twice as long as either would last by itself: now a heartbeat, now a write under the lease that names no session.
    let (began, beats) = (Instant::now(), AtomicU64::new(0));
    wait::until("it was kept alive for so long", LIMIT, || async {
        let n = beats.fetch_add(1, Ordering::Relaxed);
        if n % 2 == 0 {
            let told = client.post("/sessions/s/heartbeat", json!({})).await.data();
            assert_eq!(
                (&told["directive"], &told["session"]["status"]),
                (&json!("continue"), &json!("active"))
            );
            assert_eq!(told["leases"][0]["task_id"], "t");
            assert!(told["leases"][0]["expires_at"].as_str() >= lease["expires_at"].as_str());
        } else {
            let body = json!({ "priority": n % 5, "lease_id": lease["id"] });
            client.patch("/tasks/t", body).await.data();
        }
        (began.elapsed() > Duration::from_secs(6)).then_some(())
    })
    .await;
    assert_eq!(status(&client, "t").await, "in_progress");
    let seen = client.get("/agents/bob").await.data()["last_seen_at"].clone();
    let heard = client.query("SELECT last_heartbeat_at FROM sessions").await.column("last_heartbeat_at");
    assert!(seen.as_str() >= heard[0].as_str(), "{seen} {heard:?}");
    let shown = client.get("/tasks/t?include=sessions,leases").await.data();
    assert_eq!(shown["sessions"][0]["id"], "s");
    client.post("/sessions/s/end", json!({})).await.data();
    assert_eq!(status(&client, "t").await, "open");
    assert_eq!(ended_after(&client, "s").await.1, "ended");
}

/// How often a session was said to be alive.
async fn beats(client: &Client) -> usize {
    client.events().await.iter().filter(|event| event["type"] == "SessionHeartbeat").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_work_keeps_its_session() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 2);
    let client = server.client();
    task(&client, "held").await;
    start(&client, "s", "bob").await;
    claim(&client, "bob", "s").await;
    // Twice as long as the session would last by itself, and longer, many at once, one of them by the header and with a key.
    let began = Instant::now();
    let mut waits = tokio::task::JoinSet::new();
    for n in 0..20 {
        let client = client.clone();
        waits.spawn(async move {
            let mut body = json!({ "agent_id": "bob", "wait_ms": 4_500 });
            let mut request = client.request("POST", "/tasks/claim");
            if n == 0 {
                request = request.header("agentpm-session", "s").header("idempotency-key", "k");
            } else {
                body["session_id"] = json!("s");
            }
            client.send(request.json(&body)).await.data()
        });
    }
    while let Some(nothing) = waits.join_next().await {
        assert_eq!(nothing.unwrap(), Value::Null);
    }
    assert!(began.elapsed() >= Duration::from_millis(4_500));
    assert_eq!(status(&client, "held").await, "in_progress");
    // One each half of its time, however many wait; a claim that comes says so besides.
    let (told, halves) = (beats(&client).await, began.elapsed().as_secs() as usize);
    assert!((2..=halves + 2).contains(&told), "{told} heartbeats in {halves} halves of the session's time");
    // Its end is told to who waits in it, once it would be heard again.
    let waiting = client.clone();
    let wait = tokio::spawn(async move {
        let body = json!({ "agent_id": "bob", "session_id": "s", "wait_ms": 30_000 });
        waiting.post("/tasks/claim", body).await
    });
    client.post("/sessions/s/end", json!({})).await.data();
    let refused = wait.await.unwrap();
    // Unless it came after the end, what was given back was there to take.
    if refused.status == 200 {
        assert_eq!(refused.body["data"]["task"]["id"], "held");
    } else {
        assert_eq!((refused.status, refused.code()), (409, "ERR_INVALID_STATE"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_call_in_a_session_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 2);
    let client = server.client();
    let calls = [
        ("claim", "/tasks/claim", json!({ "agent_id": "bob" })),
        ("statement", "/query", json!({ "pql": "CLAIM next_task FOR 'bob'" })),
        ("append", "/append", json!({ "appends": [{ "stream": "x", "events": [{ "type": "Said" }] }] })),
        ("stream", "/streams/x/events", json!({ "events": [{ "type": "Said" }] })),
        (
            "batch",
            "/batch",
            json!({ "ops": [{ "op": "append", "data": { "appends": [{ "stream": "x", "events": [{ "type": "Said" }] }] } }] }),
        ),
        ("query", "/query", json!({ "pql": "SELECT id FROM tasks" })),
    ];
    for (session, ..) in &calls {
        start(&client, session, "bob").await;
    }
    let began = Instant::now();
    wait::until("they were kept for so long", LIMIT, || async {
        for (session, path, body) in &calls {
            let request = client.request("POST", path).header("agentpm-session", *session);
            client.send(request.json(body)).await.data();
        }
        (began.elapsed() > Duration::from_secs(5)).then_some(())
    })
    .await;
    let rows = client.query("SELECT DISTINCT status FROM sessions").await;
    assert_eq!(rows.texts("status"), ["active"]);
    let bound = calls.len() * (began.elapsed().as_secs() as usize + 1);
    assert!(beats(&client).await <= bound, "no more than one in half of a session's time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_a_claim_that_found_nothing_in_a_session_claims_later() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 1);
    let client = server.client();
    start(&client, "s", "bob").await;
    let claim = async |key: &str, wait_ms: u32| {
        let body = json!({ "agent_id": "bob", "session_id": "s", "wait_ms": wait_ms });
        let request = client.request("POST", "/tasks/claim").header("idempotency-key", key);
        client.send(request.json(&body)).await.data()
    };
    // It is heard of, which is written; nothing was claimed, so no answer is kept.
    wait::until("an empty claim was heard of", LIMIT, || async {
        assert_eq!(claim("k", 0).await, Value::Null);
        (beats(&client).await > 0).then_some(())
    })
    .await;
    task(&client, "t").await;
    let claimed = claim("k", 0).await;
    assert_eq!(claimed["task"]["id"], "t");
    assert_eq!(claim("k", 0).await, claimed);
    // So it is with one that waits.
    let heard = beats(&client).await;
    let work = async {
        wait::until("who waits was heard of", LIMIT, || async {
            (beats(&client).await > heard).then_some(())
        })
        .await;
        task(&client, "u").await;
    };
    let (claimed, ()) = tokio::join!(claim("l", 30_000), work);
    assert_eq!(claimed["task"]["id"], "u");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 60);
    let client = server.client();
    start(&client, "s", "bob").await;
    for id in ["a", "b", "c"] {
        task(&client, id).await;
    }
    let mut leases = Vec::new();
    for _ in 0..3 {
        leases.push(claim(&client, "bob", "s").await["id"].clone());
    }
    task(&client, "x").await;
    let edge = json!({ "from_task_id": "x", "to_task_id": "b", "type": "blocks" });
    client.post("/relationships", edge).await.data();
    client.post("/tasks/c/transition", json!({ "status": "cancelled", "override": true })).await.data();
    let told = client.post("/sessions/s/heartbeat", json!({ "leases": leases })).await.data();
    assert_eq!(told["directive"], "cancel", "the worst");
    let directive = |task: &str| {
        let of = |told: &&Value| told["task_id"] == task;
        told["leases"].as_array().unwrap().iter().find(of).unwrap()["directive"].clone()
    };
    assert_eq!(["a", "b", "c"].map(directive), ["continue", "pause", "cancel"]);
    // One that names no leases tells of that which was taken, once; also with a key, and over a restart.
    let server = server.restart();
    let client = server.client();
    let beat =
        client.request("POST", "/sessions/s/heartbeat").header("idempotency-key", "k").json(&json!({}));
    let told = client.send(beat).await.data();
    assert_eq!((&told["directive"], told["leases"].as_array().unwrap().len()), (&json!("cancel"), 3));
    let over = told["leases"].as_array().unwrap().iter().find(|told| told["directive"] == "cancel").unwrap();
    assert_eq!((&over["task_id"], over["expires_at"].is_string()), (&json!("c"), true));
    let told = client.post("/sessions/s/heartbeat", json!({})).await.data();
    assert_eq!((&told["directive"], told["leases"].as_array().unwrap().len()), (&json!("pause"), 2));
    let progress = json!({ "progress": [{ "task_id": "a", "items": ["first"] }] });
    client.post("/sessions/s/heartbeat", progress).await.data();
    let items = client.query("SELECT id FROM progress_items WHERE task_id = 'a'").await;
    let done = json!({ "progress": [{ "id": items.column("id")[0], "completed": true }] });
    client.post("/sessions/s/heartbeat", done).await.data();
    assert_eq!(client.query("SELECT completed FROM progress_items").await.column("completed"), [true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_handed_a_lease_over_has_it_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 60);
    let client = server.client();
    client.post("/agents/register", json!({ "id": "eve-2", "name": "Eve" })).await.data();
    start(&client, "s1", "bob").await;
    start(&client, "s2", "eve").await;
    task(&client, "t").await;
    let lease = claim(&client, "bob", "s1").await;
    let id = lease["id"].as_str().unwrap();
    let transfer = format!("/leases/{id}/transfer");
    // To nobody it is not handed; who has a session of its own is there, registered or not.
    let nobody = client.post(&transfer, json!({ "agent_id": "eve2" })).await;
    assert_eq!((nobody.status, nobody.code()), (404, "ERR_NOT_FOUND"));
    assert_eq!(nobody.error()["hint"], "did you mean `eve-2`?");
    let handed = client.post(&transfer, json!({ "agent_id": "eve", "session_id": "s2" })).await.data();
    let theirs = handed["id"].as_str().unwrap();
    assert_ne!(theirs, id, "the former holder knows the old one");
    assert_eq!(
        (&handed["fence"], &handed["agent_id"], &handed["session_id"], &handed["status"]),
        (&json!(2), &json!("eve"), &json!("s2"), &json!("active"))
    );
    let rows = client.query("SELECT id, status, fence FROM leases ORDER BY fence").await;
    assert_eq!(
        (rows.texts("id"), rows.texts("status")),
        (vec![id.to_owned(), theirs.to_owned()], vec!["released".to_owned(), "active".to_owned()])
    );
    let shown = client.get("/tasks/t?include=runs").await.data();
    assert_eq!((&shown["owner_agent_id"], &shown["status"]), (&json!("eve"), &json!("in_progress")));
    let runs: Vec<_> = shown["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            (run["agent_id"].as_str().unwrap(), run["status"].as_str().unwrap(), run["attempt"].clone())
        })
        .collect();
    assert_eq!(runs.len(), 2);
    assert!(runs.contains(&("bob", "released", json!(1))) && runs.contains(&("eve", "running", json!(1))));
    // The old id is good for nothing, whoever uses it and whatever they say they are; nor is the old fence.
    let ask = async |agent: Option<&str>, method: &str, path: &str, body: Value| {
        let request = client.request(method, path).json(&body);
        let request =
            agent.into_iter().fold(request, |request, agent| request.header("agentpm-agent", agent));
        client.send(request).await
    };
    for (agent, lease) in [(None, id), (Some("bob"), id), (Some("eve"), id), (Some("bob"), theirs)] {
        let held = json!({ "lease_id": lease });
        let run = format!("/runs/{}/events", shown["runs"][0]["id"].as_str().unwrap());
        let calls = [
            ("POST", "/tasks/t/complete".to_owned(), held.clone()),
            ("PATCH", "/tasks/t".to_owned(), json!({ "title": "u", "lease_id": lease })),
            (
                "POST",
                "/progress_items".to_owned(),
                json!({ "task_id": "t", "items": ["x"], "lease_id": lease }),
            ),
            ("POST", run, json!({ "lease_id": lease, "events": [{ "type": "X" }] })),
            ("PATCH", format!("/leases/{lease}/renew"), json!({})),
            ("POST", format!("/leases/{lease}/transfer"), json!({ "agent_id": "zoe" })),
            ("DELETE", format!("/leases/{lease}"), json!({})),
        ];
        for (method, path, body) in calls {
            let refused = ask(agent, method, &path, body).await;
            assert_eq!(
                (refused.status, refused.code()),
                (423, "ERR_LEASE_EXPIRED"),
                "{agent:?} {method} {path}"
            );
        }
    }
    let refused = ask(Some("bob"), "POST", "/tasks/t/complete", json!({ "lease_id": id })).await;
    assert_eq!(refused.error()["details"]["holder"], "eve");
    let stale = json!({ "lease_id": theirs, "fence": 1 });
    let refused = ask(Some("eve"), "POST", "/tasks/t/complete", stale).await;
    assert_eq!((refused.status, refused.code()), (423, "ERR_LEASE_EXPIRED"));
    // The former session takes nothing of it along.
    client.post("/sessions/s1/end", json!({})).await.data();
    let good = json!({ "lease_id": theirs, "fence": 2 });
    ask(Some("eve"), "POST", "/tasks/t/complete", good).await.data();
    assert_eq!(status(&client, "t").await, "completed");
}

/// Whatever is asked with it, by the call itself or in a batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_over_says_whose_the_task_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 60);
    let client = server.client();
    task(&client, "t").await;
    let acquire = async |agent: &str| {
        client.post("/leases", json!({ "task_id": "t", "agent_id": agent })).await.data()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let lease = acquire("bob").await;
    let run = client.query("SELECT id FROM runs").await.texts("id").remove(0);
    client.request("DELETE", &format!("/leases/{lease}")).send().await.unwrap();
    let refusals = async || {
        let mut refusals = Vec::new();
        let calls = [
            ("POST", "/tasks/t/complete".to_owned(), json!({ "lease_id": lease })),
            ("PATCH", format!("/leases/{lease}/renew"), json!({})),
            ("POST", format!("/leases/{lease}/transfer"), json!({ "agent_id": "eve" })),
            ("DELETE", format!("/leases/{lease}"), json!({})),
            (
                "POST",
                format!("/runs/{run}/events"),
                json!({ "lease_id": lease, "events": [{ "type": "Said" }] }),
            ),
            (
                "POST",
                "/batch".to_owned(),
                json!({ "ops": [{ "op": "renew_lease", "data": { "id": lease } }] }),
            ),
        ];
        for (method, path, body) in calls {
            let refused = client.send(client.request(method, &path).json(&body)).await;
            assert_eq!((refused.status, refused.code()), (423, "ERR_LEASE_EXPIRED"), "{path}");
            refusals.push(refused.error().clone());
        }
        let ops = json!([{ "op": "release_lease", "data": { "id": lease } }]);
        for key in ["", "k"] {
            let request = client.request("POST", "/batch").json(&json!({ "ops": ops, "atomic": false }));
            let request = if key.is_empty() { request } else { request.header("idempotency-key", key) };
            let result = client.send(request).await.data()["results"][0].clone();
            refusals.push(result["error"].clone());
        }
        refusals
    };
    for error in refusals().await {
        assert_eq!((&error["details"]["task_id"], &error["details"]["holder"]), (&json!("t"), &Value::Null));
        assert_eq!(error["next"][0], "agentpm lease acquire --task-id t --agent-id bob", "{error}");
    }
    let theirs = acquire("eve").await;
    for error in refusals().await {
        assert_eq!(error["details"]["holder"], "eve", "{error}");
        assert!(error["details"]["expires_at"].is_string(), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("`eve` holds it now"), "{error}");
        assert_eq!(error["next"], json!(["agentpm task get t"]));
    }
    let held = client.post("/leases", json!({ "task_id": "t", "agent_id": "bob" })).await;
    assert_eq!((held.status, held.code()), (409, "ERR_CONFLICT"));
    assert_eq!(held.error()["next"], json!(["agentpm task get t"]));
    assert!(held.error()["hint"].as_str().unwrap().contains("`eve` holds it"));
    client.post("/tasks/t/complete", json!({ "lease_id": theirs })).await.data();
    for error in refusals().await {
        assert_eq!(error["details"]["holder"], Value::Null, "{error}");
        assert!(error["hint"].as_str().unwrap().contains("it is completed now"), "{error}");
        assert_eq!(error["next"], json!(["agentpm task get t"]));
    }
    let over = client.post("/leases", json!({ "task_id": "t", "agent_id": "bob" })).await;
    assert_eq!((over.status, over.code()), (409, "ERR_INVALID_STATE"));
    assert_eq!(over.error()["next"], json!(["agentpm task get t"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_good_for_its_holder_alone() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 60);
    let client = server.client();
    task(&client, "t").await;
    let lease = client.post("/tasks/claim", json!({ "agent_id": "bob" })).await.data()["lease"].clone();
    let update = async |agent: Option<&str>, body: Value| {
        let request = client.request("PATCH", "/tasks/t").json(&body);
        let request =
            agent.into_iter().fold(request, |request, agent| request.header("agentpm-agent", agent));
        client.send(request).await
    };
    let held = |title: &str| json!({ "title": title, "lease_id": lease["id"] });
    let refused = update(Some("eve"), held("a")).await;
    assert_eq!((refused.status, refused.code()), (423, "ERR_LEASE_EXPIRED"));
    assert_eq!(refused.error()["details"]["holder"], "bob");
    update(Some("bob"), held("b")).await.data();
    update(None, held("c")).await.data();
    // It is let through when it says so, and that is on record.
    let mut said = held("d");
    said["override"] = json!(true);
    update(Some("eve"), said).await.data();
    let over: Vec<_> =
        client.events().await.into_iter().filter(|event| event["type"] == "LeaseOverride").collect();
    assert_eq!((over.len(), &over[0]["data"]["by"]), (1, &json!("eve")));
    // Each operation of a batch as the call by itself.
    let ops = json!([{ "op": "update_task", "data": { "id": "t", "title": "e", "lease_id": lease["id"] } }]);
    let request = client.request("POST", "/batch").header("agentpm-agent", "eve");
    let refused = client.send(request.json(&json!({ "ops": ops }))).await;
    assert_eq!((refused.status, refused.code()), (423, "ERR_LEASE_EXPIRED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_in_a_session_is_written_by_its_agent() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 60);
    let client = server.client();
    start(&client, "s", "bob").await;
    start(&client, "over", "bob").await;
    client.post("/sessions/over/end", json!({})).await.data();
    let head = client.head().await;
    let write = async |session: &str, agent: Option<&str>, path: &str, body: &Value| {
        let request = client.request("POST", path).header("agentpm-session", session).json(body);
        let request =
            agent.into_iter().fold(request, |request, agent| request.header("agentpm-agent", agent));
        client.send(request).await
    };
    let event = json!({ "events": [{ "type": "Said" }] });
    let append =
        json!({ "op": "append", "data": { "appends": [{ "stream": "x", "events": [{ "type": "Said" }] }] } });
    let writes = [
        ("/tasks", json!({ "title": "t" })),
        ("/agents/register", json!({ "name": "z" })),
        ("/streams/x/events", event),
        ("/append", append["data"].clone()),
        ("/batch", json!({ "ops": [{ "op": "create_task", "data": { "title": "t" } }] })),
        ("/batch", json!({ "ops": [append] })),
    ];
    for (path, body) in &writes {
        for (session, agent, status, code) in [
            ("none", Some("bob"), 404, "ERR_NOT_FOUND"),
            ("over", Some("bob"), 409, "ERR_INVALID_STATE"),
            ("s", Some("eve"), 400, "ERR_VALIDATION"),
        ] {
            let refused = write(session, agent, path, body).await;
            assert_eq!((refused.status, refused.code()), (status, code), "{path} {session} {agent:?}");
        }
    }
    assert_eq!(client.head().await, head);
    for (path, body) in &writes {
        for agent in [Some("bob"), None] {
            write("s", agent, path, body).await.data();
            let last = client.events().await.pop().unwrap();
            assert_eq!(last["metadata"]["session_id"], "s", "{path} {last}");
        }
    }
    // What was done in time has its answer still, also when the session is over meanwhile.
    let again = async |key: usize, path: &str, body: &Value| {
        let request =
            client.request("POST", path).header("agentpm-session", "s").header("idempotency-key", key);
        client.send(request.json(body)).await
    };
    let known = json!({ "events": [{ "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "type": "Said" }] });
    let mut first = Vec::new();
    for (key, (path, body)) in writes.iter().enumerate() {
        first.push(again(key, path, body).await.data());
    }
    let appended = write("s", None, "/streams/y/events", &known).await.data();
    let refused = write("s", None, "/tasks/claim", &json!({ "agent_id": "eve" })).await;
    assert_eq!((refused.status, refused.code()), (400, "ERR_VALIDATION"));
    let refused = write("s", Some("eve"), "/sessions/s/heartbeat", &json!({})).await;
    assert_eq!((refused.status, refused.code()), (400, "ERR_VALIDATION"));
    client.post("/sessions/s/end", json!({})).await.data();
    for (key, (path, body)) in writes.iter().enumerate() {
        assert_eq!(again(key, path, body).await.data(), first[key], "{path}");
    }
    assert_eq!(write("s", None, "/streams/y/events", &known).await.data(), appended);
    let refused = write("s", None, "/streams/y/events", &json!({ "events": [{ "type": "Said" }] })).await;
    assert_eq!((refused.status, refused.code()), (409, "ERR_INVALID_STATE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_wait_over_http_and_in_a_socket() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, 60);
    let client = server.client();
    let mut socket = server.connect().await;
    let body = json!({ "agent_id": "bob", "wait_ms": 30_000 });
    socket
        .send(json!({ "op": "request", "req": "r", "method": "POST", "path": "/tasks/claim", "body": body }))
        .await;
    // The answer to a ping tells that the call before it was taken.
    socket.send(json!({ "op": "ping" })).await;
    socket.expect("pong").await;
    task(&client, "t").await;
    let began = Instant::now();
    let answer = socket.expect("response").await;
    assert_eq!(answer["body"]["data"]["task"]["id"], "t");
    assert!(began.elapsed() < LIMIT);
    // Sent again while it waits, it waits for the first's answer; another under the same key hears that it is another.
    let claim = |req: &str, agent: &str| {
        json!({
            "op": "request", "req": req, "method": "POST", "path": "/tasks/claim",
            "headers": { "Idempotency-Key": "k", "Agentpm-Agent": "bob" },
            "body": { "agent_id": "bob", "wait_ms": 30_000, "where": format!("owner_agent_id IS NULL OR id = '{agent}'") },
        })
    };
    for (req, place) in [("1", "x"), ("2", "x"), ("3", "y")] {
        socket.send(claim(req, place)).await;
    }
    socket.send(json!({ "op": "ping" })).await;
    socket.expect("pong").await;
    let began = Instant::now();
    task(&client, "u").await;
    let mut leases = Vec::new();
    let mut refused = Vec::new();
    for _ in 0..3 {
        let answer = socket.expect("response").await;
        match &answer["body"]["error"]["code"] {
            Value::Null => leases.push(answer["body"]["data"]["lease"]["id"].clone()),
            code => refused.push(code.clone()),
        }
    }
    assert!(began.elapsed() < LIMIT);
    assert!(leases.iter().all(|lease| lease.is_string() && *lease == leases[0]), "{leases:?}");
    assert_eq!(leases.len() + refused.len(), 3);
    assert!(!refused.is_empty() && refused.iter().all(|code| code == "ERR_CONFLICT"), "{refused:?}");
    // Nothing comes: the wait ends.
    let none = client.post("/tasks/claim", json!({ "agent_id": "bob", "wait_ms": 300 })).await;
    assert_eq!(none.data(), Value::Null);
    let refused = client.post("/tasks/claim", json!({ "agent_id": "bob", "wait_ms": 30_001 })).await;
    assert_eq!(refused.error()["details"][0]["pointer"], "/wait_ms");
    // Who waits does not hold up the server's end.
    let waiting = client.clone();
    let claim = tokio::spawn(async move {
        let body = json!({ "agent_id": "bob", "wait_ms": 30_000 });
        waiting.post("/tasks/claim", body).await.data()
    });
    client.get("/healthz").await;
    let mut server = server;
    let began = Instant::now();
    assert!(server.stop().success());
    assert!(began.elapsed() < LIMIT);
    // It was answered, or had not been taken yet.
    if let Ok(data) = claim.await {
        assert_eq!(data, Value::Null);
    }
}
