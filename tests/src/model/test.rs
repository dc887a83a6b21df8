//! The model against events written by hand: what it says is checked before it is believed.

use super::{BTreeMap, TABLES, Value, World, position_at};
use crate::time;
use crate::{Rows, compare};
use serde_json::json;

/// Events of one second each, from short forms `(stream, type, data)`.
fn log(events: &[(&str, &str, Value)]) -> Vec<Value> {
    let mut revisions: BTreeMap<&str, u64> = BTreeMap::new();
    let mut log = Vec::new();
    for (n, (stream, kind, data)) in events.iter().enumerate() {
        let revision = revisions.entry(stream).or_default();
        *revision += 1;
        log.push(json!({
            "position": n + 1, "id": n.to_string(), "stream": stream, "revision": revision, "type": kind,
            "time": time::text(1_000_000 * (n as i64 + 1)), "data": data, "metadata": {}, "tags": [],
        }));
    }
    log
}

fn created(id: &str, more: Value) -> Value {
    let mut data = json!({ "id": id, "title": id });
    for (key, value) in more.as_object().unwrap() {
        data[key] = value.clone();
    }
    data
}

fn story() -> Vec<Value> {
    let status = |id: &str, status: &str, attempts: u64| json!({ "id": id, "status": status, "owner_agent_id": null, "attempts": attempts, "not_before": null });
    log(&[
        ("agent-a", "AgentRegistered", json!({ "id": "a", "name": "A", "caps": ["sql", "rust"] })),
        ("task-x", "TaskCreated", created("x", json!({ "caps": ["rust"] }))),
        ("task-y", "TaskCreated", created("y", json!({ "priority": 5 }))),
        (
            "relationship-r",
            "RelationshipAdded",
            json!({ "id": "r", "from_task_id": "x", "to_task_id": "y", "type": "blocks" }),
        ),
        ("task-y", "TaskStatusChanged", status("y", "blocked", 0)),
        (
            "lease-l",
            "LeaseAcquired",
            json!({ "id": "l", "task_id": "x", "agent_id": "a", "fence": 1, "ttl_ms": 1000, "expires_at": "1970-01-01T00:10:00Z" }),
        ),
        (
            "run-n",
            "RunStarted",
            json!({ "id": "n", "task_id": "x", "agent_id": "a", "lease_id": "l", "attempt": 1 }),
        ),
        ("task-x", "TaskStatusChanged", status("x", "in_progress", 1)),
        ("run-n", "RunCompleted", json!({ "id": "n", "cost": 2 })),
        ("lease-l", "LeaseReleased", json!({ "id": "l" })),
        ("task-x", "TaskStatusChanged", status("x", "completed", 1)),
        ("task-y", "TaskStatusChanged", status("y", "open", 0)),
    ])
}

fn value(world: &World, table: &str, key: &str, column: &str) -> Value {
    let rows = world.rows(table, world.time);
    rows.iter().find(|row| row["id"] == key).map_or(Value::Null, |row| row[column].clone())
}

#[test]
fn a_story_is_folded_position_by_position() {
    let events = story();
    let at = |position: u64| World::at(&events, position);
    assert_eq!(value(&at(1), "agents", "a", "caps"), json!(["rust", "sql"]));
    assert_eq!(value(&at(3), "tasks", "x", "dependency_depth"), 0);
    assert_eq!(value(&at(4), "tasks", "x", "dependency_depth"), 1);
    assert_eq!(value(&at(4), "tasks", "y", "blocked_by_count"), 1);
    assert_eq!(value(&at(5), "tasks", "y", "version"), 2);
    assert_eq!(value(&at(6), "leases", "l", "status"), "active");
    assert_eq!(value(&at(6), "agents", "a", "last_seen_at"), time::text(6_000_000));
    assert_eq!(value(&at(9), "runs", "n", "duration_ms"), 2_000);
    assert_eq!(value(&at(10), "leases", "l", "status"), "released");
    assert_eq!(value(&at(10), "tasks", "y", "blocked_by_count"), 1);
    assert_eq!(value(&at(11), "tasks", "y", "blocked_by_count"), 0);
    assert_eq!(value(&at(11), "tasks", "x", "completed_at"), time::text(11_000_000));
    let score = value(&at(3), "tasks", "y", "score").as_f64().unwrap();
    assert!((score - 5.0).abs() < 1e-9, "{score}");
}

#[test]
fn offers_follow_ability_and_order() {
    let events = story();
    let ids = |position: u64, agent: Option<&str>| -> Vec<Value> {
        let world = World::at(&events, position);
        world.next_task(agent, world.time).iter().map(|row| row["id"].clone()).collect()
    };
    assert_eq!(ids(3, Some("a")), ["y", "x"]);
    assert_eq!(ids(3, Some("nobody")), ["y"]);
    assert_eq!(ids(5, Some("a")), ["x"]);
    assert_eq!(ids(8, None), Vec::<Value>::new());
    assert_eq!(ids(12, None), ["y"]);
}

#[test]
fn a_moment_is_after_the_last_event_at_or_before_it() {
    let events = story();
    assert_eq!(position_at(&events, 999_999), 0);
    assert_eq!(position_at(&events, 3_000_000), 3);
    assert_eq!(position_at(&events, 3_999_999), 3);
    assert_eq!(position_at(&events, i64::MAX), 12);
}

/// The comparison sees each fault by itself, whatever a server would say.
#[test]
fn the_comparison_sees_each_fault() {
    let events = story();
    let whole = World::at(&events, 12);
    let differences = |other: &World| -> Vec<String> {
        let mut found = Vec::new();
        for (table, columns) in TABLES {
            let rows = Rows {
                columns: columns.iter().map(|name| ((*name).to_owned(), String::new())).collect(),
                rows: other.rows(table, whole.time),
                position: 12,
            };
            found.extend(compare::table(table, &whole.rows(table, whole.time), &rows, compare::SCORE_EXACT));
        }
        found
    };
    assert_eq!(differences(&whole), Vec::<String>::new());
    for lost in [1, 4, 6, 9, 10, 12] {
        let mut events = events.clone();
        events[lost - 1]["type"] = json!("Unknown");
        assert_ne!(differences(&World::at(&events, 12)), Vec::<String>::new(), "without event {lost}");
    }
    assert_ne!(differences(&World::at(&events, 11)), Vec::<String>::new(), "one too early");
    let mut events = events.clone();
    events[5]["data"]["fence"] = json!(2);
    assert_eq!(differences(&World::at(&events, 12)), ["leases \"l\".fence: is 2, expected 1"]);
}
