//! Every route, asked well: what it answers, in which shape.

use agentpm_tests::fixture::small as fixture;
use agentpm_tests::model;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// The keys of an object, in the order of the alphabet.
fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().unwrap_or_else(|| panic!("an object, not {value}"));
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The columns of a table, in the order of the alphabet.
fn columns(table: &str) -> Vec<&'static str> {
    let mut columns = model::columns(table).to_vec();
    columns.sort_unstable();
    columns
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_answered_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;

    let answer = client.post("/tasks", json!({ "title": "By itself" })).await;
    let made = answer.clone().data();
    assert_eq!(keys(&made), columns("tasks"));
    assert_eq!(answer.position(), client.head().await);
    assert!(answer.headers.contains_key("x-request-id"));
    for (field, default) in [
        ("status", json!("open")),
        ("priority", json!(0)),
        ("class", json!("normal")),
        ("caps", json!([])),
        ("labels", json!([])),
        ("metadata", json!({})),
        ("version", json!(1)),
        ("attempts", json!(0)),
        ("max_attempts", json!(3)),
        ("owner_agent_id", Value::Null),
        ("parent_id", Value::Null),
        ("archived_at", Value::Null),
        ("blocked_by_count", json!(0)),
    ] {
        assert_eq!(made[field], default, "{field}");
    }
    let id = made["id"].as_str().unwrap();
    assert!(
        id.len() == 26 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
        "a ULID: {id}"
    );

    let t1 = client.get("/tasks/t1").await.data();
    assert_eq!(keys(&t1), columns("tasks"));
    assert_eq!((&t1["parent_id"], &t1["version"]), (&json!("t0"), &json!(1)));

    let full = json!({
        "id": "everything", "title": "All fields", "intent": "at length", "type": "bugfix", "project_id": "p2",
        "parent_id": "t0", "priority": 5, "class": "critical", "caps": ["b", "a", "a"], "labels": ["x"],
        "metadata": { "k": [1, null] }, "due_at": "2030-01-01T01:00:00+01:00", "not_before": "2020-01-01T00:00:00Z",
        "max_attempts": 7, "owner_agent_id": "a1", "progress": ["p"], "blocks": ["t0"],
        "contexts": [{ "type": "note", "content": "c", "metadata": { "m": 1 } }],
    });
    let made = client.post("/tasks", full.clone()).await.data();
    for field in [
        "id",
        "title",
        "intent",
        "type",
        "project_id",
        "parent_id",
        "priority",
        "class",
        "labels",
        "metadata",
        "max_attempts",
        "owner_agent_id",
    ] {
        assert_eq!(made[field], full[field], "{field}");
    }
    assert_eq!(made["caps"], json!(["a", "b"]), "a set: sorted, without repetition");
    assert_eq!(made["due_at"], "2030-01-01T00:00:00.000000Z", "UTC, to the microsecond");
    assert_eq!(made["dependency_depth"], 1);
    assert_eq!(client.get("/tasks/t0").await.data()["status"], "blocked", "its blocker is unfinished");

    let includes = "relationships,context,context_all,progress,progress_summary,parent,children,blocked_by,blocking,leases,sessions,runs,files,recent_events";
    let whole = client.get(&format!("/tasks/everything?include={includes}")).await.data();
    for include in includes.split(',') {
        match include {
            "parent" => assert_eq!(whole["parent"]["id"], "t0"),
            "progress_summary" => assert_eq!(whole[include], json!({ "completed": 0, "remaining": 1 })),
            _ => assert!(whole[include].is_array(), "{include} is a list: {}", whole[include]),
        }
    }
    assert_eq!(whole["blocking"][0]["id"], "t0");
    assert_eq!(whole["context"][0]["content"], "c");
    assert_eq!(whole["progress"][0]["content"], "p");
    assert_eq!(whole["relationships"].as_array().unwrap().len(), 2);
    assert_eq!(client.get("/tasks/t1?include=parent").await.data()["parent"]["id"], "t0");
    assert_eq!(client.get("/tasks/t0?include=parent").await.data()["parent"], Value::Null);
    assert_eq!(
        client.get("/tasks/t0?include=children").await.data()["children"].as_array().unwrap().len(),
        2
    );

    let reference = json!({ "task_id": "t1", "type": "reference", "content": "see", "metadata": { "path": "src/lib.rs" } });
    client.post("/contexts", reference).await.data();
    client
        .post("/contexts", json!({ "task_id": "t1", "type": "reference", "content": "no path" }))
        .await
        .data();
    let files = client.get("/tasks/t1?include=files").await.data()["files"].clone();
    assert_eq!(files.as_array().unwrap().len(), 1, "references that have a path: {files}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_page_and_filter() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;
    for n in 0..5 {
        let body = json!({ "id": format!("n{n}"), "title": "n", "labels": if n % 2 == 0 { vec!["even"] } else { vec![] } });
        client.post("/tasks", body).await.data();
    }
    let all = client.get("/tasks").await.data();
    assert_eq!(keys(&all), ["next_offset", "tasks", "total"]);
    assert_eq!((&all["total"], &all["next_offset"]), (&json!(7), &Value::Null));
    let page = client.get("/tasks?limit=3").await.data();
    assert_eq!(
        (page["tasks"].as_array().unwrap().len(), &page["total"], &page["next_offset"]),
        (3, &json!(7), &json!(3))
    );
    let rest = client.get("/tasks?limit=10&offset=3").await.data();
    assert_eq!((rest["tasks"].as_array().unwrap().len(), &rest["next_offset"]), (4, &Value::Null));
    for (filter, count) in [
        ("status=open", 7),
        ("status=completed", 0),
        ("parent_id=t0", 1),
        ("project_id=p1", 2),
        ("label=even", 3),
        ("owner=a1", 0),
    ] {
        assert_eq!(client.get(&format!("/tasks?{filter}")).await.data()["total"], count, "{filter}");
    }
    let agents = client.get("/agents").await.data();
    assert_eq!((&agents["total"], &agents["agents"][0]["id"]), (&json!(1), &json!("a1")));
    let agent = client.get("/agents/a1").await.data();
    assert_eq!(keys(&agent), columns("agents"));
    assert_eq!(agent["caps"], json!(["rust", "sql"]));
    assert_eq!(client.get("/runs").await.data(), json!({ "runs": [], "total": 0, "next_offset": null }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_life_of_a_task() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;

    let claim = client.post("/tasks/claim", json!({ "agent_id": "a1", "lease_s": 60 })).await.data();
    assert_eq!(keys(&claim), ["context", "lease", "next", "run_id", "task"]);
    assert_eq!(keys(&claim["lease"]), ["expires_at", "fence", "id"]);
    assert_eq!((&claim["task"]["id"], &claim["task"]["status"]), (&json!("t1"), &json!("in_progress")));
    assert_eq!((&claim["task"]["owner_agent_id"], &claim["task"]["attempts"]), (&json!("a1"), &json!(1)));
    assert!(
        claim["next"].as_array().unwrap().iter().all(|next| next.as_str().unwrap().starts_with("agentpm "))
    );
    let lease = claim["lease"]["id"].clone();
    let run = claim["run_id"].as_str().unwrap().to_owned();
    assert_eq!(
        client.post("/tasks/claim", json!({ "agent_id": "a1" })).await.data(),
        Value::Null,
        "nothing is left"
    );
    assert_eq!(
        client.post("/tasks/claim", json!({ "agent_id": "a1", "limit": 2 })).await.data(),
        json!({ "claims": [] })
    );

    let patched =
        client.patch("/tasks/t1", json!({ "title": "Renamed", "lease_id": lease, "fence": 1 })).await.data();
    assert_eq!((&patched["title"], &patched["version"]), (&json!("Renamed"), &json!(3)));
    let items = client
        .post("/progress_items", json!({ "task_id": "t1", "items": ["three"], "lease_id": lease }))
        .await
        .data();
    assert!(items.to_string().contains("three"), "{items}");
    let item =
        client.query("SELECT id FROM progress_items WHERE content = 'one'").await.texts("id").remove(0);
    let done = client
        .patch(&format!("/progress_items/{item}"), json!({ "completed": true, "lease_id": lease }))
        .await
        .data();
    assert_eq!(keys(&done), columns("progress_items"));
    assert_eq!(done["completed"], true);
    assert_eq!(
        client.get("/tasks/t1?include=progress_summary").await.data()["progress_summary"],
        json!({ "completed": 1, "remaining": 2 })
    );
    let context = client
        .post("/contexts", json!({ "task_id": "t1", "type": "decision", "content": "so" }))
        .await
        .data();
    assert_eq!(keys(&context), columns("contexts"));
    let newer =
        json!({ "task_id": "t1", "type": "decision", "content": "no, so", "supersedes": context["id"] });
    let newer = client.post("/contexts", newer).await.data();
    let contexts = |include: &'static str| {
        let client = client.clone();
        async move { client.get(&format!("/tasks/t1?include={include}")).await.data()[include].clone() }
    };
    assert_eq!(contexts("context").await.as_array().unwrap().len(), 1, "what was superseded is left out");
    let all = contexts("context_all").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert!(all.as_array().unwrap().iter().any(|context| context["superseded_by"] == newer["id"]));

    let renewed = client
        .patch(&format!("/leases/{}/renew", lease.as_str().unwrap()), json!({ "ttl_s": 120 }))
        .await
        .data();
    assert!(renewed["expires_at"].as_str() > claim["lease"]["expires_at"].as_str());
    let events = json!({ "lease_id": lease, "events": [
        { "type": "ToolInvoked", "data": { "tool": "cargo", "ok": true } }, { "type": "Thought", "data": { "n": 1 } },
    ]});
    client.post(&format!("/runs/{run}/events"), events).await.data();
    let running = client.get(&format!("/runs/{run}")).await.data();
    assert_eq!(keys(&running), columns("runs"));
    assert_eq!((&running["status"], &running["lease_id"]), (&json!("running"), &lease));

    let done = json!({ "lease_id": lease, "output": { "files": 3 }, "evidence": ["test run"], "cost": 1.5, "tokens": 900 });
    let completed = client.post("/tasks/t1/complete", done).await.data();
    assert_eq!(completed.get("task").unwrap_or(&completed)["status"], "completed");
    let ended = client.get(&format!("/runs/{run}")).await.data();
    for (field, value) in [
        ("status", json!("completed")),
        ("cost", json!(1.5)),
        ("tokens", json!(900)),
        ("output", json!({ "files": 3 })),
    ] {
        assert_eq!(ended[field], value, "{field}");
    }
    assert!(ended["duration_ms"].as_i64().is_some_and(|ms| ms >= 0));
    assert_eq!(client.get("/runs?task_id=t1&status=completed").await.data()["total"], 1);
    assert_eq!(client.get("/tasks/t1?include=leases").await.data()["leases"][0]["status"], "released");
    assert_eq!(client.get("/tasks/t0").await.data()["child_done_count"], 1);

    let history = client.get("/tasks/t1/history").await.data();
    let text = history.to_string();
    for kind in ["TaskCreated", "TaskUpdated", "TaskStatusChanged", "RunCompleted"] {
        assert!(text.contains(kind), "the history has {kind}");
    }
    assert!(client.post("/tasks/t1/archive", json!({})).await.data()["archived_at"].is_string());
    assert_eq!(client.get("/tasks").await.data()["total"], 1, "lists leave archived tasks out");
    assert_eq!(client.post("/tasks/t1/restore", json!({})).await.data()["archived_at"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_tells_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (server, client) = fixture(&dir).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    // The same API is on the Unix socket, which is for its owner only.
    let over_unix = server.unix_client().get("/tasks/t1").await.data();
    assert_eq!(over_unix["id"], "t1");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(server.socket_path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let head = client.head().await;
    assert_eq!(server.ready["position"], 0, "an empty log when it started");
    for path in ["/tasks", "/tasks/t1", "/agents", "/runs", "/events", "/healthz", "/tasks/t1/history"] {
        client.get(path).await;
    }
    assert_eq!(client.head().await, head, "a GET changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_come_in_the_form_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;
    let query = |accept: &'static str| {
        let body = json!({ "pql": "SELECT id, caps, priority, due_at FROM tasks ORDER BY id" });
        client.send(client.request("POST", "/query").header("accept", accept).json(&body))
    };
    let ndjson = query("application/x-ndjson").await;
    assert!(ndjson.headers["content-type"].to_str().unwrap().starts_with("application/x-ndjson"));
    let lines: Vec<Value> =
        ndjson.body.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1], json!({ "id": "t1", "caps": ["rust"], "priority": 0, "due_at": null }));
    let csv = query("text/csv").await;
    assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    let lines: Vec<&str> = csv.body.as_str().unwrap().lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "id,caps,priority,due_at"));
    assert!(lines[2].starts_with("t1,"), "{}", lines[2]);
    let json = query("application/json").await.rows();
    assert_eq!(
        json.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["id", "caps", "priority", "due_at"]
    );
    assert_eq!(json.position, client.head().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the contract has /metrics; the server has not, yet"]
async fn routes_to_come() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;
    let metrics = client.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.as_str().is_some_and(|text| text.contains("agentpm_")), "{}", metrics.body);
}

