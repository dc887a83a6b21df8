//! What holds after any commands, and that a state made of rows is the state made of events.

use super::world::{World, by_override, guard, note, version};
use crate::command::{
    AcquireLease, AddContext, AddRelationship, CandidateFilter, Change, Claim, CompleteTask, CreateTask,
    FailTask, Guard, Heartbeat, NewContext, Outcome, Progress, RegisterAgent, RunEvent, StartSession,
    TransferLease, TransitionTask, UpdateTask,
};
use crate::rows::{
    Class, ContextType, FailureClass, Lease, LeaseStatus, Relationship, RelationshipType, Row, Run,
    RunStatus, Session, SessionStatus, Table, Task, TaskGraph, TaskStatus,
};
use crate::{Command, DEPTH_MAX, TextSet, Work, offer, order_key, score};
use proptest::option::weighted;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Context, Decider, Event, EventId, Text, Timestamp};

const TASKS: usize = 7;
const AGENTS: usize = 3;
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

fn name(prefix: char, n: usize) -> Text {
    format!("{prefix}{n}").into()
}

fn caps(bits: u8) -> TextSet {
    CAPS.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, word)| *word).collect()
}

impl World {
    fn rows_of<T>(&self, table: Table, pick: impl Fn(&Row) -> Option<Arc<T>>) -> Vec<Arc<T>> {
        let rows = self.rows.iter().filter(|((id, _), _)| *id == table.id());
        rows.filter_map(|(_, version)| pick(&version.row)).collect()
    }

    fn tasks(&self) -> Vec<Arc<Task>> {
        self.rows_of(Table::Tasks, |row| match row {
            Row::Task(task) => Some(Arc::clone(task)),
            _ => None,
        })
    }

    fn leases(&self) -> Vec<Arc<Lease>> {
        self.rows_of(Table::Leases, |row| match row {
            Row::Lease(lease) => Some(Arc::clone(lease)),
            _ => None,
        })
    }

