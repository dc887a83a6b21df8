//! Several servers that work apart and exchange what they did: over HTTP, by the command line, in files; in any
//! order and any batches, with repeats and restarts. In the end their tables are equal.

use agentpm_tests::workload::Workload;
use agentpm_tests::{Answer, Client, Options, Seed, Server, cli, size};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const TOKEN: &str = "the-token-of-all-nodes";

/// What must be equal everywhere; not what each node counts or sees for itself: versions, positions, leases, when
/// it last heard of an agent, and scores, which are told for the present.
const TABLES: &[(&str, &str)] = &[
    (
        "tasks",
        "id, project_id, parent_id, title, intent, type, status, owner_agent_id, priority, class, caps, labels, \
         metadata, attempts, max_attempts, not_before, due_at, created_at, updated_at, completed_at, cancelled_at, \
         archived_at, blocked_by_count, child_count, child_done_count, dependency_depth",
    ),
    ("relationships", "id, from_task_id, to_task_id, type, metadata, created_at"),
    ("progress_items", "id, task_id, content, completed, created_at, completed_at"),
    ("contexts", "id, task_id, type, content, metadata, superseded_by, created_at"),
    ("agents", "id, name, role, caps, metadata, created_at"),
    ("conflicts", "id, kind, subject_ids, reason, since"),
];

fn start(dir: &Path) -> Server {
    let environment = vec![("AGENTPM_SYNC_TOKEN".to_owned(), TOKEN.to_owned())];
    Server::start_with(dir, Options { environment, ..Options::default() })
}

async fn tables(client: &Client) -> BTreeMap<&'static str, Vec<Value>> {
    let mut all = BTreeMap::new();
    for (table, columns) in TABLES {
        let rows = client.query(&format!("SELECT {columns} FROM {table} ORDER BY id")).await;
        all.insert(*table, rows.rows.into_iter().map(Value::Object).collect());
    }
    // Everybody's own streams are sets of events.
    let own =
        "SELECT id, stream, type, data, tags, lamport FROM events WHERE stream LIKE 'notes%' ORDER BY id";
    all.insert("events", client.query(own).await.rows.into_iter().map(Value::Object).collect());
    all
}

async fn assert_equal(servers: &[Server]) {
    let first = tables(&servers[0].client()).await;
    for (n, server) in servers.iter().enumerate().skip(1) {
        let other = tables(&server.client()).await;
        for (table, rows) in &first {
            let others = &other[table];
            let differing = rows.iter().zip(others).find(|(a, b)| a != b);
            assert!(
                rows == others,
                "{table} of node 0 ({} rows) and node {n} ({} rows) differ: {differing:#?}",
                rows.len(),
                others.len()
            );
        }
    }
}

async fn node(client: &Client) -> String {
    client.get("/healthz").await.data()["node"].as_str().unwrap().to_owned()
}

async fn push(to: &Server, node: &str, events: &[Value]) -> Value {
    let body = json!({ "node": node, "events": events });
    to.client().with_token(Some(TOKEN)).post("/events/push", body).await.data()
}

/// `agentpm sync …` by somebody who knows the token of the nodes.
fn sync(here: &Server, direction: &str, other: &[&str]) -> Value {
    let mut arguments = vec!["sync", direction, "--json"];
    arguments.extend(other);
    cli::run_at_with(here, &arguments, &[("AGENTPM_SYNC_TOKEN", TOKEN)]).json()
}

