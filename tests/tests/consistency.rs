//! What readers may rely on while others write: a statement sees one position in all its tables, what was
//! answered is seen by whoever asks next, and nobody ever sees half of a commit.

use agentpm_tests::{Client, Seed, Server, size};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const WORKERS: usize = 8;
const READERS: usize = 4;

/// Statements that must have no row at any position: what a commit changes together is there together.
const NEVER: &[(&str, &str)] = &[
    (
        "a task in progress has an active lease",
        "SELECT t.id FROM tasks t LEFT JOIN leases l ON l.task_id = t.id AND l.status = 'active' WHERE t.status = 'in_progress' AND l.id IS NULL",
    ),
    (
        "an active lease has its task in progress, and its owner",
        "SELECT l.id FROM leases l JOIN tasks t ON t.id = l.task_id WHERE l.status = 'active' AND (t.status != 'in_progress' OR t.owner_agent_id != l.agent_id)",
    ),
    (
        "a running run has an active lease",
        "SELECT r.id FROM runs r LEFT JOIN leases l ON l.id = r.lease_id AND l.status = 'active' WHERE r.status = 'running' AND l.id IS NULL",
    ),
    (
        "a task has at most one active lease",
        "SELECT task_id, count(*) AS n FROM leases WHERE status = 'active' GROUP BY task_id HAVING count(*) > 1",
    ),
    (
        "a task with an unfinished blocker is not open",
        "SELECT t.id FROM tasks t JOIN relationships r ON r.to_task_id = t.id AND r.type = 'blocks' JOIN tasks b ON b.id = r.from_task_id WHERE t.status = 'open' AND b.status NOT IN ('completed', 'cancelled') AND b.archived_at IS NULL",
    ),
    (
        "what is offered can be taken",
        "SELECT n.id FROM next_task n JOIN tasks t ON t.id = n.id WHERE t.status != 'open' OR t.blocked_by_count > 0",
    ),
    (
        "the log has as many events as its head says",
        "SELECT n FROM (SELECT count(*) AS n, max(position) AS head FROM events) e WHERE n != head",
    ),
    (
        "a version is the number of the events of its stream",
        "SELECT t.id FROM tasks t JOIN (SELECT stream, count(*) AS n FROM events WHERE starts_with(stream, 'task-') GROUP BY stream) e ON e.stream = 'task-' || t.id WHERE e.n != t.version",
    ),
];

/// Makes pairs of tasks of which one blocks the other, and does what it is offered.
async fn work(client: Client, mut seed: Seed, worker: usize, rounds: usize) {
    let agent = format!("agent-{worker}");
    client.post("/agents/register", json!({ "id": agent, "name": agent, "caps": [] })).await.data();
    for round in 0..rounds {
        let (first, second) = (format!("{worker}-{round}-a"), format!("{worker}-{round}-b"));
        client.post("/tasks", json!({ "id": first, "title": first })).await.data();
        let made =
            client.post("/tasks", json!({ "id": second, "title": second, "blocked_by": [first] })).await;
        // Whoever asks after an answer sees what it told, on any connection.
        let position = made.position();
        let seen = client.query(&format!("SELECT id FROM tasks WHERE id = '{second}'")).await;
        assert!(seen.position >= position && seen.rows.len() == 1, "{second} at {position}: {seen:?}");
        let claim = client.post("/tasks/claim", json!({ "agent_id": agent })).await.data();
        let (task, lease) = (&claim["task"]["id"], &claim["lease"]["id"]);
        let Some(task) = task.as_str() else { continue };
        let how = *seed.pick(&["complete", "release", "fail", "transition"]).unwrap();
        let body = match how {
            "fail" => json!({ "lease_id": lease, "class": "terminal", "message": "no" }),
            "transition" => json!({ "lease_id": lease, "status": "cancelled" }),
            _ => json!({ "lease_id": lease }),
        };
        let ended = client.post(&format!("/tasks/{task}/{how}"), body).await;
        let version = client.get(&format!("/tasks/{task}")).await.data()["version"].as_u64();
        assert!(ended.ok() && version >= Some(3), "{} {}", ended.request, ended.body);
    }
}

async fn read(client: Client, mut seed: Seed, done: Arc<AtomicBool>) -> usize {
    let (mut asked, mut before) = (0, 0);
    while !done.load(Ordering::SeqCst) {
        let (what, pql) = seed.pick(NEVER).unwrap();
        let got = client.query(pql).await;
        assert_eq!(got.rows, [], "{what}: not so at position {}", got.position);
        assert!(got.position >= before, "one reader never goes back: {} after {before}", got.position);
        before = got.position;
        // The same at a moment of the past, however near.
        let moment = before - seed.below(0..before.min(20) as usize + 1) as u64;
        if !pql.contains("FROM next_task") {
            let past = client.query(&format!("{pql} AS OF POSITION {moment}")).await;
            // Positions inside a commit were never seen by anybody; its last one is checked.
            let whole = past.rows.is_empty() || inside_a_commit(&client, moment).await;
            assert!(whole, "{what}: not so AS OF POSITION {moment}: {:?}", past.rows);
        }
        asked += 1;
    }
    asked
}

/// Whether the event after this position was committed together with it.
async fn inside_a_commit(client: &Client, position: u64) -> bool {
    let events =
        client.get(&format!("/events?after={}&limit=2", position - 1)).await.data()["events"].clone();
    let time = |n: usize| events[n]["time"].clone();
    time(0) == time(1) && time(1) != Value::Null
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_half_of_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let seed = Seed::new();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|n| tokio::spawn(read(server.client(), seed.fork(100 + n as u64), done.clone())))
        .collect();
    let rounds = size("AGENTPM_ROUNDS", 25);
    let workers: Vec<_> =
        (0..WORKERS).map(|n| tokio::spawn(work(server.client(), seed.fork(n as u64), n, rounds))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let mut asked = 0;
    for reader in readers {
        asked += reader.await.unwrap();
    }
    assert!(asked >= NEVER.len(), "the readers had their turn: {asked}");
    let client = server.client();
    for (what, pql) in NEVER {
        assert_eq!(client.query(pql).await.rows, [], "{what}");
    }
    // The statements can fail: inside a commit, where nobody but a question about the past can be, they do.
    let events = client.events().await;
    for (statement, kind) in [(0, "LeaseReleased"), (1, "LeaseAcquired"), (4, "RelationshipAdded")] {
        let event = events.iter().find(|event| event["type"] == kind).unwrap();
        let got = client.query(&format!("{} AS OF POSITION {}", NEVER[statement].1, event["position"])).await;
        assert!(!got.rows.is_empty(), "{} right after {kind}", NEVER[statement].0);
    }
    let turned = NEVER[7].1.replace("e.n != t.version", "e.n = t.version");
    assert!(!client.query(&turned).await.rows.is_empty(), "the last statement looks at something");
    println!("{asked} statements, head {}", events.len());
}
