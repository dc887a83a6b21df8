use super::world::{World, by_override, complete, fail, guard, link, release, task, task_after, to, version};
use crate::Command;
use crate::rows::FailureClass;
use crate::rows::RelationshipType::Blocks;
use crate::rows::TaskStatus::{Blocked, Cancelled, Completed, Open};

#[test]
fn the_last_blocker_to_end_opens_the_task() {
    let mut world = World::new();
    world.ok(task("x"));
    world.ok(task("y"));
    world.ok(task_after("b", &["x", "y"]));
    world.ok(task_after("a", &["x"]));
    let lease = world.claim_one("bob").lease;
    world.check(
        complete("x", guard(&lease.id)),
        r#"
        RunCompleted run-%5 {}
        LeaseReleased lease-%4 {}
        TaskStatusChanged task-x {"attempts":1,"lease_id":"%4","not_before":null,"owner_agent_id":"bob","run_id":"%5","status":"completed"}
        TaskStatusChanged task-a {"attempts":0,"not_before":null,"owner_agent_id":null,"status":"open"}
        "#,
    );
    assert_eq!((world.task("b").status, world.graph("b").blocked_by_count), (Blocked, 1));
    world.check(
        to("y", Cancelled, version(1)),
        r#"
        TaskStatusChanged task-y {"attempts":0,"not_before":null,"owner_agent_id":null,"status":"cancelled"}
        TaskStatusChanged task-b {"attempts":0,"not_before":null,"owner_agent_id":null,"status":"open"}
        "#,
    );
}

#[test]
fn an_edge_blocks_an_open_task_and_its_end_opens_it() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task("b"));
    world.check(
        link("a", Blocks, "b"),
        r#"
        RelationshipAdded relationship-%1 {"from_task_id":"a","to_task_id":"b","type":"blocks"}
        TaskStatusChanged task-b {"attempts":0,"by_rule":true,"not_before":null,"owner_agent_id":null,"status":"blocked"}
        "#,
    );
    world.check(
        Command::RemoveRelationship { relationship_id: world.made(1) },
        r#"
        RelationshipRemoved relationship-%1 {"from_task_id":"a","to_task_id":"b","type":"blocks"}
        TaskStatusChanged task-b {"attempts":0,"not_before":null,"owner_agent_id":null,"status":"open"}
        "#,
    );
}

#[test]
fn an_edge_from_a_finished_task_blocks_nothing() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task("b"));
    world.ok(to("a", Cancelled, version(1)));
    world.check(
        link("a", Blocks, "b"),
        r#"RelationshipAdded relationship-%1 {"from_task_id":"a","to_task_id":"b","type":"blocks"}"#,
    );
}

#[test]
fn what_is_given_back_waits_for_its_blockers() {
    for end in [0, 1, 2] {
        let mut world = World::new();
        world.ok(task("b"));
        let lease = world.claim_one("bob").lease;
        world.ok(task("a"));
        world.ok(link("a", Blocks, "b"));
        assert_eq!(world.task("b").owner_agent_id.as_deref(), Some("bob"));
        match end {
            0 => world.ok(release("b", guard(&lease.id))),
            1 => world.ok(Command::FailTask(fail("b", guard(&lease.id), FailureClass::Transient))),
            _ => {
                world.wait_ms(600_000);
                world.ok(Command::Expire)
            }
        };
        let kinds: Vec<_> = world.log.iter().rev().take(2).map(|event| &*event.kind).collect();
        assert_eq!(kinds, ["TaskStatusChanged", "TaskStatusChanged"]);
        let row = world.task("b");
        assert_eq!((row.status, row.blocked_by_rule, &row.owner_agent_id), (Blocked, true, &None));
        let lease = world.claim_one("bob").lease;
        world.ok(complete("a", guard(&lease.id)));
        assert_eq!(world.task("b").status, Open);
    }
}

#[test]
fn opened_by_hand_is_blocked_by_the_rule_while_blockers_are_there() {
    let mut world = World::new();
    world.ok(task("b"));
    let lease = world.claim_one("bob").lease;
    world.ok(Command::FailTask(fail("b", guard(&lease.id), FailureClass::Terminal)));
    world.ok(task("a"));
    world.ok(link("a", Blocks, "b"));
    assert!(!world.task("b").blocked_by_rule);
    world.ok(to("b", Open, by_override()));
    assert_eq!((world.task("b").status, world.task("b").blocked_by_rule), (Blocked, true));
    let lease = world.claim_one("bob").lease;
    world.ok(to("a", Completed, guard(&lease.id)));
    assert_eq!(world.task("b").status, Open);
}
