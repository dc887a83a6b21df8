//! Batches: what is wrong with one, with an operation, or with what an operation meets.

use crate::row::Row;
use serde_json::{Value, json};

/// A batch of these operations.
fn of(ops: Value) -> Row {
    Row::call("POST", "/batch", json!({ "ops": ops }))
}

/// A batch of one operation.
fn one(op: &str, data: Value) -> Row {
    of(json!([{ "op": op, "data": data }]))
}

pub(crate) fn rows() -> Vec<Row> {
    let many = vec![json!({ "op": "archive_task", "data": { "id": "done" } }); 1_001];
    let task = |id: &str| json!({ "op": "create_task", "data": { "id": id, "title": id }, "ref": "a" });
    let mut rows = vec![
        Row::call("POST", "/batch", json!({})).invalid(&["/ops"]),
        of(json!([])).invalid(&["/ops"]),
        of(json!({})).invalid(&["/ops"]),
        of(json!([7])).invalid(&["/ops/0"]),
        of(many.into()).invalid(&["/ops"]).says("at most 1000"),
        Row::call("POST", "/batch", json!({ "ops": [task("n")], "atomic": "yes" })).invalid(&["/atomic"]),
        of(json!([{ "data": {} }])).invalid(&["/ops/0/op"]),
        one("dance", json!({})).invalid(&["/ops/0/op"]).says("create_task"),
        one("create_tasks", json!({})).invalid(&["/ops/0/op"]).says("did you mean `create_task`"),
        of(json!([{ "op": "create_task", "data": [] }])).invalid(&["/ops/0/data"]),
        of(json!([{ "op": "create_task", "date": {} }])).invalid(&["/ops/0/date"]),
        // Problems of form are told of all operations, with their places.
        of(json!([task("n"), { "op": "create_task", "data": { "titel": "x" } }, { "op": "fail_task", "data": { "id": "t1" } }]))
            .invalid(&["/ops/1/data/title", "/ops/1/data/titel", "/ops/2/data/class", "/ops/2/data/message"]),
        one("create_task", json!({ "title": "" })).invalid(&["/ops/0/data/title"]),
        // References.
        of(json!([task("n"), { "op": "archive_task", "data": { "id": "$b" } }]))
            .invalid(&["/ops/1/data/id"])
            .says("no operation before this one has the ref `b`"),
        of(json!([{ "op": "archive_task", "data": { "id": "$a" } }, task("n")])).invalid(&["/ops/0/data/id"]),
        of(json!([task("n"), task("m")])).invalid(&["/ops/1/ref"]),
        of(json!([{ "op": "archive_task", "data": { "id": "done" }, "ref": "a" }])).invalid(&["/ops/0/ref"]),
        of(json!([{ "op": "create_task", "data": { "title": "t" }, "ref": "$a" }])).invalid(&["/ops/0/ref"]),
        // What an operation meets fails all of them; the first of them was fine.
        of(json!([task("n"), task("t1")])).invalid(&["/ops/1/ref"]),
        of(json!([task("n"), { "op": "create_task", "data": { "id": "t1", "title": "t" } }]))
            .is(409, "ERR_CONFLICT")
            .detail("op", json!(1))
            .detail("id", json!("t1")),
        of(json!([task("n"), { "op": "archive_task", "data": { "id": "$a" } }]))
            .is(409, "ERR_INVALID_STATE")
            .detail("op", json!(1)),
        of(json!([task("n"), { "op": "update_task", "data": { "id": "held", "title": "x" } }]))
            .is(423, "ERR_LEASE_REQUIRED")
            .detail("op", json!(1)),
        of(json!([task("n"), { "op": "complete_task", "data": { "id": "$a", "lease_id": "none" } }]))
            .is(423, "ERR_LEASE_EXPIRED")
            .detail("op", json!(1)),
        of(json!([task("n"), { "op": "add_context", "data": { "task_id": "none", "type": "note", "content": "c" } }]))
            .is(404, "ERR_NOT_FOUND")
            .detail("op", json!(1)),
        one("append", json!({ "appends": [{ "stream": "s", "events": [{ "type": "Said", "time": "2999-01-01T00:00:00Z" }] }] }))
            .invalid(&["/ops/0/data/appends/0/events/0/time"]),
        one("append", json!({ "appends": [{ "stream": "task-t1", "events": [{ "type": "Said" }] }] }))
            .is(403, "ERR_FORBIDDEN")
            .detail("op", json!(0)),
        of(json!([task("n"), { "op": "append", "data": { "appends": [{ "stream": "filler", "expected_revision": 1, "events": [{ "type": "Said" }] }] } }]))
            .is(409, "ERR_CONFLICT")
            .detail("op", json!(1)),
        one("append", json!({ "appends": [{ "stream": "s", "events": [{ "type": "Said" }] }], "condition": { "fail_if": "type =", "after": 0 } }))
            .is(400, "ERR_PQL")
            .detail("op", json!(0)),
    ];
    for (op, pointer) in [
        ("update_task", "/ops/0/data/id"),
        ("transition_task", "/ops/0/data/id"),
        ("archive_task", "/ops/0/data/id"),
        ("restore_task", "/ops/0/data/id"),
        ("complete_task", "/ops/0/data/id"),
        ("fail_task", "/ops/0/data/id"),
        ("release_task", "/ops/0/data/id"),
        ("add_relationship", "/ops/0/data/from_task_id"),
        ("remove_relationship", "/ops/0/data/id"),
        ("add_progress", "/ops/0/data/task_id"),
        ("complete_progress", "/ops/0/data/id"),
        ("add_context", "/ops/0/data/task_id"),
        ("acquire_lease", "/ops/0/data/task_id"),
        ("renew_lease", "/ops/0/data/id"),
        ("release_lease", "/ops/0/data/id"),
        ("register_agent", "/ops/0/data/name"),
        ("append", "/ops/0/data/appends"),
    ] {
        rows.push(one(op, json!({})).invalid(&[pointer]));
    }
    rows
}