/// All of a task in one answer, and less of it where there is less room: the least useful goes first, and is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brief_keeps_to_its_budget() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;
    let lorem = "what was seen on the way and may be of use to somebody some day, ".repeat(4);
    for n in 0..20 {
        let note = json!({ "task_id": "t1", "type": "note", "content": format!("{n}: {lorem}") });
        client.post("/contexts", note).await.data();
    }
    let decision = json!({ "task_id": "t1", "type": "decision", "content": "by hand, not by a generator" });
    let old = client.post("/contexts", decision).await.data();
    let newer =
        json!({ "task_id": "t1", "type": "decision", "content": "no, by pest", "supersedes": old["id"] });
    client.post("/contexts", newer).await.data();
    client.post("/tasks", json!({ "id": "t9", "title": "In the way", "blocks": ["t1"] })).await.data();
    client
        .post("/progress_items", json!({ "task_id": "t1", "items": ["write", "test"], "override": true }))
        .await
        .data();

    let whole = client.get("/tasks/t1/brief?max_tokens=100000").await.data();
    assert_eq!((&whole["dropped"], &whole["over_budget"]), (&json!({}), &json!(false)));
    assert_eq!(whole["context"].as_array().unwrap().len(), 21, "what was superseded is left out");
    assert_eq!((&whole["task"]["id"], &whole["blocked_by"][0]["id"]), (&json!("t1"), &json!("t9")));
    assert_eq!(whole["parent"]["id"], "t0");
    assert_eq!(whole["recent_events"].as_array().unwrap().len(), 20);
    let told = |brief: &Value| brief["estimated_tokens"].as_u64().unwrap();
    let mut before = told(&whole);
    for tokens_max in [3_000, 2_000, 1_000, 500, 300] {
        let answer = client.get(&format!("/tasks/t1/brief?max_tokens={tokens_max}")).await;
        let brief = answer.data();
        assert_eq!(brief["max_tokens"], tokens_max);
        assert!(told(&brief) <= tokens_max && told(&brief) <= before, "{tokens_max}: {}", told(&brief));
        assert!(brief.to_string().len() as u64 <= 4 * tokens_max);
        before = told(&brief);
        let text = brief.to_string();
        assert!(text.contains("In the way"), "{tokens_max}: what blocks it stays longest: {text}");
        if tokens_max >= 500 {
            assert!(text.contains("no, by pest") && text.contains("write"), "{tokens_max}: {text}");
        }
        assert!(brief["dropped"]["recent_events"].is_u64() || tokens_max > 2_000, "{}", brief["dropped"]);
    }
    let by_itself = client.get("/tasks/t1/brief").await.data();
    assert_eq!(by_itself["max_tokens"], 2_000, "when nothing is said");
}

