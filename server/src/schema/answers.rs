//! The `data` of answers that are more than a row.

use super::build::{boolean, count, described, list, nullable, object, own, refer, text, time, words};
use super::{Kind, Type, rows};
use query::Type as Pql;
use serde_json::{Value, json};

pub(super) fn types() -> Vec<Type> {
    let mut types = vec![
        answer(
            "Health",
            "The process answers; which node it is.",
            object([("status", json!({ "const": "ok" })), ("node", text())]),
        ),
        answer(
            "Ready",
            "Reads and writes are taken.",
            object([("status", json!({ "const": "ready" })), ("position", count())]),
        ),
        answer(
            "Ticket",
            "What a page opens `/ws` or `/subscribe` with, once.",
            object([("ticket", text()), ("expires_in_s", count())]),
        ),
        answer("Appended", "Where the events of an append are.", appended()),
        answer(
            "Events",
            "A stretch of the log. Go on with `after=next_after` until it is `head`.",
            object([("events", list(refer("Event"))), ("head", count()), ("next_after", count())]),
        ),
        answer(
            "StreamEvents",
            "A stretch of one stream. Go on with `from=next_from`.",
            object([
                ("events", list(refer("Event"))),
                ("revision", count()),
                ("next_from", nullable(count())),
            ]),
        ),
        answer("QueryResult", "Rows of a statement.", query_result()),
        answer("TaskWhole", "A task, and each `include` as a further member.", task_whole()),
        answer("TaskEnded", "A task, and the run that ended.", with(row("Task"), [("run", refer("Run"))])),
        answer(
            "Brief",
            "What to know of a task, within a budget of tokens; empty columns are left out.",
            brief(),
        ),
        answer("Directives", "How a session and its leases stand, and what to do.", heartbeat()),
        answer("BatchResults", "What came of each operation, in their order.", batch_results()),
        answer("Pushed", "What became of each event, in their order.", pushed()),
        answer("Claim", "A task that was taken, with its lease and what is known of it.", claim()),
        answer("Claims", "Tasks that were taken.", object([("claims", list(refer("Claim")))])),
        answer(
            "ProgressItems",
            "The steps that were added.",
            object([("progress_items", list(refer("ProgressItem")))]),
        ),
        answer(
            "SubscriptionWhole",
            "A durable subscription, and the first events that are parked.",
            subscription_whole(),
        ),
        answer("Fetched", "Events, which are the caller's to deal with until `ack_before`.", fetched()),
        answer(
            "Acked",
            "How many events are done with now, and how many were before.",
            object([("acked", count()), ("already", count())]),
        ),
        answer(
            "Nacked",
            "What became of the events.",
            object(["retried", "parked", "skipped", "already", "not_yours"].map(|name| (name, count()))),
        ),
        answer("Replayed", "How many events are delivered again.", object([("replayed", count())])),
        answer("Count", "How many events were written.", object([("count", count())])),
        answer("ImportReport", "What came of an import.", import_report()),
    ];
    for (table, name) in [("tasks", "Tasks"), ("agents", "Agents"), ("runs", "Runs")] {
        let items = refer(&format!("{}Columns", rows::name_of(table)));
        types.push(answer(name, &format!("A page of `{table}`."), page(table, items)));
    }
    let history = with(page("events", refer("Event")), [("next_after", nullable(count()))]);
    types.push(answer("History", "A page of the events about a task.", history));
    types
}

fn answer(name: &str, description: &str, schema: Value) -> Type {
    Type::new(name, Kind::Answer, described(description, schema))
}

/// A part of a list.
fn page(name: &str, items: Value) -> Value {
    object([(name, list(items)), ("total", count()), ("next_offset", nullable(count()))])
}

/// The schema of the rows of that name.
fn row(name: &str) -> Value {
    let rows = rows::types();
    rows.into_iter().find(|known| known.name == name).map_or(Value::Null, |known| known.schema)
}

/// An object with further members: a name with `?` at its end is one that may be absent.
fn with<'a>(mut schema: Value, members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    for (name, member) in members {
        let always = name.trim_end_matches('?');
        schema["properties"][always] = member;
        if always == name
            && let Some(required) = schema["required"].as_array_mut()
        {
            required.push(name.into());
        }
    }
    schema
}

fn appended() -> Value {
    object([
        ("first_position", count()),
        ("last_position", count()),
        ("streams", list(object([("stream", text()), ("revision", count())]))),
        ("events", list(object([("id", text()), ("position", count()), ("revision", count())]))),
    ])
}

fn query_result() -> Value {
    object([
        ("columns", list(object([("name", text()), ("type", words(Pql::ALL.map(Pql::as_str)))]))),
        ("rows", list(own())),
        ("row_count", count()),
        ("position", count()),
        ("elapsed_us", count()),
    ])
}

