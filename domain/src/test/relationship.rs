use super::world::{World, link, task};
use crate::command::AddContext;
use crate::command::{NewContext, Outcome};
use crate::rows::{ContextType, RelationshipType::*};
use crate::{Command, Rejection};

#[test]
fn no_ring_of_blockers() {
    let mut world = World::new();
    for id in ["a", "b", "c"] {
        world.ok(task(id));
    }
    world.ok(link("a", Blocks, "b"));
    world.ok(link("b", Blocks, "c"));
    world.check(link("c", Blocks, "a"), "! blocks would close a cycle: c → a → b → c");
    world.check(link("a", Blocks, "a"), "! blocks would close a cycle: a → a");
    world.ok(link("a", Blocks, "c"));
}

#[test]
fn no_ring_of_parents() {
    let mut world = World::new();
    for id in ["a", "b", "c"] {
        world.ok(task(id));
    }
    world.ok(link("a", ParentOf, "b"));
    world.ok(link("b", ParentOf, "c"));
    world.check(link("c", ParentOf, "a"), "! parent_of would close a cycle: c → a → b → c");
    world.check(link("a", ParentOf, "a"), "! parent_of would close a cycle: a → a");
    world.check(link("a", ParentOf, "c"), "! task `c` has the parent `b` already");
}

#[test]
fn the_same_is_said_once() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task("b"));
    for kind in [Blocks, ParentOf, RelatesTo, Duplicates] {
        world.ok(link("a", kind, "b"));
        assert!(matches!(
            world.refused(link("a", kind, "b")),
            Rejection::AlreadyExists { kind: "relationship", .. }
        ));
    }
    world.ok(link("b", RelatesTo, "a"));
    world.check(
        link("a", Duplicates, "a"),
        "! 1 field(s) do not hold: /to_task_id must be another task than from_task_id",
    );
    assert_eq!(world.work.relationships_of("a").count(), 5);
}

#[test]
fn what_is_not_there_cannot_be_related_or_removed() {
    let mut world = World::new();
    world.ok(task("a"));
    world.check(link("a", RelatesTo, "b"), "! no task has the id `b`");
    world.check(
        Command::RemoveRelationship { relationship_id: "r".into() },
        "! no relationship has the id `r`",
    );
}

fn context(text: &str, supersedes: Option<store::Text>) -> Command {
    Command::AddContext(AddContext {
        task_id: "a".into(),
        context: NewContext { kind: ContextType::Decision, content: text.into(), metadata: None },
        supersedes,
    })
}

#[test]
fn a_context_takes_the_place_of_another_once() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(context("one", None));
    world.check(
        context("two", Some(world.made(1))),
        r#"
        ContextAdded context-%2 {"content":"two","supersedes":"%1","task_id":"a","type":"decision"}
        ContextSuperseded context-%1 {"by":"%2","task_id":"a"}
        "#,
    );
    world.check(
        context("three", Some(world.made(1))),
        "! 1 field(s) do not hold: /supersedes context `%2` took the place of `%1` already",
    );
    world.check(context("three", Some("nope".into())), "! no context has the id `nope`");
}

#[test]
fn progress_is_made_item_by_item() {
    let mut world = World::new();
    world.ok(task("a"));
    let items = vec!["one".into(), "two".into()];
    let guard = super::world::version(1);
    let add = Command::AddProgress { task_id: "a".into(), items, guard: guard.clone() };
    let ids: Vec<_> = match world.ok(add) {
        Outcome::ProgressItems(items) => items.iter().map(|item| item.id.clone()).collect(),
        other => panic!("{other:?}"),
    };
    let done =
        |completed| Command::CompleteProgress { item_id: ids[1].clone(), completed, guard: guard.clone() };
    world.check(done(true), r#"ProgressItemCompleted progress-%2 {"completed":true,"task_id":"a"}"#);
    world.check(done(true), "");
    match world.ok(done(false)) {
        Outcome::ProgressItem(item) => assert_eq!(item.completed_at, None),
        other => panic!("{other:?}"),
    }
    let without =
        Command::CompleteProgress { item_id: ids[0].clone(), completed: true, guard: Default::default() };
    world.check(without, "! task `a` needs its lease");
    let nothing = Command::AddProgress { task_id: "a".into(), items: vec![], guard };
    world.check(nothing, "! 1 field(s) do not hold: /items must not be empty");
}
