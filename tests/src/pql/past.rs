//! The tables at every moment, as the model folds them, with the types of their columns.

use super::Stop;
use super::value::{Type, Value};
use crate::model::{self, Row, World};
use crate::time;
use grammar::Code;
use grammar::ast::MomentKind;
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The columns of `events`.
const EVENTS: &[(&str, Type)] = &[
    ("position", Type::Int),
    ("id", Type::Text),
    ("stream", Type::Text),
    ("revision", Type::Int),
    ("type", Type::Text),
    ("time", Type::Time),
    ("data", Type::Json),
    ("metadata", Type::Json),
    ("tags", Type::Set),
    ("task_id", Type::Text),
    ("agent_id", Type::Text),
    ("session_id", Type::Text),
    ("correlation_id", Type::Text),
];

/// What HISTORY adds.
const HISTORY: &[(&str, Type)] = &[
    ("valid_from", Type::Time),
    ("valid_to", Type::Time),
    ("from_position", Type::Int),
    ("to_position", Type::Int),
    ("event_id", Type::Text),
    ("event_type", Type::Text),
    ("actor", Type::Text),
];

/// A position, and what `now()` is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The position.
    pub position: u64,
    /// Microseconds since 1970.
    pub now: i64,
}

/// Rows, each with its place among those of its table (`first` and `last` go by it).
type Rows = Rc<Vec<(i64, Vec<Value>)>>;

/// A log that stands still, and every table it ever made.
pub struct Past {
    events: Vec<Json>,
    worlds: RefCell<BTreeMap<u64, Rc<World>>>,
    tables: RefCell<BTreeMap<(String, bool, At), Rows>>,
}

impl Past {
    /// A whole log, in order, as `GET /events` gives it.
    #[must_use]
    pub fn new(events: Vec<Json>) -> Self {
        Self { events, worlds: RefCell::default(), tables: RefCell::default() }
    }

    /// The log.
    #[must_use]
    pub fn events(&self) -> &[Json] {
        &self.events
    }

