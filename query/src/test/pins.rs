use super::fixture::{Fixture, create, execute};
use super::refold::{TABLES, steps};
use crate::views::{PENDING_EVENTS_MAX, Views};
use domain::rows::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::{Commit, Position, Timestamp};

/// While another thread writes, every statement sees tables and log at one head, and what is pinned does
/// not move.
#[test]
fn a_statement_sees_one_head_while_others_write() {
    let fixture = Fixture::new();
    fixture.run(create("root", |_| {}));
    let store = fixture.store().clone();
    let first = fixture.now();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for nth in 0..400i64 {
                let command = create(&format!("t{nth}"), |task| task.parent_id = Some("root".into()));
                execute(&store, Timestamp(first.0 + nth), command);
            }
            done.store(true, Ordering::Release);
        });
        let mut heads = Vec::new();
        let mut finished = false;
        while !finished {
            finished = done.load(Ordering::Acquire);
            let durable = fixture.head();
            let pinned = fixture.engine.pin();
            assert!(pinned.head().position >= durable, "a pin is never behind what is durable");
            let children = pinned.relationships_of("root").len();
            assert_eq!(pinned.count(Table::Tasks), children + 1);
            assert_eq!(pinned.graph("root").child_count as usize, children);
            let same = fixture.query(
                "SELECT t.n FROM (SELECT count(*) AS n FROM tasks) AS t \
                 JOIN (SELECT count(*) AS n FROM events WHERE type = 'TaskCreated') AS e ON e.n = t.n \
                 JOIN (SELECT count(*) AS n FROM relationships) AS r ON r.n + 1 = t.n \
                 JOIN (SELECT child_count AS n FROM tasks WHERE id = 'root') AS c ON c.n = r.n",
            );
            assert_eq!(same.len(), 1, "tables of one statement are of one head");
            assert_eq!(pinned.relationships_of("root").len(), children, "a pin does not move");
            heads.push(pinned.head().position);
        }
        assert!(heads.is_sorted());
    });
    assert_eq!(fixture.engine.pin().count(Table::Tasks), 401);
    assert_eq!(fixture.engine.pin().head().position, fixture.head());
}

/// Views kept from row changes are those of a refold, and those that a start loads.
#[test]
fn kept_loaded_and_refolded_are_the_same() {
    let fixture = Fixture::new();
    fixture.story();
    let loaded = Views::new();
    loaded.load(|| fixture.store().reader()).unwrap();
    let (kept, loaded) = (fixture.engine.pin().current, loaded.pin());
    let steps = steps(&fixture);
    let refolded = &steps.last().unwrap().after;
    assert_eq!((kept.head, loaded.head), (refolded.head, refolded.head));
    for (_, table) in TABLES {
        let rows = |current: &crate::views::Current| -> Vec<String> {
            let rows = current.rows(table).iter();
            rows.map(|(key, entry)| {
                format!("{key} {:?} {:?} {:?}", entry.version.row, entry.version.from, entry.graph)
            })
            .collect()
        };
        assert_eq!(rows(&kept), rows(refolded), "{table:?}");
        assert_eq!(rows(&loaded), rows(refolded), "{table:?}");
    }
    let pinned = fixture.engine.pin();
    for (task, _) in pinned.bare_tasks() {
        let id = &task.id;
        let about = |table: Table| kept.about(table, id).cloned().collect::<Vec<_>>();
        let scanned = |table: Table| {
            let rows = kept.rows(table).iter();
            rows.filter(|(_, entry)| {
                format!("{:?}", entry.version.row).contains(&format!("task_id: \"{id}\""))
            })
            .map(|(key, _)| key.clone())
            .collect::<Vec<_>>()
        };
        for table in [Table::Runs, Table::Leases, Table::Contexts, Table::ProgressItems, Table::Relationships]
        {
            assert_eq!(about(table), scanned(table), "{table:?} of {id}");
            assert_eq!(loaded.about(table, id).cloned().collect::<Vec<_>>(), scanned(table));
        }
        assert_eq!(pinned.runs_of(id).len(), scanned(Table::Runs).len());
    }
}

/// At the bound the thread that commits takes in what waits.
#[test]
fn what_waits_is_bounded() {
    let fixture = Fixture::new();
    fixture.run(create("t", |_| {}));
    let event = fixture.store().reader().event(Position(1)).unwrap().unwrap();
    let views = Views::new();
    let push = |events: usize, last: u64| {
        views.push(&Arc::new(Commit {
            first: Position(1),
            last: Position(last),
            time: event.time,
            events: vec![event.clone(); events],
            changes: Vec::new(),
            answers: Vec::new(),
            next_deadline: None,
        }));
    };
    push(PENDING_EVENTS_MAX - 1, 5);
    assert_eq!(views.pending_events(), PENDING_EVENTS_MAX - 1);
    push(1, 6);
    assert_eq!(views.pending_events(), 0);
    assert_eq!(views.pin().head.position, Position(6));
}
