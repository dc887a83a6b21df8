use super::world::{World, agent, claim, complete, fail, guard, task};
use crate::command::{CompleteTask, CreateTask, Outcome};
use crate::rows::{FailureClass, RunStatus, TaskStatus};
use crate::{BACKOFF_BASE_MS, BACKOFF_MAX_MS, Command};

#[test]
fn completed_with_what_it_gave() {
    let mut world = World::new();
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    let command = CompleteTask {
        task_id: "a".into(),
        guard: guard(&lease.id),
        output: Some(r#"{"lines": 3}"#.into()),
        evidence: Some("[true]".into()),
        cost: Some(0.25),
        tokens: Some(1_200),
    };
    match world.ok(Command::CompleteTask(command)) {
        Outcome::Ended { task, run } => {
            assert_eq!(task.task.completed_at, Some(world.now));
            assert_eq!((run.status, run.cost, run.tokens), (RunStatus::Completed, Some(0.25), Some(1_200)));
            assert_eq!(run.output.as_deref(), Some(r#"{"lines": 3}"#), "kept as it was given");
            assert_eq!(run.duration_ms(), Some(1_000));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        world.refused(complete("a", guard(&lease.id))),
        crate::Rejection::LeaseExpired { holder: None, .. }
    ));
}

#[test]
fn what_a_completion_may_say() {
    let mut world = World::new();
    let command = CompleteTask {
        task_id: "a".into(),
        guard: guard("l"),
        output: Some("{".into()),
        evidence: None,
        cost: Some(f64::NAN),
        tokens: Some(-1),
    };
    match world.refused(Command::CompleteTask(command)) {
        crate::Rejection::Validation(problems) => assert_eq!(problems.len(), 3),
        other => panic!("{other}"),
    }
}

#[test]
fn a_transient_failure_is_tried_again_later_each_time() {
    let mut world = World::new();
    world.ok(agent("bob", &[]));
    world.ok(Command::CreateTask(CreateTask { max_attempts: Some(3), ..super::world::new_task("a") }));
    for attempt in 1..=3_u32 {
        let lease = world.claim_one("bob").lease;
        world.ok(Command::FailTask(fail("a", guard(&lease.id), FailureClass::Transient)));
        let row = world.task("a");
        assert_eq!(row.attempts, attempt);
        if attempt == 3 {
            break;
        }
        let wait = (row.not_before.expect("a wait").0 - world.now.0) / 1_000;
        let base = BACKOFF_BASE_MS << (attempt - 1);
        assert!((base..=base + base / 4).contains(&wait), "{wait}");
        assert_eq!(row.status, TaskStatus::Open);
        world.wait_ms(wait);
    }
    let row = world.task("a");
    assert_eq!((row.status, row.blocked_by_rule), (TaskStatus::Blocked, false));
    let blocker = world.work.contexts_of("a").next().expect("a context");
    assert_eq!(&*blocker.content, "it broke");
    world.check(claim("bob"), "");
}

#[test]
fn the_wait_is_capped_and_the_same_each_time() {
    for attempts in [0, 1, 5, 12, 13, 40, u32::MAX] {
        let wait = crate::decide::backoff_ms(attempts, "run");
        assert!(
            (BACKOFF_BASE_MS..=BACKOFF_MAX_MS + BACKOFF_MAX_MS / 4).contains(&wait),
            "{attempts}: {wait}"
        );
        assert_eq!(wait, crate::decide::backoff_ms(attempts, "run"));
    }
    let waits: std::collections::BTreeSet<_> =
        (0..100).map(|i| crate::decide::backoff_ms(13, &format!("run-{i}"))).collect();
    assert!(waits.len() > 90, "they spread");
}

#[test]
fn the_agent_says_how_long_to_wait() {
    let mut world = World::new();
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    let mut command = fail("a", guard(&lease.id), FailureClass::Capacity);
    command.retry_after_ms = Some(90_000);
    world.check(
        Command::FailTask(command),
        r#"
        RunFailed run-%2 {"class":"capacity","message":"it broke","retry_after_ms":90000}
        LeaseReleased lease-%1 {}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":"2026-01-01T00:01:33Z","owner_agent_id":null,"reason":"it broke","run_id":"%2","status":"open"}
        "#,
    );
}

#[test]
fn other_failures_wait_for_somebody() {
    for class in
        [FailureClass::Terminal, FailureClass::Policy, FailureClass::Validation, FailureClass::Dependency]
    {
        let mut world = World::new();
        world.ok(task("a"));
        let lease = world.claim_one("bob").lease;
        match world.ok(Command::FailTask(fail("a", guard(&lease.id), class))) {
            Outcome::Ended { task, run } => {
                assert_eq!((task.task.status, run.failure_class), (TaskStatus::Blocked, Some(class)));
                assert_eq!(run.failure_message.as_deref(), Some("it broke"));
            }
            other => panic!("{other:?}"),
        }
    }
}
