//! Batches and keys: all or none, in one commit; and once, whatever is sent again.

use agentpm_tests::{Answer, Client, Server};
use serde_json::{Value, json};

async fn server() -> (tempfile::TempDir, Server, Client) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    client.post("/agents/register", json!({ "id": "ada", "name": "Ada", "caps": ["rust"] })).await.data();
    (dir, server, client)
}

/// Sends a call with a key.
async fn keyed(client: &Client, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    let request = client.request(method, path).header("idempotency-key", key);
    client.send(if body.is_null() { request } else { request.json(body) }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_atomic_batch_is_one_commit_and_names_what_it_makes() {
    let (_dir, _server, client) = server().await;
    let before = client.head().await;
    let ops = json!([
        { "op": "create_task", "data": { "title": "plan" }, "ref": "plan" },
        { "op": "create_task", "data": { "title": "do", "blocked_by": ["$plan"], "parent_id": "$plan" }, "ref": "do" },
        { "op": "acquire_lease", "data": { "task_id": "$plan", "agent_id": "ada" }, "ref": "lease" },
        { "op": "add_progress", "data": { "task_id": "$plan", "items": ["think", "write"], "lease_id": "$lease" }, "ref": "step" },
        { "op": "complete_progress", "data": { "id": "$step", "completed": true, "lease_id": "$lease" } },
        { "op": "add_context", "data": { "task_id": "$plan", "type": "note", "content": "$plan" }, "ref": "note" },
        { "op": "add_context", "data": { "task_id": "$plan", "type": "note", "content": "better", "supersedes": "$note" } },
        { "op": "complete_task", "data": { "id": "$plan", "lease_id": "$lease", "output": { "n": 18446744073709551615_u64 } } },
    ]);
    let answer = client.post("/batch", json!({ "ops": ops })).await;
    let results = answer.body["data"]["results"].clone();
    assert!(results.as_array().unwrap().iter().all(|result| result["ok"] == true), "{results}");
    let made = |n: usize, name: &str| results[n]["data"][name].as_str().unwrap().to_owned();
    let (plan, task) = (made(0, "id"), made(1, "id"));
    assert_eq!(results[1]["data"]["status"], "blocked", "as it was right after its own operation");
    assert_eq!(results[1]["data"]["parent_id"], plan);
    assert_eq!(results[5]["data"]["content"], "$plan", "text is text");
    assert_eq!(results[3]["data"]["progress_items"].as_array().unwrap().len(), 2);
    assert_eq!(results[7]["data"]["status"], "completed");
    assert_eq!(client.get(&format!("/tasks/{task}")).await.data()["status"], "open", "unblocked by the last");
    let events = client.get(&format!("/events?after={before}")).await.data()["events"].clone();
    let times: std::collections::BTreeSet<_> =
        events.as_array().unwrap().iter().map(|event| event["time"].to_string()).collect();
    assert_eq!(times.len(), 1, "one commit has one time");
    let by: Vec<&Value> = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "ProgressItemCompleted" || event["type"] == "RunCompleted")
        .map(|event| &event["metadata"]["agent_id"])
        .collect();
    assert_eq!(by, ["ada", "ada"], "the holder of the lease that the batch itself took");
    assert_eq!(answer.position(), client.head().await);
    let ops = json!([
        { "op": "register_agent", "data": { "name": "Bo" }, "ref": "agent" },
        { "op": "start_session", "data": { "agent_id": "$agent" }, "ref": "session" },
        { "op": "create_task", "data": { "title": "t", "owner_agent_id": "$agent" }, "ref": "task" },
        { "op": "acquire_lease", "data": { "task_id": "$task", "agent_id": "$agent", "session_id": "$session" } },
        { "op": "end_session", "data": { "id": "$session" } },
    ]);
    let results = client.post("/batch", json!({ "ops": ops })).await.data()["results"].clone();
    assert_eq!(results[3]["data"]["session_id"], results[1]["data"]["id"], "{results}");
    assert_eq!(results[4]["data"]["status"], "closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_atomic_batch_that_fails_late_changes_nothing_in_any_table() {
    let (_dir, server, client) = server().await;
    client.post("/tasks", json!({ "id": "held", "title": "held", "caps": ["rust"] })).await.data();
    client.post("/tasks", json!({ "id": "next", "title": "next", "blocked_by": ["held"] })).await.data();
    let claim = client.post("/tasks/claim", json!({ "agent_id": "ada" })).await.data();
    let lease = claim["lease"]["id"].as_str().unwrap().to_owned();
    let tables = ["tasks", "runs", "relationships", "progress_items", "contexts", "agents", "leases"];
    let all = async |client: &Client| {
        let (mut rows, head) = (Vec::new(), client.head().await);
        for table in tables {
            let pql = format!("SELECT * FROM {table} AS OF POSITION {head} ORDER BY id");
            rows.push(client.query(&pql).await.rows);
        }
        rows
    };
    let before = all(&client).await;
    let ops = json!([
        { "op": "complete_task", "data": { "id": "held", "lease_id": lease } },
        { "op": "archive_task", "data": { "id": "held" } },
        { "op": "create_task", "data": { "title": "new", "blocks": ["next"] }, "ref": "new" },
        { "op": "acquire_lease", "data": { "task_id": "$new", "agent_id": "ada" }, "ref": "l" },
        { "op": "fail_task", "data": { "id": "$new", "lease_id": "$l", "class": "transient", "message": "m" } },
        { "op": "register_agent", "data": { "id": "ada", "name": "Ada", "caps": [] } },
        { "op": "append", "data": { "appends": [{ "stream": "s", "events": [{ "type": "Said" }] }] } },
        { "op": "restore_task", "data": { "id": "none" } },
    ]);
    let answer = client.post("/batch", json!({ "ops": ops })).await;
    assert_eq!((answer.status, answer.code()), (404, "ERR_NOT_FOUND"), "{}", answer.body);
    assert_eq!(all(&client).await, before);
    // The writer's own state is as it was, too: the lease still holds, the stream is new, the caps are there.
    client.post("/tasks/held/release", json!({ "lease_id": lease })).await.data();
    let again = client.post("/tasks/claim", json!({ "agent_id": "ada" })).await.data();
    assert_eq!((&again["task"]["id"], &again["lease"]["fence"]), (&json!("held"), &json!(2)));
    let append = json!({ "appends": [{ "stream": "s", "expected_revision": "no_stream", "events": [{ "type": "Said" }] }] });
    client.post("/append", append).await.data();
    let before = all(&client).await;
    let server = server.restart();
    assert_eq!(all(&server.client()).await, before);
    let data = server.data();
    drop(server);
    agentpm_tests::cli::run(&["verify", "--data", data.to_str().unwrap()]).succeeded();
}

/// Where each operation is for itself, so are its mistakes, and those of what it needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_operation_for_itself_is_refused_by_itself() {
    let (_dir, _server, client) = server().await;
    client.post("/tasks", json!({ "id": "there", "title": "there" })).await.data();
    let note = |task: &str| {
        let data = json!({ "task_id": task, "type": "note", "content": "c" });
        json!({ "op": "add_context", "data": data, "ref": format!("of-{}", task.trim_start_matches('$')) })
    };
    let append = |condition: &str| {
        let append = json!({ "stream": "s", "events": [{ "type": "Said" }] });
        json!({ "op": "append", "data": { "appends": [append], "condition": { "fail_if": condition, "after": 0 } } })
    };
    let ops = json!([
        { "op": "create_task", "data": { "title": "one" }, "ref": "one" },
        { "op": "dance", "data": { "title": "two" } },
        { "op": "archive_task", "data": { "id": "there" }, "ref": "nothing" },
        7,
        { "op": "create_task", "date": {} },
        // Fails when it is carried out: its ref does not stand for the task that has that id.
        { "op": "create_task", "data": { "id": "there", "title": "again" }, "ref": "taken" },
        note("$taken"),
        { "op": "add_context", "data": { "task_id": "there", "type": "note", "content": "c", "supersedes": "$of-taken" } },
        // Fails before that.
        { "op": "create_task", "data": { "titel": "x" }, "ref": "unread" },
        note("$unread"),
        { "op": "add_context", "data": { "task_id": "there", "type": "note", "content": "c", "supersedes": "$of-unread" } },
        note("$nowhere"),
        append("type ="),
        append("type = 'Other'"),
        note("$one"),
    ]);
    let batch = json!({ "ops": ops, "atomic": false });
    let expected: &[(usize, &str, &str)] = &[
        (1, "ERR_VALIDATION", "expected one of create_task, "),
        (2, "ERR_VALIDATION", "/ref: archive_task makes nothing"),
        (3, "ERR_VALIDATION", "expected an object, found 7"),
        (4, "ERR_VALIDATION", "did you mean `data`"),
        (5, "ERR_CONFLICT", "a task with the id `there` exists already"),
        (6, "ERR_CONFLICT", "operation 5 failed, so "),
        (7, "ERR_CONFLICT", "operation 6 failed, so "),
        (8, "ERR_VALIDATION", "2 fields do not hold"),
        (9, "ERR_VALIDATION", "operation 8 failed, so "),
        (10, "ERR_VALIDATION", "operation 9 failed, so "),
        (11, "ERR_VALIDATION", "no operation before this one has the ref `nowhere`"),
        (12, "ERR_PQL", ""),
    ];
    for key in [None, Some("k")] {
        let before = client.head().await;
        let answer = match key {
            None => client.post("/batch", batch.clone()).await,
            Some(key) => keyed(&client, key, "POST", "/batch", &batch).await,
        };
        let results = answer.data()["results"].as_array().unwrap().clone();
        assert_eq!(results.len(), 15);
        for (index, result) in results.iter().enumerate() {
            let error = &result["error"];
            match expected.iter().find(|(failed, ..)| *failed == index) {
                None => assert_eq!(result["ok"], true, "{index} {result}"),
                Some((_, code, says)) => {
                    assert_eq!(error["code"], *code, "{index} {result}");
                    assert!(error["message"].as_str().unwrap().contains(says), "{index} {result}");
                }
            }
        }
        assert_eq!(results[6]["error"]["details"]["op"], 5);
        // Whatever failed wrote nothing: a task, an event of its own, a note.
        assert_eq!(client.head().await, before + 3);
    }
    // All or none: what is wrong is told, and not what follows from it.
    let mut all = batch;
    all["atomic"] = json!(true);
    let refused = client.post("/batch", all).await;
    let places: Vec<_> =
        refused.error()["details"].as_array().unwrap().iter().map(|d| d["pointer"].clone()).collect();
    assert_eq!(places, ["/ops/1/op", "/ops/2/ref", "/ops/3", "/ops/4/date"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_operations_are_one_batch() {
    let (_dir, _server, client) = server().await;
    let ops: Vec<Value> = (0..1_000)
        .map(|n| json!({ "op": "create_task", "data": { "title": format!("t{n}") }, "ref": format!("r{n}") }))
        .collect();
    let results = client.post("/batch", json!({ "ops": ops })).await.data()["results"].clone();
    assert_eq!(results.as_array().unwrap().len(), 1_000);
    assert_eq!(client.query("SELECT count(*) AS n FROM tasks").await.rows[0]["n"], 1_000);
}

/// Every call that changes something has its first answer again, and changes nothing the second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_that_changes_something_can_be_made_once() {
    let (_dir, server, client) = server().await;
    let task = async |id: &str| {
        client.post("/tasks", json!({ "id": id, "title": id, "progress": ["one"] })).await.data();
    };
    let lease = async |id: &str| {
        let lease = client.post("/leases", json!({ "task_id": id, "agent_id": "ada" })).await.data();
        lease["id"].as_str().unwrap().to_owned()
    };
    let mut leases = std::collections::BTreeMap::new();
    for id in ["free", "done", "failed", "released", "moved", "renewed", "dropped", "worked", "offered"] {
        task(id).await;
        if !["free", "offered"].contains(&id) {
            leases.insert(id, lease(id).await);
        }
    }
    let one = async |pql: &str| client.query(pql).await.texts("id").remove(0);
    let run = one("SELECT id FROM runs WHERE task_id = 'worked'").await;
    let item = one("SELECT id FROM progress_items WHERE task_id = 'worked'").await;
    let link = client
        .post(
            "/relationships",
            json!({ "from_task_id": "free", "to_task_id": "worked", "type": "relates_to" }),
        )
        .await
        .data()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let said = json!({ "type": "Said", "data": { "n": 1 } });
    let calls = [
        ("POST", "/append".to_owned(), json!({ "appends": [{ "stream": "s", "events": [said] }] })),
        ("POST", "/streams/s/events".to_owned(), json!({ "events": [said] })),
        (
            "POST",
            "/batch".to_owned(),
            json!({ "ops": [{ "op": "create_task", "data": { "title": "b" } }], "atomic": false }),
        ),
        ("POST", "/agents/register".to_owned(), json!({ "name": "Grace" })),
        ("POST", "/tasks".to_owned(), json!({ "title": "t" })),
        ("PATCH", "/tasks/free".to_owned(), json!({ "title": "u", "override": true })),
        (
            "POST",
            "/tasks/moved/transition".to_owned(),
            json!({ "status": "blocked", "reason": "r", "lease_id": leases["moved"] }),
        ),
        ("POST", "/tasks/done/complete".to_owned(), json!({ "lease_id": leases["done"] })),
        ("POST", "/tasks/done/archive".to_owned(), json!({})),
        ("POST", "/tasks/done/restore".to_owned(), json!({})),
        (
            "POST",
            "/tasks/failed/fail".to_owned(),
            json!({ "lease_id": leases["failed"], "class": "terminal", "message": "m" }),
        ),
        ("POST", "/tasks/released/release".to_owned(), json!({ "lease_id": leases["released"] })),
        (
            "POST",
            "/runs/RUN/events".replace("RUN", &run),
            json!({ "lease_id": leases["worked"], "events": [{ "type": "ToolInvoked" }] }),
        ),
        (
            "POST",
            "/relationships".to_owned(),
            json!({ "from_task_id": "free", "to_task_id": "moved", "type": "relates_to" }),
        ),
        ("DELETE", format!("/relationships/{link}"), Value::Null),
        (
            "POST",
            "/progress_items".to_owned(),
            json!({ "task_id": "worked", "items": ["two"], "lease_id": leases["worked"] }),
        ),
        (
            "PATCH",
            format!("/progress_items/{item}"),
            json!({ "completed": true, "lease_id": leases["worked"] }),
        ),
        ("POST", "/contexts".to_owned(), json!({ "task_id": "worked", "type": "note", "content": "c" })),
        ("PATCH", format!("/leases/{}/renew", leases["renewed"]), json!({ "ttl_s": 900 })),
        ("DELETE", format!("/leases/{}", leases["dropped"]), Value::Null),
        ("POST", "/leases".to_owned(), json!({ "task_id": "dropped", "agent_id": "ada" })),
        ("POST", "/tasks/claim".to_owned(), json!({ "agent_id": "ada" })),
        ("POST", "/tasks/claim".to_owned(), json!({ "agent_id": "ada", "limit": 2 })),
        ("POST", "/query".to_owned(), json!({ "pql": "CLAIM next_task FOR 'ada'" })),
    ];
    let mut answers = Vec::new();
    for (n, (method, path, body)) in calls.iter().enumerate() {
        let first = keyed(&client, &format!("k{n}"), method, path, body).await;
        assert_eq!(first.status, 200, "{method} {path}: {}", first.body);
        assert!(!first.headers.contains_key("idempotency-replayed"));
        let head = client.head().await;
        let again = keyed(&client, &format!("k{n}"), method, path, body).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{method} {path}");
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.position(), first.position(), "the head that the answer reflects");
        assert_eq!(client.head().await, head, "{method} {path} happened twice");
        answers.push(first.body);
    }
    let server = server.restart();
    let client = server.client();
    let head = client.head().await;
    for (n, ((method, path, body), first)) in calls.iter().zip(&answers).enumerate() {
        let again = keyed(&client, &format!("k{n}"), method, path, body).await;
        assert_eq!(&again.body, first, "{method} {path} after a restart");
    }
    assert_eq!(client.head().await, head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_a_claim_that_found_nothing_claims_later() {
    let (_dir, _server, client) = server().await;
    let claim = json!({ "agent_id": "ada" });
    assert_eq!(keyed(&client, "k", "POST", "/tasks/claim", &claim).await.data(), Value::Null);
    client.post("/tasks", json!({ "id": "t", "title": "t" })).await.data();
    let first = keyed(&client, "k", "POST", "/tasks/claim", &claim).await;
    assert_eq!(first.body["data"]["task"]["id"], "t");
    assert_eq!(keyed(&client, "k", "POST", "/tasks/claim", &claim).await.body, first.body);
    // Keys are an agent's own, also when only the body says who it is.
    let other = json!({ "agent_id": "bob" });
    assert_eq!(keyed(&client, "k", "POST", "/tasks/claim", &other).await.data(), Value::Null);
    let reused = keyed(&client, "k", "POST", "/tasks/claim", &json!({ "agent_id": "ada", "limit": 2 })).await;
    assert_eq!((reused.status, reused.code()), (409, "ERR_CONFLICT"), "{}", reused.body);
    assert_eq!(reused.error()["details"]["header"], "Idempotency-Key");
}
