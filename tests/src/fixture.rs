//! A little work to ask about.

use crate::{Client, Options, Server};
use serde_json::{Value, json};

/// A server with an agent `a1` (rust, sql), a project `p1`, an open task `t1` and a parent `t0` of it.
pub async fn small(dir: &tempfile::TempDir) -> (Server, Client) {
    // Nothing happens by itself while it is asked about.
    let environment = vec![("AGENTPM_SESSION_TIMEOUT_S".to_owned(), "86400".to_owned())];
    let server = Server::start_with(dir.path(), Options { environment, ..Options::default() });
    let client = server.client();
    client
        .post(
            "/agents/register",
            json!({ "id": "a1", "name": "One", "role": "executor", "caps": ["sql", "rust"] }),
        )
        .await
        .data();
    client.post("/tasks", json!({ "id": "t0", "title": "All of it", "project_id": "p1", "not_before": "2999-01-01T00:00:00Z" })).await.data();
    let t1 = json!({ "id": "t1", "title": "Part", "project_id": "p1", "parent_id": "t0", "caps": ["rust"], "progress": ["one", "two"] });
    client.post("/tasks", t1).await.data();
    (server, client)
}

/// Events to ask about: every kind of JSON where a path may lead, and none.
#[must_use]
pub fn odd_events() -> Vec<Value> {
    let data = [
        json!({ "n": 1, "word": "a", "list": ["x", "y"], "deep": { "odd key": [1, { "z": true }] } }),
        json!({ "n": 2.5, "word": "B", "list": [] }),
        json!({ "n": "3", "word": null, "list": ["y", 7] }),
        json!({ "n": null, "word": "ümlaut ∈ set", "list": "x" }),
        json!({ "n": -9_007_199_254_740_993_i64, "word": "", "list": ["x"] }),
        json!({ "n": true, "word": "100%_\\", "list": { "x": 1 } }),
        json!([1, 2, 3]),
        json!("only text"),
        json!(17),
        json!(null),
        json!({}),
        json!({ "n": 1e300, "word": ["a"], "list": ["X", "x", "x"] }),
    ];
    let event = |(index, data): (usize, Value)| {
        let tags = match index % 3 {
            0 => json!(["hall:1", "even"]),
            1 => json!(["hall:2"]),
            _ => json!([]),
        };
        json!({ "type": if index % 4 == 0 { "Odd" } else { "Plain" }, "data": data, "tags": tags })
    };
    data.into_iter().enumerate().map(event).collect()
}