/// By hand: all that one has, in any order, in batches, some of it twice.
async fn shuffled(from: &Server, to: &Server, seed: &mut Seed) {
    let mut events = from.client().events().await;
    for last in (1..events.len()).rev() {
        events.swap(last, seed.below(0..last + 1));
    }
    let again = seed.below(0..events.len() + 1);
    events.extend_from_within(..again);
    let node = node(&from.client()).await;
    let mut rest = &events[..];
    while !rest.is_empty() {
        let batch = seed.below(0..rest.len().min(200)) + 1;
        push(to, &node, &rest[..batch]).await;
        rest = &rest[batch..];
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_that_work_apart_come_to_equal_tables() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut servers: Vec<Server> = dirs.iter().map(|dir| start(dir.path())).collect();
    let mut seed = Seed::new();
    for round in 0..size("AGENTPM_ROUNDS", 3) {
        for (n, server) in servers.iter().enumerate() {
            // The same names come up on each: two nodes make the same task.
            let mut work = Workload::new(server.client(), seed.fork(10 * round as u64 + n as u64));
            work.run(size("AGENTPM_STEPS", 60)).await;
            let noted = json!({ "events": [{ "type": "Noted", "data": { "n": n }, "tags": ["kind:note"] }] });
            server.client().post("/streams/notes-all/events", noted).await.data();
        }
        let (from, to) = (round % 3, (round + 1) % 3);
        shuffled(&servers[from], &servers[to], &mut seed).await;
        sync(&servers[from], "pull", &["--peer", &servers[to].url()]);
        // One of them goes down as a power cut would have it, in the middle of all this.
        let mut down = servers.remove(to);
        down.kill9();
        servers.insert(to, down.restart());
        let file = dirs[from].path().join("carried.ndjson");
        let file = file.to_str().unwrap();
        cli::run_at(&servers[from], &["sync", "push", "--file", file]).succeeded();
        sync(&servers[(round + 2) % 3], "pull", &["--file", file]);
    }
    for server in &servers {
        Workload::new(server.client(), seed.fork(99)).settle().await;
    }
    everybody_hears_everything(&servers).await;
    assert_equal(&servers).await;
    let conflicts: usize = tables(&servers[0].client()).await["conflicts"].len();
    println!("{} events on node 0, {conflicts} conflicts", servers[0].client().head().await);

    let equal = tables(&servers[0].client()).await;
    for mut server in servers {
        server.stop();
        let data = server.data();
        let data = data.to_str().unwrap();
        assert_eq!(cli::run(&["verify", "--json", "--data", data]).json()["ok"], true);
        cli::run(&["rebuild", "--data", data]).succeeded();
        let server = server.restart();
        assert_eq!(tables(&server.client()).await, equal, "folded again, the tables are the same");
    }
}

async fn everybody_hears_everything(servers: &[Server]) {
    let count = servers.len();
    // What comes by way of a third is there after as many rounds as there are nodes.
    for _ in 0..count {
        for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))) {
            if from != to {
                let report =
                    sync(&servers[to], "pull", &["--peer", servers[from].socket_path().to_str().unwrap()]);
                assert_eq!(report["rejected"], 0, "{report}");
            }
        }
    }
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        let report = sync(&servers[from], "push", &["--peer", &servers[to].url()]);
        assert_eq!(report["accepted"], 0, "nothing is left to tell: {report}");
    }
}

/// Two servers, and the events of the first.
async fn two(dirs: &[tempfile::TempDir; 2]) -> (Server, Server, String) {
    let servers = (start(dirs[0].path()), start(dirs[1].path()));
    let client = servers.0.client();
    client.post("/agents/register", json!({ "id": "bob", "name": "Bob" })).await.data();
    client.post("/tasks", json!({ "id": "a", "title": "A" })).await.data();
    client.post("/tasks/claim", json!({ "agent_id": "bob" })).await.data();
    let node = node(&client).await;
    (servers.0, servers.1, node)
}

fn dirs() -> [tempfile::TempDir; 2] {
    [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]
}

