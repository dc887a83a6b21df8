use super::world::{
    World, acquire, by_override, claim, complete, fail, guard, release, task, task_after, to, version,
};
use crate::command::{Outcome, RunEvent};
use crate::rows::{FailureClass, LeaseStatus, Row, Table, TaskStatus};
use crate::{Command, Rejection};
use store::Decider;

#[test]
fn renewed_from_now_for_as_long_as_before() {
    let mut world = World::new();
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    let renew = |ttl_ms| Command::RenewLease { lease_id: lease.id.clone(), ttl_ms };
    world.check(
        renew(Some(60_000)),
        r#"LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:01:03Z","ttl_ms":60000}"#,
    );
    world.check(renew(None), r#"LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:01:04Z"}"#);
    assert_eq!(world.work.next_deadline(), Some(world.now.plus_ms(60_000)));
    world.wait_ms(60_000);
    assert!(matches!(world.refused(renew(None)), Rejection::LeaseExpired { holder: None, .. }));
    world.check(
        Command::RenewLease { lease_id: "nope".into(), ttl_ms: Some(86_400_001) },
        "! 1 field(s) do not hold: /ttl_s must be 1 to 86400 seconds",
    );
}

#[test]
fn over_by_the_clock_before_its_end_is_in_the_log() {
    let mut world = World::new();
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    world.wait_ms(600_000);
    assert!(matches!(world.refused(complete("a", guard(&lease.id))), Rejection::LeaseExpired { .. }));
    world.check(
        Command::Expire,
        r#"
        RunExpired run-%2 {}
        LeaseExpired lease-%1 {"expires_at":"2026-01-01T00:10:02Z"}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":null,"owner_agent_id":null,"run_id":"%2","status":"open"}
        "#,
    );
    world.check(Command::Expire, "");
    assert_eq!(world.work.next_deadline(), None);
    let next = world.claim_one("eve");
    assert_eq!((next.lease.fence, next.run.attempt), (2, 2));
    assert!(matches!(
        world.refused(complete("a", guard(&lease.id))),
        Rejection::LeaseExpired { holder: Some(holder), .. } if &*holder.agent_id == "eve"
    ));
    let row = &world.rows[&(Table::Leases.id(), lease.id.clone())].row;
    assert!(matches!(row, Row::Lease(lease) if lease.status == LeaseStatus::Expired));
}

#[test]
fn a_named_task_is_taken_also_when_its_last_lease_is_just_over() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(acquire("a", "bob"));
    assert!(matches!(
        world.refused(acquire("a", "eve")),
        Rejection::LeaseHeld { holder, .. } if &*holder.agent_id == "bob"
    ));
    world.wait_ms(600_000);
    world.check(
        acquire("a", "eve"),
        r#"
        RunExpired run-%2 {}
        LeaseExpired lease-%1 {"expires_at":"2026-01-01T00:10:02Z"}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":null,"owner_agent_id":null,"run_id":"%2","status":"open"}
        LeaseAcquired lease-%3 {"agent_id":"eve","expires_at":"2026-01-01T00:20:04Z","fence":2,"task_id":"a","ttl_ms":600000}
        RunStarted run-%4 {"agent_id":"eve","attempt":2,"lease_id":"%3","task_id":"a"}
        TaskStatusChanged task-a {"attempts":2,"lease_id":"%3","not_before":null,"owner_agent_id":"eve","run_id":"%4","status":"in_progress"}
        "#,
    );
    assert_eq!(world.work.next_deadline(), Some(world.now.plus_ms(600_000)));
}

#[test]
fn what_cannot_be_leased() {
    let mut world = World::new();
    world.check(acquire("nope", "bob"), "! no task has the id `nope`");
    world.ok(task("a"));
    world.ok(task_after("b", &["a"]));
    world.check(acquire("b", "bob"), "! a task that is blocked cannot be leased");
    world.ok(to("a", TaskStatus::Cancelled, version(1)));
    world.check(acquire("a", "bob"), "! a task cannot go from cancelled to in_progress");
}

