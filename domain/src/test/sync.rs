//! Several nodes that work apart and hear from each other: whatever order events come in, the tables are equal.

use super::properties::{assert_tables_follow, assert_tables_follow_so_far};
use super::steps::{Step, step};
use super::world::{
    World, acquire, by_override, claim, complete, link, new_task, note, task, task_after, to,
};
use crate::command::{CreateTask, TransitionTask};
use crate::merge::{self, Incoming};
use crate::rows::{Agent, RelationshipType, Row, Table, Task, TaskGraph, TaskStatus};
use crate::{Command, Work};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Event, EventId, Text};

/// A small generator of its own: orders and batches are many draws, and need no shrinking.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

struct Nodes {
    worlds: Vec<World>,
    dice: Dice,
}

fn id_of(node: usize) -> EventId {
    EventId(7 + node as u128)
}

/// What the server does with a push: known ones are left out, the streams of the others are looked through.
fn push(to: &mut World, node: EventId, events: &[Event]) {
    let known: BTreeSet<EventId> = to.log.iter().map(|event| event.id).collect();
    let mut seen = known;
    let mut incoming = Vec::new();
    for event in events {
        if seen.insert(event.id) {
            incoming.push(Incoming::new(node, event).expect("events of a node can be taken"));
        }
    }
    let streams: BTreeSet<Text> = incoming.iter().map(|event| event.stream.clone()).collect();
    let planned = merge::plan(to.log.iter().filter(|event| streams.contains(&event.stream)), incoming);
    for new in planned {
        to.append(new.id.expect("it has one"), new);
    }
}

impl Nodes {
    fn new(count: usize, dice: u64) -> Self {
        // Clocks are far apart: nothing may depend on them.
        let worlds = (0..count).map(|n| World::node(n as u8, [0, 70_000, -40_000, 3_000][n % 4])).collect();
        Self { worlds, dice: Dice(dice) }
    }

    /// Some or all of what `from` has that travels, in any order and any batches, some of it twice.
    fn send(&mut self, from: usize, to: usize, all: bool) {
        let log = &self.worlds[from].log;
        let mut events: Vec<Event> =
            log.iter().filter(|event| merge::travels(&event.stream, &event.kind)).cloned().collect();
        self.dice.shuffle(&mut events);
        if !all {
            let some = self.dice.below(events.len() + 1);
            events.truncate(some);
        }
        let again = self.dice.below(events.len() + 1);
        events.extend_from_within(..again);
        let mut rest = &events[..];
        while !rest.is_empty() {
            let batch = 1 + self.dice.below(rest.len().min(1 + rest.len() / 2));
            push(&mut self.worlds[to], id_of(from), &rest[..batch]);
            rest = &rest[batch..];
        }
    }

    /// Everybody hears everything.
    fn settle(&mut self) {
        for _ in 0..2 {
            let mut pairs: Vec<(usize, usize)> = (0..self.worlds.len())
                .flat_map(|from| (0..self.worlds.len()).map(move |to| (from, to)))
                .filter(|(from, to)| from != to)
                .collect();
            self.dice.shuffle(&mut pairs);
            for (from, to) in pairs {
                self.send(from, to, true);
            }
        }
    }
}

/// The rows that must be equal on all nodes, without what is each node's own: versions count its own stream,
/// leases are taken and outlive a task's status there, and it alone knows when it saw an agent.
fn shared(rows: &BTreeMap<(store::TableId, Text), store::Version<Row>>) -> BTreeMap<(Table, Text), Row> {
    let table = |id| Table::from_id(id).expect("a table");
    rows.iter()
        .filter(|((id, _), _)| {
            !matches!(table(*id), Table::Leases | Table::Runs | Table::Sessions | Table::Clock)
        })
        .map(|((id, key), version)| {
            let row = match &version.row {
                Row::Task(task) => {
                    Row::Task(Arc::new(Task { version: 0, elsewhere: false, ..Task::clone(task) }))
                }
                Row::Agent(agent) => {
                    Row::Agent(Arc::new(Agent { last_seen_at: agent.created_at, ..Agent::clone(agent) }))
                }
                Row::TaskGraph(graph) => Row::TaskGraph(TaskGraph { held: false, ..*graph }),
                row => row.clone(),
            };
            ((table(*id), key.clone()), row)
        })
        .filter(|(_, row)| *row != Row::TaskGraph(TaskGraph::default()))
        .collect()
}