    fn runs(&self) -> Vec<Arc<Run>> {
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

    fn sessions(&self) -> Vec<Arc<Session>> {
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

/// Every row that follows from others is what it follows to be: graph rows, parents, and the index.
pub(super) fn assert_tables_follow(world: &World) {
    let tasks: BTreeMap<Text, Arc<Task>> =
        world.tasks().into_iter().map(|task| (task.id.clone(), task)).collect();
    let relationships = world.relationships();
    let edges = |kind: RelationshipType| -> BTreeSet<(Text, Text)> {
        relationships
            .iter()
            .filter(|relationship| relationship.kind == kind)
            .map(|relationship| (relationship.from_task_id.clone(), relationship.to_task_id.clone()))
            .collect()
    };
    let (blocks, parents) = (edges(RelationshipType::Blocks), edges(RelationshipType::ParentOf));
    let unfinished = |id: &Text| tasks.get(id).is_some_and(|task| task.is_unfinished());
    let names: BTreeSet<Text> = tasks
        .keys()
        .cloned()
        .chain(relationships.iter().flat_map(|r| [r.from_task_id.clone(), r.to_task_id.clone()]))
        .collect();
    let depths = depths(&names, &blocks, &unfinished);
    for id in &names {
        let children = || {
            let ids =
                parents.iter().filter(|(parent, _)| parent == id).filter_map(|(_, child)| tasks.get(child));
            ids.filter(|child| child.archived_at.is_none())
        };
        let done = children().filter(|child| child.status == TaskStatus::Completed).count();
        let graph = TaskGraph {
            blocked_by_count: blocks.iter().filter(|(from, to)| to == id && unfinished(from)).count() as u32,
            child_count: children().count() as u32,
            child_done_count: done as u32,
            dependency_depth: depths[id],
        };
        assert_eq!(world.graph(id), graph, "graph of {id}");
        assert_eq!(world.work.graph(id), graph);
        let parent = parents.iter().filter(|(_, child)| child == id).map(|(parent, _)| parent).min();
        if let Some(task) = tasks.get(id) {
            assert_eq!(task.parent_id.as_ref(), parent, "parent of {id}");
        }
    }
    for now in [world.now, world.now.plus_ms(10_000)] {
        for agent in (0..AGENTS).map(|n| name('a', n)) {
            assert_eq!(offered(&world.work, &agent, now), best_first(world, &tasks, &agent, now));
        }
    }
}

/// Depths by their definition: rounds of "one more than the deepest that waits" until nothing changes. Each
/// round settles one more length of chains; what still grows after as many rounds as tasks is in a ring.
fn depths(
    names: &BTreeSet<Text>,
    blocks: &BTreeSet<(Text, Text)>,
    unfinished: &impl Fn(&Text) -> bool,
) -> BTreeMap<Text, u32> {
    let mut depths: BTreeMap<Text, u32> = names.iter().map(|id| (id.clone(), 0)).collect();
    let round = |depths: &BTreeMap<Text, u32>| -> BTreeMap<Text, u32> {
        let deepest = |id: &Text| {
            let waiting = blocks.iter().filter(|(from, to)| from == id && unfinished(to));
            waiting.map(|(_, to)| (depths[to] + 1).min(DEPTH_MAX)).max().unwrap_or(0)
        };
        names.iter().map(|id| (id.clone(), deepest(id))).collect()
    };
    for _ in 0..=names.len() {
        depths = round(&depths);
    }
    let next = round(&depths);
    for (id, depth) in &mut depths {
        if next[id] != *depth {
            *depth = DEPTH_MAX;
        }
    }
    // Whoever leads into a ring grows as long as the ring does.
    for _ in 0..names.len() {
        depths = round(&depths);
    }
    depths
}

fn offered(work: &Work, agent: &Text, now: Timestamp) -> Vec<Text> {
    let caps = work.agent(agent).map_or_else(TextSet::default, |agent| agent.caps.clone());
    work.candidates(agent, &caps, now).map(|id| work.at(id).id.clone()).collect()
}

/// The offers by their definition: filter and sort.
fn best_first(world: &World, tasks: &BTreeMap<Text, Arc<Task>>, agent: &Text, now: Timestamp) -> Vec<Text> {
    let caps = world.work.agent(agent).map_or_else(TextSet::default, |agent| agent.caps.clone());
    let mut offers: Vec<(Arc<Task>, TaskGraph)> = tasks
        .values()
        .map(|task| (Arc::clone(task), world.graph(&task.id)))
        .filter(|(task, graph)| offer::is_ready(task, graph, now) && offer::may_take_as(task, agent, &caps))
        .collect();
    offers.sort_by(|(a, a_graph), (b, b_graph)| offer::cmp((a, a_graph), (b, b_graph)));
    offers.into_iter().map(|(task, _)| task.id.clone()).collect()
}

/// What the rules of `decide` keep, as long as nothing but commands writes.
fn assert_rules_hold(world: &World) {
    let tasks = world.tasks();
    let leases = world.leases();
    let runs = world.runs();
    for task in &tasks {
        let id = &task.id;
        let graph = world.graph(id);
        let active: Vec<_> = leases
            .iter()
            .filter(|lease| lease.task_id == *id && lease.status == LeaseStatus::Active)
            .collect();
        assert!(active.len() <= 1, "{id} has {} active leases", active.len());
        if task.status == TaskStatus::InProgress {
            assert!(task.owner_agent_id.is_some(), "{id} is in progress and nobody's");
        }
        if let [lease] = active[..] {
            assert_eq!(task.status, TaskStatus::InProgress, "{id} is leased");
            assert_eq!(task.owner_agent_id.as_ref(), Some(&lease.agent_id));
            // Those before it were of who handed the lease over.
            let running: Vec<_> = runs
                .iter()
                .filter(|run| run.lease_id == lease.id && run.status == RunStatus::Running)
                .collect();
            assert!(matches!(running[..], [run] if run.agent_id == lease.agent_id));
        }
        let open_is_free = task.status != TaskStatus::Open || graph.blocked_by_count == 0;
        assert!(task.archived_at.is_some() || open_is_free, "{id} is open and has blockers");
        if task.blocked_by_rule {
            assert!(
                task.status == TaskStatus::Blocked && graph.blocked_by_count > 0,
                "{id} waits for nothing"
            );
        }
        let revisions = world.log.iter().filter(|event| event.stream.strip_prefix("task-") == Some(&**id));
        assert_eq!(task.version, revisions.count() as u64, "version of {id}");
        let fences: Vec<_> = world
            .log
            .iter()
            .filter(|event| {
                matches!(&*event.kind, "LeaseAcquired" | "LeaseTransferred")
                    && event.tags.iter().any(|tag| **tag == *format!("task:{id}"))
            })
            .map(|event| {
                let data: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
                data["fence"].as_u64().expect("a fence")
            })
            .collect();
        assert!(fences.iter().copied().eq(1..=fences.len() as u64), "fences of {id}: {fences:?}");
        assert_ne!(graph.dependency_depth, DEPTH_MAX, "{id} is in a ring");
    }
    for run in &runs {
        let lease = leases.iter().find(|lease| lease.id == run.lease_id).expect("its lease");
        if run.status == RunStatus::Running {
            assert_eq!(lease.status, LeaseStatus::Active);
        }
    }
    for lease in leases.iter().filter(|lease| lease.status == LeaseStatus::Active) {
        let Some(session) = &lease.session_id else { continue };
        let session = world.work.session(session).expect("its session");
        assert_eq!((session.status, &session.agent_id), (SessionStatus::Active, &lease.agent_id));
    }
    let mut seen = BTreeSet::new();
    for relationship in world.relationships() {
        let Relationship { from_task_id, to_task_id, kind, .. } = &*relationship;
        assert!(seen.insert((from_task_id.clone(), to_task_id.clone(), *kind)), "said twice");
    }
}

/// A state that was made in another way decides and folds as the kept one does.
pub(super) struct Twin {
    pub(super) work: Work,
    pub(super) rows: BTreeMap<(store::TableId, Text), store::Version<Row>>,
}

impl Twin {
    pub(super) fn follow(&mut self, world: &World, first: usize) {
        let mut changes = Vec::new();
        for event in &world.log[first..] {
            self.work.evolve(event, &mut changes);
            note(&mut self.rows, std::mem::take(&mut changes));
        }
        assert_eq!(self.rows, world.rows);
        assert_eq!(self.work.next_deadline(), world.work.next_deadline());
        for agent in (0..AGENTS).map(|n| name('a', n)) {
            let now = world.now.plus_ms(5_000);
            assert_eq!(offered(&self.work, &agent, now), offered(&world.work, &agent, now));
        }
    }

    pub(super) fn agrees(&self, world: &World, command: &Command) {
        let context = Context {
            now: world.now,
            seed: EventId(1 << 90),
            metadata: "{}".into(),
            actor: Some("a0".into()),
        };
        let told = |work: &Work| work.decide(&context, command.clone()).map(|decision| decision.events);
        assert_eq!(told(&self.work), told(&world.work));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn rules_hold_after_any_commands(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in steps {
            let Some(command) = world.command(step) else { continue };
            let _ = world.run(command);
            assert_tables_follow(&world);
            assert_rules_hold(&world);
        }
    }

    #[test]
    fn a_state_made_of_rows_is_the_state_made_of_events(
        steps in prop::collection::vec(step(), 1..80),
        cut in 0..80_usize,
    ) {
        let mut world = World::new();
        let mut twin = Twin { work: Work::new(), rows: BTreeMap::new() };
        for (i, step) in steps.into_iter().enumerate() {
            if i == cut {
                twin.work = world.restored();
            }
            let Some(command) = world.command(step) else { continue };
            twin.agrees(&world, &command);
            let first = world.log.len();
            let _ = world.run(command);
            twin.follow(&world, first);
        }
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_scores(
        a in (-5..=5_i8, 0..50_u32, 0..100_000_000_i64),
        b in (-5..=5_i8, 0..50_u32, 0..100_000_000_i64),
        later_ms in 0..10_000_000_000_i64,
    ) {
        let now = Timestamp(0).plus_ms(100_000_000 + later_ms);
        let made = |(priority, depth, created_ms): (i8, u32, i64)| {
            let mut world = World::new();
            world.raw("task-a", "TaskCreated", &format!(r#"{{"priority":{priority}}}"#));
            let mut task = Task::clone(&world.task("a"));
            task.created_at = Timestamp(0).plus_ms(created_ms);
            (task, TaskGraph { dependency_depth: depth, ..TaskGraph::default() })
        };
        let ((a, a_graph), (b, b_graph)) = (made(a), made(b));
        let keys = order_key(&a, &a_graph).cmp(&order_key(&b, &b_graph));
        let (a_score, b_score) = (score(&a, &a_graph, now), score(&b, &b_graph, now));
        // Keys are whole; scores are rounded, far below the smallest step of a key (2.8e-8).
        if (a_score - b_score).abs() > 1e-8 {
            prop_assert_eq!(Some(keys), a_score.partial_cmp(&b_score));
        } else {
            prop_assert_eq!(keys, std::cmp::Ordering::Equal);
        }
    }
}

/// The event says what the catalogue says it does, where it says.
fn assert_in_catalogue(event: &Event) {
    let entry = crate::event::find(&event.kind).expect("a type of the catalogue");
    assert!(event.stream.starts_with(entry.stream_prefix), "{event:?}");
    let data: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&event.data).expect("an object");
    for name in data.keys() {
        assert!(entry.fields.iter().any(|field| field.name == name), "{name} of {event:?}");
    }
    for field in entry.fields.iter().filter(|field| field.absent.is_empty()) {
        assert!(data.contains_key(field.name), "{} is missing in {event:?}", field.name);
    }
    let prefix = |tag: &str| tag.split_once(':').map(|(prefix, _)| prefix.to_owned()).expect("a colon");
    let allowed: Vec<_> = entry.tags.iter().map(|tag| prefix(tag)).collect();
    for tag in &event.tags {
        assert!(allowed.contains(&prefix(tag)), "{tag} of {event:?}");
    }
    for needed in ["task", "lease", "run", "relationship", "context", "progress"] {
        let may_lack = &*event.kind == "LeaseOverride" && needed == "lease";
        let has = event.tags.iter().any(|tag| prefix(tag) == needed);
        assert!(may_lack || has == allowed.iter().any(|prefix| prefix == needed), "{needed} of {event:?}");
    }
}

#[test]
fn the_steps_reach_every_outcome() {
    // Guards the properties above against steps that are all refused.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut kinds = BTreeSet::new();
    for _ in 0..150 {
        let steps = prop::collection::vec(step(), 80).new_tree(&mut runner).expect("steps").current();
        let mut world = World::new();
        for step in steps {
            if let Some(command) = world.command(step)
                && let Ok(Outcome::Claims { claims, .. }) = world.run(command)
            {
                assert!(claims.len() <= 3);
            }
        }
        world.log.iter().for_each(assert_in_catalogue);
        kinds.extend(world.log.iter().map(|event| event.kind.clone()));
    }
    let missing: Vec<_> = crate::event::CATALOGUE
        .iter()
        .map(|entry| entry.name)
        .filter(|name| !kinds.contains(*name))
        .collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}
