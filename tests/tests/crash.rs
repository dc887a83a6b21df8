//! SIGKILL under load, again and again, on one directory: what was acknowledged is there, and everything that
//! is derived from the log is what the log says.

use agentpm_tests::model::World;
use agentpm_tests::workload::CAPS;
use agentpm_tests::{Client, Seed, Server, cli, compare, size, time};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const WRITERS: u64 = 8;

/// What a client was told.
#[derive(Debug, Clone)]
enum Acknowledged {
    /// An event: id, stream, position, revision.
    Event(String, String, u64, u64),
    /// A task with that id was created; the answer reflects this position.
    Task(String, u64),
    /// A lease on a task.
    Lease(String, String),
    /// A task was completed under a lease.
    Completed(String),
    /// An append whose events have ids: the body, the answer.
    Repeatable(Value, Value),
}

/// Writes until the server is gone; notes each answer the moment it is here.
async fn write(
    client: Client,
    mut seed: Seed,
    name: String,
    notes: Arc<Mutex<Vec<Acknowledged>>>,
    count: Arc<AtomicUsize>,
) {
    let agent = format!("agent-{name}");
    let register = json!({ "id": agent, "name": agent, "role": "executor", "caps": CAPS });
    let Some(_) = client.try_send(client.request("POST", "/agents/register").json(&register)).await else {
        return;
    };
    for n in 0.. {
        let noted = match seed.below(0..4) {
            0 | 1 => append(&client, &mut seed, &name, n).await,
            2 => create(&client, &mut seed, &name, n).await,
            _ => claim_and_complete(&client, &mut seed, &agent).await,
        };
        let Some(noted) = noted else { return };
        count.fetch_add(noted.len(), Ordering::SeqCst);
        notes.lock().unwrap().extend(noted);
    }
}

async fn append(client: &Client, seed: &mut Seed, name: &str, n: usize) -> Option<Vec<Acknowledged>> {
    let streams = [format!("log-{name}"), "shared".to_owned()];
    let count = seed.below(1..3);
    let appends: Vec<Value> = streams
        .iter()
        .take(count)
        .map(|stream| {
            let event = |id| json!({ "id": id, "type": "Said", "data": { "n": n, "text": "x".repeat(300) } });
            let events: Vec<Value> = (0..seed.below(1..6)).map(|_| event(seed.ulid())).collect();
            json!({ "stream": stream, "expected_revision": "any", "events": events })
        })
        .collect();
    let names: Vec<String> = appends
        .iter()
        .flat_map(|append| {
            let stream = append["stream"].as_str().unwrap().to_owned();
            vec![stream; append["events"].as_array().unwrap().len()]
        })
        .collect();
    let body = json!({ "appends": appends });
    let data = client.try_send(client.request("POST", "/append").json(&body)).await?.data();
    let mut noted: Vec<Acknowledged> = data["events"]
        .as_array()
        .unwrap()
        .iter()
        .zip(names)
        .map(|(event, stream)| {
            let number = |name: &str| event[name].as_u64().unwrap();
            Acknowledged::Event(
                event["id"].as_str().unwrap().into(),
                stream,
                number("position"),
                number("revision"),
            )
        })
        .collect();
    noted.push(Acknowledged::Repeatable(body, data));
    Some(noted)
}

async fn create(client: &Client, seed: &mut Seed, name: &str, n: usize) -> Option<Vec<Acknowledged>> {
    let id = format!("{name}-{n}");
    let body = json!({
        "id": id, "title": "to be done", "caps": seed.some(CAPS, 4), "progress": ["one"],
        "contexts": [{ "type": "note", "content": "c" }],
    });
    let answer = client.try_send(client.request("POST", "/tasks").json(&body)).await?;
    let position = answer.position();
    answer.data();
    Some(vec![Acknowledged::Task(id, position)])
}

