//! What the benches share: events and plans of a realistic size, made the same way every time.

use domain::command::{CreateTask, RegisterAgent};
use domain::{Command, Work};
use store::{Append, Context, Decider, Event, EventId, ExpectedRevision, NewEvent, Position, Revision};
use store::{StreamWrite, Text, Timestamp};

/// A moment all made-up histories begin at: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp(1_767_225_600_000_000);

/// Capabilities that tasks ask for, by ones and twos.
pub const CAPS: [&str; 8] = ["rust", "sql", "docs", "ops", "web", "test", "design", "review"];

/// What the `n`th command is decided with.
#[must_use]
pub fn context(n: u64) -> Context {
    Context {
        now: START.plus_ms(i64::try_from(n).expect("benches are short")),
        seed: EventId(u128::from(n + 1) << 64),
        metadata: "{}".into(),
        actor: None,
    }
}

/// An event of about 300 bytes, all told.
#[must_use]
pub fn event(n: u64) -> NewEvent {
    let data = serde_json::json!({
        "tool": "cargo", "args": ["check", "-p", "store"], "duration_ms": n % 5_000, "exit": n % 7,
        "note": format!("attempt {n} of the session, {} more to go", 1_000_000 - n % 1_000_000),
    });
    NewEvent {
        id: None,
        stream: format!("build-{}", n % 100).into(),
        kind: "BuildFinished".into(),
        data: data.to_string().into(),
        metadata: r#"{"agent_id":"agent-7"}"#.into(),
        tags: vec![Text::from("host:one")],
        time: None,
    }
}

/// `count` events to one stream.
#[must_use]
pub fn append(first: u64, count: u64) -> Append {
    let events = (first..first + count).map(event).collect();
    Append { writes: vec![StreamWrite { stream: "builds".into(), expected: ExpectedRevision::Any, events }] }
}

/// Carries a command out on a state alone, as the writer does, without a log. Gives the position after it.
///
/// # Panics
/// When the command is rejected.
pub fn carry_out(work: &mut Work, n: u64, head: Position, command: Command) -> Position {
    let context = context(n);
    let decision = work.decide(&context, command).expect("benches ask for what can be done");
    let mut position = head;
    let mut changes = Vec::new();
    for (k, new) in (0_u128..).zip(decision.events) {
        position = position.next();
        let event = Event {
            position,
            id: context.seed.plus(Context::ENTITY_IDS + k),
            stream: new.stream,
            revision: Revision(1),
            kind: new.kind,
            time: new.time.unwrap_or(context.now),
            data: new.data,
            metadata: new.metadata,
            tags: new.tags,
        };
        work.evolve(&event, &mut changes);
        changes.clear();
    }
    position
}

/// A task of a plan; its number decides what it asks for.
#[must_use]
pub fn task(n: u64) -> Command {
    let pick = |k: u64| CAPS[usize::try_from((n / k) % CAPS.len() as u64).expect("below eight")];
    Command::CreateTask(CreateTask {
        id: Some(format!("t{n}").into()),
        title: format!("task number {n}").into(),
        priority: Some((n % 11) as i64 - 5),
        caps: [pick(1), pick(8)].into_iter().collect(),
        ..CreateTask::default()
    })
}

/// A state with one agent that is able to do everything, and `tasks` open tasks.
#[must_use]
pub fn plan(tasks: u64) -> (Work, Position) {
    let mut work = Work::new();
    let agent = RegisterAgent {
        id: Some("ada".into()),
        name: "Ada".into(),
        role: None,
        caps: CAPS.into_iter().collect(),
        metadata: None,
    };
    let mut head = carry_out(&mut work, 0, Position::ZERO, Command::RegisterAgent(agent));
    for n in 1..=tasks {
        head = carry_out(&mut work, n, head, task(n));
    }
    (work, head)
}
