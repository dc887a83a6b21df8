//! Bad input, everywhere: one table of what is sent, through which doors, and what must come back.
//!
//! [`row`] says what a row is, [`stage`] sets the server it is asked of; the rows are in one file an area. After each
//! of them the head has not moved and the server still answers. [`complete`] holds the table to what the product
//! says of itself: a code, a route, a frame or a statement without a row fails it. [`hostile`] sends what no row
//! can list: every field of every body, every parameter, header and frame, with every hostile value.

mod batch;
mod complete;
mod durable;
mod every;
mod frames;
mod hostile;
mod later;
mod log;
mod query;
mod row;
mod stage;
mod work;

use row::{Ask, Door, Row};
use serde_json::Value;
use stage::{Seen, Stage};

/// The whole table.
fn table() -> Vec<Row> {
    [
        work::rows(),
        batch::rows(),
        log::rows(),
        durable::rows(),
        query::rows(),
        frames::rows(),
        every::rows(),
        later::rows(),
    ]
    .concat()
}

/// What is wrong with an answer, if anything.
fn wrong(row: &Row, seen: &Seen) -> Option<String> {
    if let Ask::Cli(_) = row.ask {
        let missing = row.words.iter().find(|word| !seen.stderr.contains(**word));
        return match (seen.status == row.status, missing) {
            (true, None) => None,
            _ => Some(format!(
                "exit {} and {:?} were due, not {}: {}",
                row.status, row.words, seen.status, seen.stderr
            )),
        };
    }
    let error = &seen.body["error"];
    let status = if matches!(row.ask, Ask::Frame(_)) && seen.status == 0 { row.status } else { seen.status };
    if (status, error["code"].as_str().unwrap_or_default()) != (row.status, row.code) {
        return Some(format!(
            "{} {} was due, not {} {}",
            row.status,
            row.code,
            seen.status,
            short(&seen.body)
        ));
    }
    let details = &error["details"];
    let pointers: Vec<&str> =
        details.as_array().into_iter().flatten().filter_map(|problem| problem["pointer"].as_str()).collect();
    let message = error["message"].as_str().unwrap_or_default();
    let not_there = |what: String| Some(format!("{what}: {}", short(&seen.body)));
    if let Some(missing) = row.pointers.iter().find(|pointer| !pointers.contains(pointer)) {
        return not_there(format!("the details do not point at {missing:?}"));
    }
    if let Some(missing) = row.words.iter().find(|word| !seen.body.to_string().contains(**word)) {
        return not_there(format!("`{missing}` is not said"));
    }
    if let Some((name, value)) = row.details.iter().find(|(name, value)| details[*name] != *value) {
        return not_there(format!("details.{name} is not {value}"));
    }
    if let Some((code, line, column)) = row.pql
        && (details["pql_code"] != code || details["line"] != line || details["column"] != column)
    {
        return not_there(format!("{code} {line}:{column} was due"));
    }
    let hint = error["hint"].as_str().unwrap_or_default();
    if hint.trim().is_empty() {
        return not_there("every error says in `hint` what to do".to_owned());
    }
    if message.is_empty() || !error["retryable"].is_boolean() || !error["next"].is_array() {
        return not_there("an error has a message, retryable and next".to_owned());
    }
    if let Some(missing) = promised(row.code).iter().find(|name| details.get(**name).is_none()) {
        return not_there(format!("the details of {} have `{missing}`", row.code));
    }
    if row.code == "ERR_VALIDATION"
        && details.as_array().is_none_or(|all| {
            all.is_empty() || all.iter().any(|one| !one["pointer"].is_string() || !one["message"].is_string())
        })
    {
        return not_there("ERR_VALIDATION lists problems with their pointers".to_owned());
    }
    let headers = seen.headers.as_ref()?;
    let due = match row.code {
        "ERR_UNAUTHORIZED" => &["x-request-id", "www-authenticate"][..],
        "ERR_UNAVAILABLE" | "ERR_RATE_LIMIT" => &["x-request-id", "agentpm-position", "retry-after"],
        _ => &["x-request-id", "agentpm-position"],
    };
    let missing = due.iter().find(|name| !headers.contains_key(**name))?;
    not_there(format!("the header {missing} is missing"))
}

/// The members that the details of a code always have.
fn promised(code: &str) -> &'static [&'static str] {
    match code {
        "ERR_PQL" => &["pql_code", "line", "column", "length", "hint"],
        "ERR_UNAUTHORIZED" | "ERR_FORBIDDEN" => &["rule", "reason"],
        "ERR_INVALID_STATE" => &["from", "to", "allowed"],
        "ERR_LEASE_REQUIRED" | "ERR_LEASE_EXPIRED" => &["holder", "since", "expires_at"],
        "ERR_PAYLOAD_TOO_LARGE" => &["bytes_max"],
        _ => &[],
    }
}

/// The beginning of a body, for messages.
fn short(body: &Value) -> String {
    let text = body.to_string();
    text.chars().take(600).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_answered_as_it_says_and_moves_nothing() {
    let mut stage = Stage::set().await;
    let head = stage.head().await;
    let mut found = Vec::new();
    for row in table() {
        let doors = match &row.ask {
            Ask::Call { doors, .. } => doors,
            Ask::Frame(_) | Ask::Cli(_) => &[Door::Tcp][..],
        };
        for door in doors {
            let seen = stage.ask(&row.ask, *door).await;
            let until = row.later.map_or_else(String::new, |brings| format!(" (until {brings} is built)"));
            if let Some(wrong) = wrong(&row, &seen) {
                found.push(format!("{} through {door:?}{until}: {wrong}", row.name()));
            }
            // Asking for it is a proof of life too.
            let now = stage.head().await;
            if now != head {
                found.push(format!("{}: head went from {head} to {now}", row.name()));
                stage = Stage::set().await;
            }
        }
    }
    assert!(found.is_empty(), "{} wrong:\n{}", found.len(), found.join("\n"));
}
