//! Calls about durable subscriptions. The stage has one, `filler`.

use crate::row::Row;
use serde_json::{Value, json};

/// Id of an event that is nowhere.
const NOWHERE: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// What webhooks are signed with.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) fn rows() -> Vec<Row> {
    let put = |body: Value| Row::call("PUT", "/subscriptions/s", body);
    let all = "SUBSCRIBE events";
    let with = |name: &str, value: Value| put(json!({ "pql": all, name: value }));
    let call = |call: &str, body: Value| Row::call("POST", format!("/subscriptions/filler/{call}"), body);
    let of_none = |call: &str, body: Value| {
        let row = Row::call("POST", format!("/subscriptions/filer/{call}"), body);
        row.is(404, "ERR_NOT_FOUND").detail("kind", json!("durable subscription"))
    };
    let ids = |ids: Value| json!({ "ids": ids });
    vec![
        // Making one.
        put(json!({})).invalid(&["/pql"]),
        put(json!({ "pql": 7 })).invalid(&["/pql"]),
        put(json!({ "pql": "x".repeat((64 << 10) + 1) })).invalid(&["/pql"]).says("bytes"),
        put(json!({ "pql": "SUBSCRIBE events WHERE tpye = 'X'" })).pql("unknown_column", 1, 24),
        put(json!({ "pql": "SELECT * FROM events" })).is(400, "ERR_PQL").says("only SUBSCRIBE"),
        put(json!({ "pql": "SUBSCRIBE events WHERE type = $1" }))
            .is(400, "ERR_PQL")
            .says("unbound_parameter"),
        put(json!({ "pql": all, "params": [1] })).is(400, "ERR_PQL").says("unused_parameter"),
        put(json!({ "pql": all, "params": 1 })).invalid(&["/params"]),
        with("from", json!("yesterday")).invalid(&["/from"]).says("start, now"),
        with("from", json!(-1)).invalid(&["/from"]),
        with("from", json!(1_000_000_000)).invalid(&["/from"]).says("after the head"),
        with("max_in_flight", json!(0)).invalid(&["/max_in_flight"]),
        with("max_in_flight", json!(1_001)).invalid(&["/max_in_flight"]),
        with("ack_timeout_s", json!(0.09)).invalid(&["/ack_timeout_s"]),
        with("ack_timeout_s", json!(43_201)).invalid(&["/ack_timeout_s"]),
        with("max_attempts", json!(0)).invalid(&["/max_attempts"]),
        with("max_attempts", json!(101)).invalid(&["/max_attempts"]),
        with("order_by", json!("time")).invalid(&["/order_by"]).says("stream"),
        with("max_inflight", json!(1)).invalid(&["/max_inflight"]).says("max_in_flight"),
        Row::call("PUT", "/subscriptions/a%20b", json!({ "pql": all })).is(400, "ERR_VALIDATION"),
        put(json!({ "pql": "SUBSCRIBE tasks WHERE status = 'open'" })).is(400, "ERR_PQL").says("to events"),
        Row::call("PUT", format!("/subscriptions/{}", "n".repeat(129)), json!({ "pql": all }))
            .is(400, "ERR_VALIDATION"),
        with("webhook", json!({})).invalid(&["/webhook/url", "/webhook/secret"]),
        with("webhook", json!({ "url": "ftp://x.example/", "secret": SECRET })).invalid(&["/webhook/url"]),
        with("webhook", json!({ "url": "https://me:pass@x.example/", "secret": SECRET }))
            .invalid(&["/webhook/url"])
            .says("password"),
        with("webhook", json!({ "url": "http://127.0.0.1/", "secret": SECRET }))
            .invalid(&["/webhook/url"])
            .says("public internet"),
        with("webhook", json!({ "url": "https://x.example/", "secret": "short" }))
            .invalid(&["/webhook/secret"]),
        with("webhook", json!({ "url": "https://x.example/", "secret": SECRET, "retries": 3 }))
            .invalid(&["/webhook/retries"]),
        // Another one under a name that is taken.
        Row::call("PUT", "/subscriptions/filler", json!({ "pql": "SUBSCRIBE events WHERE type = 'X'" }))
            .is(409, "ERR_CONFLICT")
            .detail("pointer", json!("/pql")),
        Row::call("PUT", "/subscriptions/filler", json!({ "pql": all, "from": "start" }))
            .is(409, "ERR_CONFLICT")
            .detail("expected", json!("start"))
            .detail("actual", json!("now")),
        Row::call("PUT", "/subscriptions/filler", json!({ "pql": all, "order_by": "stream" }))
            .is(409, "ERR_CONFLICT")
            .detail("pointer", json!("/order_by")),
        // None of that name.
        Row::call("GET", "/subscriptions/filer", Value::Null).is(404, "ERR_NOT_FOUND"),
        Row::call("DELETE", "/subscriptions/filer", Value::Null).is(404, "ERR_NOT_FOUND"),
        of_none("fetch", json!({})),
        of_none("ack", ids(json!([NOWHERE]))),
        of_none("nack", json!({ "ids": [NOWHERE], "action": "skip" })),
        of_none("replay_parked", json!({})),
        // Taking events and speaking of them.
        call("fetch", json!({ "n": 0 })).invalid(&["/n"]),
        call("fetch", json!({ "n": 1_001 })).invalid(&["/n"]),
        call("fetch", json!({ "wait_ms": 30_001 })).invalid(&["/wait_ms"]),
        call("ack", json!({})).invalid(&["/ids"]),
        call("ack", ids(json!([]))).invalid(&["/ids"]).says("names no event"),
        call("ack", ids(json!(["short"]))).invalid(&["/ids/0"]).says("ULID"),
        call("ack", ids(json!(vec![NOWHERE; 1_001]))).invalid(&["/ids"]),
        call("ack", ids(json!([NOWHERE]))).is(404, "ERR_NOT_FOUND").detail("id", json!(NOWHERE)),
        call("nack", ids(json!([NOWHERE]))).invalid(&["/action"]),
        call("nack", json!({ "ids": [NOWHERE], "action": "drop" })).invalid(&["/action"]).says("skip"),
        call("nack", json!({ "ids": [NOWHERE], "action": "park", "delay_ms": 5 })).invalid(&["/delay_ms"]),
        call("nack", json!({ "ids": [NOWHERE], "action": "retry", "delay_ms": 86_400_001 }))
            .invalid(&["/delay_ms"]),
        call("nack", json!({ "ids": [NOWHERE], "action": "retry" })).is(404, "ERR_NOT_FOUND"),
        call("replay_parked", json!({ "ids": [NOWHERE] })).invalid(&["/ids"]).says("takes none"),
        // What consumers have done with has no past.
        Row::statement("SELECT name FROM subscriptions AS OF POSITION 1").pql("not_allowed", 1, 18),
        Row::statement("SELECT name FROM subscriptions HISTORY").pql("not_allowed", 1, 32),
    ]
}
