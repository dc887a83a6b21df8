//! The tables as a fold of the log says they were: what the engine is held to.

use super::fixture::Fixture;
use crate::json;
use crate::tables::{self, TableSchema};
use crate::views::Current;
use domain::Work;
use domain::rows::{Row, Table};
use store::{Commit, Decider, Direction, Event, Position, RowChange};

/// The tables that have rows of their own, with the model's name for each.
pub(super) const TABLES: [(&TableSchema, Table); 8] = [
    (&tables::tasks::SCHEMA, Table::Tasks),
    (&tables::runs::SCHEMA, Table::Runs),
    (&tables::relationships::SCHEMA, Table::Relationships),
    (&tables::progress_items::SCHEMA, Table::ProgressItems),
    (&tables::contexts::SCHEMA, Table::Contexts),
    (&tables::agents::SCHEMA, Table::Agents),
    (&tables::leases::SCHEMA, Table::Leases),
    (&tables::sessions::SCHEMA, Table::Sessions),
];

/// One event, what it changed, and every table right after it.
pub(super) struct Step {
    pub(super) event: Event,
    pub(super) changes: Vec<RowChange<Row>>,
    pub(super) after: Current,
}

/// Folds the whole log, event by event.
pub(super) fn steps(fixture: &Fixture) -> Vec<Step> {
    let mut work = Work::new();
    let mut current = Current::default();
    let log = fixture.store().reader().events(Position::ZERO, fixture.head(), Direction::Forward);
    log.map(|event| {
        let event = event.unwrap();
        let mut changes = Vec::new();
        work.evolve(&event, &mut changes);
        current.apply(&Commit {
            first: event.position,
            last: event.position,
            time: event.time,
            events: Vec::new(),
            changes: changes.clone(),
            answers: Vec::new(),
            next_deadline: None,
        });
        Step { event, changes, after: current.clone() }
    })
    .collect()
}

impl Step {
    /// Every row of a table as JSON, by key.
    pub(super) fn rows(&self, schema: &TableSchema, table: Table) -> Vec<String> {
        let rows = self.after.rows(table).iter();
        let depths = self.after.depths();
        rows.map(|(key, entry)| {
            let mut out = Vec::new();
            let fields = entry.fields(depths.get(key), self.event.time).expect("a table of PQL");
            json::fields(schema, &fields, |_| true, &mut out);
            String::from_utf8(out).unwrap()
        })
        .collect()
    }

    /// One row as JSON.
    pub(super) fn row(&self, schema: &TableSchema, table: Table, key: &str) -> String {
        let (_, entry) = self.after.rows(table).row(key).expect("the row this event made");
        let mut out = Vec::new();
        let depth = self.after.depths().get(key);
        let fields = entry.fields(depth, self.event.time).expect("a table of PQL");
        json::fields(schema, &fields, |_| true, &mut out);
        String::from_utf8(out).unwrap()
    }
}