fn statuses(data: &Value) -> Vec<(&str, &str)> {
    let results = data["results"].as_array().unwrap().iter();
    results
        .map(|result| (result["status"].as_str().unwrap(), result["reason"].as_str().unwrap_or("")))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_told_what_came_of_it() {
    let dirs = dirs();
    let (one, other, node) = two(&dirs).await;
    let events = one.client().events().await;
    let told = push(&other, &node, &events).await;
    for (event, (status, reason)) in events.iter().zip(statuses(&told)) {
        let stream = event["stream"].as_str().unwrap();
        match stream.split('-').next().unwrap() {
            "task" | "agent" => assert_eq!((status, reason), ("accepted", ""), "{event}"),
            _ => assert!(status == "rejected" && reason.contains("not merged"), "{event}: {status} {reason}"),
        }
    }
    assert_eq!(told["accepted"], statuses(&told).iter().filter(|(status, _)| *status == "accepted").count());
    let again = push(&other, &node, &events).await;
    assert!(statuses(&again).iter().all(|(status, _)| *status != "accepted"), "{again}");
    // It keeps its id, and says where it comes from; the place is this log's own.
    let theirs = other.client().events().await;
    let made = |events: &[Value]| events.iter().find(|event| event["type"] == "TaskCreated").unwrap().clone();
    let (here, there) = (made(&events), made(&theirs));
    assert_eq!((&there["id"], &there["data"], &there["tags"]), (&here["id"], &here["data"], &here["tags"]));
    assert_eq!(there["metadata"]["origin"], node);
    assert_eq!(there["metadata"]["lamport"], here["position"]);
    assert_eq!(
        there["metadata"]["origin_time"].as_str().map(|t| &t[..19]),
        here["time"].as_str().map(|t| &t[..19])
    );
    // The lease stays where it is; what it made of the task does not.
    let task = other.client().get("/tasks/a?include=leases").await.data();
    assert_eq!((&task["status"], &task["owner_agent_id"]), (&json!("in_progress"), &json!("bob")));
    assert_eq!(task["leases"], json!([]));
    // What is made here from now on counts on from there.
    other.client().post("/tasks", json!({ "id": "b", "title": "B" })).await.data();
    let rows = other.client().query("SELECT lamport, position FROM events ORDER BY position").await;
    let lamports: Vec<i64> = rows.column("lamport").iter().map(|l| l.as_i64().unwrap()).collect();
    assert!(lamports.last() > lamports[..lamports.len() - 1].iter().max(), "{lamports:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_event_is_told_why() {
    let dirs = dirs();
    let (_one, other, node) = two(&dirs).await;
    let good = json!({
        "position": 3, "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "stream": "task-x", "revision": 1, "type": "TaskCreated",
        "time": "2026-01-01T00:00:00Z", "data": { "id": "x", "title": "X" }, "metadata": {}, "tags": ["task:x"],
    });
    let with = |name: &str, value: Value| {
        let mut event = good.clone();
        event[name] = value;
        event
    };
    let mut lacking = good.clone();
    lacking.as_object_mut().unwrap().remove("time");
    let data = |data: Value| with("data", data);
    let titled = |name: &str, value: Value| {
        let mut created = json!({ "id": "x", "title": "X" });
        created[name] = value;
        data(created)
    };
    let other_kind = |stream: &str, kind: &str, value: Value| {
        let mut event = data(value);
        (event["stream"], event["type"]) = (json!(stream), json!(kind));
        event
    };
    // An event, the place in it, and a word of what is said.
    let cases = [
        (json!(7), "", "no id"),
        (with("id", json!("short")), "/id", "ULID"),
        (lacking, "", "time"),
        (with("time", json!("yesterday")), "/time", "RFC 3339"),
        (with("position", json!(0)), "/metadata/lamport", "Lamport number is 0"),
        (with("stream", json!("")), "/stream", "1 to"),
        (with("tags", json!(["$x"])), "/tags", "reserved"),
        (with("metadata", json!([])), "/metadata", "JSON object"),
        (with("type", json!("TaskStatusChanged")), "/data", "status"),
        (titled("priority", json!(99)), "/data/priority", "-5 to 5"),
        (titled("priority", json!("high")), "/data", "not that of its type"),
        (titled("class", json!("urgent")), "/data", "urgent"),
        (titled("status", json!("in_progress")), "/data/owner_agent_id", "has an owner"),
        (titled("max_attempts", json!(0)), "/data/max_attempts", "1 to 100"),
        (titled("type", json!("Not A Word")), "/data/type", "must be"),
        (titled("metadata", json!([])), "/data/metadata", "object"),
        (titled("labels", json!([""])), "/data/labels", "empty"),
        (titled("owner_agent_id", json!("has blanks")), "/data/owner_agent_id", "characters"),
        (titled("due_at", json!("soon")), "/data", "RFC 3339"),
        (titled("title", json!("")), "/data/title", "empty"),
        (titled("id", json!("another")), "/data/id", "is not `x`"),
        (other_kind("task-has blanks", "TaskCreated", json!({ "title": "X" })), "/stream", "characters"),
        (
            other_kind("task-x", "TaskUpdated", json!({ "id": "x", "priority": -6 })),
            "/data/priority",
            "-5 to 5",
        ),
        (
            other_kind("task-x", "TaskStatusChanged", json!({ "id": "x", "status": "in_progress" })),
            "/data/owner_agent_id",
            "has an owner",
        ),
        (
            other_kind(
                "relationship-r",
                "RelationshipAdded",
                json!({ "id": "r", "from_task_id": "x", "to_task_id": "x", "type": "blocks" }),
            ),
            "/data/to_task_id",
            "blocks itself",
        ),
        (
            other_kind(
                "context-c",
                "ContextAdded",
                json!({ "id": "c", "task_id": "", "type": "note", "content": "c" }),
            ),
            "/data/task_id",
            "1 to 512",
        ),
        (other_kind("agent-a", "AgentRegistered", json!({ "id": "a", "name": "" })), "/data/name", "empty"),
        (
            other_kind("progress-p", "ProgressItemAdded", json!({ "id": "p", "task_id": "x" })),
            "/data/content",
            "empty",
        ),
    ];
    let refused = async |events: &[Value]| {
        let body = json!({ "node": node, "events": events });
        let answer = other.client().with_token(Some(TOKEN)).post("/events/push", body).await;
        (answer.status, answer.error().clone())
    };
    let head = other.client().head().await;
    for (event, place, why) in &cases {
        // In the middle of others that could be taken.
        let (status, error) = refused(&[good.clone(), event.clone()]).await;
        let problem = error["details"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|problem| problem["pointer"] == format!("/events/1{place}"));
        let said = problem.and_then(|problem| problem["message"].as_str()).unwrap_or_default();
        assert!(
            (status, &error["code"]) == (400, &json!("ERR_VALIDATION")) && said.contains(why),
            "{event}: {error}"
        );
    }
    let large = data(json!({ "id": "x", "title": "x".repeat(1 << 20) }));
    let (status, error) = refused(&[good.clone(), large]).await;
    assert_eq!((status, &error["code"]), (413, &json!("ERR_PAYLOAD_TOO_LARGE")), "{error}");
    assert_eq!(error["details"]["pointer"], "/events/1/data");
    assert_eq!(other.client().head().await, head, "nothing of any of these pushes was written");
    // What is of one node alone, or of nobody's, is passed over, and the rest taken.
    let passed_over = [
        (with("stream", json!("$system")), "$"),
        (with("stream", json!("session-1")), "not merged"),
        (with("type", json!("ContextAdded")), "no events of type `ContextAdded`"),
        (with("stream", json!("mine")), "TaskCreated"),
    ];
    let mut events: Vec<Value> = passed_over.iter().map(|(event, _)| event.clone()).collect();
    events.push(good.clone());
    events.push(good.clone());
    let told = push(&other, &node, &events).await;
    let told = statuses(&told);
    for ((event, why), (status, reason)) in passed_over.iter().zip(&told) {
        assert!(*status == "rejected" && reason.contains(why), "{event}: {status} {reason}");
    }
    assert_eq!(told[passed_over.len()..], [("accepted", ""), ("duplicate", "")]);
    assert_eq!(other.client().get("/tasks/x").await.data()["title"], "X");
    // Blanks and the order of members make no other event; another title does.
    let again = other.client().with_token(Some(TOKEN));
    let again = again.request("POST", "/events/push").header("content-type", "application/json").body(
        json!({ "node": node, "events": [data(json!({ "title": "X", "id": "x" }))] })
            .to_string()
            .replace("\":", "\" : "),
    );
    let again = other.client().send(again).await.data();
    assert_eq!(statuses(&again), [("duplicate", "")]);
    let head = other.client().head().await;
    let (mut fresh, id) = (good.clone(), good["id"].clone());
    fresh["id"] = json!("01ARZ3NDEKTSV4RRFFQ69G5FAW");
    for (changed, index) in [
        (vec![fresh.clone(), titled("title", json!("Y"))], 1),
        (vec![with("tags", json!([])), fresh.clone()], 0),
    ] {
        let (status, error) = refused(&changed).await;
        assert_eq!((status, &error["code"]), (409, &json!("ERR_CONFLICT")), "{error}");
        assert_eq!(
            (&error["details"]["id"], &error["details"]["pointer"]),
            (&id, &json!(format!("/events/{index}/id")))
        );
    }
    // Also of two that come together.
    let mut twice = titled("title", json!("Z"));
    twice["id"] = fresh["id"].clone();
    let (status, error) = refused(&[fresh.clone(), twice]).await;
    assert_eq!((status, &error["details"]["id"]), (409, &fresh["id"]), "{error}");
    assert_eq!(other.client().head().await, head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_nodes_push_over_tcp() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "s3cret-and-long-enough\n").unwrap();
    let server = Server::start_with(
        dir.path(),
        Options {
            arguments: vec!["--token-file".into(), token.to_str().unwrap().into()],
            environment: vec![("AGENTPM_SYNC_TOKEN".into(), TOKEN.into())],
            token: Some("s3cret-and-long-enough".into()),
            ..Options::default()
        },
    );
    let body = json!({ "node": node(&server.client()).await, "events": [] });
    let told = |answer: Answer| (answer.status, answer.code().to_owned());
    let users = server.client().post("/events/push", body.clone()).await;
    assert_eq!(told(users), (401, "ERR_UNAUTHORIZED".to_owned()));
    let nodes = server.client().with_token(Some(TOKEN));
    assert_eq!(nodes.post("/events/push", body.clone()).await.data()["heard"], 0);
    nodes.get("/events").await.data();
    // It is good for nothing else.
    for (method, path) in [("GET", "/tasks"), ("POST", "/append"), ("POST", "/events")] {
        let answer = nodes.call(method, path, &json!({})).await;
        assert_eq!(told(answer), (401, "ERR_UNAUTHORIZED".to_owned()), "{method} {path}");
    }
    let web = nodes.request("POST", "/events/push").header("origin", "https://evil.example").json(&body);
    assert_eq!(nodes.send(web).await.status, 401, "no page reaches it, whatever it knows");
    assert_eq!(
        server.unix_client().post("/events/push", body).await.status,
        200,
        "the file's mode is its guard"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_heard_is_remembered() {
    let dirs = dirs();
    let (one, other, node) = two(&dirs).await;
    let first = sync(&other, "pull", &["--peer", &one.url()]);
    assert_eq!((&first["node"], &first["rejected"]), (&json!(node), &json!(0)), "{first}");
    assert_eq!(first["heard"], one.client().head().await);
    let head = other.client().head().await;
    let again = sync(&other, "pull", &["--peer", &one.url()]);
    assert_eq!((&again["accepted"], &again["duplicate"]), (&json!(0), &json!(0)), "{again}");
    assert_eq!(other.client().head().await, head, "that there was nothing is no event");
    one.client().post("/tasks", json!({ "id": "later", "title": "Later" })).await.data();
    let other = other.restart();
    let more = sync(&one, "push", &["--peer", other.socket_path().to_str().unwrap()]);
    assert_eq!((&more["accepted"], &more["duplicate"]), (&json!(1), &json!(0)), "{more}");
    let all = sync(&other, "pull", &["--peer", &one.url(), "--after", "0"]);
    assert_eq!((&all["accepted"], &all["heard"]), (&json!(0), &more["heard"]), "{all}");
    // A stretch that does not begin where the last ended is taken, and not remembered.
    one.client().post("/tasks", json!({ "id": "gap", "title": "Gap" })).await.data();
    one.client().post("/tasks", json!({ "id": "last", "title": "Last" })).await.data();
    let file = dirs[0].path().join("late.ndjson");
    let (file, after) = (file.to_str().unwrap(), (one.client().head().await - 1).to_string());
    cli::run_at(&one, &["sync", "push", "--file", file, "--after", &after]).succeeded();
    let late = sync(&other, "pull", &["--file", file]);
    assert_eq!((&late["accepted"], &late["heard"]), (&json!(1), &more["heard"]), "{late}");
    let rest = sync(&other, "pull", &["--peer", &one.url()]);
    assert_eq!((&rest["accepted"], &rest["duplicate"]), (&json!(1), &json!(1)), "{rest}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_go_on_do_not_stop_a_merge() {
    let dirs = dirs();
    let (one, other, node) = two(&dirs).await;
    push(&other, &node, &one.client().events().await).await;
    // Both edit the same task: each push has to go before what was written here meanwhile.
    let edit = |client: Client, title: String| async move {
        let body = json!({ "title": title, "override": true });
        client.patch("/tasks/a", body).await.data();
    };
    let writer = tokio::spawn({
        let client = other.client();
        async move {
            for n in 0..60 {
                edit(client.clone(), format!("here {n}")).await;
            }
        }
    });
    for n in 0..20 {
        edit(one.client(), format!("there {n}")).await;
        push(&other, &node, &one.client().events().await).await;
    }
    writer.await.unwrap();
    let third = tempfile::tempdir().unwrap();
    let servers = [one, other, start(third.path())];
    everybody_hears_everything(&servers).await;
    assert_equal(&servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_was_opened_elsewhere_is_offered_when_its_lease_ends() {
    let dirs = dirs();
    let (here, there, _) = two(&dirs).await;
    let (client, other) = (here.client(), there.client());
    let lease = client.query("SELECT id FROM leases").await.texts("id").remove(0);
    sync(&here, "push", &["--peer", &there.url()]);
    // The other node has counted further, so what it says comes last.
    for n in 0..20 {
        let noted = json!({ "events": [{ "type": "Noted", "data": { "n": n } }] });
        other.post("/streams/notes/events", noted).await.data();
    }
    other.post("/tasks/a/transition", json!({ "status": "open", "override": true })).await.data();
    sync(&here, "pull", &["--peer", &there.url()]);
    let row = client.get("/tasks/a?include=leases").await.data();
    assert_eq!((&row["status"], &row["leases"][0]["status"]), (&json!("open"), &json!("active")));
    let offers = async |client: &Client| client.query("SELECT next_task FOR 'eve'").await.rows.len();
    assert_eq!((offers(&client).await, offers(&other).await), (0, 1), "here bob works on it");
    let claimed = client.post("/tasks/claim", json!({ "agent_id": "eve" })).await;
    assert_eq!(claimed.data(), Value::Null);
    let why = client.query("EXPLAIN next_task FOR 'eve'").await;
    assert_eq!(why.column("reasons"), [json!(["lease"])]);
    let before = client.head().await;
    client.delete(&format!("/leases/{lease}")).await.data();
    assert_eq!(offers(&client).await, 1);
    let then = client.query(&format!("SELECT next_task FOR 'eve' AS OF POSITION {before}")).await;
    assert_eq!(then.rows.len(), 0);
    let claimed = client.post("/tasks/claim", json!({ "agent_id": "eve" })).await.data();
    assert_eq!((&claimed["task"]["id"], &claimed["lease"]["fence"]), (&json!("a"), &json!(2)));
}
