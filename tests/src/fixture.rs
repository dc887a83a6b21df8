//! A little work to ask about.

use crate::{Client, Options, Server};
use serde_json::json;

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