async fn claim_and_complete(client: &Client, seed: &mut Seed, agent: &str) -> Option<Vec<Acknowledged>> {
    let body = json!({ "agent_id": agent, "lease_s": 600 });
    let data = client.try_send(client.request("POST", "/tasks/claim").json(&body)).await?.data();
    if data.is_null() {
        return Some(Vec::new());
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (task, lease) = (text(&data["task"]["id"]), text(&data["lease"]["id"]));
    let mut noted = vec![Acknowledged::Lease(lease.clone(), task.clone())];
    if seed.percent(50) {
        let body = json!({ "lease_id": lease, "output": { "done": true } });
        let request = client.request("POST", &format!("/tasks/{task}/complete")).json(&body);
        // Cut here, the claim stands acknowledged all the same.
        if let Some(answer) = client.try_send(request).await {
            answer.data();
            noted.push(Acknowledged::Completed(task));
        }
    }
    Some(noted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut seed = Seed::new();
    let mut server = Server::start(dir.path());
    let mut notes: Vec<Acknowledged> = Vec::new();
    for round in 0..size("AGENTPM_KILLS", 20) {
        let (client, shared) = (server.client(), Arc::new(Mutex::new(Vec::new())));
        let count = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let lane = round as u64 * WRITERS + writer;
                let name = format!("w{lane}");
                tokio::spawn(write(client.clone(), seed.fork(lane), name, shared.clone(), count.clone()))
            })
            .collect();
        let enough = seed.below(20..120);
        agentpm_tests::wait::until("writers are at work", std::time::Duration::from_secs(60), || {
            let reached = count.load(Ordering::SeqCst) >= enough;
            async move { reached.then_some(()) }
        })
        .await;
        server.kill9();
        for writer in writers {
            writer.await.unwrap();
        }
        notes.append(&mut shared.lock().unwrap());
        server = server.restart();
        verify(&server.client(), &notes, &format!("kill {round}")).await;
    }
    let head = server.client().head().await;
    println!("{} acknowledgements, {head} events", notes.len());
    server.kill9();
    verify_offline(&server, head);
}

/// Every byte, every index and every row, by the program's own check.
fn verify_offline(server: &Server, head: u64) {
    let report = cli::run(&["verify", "--json", "--data", server.data().to_str().unwrap()]).json();
    assert_eq!((&report["ok"], &report["position"]), (&json!(true), &json!(head)), "{report}");
}

async fn verify(client: &Client, notes: &[Acknowledged], when: &str) {
    let events = client.events().await;
    let mut revisions: BTreeMap<&str, u64> = BTreeMap::new();
    let mut before = i64::MIN;
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["position"], index + 1, "{when}: positions are gapless");
        let revision = revisions.entry(event["stream"].as_str().unwrap()).or_default();
        *revision += 1;
        assert_eq!(event["revision"], *revision, "{when}: revisions are gapless: {event}");
        let at = time::micros(event["time"].as_str().unwrap());
        assert!(at >= before, "{when}: time never runs backwards");
        before = at;
    }
    let head = events.len() as u64;
    assert_eq!(client.head().await, head);
    let world = World::at(&events, head);
    for note in notes {
        match note {
            Acknowledged::Event(id, stream, position, revision) => {
                assert!(*position <= head, "{when}: lost {note:?}, head is {head}");
                let event = &events[*position as usize - 1];
                assert_eq!(
                    (&event["id"], &event["stream"], &event["revision"]),
                    (&json!(id), &json!(stream), &json!(revision)),
                    "{when}: acknowledged at {position}"
                );
            }
            Acknowledged::Task(id, position) => {
                assert!(*position <= head, "{when}: the answer reflected {position}, head is {head}");
                assert!(world.row("tasks", id).is_some(), "{when}: lost {note:?}");
            }
            Acknowledged::Lease(id, task) => {
                let lease = world.row("leases", id).unwrap_or_else(|| panic!("{when}: lost {note:?}"));
                assert_eq!(lease["task_id"], task.as_str());
            }
            Acknowledged::Completed(task) => {
                let status = world.row("tasks", task).map(|row| row["status"].clone());
                assert_eq!(status, Some(json!("completed")), "{when}: lost {note:?}");
            }
            Acknowledged::Repeatable(..) => {}
        }
    }
    compare::none(when, &compare::everything(client, &world, "", time::now()).await);

    // A client that did not trust its answer asks again, and nothing happens twice.
    let last = notes.iter().rfind(|note| matches!(note, Acknowledged::Repeatable(..)));
    if let Some(Acknowledged::Repeatable(body, answer)) = last {
        assert_eq!(
            &client.post("/append", body.clone()).await.data(),
            answer,
            "{when}: the same answer again"
        );
    }
    assert_eq!(client.head().await, head, "{when}: looking changes nothing");
}

