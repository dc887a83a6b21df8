//! The numbers that are kept up with the rows are those that counting gives.

use super::fixture::{Fixture, SECOND, create, words};
use super::refold::steps;
use crate::Counts;
use crate::views::Current;
use domain::offer;
use domain::rows::{LeaseStatus, Row, Table, TaskStatus};
use store::Timestamp;

/// In µs.
const YEAR: i64 = 366 * 86_400 * SECOND;

fn counted(current: &Current, now: Timestamp) -> Counts {
    let mut counts = Counts::default();
    for (_, entry) in current.rows(Table::Tasks).iter() {
        let Row::Task(task) = &entry.version.row else { continue };
        counts.ready += usize::from(offer::is_ready(task, &entry.graph, now));
        match task.archived_at {
            Some(_) => counts.archived += 1,
            None => {
                counts.tasks[TaskStatus::ALL.iter().position(|status| *status == task.status).unwrap()] += 1;
            }
        }
    }
    let active = |row: &Row| matches!(row, Row::Lease(lease) if lease.status == LeaseStatus::Active);
    counts.leases =
        current.rows(Table::Leases).iter().filter(|(_, entry)| active(&entry.version.row)).count();
    counts
}

#[test]
fn after_every_event_of_a_story_and_whatever_the_time() {
    let fixture = Fixture::new();
    let soon = Timestamp(fixture.now().0 + 10 * SECOND);
    let far = Timestamp(fixture.now().0 + 1_000 * YEAR);
    fixture.run(create("later", |task| task.not_before = Some(soon)));
    fixture.run(create("never", |task| {
        task.not_before = Some(far);
        task.caps = words(&["rust"]);
    }));
    fixture.story();
    let mut seen = Counts::default();
    for step in steps(&fixture) {
        for now in [step.event.time, Timestamp(soon.0 - 1), soon, Timestamp(i64::MAX - 1)] {
            let counts = step.after.counts(now);
            assert_eq!(counts, counted(&step.after, now), "at {} as of {now:?}", step.event.position);
            seen.ready = seen.ready.max(counts.ready);
            seen.archived = seen.archived.max(counts.archived);
            seen.leases = seen.leases.max(counts.leases);
        }
    }
    assert!(seen.ready > 2 && seen.archived > 0 && seen.leases > 0, "the story has all of it: {seen:?}");
    // And the same when all rows are read at once.
    let loaded = Current::load(&fixture.store().reader()).unwrap();
    assert_eq!(loaded.counts(fixture.now()), counted(&loaded, fixture.now()));
}
