//! Events that no command makes.

use super::properties::{assert_tables_follow, assert_tables_follow_so_far};
use super::world::{World, task};
use crate::rows::TaskStatus;
use proptest::prelude::*;

#[test]
fn the_models_types_in_other_streams_change_nothing() {
    let mut world = World::new();
    world.ok(task("a"));
    let rows = world.rows.clone();
    world.raw("mine-1", "TaskCreated", r#"{"id":"b","title":"b"}"#);
    world.raw("mine", "TaskCreated", r#"{"id":"b","title":"b"}"#);
    world.raw("agent-a", "TaskStatusChanged", r#"{"status":"completed"}"#);
    world.raw("task-a", "SomethingElse", "{}");
    world.raw("task-nobody", "TaskArchived", "{}");
    world.raw("run-1", "RunCompleted", "{}");
    world.raw("lease-1", "LeaseReleased", "{}");
    assert_eq!(world.rows, rows);
}

#[test]
fn what_ended_does_not_begin_again() {
    let mut world = World::new();
    world.ok(task("a"));
    let claimed = world.claim_one("bob");
    world.ok(super::world::release("a", super::world::guard(&claimed.lease.id)));
    let rows = world.rows.clone();
    for kind in ["RunStarted", "LeaseAcquired"] {
        let begun = world.log.iter().find(|event| &*event.kind == kind).expect("it began").clone();
        world.raw(&begun.stream, kind, &begun.data);
    }
    assert_eq!(world.rows, rows);
}

#[test]
fn missing_members_take_their_defaults_and_unknown_ones_are_passed_over() {
    let mut world = World::new();
    world.raw("task-x", "TaskCreated", r#"{"colour":"red","priority":999}"#);
    let row = world.task("x");
    assert_eq!((&*row.id, &*row.title, row.status, row.priority), ("x", "", TaskStatus::Open, i8::MAX));
    assert_eq!((row.max_attempts, &*row.metadata), (3, "{}"));
    world.raw(
        "task-x",
        "TaskStatusChanged",
        r#"{"status":"completed","completed_at":"2020-01-01T00:00:00Z"}"#,
    );
    let completed_at = world.task("x").completed_at;
    assert_eq!(completed_at, crate::time::parse("2020-01-01T00:00:00Z"));
    // Completed to open: a command would refuse, a fold does not.
    world.raw("task-x", "TaskStatusChanged", r#"{"status":"open"}"#);
    assert_eq!((world.task("x").status, world.task("x").completed_at), (TaskStatus::Open, None));
    assert_eq!(world.task("x").version, 3);
}

const STREAMS: [&str; 8] =
    ["task-", "relationship-", "context-", "progress-", "agent-", "lease-", "run-", "mine-"];

/// Any event: of the model or nearly, with data that fits, nearly fits or does not.
fn any_event() -> impl Strategy<Value = (String, &'static str, String)> {
    let kinds: Vec<&'static str> = crate::event::CATALOGUE.iter().map(|entry| entry.name).collect();
    let id = || (0..6_u32).prop_map(|n| n.to_string());
    let status =
        prop::sample::select(vec!["open", "in_progress", "blocked", "completed", "cancelled", "odd"]);
    let edge = prop::sample::select(vec!["blocks", "parent_of", "relates_to", "note", "decision"]);
    let data = prop_oneof![
        8 => (id(), id(), status, edge).prop_map(|(a, b, status, kind)| format!(
            r#"{{"from_task_id":"{a}","to_task_id":"{b}","task_id":"{a}","status":"{status}","type":"{kind}",
                "agent_id":"{b}","lease_id":"{b}","fence":{a},"attempt":1,"ttl_ms":1,"class":"transient",
                "expires_at":"2026-01-01T00:00:1{b}Z","by":"{b}"}}"#
        )),
        1 => Just("{}".to_owned()),
        1 => Just("[7]".to_owned()),
    ];
    (prop::sample::select(STREAMS.to_vec()), id(), prop::sample::select(kinds), data)
        .prop_map(|(stream, id, kind, data)| (format!("{stream}{id}"), kind, data))
}

/// Any event of tasks and edges, so that graphs grow, rings among them.
fn graph_event() -> impl Strategy<Value = (String, &'static str, String)> {
    let id = || 0..5_u32;
    let status = prop::sample::select(vec!["open", "completed", "blocked"]);
    prop_oneof![
        2 => id().prop_map(|n| (format!("task-{n}"), "TaskCreated", "{}".to_owned())),
        2 => (id(), status).prop_map(|(n, status)| (
            format!("task-{n}"),
            "TaskStatusChanged",
            format!(r#"{{"status":"{status}"}}"#)
        )),
        1 => id().prop_map(|n| (format!("task-{n}"), "TaskArchived", "{}".to_owned())),
        1 => id().prop_map(|n| (format!("task-{n}"), "TaskRestored", "{}".to_owned())),
        5 => (0..12_u32, id(), id(), prop::bool::weighted(0.8)).prop_map(|(n, a, b, blocks)| (
            format!("relationship-{n}"),
            "RelationshipAdded",
            format!(
                r#"{{"from_task_id":"{a}","to_task_id":"{b}","type":"{}"}}"#,
                if blocks { "blocks" } else { "parent_of" }
            )
        )),
        2 => (0..12_u32).prop_map(|n| (format!("relationship-{n}"), "RelationshipRemoved", "{}".to_owned())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Whatever the log holds, folding it neither panics nor lets derived rows go astray.
    #[test]
    fn any_log_is_folded(events in prop::collection::vec(any_event(), 0..60)) {
        let mut world = World::new();
        for (stream, kind, data) in events {
            world.raw(&stream, kind, &data);
        }
        assert_tables_follow(&mut world);
    }

    #[test]
    fn any_graph_is_kept_up(events in prop::collection::vec(graph_event(), 0..40)) {
        let mut world = World::new();
        for (stream, kind, data) in events {
            world.raw(&stream, kind, &data);
            assert_tables_follow_so_far(&mut world);
        }
        // A state made of the rows goes on as this one.
        let restored = world.restored();
        world.work = restored;
        world.raw("relationship-0", "RelationshipRemoved", "{}");
        world.raw("task-0", "TaskStatusChanged", r#"{"status":"open"}"#);
        assert_tables_follow(&mut world);
    }
}