fn assert_equal(worlds: &[World]) {
    let first = shared(&worlds[0].rows);
    for (n, world) in worlds.iter().enumerate().skip(1) {
        let other = shared(&world.rows);
        let keys: BTreeSet<_> = first.keys().chain(other.keys()).collect();
        for key in keys {
            assert_eq!(first.get(key), other.get(key), "{key:?} on node 0 and node {n}");
        }
    }
}

/// Numbers made here rise, past all that were seen.
fn assert_lamports_rise(world: &World) {
    let mut last = None;
    for event in &world.log {
        let order = merge::order(event);
        if !event.metadata.contains(r#""origin""#) {
            assert!(Some(order) > last, "{event:?} comes before an event that was seen");
        }
        last = last.max(Some(order));
    }
}

/// Every log folded again, and every state made of rows, is what was kept.
fn assert_kept(world: &World) {
    let (mut work, mut rows, mut changes) = (Work::new(), BTreeMap::new(), Vec::new());
    for event in &world.log {
        store::Decider::evolve(&mut work, event, &mut changes);
        note(&mut rows, std::mem::take(&mut changes));
    }
    assert_eq!(rows, world.rows);
    assert_eq!(world.restored().skew(), world.work.skew());
}

#[derive(Debug, Clone)]
enum Do {
    Work(usize, Step),
    Send(usize, usize),
    Reopen(usize),
}

fn deeds(nodes: usize) -> impl Strategy<Value = Vec<Do>> {
    let one = prop_oneof![
        12 => (0..nodes, step()).prop_map(|(node, step)| Do::Work(node, step)),
        2 => (0..nodes, 1..nodes).prop_map(move |(from, further)| Do::Send(from, (from + further) % nodes)),
        1 => (0..nodes).prop_map(Do::Reopen),
    ];
    prop::collection::vec(one, 1..90)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_order_gives_equal_tables(
        (count, deeds) in (3..=4_usize).prop_flat_map(|count| (Just(count), deeds(count))),
        dice in any::<u64>(),
    ) {
        let mut nodes = Nodes::new(count, dice);
        for deed in deeds {
            match deed {
                Do::Work(node, step) => {
                    let world = &mut nodes.worlds[node];
                    if let Some(command) = world.command(step) {
                        let _ = world.run(command);
                    }
                }
                Do::Send(from, to) => {
                    nodes.send(from, to, false);
                    assert_tables_follow_so_far(&mut nodes.worlds[to]);
                }
                Do::Reopen(node) => nodes.worlds[node].work = nodes.worlds[node].restored(),
            }
        }
        nodes.settle();
        // One that was never there hears it all from one of them.
        nodes.worlds.push(World::node(9, 0));
        nodes.send(0, count, true);
        assert_equal(&nodes.worlds);
        for world in &mut nodes.worlds {
            assert_tables_follow(world);
            assert_lamports_rise(world);
            assert_kept(world);
        }
    }
}

/// Two nodes that know the tasks `a` and `b`.
fn pair() -> Nodes {
    let mut nodes = Nodes::new(2, 1);
    nodes.worlds[0].ok(task("a"));
    nodes.worlds[0].ok(task("b"));
    nodes.send(0, 1, true);
    nodes
}

fn blocks(from: &str, to: &str) -> Command {
    link(from, RelationshipType::Blocks, to)
}

fn conflicts(world: &World) -> Vec<(Text, Text)> {
    let rows = world.rows.values().filter_map(|version| match &version.row {
        Row::Conflict(conflict) => Some(conflict),
        _ => None,
    });
    rows.map(|row| (row.relationship.from_task_id.clone(), row.relationship.to_task_id.clone())).collect()
}

