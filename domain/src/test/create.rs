use super::world::{World, new_task, task};
use crate::command::{CreateTask, NewContext};
use crate::event::DATA_BYTES_MAX;
use crate::rows::{Class, ContextType};
use crate::{Command, Rejection};
use store::Text;

#[test]
fn a_task_with_nothing_said() {
    let mut world = World::new();
    world.check(
        task("a"),
        r#"TaskCreated task-a {"class":"normal","max_attempts":3,"priority":0,"status":"open","title":"a"}"#,
    );
    let row = world.task("a");
    assert_eq!((row.version, row.attempts, &*row.metadata), (1, 0, "{}"));
    assert_eq!(&*world.log[0].tags, [Text::from("task:a")]);
}

#[test]
fn a_task_with_everything_that_belongs_to_it() {
    let mut world = World::new();
    world.ok(task("parent"));
    world.ok(task("first"));
    world.ok(task("after"));
    let command = CreateTask {
        project_id: Some("p".into()),
        parent_id: Some("parent".into()),
        class: Some(Class::High),
        progress: vec!["step".into()],
        contexts: vec![NewContext {
            kind: ContextType::Note,
            content: "mind".into(),
            metadata: Some(r#"{"path":"x"}"#.into()),
        }],
        blocked_by: vec!["first".into(), "first".into()],
        blocks: vec!["after".into()],
        ..new_task("a")
    };
    world.check(
        Command::CreateTask(command),
        r#"
        TaskCreated task-a {"class":"high","max_attempts":3,"priority":0,"project_id":"p","status":"open","title":"a"}
        ProgressItemAdded progress-%1 {"content":"step","task_id":"a"}
        ContextAdded context-%2 {"content":"mind","metadata":{"path":"x"},"task_id":"a","type":"note"}
        RelationshipAdded relationship-%3 {"from_task_id":"parent","to_task_id":"a","type":"parent_of"}
        RelationshipAdded relationship-%4 {"from_task_id":"first","to_task_id":"a","type":"blocks"}
        RelationshipAdded relationship-%5 {"from_task_id":"a","to_task_id":"after","type":"blocks"}
        TaskStatusChanged task-a {"attempts":0,"by_rule":true,"not_before":null,"owner_agent_id":null,"status":"blocked"}
        TaskStatusChanged task-after {"attempts":0,"by_rule":true,"not_before":null,"owner_agent_id":null,"status":"blocked"}
        "#,
    );
    assert_eq!(world.task("a").parent_id.as_deref(), Some("parent"));
    assert_eq!(world.task("a").version, 2);
    let of_project = world.log.iter().filter(|event| event.tags.iter().any(|tag| &**tag == "project:p"));
    assert_eq!(of_project.count(), 7);
}

#[test]
fn all_problems_at_once() {
    let mut world = World::new();
    let command = CreateTask {
        id: Some("not an id".into()),
        title: "".into(),
        kind: Some("Bug".into()),
        priority: Some(6),
        caps: ["", "ok"].into_iter().collect(),
        metadata: Some("[]".into()),
        max_attempts: Some(0),
        progress: vec!["".into()],
        ..CreateTask::default()
    };
    let Rejection::Validation(problems) = world.refused(Command::CreateTask(command)) else {
        panic!("another refusal")
    };
    let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        ["/id", "/title", "/type", "/priority", "/caps", "/metadata", "/max_attempts", "/progress/0"]
    );
}

#[test]
fn bounds_hold_at_the_bound() {
    let mut world = World::new();
    let words = |n: usize| (0..n).map(|i| Text::from(format!("w{i}"))).collect::<Vec<_>>().into();
    let at = CreateTask {
        id: Some("i".repeat(128).into()),
        priority: Some(-5),
        max_attempts: Some(100),
        caps: words(64),
        intent: Some("x".repeat(DATA_BYTES_MAX - 2_048).into()),
        ..new_task("a")
    };
    world.ok(Command::CreateTask(at));
    let over = CreateTask {
        id: Some("i".repeat(129).into()),
        priority: Some(-6),
        max_attempts: Some(101),
        caps: words(65),
        labels: ["é".repeat(129).as_str()].into_iter().collect(),
        ..new_task("a")
    };
    match world.refused(Command::CreateTask(over)) {
        Rejection::Validation(problems) => assert_eq!(problems.len(), 5, "{problems:?}"),
        other => panic!("{other}"),
    }
}

#[test]
fn what_no_event_can_hold_is_told_by_its_size() {
    let mut world = World::new();
    let intent = |bytes: usize| CreateTask { intent: Some("x".repeat(bytes).into()), ..new_task("a") };
    let refused = |world: &mut World, command| match world.refused(Command::CreateTask(command)) {
        Rejection::TooLarge { kind, pointer, bytes, bytes_max } => {
            assert!(bytes > bytes_max && bytes_max == DATA_BYTES_MAX);
            (kind.map(|kind| kind.to_string()), pointer)
        }
        other => panic!("{other}"),
    };
    // A field by itself, before whatever else is wrong with the command.
    let faulty = CreateTask { priority: Some(9), ..intent(DATA_BYTES_MAX + 1) };
    assert_eq!(refused(&mut world, faulty), (None, Some("/intent".to_owned())));
    // Two that come to too much only together; and quotes, which are longer in JSON.
    let created = Some("TaskCreated".to_owned());
    let title = "y".repeat(DATA_BYTES_MAX / 2).into();
    let both = CreateTask { title, ..intent(DATA_BYTES_MAX / 2) };
    assert_eq!(refused(&mut world, both), (created.clone(), None));
    let quotes = CreateTask { title: "\"".repeat(DATA_BYTES_MAX - 1_024).into(), ..new_task("a") };
    assert_eq!(refused(&mut world, quotes), (created, None));
    // Of several events the one that is too large.
    let progress = vec!["fine".into(), "\"".repeat(DATA_BYTES_MAX).into()];
    let list = CreateTask { progress, ..new_task("a") };
    assert_eq!(refused(&mut world, list), (Some("ProgressItemAdded".to_owned()), None));
    assert!(world.log.is_empty());
}

#[test]
fn an_id_is_given_once() {
    let mut world = World::new();
    world.ok(task("a"));
    world.check(task("a"), "! a task with the id `a` exists already");
}

#[test]
fn neighbours_must_be_there() {
    let mut world = World::new();
    for command in [
        CreateTask { parent_id: Some("nope".into()), ..new_task("a") },
        CreateTask { blocked_by: vec!["nope".into()], ..new_task("a") },
        CreateTask { blocks: vec!["nope".into()], ..new_task("a") },
    ] {
        world.check(Command::CreateTask(command), "! no task has the id `nope`");
    }
    assert!(world.log.is_empty());
}

#[test]
fn no_ring_from_the_start() {
    let mut world = World::new();
    world.ok(task("x"));
    world.ok(super::world::task_after("y", &["x"]));
    let ring = CreateTask { blocked_by: vec!["y".into()], blocks: vec!["x".into()], ..new_task("a") };
    world.check(Command::CreateTask(ring), "! blocks would close a cycle: a → x → y → a");
    let ring = CreateTask { blocked_by: vec!["x".into()], blocks: vec!["x".into()], ..new_task("a") };
    world.check(Command::CreateTask(ring), "! blocks would close a cycle: a → x → a");
    let itself = CreateTask { blocks: vec!["a".into()], ..new_task("a") };
    world.check(Command::CreateTask(itself), "! blocks would close a cycle: a → a");
    let itself = CreateTask { parent_id: Some("a".into()), ..new_task("a") };
    world.check(Command::CreateTask(itself), "! parent_of would close a cycle: a → a");
}
