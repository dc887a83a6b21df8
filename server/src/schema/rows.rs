//! Rows, from the tables' own definitions.
//!
//! A table says the PQL type of a column, under which any value may be null. Which columns never are, and which hold
//! a word of a closed list, is said here.

use super::build::{described, list, nullable, object, own, refer, text, time, words};
use super::{Kind, Type};
use domain::rows::{
    Class, ContextType, FailureClass, LeaseStatus, RelationshipType, Role, RunStatus, TaskStatus,
};
use query::Type as Pql;
use query::tables::{self, Column, TableSchema};
use serde_json::{Value, json};

/// A table whose rows answers hold: its name, the name of its rows, and the columns that may be null.
const TABLES: &[(&str, &str, &[&str])] = &[
    (
        "tasks",
        "Task",
        &[
            "project_id",
            "parent_id",
            "intent",
            "type",
            "owner_agent_id",
            "not_before",
            "due_at",
            "completed_at",
            "cancelled_at",
            "archived_at",
        ],
    ),
    (
        "runs",
        "Run",
        &[
            "session_id",
            "failure_class",
            "failure_message",
            "ended_at",
            "duration_ms",
            "cost",
            "tokens",
            "output",
        ],
    ),
    ("relationships", "Relationship", &[]),
    ("progress_items", "ProgressItem", &["completed_at"]),
    ("contexts", "Context", &["superseded_by"]),
    ("agents", "Agent", &[]),
    ("sessions", "Session", &["ended_at"]),
    ("leases", "Lease", &["session_id"]),
    ("conflicts", "Conflict", &[]),
    ("schema_migrations", "SchemaMigration", &["applied_at"]),
    ("snapshots", "Snapshot", &["time"]),
    ("subscriptions", "Subscription", &["params", "order_by", "webhook"]),
];

/// The name of the rows of a table.
pub(crate) fn name_of(table: &str) -> &'static str {
    TABLES.iter().find(|(known, ..)| *known == table).map_or("", |(_, name, _)| name)
}

pub(super) fn types() -> Vec<Type> {
    let mut types = Vec::new();
    for (table, name, nulls) in TABLES {
        let schema =
            tables::schema(table).expect("a table that answers are made of is a table of the engine");
        let columns: Vec<(&str, Value)> =
            schema.columns.iter().map(|column| (column.name, column_of(schema, column, nulls))).collect();
        let whole = described(&format!("A row of `{table}`. {}", schema.doc), object(columns.clone()));
        types.push(Type::new(*name, Kind::Row, whole));
        let optional: Vec<String> = columns.iter().map(|(name, _)| format!("{name}?")).collect();
        let some = optional.iter().map(String::as_str).zip(columns.into_iter().map(|(_, column)| column));
        let some =
            described(&format!("Some columns of a row of `{table}`, as a list shows it."), object(some));
        types.push(Type::new(format!("{name}Columns"), Kind::Row, some));
    }
    types.push(Type::new("Event", Kind::Row, event()));
    types
}

fn column_of(table: &TableSchema, column: &Column, nulls: &[&str]) -> Value {
    let schema = match closed(table.name, column.name) {
        Some(words) => words,
        None => of_type(column.ty, column.name),
    };
    let schema = if nulls.contains(&column.name) { nullable(schema) } else { schema };
    described(column.doc, schema)
}

fn of_type(ty: Pql, column: &str) -> Value {
    match ty {
        Pql::Null => json!({ "type": "null" }),
        Pql::Bool => json!({ "type": "boolean" }),
        Pql::Int => json!({ "type": "integer" }),
        Pql::Float => json!({ "type": "number" }),
        Pql::Text | Pql::Duration => text(),
        Pql::Time => time(),
        Pql::Set => list(text()),
        Pql::Json if column == "metadata" => own(),
        Pql::Json => json!({}),
    }
}

/// The words of a column that has a closed list of them.
fn closed(table: &str, column: &str) -> Option<Value> {
    Some(match (table, column) {
        ("tasks", "status") => words(TaskStatus::ALL),
        ("tasks", "class") => words(Class::ALL),
        ("runs", "status") => words(RunStatus::ALL),
        ("runs", "failure_class") => words(FailureClass::ALL),
        ("relationships", "type") => words(RelationshipType::ALL),
        ("contexts", "type") => words(ContextType::ALL),
        ("agents", "role") => words(Role::ALL),
        ("leases", "status") => words(LeaseStatus::ALL),
        ("subscriptions", "status") => words(["active", "off"]),
        ("subscriptions", "order_by") => words(["stream"]),
        _ => return None,
    })
}

/// An event as the API gives it: the columns of `events` without those that are read out of its metadata; the data
/// of the work model's own events is what the catalogue says.
fn event() -> Value {
    let nulls = ["data"];
    let table = &tables::events::SCHEMA;
    let own: Vec<(&str, Value)> = table
        .columns
        .iter()
        .take_while(|column| column.name != "task_id")
        .map(|column| (column.name, column_of(table, column, &nulls)))
        .collect();
    let mut schema = described(&format!("An event. {}", table.doc), object(own));
    let data = domain::event::CATALOGUE.iter().map(|entry| {
        json!({
            "if": { "properties": { "type": { "const": entry.name } } },
            "then": { "properties": { "data": refer(entry.name) } },
        })
    });
    schema["allOf"] = data.collect::<Vec<_>>().into();
    schema
}
