use super::world::{World, agent, claim, complete, guard, new_task, task, task_after, to, version};
use crate::command::{CandidateFilter, Claim, CreateTask, NewContext, Outcome, UpdateTask};
use crate::rows::{Class, ContextType, TaskStatus};
use crate::{Command, TextSet};
use std::sync::Arc;

fn caps(words: &[&str]) -> TextSet {
    words.iter().copied().collect()
}

#[test]
fn a_claim_is_one_commit() {
    let mut world = World::new();
    world.ok(agent("bob", &["rust"]));
    world.ok(Command::CreateTask(CreateTask { caps: caps(&["rust"]), ..new_task("a") }));
    world.check(
        claim("bob"),
        r#"
        LeaseAcquired lease-%1 {"agent_id":"bob","expires_at":"2026-01-01T00:10:03Z","fence":1,"task_id":"a","ttl_ms":600000}
        RunStarted run-%2 {"agent_id":"bob","attempt":1,"lease_id":"%1","task_id":"a"}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":null,"owner_agent_id":"bob","run_id":"%2","status":"in_progress"}
        "#,
    );
    assert_eq!(world.work.agent("bob").expect("bob").last_seen_at, world.now);
    world.check(claim("bob"), "");
}

#[test]
fn best_first() {
    let mut world = World::new();
    let with = |id, priority, class| {
        Command::CreateTask(CreateTask { priority: Some(priority), class: Some(class), ..new_task(id) })
    };
    world.ok(with("old", 0, Class::Normal));
    world.ok(with("new", 0, Class::Normal));
    world.ok(with("sooner", 1, Class::Normal));
    world.ok(with("low", 5, Class::Low));
    world.ok(with("critical", -5, Class::Critical));
    // Two wait for it, one after the other: worth one point of priority, and then it is the younger.
    world.ok(with("awaited", 0, Class::Normal));
    world.ok(task_after("w1", &["awaited"]));
    world.ok(task_after("w2", &["w1"]));
    let order = world.claimed_ids("bob", 100);
    assert_eq!(order, ["critical", "sooner", "awaited", "old", "new", "low"]);
}

#[test]
fn only_what_the_agent_can_do_and_may_take() {
    let mut world = World::new();
    world.ok(agent("bob", &["rust", "sql"]));
    world.ok(agent("eve", &[]));
    let task = |id: &str, needs: &[&str], owner: Option<&str>| {
        let owner_agent_id = owner.map(Into::into);
        Command::CreateTask(CreateTask { caps: caps(needs), owner_agent_id, ..new_task(id) })
    };
    world.ok(task("any", &[], None));
    world.ok(task("rust", &["rust"], None));
    world.ok(task("both", &["sql", "rust"], None));
    world.ok(task("go", &["go"], None));
    world.ok(task("bobs", &["rust"], Some("bob")));
    world.ok(task("eves", &[], Some("eve")));
    assert_eq!(world.claimed_ids("bob", 100), ["any", "rust", "both", "bobs"]);
    assert_eq!(world.claimed_ids("eve", 100), ["eves"]);
    world.ok(agent("eve", &["go"]));
    assert_eq!(world.claimed_ids("eve", 100), ["go"]);
}

#[test]
fn not_before_its_time() {
    let mut world = World::new();
    let not_before = Some(world.now.plus_ms(10_000));
    world.ok(Command::CreateTask(CreateTask { not_before, priority: Some(5), ..new_task("late") }));
    world.ok(task("now"));
    assert_eq!(world.claimed_ids("bob", 1), ["now"]);
    world.wait_ms(10_000);
    // Nothing was written since: the claim itself looks at what is due.
    world.ok(task("other"));
    assert_eq!(world.claimed_ids("bob", 100), ["late", "other"]);
}

#[test]
fn due_tasks_take_their_place_among_the_ready() {
    let mut world = World::new();
    let not_before = Some(world.now.plus_ms(60_000));
    for (id, priority) in [("d3", 3), ("d1", 1)] {
        world.ok(Command::CreateTask(CreateTask { not_before, priority: Some(priority), ..new_task(id) }));
    }
    for (id, priority) in [("r2", 2), ("r0", 0)] {
        world.ok(Command::CreateTask(CreateTask { priority: Some(priority), ..new_task(id) }));
    }
    world.wait_ms(60_000);
    assert_eq!(world.claimed_ids("bob", 100), ["d3", "r2", "d1", "r0"]);
}

#[test]
fn a_filter_looks_at_candidates_until_its_bound() {
    let mut world = World::new();
    for id in ["a", "b", "c"] {
        world.ok(task(id));
    }
    let filtered = |filter: fn(&str) -> Option<bool>| {
        Command::Claim(Claim {
            agent_id: "bob".into(),
            session_id: None,
            filter: Some(CandidateFilter(Arc::new(move |candidate| Ok(filter(&candidate.task.id))))),
            ttl_ms: None,
            limit: 1,
        })
    };
    match world.ok(filtered(|id| (id != "a").then_some(id == "c"))) {
        Outcome::Claims { claims, stopped_early } => {
            assert_eq!((&*claims[0].task.task.id, stopped_early), ("c", false));
        }
        other => panic!("{other:?}"),
    }
    for i in 0..crate::EXAMINED_MAX {
        world.raw(&format!("task-many-{i}"), "TaskCreated", r#"{"title":"t"}"#);
    }
    match world.ok(filtered(|_| Some(false))) {
        Outcome::Claims { claims, stopped_early } => assert_eq!((claims.len(), stopped_early), (0, true)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_claim_brings_what_is_known() {
    let mut world = World::new();
    let note = |text: &str| NewContext { kind: ContextType::Note, content: text.into(), metadata: None };
    world.ok(Command::CreateTask(CreateTask { contexts: vec![note("one"), note("two")], ..new_task("a") }));
    let first = world.work.contexts_of("a").next().expect("one").id.clone();
    world.ok(Command::AddContext(crate::command::AddContext {
        task_id: "a".into(),
        context: note("three"),
        supersedes: Some(first),
    }));
    let claimed = world.claim_one("bob");
    let contents: Vec<_> = claimed.contexts.iter().map(|context| &*context.content).collect();
    assert_eq!(contents, ["two", "three"]);
    assert_eq!(claimed.run.attempt, 1);
    assert_eq!(claimed.task.task.status, TaskStatus::InProgress);
}

#[test]
fn what_the_claim_must_say() {
    let mut world = World::new();
    let command = Claim {
        agent_id: "".into(),
        session_id: Some("no id".into()),
        filter: None,
        ttl_ms: Some(999),
        limit: 101,
    };
    match world.refused(Command::Claim(command)) {
        crate::Rejection::Validation(problems) => {
            let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
            assert_eq!(pointers, ["/agent_id", "/session_id", "/lease_s", "/limit"]);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_changed_task_changes_its_place() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task("b"));
    world.ok(Command::UpdateTask(UpdateTask { priority: Some(1), ..super::world::changes("b", version(1)) }));
    assert_eq!(world.claimed_ids("bob", 1), ["b"]);
    world.ok(to("a", TaskStatus::Cancelled, version(1)));
    assert!(world.claimed_ids("bob", 1).is_empty());
}

#[test]
fn what_a_completed_task_held_up_is_offered() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task_after("b", &["a"]));
    let lease = world.claim_one("bob").lease;
    assert!(world.claimed_ids("bob", 1).is_empty());
    world.ok(complete("a", guard(&lease.id)));
    assert_eq!(world.claimed_ids("bob", 1), ["b"]);
}
