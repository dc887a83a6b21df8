use crate::command::{
    AcquireLease, AddRelationship, Change, Claim, Claimed, CompleteTask, CreateTask, FailTask, Guard,
    Outcome, RegisterAgent, TransitionTask, UpdateTask,
};
use crate::rows::{FailureClass, RelationshipType, Row, Table, TaskGraph, TaskStatus};
use crate::{Command, Rejection, Work, time};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{
    Context, Decider, Event, EventId, NewEvent, Position, Revision, RowChange, Stamp, TableId, Text,
    Timestamp, Version,
};

/// A writer without a disk, and the tables that follow from what it was told of rows.
pub(super) struct World {
    pub(super) work: Work,
    pub(super) now: Timestamp,
    pub(super) log: Vec<Event>,
    pub(super) rows: BTreeMap<(TableId, Text), Version<Row>>,
    revisions: FxHashMap<Text, u64>,
    seed: u128,
    actor: Option<Text>,
    session: Option<Text>,
    /// Ids the model made, in order, so that expectations can name them `%1`, `%2`, …
    made: Vec<Text>,
    /// Events that have been looked at for such ids.
    learnt: usize,
    /// Rows that the last event changed.
    pub(super) changed: usize,
}

/// Every command comes a second after the one before.
const STEP_MS: i64 = 1_000;

impl World {
    pub(super) fn new() -> Self {
        Self {
            work: Work::new(),
            now: time::parse("2026-01-01T00:00:00Z").expect("a moment"),
            log: Vec::new(),
            rows: BTreeMap::new(),
            revisions: FxHashMap::default(),
            seed: 1 << 100,
            actor: None,
            session: None,
            made: Vec::new(),
            learnt: 0,
            changed: 0,
        }
    }

    /// One of several nodes: its ids are its own, and its clock is that far from the others'.
    pub(super) fn node(number: u8, clock_ms: i64) -> Self {
        let mut world = Self::new();
        world.seed += u128::from(number) << 110;
        world.wait_ms(clock_ms);
        world
    }