#[test]
fn a_cycle_is_cut_at_its_youngest_and_heals_when_it_is_gone() {
    let mut nodes = pair();
    nodes.worlds[0].ok(blocks("a", "b"));
    nodes.worlds[1].ok(blocks("b", "a"));
    nodes.settle();
    assert_equal(&nodes.worlds);
    let cut = conflicts(&nodes.worlds[0]);
    assert_eq!(cut, [("b".into(), "a".into())], "node 1's clock is ahead");
    let holding = &nodes.worlds[0].relationships()[..];
    let [holding] = holding else { panic!("{holding:?}") };
    let (from, to) = (holding.from_task_id.clone(), holding.to_task_id.clone());
    assert_eq!((&*from, &*to), ("a", "b"));
    // Both were blocked by the rule, each where its edge was made: only one of them has a blocker.
    assert_eq!(nodes.worlds[0].task("b").status, TaskStatus::Blocked);
    assert_eq!(nodes.worlds[0].task("a").status, TaskStatus::Open);
    // What closes a cycle with an edge that was left out is refused as well.
    nodes.worlds[0].refused(blocks("b", "a"));
    let id = holding.id.clone();
    nodes.worlds[0].ok(Command::RemoveRelationship { relationship_id: id });
    assert_eq!(conflicts(&nodes.worlds[0]), []);
    assert_eq!(nodes.worlds[0].task("b").status, TaskStatus::Open);
    assert_eq!(nodes.worlds[0].task("a").status, TaskStatus::Blocked);
    nodes.settle();
    assert_equal(&nodes.worlds);
}

#[test]
fn an_edge_that_was_left_out_can_be_removed() {
    let mut nodes = pair();
    nodes.worlds[0].ok(blocks("a", "b"));
    nodes.worlds[1].ok(blocks("b", "a"));
    nodes.settle();
    let left_out = nodes.worlds[0].rows.keys().find(|(table, _)| *table == Table::Conflicts.id());
    let id = left_out.expect("a conflict").1.clone();
    nodes.worlds[0].ok(Command::RemoveRelationship { relationship_id: id });
    nodes.settle();
    assert_equal(&nodes.worlds);
    assert_eq!(conflicts(&nodes.worlds[1]), []);
    assert_eq!(nodes.worlds[1].task("b").status, TaskStatus::Blocked);
}

#[test]
fn a_task_whose_blocker_ended_elsewhere_is_not_stuck() {
    let mut nodes = pair();
    nodes.worlds[0].ok(task_after("c", &["a"]));
    nodes.send(0, 1, true);
    assert_eq!(nodes.worlds[1].task("c").status, TaskStatus::Blocked);
    // Node 1 does not know of c's second blocker, node 0 not that the first has ended.
    nodes.worlds[0].ok(blocks("b", "c"));
    nodes.worlds[1].ok(to("a", TaskStatus::Cancelled, by_override()));
    assert_eq!(nodes.worlds[1].task("c").status, TaskStatus::Open);
    nodes.settle();
    assert_equal(&nodes.worlds);
    assert_eq!(nodes.worlds[0].graph("c").blocked_by_count, 1);
    assert_eq!(nodes.worlds[0].claimed_ids("bob", 9), ["b"], "c is not offered");
}

/// Node 0 hears of these events of node 1 alone.
fn hear(nodes: &mut Nodes, wanted: impl Fn(&Event) -> bool) {
    let events: Vec<Event> = nodes.worlds[1].log.iter().filter(|event| wanted(event)).cloned().collect();
    push(&mut nodes.worlds[0], id_of(1), &events);
}

#[test]
fn a_task_that_is_made_after_its_relationships_came_blocks_at_once() {
    let mut nodes = Nodes::new(2, 1);
    nodes.worlds[1].ok(task("a"));
    nodes.worlds[1].ok(task_after("b", &["a"]));
    hear(&mut nodes, |event| &*event.stream != "task-a");
    assert_eq!(nodes.worlds[0].task("b").status, TaskStatus::Open, "nobody here knows what blocks it");
    nodes.worlds[0].ok(task("a"));
    assert_eq!(nodes.worlds[0].task("b").status, TaskStatus::Blocked);
    nodes.settle();
    assert_equal(&nodes.worlds);
}

#[test]
fn a_task_that_is_made_into_a_ring_is_left_out_of_it() {
    let mut nodes = Nodes::new(2, 1);
    nodes.worlds[1].ok(task("a"));
    nodes.worlds[1].ok(task_after("b", &["a"]));
    hear(&mut nodes, |event| &*event.stream != "task-b");
    nodes.worlds[0].ok(Command::CreateTask(CreateTask { blocks: vec!["a".into()], ..new_task("b") }));
    assert_eq!(conflicts(&nodes.worlds[0]).len(), 1);
    nodes.settle();
    assert_equal(&nodes.worlds);
}