/// Events of one bulk append.
const BULK: usize = 500;

/// The body and answer of each bulk append that was acknowledged.
type Bulk = Arc<Mutex<Vec<(Value, Value)>>>;

async fn write_in_bulk(client: Client, mut seed: Seed, writer: usize, acknowledged: Bulk) {
    loop {
        let events: Vec<Value> = (0..BULK)
            .map(|n| {
                let tags = [format!("mod3:{}", n % 3), format!("writer:{writer}"), "bulk".into(), format!("n:{n}")];
                json!({ "id": seed.ulid(), "type": format!("Bulk{}", n % 5), "data": { "n": n }, "tags": tags })
            })
            .collect();
        let append =
            json!({ "stream": format!("bulk{writer}"), "expected_revision": "any", "events": events });
        let body = json!({ "appends": [append] });
        let Some(answer) = client.try_send(client.request("POST", "/append").json(&body)).await else {
            return;
        };
        let data = answer.data();
        acknowledged.lock().unwrap().push((body, data));
    }
}

/// So many events that indexes and views go to disk in the background, and the kill comes at any point of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_views_go_to_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut seed = Seed::new();
    let mut server = Server::start(dir.path());
    let acknowledged: Bulk = Arc::default();
    for round in 0..size("AGENTPM_BULK_KILLS", 4) {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let seed = seed.fork((round * 4 + writer) as u64);
                tokio::spawn(write_in_bulk(server.client(), seed, writer, acknowledged.clone()))
            })
            .collect();
        let enough = acknowledged.lock().unwrap().len() + seed.below(25..45);
        agentpm_tests::wait::until("enough was written", std::time::Duration::from_secs(120), || {
            let reached = acknowledged.lock().unwrap().len() >= enough;
            async move { reached.then_some(()) }
        })
        .await;
        server.kill9();
        for writer in writers {
            writer.await.unwrap();
        }
        server = server.restart();
        let client = server.client();
        let (body, answer) = acknowledged.lock().unwrap().last().cloned().unwrap();
        let head = client.head().await;
        assert!(answer["last_position"].as_u64().unwrap() <= head, "kill {round}: head is {head}: {answer}");
        assert_eq!(client.post("/append", body).await.data(), answer, "kill {round}: the same answer again");
        assert_eq!(client.head().await, head);
    }
    // Every index says what the log says.
    let client = server.client();
    let events = client.events().await;
    println!("{} events", events.len());
    for (body, answer) in acknowledged.lock().unwrap().iter() {
        let sent = body["appends"][0]["events"].as_array().unwrap();
        for (sent, told) in sent.iter().zip(answer["events"].as_array().unwrap()) {
            let event = &events[told["position"].as_u64().unwrap() as usize - 1];
            assert_eq!((&event["id"], &event["revision"]), (&told["id"], &told["revision"]));
            assert_eq!(
                (&event["id"], &event["data"], &event["type"]),
                (&sent["id"], &sent["data"], &sent["type"])
            );
        }
    }
    let matching = |matches: &dyn Fn(&Value) -> bool| events.iter().filter(|event| matches(event)).count();
    let has = |event: &Value, tag: &str| event["tags"].as_array().unwrap().iter().any(|other| other == tag);
    for (filter, expected) in [
        ("stream = 'bulk1'", matching(&|event| event["stream"] == "bulk1")),
        ("type = 'Bulk3'", matching(&|event| event["type"] == "Bulk3")),
        ("tags ⊇ {'mod3:1'}", matching(&|event| has(event, "mod3:1"))),
        ("tags ⊇ {'n:77', 'writer:2'}", matching(&|event| has(event, "n:77") && has(event, "writer:2"))),
        ("true", events.len()),
    ] {
        let rows = client.query(&format!("SELECT count(*) AS n FROM events WHERE {filter}")).await;
        assert_eq!(rows.rows[0]["n"], expected, "{filter}");
    }
    for n in [0, events.len() / 2, events.len() - 1] {
        let (id, position) = (events[n]["id"].as_str().unwrap(), n as u64 + 1);
        let next = client.get(&format!("/events?since_event_id={id}&limit=1")).await.data();
        assert_eq!(
            next["events"].get(0).map(|event| &event["position"]),
            events.get(n + 1).map(|e| &e["position"])
        );
        let rows = client.query(&format!("SELECT max(position) AS p FROM events AS OF EVENT '{id}'")).await;
        assert_eq!(rows.rows[0]["p"], position);
    }
    server.kill9();
    verify_offline(&server, events.len() as u64);
}

