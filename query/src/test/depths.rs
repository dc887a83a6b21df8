//! Depths are worked out in four ways: for a claim, for all tasks of a moment, for one task, and along the log.

use super::fixture::{Fixture, create};
use super::refold::steps;
use crate::views::SomeDepths;
use domain::Command;
use domain::command::{AddRelationship, Guard, Outcome, TransitionTask, UpdateTask};
use domain::rows::{RelationshipType, Table, TaskStatus};
use std::sync::Arc;
use store::Decider;

/// Two chains that meet, are cut, joined and shortened, with tasks that end, are archived and come back.
fn stacked() -> Fixture {
    let fixture = Fixture::new();
    let link = |from: &str, to: &str| {
        let (from_task_id, to_task_id) = (from.into(), to.into());
        let kind = RelationshipType::Blocks;
        match fixture.run(Command::AddRelationship(AddRelationship {
            from_task_id,
            to_task_id,
            kind,
            metadata: None,
        })) {
            Outcome::Relationship(row) => row.id.clone(),
            other => panic!("{other:?}"),
        }
    };
    let to = |id: &str, status| {
        let guard = Guard { override_lease: true, ..Guard::default() };
        let (task_id, reason, blocked_by) = (id.into(), None, Vec::new());
        fixture.run(Command::TransitionTask(TransitionTask { task_id, status, guard, reason, blocked_by }));
    };
    for id in ["a", "b", "c", "d", "e", "f", "alone"] {
        fixture.run(create(id, |_| {}));
    }
    link("a", "b");
    link("b", "c");
    let cut = link("c", "d");
    link("e", "f");
    link("f", "c");
    to("d", TaskStatus::Cancelled);
    fixture.run(Command::ArchiveTask { task_id: "d".into() });
    fixture.run(create("g", |task| task.blocked_by = vec!["c".into()]));
    fixture.run(Command::RemoveRelationship { relationship_id: cut });
    to("b", TaskStatus::Cancelled);
    link("a", "alone");
    link("alone", "e");
    to("alone", TaskStatus::Cancelled);
    fixture.run(create("h", |task| task.blocks = vec!["a".into(), "e".into()]));
    fixture
}

#[test]
fn all_ways_agree_at_every_position() {
    let fixture = stacked();
    let steps = steps(&fixture);
    let mut work = domain::Work::new();
    let mut deepest = 0;
    let mut of_versions = Vec::new();
    for step in &steps {
        work.evolve(&step.event, &mut Vec::new());
        let after = &step.after;
        let all = after.depths();
        let mut some = SomeDepths::default();
        let mut rows = Vec::new();
        for (id, entry) in after.rows(Table::Tasks).iter() {
            let depth = all.get(id);
            deepest = deepest.max(depth);
            assert_eq!(work.depth(id), depth, "{id} at {}", step.event.position);
            assert_eq!(some.get(id, after), Ok(depth), "{id} at {}", step.event.position);
            assert_eq!(
                SomeDepths::default().get(id, after),
                Ok(depth),
                "{id} alone at {}",
                step.event.position
            );
            rows.push(format!(r#"{{"id":"{id}","dependency_depth":{depth}}}"#));
            if entry.version.from.position == step.event.position {
                let from = step.event.position;
                of_versions
                    .push(format!(r#"{{"id":"{id}","dependency_depth":{depth},"from_position":{from}}}"#));
            }
        }
        let moment = format!("AS OF POSITION {}", step.event.position);
        let select = "SELECT id, dependency_depth FROM tasks";
        assert_eq!(fixture.query(&format!("{select} {moment}")), rows);
        for id in ["a", "e"] {
            let row = rows.iter().filter(|row| row.contains(&format!(r#""id":"{id}""#)));
            let row: Vec<&String> = row.collect();
            assert_eq!(
                fixture.query(&format!("{select} {moment} WHERE id = '{id}'")).iter().collect::<Vec<_>>(),
                row
            );
        }
    }
    assert!(deepest > 3, "the chains are chains");
    of_versions.sort();
    let history = "SELECT id, dependency_depth, from_position FROM tasks HISTORY";
    let mut told = fixture.query(history);
    told.sort();
    assert_eq!(told, of_versions);
    let of_a: Vec<_> = of_versions.iter().filter(|row| row.contains(r#""id":"a""#)).cloned().collect();
    let mut told = fixture.query(&format!("{history} WHERE id = 'a'"));
    told.sort();
    assert_eq!(told, of_a);
}

/// More relationships than are followed one by one.
#[test]
fn a_task_that_hundreds_wait_for() {
    let fixture = Fixture::new();
    fixture.run(create("hub", |_| {}));
    for nth in 0..300 {
        let id = format!("w{nth:03}");
        let blocker = if nth % 2 == 0 { "hub".into() } else { format!("w{:03}", nth - 1).into() };
        fixture.run(create(&id, |task| task.blocked_by = vec![blocker]));
    }
    let then = fixture.head();
    let hub = "FROM tasks WHERE id = 'hub'";
    fixture.run(Command::UpdateTask(UpdateTask {
        task_id: "hub".into(),
        guard: Guard { override_lease: true, ..Guard::default() },
        title: Some("renamed".into()),
        ..UpdateTask::default()
    }));
    // By its key and in a scan, each twice: when nothing is known yet of the past, and then.
    for _ in 0..2 {
        let depth = |select: &str| fixture.query(&format!("{select} AS OF POSITION {then}"));
        let expected = [r#"{"id":"hub","dependency_depth":2}"#];
        assert_eq!(depth(&format!("SELECT id, dependency_depth {hub}")), expected);
        assert_eq!(depth("SELECT id, dependency_depth FROM tasks LIMIT 1"), expected);
        let history = "SELECT dependency_depth FROM tasks HISTORY WHERE id = 'hub'";
        assert_eq!(fixture.query(history), [r#"{"dependency_depth":0}"#, r#"{"dependency_depth":2}"#]);
    }
}

/// What they are made of did not change, so they are not made again.
#[test]
fn depths_outlive_a_commit_that_changes_none() {
    let fixture = stacked();
    let before = fixture.engine.pin().current.depths();
    fixture.run(super::fixture::agent("a9", &[]));
    fixture.claim("a9", 1);
    assert!(Arc::ptr_eq(&before, &fixture.engine.pin().current.depths()));
    fixture.run(create("z", |task| task.blocked_by = vec!["g".into()]));
    let after = fixture.engine.pin().current.depths();
    assert_eq!((before.get("g"), after.get("g")), (0, 1));
}
