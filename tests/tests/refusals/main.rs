//! Every route, asked badly: which error it is, where it points, and that the log is left alone.

use agentpm_tests::fixture::small as fixture;
use serde_json::{Value, json};

/// A request that must be refused: method, path, body, status, code, and JSON pointers the details name.
type Bad = (&'static str, &'static str, Value, u16, &'static str, &'static [&'static str]);

fn bad_requests() -> Vec<Bad> {
    const V: &str = "ERR_VALIDATION";
    const N: &str = "ERR_NOT_FOUND";
    let event = json!({ "type": "X", "data": {} });
    let append = |stream: Value, revision: Value, event: Value| json!({ "appends": [{ "stream": stream, "expected_revision": revision, "events": [event] }] });
    vec![
        // Creating a task.
        ("POST", "/tasks", json!({}), 400, V, &["/title"]),
        ("POST", "/tasks", json!({ "title": "" }), 400, V, &["/title"]),
        ("POST", "/tasks", json!({ "title": 7 }), 400, V, &["/title"]),
        ("POST", "/tasks", json!({ "title": "t", "colour": "red" }), 400, V, &["/colour"]),
        ("POST", "/tasks", json!({ "title": "t", "priority": 6 }), 400, V, &["/priority"]),
        ("POST", "/tasks", json!({ "title": "t", "priority": "high" }), 400, V, &["/priority"]),
        ("POST", "/tasks", json!({ "title": "t", "class": "urgent" }), 400, V, &["/class"]),
        ("POST", "/tasks", json!({ "title": "t", "type": "Not A Word" }), 400, V, &["/type"]),
        ("POST", "/tasks", json!({ "title": "t", "id": "has blanks" }), 400, V, &["/id"]),
        ("POST", "/tasks", json!({ "title": "t", "id": "x".repeat(129) }), 400, V, &["/id"]),
        ("POST", "/tasks", json!({ "title": "t", "caps": "rust" }), 400, V, &["/caps"]),
        ("POST", "/tasks", json!({ "title": "t", "caps": ["rust", 7] }), 400, V, &["/caps/1"]),
        ("POST", "/tasks", json!({ "title": "t", "due_at": "tomorrow" }), 400, V, &["/due_at"]),
        ("POST", "/tasks", json!({ "title": "t", "metadata": [] }), 400, V, &["/metadata"]),
        ("POST", "/tasks", json!({ "title": "t", "max_attempts": 0 }), 400, V, &["/max_attempts"]),
        (
            "POST",
            "/tasks",
            json!({ "title": "t", "contexts": [{ "type": "poem", "content": "c" }] }),
            400,
            V,
            &["/contexts/0/type"],
        ),
        // Every problem is named: first those of form, then those of meaning.
        (
            "POST",
            "/tasks",
            json!({ "class": "x", "priority": "y" }),
            400,
            V,
            &["/title", "/class", "/priority"],
        ),
        ("POST", "/tasks", json!({ "title": "t", "priority": 9, "id": "?" }), 400, V, &["/priority", "/id"]),
        ("POST", "/tasks", json!([]), 400, V, &[]),
        ("POST", "/tasks", json!({ "title": "t", "id": "t1" }), 409, "ERR_CONFLICT", &[]),
        ("POST", "/tasks", json!({ "title": "t", "parent_id": "none" }), 404, N, &[]),
        ("POST", "/tasks", json!({ "title": "t", "blocked_by": ["none"] }), 404, N, &[]),
        // What is not there.
        ("GET", "/tasks/none", Value::Null, 404, N, &[]),
        ("GET", "/agents/none", Value::Null, 404, N, &[]),
        ("GET", "/runs/none", Value::Null, 404, N, &[]),
        ("GET", "/no/such/route", Value::Null, 404, N, &[]),
        ("PATCH", "/tasks/none", json!({ "title": "t", "override": true }), 404, N, &[]),
        ("POST", "/tasks/none/transition", json!({ "status": "open", "override": true }), 404, N, &[]),
        ("POST", "/tasks/none/archive", json!({}), 404, N, &[]),
        ("POST", "/tasks/none/restore", json!({}), 404, N, &[]),
        ("POST", "/tasks/none/complete", json!({ "lease_id": "l" }), 404, N, &[]),
        ("DELETE", "/relationships/none", Value::Null, 404, N, &[]),
        ("PATCH", "/progress_items/none", json!({ "completed": true }), 404, N, &[]),
        ("POST", "/contexts", json!({ "task_id": "none", "type": "note", "content": "c" }), 404, N, &[]),
        ("POST", "/leases", json!({ "task_id": "none", "agent_id": "a1" }), 404, N, &[]),
        ("PATCH", "/leases/none/renew", json!({}), 404, N, &[]),
        ("DELETE", "/leases/none", Value::Null, 404, N, &[]),
        // The wrong method.
        ("PUT", "/tasks", json!({}), 405, V, &[]),
        // Changing a task.
        ("PATCH", "/tasks/t1", json!({ "title": "" , "expected_version": 1 }), 400, V, &["/title"]),
        ("PATCH", "/tasks/t1", json!({ "status": "open", "expected_version": 1 }), 400, V, &["/status"]),
        ("PATCH", "/tasks/t1", json!({ "title": "x", "expected_version": 9 }), 409, "ERR_CONFLICT", &[]),
        ("PATCH", "/tasks/t1", json!({ "title": "x" }), 423, "ERR_LEASE_REQUIRED", &[]),
        ("PATCH", "/tasks/t1", json!({ "title": "x", "lease_id": "none" }), 423, "ERR_LEASE_EXPIRED", &[]),
        ("PATCH", "/tasks/t0", json!({ "parent_id": "t1", "expected_version": 1 }), 409, "ERR_CONFLICT", &[]),
        ("POST", "/tasks/t1/transition", json!({ "status": "done" }), 400, V, &["/status"]),
        ("POST", "/tasks/t1/transition", json!({}), 400, V, &["/status"]),
        (
            "POST",
            "/tasks/t1/transition",
            json!({ "status": "blocked", "override": true }),
            400,
            V,
            &["/reason"],
        ),
        (
            "POST",
            "/tasks/t1/transition",
            json!({ "status": "completed", "override": true }),
            409,
            "ERR_INVALID_STATE",
            &[],
        ),
        ("POST", "/tasks/t1/archive", json!({}), 409, "ERR_INVALID_STATE", &[]),
        ("POST", "/tasks/t1/complete", json!({ "lease_id": "none" }), 423, "ERR_LEASE_EXPIRED", &[]),
        ("POST", "/tasks/t1/complete", json!({ "lease_id": "x", "cost": "much" }), 400, V, &["/cost"]),
        (
            "POST",
            "/tasks/t1/fail",
            json!({ "lease_id": "x", "class": "odd", "message": "m" }),
            400,
            V,
            &["/class"],
        ),
        ("POST", "/tasks/t1/fail", json!({ "lease_id": "x", "class": "transient" }), 400, V, &["/message"]),
        // Relationships, contexts, progress, agents, claims, leases.
        (
            "POST",
            "/relationships",
            json!({ "from_task_id": "t1", "to_task_id": "t0", "type": "loves" }),
            400,
            V,
            &["/type"],
        ),
        (
            "POST",
            "/relationships",
            json!({ "from_task_id": "t1", "type": "blocks" }),
            400,
            V,
            &["/to_task_id"],
        ),
        (
            "POST",
            "/relationships",
            json!({ "from_task_id": "t1", "to_task_id": "t0", "type": "parent_of" }),
            409,
            "ERR_CONFLICT",
            &[],
        ),
        (
            "POST",
            "/relationships",
            json!({ "from_task_id": "t1", "to_task_id": "t1", "type": "blocks" }),
            409,
            "ERR_CONFLICT",
            &[],
        ),
        (
            "POST",
            "/relationships",
            json!({ "from_task_id": "t1", "to_task_id": "none", "type": "blocks" }),
            404,
            N,
            &[],
        ),
        ("POST", "/contexts", json!({ "task_id": "t1", "type": "note" }), 400, V, &["/content"]),
        ("POST", "/contexts", json!({ "task_id": "t1", "type": "poem", "content": "c" }), 400, V, &["/type"]),
        ("POST", "/progress_items", json!({ "task_id": "t1", "items": [] }), 400, V, &["/items"]),
        (
            "POST",
            "/agents/register",
            json!({ "id": "a2", "name": "n", "role": "boss", "caps": [] }),
            400,
            V,
            &["/role"],
        ),
        ("POST", "/agents/register", json!({ "id": "a2" }), 400, V, &["/name"]),
        ("POST", "/tasks/claim", json!({}), 400, V, &["/agent_id"]),
        ("POST", "/tasks/claim", json!({ "agent_id": "a1", "limit": 0 }), 400, V, &["/limit"]),
        ("POST", "/tasks/claim", json!({ "agent_id": "a1", "lease_s": 0 }), 400, V, &["/lease_s"]),
        ("POST", "/tasks/claim", json!({ "agent_id": "a1", "where": "colour = 1" }), 400, "ERR_PQL", &[]),
        (
            "POST",
            "/leases",
            json!({ "task_id": "t1", "agent_id": "a1", "ttl_s": 999_999_999 }),
            400,
            V,
            &["/ttl_s"],
        ),
        ("POST", "/leases", json!({ "task_id": "t1" }), 400, V, &["/agent_id"]),
        // The log.
        ("POST", "/append", json!({}), 400, V, &["/appends"]),
        ("POST", "/append", json!({ "appends": [] }), 400, V, &["/appends"]),
        ("POST", "/append", append(json!(""), json!("any"), event.clone()), 400, V, &["/appends/0/stream"]),
        (
            "POST",
            "/append",
            append(json!("s"), json!("maybe"), event.clone()),
            400,
            V,
            &["/appends/0/expected_revision"],
        ),
        (
            "POST",
            "/append",
            append(json!("s"), json!(-1), event.clone()),
            400,
            V,
            &["/appends/0/expected_revision"],
        ),
        (
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "data": {} })),
            400,
            V,
            &["/appends/0/events/0/type"],
        ),
        (
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "X", "id": "short" })),
            400,
            V,
            &["/appends/0/events/0/id"],
        ),
        (
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "X", "tags": [7] })),
            400,
            V,
            &["/appends/0/events/0/tags/0"],
        ),
        ("POST", "/append", append(json!("s"), json!("exists"), event.clone()), 409, "ERR_CONFLICT", &[]),
        ("POST", "/append", append(json!("s"), json!(3), event.clone()), 409, "ERR_CONFLICT", &[]),
        ("POST", "/append", append(json!("task-t1"), json!("any"), event.clone()), 403, "ERR_FORBIDDEN", &[]),
        ("POST", "/append", append(json!("$system"), json!("any"), event), 403, "ERR_FORBIDDEN", &[]),
        (
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "TaskCreated" })),
            403,
            "ERR_FORBIDDEN",
            &[],
        ),
        (
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "X", "tags": ["task:t1"] })),
            403,
            "ERR_FORBIDDEN",
            &[],
        ),
        ("GET", "/events?limit=0", Value::Null, 400, V, &["/limit"]),
        ("GET", "/events?limit=10001", Value::Null, 400, V, &["/limit"]),
        ("GET", "/events?after=x", Value::Null, 400, V, &["/after"]),
        ("GET", "/events?colour=red", Value::Null, 400, V, &["/colour"]),
        ("GET", "/tasks?status=done", Value::Null, 400, V, &["/status"]),
        ("GET", "/tasks/t1?include=everything", Value::Null, 400, V, &["/include"]),
        // Queries.
        ("POST", "/query", json!({}), 400, V, &["/pql"]),
        ("POST", "/query", json!({ "pql": 7 }), 400, V, &["/pql"]),
        ("POST", "/query", json!({ "pql": "SELEKT" }), 400, "ERR_PQL", &[]),
        ("POST", "/query", json!({ "pql": "SUBSCRIBE events" }), 400, "ERR_PQL", &[]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_refused_and_leave_the_log_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;
    let mut wrong = Vec::new();
    for (method, path, body, status, code, pointers) in bad_requests() {
        let head = client.head().await;
        let answer = if body.is_null() {
            client.send(client.request(method, path)).await
        } else {
            client.call(method, path, &body).await
        };
        if (answer.status, answer.code()) != (status, code) {
            wrong.push(format!(
                "{}: expected {status} {code}, got {} {}",
                answer.request, answer.status, answer.body
            ));
            continue;
        }
        let error = answer.error();
        let missing: Vec<_> = pointers
            .iter()
            .filter(|pointer| !error["details"].to_string().contains(&format!("\"{pointer}\"")))
            .collect();
        if !missing.is_empty() {
            wrong.push(format!(
                "{}: the details do not point at {missing:?}: {}",
                answer.request, answer.body
            ));
        }
        let message = error["message"].as_str().unwrap_or_default();
        if message.is_empty() || !error["retryable"].is_boolean() {
            wrong.push(format!("{}: an error says what is wrong: {}", answer.request, answer.body));
        }
        if !answer.headers.contains_key("x-request-id") {
            wrong.push(format!("{}: no X-Request-Id", answer.request));
        }
        let now = client.head().await;
        if now != head {
            wrong.push(format!("{}: refused, but head went from {head} to {now}", answer.request));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_json() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;
    let head = client.head().await;
    let post =
        |kind: &str, body: Vec<u8>| client.request("POST", "/tasks").header("content-type", kind).body(body);
    for (kind, body, status, code) in [
        ("text/plain", br#"{"title":"t"}"#.to_vec(), 415, "ERR_VALIDATION"),
        ("application/x-www-form-urlencoded", b"title=t".to_vec(), 415, "ERR_VALIDATION"),
        ("application/json", b"{\"title\":".to_vec(), 400, "ERR_VALIDATION"),
        ("application/json", b"".to_vec(), 400, "ERR_VALIDATION"),
        ("application/json", b"{\"title\":\"\xff\xfe\"}".to_vec(), 400, "ERR_VALIDATION"),
        ("application/json", "[".repeat(100_000).into_bytes(), 400, "ERR_VALIDATION"),
    ] {
        let answer = client.send(post(kind, body)).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{kind}: {}", answer.body);
    }
    let none = client.send(client.request("POST", "/tasks").body(r#"{"title":"t"}"#)).await;
    assert_eq!(none.status, 415, "no content type at all");
    let charset = post("application/json; charset=utf-8", br#"{"title":"t"}"#.to_vec());
    assert_eq!(client.send(charset).await.status, 200, "a parameter of the content type is no other type");

    // 8 MiB is the most a body may be, 1 MiB what an event may hold.
    let big = json!({ "title": "t", "intent": "x".repeat(8 * 1024 * 1024) });
    let answer = client.post("/tasks", big).await;
    assert_eq!((answer.status, answer.code()), (413, "ERR_PAYLOAD_TOO_LARGE"));
    let append = |bytes: usize| {
        let event = json!({ "type": "X", "data": { "t": "x".repeat(bytes) } });
        json!({ "appends": [{ "stream": "big", "expected_revision": "any", "events": [event] }] })
    };
    let answer = client.post("/append", append(1024 * 1024 + 1)).await;
    assert_eq!((answer.status, answer.code()), (413, "ERR_PAYLOAD_TOO_LARGE"));
    client.post("/append", append(1024 * 1024 - 64)).await.data();
    assert_eq!(client.head().await, head + 2, "the two that were good");
}
