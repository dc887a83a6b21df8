//! A small, slow model of the work: what every table must say at every position, folded from the events as
//! `GET /events` gives them. It is written from the contract and the event catalogue, keeps plain maps, and
//! computes what is computed anew each time, so that it shares no idea with the product it is held against.

mod evolve;
mod graph;
mod offers;
#[cfg(test)]
mod test;

pub use offers::Offer;

use crate::time;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A row: column to value, as JSON.
pub type Row = Map<String, Value>;

/// The tables that are folded, each with its columns in the contract's order. The columns from
/// `blocked_by_count` on are computed.
pub const TABLES: &[(&str, &[&str])] = &[
    (
        "tasks",
        &[
            "id",
            "project_id",
            "parent_id",
            "title",
            "intent",
            "type",
            "status",
            "owner_agent_id",
            "priority",
            "class",
            "caps",
            "labels",
            "metadata",
            "version",
            "attempts",
            "max_attempts",
            "not_before",
            "due_at",
            "created_at",
            "updated_at",
            "completed_at",
            "cancelled_at",
            "archived_at",
            "blocked_by_count",
            "child_count",
            "child_done_count",
            "dependency_depth",
            "score",
        ],
    ),
    (
        "runs",
        &[
            "id",
            "task_id",
            "agent_id",
            "session_id",
            "lease_id",
            "attempt",
            "status",
            "failure_class",
            "failure_message",
            "started_at",
            "ended_at",
            "duration_ms",
            "cost",
            "tokens",
            "output",
        ],
    ),
    ("relationships", &["id", "from_task_id", "to_task_id", "type", "metadata", "created_at"]),
    ("progress_items", &["id", "task_id", "content", "completed", "created_at", "completed_at"]),
    ("contexts", &["id", "task_id", "type", "content", "metadata", "superseded_by", "created_at"]),
    ("agents", &["id", "name", "role", "caps", "metadata", "created_at", "last_seen_at"]),
    ("sessions", &["id", "agent_id", "status", "started_at", "ended_at", "last_heartbeat_at", "metadata"]),
    (
        "leases",
        &[
            "id",
            "task_id",
            "agent_id",
            "session_id",
            "fence",
            "status",
            "expires_at",
            "created_at",
            "updated_at",
        ],
    ),
];

/// How many of the columns of `tasks` are its own and not computed.
pub const TASK_OWN_COLUMNS: usize = 23;

/// The columns of `next_task`: those of tasks, the score among them.
#[must_use]
pub fn columns(table: &str) -> &'static [&'static str] {
    let table = if table == "next_task" { "tasks" } else { table };
    TABLES.iter().find(|(name, _)| *name == table).map(|(_, columns)| *columns).unwrap_or_default()
}

/// Everything there is at one position.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The position.
    pub position: u64,
    /// The time of the event there, in microseconds.
    pub time: i64,
    tables: BTreeMap<&'static str, BTreeMap<String, Row>>,
    touched: Vec<(&'static str, String)>,
}

impl World {
    /// The events up to and with `position`, folded.
    #[must_use]
    pub fn at(events: &[Value], position: u64) -> Self {
        let mut world = Self::default();
        world.advance(events, position);
        world
    }

    /// Goes on to `position`. `events` is the whole log, in order.
    pub fn advance(&mut self, events: &[Value], position: u64) {
        for event in events {
            let at = event["position"].as_u64().unwrap_or_default();
            if at > self.position && at <= position {
                self.apply(event);
            }
        }
    }

    /// One event further.
    ///
    /// # Panics
    /// When the event has no position or time.
    pub fn apply(&mut self, event: &Value) {
        self.touched.clear();
        self.position = event["position"].as_u64().expect("an event has a position");
        self.time = time::micros(event["time"].as_str().expect("an event has a time"));
        evolve::evolve(self, event);
    }

    /// Tables and keys of the rows that the last event wrote (not those it changed by way of computed columns).
    #[must_use]
    pub fn touched(&self) -> &[(&'static str, String)] {
        &self.touched
    }

    /// A row without computed columns.
    #[must_use]
    pub fn row(&self, table: &str, key: &str) -> Option<&Row> {
        self.tables.get(table)?.get(key)
    }

    /// All rows of a table without computed columns, by key.
    pub fn stored(&self, table: &str) -> impl Iterator<Item = (&str, &Row)> {
        self.tables.get(table).into_iter().flatten().map(|(key, row)| (key.as_str(), row))
    }

    /// All rows of a table as `SELECT *` gives them at `now` (microseconds; the score depends on it).
    #[must_use]
    pub fn rows(&self, table: &str, now: i64) -> Vec<Row> {
        if table != "tasks" {
            return self.stored(table).map(|(_, row)| row.clone()).collect();
        }
        let graph = graph::Graph::of(self);
        self.stored("tasks").map(|(_, task)| graph.complete(task, now)).collect()
    }

    /// What `SELECT next_task` would offer at `now`, best first, all of it.
    #[must_use]
    pub fn next_task(&self, agent: Option<&str>, now: i64) -> Vec<Row> {
        offers::next_task(self, agent, now)
    }

    fn put(&mut self, table: &'static str, key: &str, row: Row) {
        self.touched.push((table, key.to_owned()));
        self.tables.entry(table).or_default().insert(key.to_owned(), row);
    }

    fn remove(&mut self, table: &'static str, key: &str) {
        self.touched.push((table, key.to_owned()));
        self.tables.entry(table).or_default().remove(key);
    }

    /// Changes a row that is there; what is said of a row that is not there changes nothing.
    fn change(&mut self, table: &'static str, key: &str, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.tables.entry(table).or_default().get_mut(key) {
            change(row);
            self.touched.push((table, key.to_owned()));
        }
    }
}

/// The last position whose event has a time of at most `moment` (microseconds).
#[must_use]
pub fn position_at(events: &[Value], moment: i64) -> u64 {
    let earlier = |event: &&Value| event["time"].as_str().is_some_and(|at| time::micros(at) <= moment);
    events.iter().take_while(earlier).last().and_then(|event| event["position"].as_u64()).unwrap_or(0)
}
