//! What the server says against what the model says. Every difference is named; none is forgiven.

use crate::client::Rows;
use crate::model::{self, Row, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Scores come from floating point on both sides, at one and the same moment.
pub const SCORE_EXACT: f64 = 1e-6;
/// Scores at a moment that only the server knows (`now()`, `AGO`): half a minute is worth this much.
pub const SCORE_NOW: f64 = 1e-3;
/// More differences than this say nothing new.
const SHOWN_MAX: usize = 12;

/// How `got` differs from `expected`: the columns, the rows, their order, their values. Empty when it does not.
#[must_use]
pub fn table(name: &str, expected: &[Row], got: &Rows, score_tolerance: f64) -> Vec<String> {
    let mut found = Vec::new();
    let columns: Vec<&str> = got.columns.iter().map(|(name, _)| name.as_str()).collect();
    if columns != model::columns(name) {
        found.push(format!("{name}: columns are {columns:?}"));
    }
    rows(name, expected, &got.rows, score_tolerance, &mut found);
    found
}

/// How the rows differ, in order; both sides have an `id` (or a `position`) in each.
pub fn rows(name: &str, expected: &[Row], got: &[Row], score_tolerance: f64, found: &mut Vec<String>) {
    let key = |row: &Row| row.get("id").or(row.get("position")).map(ToString::to_string).unwrap_or_default();
    let expected_keys: Vec<String> = expected.iter().map(key).collect();
    let got_keys: Vec<String> = got.iter().map(key).collect();
    let by_key: BTreeMap<&String, &Row> = got_keys.iter().zip(got).collect();
    for (key, row) in expected_keys.iter().zip(expected) {
        match by_key.get(key) {
            None => found.push(format!("{name} {key}: is missing, expected {row:?}")),
            Some(got) => row_differences(&format!("{name} {key}"), row, got, score_tolerance, found),
        }
    }
    let wanted: BTreeSet<&String> = expected_keys.iter().collect();
    let surplus = got_keys.iter().filter(|key| !wanted.contains(key));
    found.extend(surplus.map(|key| format!("{name} {key}: is too much")));
    if found.is_empty() && expected_keys != got_keys {
        found.push(format!("{name}: the order is {got_keys:?}, expected {expected_keys:?}"));
    }
}

fn row_differences(what: &str, expected: &Row, got: &Row, score_tolerance: f64, found: &mut Vec<String>) {
    for (column, value) in expected {
        let other = got.get(column).unwrap_or(&Value::Null);
        let tolerance = if column == "score" { score_tolerance } else { 0.0 };
        if !same(value, other, tolerance) {
            found.push(format!("{what}.{column}: is {other}, expected {value}"));
        }
    }
    for column in got.keys().filter(|column| !expected.contains_key(*column)) {
        found.push(format!("{what}.{column}: no such column is expected"));
    }
}

/// Whether two JSON values say the same; 2 and 2.0 do.
fn same(a: &Value, b: &Value, tolerance: f64) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            x == y
                || ((x.is_f64() || y.is_f64())
                    && x.as_f64().zip(y.as_f64()).is_some_and(|(x, y)| (x - y).abs() <= tolerance))
        }
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y, tolerance))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same(x, y, tolerance)))
        }
        _ => a == b,
    }
}

/// Every folded table of the server at a moment against the world. `moment` is what stands after `AS OF`;
/// empty for now.
pub async fn everything(client: &crate::Client, world: &World, moment: &str, now: i64) -> Vec<String> {
    let tolerance = if moment.is_empty() || moment.ends_with("AGO") { SCORE_NOW } else { SCORE_EXACT };
    let mut found = Vec::new();
    for (name, _) in model::TABLES {
        let as_of = if moment.is_empty() { String::new() } else { format!(" AS OF {moment}") };
        let got = client.query(&format!("SELECT * FROM {name}{as_of}")).await;
        found.extend(table(name, &world.rows(name, now), &got, tolerance));
    }
    found
}

/// Panics with the first differences, when there are any.
///
/// # Panics
/// When there are.
#[track_caller]
pub fn none(what: &str, found: &[String]) {
    let shown = found.iter().take(SHOWN_MAX).map(|line| format!("\n  {line}")).collect::<String>();
    assert!(found.is_empty(), "{what}: {} difference(s){shown}", found.len());
}
