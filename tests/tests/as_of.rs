//! Any moment of any table is what the model folds to that position, before and after a restart; and the
//! comparison that says so is itself seen to fail.

use agentpm_tests::model::{self, Row, World};
use agentpm_tests::workload::{Workload, agents_of};
use agentpm_tests::{Client, Rows, Seed, Server, compare, size, time};
use serde_json::{Value, json};

/// Columns of `events` that the wire form of an event has too.
const EVENT_COLUMNS: &str = "position, id, stream, revision, type, time, data, metadata, tags";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_moment_of_every_table_is_the_models() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut seed = Seed::new();
    let mut work = Workload::new(server.client(), seed.fork(1));
    work.run(size("AGENTPM_STEPS", 400)).await;
    certain_work(&server.client()).await;
    work.settle().await;
    let events = server.client().events().await;
    println!("{} events, outcomes {:?}", events.len(), work.outcomes);
    assert!(work.outcomes.keys().any(|code| code != "ok"), "some commands were refused");

    now_and_history(&server.client(), &events).await;
    let moments = size("AGENTPM_MOMENTS", 12);
    check_moments(&server.client(), &events, &mut seed, moments).await;
    let server = server.restart();
    assert_eq!(server.client().events().await, events, "a restart leaves the log as it was");
    now_and_history(&server.client(), &events).await;
    check_moments(&server.client(), &events, &mut seed, moments).await;

    the_comparison_fails_when_it_should(&server.client(), &events).await;
}

/// One of each kind of event that is lost on purpose later, whatever chance brought before.
async fn certain_work(client: &Client) {
    client.post("/agents/register", json!({ "id": "sure", "name": "Sure", "caps": [] })).await.data();
    for (id, ttl_s) in [("released", 600), ("expired", 1)] {
        client.post("/tasks", json!({ "id": id, "title": id })).await.data();
        let body = json!({ "task_id": id, "agent_id": "sure", "ttl_s": ttl_s });
        let lease = client.post("/leases", body).await.data();
        if id == "released" {
            let path = format!("/leases/{}", lease["id"].as_str().unwrap());
            client.patch(&format!("{path}/renew"), json!({ "ttl_s": 900 })).await.data();
            client.delete(&path).await.data();
        }
    }
    client
        .post("/tasks", json!({ "id": "waits", "title": "waits", "blocked_by": ["released"] }))
        .await
        .data();
    let cancel = json!({ "status": "cancelled", "override": true });
    client.post("/tasks/released/transition", cancel).await.data();
    client.post("/tasks/released/archive", json!({})).await.data();
}

/// The tables now, and every closed and current version of every row.
async fn now_and_history(client: &Client, events: &[Value]) {
    let head = events.len() as u64;
    let world = World::at(events, head);
    let now = time::now();
    let mut found = compare::everything(client, &world, "", now).await;
    for (table, columns) in model::TABLES {
        let own = if *table == "tasks" { &columns[..model::TASK_OWN_COLUMNS] } else { columns };
        let pql = format!("SELECT {}, from_position FROM {table} HISTORY", own.join(", "));
        history(table, own, &expected_history(events, table), &client.query(&pql).await, &mut found);
    }
    compare::none("now and HISTORY", &found);
}

/// A version of a row: from which position on it says what; `None` from its removal on.
type Versions = Vec<(String, u64, Option<Row>)>;

fn expected_history(events: &[Value], table: &str) -> Versions {
    let mut world = World::default();
    let mut versions = Versions::new();
    for event in events {
        world.apply(event);
        for (touched, key) in world.touched() {
            if *touched == table {
                versions.push((key.clone(), world.position, world.row(table, key).cloned()));
            }
        }
    }
    versions.sort_by(|(a, p, _), (b, q, _)| (a, p).cmp(&(b, q)));
    versions
}

