//! What holds after any commands, and that a state made of rows is the state made of events.

use super::steps::{AGENTS, name, step};
use super::world::{World, note};
use crate::command::Outcome;
use crate::rows::{
    LeaseStatus, Relationship, RelationshipType, Row, RunStatus, SessionStatus, Task, TaskGraph, TaskStatus,
};
use crate::{Command, DEPTH_MAX, TextSet, Work, offer, order_key, score};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Context, Decider, Event, EventId, Text, Timestamp};

/// Every row that follows from others is what it follows to be: graph rows, parents, and the index.
pub(super) fn assert_tables_follow(world: &mut World) {
    assert_rows_follow(world, true);
}

/// The same; depths and the order of offers are asked for now and then only, so that what is not known gathers.
pub(super) fn assert_tables_follow_so_far(world: &mut World) {
    let asks = asks(world);
    assert_rows_follow(world, asks);
}

fn assert_rows_follow(world: &mut World, asks: bool) {
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
    let active = world.leases().into_iter().filter(|lease| lease.status == LeaseStatus::Active);
    let leased: BTreeSet<Text> = active.map(|lease| lease.task_id.clone()).collect();
    for id in &names {
        let children = || {
            let ids =
                parents.iter().filter(|(parent, _)| parent == id).filter_map(|(_, child)| tasks.get(child));
            ids.filter(|child| child.archived_at.is_none())
        };
        let done = children().filter(|child| child.status == TaskStatus::Completed).count();
        let waits = |task: &Arc<Task>| matches!(task.status, TaskStatus::Open | TaskStatus::Blocked);
        let graph = TaskGraph {
            held: leased.contains(id) && tasks.get(id).is_some_and(waits),
            blocked_by_count: blocks.iter().filter(|(from, to)| to == id && unfinished(from)).count() as u32,
            child_count: children().count() as u32,
            child_done_count: done as u32,
        };
        assert_eq!(world.graph(id), graph, "graph of {id}");
        assert_eq!(world.work.graph(id), graph);
        if asks {
            assert_eq!(world.work.depth(id), depths[id], "depth of {id}");
        }
        let parent = parents.iter().filter(|(_, child)| child == id).map(|(parent, _)| parent).min();
        if let Some(task) = tasks.get(id) {
            assert_eq!(task.parent_id.as_ref(), parent, "parent of {id}");
        }
    }
    if !asks {
        return;
    }
    for now in [world.now, world.now.plus_ms(10_000)] {
        for agent in (0..AGENTS).map(|n| name('a', n)) {
            let offered = offered(&mut world.work, &agent, now);
            assert_eq!(offered, best_first(world, &tasks, &depths, &agent, now));
            assert!(offered.iter().all(|id| !leased.contains(id)), "{offered:?} of {leased:?} leased");
        }
    }
}

/// Whether depths are asked for here.
fn asks(world: &World) -> bool {
    world.log.len() % 3 == 1
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

fn offered(work: &mut Work, agent: &Text, now: Timestamp) -> Vec<Text> {
    let caps = work.agent(agent).map_or_else(TextSet::default, |agent| agent.caps.clone());
    work.rank_offers(now);
    work.candidates(agent, &caps, now).map(|id| work.at(id).id.clone()).collect()
}

/// The offers by their definition: filter and sort.
fn best_first(
    world: &World,
    tasks: &BTreeMap<Text, Arc<Task>>,
    depths: &BTreeMap<Text, u32>,
    agent: &Text,
    now: Timestamp,
) -> Vec<Text> {
    let caps = world.work.agent(agent).map_or_else(TextSet::default, |agent| agent.caps.clone());
    let is_offered = |task: &&Arc<Task>| {
        offer::is_ready(task, &world.graph(&task.id), now) && offer::may_take_as(task, agent, &caps)
    };
    let mut offers: Vec<&Arc<Task>> = tasks.values().filter(is_offered).collect();
    offers.sort_by_key(|task| offer::Rank::of(task, depths[&task.id]));
    offers.into_iter().map(|task| task.id.clone()).collect()
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
            let running: Vec<_> = runs.iter().filter(|run| run.lease_id == lease.id).collect();
            assert!(matches!(
                running[..],
                [run] if run.agent_id == lease.agent_id && run.status == RunStatus::Running
            ));
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
                &*event.kind == "LeaseAcquired" && event.tags.iter().any(|tag| **tag == *format!("task:{id}"))
            })
            .map(|event| {
                let data: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
                data["fence"].as_u64().expect("a fence")
            })
            .collect();
        assert!(fences.iter().copied().eq(1..=fences.len() as u64), "fences of {id}: {fences:?}");
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
    pub(super) fn follow(&mut self, world: &mut World, first: usize) {
        let mut changes = Vec::new();
        for event in &world.log[first..] {
            self.work.evolve(event, &mut changes);
            note(&mut self.rows, std::mem::take(&mut changes));
        }
        assert_eq!(self.rows, world.rows);
        assert_eq!(self.work.next_deadline(), world.work.next_deadline());
        if !asks(world) {
            return;
        }
        for agent in (0..AGENTS).map(|n| name('a', n)) {
            let now = world.now.plus_ms(5_000);
            assert_eq!(offered(&mut self.work, &agent, now), offered(&mut world.work, &agent, now));
        }
    }

    pub(super) fn agrees(&mut self, world: &mut World, command: &Command) {
        let context = Context {
            now: world.now,
            seed: EventId(1 << 90),
            metadata: "{}".into(),
            actor: Some("a0".into()),
        };
        let told = |work: &mut Work| work.decide(&context, command.clone()).map(|decision| decision.events);
        assert_eq!(told(&mut self.work), told(&mut world.work));
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
            assert_tables_follow_so_far(&mut world);
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
            twin.agrees(&mut world, &command);
            let first = world.log.len();
            let _ = world.run(command);
            twin.follow(&mut world, first);
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
            (task, depth)
        };
        let ((a, a_depth), (b, b_depth)) = (made(a), made(b));
        let keys = order_key(&a, a_depth).cmp(&order_key(&b, b_depth));
        let (a_score, b_score) = (score(&a, a_depth, now), score(&b, b_depth, now));
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