fn task_whole() -> Value {
    let tasks = || list(refer("TaskColumns"));
    let contexts = || list(refer("Context"));
    let includes = [
        ("relationships?", list(refer("Relationship"))),
        ("context?", contexts()),
        ("context_all?", contexts()),
        ("progress?", list(refer("ProgressItem"))),
        ("progress_summary?", object([("completed", count()), ("remaining", count())])),
        ("parent?", nullable(refer("Task"))),
        ("children?", tasks()),
        ("blocked_by?", tasks()),
        ("blocking?", tasks()),
        ("leases?", list(refer("Lease"))),
        ("sessions?", list(refer("Session"))),
        ("runs?", list(refer("Run"))),
        ("files?", contexts()),
        ("recent_events?", list(refer("Event"))),
    ];
    with(row("Task"), includes)
}

fn batch_results() -> Value {
    let made = [
        "Task",
        "TaskEnded",
        "Relationship",
        "ProgressItems",
        "ProgressItem",
        "Context",
        "Lease",
        "Session",
        "Agent",
        "Appended",
    ];
    let done = envelope(json!({ "anyOf": made.map(refer) }));
    let failed = object([
        ("ok", json!({ "const": false })),
        ("data", json!({ "type": "null" })),
        ("error", refer("ErrorBody")),
    ]);
    object([("results", list(json!({ "anyOf": [done, failed] })))])
}

fn subscription_whole() -> Value {
    let parked = object([
        ("position", count()),
        ("id", text()),
        ("stream", text()),
        ("attempts", count()),
        ("reason", text()),
        ("parked_at", time()),
    ]);
    with(row("Subscription"), [("parked_events", list(parked))])
}

fn fetched() -> Value {
    let attempt = described("How often it was delivered, with this.", count());
    let event = with(row("Event"), [("attempt", attempt)]);
    object([("events", list(event)), ("ack_before", nullable(time()))])
}

fn pushed() -> Value {
    let result = object([
        ("id", described("Null when it has none that can be read.", nullable(text()))),
        ("status", words(["accepted", "duplicate", "rejected"])),
        ("reason?", text()),
    ]);
    let heard = described("How far this server has heard that log.", count());
    object([
        ("results", list(result)),
        ("accepted", count()),
        ("duplicate", count()),
        ("rejected", count()),
        ("heard", heard),
    ])
}

fn heartbeat() -> Value {
    let directive = || words(["continue", "pause", "cancel"]);
    object([
        ("directive", directive()),
        ("session", refer("Session")),
        (
            "leases",
            list(object([
                ("id", text()),
                ("task_id", nullable(text())),
                ("expires_at", nullable(time())),
                ("directive", directive()),
            ])),
        ),
    ])
}

fn brief() -> Value {
    let tasks = || list(refer("TaskColumns"));
    let event = json!({
        "type": "object",
        "description": "An event in a line: when, what, who, and what it changed.",
        "properties": { "position": count(), "time": time(), "type": text() },
        "required": ["position", "time", "type"],
    });
    let dropped = json!({ "type": "object", "additionalProperties": count() });
    object([
        ("task", refer("TaskColumns")),
        ("parent", nullable(refer("TaskColumns"))),
        ("blocked_by", tasks()),
        ("leases", list(refer("LeaseColumns"))),
        ("progress", list(refer("ProgressItemColumns"))),
        ("context", list(refer("ContextColumns"))),
        ("children", tasks()),
        ("runs", list(refer("RunColumns"))),
        ("recent_events", list(event)),
        ("dropped", described("How many of which did not fit.", dropped)),
        ("max_tokens", count()),
        ("over_budget", boolean()),
        ("estimated_tokens", count()),
    ])
}

fn claim() -> Value {
    object([
        ("task", refer("Task")),
        ("lease", object([("id", text()), ("fence", count()), ("expires_at", time())])),
        ("run_id", text()),
        ("context", list(refer("Context"))),
        ("next", described("Commands to go on with.", list(text()))),
    ])
}

fn import_report() -> Value {
    let listed = |item: Value| object([("count", count()), ("first", list(item))]);
    let edge = || {
        let members = [("issue", text()), ("depends_on", text()), ("type", text())];
        listed(object(members.into_iter().chain([("line", count()), ("reason", text())])))
    };
    let counts = [
        "lines",
        "upserts",
        "deletes",
        "commits",
        "resumed_after_line?",
        "events",
        "tasks_created",
        "tasks_changed",
        "tasks_archived",
        "tasks_restored",
        "contexts_added",
        "relationships_added",
        "relationships_removed",
        "position",
        "elapsed_ms",
        "changes_per_second",
    ];
    let lists = [
        ("cycles", edge()),
        ("second_parents", edge()),
        ("missing_ends", edge()),
        ("skipped_lines", listed(object([("line", count()), ("reason", text())]))),
        ("cut_fields", listed(list(text()))),
        ("unknown_statuses", json!({ "type": "object", "additionalProperties": count() })),
    ];
    object(counts.map(|name| (name, count())).into_iter().chain(lists))
}

/// `{"ok":true,"data":…,"error":null}`
pub(super) fn envelope(data: Value) -> Value {
    object([("ok", json!({ "const": true })), ("data", data), ("error", json!({ "type": "null" }))])
}