/// The history of a task: by whom, of which type, in which time, page by page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_narrowed() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;
    for (agent, n) in [("ada", 0), ("bob", 1), ("ada", 2)] {
        let note = json!({ "task_id": "t1", "type": "note", "content": format!("note {n}") });
        let request = client.request("POST", "/contexts").header("agentpm-agent", agent).json(&note);
        client.send(request).await.data();
    }
    let all = client.get("/tasks/t1/history").await.data();
    let events = all["events"].as_array().unwrap().clone();
    assert_eq!(all["total"], events.len());
    assert_eq!((&all["next_offset"], &all["next_after"]), (&Value::Null, &Value::Null));
    let history = async |query: &str| {
        let answer = client.get(&format!("/tasks/t1/history?{query}")).await.data();
        answer["events"].as_array().unwrap().clone()
    };
    let notes = history("type=ContextAdded&agent_id=ada").await;
    let said: Vec<_> = notes.iter().map(|event| event["data"]["content"].as_str().unwrap()).collect();
    assert_eq!(said, ["note 0", "note 2"]);
    assert_eq!(history("type=TaskCreated,ContextAdded").await.len(), 4);
    let second = notes[1]["time"].as_str().unwrap();
    assert_eq!(history(&format!("from_time={second}")).await.last(), events.last());
    assert!(history(&format!("to_time={second}")).await.contains(&notes[1]));
    assert!(history("to_time=2020-01-01T00:00:00Z").await.is_empty());
    assert!(history("agent_id=nobody").await.is_empty());
    // Page by page, by position and by number.
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = client.get(&format!("/tasks/t1/history?limit=2&after={after}")).await.data();
        seen.extend(page["events"].as_array().unwrap().clone());
        match page["next_after"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen, events);
    let page = client.get("/tasks/t1/history?limit=2&offset=1").await.data();
    assert_eq!((&page["events"][0], &page["next_offset"]), (&events[1], &json!(3)));
}

/// A client that writes its request first and then reads the answer, as simple ones do, has the answer: whatever
/// the server thinks of the request before it has the body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_waits_for_the_body() {
    let dir = tempfile::tempdir().unwrap();
    let server = agentpm_tests::Server::start(dir.path());
    let path = server.socket_path();
    let ask = move |line: &str| {
        let mut stream = UnixStream::connect(&path).unwrap();
        let body = vec![b'x'; 1 << 20];
        let head = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).expect("the server reads what it refuses");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for (line, status) in [
        ("POST /sql", "404"),
        ("DELETE /append", "405"),
        ("GET /tasks?colour=red", "400"),
        ("POST /query?colour=red", "400"),
        ("POST /import?format=other", "400"),
    ] {
        for _ in 0..10 {
            let answer = ask(line);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
            assert!(answer.contains("\"ok\":false"), "{line}: {answer}");
        }
    }
}
