//! Statements and what they must answer, in files that read like a session:
//!
//! ```text
//! # What this file is about.
//! http POST /tasks {"id":"t1","title":"One"}
//!
//! query
//! SELECT id, caps FROM tasks
//! ----
//! id text, caps set
//! ["t1",["rust"]]
//!
//! error unknown_column 1:8
//! SELECT statsu FROM tasks
//! ----
//! status
//! ```
//!
//! A record ends at an empty line. `http` and `ok` must succeed, whatever they answer. `query` is followed by the statement, `----`, the
//! columns with their types, and one JSON array a row; `query PARAMS` and
//! `ok PARAMS` bind JSON parameters. `error CODE
//! LINE:COLUMN` is followed by the statement and, after `----`, words that message or hint must have. With
//! `AGENTPM_COMPLETE=1` the answers are written into the file instead of compared, for a person to read.

use crate::Client;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// One record of a file.
#[derive(Debug)]
struct Record {
    /// Its first line in the file, from 1.
    line: usize,
    comments: Vec<String>,
    head: String,
    statement: String,
    expected: Vec<String>,
}

/// Runs a file against a server of its own.
///
/// # Panics
/// When the file cannot be read, is malformed, or an answer is another one; all that differ are listed.
pub async fn run(path: &Path, client: &Client) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let complete = std::env::var_os("AGENTPM_COMPLETE").is_some();
    let mut wrong = Vec::new();
    let mut completed = String::new();
    for record in parse(&text) {
        let got = answer(&record, client).await;
        match check(&record, &got) {
            Ok(()) => {}
            Err(why) => {
                wrong.push(format!(
                    "{}:{}: {}\n{}{why}",
                    path.display(),
                    record.line,
                    record.head,
                    record.statement
                ));
            }
        }
        write(&record, &got, &mut completed);
    }
    if complete {
        std::fs::write(path, completed).expect("the file can be written");
    } else {
        assert!(wrong.is_empty(), "{} of the answers are others:\n\n{}", wrong.len(), wrong.join("\n\n"));
    }
}

fn parse(text: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    let mut comments = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            comments.push(line.to_owned());
            continue;
        }
        let mut record = Record {
            line: number + 1,
            comments: std::mem::take(&mut comments),
            head: line.to_owned(),
            statement: String::new(),
            expected: Vec::new(),
        };
        let mut after = false;
        while let Some((_, line)) = lines.next_if(|(_, line)| !line.is_empty()) {
            if line == "----" {
                after = true;
            } else if after {
                record.expected.push(line.to_owned());
            } else {
                let _ = writeln!(record.statement, "{line}");
            }
        }
        records.push(record);
    }
    records
}

/// What the server said: lines as they stand in a file, or the error.
enum Got {
    Lines(Vec<String>),
    Error { code: String, place: String, words: String },
}

async fn answer(record: &Record, client: &Client) -> Got {
    let (kind, rest) = record.head.split_once(' ').unwrap_or((&record.head, ""));
    if kind == "http" {
        let mut parts = rest.splitn(3, ' ');
        let (method, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let body = format!("{}{}", parts.next().unwrap_or_default(), record.statement);
        let body =
            serde_json::from_str(&body).unwrap_or_else(|error| panic!("line {}: {error}", record.line));
        client.call(method, path, &body).await.data();
        return Got::Lines(Vec::new());
    }
    let mut body = json!({ "pql": record.statement.trim_end_matches('\n') });
    if matches!(kind, "query" | "ok") && !rest.is_empty() {
        body["params"] =
            serde_json::from_str(rest).unwrap_or_else(|error| panic!("line {}: {error}", record.line));
    }
    let answer = client.post("/query", body).await;
    if !answer.ok() {
        let error = answer.error();
        let details = &error["details"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        return Got::Error {
            code: details["pql_code"].as_str().map_or_else(|| text(&error["code"]), str::to_owned),
            place: format!("{}:{}", details["line"], details["column"]),
            words: format!("{} {} {}", text(&error["message"]), text(&error["hint"]), text(&details["hint"])),
        };
    }
    let rows = answer.rows();
    let columns: Vec<String> = rows.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    let mut lines = vec![columns.join(", ")];
    for row in &rows.rows {
        let values: Vec<&Value> =
            rows.columns.iter().map(|(name, _)| row.get(name).unwrap_or(&Value::Null)).collect();
        lines.push(json!(values).to_string());
    }
    Got::Lines(lines)
}

fn check(record: &Record, got: &Got) -> Result<(), String> {
    let mut head = record.head.split(' ');
    let kind = head.next().unwrap_or_default();
    match (kind, got) {
        ("http", _) | ("ok", Got::Lines(_)) => Ok(()),
        ("query", Got::Lines(lines)) if lines == &record.expected => Ok(()),
        ("query", Got::Lines(lines)) => {
            Err(format!("---- expected\n{}\n---- got\n{}", record.expected.join("\n"), lines.join("\n")))
        }
        ("query" | "ok", Got::Error { code, place, words }) => {
            Err(format!("---- got error {code} {place}: {words}"))
        }
        ("error", Got::Error { code, place, words }) => {
            let wanted = (head.next().unwrap_or_default(), head.next());
            if wanted.0 != code || wanted.1.is_some_and(|wanted| wanted != place) {
                return Err(format!("---- got error {code} {place}: {words}"));
            }
            let missing = record.expected.iter().find(|wanted| !words.contains(wanted.as_str()));
            missing.map_or(Ok(()), |missing| Err(format!("---- `{missing}` is not said: {words}")))
        }
        ("error", Got::Lines(lines)) => Err(format!("---- should fail, but got\n{}", lines.join("\n"))),
        _ => panic!("line {}: a record begins with http, ok, query or error, not {kind}", record.line),
    }
}

fn write(record: &Record, got: &Got, out: &mut String) {
    for comment in &record.comments {
        let _ = writeln!(out, "{comment}");
    }
    let head = match got {
        Got::Error { code, place, .. } => format!("error {code} {place}"),
        Got::Lines(_) => record.head.clone(),
    };
    let _ = write!(out, "{head}\n{}", record.statement);
    let expected = match got {
        Got::Lines(lines) if record.head.starts_with("query") => lines,
        _ => &record.expected,
    };
    if !expected.is_empty() {
        let _ = writeln!(out, "----\n{}", expected.join("\n"));
    }
}