/// Versions that say the same as the one before them are one: how often a row is stamped is not compared,
/// what it said at each position is.
fn history(table: &str, own: &[&str], expected: &Versions, got: &Rows, found: &mut Vec<String>) {
    let mut got: Vec<(String, u64, Row)> = got
        .rows
        .iter()
        .map(|row| {
            let mut row = row.clone();
            let from = row.remove("from_position").and_then(|from| from.as_u64()).expect("from_position");
            (row["id"].as_str().expect("an id").to_owned(), from, row)
        })
        .collect();
    got.sort_by(|(a, p, _), (b, q, _)| (a, p).cmp(&(b, q)));
    let wanted = expected.iter().filter_map(|(key, from, row)| Some((key, *from, row.clone()?)));
    let merge = |versions: Vec<(String, u64, Row)>| {
        let mut merged: Vec<Row> = Vec::new();
        for (key, from, mut row) in versions {
            row.retain(|column, _| own.contains(&column.as_str()));
            let same = merged.last().is_some_and(|last| {
                last["id"] == key.as_str()
                    && last.iter().all(|(k, v)| k == "from_position" || row.get(k) == Some(v))
            });
            if !same {
                row.insert("from_position".into(), json!(from));
                merged.push(row);
            }
        }
        merged
    };
    let wanted = merge(wanted.map(|(key, from, row)| (key.clone(), from, row)).collect());
    let got = merge(got);
    if wanted.len() != got.len() {
        found.push(format!("{table} HISTORY: {} distinct versions, expected {}", got.len(), wanted.len()));
    }
    for (wanted, got) in wanted.iter().zip(&got) {
        if found.len() > 20 {
            return;
        }
        compare::rows(
            &format!("{table} HISTORY"),
            std::slice::from_ref(wanted),
            std::slice::from_ref(got),
            0.0,
            found,
        );
    }
}

async fn check_moments(client: &Client, events: &[Value], seed: &mut Seed, moments: usize) {
    let head = events.len();
    let mut found = Vec::new();
    for round in 0..moments {
        let index = seed.below(0..head);
        let position = index as u64 + 1;
        let event = &events[index];
        let at = time::micros(event["time"].as_str().unwrap());
        let (moment, position, now) = match round % 4 {
            0 => (format!("POSITION {position}"), position, at),
            1 => (format!("EVENT '{}'", event["id"].as_str().unwrap()), position, at),
            2 => {
                // Between two events as well as at one, and with another offset.
                let at = at + seed.int(-3..4);
                (format!("'{}'", time::text(at).replace('Z', "+00:00")), model::position_at(events, at), at)
            }
            _ => {
                ago(client, events, at, &mut found).await;
                continue;
            }
        };
        let world = World::at(events, position);
        found.extend(compare::everything(client, &world, &moment, now).await);
        found.extend(offers(client, &world, &moment, now, seed).await);
        let got = client.query(&format!("SELECT {EVENT_COLUMNS} FROM events AS OF {moment}")).await;
        let log: Vec<Row> =
            events[..position as usize].iter().map(|event| event.as_object().unwrap().clone()).collect();
        compare::rows(&format!("events AS OF {moment}"), &log, &got.rows, 0.0, &mut found);
        compare::none(&format!("AS OF {moment} (position {position} of {head})"), &found);
    }
    compare::none("moments AGO", &found);

    for (moment, code) in [
        (format!("POSITION {}", head + 1), "moment_after_head"),
        ("EVENT '01ARZ3NDEKTSV4RRFFQ69G5FAV'".into(), "moment_after_head"),
        ("'2999-01-01T00:00:00Z'".into(), "moment_after_head"),
    ] {
        let answer =
            client.post("/query", json!({ "pql": format!("SELECT id FROM tasks AS OF {moment}") })).await;
        assert_eq!(answer.error()["details"]["pql_code"], code, "AS OF {moment}: {}", answer.body);
        assert!(answer.body.to_string().contains(&head.to_string()), "it names head: {}", answer.body);
    }
    let nothing = client.query("SELECT * FROM tasks AS OF '1999-12-31T23:59:59Z'").await;
    assert!(nothing.rows.is_empty(), "before the first event there is nothing");
}

/// What each of two agents, and nobody in particular, is offered at that moment.
async fn offers(client: &Client, world: &World, moment: &str, now: i64, seed: &mut Seed) -> Vec<String> {
    let mut found = Vec::new();
    let agents = agents_of(world);
    let mut asking: Vec<Option<&String>> = vec![None];
    asking.extend((0..2).filter_map(|_| seed.pick(&agents)).map(Some));
    for agent in asking {
        let for_agent = agent.map(|agent| format!("FOR '{agent}' ")).unwrap_or_default();
        let got = client.query(&format!("SELECT next_task {for_agent}LIMIT 100000 AS OF {moment}")).await;
        let expected = world.next_task(agent.map(String::as_str), now);
        found.extend(compare::table("next_task", &expected, &got, compare::SCORE_EXACT));
        let first = client.query(&format!("SELECT next_task {for_agent}AS OF {moment}")).await;
        let best = &expected[..expected.len().min(1)];
        found.extend(compare::table("next_task", best, &first, compare::SCORE_EXACT));
    }
    found
}

