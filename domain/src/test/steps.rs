//! Random commands: small numbers that become real commands when their turn comes, by what is there then.

use super::world::{World, by_override, guard, version};
use crate::command::{
    AcquireLease, AddContext, AddRelationship, CandidateFilter, Change, Claim, CompleteTask, CreateTask,
    FailTask, Guard, Heartbeat, NewContext, Progress, RegisterAgent, RunEvent, StartSession, TransferLease,
    TransitionTask, UpdateTask,
};
use crate::rows::{
    Class, ContextType, FailureClass, Lease, LeaseStatus, Relationship, RelationshipType, Row, Run, Session,
    SessionStatus, Table, Task, TaskStatus,
};
use crate::{Command, TextSet};
use proptest::option::weighted;
use proptest::prelude::*;
use std::sync::Arc;
use store::Text;

pub(super) const TASKS: usize = 7;
pub(super) const AGENTS: usize = 3;
const SESSIONS: usize = 4;
const CAPS: [&str; 3] = ["go", "rust", "sql"];

/// A command in small numbers, to be turned into a real one when its turn comes.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Create {
        task: usize,
        priority: i64,
        class: Class,
        caps: u8,
        owner: Option<usize>,
        wait_s: i64,
        before: Vec<usize>,
        after: Vec<usize>,
        parent: Option<usize>,
    },
    Register {
        agent: usize,
        caps: u8,
    },
    Update {
        task: usize,
        priority: Option<i64>,
        caps: Option<u8>,
        owner: Change<usize>,
        parent: Change<usize>,
        wait_s: Option<i64>,
        by: By,
    },
    Transition {
        task: usize,
        status: TaskStatus,
        by: By,
        reason: bool,
        blocked_by: Vec<usize>,
    },
    Archive(usize),
    Restore(usize),
    Link {
        from: usize,
        to: usize,
        kind: RelationshipType,
    },
    Unlink(usize),
    Context {
        task: usize,
        supersedes: bool,
    },
    Progress {
        task: usize,
        by: By,
    },
    Tick {
        item: usize,
        completed: bool,
        by: By,
    },
    Acquire {
        task: usize,
        agent: usize,
        ttl_s: i64,
    },
    Renew {
        lease: usize,
        ttl_s: Option<i64>,
    },
    GiveBack {
        lease: usize,
    },
    Claim {
        agent: usize,
        session: Option<usize>,
        limit: u32,
        ttl_s: i64,
        even: bool,
    },
    Complete {
        task: usize,
        by: By,
    },
    Fail {
        task: usize,
        by: By,
        class: FailureClass,
    },
    Release {
        task: usize,
        by: By,
    },
    RunEvent {
        lease: usize,
    },
    StartSession {
        session: usize,
        agent: usize,
        timeout_s: i64,
    },
    Beat {
        session: usize,
        leases: Option<Vec<usize>>,
        item: Option<usize>,
    },
    EndSession(usize),
    Transfer {
        lease: usize,
        agent: usize,
        session: Option<usize>,
    },
    Expire,
    Wait(i64),
}

/// What a step shows to be let through.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    Lease,
    Version,
    Override,
    Nothing,
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![6 => Just(By::Lease), 3 => Just(By::Version), 2 => Just(By::Override), 1 => Just(By::Nothing)]
}

