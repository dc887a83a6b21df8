//! Calls about the log: appending to it, reading it, following it.

use crate::row::{Door, HTTP, Row};
use serde_json::{Value, json};

/// Id of a node that is nowhere.
const NODE: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

pub(crate) fn rows() -> Vec<Row> {
    let event = json!({ "type": "X", "data": {} });
    let append = |stream: Value, revision: Value, event: Value| json!({ "appends": [{ "stream": stream, "expected_revision": revision, "events": [event] }] });
    let unless = |condition: Value| {
        let appends = json!([{ "stream": "s", "events": [{ "type": "X" }] }]);
        Row::call("POST", "/append", json!({ "appends": appends, "condition": condition }))
    };
    vec![
        // The log.
        Row::call("POST", "/append", json!({})).invalid(&["/appends"]),
        Row::call("POST", "/append", json!({ "appends": [] })).invalid(&["/appends"]),
        Row::call("POST", "/append", append(json!(""), json!("any"), event.clone()))
            .invalid(&["/appends/0/stream"]),
        Row::call("POST", "/append", append(json!("s"), json!("maybe"), event.clone()))
            .invalid(&["/appends/0/expected_revision"]),
        Row::call("POST", "/append", append(json!("s"), json!(-1), event.clone()))
            .invalid(&["/appends/0/expected_revision"]),
        Row::call("POST", "/append", append(json!("s"), json!("any"), json!({ "data": {} })))
            .invalid(&["/appends/0/events/0/type"]),
        Row::call("POST", "/append", append(json!("s"), json!("any"), json!({ "type": "X", "id": "short" })))
            .invalid(&["/appends/0/events/0/id"]),
        Row::call("POST", "/append", append(json!("s"), json!("any"), json!({ "type": "X", "tags": [7] })))
            .invalid(&["/appends/0/events/0/tags/0"]),
        Row::call("POST", "/append", append(json!("s"), json!("exists"), event.clone()))
            .is(409, "ERR_CONFLICT"),
        Row::call("POST", "/append", append(json!("s"), json!(3), event.clone())).is(409, "ERR_CONFLICT"),
        Row::call("POST", "/append", append(json!("task-t1"), json!("any"), event.clone()))
            .is(403, "ERR_FORBIDDEN"),
        Row::call("POST", "/append", append(json!("$system"), json!("any"), event)).is(403, "ERR_FORBIDDEN"),
        Row::call("POST", "/append", append(json!("s"), json!("any"), json!({ "type": "TaskCreated" })))
            .is(403, "ERR_FORBIDDEN"),
        Row::call("POST", "/append", append(json!("s"), json!("any"), json!({ "type": "X" })))
            .header("agentpm-session", "over")
            .is(409, "ERR_INVALID_STATE"),
        Row::call(
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "X", "tags": ["task:t1"] })),
        )
        .is(403, "ERR_FORBIDDEN"),
        // What must not have happened.
        unless(json!({ "fail_if": "type = 'Filler'", "after": 0 })).is(409, "ERR_CONFLICT").says("position"),
        unless(json!({ "fail_if": "type = 'Filler' AND data.n = $n", "params": { "n": 7 }, "after": 3 }))
            .is(409, "ERR_CONFLICT")
            .says("position"),
        unless(json!({ "fail_if": "data.n = 1", "after": 0 })).pql("condition_not_indexed", 1, 1),
        unless(json!({ "fail_if": "tpye = 'X'", "after": 0 })).pql("unknown_column", 1, 1).says("type"),
        unless(json!({ "fail_if": "type =", "after": 0 })).is(400, "ERR_PQL").says("syntax"),
        unless(json!({ "fail_if": "type = 'X' AND time < now()", "after": 0 }))
            .is(400, "ERR_PQL")
            .says("not_allowed"),
        unless(json!({ "fail_if": "type = $1", "after": 0 })).is(400, "ERR_PQL").says("unbound_parameter"),
        unless(json!({ "fail_if": "type = 'X'", "params": [1], "after": 0 }))
            .is(400, "ERR_PQL")
            .says("unused_parameter"),
        unless(json!({ "fail_if": "type = 'Filler' AND 1 / (data.n - data.n) = 1", "after": 0 }))
            .is(400, "ERR_PQL"),
        unless(json!({})).invalid(&["/condition/fail_if", "/condition/after"]),
        unless(json!({ "fail_if": 7, "after": -1 })).invalid(&["/condition/fail_if", "/condition/after"]),
        unless(json!({ "fail_if": "type = 'X'", "after": 0, "befor": 1 })).invalid(&["/condition/befor"]),
        unless(json!([])).invalid(&["/condition"]),
        Row::call("GET", "/events?limit=0", Value::Null).invalid(&["/limit"]),
        Row::call("GET", "/events?limit=10001", Value::Null).invalid(&["/limit"]),
        Row::call("GET", "/events?after=x", Value::Null).invalid(&["/after"]),
        Row::call("GET", "/events?colour=red", Value::Null).invalid(&["/colour"]),
        Row::call("GET", "/tasks?status=done", Value::Null).invalid(&["/status"]),
        Row::call("GET", "/tasks/t1?include=everything", Value::Null).invalid(&["/include"]),
        Row::call("GET", "/events?since_event_id=short", Value::Null).invalid(&["/since_event_id"]),
        Row::call("GET", "/events?since_event_id=01ARZ3NDEKTSV4RRFFQ69G5FAV", Value::Null)
            .is(404, "ERR_NOT_FOUND"),
        Row::call("GET", "/events?after=1&since_event_id=$event", Value::Null).invalid(&["/since_event_id"]),
        Row::call("GET", "/events?from_time=soon&to_time=later", Value::Null)
            .invalid(&["/from_time", "/to_time"]),
        Row::call("GET", "/events", Value::Null)
            .header("accept", "text/csv")
            .through(HTTP)
            .is(406, "ERR_VALIDATION"),
        Row::call(
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "X", "metadata": { "agent_id": 7 } })),
        )
        .invalid(&["/appends/0/events/0/metadata/agent_id"]),
        Row::call(
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "X", "time": "2001-01-01T00:00:00Z" })),
        )
        .invalid(&["/appends/0/events/0/time"]),
        Row::call(
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "X", "time": "2999-01-01T00:00:00Z" })),
        )
        .invalid(&["/appends/0/events/0/time"]),
        Row::call(
            "POST",
            "/append",
            json!({ "appends": [
                { "stream": "s", "events": [{ "type": "X" }, { "type": "X" }] },
                { "stream": "t", "events": [] },
                { "stream": "u", "events": [{ "type": "X" }, { "type": "X", "time": "2999-01-01T00:00:00Z" }] },
            ] }),
        )
        .invalid(&["/appends/2/events/1/time"]),
        Row::call(
            "POST",
            "/streams/s/events",
            json!({ "events": [{ "type": "X" }, { "type": "X", "time": "2999-01-01T00:00:00Z" }] }),
        )
        .invalid(&["/events/1/time"]),
        Row::call(
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "X", "id": "$event" })),
        )
        .is(409, "ERR_CONFLICT"),
        Row::call(
            "POST",
            "/append",
            append(json!("s"), json!("any"), json!({ "type": "X", "data": "x".repeat(1 << 20) })),
        )
        .is(413, "ERR_PAYLOAD_TOO_LARGE"),
        Row::call("POST", "/append", json!({ "appends": [{ "stream": "s", "events": [] }] }))
            .is(400, "ERR_VALIDATION"),
        Row::call("POST", "/append", append(json!("filler"), json!(3), json!({ "type": "X" })))
            .is(409, "ERR_CONFLICT")
            .detail("expected", json!(3))
            .detail("actual", json!(400)),
        Row::call("POST", "/streams/filler/events", json!({})).invalid(&["/events"]),
        Row::call(
            "POST",
            "/streams/filler/events",
            json!({ "stream": "other", "events": [{ "type": "X" }] }),
        )
        .invalid(&["/stream"]),
        Row::call(
            "POST",
            "/streams/filler/events",
            json!({ "expected_revision": "no_stream", "events": [{ "type": "X" }] }),
        )
        .is(409, "ERR_CONFLICT"),
        Row::call("POST", "/streams/task-t1/events", json!({ "events": [{ "type": "X" }] }))
            .is(403, "ERR_FORBIDDEN"),
        Row::call("POST", "/streams/%00/events", json!({ "events": [] })).is(400, "ERR_VALIDATION"),
        Row::call("GET", "/streams/filler/events?direction=sideways", Value::Null).invalid(&["/direction"]),
        Row::call("GET", "/streams/filler/events?from=0", Value::Null).invalid(&["/from"]),
        // Following it: statements are in `query`.
        Row::call("GET", "/subscribe", Value::Null).through(HTTP).invalid(&["/pql"]),
        Row::call("GET", "/subscribe?pql=SUBSCRIBE+events&params=%7B", Value::Null)
            .through(HTTP)
            .is(400, "ERR_VALIDATION"),
        Row::call("GET", "/subscribe?pql=SUBSCRIBE+events&parms=1", Value::Null)
            .through(HTTP)
            .invalid(&["/parms"]),
        Row::call("GET", "/subscribe?pql=SUBSCRIBE+events", Value::Null)
            .header("last-event-id", "last")
            .through(HTTP)
            .is(400, "ERR_VALIDATION"),
        // Loading a history.
        Row::raw("POST", "/import?format=beads", "application/json", b"{}".to_vec())
            .is(415, "ERR_VALIDATION"),
        Row::raw("POST", "/import", "application/x-ndjson", b"{}".to_vec()).invalid(&["/format"]),
        Row::raw("POST", "/import?format=jira", "application/x-ndjson", b"{}".to_vec()).invalid(&["/format"]),
        Row::raw("POST", "/import?format=beads&restamp=maybe", "application/x-ndjson", b"{}".to_vec())
            .invalid(&["/restamp"]),
        Row::raw("POST", "/import?format=beads", "application/x-ndjson", b"no json\n".to_vec())
            .is(400, "ERR_VALIDATION"),
        Row::raw("POST", "/import?format=beads", "application/x-ndjson", vec![b' '; 9 << 20])
            .is(413, "ERR_PAYLOAD_TOO_LARGE"),
        // Another node's events. Without a token for nodes only the Unix socket takes them.
        Row::call("POST", "/events/push", json!({})).invalid(&["/node", "/events"]),
        Row::call("POST", "/events/push", json!({ "node": "b", "events": {}, "after": 1, "upt": 2 }))
            .invalid(&["/node", "/events", "/upto", "/upt"]),
        Row::call("POST", "/events/push", json!({ "node": NODE, "events": vec![json!({}); 1_001] }))
            .invalid(&["/events"])
            .says("1000"),
        Row::call("POST", "/events/push", json!({ "node": NODE, "events": [] }))
            .through(&[Door::Tcp, Door::Request])
            .is(403, "ERR_FORBIDDEN")
            .detail("rule", json!("sync_token")),
        Row::call(
            "POST",
            "/append",
            append(
                json!("s"),
                json!("any"),
                json!({ "type": "X", "metadata": { "lamport": 7, "origin": NODE } }),
            ),
        )
        .invalid(&["/appends/0/events/0/metadata/lamport", "/appends/0/events/0/metadata/origin"]),
        Row::call("GET", "/healthz?verbose=1", Value::Null).invalid(&["/verbose"]),
        Row::call("GET", "/metrics?format=json", Value::Null).through(HTTP).invalid(&["/format"]),
        Row::call("GET", "/metrics", Value::Null).through(&[Door::Request]).invalid(&["/path"]),
        Row::call("GET", "/diagnostics/bundle?events=10001", Value::Null)
            .through(HTTP)
            .invalid(&["/events"])
            .says("0 to 10000"),
        Row::call("GET", "/diagnostics/bundle?events=x&data=maybe", Value::Null)
            .through(HTTP)
            .invalid(&["/events", "/data"]),
        Row::call("GET", "/diagnostics/bundle", Value::Null).through(&[Door::Request]).invalid(&["/path"]),
        Row::call("GET", "/openapi.json?version=3", Value::Null).invalid(&["/version"]),
        Row::call("GET", "/readyz?verbose=1", Value::Null).invalid(&["/verbose"]),
        // A position that is far off: it is waited for, and then told.
        Row::call("GET", "/tasks", Value::Null)
            .header("agentpm-min-position", "18446744073709551615")
            .through(&[Door::Tcp])
            .is(503, "ERR_UNAVAILABLE")
            .detail("wanted", json!(u64::MAX)),
    ]
}
