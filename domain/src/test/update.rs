use super::world::{World, by_override, changes, guard, link, new_task, task, under, version};
use crate::Command;
use crate::command::{Change, CreateTask, Guard, Outcome, UpdateTask};
use crate::rows::{RelationshipType, Table};

#[test]
fn only_what_differs_is_written() {
    let mut world = World::new();
    let intent = Some("why".into());
    world.ok(Command::CreateTask(CreateTask { priority: Some(2), intent, ..new_task("a") }));
    let command = UpdateTask {
        title: Some("a".into()),
        priority: Some(3),
        intent: Change::Clear,
        kind: Change::Clear,
        project_id: Change::Set("p".into()),
        ..changes("a", version(1))
    };
    world.check(
        Command::UpdateTask(command.clone()),
        r#"TaskUpdated task-a {"intent":null,"priority":3,"project_id":"p"}"#,
    );
    let row = world.task("a");
    assert_eq!((row.priority, row.intent.as_deref(), row.version), (3, None, 2));
    let again = UpdateTask { guard: version(2), ..command };
    world.check(Command::UpdateTask(again), "");
}

#[test]
fn who_may_edit() {
    let mut world = World::new();
    world.ok(task("a"));
    let title = |guard| Command::UpdateTask(UpdateTask { title: Some("b".into()), ..changes("a", guard) });
    world.check(title(Default::default()), "! task `a` needs its lease");
    world.check(title(version(2)), "! task `a` is at version 1, not 2");
    world.check(
        title(guard("nope")),
        "! the lease `nope` is over, not of this task or not the caller's, or its fence is stale",
    );
    world.acting_as("root");
    world.check(
        title(by_override()),
        r#"
        LeaseOverride lease-override-a {"by":"root","command":"update_task","task_id":"a"}
        TaskUpdated task-a {"title":"b"}
        "#,
    );
    let held = world.claim_one("bob");
    // Who holds it is named; knowing the version is not enough any more.
    world.check(title(version(3)), "! task `a` needs its lease");
    // Knowing the id of another's lease is not enough either; with `override` it goes on record.
    assert!(matches!(
        world.refused(title(guard(&held.lease.id))),
        crate::Rejection::LeaseExpired { holder: Some(holder), .. } if &*holder.agent_id == "bob"
    ));
    let both = Guard { override_lease: true, ..guard(&held.lease.id) };
    world.check(
        title(both),
        r#"
        LeaseOverride lease-%1 {"by":"root","command":"update_task","lease_id":"%1","task_id":"a"}
        "#,
    );
    world.acting_as("bob");
    world.check(
        Command::UpdateTask(UpdateTask { title: Some("c".into()), ..changes("a", guard(&held.lease.id)) }),
        r#"
        TaskUpdated task-a {"title":"c"}
        LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:10:10Z"}
        "#,
    );
    let mut stale = guard(&held.lease.id);
    stale.fence = Some(held.lease.fence + 1);
    assert!(matches!(world.refused(title(stale)), crate::Rejection::LeaseExpired { holder: Some(_), .. }));
    let mut right = guard(&held.lease.id);
    right.fence = Some(held.lease.fence);
    right.expected_version = Some(world.task("a").version);
    world.check(
        title(right),
        r#"
        TaskUpdated task-a {"title":"b"}
        LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:10:12Z"}
        "#,
    );
    world.acting_as("root");
    world.check(
        Command::UpdateTask(UpdateTask { title: Some("d".into()), ..changes("a", by_override()) }),
        r#"
        LeaseOverride lease-%1 {"by":"root","command":"update_task","lease_id":"%1","task_id":"a"}
        TaskUpdated task-a {"title":"d"}
        "#,
    );
}

#[test]
fn the_owner_of_a_held_task_is_its_holder() {
    let mut world = World::new();
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    let owner =
        |owner| Command::UpdateTask(UpdateTask { owner_agent_id: owner, ..changes("a", guard(&lease.id)) });
    world.check(
        owner(Change::Clear),
        "! 1 field(s) do not hold: /owner_agent_id a task in progress has an owner; release it instead",
    );
    world.check(
        owner(Change::Set("eve".into())),
        "! 1 field(s) do not hold: /owner_agent_id is the holder of the lease; release or transfer it instead",
    );
    // It is so already: all that is left is that the holder wrote.
    world.check(
        owner(Change::Set("bob".into())),
        r#"LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:10:05Z"}"#,
    );
}

#[test]
fn another_parent_is_another_relationship() {
    let mut world = World::new();
    for id in ["p", "q", "a"] {
        world.ok(task(id));
    }
    world.check(
        under("a", Change::Set("p".into()), version(1)),
        r#"RelationshipAdded relationship-%1 {"from_task_id":"p","to_task_id":"a","type":"parent_of"}"#,
    );
    assert_eq!(world.graph("p").child_count, 1);
    // The parent is not a field of the task's own: a version of the row, none of the stream.
    assert_eq!((world.task("a").parent_id.as_deref(), world.task("a").version), (Some("p"), 1));
    let stamp = world.stamp(Table::Tasks, "a").expect("a row");
    assert_eq!(&*stamp.kind, "RelationshipAdded");
    world.check(
        under("a", Change::Set("q".into()), version(1)),
        r#"
        RelationshipRemoved relationship-%1 {"from_task_id":"p","to_task_id":"a","type":"parent_of"}
        RelationshipAdded relationship-%2 {"from_task_id":"q","to_task_id":"a","type":"parent_of"}
        "#,
    );
    assert_eq!((world.graph("p").child_count, world.graph("q").child_count), (0, 1));
    world.check(under("a", Change::Set("q".into()), version(1)), "");
    world
        .check(under("q", Change::Set("a".into()), version(1)), "! parent_of would close a cycle: a → q → a");
    world.check(under("a", Change::Set("nope".into()), version(1)), "! no task has the id `nope`");
    world.check(
        under("a", Change::Clear, version(1)),
        r#"RelationshipRemoved relationship-%2 {"from_task_id":"q","to_task_id":"a","type":"parent_of"}"#,
    );
    assert_eq!(world.task("a").parent_id, None);
    assert!(matches!(world.ok(link("p", RelationshipType::ParentOf, "a")), Outcome::Relationship(_)));
    world.check(link("q", RelationshipType::ParentOf, "a"), "! task `a` has the parent `p` already");
}