fn change<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Change<T>> {
    (0..4_u8, value).prop_map(|(which, value)| match which {
        0 => Change::Set(value),
        1 => Change::Clear,
        _ => Change::Keep,
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let task = || 0..TASKS;
    let few = || prop::collection::vec(0..TASKS, 0..3);
    let class = prop::sample::select(Class::ALL);
    let status = prop::sample::select(TaskStatus::ALL);
    let kind = prop_oneof![
        4 => Just(RelationshipType::Blocks),
        2 => Just(RelationshipType::ParentOf),
        1 => Just(RelationshipType::RelatesTo),
    ];
    let failure = prop::sample::select(FailureClass::ALL);
    prop_oneof![
        8 => (task(), -5..=5_i64, class, 0..8_u8, weighted(0.2, 0..AGENTS), 0..20_i64, few(), few(), weighted(0.3, task()))
            .prop_map(|(task, priority, class, caps, owner, wait_s, before, after, parent)| {
                // Most are on offer at once and need little.
                let caps = if priority % 2 == 0 { 0 } else { caps };
                Step::Create { task, priority, class, caps, owner, wait_s: wait_s - 15, before, after, parent }
            }),
        2 => (0..AGENTS, 0..8_u8).prop_map(|(agent, caps)| Step::Register { agent, caps }),
        3 => (task(), weighted(0.5, -5..=5_i64), weighted(0.3, 0..8_u8), change(0..AGENTS), change(task()), weighted(0.2, 0..30_i64), by())
            .prop_map(|(task, priority, caps, owner, parent, wait_s, by)| {
                Step::Update { task, priority, caps, owner, parent, wait_s, by }
            }),
        5 => (task(), status, by(), any::<bool>(), few()).prop_map(|(task, status, by, reason, blocked_by)| {
            let blocked_by = if status == TaskStatus::Blocked { blocked_by } else { Vec::new() };
            Step::Transition { task, status, by, reason, blocked_by }
        }),
        6 => task().prop_map(Step::Archive),
        5 => task().prop_map(Step::Restore),
        6 => (task(), task(), kind).prop_map(|(from, to, kind)| Step::Link { from, to, kind }),
        2 => (0..20_usize).prop_map(Step::Unlink),
        2 => (task(), any::<bool>()).prop_map(|(task, supersedes)| Step::Context { task, supersedes }),
        1 => (task(), by()).prop_map(|(task, by)| Step::Progress { task, by }),
        1 => (0..9_usize, any::<bool>(), by()).prop_map(|(item, completed, by)| Step::Tick { item, completed, by }),
        2 => (task(), 0..AGENTS, 1..30_i64).prop_map(|(task, agent, ttl_s)| Step::Acquire { task, agent, ttl_s }),
        2 => (0..9_usize, weighted(0.5, 1..30_i64)).prop_map(|(lease, ttl_s)| Step::Renew { lease, ttl_s }),
        1 => (0..9_usize).prop_map(|lease| Step::GiveBack { lease }),
        10 => (0..AGENTS, weighted(0.5, 0..SESSIONS), 1..4_u32, 1..40_i64, prop::bool::weighted(0.2))
            .prop_map(|(agent, session, limit, ttl_s, even)| Step::Claim { agent, session, limit, ttl_s, even }),
        3 => (0..SESSIONS, 0..AGENTS, 1..60_i64)
            .prop_map(|(session, agent, timeout_s)| Step::StartSession { session, agent, timeout_s }),
        3 => (0..SESSIONS, weighted(0.3, prop::collection::vec(0..9_usize, 0..3)), weighted(0.2, 0..9_usize))
            .prop_map(|(session, leases, item)| Step::Beat { session, leases, item }),
        1 => (0..SESSIONS).prop_map(Step::EndSession),
        2 => (0..9_usize, 0..AGENTS, weighted(0.5, 0..SESSIONS))
            .prop_map(|(lease, agent, session)| Step::Transfer { lease, agent, session }),
        6 => (task(), by()).prop_map(|(task, by)| Step::Complete { task, by }),
        4 => (task(), by(), failure).prop_map(|(task, by, class)| Step::Fail { task, by, class }),
        3 => (task(), by()).prop_map(|(task, by)| Step::Release { task, by }),
        1 => (0..9_usize).prop_map(|lease| Step::RunEvent { lease }),
        3 => Just(Step::Expire),
        3 => (1..60_i64).prop_map(Step::Wait),
    ]
}

pub(super) fn name(prefix: char, n: usize) -> Text {
    format!("{prefix}{n}").into()
}

pub(super) fn caps(bits: u8) -> TextSet {
    CAPS.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, word)| *word).collect()
}

impl World {
    fn rows_of<T>(&self, table: Table, pick: impl Fn(&Row) -> Option<Arc<T>>) -> Vec<Arc<T>> {
        let rows = self.rows.iter().filter(|((id, _), _)| *id == table.id());
        rows.filter_map(|(_, version)| pick(&version.row)).collect()
    }

    pub(super) fn tasks(&self) -> Vec<Arc<Task>> {
        self.rows_of(Table::Tasks, |row| match row {
            Row::Task(task) => Some(Arc::clone(task)),
            _ => None,
        })
    }

    pub(super) fn leases(&self) -> Vec<Arc<Lease>> {
        self.rows_of(Table::Leases, |row| match row {
            Row::Lease(lease) => Some(Arc::clone(lease)),
            _ => None,
        })
    }

    pub(super) fn runs(&self) -> Vec<Arc<Run>> {
        self.rows_of(Table::Runs, |row| match row {
            Row::Run(run) => Some(Arc::clone(run)),
            _ => None,
        })
    }

    pub(super) fn relationships(&self) -> Vec<Arc<Relationship>> {
        self.rows_of(Table::Relationships, |row| match row {
            Row::Relationship(relationship) => Some(Arc::clone(relationship)),
            _ => None,
        })
    }