/// A server that is told to stop finishes what it accepted, and says so with 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_stop_loses_nothing_either() {
    let dir = tempfile::tempdir().unwrap();
    let seed = Seed::new();
    let mut server = Server::start(dir.path());
    let shared = Arc::new(Mutex::new(Vec::new()));
    let count = Arc::new(AtomicUsize::new(0));
    let client = server.client();
    let writers: Vec<_> = (0..WRITERS)
        .map(|lane| {
            let (client, shared, count) = (client.clone(), shared.clone(), count.clone());
            let (mut seed, name) = (seed.fork(lane), format!("w{lane}"));
            tokio::spawn(async move {
                for n in 0.. {
                    // A refusal while shutting down is fair; an acknowledgement that is lost is not.
                    let event = json!({ "type": "Said", "data": { "n": n } });
                    let stream = format!("log-{name}");
                    let body = json!({ "appends": [{ "stream": stream, "expected_revision": "any", "events": [event] }] });
                    let Some(answer) = client.try_send(client.request("POST", "/append").json(&body)).await else { return };
                    if !answer.ok() {
                        assert_eq!(answer.code(), "ERR_UNAVAILABLE");
                        return;
                    }
                    let event = answer.data()["events"][0].clone();
                    let number = |name: &str| event[name].as_u64().unwrap();
                    let id = event["id"].as_str().unwrap().to_owned();
                    shared.lock().unwrap().push(Acknowledged::Event(id, stream, number("position"), number("revision")));
                    count.fetch_add(seed.below(1..2), Ordering::SeqCst);
                }
            })
        })
        .collect();
    agentpm_tests::wait::until("writers are at work", std::time::Duration::from_secs(60), || {
        let reached = count.load(Ordering::SeqCst) >= 50;
        async move { reached.then_some(()) }
    })
    .await;
    let status = server.stop();
    assert!(status.success(), "SIGTERM ends with 0, not {status}");
    for writer in writers {
        writer.await.unwrap();
    }
    let server = server.restart();
    let notes = shared.lock().unwrap().clone();
    verify(&server.client(), &notes, "after SIGTERM").await;
}

/// Two daemons never share a directory; the second names the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_refuses_and_names_the_holder() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let data = server.data();
    let socket = dir.path().join("other.sock");
    let ran = agentpm_tests::cli::run(&[
        "serve",
        "--data",
        data.to_str().unwrap(),
        "--socket",
        socket.to_str().unwrap(),
    ]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains(&server.pid().to_string()), "it names the holder's process: {}", ran.stderr);
    assert_eq!(server.client().head().await, 0, "the first goes on");
}