#[test]
fn a_lease_whose_task_another_node_finished_ends_without_touching_it() {
    let mut nodes = pair();
    let lease = nodes.worlds[0].claim_one("bob").lease;
    assert_eq!(&*lease.task_id, "a");
    nodes.worlds[1].ok(acquire("a", "eve"));
    let theirs = nodes.worlds[1].work.node("a").and_then(|node| node.last_lease()).cloned();
    nodes.worlds[1].ok(complete("a", super::world::guard(&theirs.expect("eve's lease"))));
    nodes.settle();
    assert_eq!(nodes.worlds[0].task("a").status, TaskStatus::Completed);
    nodes.worlds[0].wait_ms(1_000_000);
    nodes.worlds[0].ok(Command::Expire);
    assert_eq!(nodes.worlds[0].task("a").status, TaskStatus::Completed);
    nodes.settle();
    assert_equal(&nodes.worlds);
}

#[test]
fn what_two_claimed_is_whose_claim_came_later_and_the_other_lease_ends_quietly() {
    let mut nodes = pair();
    let mine = nodes.worlds[0].claim_one("bob").lease;
    // Node 1 has counted further.
    nodes.worlds[1].ok(task("z"));
    nodes.worlds[1].ok(claim("eve"));
    nodes.settle();
    assert_equal(&nodes.worlds);
    assert_eq!(nodes.worlds[0].task("a").owner_agent_id.as_deref(), Some("eve"));
    nodes.worlds[0].ok(Command::ReleaseLease { lease_id: mine.id.clone() });
    assert_eq!(nodes.worlds[0].task("a").status, TaskStatus::InProgress, "eve works on");
    assert_eq!(store::Decider::next_deadline(&nodes.worlds[0].work), None);
}

#[test]
fn what_is_of_one_node_alone_is_refused() {
    let mut world = World::node(0, 0);
    world.ok(task("a"));
    world.ok(claim("bob"));
    for event in &world.log {
        let taken = Incoming::new(id_of(0), event).is_ok();
        assert_eq!(taken, merge::travels(&event.stream, &event.kind), "{event:?}");
        assert_eq!(taken, event.stream.starts_with("task-"), "{event:?}");
    }
}

/// Node 0 holds `a`, and hears from node 1 that it is open.
fn opened_elsewhere() -> (Nodes, Text) {
    let mut nodes = pair();
    let lease = nodes.worlds[0].claim_one("bob").lease.id.clone();
    nodes.send(0, 1, true);
    // Node 1 has counted further.
    nodes.worlds[1].ok(to("a", TaskStatus::Open, by_override()));
    nodes.send(1, 0, true);
    let row = nodes.worlds[0].task("a");
    assert_eq!((row.status, row.elsewhere), (TaskStatus::Open, true));
    (nodes, lease)
}

#[test]
fn a_task_that_is_opened_elsewhere_is_offered_once_its_lease_is_over() {
    let offers = |world: &World| {
        let ids = world.work.candidates(&"eve".into(), &crate::TextSet::default(), world.now);
        ids.map(|id| world.work.at(id).id.clone()).filter(|id| &**id == "a").count()
    };
    let ends: [fn(&mut World, Text); 3] = [
        |world, lease| drop(world.ok(Command::ReleaseLease { lease_id: lease })),
        |world, lease| {
            let block = super::world::transition("a", TaskStatus::Blocked, super::world::guard(&lease));
            world.ok(Command::TransitionTask(TransitionTask { reason: Some("why".into()), ..block }));
            assert!(!world.graph("a").held);
            world.ok(to("a", TaskStatus::Open, by_override()));
        },
        |world, _| {
            world.wait_ms(1_000_000);
            world.ok(Command::Expire);
        },
    ];
    for end in ends {
        let (mut nodes, lease) = opened_elsewhere();
        let world = &mut nodes.worlds[0];
        assert_eq!((offers(world), world.graph("a").held), (0, true));
        assert_eq!(offers(&nodes.worlds[1]), 1, "there it is nobody's");
        let world = &mut nodes.worlds[0];
        world.refused(acquire("a", "eve"));
        end(world, lease);
        assert_eq!((offers(world), world.graph("a").held), (1, false));
        assert_tables_follow(world);
        nodes.settle();
        assert_equal(&nodes.worlds);
    }
}
