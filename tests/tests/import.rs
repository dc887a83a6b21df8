//! Imported histories made by hand, with all the mess that real ones have: for any moment, the tasks are what
//! the file said.

use agentpm_tests::beads::{self, History, check_moments, depends_on, moment_at, offline, online};
use agentpm_tests::cli::{self, Ran};
use agentpm_tests::model::World;
use agentpm_tests::{Client, Seed, Server, compare, size, time};
use serde_json::{Value, json};
use std::time::Duration;

/// An import in a debug build has begun to write by then.
const BEGUN_LIMIT: Duration = Duration::from_secs(60);
/// 2026-01-01: the tests' histories begin here.
const T0: i64 = 1_767_225_600;

/// The tables are what the model folds from the log that the import wrote.
async fn check_model(client: &Client) -> World {
    let events = client.events().await;
    let world = World::at(&events, events.len() as u64);
    compare::none("after the import", &compare::everything(client, &world, "", time::now()).await);
    world
}

/// Imports a history offline into a fresh directory and starts a server on it.
async fn imported(dir: &tempfile::TempDir, history: &History) -> (Server, Ran) {
    let file = dir.path().join("history.ndjson");
    history.write(&file);
    let ran = offline(dir.path(), &file);
    ran.succeeded();
    let server = Server::start(dir.path());
    let mut moments: Vec<i64> = history.changes().iter().map(|change| change.at).collect();
    moments.dedup();
    check_moments(&server.client(), &beads::moments(&history.changes(), moments), "by hand").await;
    check_model(&server.client()).await;
    (server, ran)
}