    fn any_lease(&self, n: usize) -> Option<Arc<Lease>> {
        let leases = self.leases();
        // Mostly one that is active.
        let active: Vec<_> = leases.iter().filter(|lease| lease.status == LeaseStatus::Active).collect();
        match active.len() {
            0 => leases.get(n % leases.len().max(1)).cloned(),
            count => active.get(n % count).map(|lease| Arc::clone(lease)),
        }
    }

    pub(super) fn sessions(&self) -> Vec<Arc<Session>> {
        self.rows_of(Table::Sessions, |row| match row {
            Row::Session(session) => Some(Arc::clone(session)),
            _ => None,
        })
    }

    /// A number for a new session; now and then that of one there is.
    fn started(&self, n: usize) -> usize {
        if n == 0 { 0 } else { self.sessions().len() }
    }

    /// Mostly one that is active.
    fn a_session(&self, n: usize) -> Option<Text> {
        let sessions = self.sessions();
        let active: Vec<_> = sessions.iter().filter(|one| one.status == SessionStatus::Active).collect();
        let one = active.get(n % active.len().max(1)).copied().or_else(|| sessions.get(n));
        one.map(|session| session.id.clone())
    }

    /// Mostly one of the agent's own.
    fn session_for(&self, n: usize, agent: &Text) -> Option<Text> {
        let sessions = self.sessions();
        let own = sessions
            .iter()
            .rfind(|one| one.agent_id == *agent && one.status == SessionStatus::Active && n > 0);
        own.map(|session| session.id.clone()).or_else(|| self.a_session(n))
    }

    fn guard_for(&self, task: &str, by: By) -> Guard {
        match by {
            By::Lease => {
                let leases = self.leases();
                leases
                    .iter()
                    .rfind(|lease| &*lease.task_id == task)
                    .map_or_else(Guard::default, |lease| guard(&lease.id))
            }
            By::Version => version(self.work.task(task).map_or(0, |task| task.version)),
            By::Override => by_override(),
            By::Nothing => Guard::default(),
        }
    }