#[test]
fn a_task_in_progress_without_a_lease_is_anybodys_to_lease() {
    let mut world = World::new();
    world.raw(
        "task-a",
        "TaskCreated",
        r#"{"id":"a","title":"a","status":"in_progress","owner_agent_id":"someone/else"}"#,
    );
    world.check(claim("bob"), "");
    match world.ok(acquire("a", "bob")) {
        Outcome::Lease(lease) => assert_eq!((&*lease.agent_id, lease.fence), ("bob", 1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.task("a").owner_agent_id.as_deref(), Some("bob"));
}

#[test]
fn given_back_by_the_lease_alone() {
    let mut world = World::new();
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    match world.ok(Command::ReleaseLease { lease_id: lease.id.clone() }) {
        Outcome::Lease(ended) => {
            assert_eq!((&ended.id, ended.status), (&lease.id, LeaseStatus::Released));
            assert_eq!(ended.updated_at, world.now);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.task("a").status, TaskStatus::Open);
    assert!(matches!(
        world.refused(Command::ReleaseLease { lease_id: lease.id.clone() }),
        Rejection::LeaseExpired { .. }
    ));
}

#[test]
fn an_override_ends_another_agents_run() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(claim("bob"));
    world.acting_as("root");
    world.check(
        release("a", by_override()),
        r#"
        LeaseOverride lease-%1 {"by":"root","command":"release_task","lease_id":"%1","task_id":"a"}
        RunReleased run-%2 {}
        LeaseReleased lease-%1 {}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":null,"owner_agent_id":null,"run_id":"%2","status":"open"}
        "#,
    );
    let stamp = world.stamp(Table::Tasks, "a").expect("a row");
    assert_eq!(stamp.actor.as_deref(), Some("root"));
}

#[test]
fn many_that_end_at_once_end_in_turns() {
    let mut world = World::new();
    let count = crate::EXPIRED_MAX + 1;
    for i in 0..count {
        world.raw(&format!("task-{i}"), "TaskCreated", r#"{"title":"t"}"#);
        world.ok(claim("bob"));
    }
    world.wait_ms(86_400_000);
    let expired = |outcome| match outcome {
        Outcome::Expired { leases, .. } => leases,
        other => panic!("{other:?}"),
    };
    assert_eq!(expired(world.ok(Command::Expire)), crate::EXPIRED_MAX);
    assert!(world.work.next_deadline().is_some_and(|deadline| deadline < world.now));
    assert_eq!(expired(world.ok(Command::Expire)), 1);
}

#[test]
fn events_of_a_run_need_its_lease() {
    let mut world = World::new();
    world.ok(task("a"));
    let claimed = world.claim_one("bob");
    let append = |lease_id: &str, run_id: &str, kind: &str, data: &str| Command::AppendRunEvents {
        run_id: run_id.into(),
        lease_id: lease_id.into(),
        events: vec![RunEvent { kind: kind.into(), data: data.into() }],
    };
    let (lease, run) = (claimed.lease.id.clone(), claimed.run.id.clone());
    world.check(
        append(&lease, &run, "ToolInvoked", r#"{"tool":"grep"}"#),
        r#"
        ToolInvoked run-%2 {"tool":"grep"}
        LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:10:03Z"}
        "#,
    );
    world.ok(append(&lease, &run, "Thought", "[1]"));
    let event = world.log.iter().find(|event| &*event.kind == "Thought").expect("an event");
    assert!(event.tags.iter().any(|tag| **tag == *format!("run:{run}")));
    world.check(
        append(&lease, &run, "RunCompleted", "{"),
        "! 2 field(s) do not hold: /events/0/type `RunCompleted` comes from the work model's own commands; \
         choose another type; /events/0/data must be JSON: EOF while parsing an object at line 1 column 1",
    );
    assert!(matches!(world.refused(append("nope", &run, "T", "1")), Rejection::LeaseExpired { .. }));
    world.check(append(&lease, "nope", "T", "1"), "! no run under this lease has the id `nope`");
}

#[test]
fn a_lease_that_runs_out_is_no_failure() {
    let mut world = World::new();
    world.ok(task("a"));
    let max = world.task("a").max_attempts;
    // However often it is taken and nobody is heard of again, it is open again.
    for attempt in 1..=max + 2 {
        assert_eq!(world.claim_one("bob").run.attempt, attempt);
        world.wait_ms(600_000);
        world.ok(Command::Expire);
        assert_eq!(world.task("a").status, TaskStatus::Open);
    }
    // But each was an attempt: a failure that would be tried again is the last now.
    let lease = world.claim_one("bob").lease;
    world.ok(Command::FailTask(fail("a", guard(&lease.id), FailureClass::Transient)));
    assert_eq!(world.task("a").status, TaskStatus::Blocked);
}