    /// Its last position.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.events.len() as u64
    }

    /// Everything at that position.
    pub fn world(&self, position: u64) -> Rc<World> {
        let mut worlds = self.worlds.borrow_mut();
        worlds.entry(position).or_insert_with(|| Rc::new(World::at(&self.events, position))).clone()
    }

    /// Columns of a table, if there is one of that name.
    pub(super) fn columns(table: &str, history: bool) -> Option<Vec<(&'static str, Type)>> {
        let mut columns: Vec<(&str, Type)> = if table == "events" {
            EVENTS.to_vec()
        } else {
            let columns = model::columns(table);
            if columns.is_empty() {
                return None;
            }
            columns.iter().map(|column| (*column, column_type(column))).collect()
        };
        if history {
            columns.extend_from_slice(HISTORY);
        }
        Some(columns)
    }

    /// The rows of a table at a moment, in its own order.
    pub(super) fn rows(&self, table: &str, history: bool, at: At) -> Rows {
        let key = (table.to_owned(), history, at);
        if let Some(rows) = self.tables.borrow().get(&key) {
            return rows.clone();
        }
        let rows = Rc::new(self.fold(table, history, at));
        self.tables.borrow_mut().insert(key, rows.clone());
        rows
    }

    fn fold(&self, table: &str, history: bool, at: At) -> Vec<(i64, Vec<Value>)> {
        let columns = Self::columns(table, history).expect("the table is there");
        let world = self.world(at.position);
        let rows: Vec<Row> = match table {
            "events" => self.events.iter().take(index(at.position)).map(event).collect(),
            "next_task" => world.next_task(None, at.now),
            _ if history => self.versions(table, at.position),
            _ => world.rows(table, at.now),
        };
        let place = |index: usize, row: &Row| match (table, history) {
            ("events", _) => row["position"].as_i64(),
            (_, true) => row["from_position"].as_i64(),
            _ => i64::try_from(index).ok(),
        };
        let row = |(index, row): (usize, Row)| {
            let values = values(&columns, &row);
            (place(index, &row).expect("a row has a place"), values)
        };
        rows.into_iter().enumerate().map(row).collect()
    }

    /// Tasks that `agent` could take, best first, as rows of `next_task`.
    pub(super) fn offers(&self, agent: Option<&str>, at: At) -> Vec<Vec<Value>> {
        let columns = Self::columns("next_task", false).expect("there is such a table");
        self.world(at.position).next_task(agent, at.now).iter().map(|row| values(&columns, row)).collect()
    }

    /// Every version of every row up to a position, by key: one begins with each event that changes the row.
    fn versions(&self, table: &str, position: u64) -> Vec<Row> {
        let mut world = World::default();
        let mut versions: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for event in self.events.iter().take(index(position)) {
            world.apply(event);
            let keys: BTreeSet<String> = world
                .touched()
                .iter()
                .filter(|(name, _)| *name == table)
                .map(|(_, key)| key.clone())
                .collect();
            for key in keys {
                let known = versions.entry(key.clone()).or_default();
                let same = known.last().zip(world.row(table, &key)).is_some_and(|(before, row)| {
                    before["to_position"].is_null() && row.iter().all(|(name, value)| before[name] == *value)
                });
                if same {
                    continue;
                }
                if let Some(before) = known.last_mut().filter(|before| before["to_position"].is_null()) {
                    before.insert("valid_to".into(), event["time"].clone());
                    before.insert("to_position".into(), event["position"].clone());
                }
                if let Some(row) = world.row(table, &key) {
                    let mut row = row.clone();
                    for (name, value) in [
                        ("valid_from", event["time"].clone()),
                        ("valid_to", Json::Null),
                        ("from_position", event["position"].clone()),
                        ("to_position", Json::Null),
                        ("event_id", event["id"].clone()),
                        ("event_type", event["type"].clone()),
                        ("actor", event["metadata"]["agent_id"].clone()),
                    ] {
                        row.insert(name.into(), value);
                    }
                    known.push(row);
                }
            }
        }
        versions.into_values().flatten().collect()
    }

    /// The moment that stands in the statement, asked when the server's clock was somewhere between two readings.
    pub(super) fn moment(&self, moment: &MomentKind, asked: (i64, i64)) -> Result<At, Stop> {
        let after_head = Err(Stop::Error(Code::MomentAfterHead));
        match moment {
            MomentKind::Now => Ok(At { position: self.head(), now: asked.0 }),
            MomentKind::Position(position) if *position > self.head() => after_head,
            MomentKind::Position(position) => Ok(self.at(*position)),
            MomentKind::Event(id) => match self.events.iter().position(|event| event["id"] == id.as_str()) {
                Some(index) => Ok(self.at(index as u64 + 1)),
                None => after_head,
            },
            MomentKind::Time(at) if *at > asked.1 => after_head,
            MomentKind::Time(at) => Ok(At { position: model::position_at(&self.events, *at), now: *at }),
            MomentKind::Ago(ago) => {
                let ago =
                    i64::try_from(ago.as_micros()).map_err(|_| Stop::Unknowable("a moment before time"))?;
                let (early, late) = (asked.0 - ago, asked.1 - ago);
                let position = model::position_at(&self.events, early);
                if position != model::position_at(&self.events, late) {
                    return Err(Stop::Unknowable("AGO lies between two events that are too near"));
                }
                Ok(At { position, now: early })
            }
        }
    }

    /// The moment of that event.
    #[must_use]
    pub fn at(&self, position: u64) -> At {
        let event = position.checked_sub(1).and_then(|before| self.events.get(index(before)));
        let now = event.and_then(|event| event["time"].as_str()).map_or(0, time::micros);
        At { position, now }
    }
}

fn index(position: u64) -> usize {
    usize::try_from(position).expect("a log that is held in memory")
}

fn values(columns: &[(&'static str, Type)], row: &Row) -> Vec<Value> {
    let value = |(name, kind): &(&str, Type)| Value::of_column(row.get(*name).unwrap_or(&Json::Null), *kind);
    columns.iter().map(value).collect()
}

/// An event as a row.
fn event(event: &Json) -> Row {
    let mut row = event.as_object().expect("an event is an object").clone();
    let mut tags = event["tags"].as_array().into_iter().flatten().filter_map(Json::as_str);
    row.insert("task_id".into(), json!(tags.find_map(|tag| tag.strip_prefix("task:"))));
    for name in ["agent_id", "session_id", "correlation_id"] {
        row.insert(name.into(), event["metadata"][name].clone());
    }
    row
}

fn column_type(column: &str) -> Type {
    match column {
        "caps" | "labels" => Type::Set,
        "metadata" | "output" => Type::Json,
        "priority" | "version" | "attempts" | "max_attempts" | "blocked_by_count" | "child_count"
        | "child_done_count" | "dependency_depth" | "attempt" | "duration_ms" | "tokens" | "fence" => {
            Type::Int
        }
        "score" | "cost" => Type::Float,
        "completed" => Type::Bool,
        "not_before" | "due_at" | "last_heartbeat_at" => Type::Time,
        _ if column.ends_with("_at") => Type::Time,
        _ => Type::Text,
    }
}
