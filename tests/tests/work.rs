//! The rules of the work: who may write what when, what blocks what, and what an end brings about.

use agentpm_tests::{Answer, Client, Server, time};
use serde_json::{Value, json};

async fn server() -> (tempfile::TempDir, Server, Client) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    for id in ["a1", "a2"] {
        let body = json!({ "id": id, "name": id, "role": "executor", "caps": ["rust"] });
        client.post("/agents/register", body).await.data();
    }
    (dir, server, client)
}

async fn task(client: &Client, id: &str, more: Value) -> Value {
    let mut body = json!({ "id": id, "title": id });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    client.post("/tasks", body).await.data()
}

/// A lease on that very task.
async fn lease(client: &Client, id: &str) -> Value {
    client.post("/leases", json!({ "task_id": id, "agent_id": "a1", "ttl_s": 600 })).await.data()["id"]
        .clone()
}

async fn status(client: &Client, id: &str) -> String {
    client.get(&format!("/tasks/{id}")).await.data()["status"].as_str().unwrap().to_owned()
}

async fn transition(client: &Client, id: &str, to: &str, guard: Value) -> Answer {
    let mut body = json!({ "status": to, "reason": "it is so" });
    for (key, value) in guard.as_object().unwrap() {
        body[key] = value.clone();
    }
    client.post(&format!("/tasks/{id}/transition"), body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_of_transitions() {
    let (_dir, _server, client) = server().await;
    let states = ["open", "in_progress", "blocked", "completed", "cancelled"];
    let allowed = |from: &str, to: &str| match from {
        "open" => matches!(to, "in_progress" | "blocked" | "cancelled"),
        "in_progress" => matches!(to, "blocked" | "completed" | "cancelled" | "open"),
        "blocked" => matches!(to, "open" | "in_progress" | "cancelled"),
        _ => false,
    };
    for from in states {
        for to in states {
            let id = format!("{from}-{to}");
            task(&client, &id, json!({ "owner_agent_id": "a1" })).await;
            let mut guard = json!({ "override": true });
            if matches!(from, "in_progress" | "completed") {
                guard = json!({ "lease_id": lease(&client, &id).await });
            }
            if !matches!(from, "open" | "in_progress") {
                transition(&client, &id, from, guard.clone()).await.data();
                guard = json!({ "override": true });
            }
            assert_eq!(status(&client, &id).await, from);
            let head = client.head().await;
            let answer = transition(&client, &id, to, guard).await;
            if allowed(from, to) {
                assert_eq!(answer.data()["status"], to, "{from} → {to}");
                let open = client
                    .query(&format!(
                        "SELECT count(*) AS n FROM leases WHERE task_id = '{id}' AND status = 'active'"
                    ))
                    .await;
                assert_eq!(open.rows[0]["n"], 0, "{from} → {to}: leaving in_progress ends the lease");
            } else {
                assert_eq!(
                    (answer.status, answer.code()),
                    (409, "ERR_INVALID_STATE"),
                    "{from} → {to}: {}",
                    answer.body
                );
                let details = &answer.error()["details"];
                assert_eq!((&details["from"], &details["to"]), (&json!(from), &json!(to)));
                let named = details["allowed"].as_array().unwrap();
                assert!(
                    named.iter().all(|state| allowed(from, state.as_str().unwrap())),
                    "{from}: {named:?}"
                );
                assert_eq!(client.head().await, head);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_task_is_its_holders() {
    let (_dir, _server, client) = server().await;
    task(&client, "t", json!({})).await;
    task(&client, "other", json!({})).await;
    let mine = lease(&client, "t").await;
    let others = lease(&client, "other").await;
    let again = client.post("/leases", json!({ "task_id": "t", "agent_id": "a2" })).await;
    assert!(matches!(again.status, 409 | 423), "one active lease per task: {}", again.body);

    let head = client.head().await;
    let patch = |guard: Value| {
        let client = client.clone();
        async move {
            let mut body = guard;
            body["title"] = json!("changed");
            client.patch("/tasks/t", body).await
        }
    };
    for (guard, status, code) in [
        (json!({}), 423, "ERR_LEASE_REQUIRED"),
        (json!({ "expected_version": 2 }), 423, "ERR_LEASE_REQUIRED"),
        (json!({ "lease_id": others }), 423, "ERR_LEASE_EXPIRED"),
        (json!({ "lease_id": "never-was" }), 423, "ERR_LEASE_EXPIRED"),
        (json!({ "lease_id": mine, "fence": 2 }), 423, "ERR_LEASE_EXPIRED"),
        (json!({ "lease_id": mine, "expected_version": 1 }), 409, "ERR_CONFLICT"),
    ] {
        let answer = patch(guard.clone()).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{guard}: {}", answer.body);
        if status == 423 {
            assert_eq!(answer.error()["details"]["holder"], "a1", "{}", answer.body);
        } else {
            let details = &answer.error()["details"];
            assert_eq!((&details["expected"], &details["actual"]), (&json!(1), &json!(2)));
        }
    }
    assert_eq!(client.head().await, head);
    assert_eq!(
        patch(json!({ "lease_id": mine, "fence": 1, "expected_version": 2 })).await.data()["version"],
        3
    );

    // Overriding is possible, and on record.
    let request = client.request("PATCH", "/tasks/t").header("agentpm-agent", "a2");
    client.send(request.json(&json!({ "priority": 5, "override": true }))).await.data();
    let recorded = client.get("/events?type=LeaseOverride").await.data()["events"][0]["data"].clone();
    assert_eq!(
        (&recorded["task_id"], &recorded["by"], &recorded["lease_id"]),
        (&json!("t"), &json!("a2"), &mine)
    );

    // What needs no lease.
    client.post("/contexts", json!({ "task_id": "t", "type": "note", "content": "by anyone" })).await.data();
    let relates = json!({ "from_task_id": "other", "to_task_id": "t", "type": "relates_to" });
    client.post("/relationships", relates).await.data();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blockers_block_and_their_end_opens() {
    let (_dir, _server, client) = server().await;
    for id in ["b1", "b2", "b3", "b4"] {
        task(&client, id, json!({})).await;
    }
    let made = task(&client, "t", json!({ "blocked_by": ["b1", "b2", "b3"] })).await;
    assert_eq!((&made["status"], &made["blocked_by_count"]), (&json!("blocked"), &json!(3)));
    assert!(client.query("SELECT id FROM next_task").await.texts("id").iter().all(|id| id != "t"));

    // Completed, cancelled, archived, or related no longer: each counts as its end.
    let held = lease(&client, "b1").await;
    client.post("/tasks/b1/complete", json!({ "lease_id": held })).await.data();
    transition(&client, "b2", "cancelled", json!({ "override": true })).await.data();
    assert_eq!(client.get("/tasks/t").await.data()["blocked_by_count"], 1);
    assert_eq!(status(&client, "t").await, "blocked");
    let edge =
        client.query("SELECT id FROM relationships WHERE from_task_id = 'b3'").await.texts("id").remove(0);
    client.delete(&format!("/relationships/{edge}")).await.data();
    assert_eq!(status(&client, "t").await, "open");

    // Added later, to an open task.
    client
        .post("/relationships", json!({ "from_task_id": "b4", "to_task_id": "t", "type": "blocks" }))
        .await
        .data();
    assert_eq!(status(&client, "t").await, "blocked");
    transition(&client, "b4", "cancelled", json!({ "override": true })).await.data();
    assert_eq!(status(&client, "t").await, "open");

    // Blocked by hand, it stays so until somebody says otherwise.
    task(&client, "hand", json!({})).await;
    task(&client, "hands-blocker", json!({})).await;
    transition(&client, "hand", "blocked", json!({ "override": true, "reason": "waiting for a person" }))
        .await
        .data();
    let edge = json!({ "from_task_id": "hands-blocker", "to_task_id": "hand", "type": "blocks" });
    client.post("/relationships", edge).await.data();
    let why = client.get("/tasks/hand?include=context").await.data()["context"].clone();
    assert_eq!((&why[0]["type"], &why[0]["content"]), (&json!("blocker"), &json!("waiting for a person")));
    transition(&client, "hands-blocker", "cancelled", json!({ "override": true })).await.data();
    assert_eq!(status(&client, "hand").await, "blocked");
    transition(&client, "hand", "open", json!({ "override": true })).await.data();

    // No cycle, however long, and the answer names it.
    for (from, to) in [("c1", "c2"), ("c2", "c3")] {
        for id in [from, to] {
            if client.get(&format!("/tasks/{id}")).await.status == 404 {
                task(&client, id, json!({})).await;
            }
        }
        for kind in ["blocks", "parent_of"] {
            client
                .post("/relationships", json!({ "from_task_id": from, "to_task_id": to, "type": kind }))
                .await
                .data();
        }
    }
    for kind in ["blocks", "parent_of"] {
        let answer = client
            .post("/relationships", json!({ "from_task_id": "c3", "to_task_id": "c1", "type": kind }))
            .await;
        assert_eq!((answer.status, answer.code()), (409, "ERR_CONFLICT"));
        let path = answer.error()["details"]["path"].to_string();
        assert!(["c1", "c2", "c3"].iter().all(|id| path.contains(id)), "{path}");
    }
    let second = client
        .post("/relationships", json!({ "from_task_id": "t", "to_task_id": "c3", "type": "parent_of" }))
        .await;
    assert_eq!((second.status, second.code()), (409, "ERR_CONFLICT"), "one parent");
    let depths = client
        .query("SELECT id, dependency_depth AS d FROM tasks WHERE id IN ('c1','c2','c3') ORDER BY id")
        .await;
    assert_eq!(depths.column("d"), [json!(2), json!(1), json!(0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_wait_and_then_block() {
    let (_dir, _server, client) = server().await;
    task(&client, "t", json!({ "max_attempts": 2 })).await;
    let fail = |id: &'static str, class: &'static str, more: Value| {
        let client = client.clone();
        async move {
            let lease_id = lease(&client, id).await;
            let mut body = json!({ "lease_id": lease_id, "class": class, "message": "it broke" });
            for (key, value) in more.as_object().unwrap() {
                body[key] = value.clone();
            }
            client.post(&format!("/tasks/{id}/fail"), body).await.data();
            client.get(&format!("/tasks/{id}?include=context,runs")).await.data()
        }
    };
    let before = time::now();
    let once = fail("t", "transient", json!({})).await;
    assert_eq!(
        (&once["status"], &once["attempts"], &once["owner_agent_id"]),
        (&json!("open"), &json!(1), &Value::Null)
    );
    let wait = time::micros(once["not_before"].as_str().unwrap()) - before;
    assert!((1_000_000..60_000_000).contains(&wait), "a backoff, from one second on: {wait} µs");
    assert!(client.query("SELECT id FROM next_task").await.rows.is_empty(), "not offered before");
    assert_eq!(
        (&once["runs"][0]["status"], &once["runs"][0]["failure_class"]),
        (&json!("failed"), &json!("transient"))
    );

    let twice = fail("t", "capacity", json!({})).await;
    assert_eq!((&twice["status"], &twice["attempts"]), (&json!("blocked"), &json!(2)), "no attempt is left");
    assert!(twice["context"].as_array().unwrap().iter().any(|context| context["type"] == "blocker"));

    task(&client, "later", json!({})).await;
    let later = fail("later", "capacity", json!({ "retry_after_s": 3_600 })).await;
    let wait = time::micros(later["not_before"].as_str().unwrap()) - time::now();
    assert!((3_500_000_000..3_700_000_000).contains(&wait), "as long as was asked for: {wait} µs");

    for class in ["terminal", "policy", "validation", "dependency"] {
        task(&client, class, json!({})).await;
        let failed = fail(class, class, json!({})).await;
        assert_eq!(
            (&failed["status"], &failed["attempts"]),
            (&json!("blocked"), &json!(1)),
            "{class}: at once"
        );
        assert!(failed["context"].to_string().contains("it broke"), "{class}: a blocker says why");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_is_given_back_is_offered_again() {
    let (_dir, _server, client) = server().await;
    task(&client, "t", json!({})).await;
    let first = client.post("/tasks/claim", json!({ "agent_id": "a1" })).await.data();
    let lease_id = &first["lease"]["id"];
    client.post("/tasks/t/release", json!({ "lease_id": lease_id, "note": "half done" })).await.data();
    let second = client.post("/tasks/claim", json!({ "agent_id": "a2" })).await.data();
    assert_eq!((&second["task"]["id"], &second["lease"]["fence"]), (&json!("t"), &json!(2)));
    assert_ne!(&second["lease"]["id"], lease_id);
    let lease_id = second["lease"]["id"].as_str().unwrap().to_owned();
    client.delete(&format!("/leases/{lease_id}")).await.data();
    assert_eq!(status(&client, "t").await, "open");
    let runs = client.query("SELECT status, attempt, agent_id FROM runs ORDER BY attempt").await;
    assert_eq!(runs.column("status"), [json!("released"), json!("released")]);
    assert_eq!(runs.column("agent_id"), [json!("a1"), json!("a2")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_choose_by_class_score_age_and_ability() {
    let (_dir, _server, client) = server().await;
    for (id, more) in [
        ("low", json!({ "class": "low", "priority": 5 })),
        ("plain", json!({})),
        ("wanted", json!({ "priority": 1 })),
        ("chain", json!({})),
        ("urgent", json!({ "class": "critical", "priority": -5 })),
        ("skilled", json!({ "class": "critical", "caps": ["rust", "cobol"] })),
        ("others", json!({ "class": "critical", "owner_agent_id": "a2" })),
        ("later", json!({ "class": "critical", "not_before": "2999-01-01T00:00:00Z" })),
        ("waits", json!({ "blocked_by": ["chain"] })),
    ] {
        task(&client, id, more).await;
    }
    let order = ["urgent", "wanted", "chain", "plain", "low"];
    assert_eq!(client.query("SELECT next_task FOR 'a1' LIMIT 100").await.texts("id"), order);
    let body = json!({ "agent_id": "a1", "where": "priority >= $least", "params": { "least": 1 } });
    let claim = client.post("/tasks/claim", body).await.data();
    assert_eq!(claim["task"]["id"], "wanted");
    let body = json!({ "agent_id": "a1", "limit": 100 });
    let claims = client.post("/tasks/claim", body).await.data()["claims"].clone();
    let got: Vec<&str> =
        claims.as_array().unwrap().iter().map(|claim| claim["task"]["id"].as_str().unwrap()).collect();
    assert_eq!(got, ["urgent", "chain", "plain", "low"]);
    let rows = client.query("CLAIM next_task FOR 'a2' LEASE 5m").await;
    assert_eq!(rows.texts("id"), ["others"]);
    assert!(rows.rows[0]["lease_id"].is_string() && rows.rows[0]["fence"] == 1, "{:?}", rows.rows[0]);
    let late = time::micros(rows.rows[0]["expires_at"].as_str().unwrap()) - time::now();
    assert!((240_000_000..=300_000_000).contains(&late), "five minutes: {late} µs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_one_or_many() {
    let (_dir, _server, client) = server().await;
    let good = json!({ "op": "create_task", "data": { "id": "a", "title": "a" }, "ref": "first" });
    let refers =
        json!({ "op": "add_context", "data": { "task_id": "$first", "type": "note", "content": "c" } });
    let bad = json!({ "op": "archive_task", "data": { "task_id": "$first" } });
    let head = client.head().await;
    let atomic = client.post("/batch", json!({ "ops": [good, refers, bad], "atomic": true })).await;
    assert_eq!(client.head().await, head, "all or nothing: {}", atomic.body);
    let results = client.post("/batch", json!({ "ops": [good, refers, bad], "atomic": false })).await.data()
        ["results"]
        .clone();
    let ok: Vec<bool> = results.as_array().unwrap().iter().map(|result| result["ok"] == true).collect();
    assert_eq!(ok, [true, true, false], "{results}");
    assert_eq!(results[2]["error"]["code"], "ERR_INVALID_STATE");
    assert_eq!(results[1]["data"]["task_id"], "a", "a reference stands for the id that was made");

    // Every mutation may be one of a batch.
    let ops = json!([
        { "op": "register_agent", "data": { "id": "b1", "name": "b1", "role": "planner", "caps": [] } },
        { "op": "create_task", "data": { "title": "t" }, "ref": "t" },
        { "op": "create_task", "data": { "title": "u" }, "ref": "u" },
        { "op": "update_task", "data": { "task_id": "$t", "priority": 3, "override": true } },
        { "op": "add_relationship", "data": { "from_task_id": "$u", "to_task_id": "$t", "type": "relates_to" }, "ref": "r" },
        { "op": "remove_relationship", "data": { "relationship_id": "$r" } },
        { "op": "add_progress", "data": { "task_id": "$t", "items": ["one"], "override": true } },
        { "op": "acquire_lease", "data": { "task_id": "$t", "agent_id": "b1" }, "ref": "l" },
        { "op": "renew_lease", "data": { "lease_id": "$l", "ttl_s": 60 } },
        { "op": "complete_task", "data": { "task_id": "$t", "lease_id": "$l" } },
        { "op": "archive_task", "data": { "task_id": "$t" } },
        { "op": "restore_task", "data": { "task_id": "$t" } },
        { "op": "transition_task", "data": { "task_id": "$u", "status": "cancelled", "override": true } },
        { "op": "append", "data": { "appends": [{ "stream": "s", "expected_revision": "any", "events": [{ "type": "Said" }] }] } },
    ]);
    let results =
        client.post("/batch", json!({ "ops": ops, "atomic": true })).await.data()["results"].clone();
    assert!(results.as_array().unwrap().iter().all(|result| result["ok"] == true), "{results}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_points_at_what_is_wrong() {
    let (_dir, _server, client) = server().await;
    for (op, pointer) in [
        (json!({ "op": "dance", "data": {} }), "/ops/0/op"),
        (json!({ "op": "create_task", "data": { "title": "" } }), "/ops/0/data/title"),
    ] {
        let answer = client.post("/batch", json!({ "ops": [op], "atomic": true })).await;
        assert_eq!((answer.status, answer.code()), (400, "ERR_VALIDATION"));
        assert!(answer.error()["details"].to_string().contains(pointer), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_a_task_is_not_offered() {
    let (_dir, _server, client) = server().await;
    task(&client, "skilled", json!({ "caps": ["rust", "cobol"] })).await;
    task(&client, "others", json!({ "owner_agent_id": "a2" })).await;
    task(&client, "later", json!({ "not_before": "2999-01-01T00:00:00Z" })).await;
    task(&client, "waits", json!({ "blocked_by": ["later"] })).await;
    let explained = client.query("EXPLAIN next_task FOR 'a1'").await;
    let explained = serde_json::to_string(&explained.rows).unwrap();
    for id in ["skilled", "others", "later", "waits"] {
        assert!(explained.contains(id), "why {id} is left out: {explained}");
    }
}