    /// The real command; none when the step only lets time pass, or names what is not there.
    pub(super) fn command(&mut self, step: Step) -> Option<Command> {
        let t = |n: usize| name('t', n);
        let a = |n: usize| name('a', n);
        let list = |ns: Vec<usize>| ns.into_iter().map(t).collect();
        let there = |ns: Vec<usize>| {
            ns.into_iter().map(t).filter(|id| self.work.task(id).is_some()).collect::<Vec<_>>()
        };
        let pick = |change: Change<usize>, prefix| change.map(|n| name(prefix, n));
        Some(match step {
            Step::Create { task, priority, class, caps: needs, owner, wait_s, before, after, parent } => {
                Command::CreateTask(CreateTask {
                    id: Some(t(task)),
                    title: "title".into(),
                    priority: Some(priority),
                    class: Some(class),
                    caps: caps(needs),
                    owner_agent_id: owner.map(a),
                    not_before: (wait_s > 0).then(|| self.now.plus_ms(wait_s * 1_000)),
                    // What is not there has tests of its own; here it would refuse most tasks.
                    blocked_by: there(before),
                    blocks: there(after),
                    parent_id: parent.map(t).filter(|id| self.work.task(id).is_some()),
                    progress: vec!["step".into()],
                    ..CreateTask::default()
                })
            }
            Step::Register { agent, caps: has } => Command::RegisterAgent(RegisterAgent {
                id: Some(a(agent)),
                name: "name".into(),
                role: None,
                caps: caps(has),
                metadata: None,
            }),
            Step::Update { task, priority, caps: needs, owner, parent, wait_s, by } => {
                Command::UpdateTask(UpdateTask {
                    priority,
                    caps: needs.map(caps),
                    owner_agent_id: pick(owner, 'a'),
                    parent_id: pick(parent, 't'),
                    not_before: wait_s.map_or(Change::Keep, |s| Change::Set(self.now.plus_ms(s * 1_000))),
                    ..super::world::changes(&t(task), self.guard_for(&t(task), by))
                })
            }
            Step::Transition { task, status, by, reason, blocked_by } => {
                Command::TransitionTask(TransitionTask {
                    task_id: t(task),
                    status,
                    guard: self.guard_for(&t(task), by),
                    reason: reason.then(|| "why".into()),
                    blocked_by: list(blocked_by),
                })
            }
            Step::Archive(task) => Command::ArchiveTask { task_id: t(task) },
            Step::Restore(task) => Command::RestoreTask { task_id: t(task) },
            Step::Link { from, to, kind } => Command::AddRelationship(AddRelationship {
                from_task_id: t(from),
                to_task_id: t(to),
                kind,
                metadata: None,
            }),
            Step::Unlink(n) => {
                let relationships = self.relationships();
                let relationship = relationships.get(n % relationships.len().max(1))?;
                Command::RemoveRelationship { relationship_id: relationship.id.clone() }
            }
            Step::Context { task, supersedes } => Command::AddContext(AddContext {
                task_id: t(task),
                context: NewContext { kind: ContextType::Note, content: "text".into(), metadata: None },
                supersedes: supersedes
                    .then(|| self.work.contexts_of(&t(task)).last().map(|context| context.id.clone()))
                    .flatten(),
            }),
            Step::Progress { task, by } => Command::AddProgress {
                task_id: t(task),
                items: vec!["item".into()],
                guard: self.guard_for(&t(task), by),
            },
            Step::Tick { item, completed, by } => {
                let items = self.rows_of(Table::ProgressItems, |row| match row {
                    Row::ProgressItem(item) => Some(Arc::clone(item)),
                    _ => None,
                });
                let item = items.get(item % items.len().max(1))?;
                Command::CompleteProgress {
                    item_id: item.id.clone(),
                    completed,
                    guard: self.guard_for(&item.task_id, by),
                }
            }
            Step::Acquire { task, agent, ttl_s } => Command::AcquireLease(AcquireLease {
                task_id: t(task),
                agent_id: a(agent),
                session_id: None,
                ttl_ms: Some(ttl_s * 1_000),
            }),
            Step::Renew { lease, ttl_s } => Command::RenewLease {
                lease_id: self.any_lease(lease)?.id.clone(),
                ttl_ms: ttl_s.map(|s| s * 1_000),
            },
            Step::GiveBack { lease } => Command::ReleaseLease { lease_id: self.any_lease(lease)?.id.clone() },
            Step::Claim { agent, session, limit, ttl_s, even } => {
                let is_even =
                    CandidateFilter(Arc::new(|candidate| Ok(Some(candidate.task.priority % 2 == 0))));
                Command::Claim(Claim {
                    agent_id: a(agent),
                    session_id: session.and_then(|n| self.session_for(n, &a(agent))),
                    filter: even.then_some(is_even),
                    ttl_ms: Some(ttl_s * 1_000),
                    limit,
                })
            }
            Step::Complete { task, by } => Command::CompleteTask(CompleteTask {
                task_id: t(task),
                guard: self.guard_for(&t(task), by),
                output: Some("1".into()),
                evidence: None,
                cost: Some(1.0),
                tokens: None,
            }),
            Step::Fail { task, by, class } => Command::FailTask(FailTask {
                task_id: t(task),
                guard: self.guard_for(&t(task), by),
                class,
                message: "message".into(),
                retry_after_ms: None,
            }),
            Step::Release { task, by } => {
                Command::ReleaseTask { task_id: t(task), guard: self.guard_for(&t(task), by), note: None }
            }
            Step::RunEvent { lease } => {
                let lease = self.any_lease(lease)?;
                let run = self.runs().iter().rfind(|run| run.lease_id == lease.id)?.id.clone();
                let event = RunEvent { kind: "ToolInvoked".into(), data: "{}".into() };
                Command::AppendRunEvents { run_id: run, lease_id: lease.id.clone(), events: vec![event] }
            }
            Step::StartSession { session, agent, timeout_s } => Command::StartSession(StartSession {
                id: Some(name('s', self.started(session))),
                agent_id: a(agent),
                metadata: None,
                timeout_ms: timeout_s * 1_000,
            }),
            Step::Beat { session, leases, item } => {
                let items = self.rows_of(Table::ProgressItems, |row| match row {
                    Row::ProgressItem(item) => Some(Arc::clone(item)),
                    _ => None,
                });
                let item = item.and_then(|item| items.get(item % items.len().max(1)));
                Command::Heartbeat(Heartbeat {
                    session_id: self.a_session(session)?,
                    leases: leases.map(|leases| {
                        leases.into_iter().filter_map(|n| Some(self.any_lease(n)?.id.clone())).collect()
                    }),
                    progress: item
                        .map(|item| Progress::Complete {
                            item_id: item.id.clone(),
                            completed: !item.completed,
                        })
                        .into_iter()
                        .collect(),
                })
            }
            Step::EndSession(session) => Command::EndSession { session_id: self.a_session(session)? },
            Step::Transfer { lease, agent, session } => Command::TransferLease(TransferLease {
                lease_id: self.any_lease(lease)?.id.clone(),
                agent_id: a(agent),
                session_id: session.and_then(|n| self.session_for(n, &a(agent))),
            }),
            Step::Expire => Command::Expire,
            Step::Wait(s) => {
                self.wait_ms(s * 1_000);
                return None;
            }
        })
    }
}
