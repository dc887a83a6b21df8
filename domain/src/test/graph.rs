//! Counts and depths.

use super::world::{World, by_override, task, task_after, to, version};
use crate::rows::{Table, TaskGraph, TaskStatus};
use crate::{Command, DEPTH_MAX};

#[test]
fn depth_is_the_longest_chain_of_unfinished_tasks_that_wait() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task_after("b", &["a"]));
    world.ok(task_after("c", &["b"]));
    world.ok(task_after("d", &["a", "c"]));
    let depths = |world: &mut World| ["a", "b", "c", "d"].map(|id| world.work.depth(id));
    assert_eq!(depths(&mut world), [3, 2, 1, 0]);
    world.ok(to("c", TaskStatus::Cancelled, version(world.task("c").version)));
    // Of the chain through c nothing is left but c's own: d waits for a alone.
    assert_eq!(depths(&mut world), [1, 0, 1, 0]);
    assert_eq!(world.graph("d").blocked_by_count, 1);
}

#[test]
fn the_row_is_there_only_while_it_says_something() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task_after("b", &["a"]));
    // That somebody waits for it is no part of its row.
    assert!(world.stamp(Table::TaskGraph, "a").is_none() && world.stamp(Table::TaskGraph, "b").is_some());
    world.ok(Command::RemoveRelationship { relationship_id: world.made(1) });
    assert!(world.stamp(Table::TaskGraph, "b").is_none());
}

#[test]
fn children_are_counted_until_they_are_archived() {
    let mut world = World::new();
    world.ok(task("p"));
    for id in ["a", "b"] {
        world.ok(task(id));
        world.ok(super::world::link("p", crate::rows::RelationshipType::ParentOf, id));
    }
    let lease = world.claim_one("bob");
    assert_eq!(&*lease.task.task.id, "p");
    let lease = world.claim_one("bob").lease;
    world.ok(super::world::complete("a", super::world::guard(&lease.id)));
    let counts = |world: &World| (world.graph("p").child_count, world.graph("p").child_done_count);
    assert_eq!(counts(&world), (2, 1));
    world.ok(Command::ArchiveTask { task_id: "a".into() });
    assert_eq!(counts(&world), (1, 0));
    world.ok(Command::RestoreTask { task_id: "a".into() });
    assert_eq!(counts(&world), (2, 1));
}

#[test]
fn a_long_chain_needs_no_stack() {
    let mut world = World::new();
    let length = 2_000_u32;
    world.ok(task("t0"));
    // Each new task is put before the chain, so only its own depth is new.
    for i in 1..length {
        world.ok(Command::CreateTask(crate::command::CreateTask {
            blocks: vec![format!("t{}", i - 1).into()],
            ..super::world::new_task(&format!("t{i}"))
        }));
    }
    assert_eq!(world.work.depth(&format!("t{}", length - 1)), length - 1);
    // And then the far end goes: every depth sinks by one.
    world.ok(to("t0", TaskStatus::Cancelled, by_override()));
    assert_eq!(world.work.depth(&format!("t{}", length - 1)), length - 2);
}

/// Of the longest chain that is told apart, in either direction: what an event writes does not grow with it.
#[test]
fn an_event_writes_few_rows_however_long_the_chain() {
    let edge =
        |from: u32, to: u32| format!(r#"{{"from_task_id":"t{from}","to_task_id":"t{to}","type":"blocks"}}"#);
    for forward in [true, false] {
        let mut world = World::new();
        let mut most = 0;
        for i in 0..DEPTH_MAX {
            world.raw(&format!("task-t{i}"), "TaskCreated", "{}");
            most = most.max(world.changed);
            if i > 0 {
                let edge = if forward { edge(i - 1, i) } else { edge(i, i - 1) };
                world.raw(&format!("relationship-{i}"), "RelationshipAdded", &edge);
                most = most.max(world.changed);
            }
        }
        // A relationship, and the count of blockers of the one that waits.
        assert_eq!(most, 2);
        assert_eq!(world.rows.len(), 3 * DEPTH_MAX as usize - 2);
        let (first, last) = if forward { (0, DEPTH_MAX - 1) } else { (DEPTH_MAX - 1, 0) };
        assert_eq!(world.work.depth(&format!("t{first}")), DEPTH_MAX - 1);
        assert_eq!(world.work.depth(&format!("t{last}")), 0);
    }
}

#[test]
fn an_offer_moves_up_as_work_is_stacked_on_it() {
    let mut world = World::new();
    for id in ["old", "base"] {
        world.ok(task(id));
    }
    // Each step of depth is worth five hours of age.
    world.ok(task_after("b", &["base"]));
    world.ok(task_after("c", &["b"]));
    assert_eq!(world.claimed_ids("bob", 1), ["base"]);
    world.ok(super::world::release("base", by_override()));
    // And down again, with nothing said of the task itself.
    world.ok(to("b", TaskStatus::Cancelled, by_override()));
    assert_eq!(world.claimed_ids("bob", 1), ["old"]);
    // After opening again it is as it was.
    world.ok(super::world::release("old", by_override()));
    world.ok(task_after("d", &["base"]));
    world.work = world.restored();
    assert_eq!(world.claimed_ids("bob", 2), ["base", "old"]);
}

#[test]
fn a_ring_in_the_log_is_cut_at_its_youngest_and_opens_again() {
    let mut world = World::new();
    for id in ["a", "b", "before"] {
        world.ok(task(id));
    }
    let edge =
        |from: &str, to: &str| format!(r#"{{"from_task_id":"{from}","to_task_id":"{to}","type":"blocks"}}"#);
    world.raw("relationship-1", "RelationshipAdded", &edge("before", "a"));
    world.raw("relationship-2", "RelationshipAdded", &edge("a", "b"));
    world.raw("relationship-3", "RelationshipAdded", &edge("b", "a"));
    assert!(world.stamp(Table::Conflicts, "3").is_some() && world.stamp(Table::Relationships, "3").is_none());
    assert_eq!(world.work.depth("before"), 2);
    world.raw("relationship-2", "RelationshipRemoved", "{}");
    assert!(world.stamp(Table::Conflicts, "3").is_none() && world.stamp(Table::Relationships, "3").is_some());
    assert_eq!(world.graph("a").blocked_by_count, 2);
    world.raw("relationship-4", "RelationshipAdded", &edge("a", "b"));
    assert!(world.stamp(Table::Conflicts, "4").is_some());
    world.raw("relationship-3", "RelationshipRemoved", "{}");
    assert_eq!(world.graph("b"), TaskGraph { blocked_by_count: 1, ..TaskGraph::default() });
    assert_eq!(world.work.depth("before"), 2);
}
