use super::world::{
    World, by_override, complete, guard, new_task, release, task, task_after, to, transition, version,
};
use crate::Command;
use crate::command::CreateTask;
use crate::rows::ContextType;
use crate::rows::TaskStatus::{Blocked, Cancelled, Completed, InProgress, Open};

#[test]
fn ends_are_final() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(to("a", Cancelled, version(1)));
    assert_eq!(world.task("a").cancelled_at, Some(world.now));
    for status in [Open, InProgress, Blocked, Completed, Cancelled] {
        match world.refused(to("a", status, version(2))) {
            crate::Rejection::InvalidState { from, allowed, .. } => {
                assert_eq!((from, allowed.len()), (Cancelled.as_str(), 0));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn the_refusal_names_what_is_allowed() {
    let mut world = World::new();
    world.ok(task("a"));
    match world.refused(to("a", Completed, version(1))) {
        crate::Rejection::InvalidState { from, to, allowed, .. } => {
            assert_eq!((from, to), ("open", "completed"));
            assert_eq!(allowed, ["in_progress", "blocked", "cancelled"]);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_stale_picture_is_told_before_a_wrong_state() {
    let mut world = World::new();
    world.ok(task("a"));
    world.check(to("a", Completed, version(7)), "! task `a` is at version 1, not 7");
    // A lease that is over is told before the state too: the task may be anything by now.
    world.check(
        complete("a", guard("old")),
        "! the lease `old` is over, not of this task or not the caller's, or its fence is stale",
    );
    world.check(complete("a", Default::default()), "! a task cannot go from open to completed");
}

#[test]
fn cancelled_under_a_lease() {
    let mut world = World::new();
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    world.check(
        to("a", Cancelled, guard(&lease.id)),
        r#"
        RunCancelled run-%2 {}
        LeaseReleased lease-%1 {}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":null,"owner_agent_id":"bob","run_id":"%2","status":"cancelled"}
        "#,
    );
}

#[test]
fn blocked_for_a_reason_until_a_transition() {
    let mut world = World::new();
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    let mut command = transition("a", Blocked, guard(&lease.id));
    command.reason = Some("no key".into());
    world.check(
        Command::TransitionTask(command),
        r#"
        ContextAdded context-%3 {"content":"no key","task_id":"a","type":"blocker"}
        RunReleased run-%2 {"note":"no key"}
        LeaseReleased lease-%1 {}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":null,"owner_agent_id":null,"reason":"no key","run_id":"%2","status":"blocked"}
        "#,
    );
    assert!(world.work.contexts_of("a").any(|context| context.kind == ContextType::Blocker));
    world.check(
        to("a", Open, version(world.task("a").version)),
        r#"TaskStatusChanged task-a {"attempts":1,"not_before":null,"owner_agent_id":null,"status":"open"}"#,
    );
}

#[test]
fn blocked_by_tasks_until_they_end() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task("b"));
    let mut command = transition("a", Blocked, version(1));
    command.blocked_by = vec!["b".into()];
    world.check(
        Command::TransitionTask(command.clone()),
        r#"
        RelationshipAdded relationship-%1 {"from_task_id":"b","to_task_id":"a","type":"blocks"}
        TaskStatusChanged task-a {"attempts":0,"by_rule":true,"not_before":null,"owner_agent_id":null,"status":"blocked"}
        "#,
    );
    world.check(to("a", Open, version(2)), "! a task cannot go from blocked to open");
    world.ok(to("b", Cancelled, version(1)));
    assert_eq!(world.task("a").status, Open);
    command.guard = version(3);
    world.check(
        Command::TransitionTask(command.clone()),
        "! 1 field(s) do not hold: /blocked_by names only tasks that have ended, so nothing blocks it; give a reason",
    );
    command.blocked_by = vec!["a".into()];
    world.check(Command::TransitionTask(command), "! blocks would close a cycle: a → a");
}

#[test]
fn a_reason_of_its_own_outlives_the_blockers() {
    let mut world = World::new();
    world.ok(task("b"));
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    assert_eq!(&*lease.task_id, "b");
    let lease = world.claim_one("bob").lease;
    world.ok(super::world::link("b", crate::rows::RelationshipType::Blocks, "a"));
    assert_eq!(world.task("a").status, InProgress, "work that goes on is not taken away");
    let mut command = transition("a", Blocked, guard(&lease.id));
    command.reason = Some("no key".into());
    world.ok(Command::TransitionTask(command));
    world.ok(to("b", Cancelled, by_override()));
    assert_eq!(world.task("a").status, Blocked);
}

#[test]
fn work_without_a_lease_needs_an_override_and_an_owner() {
    let mut world = World::new();
    world.ok(task("a"));
    world.check(to("a", InProgress, version(1)), "! task `a` needs its lease");
    world.check(
        to("a", InProgress, by_override()),
        "! 1 field(s) do not hold: /status in_progress needs an owner: set owner_agent_id first, or take a lease",
    );
    world.ok(Command::CreateTask(CreateTask { owner_agent_id: Some("eve".into()), ..new_task("b") }));
    world.check(
        to("b", InProgress, by_override()),
        r#"
        LeaseOverride lease-override-b {"command":"transition_task","task_id":"b"}
        TaskStatusChanged task-b {"attempts":0,"not_before":null,"owner_agent_id":"eve","status":"in_progress"}
        "#,
    );
    // It can be given back and done without a lease, by override again.
    world.check(
        release("b", by_override()),
        r#"
        LeaseOverride lease-override-b {"command":"release_task","task_id":"b"}
        TaskStatusChanged task-b {"attempts":0,"not_before":null,"owner_agent_id":null,"status":"open"}
        "#,
    );
}

#[test]
fn only_the_finished_is_archived_and_only_the_archived_restored() {
    let mut world = World::new();
    world.ok(task("a"));
    let archive = || Command::ArchiveTask { task_id: "a".into() };
    let restore = || Command::RestoreTask { task_id: "a".into() };
    world.check(archive(), "! a task cannot go from open to archived");
    world.check(restore(), "! the task is open already");
    world.ok(to("a", Cancelled, version(1)));
    world.check(archive(), "TaskArchived task-a {}");
    assert_eq!(world.task("a").archived_at, Some(world.now));
    world.check(archive(), "! the task is archived already");
    world.check(restore(), "TaskRestored task-a {}");
    assert_eq!((world.task("a").archived_at, world.task("a").version), (None, 4));
}

#[test]
fn an_unfinished_task_that_is_restored_blocks_again() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task_after("b", &["a"]));
    // Only an import archives what is not finished.
    world.raw("task-a", "TaskArchived", "{}");
    assert_eq!(world.graph("b").blocked_by_count, 0);
    world.ok(to("b", Open, version(2)));
    world.check(
        Command::RestoreTask { task_id: "a".into() },
        r#"
        TaskRestored task-a {}
        TaskStatusChanged task-b {"attempts":0,"by_rule":true,"not_before":null,"owner_agent_id":null,"status":"blocked"}
        "#,
    );
}