    /// Carries a command out as the store's writer does.
    pub(super) fn run(&mut self, command: Command) -> Result<Outcome, Rejection> {
        self.now = self.now.plus_ms(STEP_MS);
        self.seed += 1 << 40;
        let members = [("agent_id", &self.actor), ("session_id", &self.session)];
        let members: Vec<String> = members
            .iter()
            .filter_map(|(name, value)| Some(format!(r#""{name}":"{}""#, value.as_ref()?)))
            .collect();
        let metadata = format!("{{{}}}", members.join(","));
        let context = Context {
            now: self.now,
            seed: EventId(self.seed),
            metadata: metadata.into(),
            actor: self.actor.clone(),
        };
        let decision = self.work.decide(&context, command)?;
        let first = self.log.len();
        for (k, event) in decision.events.into_iter().enumerate() {
            let id = event.id.unwrap_or(context.seed.plus((1 << 16) + k as u128));
            self.append(id, event);
        }
        Ok(self.work.answer(decision.pending, &self.log[first..]))
    }

    /// Decides commands and folds their events in one after another, as the members of an atomic group, and
    /// takes it all back. Gives how many events that were.
    pub(super) fn detour(&mut self, commands: Vec<Command>) -> usize {
        let mut revisions = self.revisions.clone();
        let mut position = self.log.len() as u64;
        let mut changes = Vec::new();
        for command in commands {
            self.seed += 1 << 40;
            let context =
                Context { now: self.now, seed: EventId(self.seed), metadata: "{}".into(), actor: None };
            let Ok(decision) = self.work.decide(&context, command) else { continue };
            for (new, k) in decision.events.into_iter().zip(1 << 16..) {
                position += 1;
                let event = event(position, context.seed.plus(k), new, context.now, &mut revisions);
                self.work.evolve(&event, &mut changes);
            }
        }
        // Whoever asks on the way learns what is to be forgotten again.
        if position % 2 == 1 {
            self.work.rank_offers(self.now);
        }
        self.work.undo(&changes);
        (position - self.log.len() as u64) as usize
    }

    /// Commits one event and folds it in.
    pub(super) fn append(&mut self, id: EventId, new: NewEvent) {
        let position = self.log.len() as u64 + 1;
        let metadata = self.work.mark(Position(position), &new.metadata).unwrap_or(new.metadata);
        let event = event(position, id, NewEvent { metadata, ..new }, self.now, &mut self.revisions);
        let mut changes = Vec::new();
        self.work.evolve(&event, &mut changes);
        self.log.push(event);
        self.changed = changes.len();
        note(&mut self.rows, changes);
    }

    /// An event that no command makes.
    pub(super) fn raw(&mut self, stream: &str, kind: &str, data: &str) {
        self.now = self.now.plus_ms(STEP_MS);
        self.seed += 1 << 40;
        let new = NewEvent {
            id: None,
            stream: stream.into(),
            kind: kind.into(),
            data: data.into(),
            metadata: "{}".into(),
            tags: Vec::new(),
            time: None,
        };
        self.append(EventId(self.seed), new);
    }

    /// Carries a command out and compares what it wrote, one line an event (`Type stream data`, the id in
    /// the data left out), or its refusal, after a `!`. Ids that the model made are `%1`, `%2`, … in the
    /// order they first appear anywhere.
    #[track_caller]
    pub(super) fn check(&mut self, command: Command, expected: &str) {
        let first = self.log.len();
        let mut told = match self.run(command) {
            Ok(_) => self.log[first..].iter().map(line).collect::<Vec<_>>().join("\n"),
            Err(rejection) => format!("! {rejection}"),
        };
        self.learn();
        for (i, id) in self.made.iter().enumerate().rev() {
            told = told.replace(&**id, &format!("%{}", i + 1));
        }
        let expected = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
        assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    }

    /// Carries a command out that must be accepted.
    #[track_caller]
    pub(super) fn ok(&mut self, command: Command) -> Outcome {
        let outcome = self.run(command).unwrap_or_else(|rejection| panic!("refused: {rejection}"));
        self.learn();
        outcome
    }

    /// Carries a command out that must be refused.
    #[track_caller]
    pub(super) fn refused(&mut self, command: Command) -> Rejection {
        match self.run(command) {
            Ok(outcome) => panic!("accepted: {outcome:?}"),
            Err(rejection) => rejection,
        }
    }

    fn learn(&mut self) {
        for event in &self.log[self.learnt..] {
            let id = event.stream.split_once('-').map_or("", |(_, id)| id);
            // An id is new with the first event of its stream.
            if event.revision == Revision(1) && EventId::parse(id).is_ok() {
                self.made.push(id.into());
            }
        }
        self.learnt = self.log.len();
    }

    /// The id that expectations call `%n`.
    #[track_caller]
    pub(super) fn made(&self, n: usize) -> Text {
        self.made[n - 1].clone()
    }

    pub(super) fn acting_as(&mut self, actor: &str) {
        self.acting(Some(actor));
    }

    /// As somebody, or nobody who says who it is.
    pub(super) fn acting(&mut self, actor: Option<&str>) {
        self.actor = actor.map(Text::from);
    }

    /// Everything from now on is written in that session.
    pub(super) fn in_session(&mut self, session: &str) {
        self.session = Some(session.into());
    }

    pub(super) fn wait_ms(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
    }

    #[track_caller]
    pub(super) fn task(&self, id: &str) -> Arc<crate::rows::Task> {
        Arc::clone(self.work.task(id).unwrap_or_else(|| panic!("no task {id}")))
    }

    #[track_caller]
    pub(super) fn claim_one(&mut self, agent: &str) -> Claimed {
        match self.ok(claim(agent)) {
            Outcome::Claims { mut claims, .. } => claims.pop().expect("there is work"),
            other => panic!("{other:?}"),
        }
    }

    /// The ids a claim of so many takes.
    #[track_caller]
    pub(super) fn claimed_ids(&mut self, agent: &str, limit: u32) -> Vec<String> {
        let command = Claim { agent_id: agent.into(), session_id: None, filter: None, ttl_ms: None, limit };
        match self.ok(Command::Claim(command)) {
            Outcome::Claims { claims, .. } => {
                claims.iter().map(|claim| claim.task.task.id.to_string()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Goes on with a state made of the tables alone.
    pub(super) fn reopen(&mut self) {
        self.work = self.restored();
    }

    /// A state made of the tables alone, as after opening at a checkpoint.
    pub(super) fn restored(&self) -> Work {
        let mut work = Work::new();
        // Any order must do; this one is far from the order of the events.
        for ((table, key), version) in self.rows.iter().rev() {
            work.restore(*table, key.clone(), version.clone());
        }
        work.restored();
        work
    }
}

/// Enters row changes into tables, and holds them to what they must be.
pub(super) fn note(
    rows: &mut BTreeMap<(TableId, Text), Version<Row>>,
    changes: Vec<RowChange<Row>>,
) -> Vec<(TableId, Text)> {
    let mut touched = BTreeSet::new();
    for change in changes {
        let place = (change.table, change.key.clone());
        assert!(touched.insert(place.clone()), "one event changes {place:?} twice");
        let before = match change.after {
            Some(row) => rows.insert(place.clone(), Version { row, from: change.at }),
            None => rows.remove(&place),
        };
        assert_eq!(before, change.before, "before of {place:?}");
    }
    touched.into_iter().collect()
}

/// An event of the log.
fn event(
    position: u64,
    id: EventId,
    new: NewEvent,
    now: Timestamp,
    revisions: &mut FxHashMap<Text, u64>,
) -> Event {
    let revision = revisions.entry(new.stream.clone()).or_default();
    *revision += 1;
    Event {
        position: Position(position),
        id,
        stream: new.stream,
        revision: Revision(*revision),
        kind: new.kind,
        time: new.time.unwrap_or(now),
        data: new.data,
        metadata: new.metadata,
        tags: new.tags,
    }
}

fn line(event: &Event) -> String {
    let mut data: serde_json::Value = serde_json::from_str(&event.data).expect("data is JSON");
    if let Some(data) = data.as_object_mut() {
        data.remove("id");
        data.sort_keys();
    }
    format!("{} {} {data}", event.kind, event.stream)
}

pub(super) fn guard(lease_id: &str) -> Guard {
    Guard { lease_id: Some(lease_id.into()), ..Guard::default() }
}

pub(super) fn version(version: u64) -> Guard {
    Guard { expected_version: Some(version), ..Guard::default() }
}

pub(super) fn by_override() -> Guard {
    Guard { override_lease: true, ..Guard::default() }
}

pub(super) fn agent(id: &str, caps: &[&str]) -> Command {
    Command::RegisterAgent(RegisterAgent {
        id: Some(id.into()),
        name: id.into(),
        role: None,
        caps: caps.iter().copied().collect(),
        metadata: None,
    })
}

pub(super) fn new_task(id: &str) -> CreateTask {
    CreateTask { id: Some(id.into()), title: id.into(), ..CreateTask::default() }
}

pub(super) fn task(id: &str) -> Command {
    Command::CreateTask(new_task(id))
}

pub(super) fn task_after(id: &str, blocked_by: &[&str]) -> Command {
    let blocked_by = blocked_by.iter().map(|&id| id.into()).collect();
    Command::CreateTask(CreateTask { blocked_by, ..new_task(id) })
}

pub(super) fn claim(agent: &str) -> Command {
    Command::Claim(Claim { agent_id: agent.into(), session_id: None, filter: None, ttl_ms: None, limit: 1 })
}

pub(super) fn acquire(task: &str, agent: &str) -> Command {
    Command::AcquireLease(AcquireLease {
        task_id: task.into(),
        agent_id: agent.into(),
        session_id: None,
        ttl_ms: None,
    })
}

pub(super) fn transition(task: &str, status: TaskStatus, guard: Guard) -> TransitionTask {
    TransitionTask { task_id: task.into(), status, guard, reason: None, blocked_by: Vec::new() }
}

pub(super) fn to(task: &str, status: TaskStatus, guard: Guard) -> Command {
    Command::TransitionTask(transition(task, status, guard))
}

pub(super) fn complete(task: &str, guard: Guard) -> Command {
    Command::CompleteTask(CompleteTask {
        task_id: task.into(),
        guard,
        output: None,
        evidence: None,
        cost: None,
        tokens: None,
    })
}

pub(super) fn fail(task: &str, guard: Guard, class: FailureClass) -> FailTask {
    FailTask { task_id: task.into(), guard, class, message: "it broke".into(), retry_after_ms: None }
}

pub(super) fn release(task: &str, guard: Guard) -> Command {
    Command::ReleaseTask { task_id: task.into(), guard, note: None }
}

pub(super) fn link(from: &str, kind: RelationshipType, to: &str) -> Command {
    Command::AddRelationship(AddRelationship {
        from_task_id: from.into(),
        to_task_id: to.into(),
        kind,
        metadata: None,
    })
}

pub(super) fn changes(task: &str, guard: Guard) -> UpdateTask {
    UpdateTask { task_id: task.into(), guard, ..UpdateTask::default() }
}

pub(super) fn under(task: &str, parent: Change<Text>, guard: Guard) -> Command {
    Command::UpdateTask(UpdateTask { parent_id: parent, ..changes(task, guard) })
}

impl World {
    pub(super) fn graph(&self, id: &str) -> TaskGraph {
        match self.rows.get(&(Table::TaskGraph.id(), id.into())) {
            Some(Version { row: Row::TaskGraph(graph), .. }) => *graph,
            Some(other) => panic!("{other:?}"),
            None => TaskGraph::default(),
        }
    }

    pub(super) fn stamp(&self, table: Table, key: &str) -> Option<Arc<Stamp>> {
        self.rows.get(&(table.id(), key.into())).map(|version| Arc::clone(&version.from))
    }
}
