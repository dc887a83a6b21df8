//! A command that makes several events makes all of them or none, whenever the server is killed.

use agentpm_tests::{Client, Seed, Server, full, size};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

/// The longest and the shortest that a call is left alone before the server is killed. The test finds out
/// for itself what lies around the moment of the commit on this machine: after a call that was whole the
/// next one gets less, after one that did nothing more.
const LIFE_US_MAX: usize = 1_000_000;
const LIFE_US_MIN: usize = 2;
/// What the first call is left.
const LIFE_US: usize = 2_000;

/// A call that makes several events, of things that were made for it under a name of its own.
struct Command {
    name: &'static str,
    method: &'static str,
    path: String,
    body: Value,
}

/// Tasks in every state that the commands need, all of whose ids begin with `own`; and the commands.
async fn commands(client: &Client, own: &str) -> Vec<Command> {
    let id = |name: &str| format!("{own}-{name}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    client.post("/agents/register", json!({ "id": id("agent"), "name": "a", "caps": [own] })).await.data();
    client.post("/agents/register", json!({ "id": "another", "name": "another" })).await.data();
    let task = async |name: &str, more: Value| {
        let mut body = json!({ "id": id(name), "title": name, "caps": ["nobody"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.post("/tasks", body).await.data();
    };
    let lease = async |name: &str| {
        let body = json!({ "task_id": id(name), "agent_id": id("agent"), "ttl_s": 3_600 });
        text(&client.post("/leases", body).await.data()["id"])
    };
    for name in [
        "plain",
        "free",
        "parent",
        "other",
        "taken",
        "dropped",
        "cancelled",
        "blocked",
        "given",
        "late",
        "failed",
        "beaten",
        "left",
        "handed",
    ] {
        task(name, json!({ "max_attempts": 1 })).await;
    }
    for name in ["one", "two", "three", "offer"] {
        task(name, json!({ "caps": [own] })).await;
    }
    task("done", json!({})).await;
    for name in ["waits1", "waits2", "waits3"] {
        task(name, json!({ "blocked_by": [id("done")] })).await;
    }
    task("waits4", json!({ "blocked_by": [id("plain")] })).await;
    task("child", json!({ "parent_id": id("parent") })).await;
    let linked = client
        .query(&format!("SELECT id FROM relationships WHERE to_task_id = '{}'", id("waits4")))
        .await
        .texts("id")
        .remove(0);
    let note = client
        .post("/contexts", json!({ "task_id": id("plain"), "type": "note", "content": "old" }))
        .await
        .data();
    let mut leases = BTreeMap::new();
    for name in ["done", "blocked", "given", "failed", "late", "dropped", "cancelled", "handed"] {
        leases.insert(name, lease(name).await);
    }
    for name in ["beaten", "left"] {
        let session = json!({ "id": id(name), "agent_id": id("agent") });
        client.post("/sessions/start", session).await.data();
        let body =
            json!({ "task_id": id(name), "agent_id": id("agent"), "session_id": id(name), "ttl_s": 3_600 });
        client.post("/leases", body).await.data();
    }
    let events = json!([{ "type": "Said", "data": { "n": 1 } }, { "type": "Said", "data": { "n": 2 } }]);
    let ops: Vec<Value> = (0..20)
        .map(|n| json!({ "op": "create_task", "data": { "title": format!("{n}"), "progress": ["a", "b"] } }))
        .collect();
    let command = |name, method, path: String, body| Command { name, method, path, body };
    let new = json!({
        "id": id("new"), "title": "new", "parent_id": id("parent"), "blocked_by": [id("plain")], "blocks": [id("other")],
        "progress": ["one", "two"], "contexts": [{ "type": "note", "content": "c" }],
    });
    vec![
        command("create", "POST", "/tasks".into(), new),
        command("claim", "POST", "/tasks/claim".into(), json!({ "agent_id": id("agent") })),
        command("claim three", "POST", "/tasks/claim".into(), json!({ "agent_id": id("agent"), "limit": 3 })),
        command(
            "acquire",
            "POST",
            "/leases".into(),
            json!({ "task_id": id("taken"), "agent_id": id("agent") }),
        ),
        command(
            "complete",
            "POST",
            format!("/tasks/{}/complete", id("done")),
            json!({ "lease_id": leases["done"] }),
        ),
        command(
            "fail",
            "POST",
            format!("/tasks/{}/fail", id("failed")),
            json!({ "lease_id": leases["failed"], "class": "terminal", "message": "m" }),
        ),
        command(
            "fail for the last time",
            "POST",
            format!("/tasks/{}/fail", id("late")),
            json!({ "lease_id": leases["late"], "class": "transient", "message": "m" }),
        ),
        command("release", "DELETE", format!("/leases/{}", leases["dropped"]), Value::Null),
        command(
            "block",
            "POST",
            format!("/tasks/{}/transition", id("blocked")),
            json!({ "status": "blocked", "blocked_by": [id("plain"), id("other")], "lease_id": leases["blocked"] }),
        ),
        command(
            "cancel",
            "POST",
            format!("/tasks/{}/transition", id("cancelled")),
            json!({ "status": "cancelled", "lease_id": leases["cancelled"] }),
        ),
        command(
            "give",
            "POST",
            format!("/tasks/{}/release", id("given")),
            json!({ "lease_id": leases["given"] }),
        ),
        command(
            "another parent",
            "PATCH",
            format!("/tasks/{}", id("child")),
            json!({ "parent_id": id("other"), "title": "c", "override": true }),
        ),
        command(
            "link",
            "POST",
            "/relationships".into(),
            json!({ "from_task_id": id("plain"), "to_task_id": id("free"), "type": "blocks" }),
        ),
        command("unlink", "DELETE", format!("/relationships/{linked}"), Value::Null),
        command(
            "progress",
            "POST",
            "/progress_items".into(),
            json!({ "task_id": id("plain"), "items": ["1", "2", "3", "4"], "override": true }),
        ),
        command(
            "supersede",
            "POST",
            "/contexts".into(),
            json!({ "task_id": id("plain"), "type": "note", "content": "new", "supersedes": note["id"] }),
        ),
        command(
            "append",
            "POST",
            "/append".into(),
            json!({ "appends": [{ "stream": id("s"), "events": events }, { "stream": id("t"), "events": events }] }),
        ),
        command("batch", "POST", "/batch".into(), json!({ "ops": ops })),
        command(
            "heartbeat",
            "POST",
            format!("/sessions/{}/heartbeat", id("beaten")),
            json!({ "progress": [{ "task_id": id("beaten"), "items": ["1", "2", "3"] }] }),
        ),
        command("the end of a session", "POST", format!("/sessions/{}/end", id("left")), json!({})),
        command(
            "transfer",
            "POST",
            format!("/leases/{}/transfer", leases["handed"]),
            json!({ "agent_id": "another" }),
        ),
    ]
}

/// The types of the events that a call made.
async fn made(client: &Client, id: &str) -> Vec<String> {
    let events = client.events().await.into_iter();
    let made = events.filter(|event| event["metadata"]["correlation_id"] == id);
    made.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut seed = Seed::new();
    let mut server = Server::start(dir.path());
    let request = |client: &Client, command: &Command, id: &str| {
        let request = client.request(command.method, &command.path).header("agentpm-correlation-id", id);
        if command.body.is_null() { request } else { request.json(&command.body) }
    };
    // Undisturbed, for what each of them makes.
    let client = server.client();
    let mut whole = BTreeMap::new();
    for command in commands(&client, "u").await {
        let id = format!("u {}", command.name);
        let answer = client.send(request(&client, &command, &id)).await;
        assert_eq!(answer.status, 200, "{}: {}", command.name, answer.body);
        let types = made(&client, &id).await;
        assert!(types.len() > 1, "{} makes only {types:?}", command.name);
        whole.insert(command.name, types);
    }
    let (mut all, mut none, mut broken, mut reach) = (0, 0, Vec::new(), LIFE_US);
    for round in 0..size("AGENTPM_ROUNDS", if full() { 20 } else { 2 }) {
        let client = server.client();
        let names: Vec<_> = commands(&client, &format!("r{round}")).await;
        for command in names {
            let client = server.client();
            let id = format!("{round} {}", command.name);
            let life = Duration::from_micros(seed.below(reach / 2..reach) as u64);
            let request = request(&client, &command, &id);
            let (answered, answer) = mpsc::channel::<()>();
            let call = tokio::spawn(async move {
                let answer = client.try_send(request).await;
                drop(answered);
                answer
            });
            // A timer of the runtime counts milliseconds, in which a call comes and goes.
            tokio::task::block_in_place(|| {
                _ = answer.recv_timeout(life);
                server.kill9();
            });
            let answer = call.await.unwrap();
            server = server.restart();
            let types = made(&server.client(), &id).await;
            match types.len() {
                0 => {
                    none += 1;
                    reach = LIFE_US_MAX.min(reach * 3 / 2);
                }
                _ if types == whole[command.name] => {
                    all += 1;
                    reach = LIFE_US_MIN.max(reach * 2 / 3);
                }
                _ => broken.push(format!("{}: {types:?} of {:?}", command.name, whole[command.name])),
            }
            if matches!(&answer, Some(answer) if answer.status == 200) && types.is_empty() {
                broken.push(format!("{} was answered and is gone", command.name));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    println!("{all} commands whole, {none} not at all");
    assert!(all > 0 && none > 0, "the kills came too late or too early: {all} whole, {none} not at all");
}