async fn task(client: &Client, id: &str) -> Value {
    client
        .get(&format!("/tasks/{}?include=context_all,relationships", agentpm_tests::client::escape(id)))
        .await
        .data()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_status_has_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::default();
    let statuses = [
        "open",
        "deferred",
        "pinned",
        "in_progress",
        "hooked",
        "blocked",
        "closed",
        "done",
        "tombstone",
        "weird",
    ];
    for status in statuses {
        history.upsert(T0, json!({ "id": status, "status": status }));
    }
    history.upsert(T0 + 5, json!({ "id": "open", "status": "tombstone" }));
    history.upsert(
        T0 + 6,
        json!({ "id": "open", "status": "closed", "closed_at": "2026-01-01T00:00:03+00:00" }),
    );
    history.upsert(T0 + 7, json!({ "id": "closed", "status": "open" }));
    let (server, ran) = imported(&dir, &history).await;
    let client = server.client();
    for (id, status) in [
        ("open", "completed"),
        ("deferred", "open"),
        ("pinned", "open"),
        ("in_progress", "in_progress"),
        ("hooked", "in_progress"),
        ("blocked", "blocked"),
        ("closed", "open"),
        ("done", "completed"),
        ("tombstone", "open"),
        ("weird", "open"),
    ] {
        let row = task(&client, id).await;
        assert_eq!(row["status"], status, "{id}");
        assert_eq!(row["archived_at"].is_string(), id == "tombstone", "{id}");
        if id != "open" && id != "closed" {
            assert_eq!(row["metadata"]["beads"]["status"], id, "the original status is kept");
        }
    }
    assert_eq!(task(&client, "deferred").await["not_before"], "9999-12-31T00:00:00.000000Z");
    assert_eq!(task(&client, "open").await["completed_at"], "2026-01-01T00:00:03.000000Z");
    assert_eq!(
        task(&client, "done").await["completed_at"],
        time::text(T0 * 1_000_000),
        "else the commit's time"
    );
    assert_eq!(task(&client, "closed").await["completed_at"], Value::Null, "open again");
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("weird"), "an unknown status is reported");
    let offered = client.query("SELECT next_task LIMIT 100").await.texts("id");
    assert!(!offered.contains(&"deferred".into()) && !offered.contains(&"in_progress".into()), "{offered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_become_columns_and_contexts() {
    let dir = tempfile::tempdir().unwrap();
    let odd = " \u{0}NUL, tab\t, line\nend, \u{202e}right to left, \u{1F9E8} and e\u{301} ";
    let mut history = History::default();
    let issue = json!({
        "id": "bd-1", "title": odd, "description": "What\u{0} is wanted", "status": "in_progress", "priority": 0,
        "issue_type": "feature", "assignee": "team/agent one", "labels": ["b", "", "a"],
        "created_at": "2025-12-31T16:00:00-08:00", "updated_at": "2026-01-01T00:00:00Z",
        "external_ref": "gh-7", "owner": "somebody@example.org", "notes": "first note", "design": "a design",
        "acceptance_criteria": "it works",
        "comments": [{ "id": 1, "issue_id": "bd-1", "author": "ann", "text": "hello", "created_at": "2026-01-01T00:00:00Z" }],
    });
    history.upsert(T0, issue.clone());
    let mut touched = issue.clone();
    touched["updated_at"] = json!("2026-02-01T00:00:00Z");
    history.upsert(T0 + 1, touched);
    let mut noted = issue.clone();
    noted["notes"] = json!("second note");
    history.upsert(T0 + 2, noted.clone());
    noted["status"] = json!("closed");
    noted["close_reason"] = json!("done well");
    history.upsert(T0 + 3, noted);
    for (n, priority) in
        [(0, json!(0)), (1, json!(1)), (2, json!(2)), (3, json!(3)), (4, json!(4)), (5, Value::Null)]
    {
        history.upsert(T0 + 4, json!({ "id": format!("p{n}"), "priority": priority }));
    }
    let (server, _) = imported(&dir, &history).await;
    let client = server.client();
    let row = task(&client, "bd-1").await;
    for (field, value) in [
        ("title", json!(odd)),
        ("intent", json!("What\u{0} is wanted")),
        ("type", json!("feature")),
        ("priority", json!(2)),
        ("labels", json!(["a", "b"])),
        ("created_at", json!("2026-01-01T00:00:00.000000Z")),
        ("status", json!("completed")),
        ("completed_at", json!(time::text((T0 + 3) * 1_000_000))),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
    let kept = row["metadata"]["beads"].to_string();
    assert!(
        kept.contains("gh-7") && kept.contains("somebody@example.org") && kept.contains("team/agent one"),
        "{kept}"
    );
    let contexts: Vec<(String, String, bool)> = row["context_all"]
        .as_array()
        .unwrap()
        .iter()
        .map(|context| {
            let text = |name: &str| context[name].as_str().unwrap().to_owned();
            (text("type"), text("content"), context["superseded_by"].is_null())
        })
        .collect();
    for (kind, content, stands) in [
        ("note", "first note", false),
        ("note", "second note", true),
        ("decision", "a design", true),
        ("reference", "it works", true),
        ("outcome", "done well", true),
        ("note", "hello", true),
    ] {
        assert!(contexts.contains(&(kind.into(), content.into(), stands)), "{kind} {content}: {contexts:?}");
    }
    assert_eq!(contexts.len(), 6, "{contexts:?}");
    let comment =
        row["context_all"].as_array().unwrap().iter().find(|context| context["content"] == "hello").unwrap();
    assert!(comment["metadata"].to_string().contains("ann"), "a comment keeps its author: {comment}");
    let priorities = client.query("SELECT id, priority FROM tasks WHERE id LIKE 'p%' ORDER BY id").await;
    assert_eq!(priorities.column("priority"), [json!(2), json!(1), json!(0), json!(-1), json!(-2), json!(0)]);
    let at = |second: i64| time::text((T0 + second) * 1_000_000);
    let quiet = client.query(&format!("SELECT id FROM events WHERE time = '{}'", at(1))).await;
    assert!(quiet.rows.is_empty(), "updated_at alone makes no event");
    let was =
        client.query(&format!("SELECT owner_agent_id FROM tasks WHERE id = 'bd-1' AS OF '{}'", at(2))).await;
    assert_eq!(was.column("owner_agent_id"), [json!("team/agent one")], "owned while in progress");
    assert!(client.events().await.iter().all(|event| event["tags"].to_string().contains("import:beads")));
    assert_eq!(client.get("/agents").await.data()["total"], 0, "a name makes no agent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dependencies_become_relationships() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::default();
    let with = |id: &str, dependencies: Vec<Value>| json!({ "id": id, "dependencies": dependencies });
    // Names a later line of the same commit, an id that comes with a later commit, and one that never comes.
    let wishes = vec![
        depends_on("a", "b", "blocks"),
        depends_on("a", "late", "blocks"),
        depends_on("a", "never", "blocks"),
        depends_on("a", "epic", "parent-child"),
        depends_on("a", "epic-2", "parent-child"),
        depends_on("a", "c", "related"),
        depends_on("a", "d", "relates-to"),
        depends_on("a", "e", "duplicates"),
        depends_on("a", "f", "discovered-from"),
    ];
    history.upsert(T0, with("a", wishes.clone()));
    // The last line of a cycle loses.
    history.upsert(T0, with("b", vec![depends_on("b", "c", "blocks")]));
    history.upsert(T0, with("c", vec![depends_on("c", "a", "blocks")]));
    history.upsert(T0, with("epic", vec![depends_on("epic", "a", "parent-child")]));
    for id in ["d", "e", "f", "epic-2"] {
        history.upsert(T0, json!({ "id": id }));
    }
    history.upsert(T0, with("old", vec![depends_on("old", "gone", "blocked-by")]));
    history.upsert(T0, json!({ "id": "gone", "status": "tombstone" }));
    history.upsert(T0 + 1, json!({ "id": "late" }));
    // An edge that is gone from the file.
    history.upsert(T0 + 2, with("b", vec![]));
    let (server, ran) = imported(&dir, &history).await;
    let client = server.client();
    let edges = |moment: i64| {
        let client = client.clone();
        async move {
            let at = time::text(moment * 1_000_000);
            let pql = format!(
                "SELECT from_task_id AS f, type AS t, to_task_id AS o FROM relationships ORDER BY f, t, o AS OF '{at}'"
            );
            let rows = client.query(&pql).await;
            let lines = rows.rows.iter().map(|row| {
                format!(
                    "{} {} {}",
                    row["f"].as_str().unwrap(),
                    row["t"].as_str().unwrap(),
                    row["o"].as_str().unwrap()
                )
            });
            lines.collect::<std::collections::BTreeSet<String>>()
        }
    };
    let set = |lines: &[&str]| {
        lines.iter().map(|line| (*line).to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    let mut expected = set(&[
        "b blocks a",
        "c blocks b",
        "epic parent_of a",
        "gone blocks old",
        "a relates_to c",
        "a relates_to d",
        "a relates_to f",
        "a duplicates e",
    ]);
    let directed = |lines: std::collections::BTreeSet<String>| -> std::collections::BTreeSet<String> {
        // Which end of a symmetric relationship comes first is not fixed.
        lines
            .into_iter()
            .map(|line| {
                let mut words: Vec<&str> = line.split(' ').collect();
                if words[1] == "relates_to" {
                    words.sort_unstable();
                }
                words.join(" ")
            })
            .collect()
    };
    assert_eq!(directed(edges(T0).await), directed(expected.clone()));
    expected.insert("late blocks a".into());
    assert_eq!(directed(edges(T0 + 1).await), directed(expected.clone()));
    expected.remove("c blocks b");
    assert_eq!(directed(edges(T0 + 2).await), directed(expected));
    let report = format!("{}{}", ran.stdout, ran.stderr);
    for told in ["never", "epic-2"] {
        assert!(report.contains(told), "the report lists what was left out ({told}): {report}");
    }
    let other = client.query("SELECT metadata.kind AS kind FROM relationships WHERE from_task_id IN ('a','f') AND to_task_id IN ('a','f')").await;
    assert_eq!(other.column("kind"), [json!("discovered-from")]);
    // The imported state wins over the rules: nothing was blocked by an edge.
    assert_eq!(task(&client, "a").await["status"], "open");
    assert_eq!(task(&client, "old").await["blocked_by_count"], 0, "an archived task blocks nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leaves_the_file_is_archived_and_may_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::default();
    for id in ["a", "b", "c"] {
        history.upsert(T0, json!({ "id": id }));
    }
    history.delete(T0 + 1, "a").delete(T0 + 2, "a").delete(T0 + 2, "unheard-of");
    history.upsert(T0 + 3, json!({ "id": "a", "title": "back" }));
    // Several commits of one second: the last wins.
    history.upsert(T0 + 4, json!({ "id": "b", "title": "first" }));
    history.upsert(T0 + 4, json!({ "id": "b", "title": "second", "status": "closed" }));
    history.delete(T0 + 4, "c").upsert(T0 + 4, json!({ "id": "c", "title": "kept" }));
    // The whole file emptied, and filled again.
    history.delete(T0 + 5, "a").delete(T0 + 5, "b").delete(T0 + 5, "c");
    history.upsert(T0 + 6, json!({ "id": "c", "title": "again" }));
    let (server, _) = imported(&dir, &history).await;
    let client = server.client();
    let empty = moment_at(&client, T0 + 5).await;
    assert_eq!(empty.live, 0);
    assert_eq!(client.query("SELECT count(*) AS n FROM tasks").await.rows[0]["n"], 3);
    assert_eq!(client.query("SELECT id FROM tasks WHERE archived_at IS NULL").await.texts("id"), ["c"]);
    let before = moment_at(&client, T0 - 1).await;
    assert_eq!(before.live, 0, "before the first commit there is nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_goes_on_where_it_was_and_only_forward() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("history.ndjson");
    let mut history = History::default();
    history.upsert(T0, json!({ "id": "a" })).upsert(T0 + 1, json!({ "id": "b" }));
    history.write(&file);
    let server = Server::start(dir.path());
    let client = server.client();
    online(&server.socket_path(), &file).succeeded();
    let head = client.head().await;
    online(&server.socket_path(), &file).succeeded();
    assert_eq!(client.head().await, head, "the same input again");
    history.upsert(T0 + 2, json!({ "id": "a", "title": "later" }));
    history.write(&file);
    online(&server.socket_path(), &file).succeeded();
    assert_eq!(client.head().await, head + 1, "what is new in it, and nothing else");

    // Work goes on with what was imported.
    client
        .post("/agents/register", json!({ "id": "a1", "name": "One", "role": "executor", "caps": [] }))
        .await
        .data();
    let claim = client.post("/tasks/claim", json!({ "agent_id": "a1" })).await.data();
    assert_eq!(claim["task"]["id"], "a");

    // Another history would run backwards in time now.
    let other = dir.path().join("other.ndjson");
    let mut past = History::default();
    past.upsert(T0 + 10, json!({ "id": "x" }));
    past.write(&other);
    let head = client.head().await;
    let ran = online(&server.socket_path(), &other);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("--restamp"), "it says what can be done: {}", ran.stderr);
    assert_eq!(client.head().await, head);
    let ran = cli::run_at(&server, &["import", "beads", other.to_str().unwrap(), "--restamp"]);
    ran.succeeded();
    let event = client.events_after(head).await.remove(0);
    assert!(time::micros(event["time"].as_str().unwrap()) > (T0 + 10) * 1_000_000);
    assert_eq!(time::micros(event["metadata"]["origin_time"].as_str().unwrap()), (T0 + 10) * 1_000_000);
    check_model(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_work_without_a_lease_may_be_leased() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::default();
    history.upsert(T0, json!({ "id": "t", "status": "in_progress", "assignee": "team/x" }));
    let (server, _) = imported(&dir, &history).await;
    let client = server.client();
    client
        .post("/agents/register", json!({ "id": "a1", "name": "One", "role": "executor", "caps": [] }))
        .await
        .data();
    assert_eq!(
        client.post("/tasks/claim", json!({ "agent_id": "a1" })).await.data(),
        Value::Null,
        "not offered"
    );
    let lease = client.post("/leases", json!({ "task_id": "t", "agent_id": "a1" })).await.data();
    assert_eq!(lease["fence"], 1);
    assert_eq!(task(&client, "t").await["owner_agent_id"], "a1");
    client.post("/tasks/t/complete", json!({ "lease_id": lease["id"] })).await.data();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_history_is_refused_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let good =
        r#"{"at":1767225600,"commit":"c","op":"upsert","issue":{"id":"a","title":"t","status":"open"}}"#;
    let earlier =
        r#"{"at":1767225599,"commit":"c","op":"upsert","issue":{"id":"b","title":"t","status":"open"}}"#;
    let file = dir.path().join("bad.ndjson");
    std::fs::write(&file, format!("{good}\n{earlier}\n")).unwrap();
    let ran = offline(dir.path(), &file);
    assert_ne!(ran.code, 0, "out of order: {}", ran.stdout);
    assert!(ran.stderr.contains('2'), "it names the line: {}", ran.stderr);
    // A snapshot: issues as they stand, without changes around them.
    let snapshot = dir.path().join("issues.jsonl");
    std::fs::write(&snapshot, "{\"id\":\"s1\",\"title\":\"One\",\"status\":\"open\"}\n{\"id\":\"s2\",\"title\":\"Two\",\"status\":\"closed\"}\n").unwrap();
    let home = dir.path().join("snapshot");
    std::fs::create_dir(&home).unwrap();
    offline(&home, &snapshot).succeeded();
    let server = Server::start(&home);
    let rows = server.client().query("SELECT id, status FROM tasks ORDER BY id").await;
    assert_eq!(
        (rows.texts("id"), rows.texts("status")),
        (vec!["s1".into(), "s2".into()], vec!["open".into(), "completed".into()])
    );
}

/// Any history at all, not only those somebody thought of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories() {
    let mut seed = Seed::new();
    let statuses = [
        "open",
        "in_progress",
        "blocked",
        "closed",
        "tombstone",
        "deferred",
        "hooked",
        "done",
        "pinned",
        "??",
    ];
    let kinds = ["blocks", "blocked-by", "parent-child", "related", "duplicates", "tracks"];
    for _ in 0..size("AGENTPM_HISTORIES", 3) {
        let mut history = History::default();
        let mut at = T0;
        for n in 0..size("AGENTPM_CHANGES", 300) {
            at += seed.int(0..4) / 2;
            let id = format!("bd-{}", seed.below(0..25));
            if seed.percent(12) {
                history.delete(at, &id);
                continue;
            }
            let dependencies: Vec<Value> = (0..seed.below(0..3))
                .map(|_| depends_on(&id, &format!("bd-{}", seed.below(0..28)), seed.pick(&kinds).unwrap()))
                .collect();
            let status = seed.pick(&statuses).copied().unwrap();
            let mut issue = json!({
                "id": id, "title": format!("Title {}", n % 7), "status": status, "dependencies": dependencies,
                "priority": seed.int(0..5), "notes": format!("note {}", n % 5), "assignee": "x",
            });
            if matches!(status, "closed" | "done") {
                issue["closed_at"] = json!(time::text(at * 1_000_000));
            }
            history.upsert(at, issue);
        }
        let dir = tempfile::tempdir().unwrap();
        let (server, _) = imported(&dir, &history).await;
        let client = server.client();
        // No cycle, one parent: whatever the file wished for.
        let parents = client
            .query("SELECT to_task_id, count(*) AS n FROM relationships WHERE type = 'parent_of' GROUP BY to_task_id HAVING count(*) > 1")
            .await;
        assert!(parents.rows.is_empty(), "{:?}", parents.rows);
        for kind in ["blocks", "parent_of"] {
            let rows = client
                .query(&format!("SELECT from_task_id, to_task_id FROM relationships WHERE type = '{kind}'"))
                .await;
            let mut edges: Vec<(String, String)> =
                rows.texts("from_task_id").into_iter().zip(rows.texts("to_task_id")).collect();
            // Who has no edge coming in is taken away, again and again; a cycle would remain.
            loop {
                let before = edges.len();
                let targets: std::collections::BTreeSet<String> =
                    edges.iter().map(|(_, to)| to.clone()).collect();
                edges.retain(|(from, _)| targets.contains(from));
                if edges.len() == before {
                    break;
                }
            }
            assert!(edges.is_empty(), "a cycle of {kind}: {edges:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_is_cut_and_odd_ids_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    // Three bytes a character: the bound is inside one.
    let long = "語".repeat(400_000);
    let ids = ["with blanks / and slash", "ümlaut→🚀", &"x".repeat(512)];
    let mut history = History::default();
    history.upsert(T0, json!({ "id": "long", "description": long, "notes": long }));
    for id in ids {
        history.upsert(T0, json!({ "id": id }));
    }
    let (server, ran) = imported(&dir, &history).await;
    let client = server.client();
    let row = task(&client, "long").await;
    for kept in [&row["intent"], &row["context_all"][0]["content"]] {
        let kept = kept.as_str().unwrap();
        assert!(
            long.starts_with(kept) && kept.len() < long.len() && kept.len() > 1_000_000,
            "{}",
            kept.len()
        );
    }
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("long"), "what was cut is reported");
    for id in ids {
        assert_eq!(task(&client, id).await["id"], id);
    }
}

/// An import that is under way has the log for itself; readers go on, and it ends well however slowly it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_wait_while_an_import_is_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let mut history = History::default();
    for n in 0..50 {
        history.upsert(T0 + n, json!({ "id": format!("t{n}") }));
    }
    let (lines, receiver) = futures::channel::mpsc::unbounded::<Result<String, std::io::Error>>();
    let request = client
        .request("POST", "/import?format=beads")
        .header("content-type", "application/x-ndjson")
        .body(reqwest::Body::wrap_stream(receiver));
    let import = tokio::spawn({
        let client = client.clone();
        async move { client.send(request).await }
    });
    let text = history.text();
    let (first, rest) = text.split_at(text.len() / 2);
    lines.unbounded_send(Ok(first.to_owned())).unwrap();
    // This cannot succeed either way: a success would put an event of today before the history's.
    let append = json!({ "stream": "s", "expected_revision": "exists", "events": [{ "type": "Said" }] });
    let append = json!({ "appends": [append] });
    let refused = agentpm_tests::wait::until("the import has the log", BEGUN_LIMIT, || async {
        let answer = client.post("/append", append.clone()).await;
        (answer.status != 409).then_some(answer)
    })
    .await;
    assert_eq!((refused.status, refused.code()), (503, "ERR_UNAVAILABLE"));
    assert!(refused.headers.contains_key("retry-after") && refused.error()["retryable"] == true);
    let second = client
        .send(
            client
                .request("POST", "/import?format=beads")
                .header("content-type", "application/x-ndjson")
                .body(text.clone()),
        )
        .await;
    assert_eq!((second.status, second.code()), (503, "ERR_UNAVAILABLE"), "one import at a time");
    let _ = client.query("SELECT count(*) AS n FROM tasks").await;
    lines.unbounded_send(Ok(rest.to_owned())).unwrap();
    drop(lines);
    import.await.unwrap().data();
    client.post("/agents/register", json!({ "id": "b", "name": "b", "caps": [] })).await.data();
    assert_eq!(client.query("SELECT count(*) AS n FROM tasks").await.rows[0]["n"], 50);
    check_model(&client).await;
}