/// `AGO` counts from the server's clock, which is read between two readings of ours: the answer must be the
/// world at one of the positions in between.
async fn ago(client: &Client, events: &[Value], target: i64, found: &mut Vec<String>) {
    let ms = (time::now() - target).div_euclid(1_000);
    let before = time::now() - ms * 1_000;
    let got = client.query(&format!("SELECT * FROM tasks AS OF {ms}ms AGO")).await;
    let after = time::now() - ms * 1_000;
    let candidates = model::position_at(events, before)..=model::position_at(events, after);
    let differences: Vec<Vec<String>> = candidates
        .map(|position| World::at(events, position).rows("tasks", target))
        .map(|expected| compare::table("tasks", &expected, &got, compare::SCORE_NOW))
        .collect();
    if !differences.iter().any(Vec::is_empty) {
        found.extend(differences.into_iter().next().unwrap_or_default());
    }
}

/// Whether an event is of the kind whose loss is planted.
type Matches = dyn Fn(&Value) -> bool;

/// Faults planted in what the model reads, each of which the comparison with the server must see.
async fn the_comparison_fails_when_it_should(client: &Client, events: &[Value]) {
    let of_type = |kind: &'static str| move |event: &Value| event["type"] == kind;
    let unblocked = |event: &Value| {
        // Opened by the rule: right after another task's end, without a lease or run of its own.
        event["type"] == "TaskStatusChanged"
            && event["data"]["status"] == "open"
            && event["data"]["run_id"].is_null()
    };
    let dropped: [(&str, &Matches); 6] = [
        ("a lease that is never released", &of_type("LeaseReleased")),
        ("a lease that never expires", &of_type("LeaseExpired")),
        ("an unblocking that was missed", &unblocked),
        ("a relationship that is forgotten", &of_type("RelationshipAdded")),
        ("a task that is not archived", &of_type("TaskArchived")),
        ("an agent that was not seen", &of_type("LeaseRenewed")),
    ];
    for (what, is_it) in dropped {
        let planted = events.iter().rfind(|event| is_it(event)).cloned();
        let planted = planted.unwrap_or_else(|| panic!("the history has none to plant: {what}"));
        let position = planted["position"].as_u64().unwrap();
        let mut corrupt = events.to_vec();
        corrupt[position as usize - 1]["type"] = json!("NothingWeKnow");
        must_differ(client, &World::at(&corrupt, position), position, what).await;
    }

    let index = events.iter().rposition(|event| event["type"] == "LeaseAcquired").unwrap();
    let mut corrupt = events.to_vec();
    let fence = corrupt[index]["data"]["fence"].as_u64().unwrap();
    corrupt[index]["data"]["fence"] = json!(fence + 1);
    must_differ(client, &World::at(&corrupt, index as u64 + 1), index as u64 + 1, "a wrong fence").await;

    // Every kind of event that changes a row: a moment too early and a moment too late are both seen.
    let index = events.iter().rposition(|event| event["type"] == "TaskStatusChanged").unwrap();
    let position = index as u64 + 1;
    must_differ(client, &World::at(events, position - 1), position, "AS OF one too late").await;
    must_differ(client, &World::at(events, position), position - 1, "AS OF one too early").await;

    // Order, and rows that were lost or doubled on the way.
    let world = World::at(events, events.len() as u64);
    let now = time::now();
    let got = client.query("SELECT * FROM tasks").await;
    let expected = world.rows("tasks", now);
    assert!(compare::table("tasks", &expected, &got, compare::SCORE_NOW).is_empty());
    let mut mutations: Vec<(&str, Rows)> = Vec::new();
    for what in ["lost", "doubled", "swapped", "another score", "a column too much"] {
        let mut bad = got.clone();
        match what {
            "lost" => drop(bad.rows.pop()),
            "doubled" => bad.rows.push(got.rows[0].clone()),
            "swapped" => bad.rows.swap(0, 1),
            "another score" => drop(bad.rows[0].insert("score".into(), json!(1e9))),
            _ => drop(bad.rows[0].insert("surplus".into(), Value::Null)),
        }
        mutations.push((what, bad));
    }
    for (what, bad) in mutations {
        let found = compare::table("tasks", &expected, &bad, compare::SCORE_NOW);
        assert!(!found.is_empty(), "the comparison does not see it: {what}");
    }
}

/// The corrupted world must not pass for what the server says at `position`.
async fn must_differ(client: &Client, world: &World, position: u64, what: &str) {
    let moment = format!("POSITION {position}");
    let found = compare::everything(client, world, &moment, world.time).await;
    let found: Vec<&String> = found.iter().filter(|line| !line.contains(".score:")).collect();
    assert!(!found.is_empty(), "the comparison does not see it: {what}, at position {position}");
}
