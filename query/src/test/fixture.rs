//! A store of its own with an engine over it, and a clock that only the test moves.

use crate::{Engine, Options, Params, Prepared, QueryError, json};
use domain::command::{
    AddContext, AddRelationship, Claim, CompleteTask, CreateTask, FailTask, Guard, NewContext, RegisterAgent,
    StartSession, TransitionTask, UpdateTask,
};
use domain::rows::{ContextType, FailureClass, RelationshipType, TaskStatus};
use domain::{Command, Outcome, TextSet, Work};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{
    Append, Context, EventId, ExpectedRevision, NewEvent, Position, Store, StreamWrite, Text, Timestamp,
};
use tempfile::TempDir;

/// The clock's first time: 2026-01-19T14:25:00Z.
pub(super) const START: i64 = 1_768_832_700_000_000;

pub(super) const SECOND: i64 = 1_000_000;

pub(super) struct Fixture {
    pub(super) engine: Engine,
    now: Cell<i64>,
    runtime: tokio::runtime::Runtime,
    /// Asked after each command, of the position before it.
    pub(super) asked: Cell<&'static [&'static str]>,
    _dir: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(super) fn with(options: Options) -> Self {
        Self::over(options, store::Options::default())
    }

    /// Over a store with bounds of its own.
    pub(super) fn over(options: Options, bounds: store::Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), Work::new(), bounds).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self {
            engine: Engine::new(store, options).unwrap(),
            now: Cell::new(START),
            runtime,
            asked: Cell::default(),
            _dir: dir,
        }
    }

    pub(super) fn store(&self) -> &Store<Work> {
        self.engine.store()
    }

    pub(super) fn head(&self) -> Position {
        self.store().head().position
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.now.get())
    }

    pub(super) fn pass(&self, micros: i64) {
        self.now.set(self.now.get() + micros);
    }

    /// Carries a command out, a second after the one before.
    pub(super) fn run(&self, command: Command) -> Outcome {
        self.pass(SECOND);
        let outcome = execute(self.store(), self.now(), command);
        for pql in self.asked.get() {
            self.query(&format!("{pql} AS OF POSITION {}", self.head().0 - 1));
        }
        outcome
    }

    /// Carries a command out, a second after the one before, unless it is refused.
    pub(super) fn attempt(&self, command: Command) -> Option<Outcome> {
        self.pass(SECOND);
        Some(self.store().execute_blocking(context(self.now()), command).ok()?.outcome)
    }

    /// All rows as lines of JSON.
    pub(super) fn query(&self, pql: &str) -> Vec<String> {
        self.query_with(pql, "null")
    }

    pub(super) fn query_with(&self, pql: &str, params: &str) -> Vec<String> {
        self.try_query(pql, params).unwrap_or_else(|error| panic!("{pql}\n{error}"))
    }

    pub(super) fn error(&self, pql: &str) -> QueryError {
        self.try_query(pql, "null").expect_err(pql)
    }

    /// The code and the message of what is wrong with a statement.
    pub(super) fn fault(&self, pql: &str) -> String {
        let error = self.error(pql);
        let first = error.errors.first().unwrap_or_else(|| panic!("{error}"));
        format!("{}: {}", first.code.as_str(), first.message)
    }

    pub(super) fn try_query(&self, pql: &str, params: &str) -> Result<Vec<String>, QueryError> {
        let params = Params::from_json(&serde_json::from_str(params).unwrap()).unwrap();
        let Prepared::Query(query) = self.engine.prepare(pql, params, self.now())? else {
            panic!("{pql} gives no rows");
        };
        self.runtime.block_on(async {
            let mut stream = self.engine.run(query).await?;
            let columns = stream.columns().to_vec();
            let mut rows = Vec::new();
            while let Some(batch) = stream.next().await {
                json::write_rows(&batch?, &columns, |row| {
                    rows.push(String::from_utf8(row.to_vec()).unwrap());
                });
            }
            Ok(rows)
        })
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Appends one event to a stream.
    pub(super) fn append(&self, stream: &str, kind: &str, data: &str, tags: &[&str]) {
        self.pass(SECOND);
        let event = NewEvent {
            id: None,
            stream: stream.into(),
            kind: kind.into(),
            data: data.into(),
            metadata: r#"{"agent_id":"a1"}"#.into(),
            tags: tags.iter().map(|&tag| Text::from(tag)).collect(),
            time: None,
        };
        let write =
            StreamWrite { stream: stream.into(), expected: ExpectedRevision::Any, events: vec![event] };
        self.store().append_blocking(context(self.now()), Append { writes: vec![write] }).unwrap();
    }

    /// A story in which every table changes: registered agents, a family of tasks, blockers, claims that
    /// are completed, failed, released and run out, contexts, progress.
    pub(super) fn story(&self) {
        self.run(agent("a1", &["rust", "sql"]));
        self.run(agent("a2", &["docs"]));
        self.run(Command::StartSession(StartSession {
            id: Some("s1".into()),
            agent_id: "a1".into(),
            metadata: None,
            timeout_ms: 60_000,
        }));
        self.run(create("t1", |task| task.caps = words(&["rust"])));
        self.run(create("t2", |task| task.parent_id = Some("t1".into())));
        self.run(create("t3", |task| {
            task.blocked_by = vec!["t2".into()];
            task.priority = Some(3);
            task.progress = vec!["first".into(), "second".into()];
        }));
        self.run(create("t4", |task| {
            task.blocked_by = vec!["t3".into()];
            task.parent_id = Some("t1".into());
            task.metadata = Some(r#"{"n":1}"#.into());
        }));
        let lease = self.claim("a1", 1).remove(0);
        self.run(Command::UpdateTask(UpdateTask {
            task_id: lease.0.clone(),
            guard: held(&lease.1),
            title: Some("renamed".into()),
            ..UpdateTask::default()
        }));
        self.run(Command::AddContext(AddContext {
            task_id: lease.0.clone(),
            context: NewContext { kind: ContextType::Note, content: "seen".into(), metadata: None },
            supersedes: None,
        }));
        self.run(complete(&lease));
        for _ in 0..2 {
            let lease = self.claim("a1", 1).remove(0);
            self.run(Command::FailTask(FailTask {
                task_id: lease.0.clone(),
                guard: held(&lease.1),
                class: FailureClass::Terminal,
                message: "no".into(),
                retry_after_ms: None,
            }));
            self.run(Command::TransitionTask(TransitionTask {
                task_id: lease.0.clone(),
                status: TaskStatus::Cancelled,
                guard: Guard { override_lease: true, ..Guard::default() },
                reason: None,
                blocked_by: Vec::new(),
            }));
            self.run(Command::ArchiveTask { task_id: lease.0 });
        }
        self.run(create("t5", |task| task.title = "late".into()));
        self.run(Command::AddRelationship(AddRelationship {
            from_task_id: "t5".into(),
            to_task_id: "t4".into(),
            kind: RelationshipType::Blocks,
            metadata: None,
        }));
        self.claim("a1", 1);
        self.pass(3_600 * SECOND);
        self.run(Command::Expire);
        self.append("notes", "Noted", r#"{"text":"free"}"#, &["kind:note"]);
        self.run(agent("a2", &["docs", "rust"]));
    }

    /// Tasks and leases of a claim.
    pub(super) fn claim(&self, agent: &str, limit: u32) -> Vec<(Text, Text)> {
        let claim =
            Claim { agent_id: agent.into(), session_id: None, filter: None, ttl_ms: Some(60_000), limit };
        match self.run(Command::Claim(claim)) {
            Outcome::Claims { claims, .. } => {
                claims.into_iter().map(|claim| (claim.task.task.id.clone(), claim.lease.id.clone())).collect()
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Carries a command out at a time.
pub(super) fn execute(store: &Store<Work>, now: Timestamp, command: Command) -> Outcome {
    store.execute_blocking(context(now), command).unwrap_or_else(|error| panic!("{error:?}")).outcome
}

/// Seeds are far enough apart that no two commands make the same id.
fn context(now: Timestamp) -> Context {
    static SEEDS: AtomicU64 = AtomicU64::new(1);
    let seed = EventId(u128::from(SEEDS.fetch_add(1, Ordering::Relaxed)) << 32);
    Context { now, seed, metadata: r#"{"agent_id":"a1"}"#.into(), actor: Some("a1".into()) }
}

pub(super) fn agent(id: &str, caps: &[&str]) -> Command {
    Command::RegisterAgent(RegisterAgent {
        id: Some(id.into()),
        name: id.into(),
        role: None,
        caps: words(caps),
        metadata: None,
    })
}

pub(super) fn create(id: &str, change: impl FnOnce(&mut CreateTask)) -> Command {
    let mut task =
        CreateTask { id: Some(id.into()), title: format!("do {id}").into(), ..CreateTask::default() };
    change(&mut task);
    Command::CreateTask(task)
}

pub(super) fn complete((task, lease): &(Text, Text)) -> Command {
    Command::CompleteTask(CompleteTask {
        task_id: task.clone(),
        guard: held(lease),
        output: Some(r#"{"ok":true}"#.into()),
        evidence: None,
        cost: Some(0.5),
        tokens: Some(100),
    })
}

pub(super) fn held(lease: &Text) -> Guard {
    Guard { lease_id: Some(lease.clone()), ..Guard::default() }
}

pub(super) fn words(words: &[&str]) -> TextSet {
    words.iter().copied().collect()
}
