//! What the benches share: events and plans of a realistic size, made the same way every time.

use domain::command::{Claim, CreateTask, RegisterAgent};
use domain::{Command, Work};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Append, Context, Decider, Event, EventId, ExpectedRevision, NewEvent, Options, Position};
use store::{Revision, Store, StreamWrite, Text, Timestamp};

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

/// An agent, `ada`, that is able to do everything.
#[must_use]
pub fn ada() -> Command {
    Command::RegisterAgent(RegisterAgent {
        id: Some("ada".into()),
        name: "Ada".into(),
        role: None,
        caps: CAPS.into_iter().collect(),
        metadata: None,
    })
}

/// Her claim of one task.
#[must_use]
pub fn claim() -> Command {
    Command::Claim(Claim { agent_id: "ada".into(), session_id: None, filter: None, ttl_ms: None, limit: 1 })
}

/// A state with `ada` and `tasks` open tasks.
#[must_use]
pub fn plan(tasks: u64) -> (Work, Position) {
    let mut work = Work::new();
    let mut head = carry_out(&mut work, 0, Position::ZERO, ada());
    for n in 1..=tasks {
        head = carry_out(&mut work, n, head, task(n));
    }
    (work, head)
}

/// Threads that fill a store. Each waits for its own fsync, so that many share one.
const FILLERS: usize = 64;

/// Does `0..count` on many threads.
fn in_turns(count: u64, one: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..FILLERS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        break;
                    }
                    one(n);
                }
            });
        }
    });
}

/// An empty store.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn empty_store(dir: &Path) -> Store<Work> {
    Store::open(dir, Work::new(), Options::default()).expect("a new store").0
}

/// A store with `events` events of 300 bytes over 100 streams, its views on disk.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn store_of_events(dir: &Path, events: u64) -> Store<Work> {
    const BATCH: u64 = 1_000;
    let store = empty_store(dir);
    for first in (0..events).step_by(BATCH as usize) {
        let writes = (first..events.min(first + BATCH)).map(|n| {
            let event = event(n);
            StreamWrite { stream: event.stream.clone(), expected: ExpectedRevision::Any, events: vec![event] }
        });
        store.append_blocking(context(first), Append { writes: writes.collect() }).expect("it is written");
    }
    store.checkpoint_blocking().expect("the views can be written");
    store
}

/// A store with `ada` and `tasks` open tasks.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn store_of_tasks(dir: &Path, tasks: u64) -> Store<Work> {
    let store = empty_store(dir);
    store.execute_blocking(context(0), ada()).expect("ada is new");
    in_turns(tasks, |n| {
        store.execute_blocking(context(n + 1), task(n + 1)).expect("the task is new");
    });
    store
}

/// A beads history as it is imported: `changes` changes to a tenth as many issues, a hundred a commit.
#[must_use]
pub fn beads_history(changes: u64) -> String {
    const COMMIT: u64 = 100;
    let line = |n: u64| {
        let issue = n * 7_919 % (changes / 10).max(1);
        let (commit, status) = (n / COMMIT, ["open", "in_progress", "closed"][(n / 7 % 3) as usize]);
        serde_json::json!({
            "at": 1_735_689_600 + commit * 60, "commit": format!("{commit:040x}"), "op": "upsert",
            "issue": {
                "id": format!("bd-{issue}"), "title": format!("Issue {issue}, revised {commit}"), "status": status,
                "priority": issue % 5, "issue_type": "task", "labels": [CAPS[(issue % 8) as usize]],
                "description": format!("{} ", CAPS[(n % 8) as usize]).repeat(40),
                "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-02T00:00:00Z",
            },
        })
    };
    (0..changes).map(|n| line(n).to_string() + "\n").collect()
}
