//! One statement asked of a server, and its answer as a file shows it.

use super::expand::expand;
use crate::{Client, Server, Socket};
use serde_json::{Value, json};
use sqllogictest::{AsyncDB, ColumnType, DBOutput};
use std::fmt;

/// A longer line of a statement is not repeated in an error.
const LINE_CHARS_MAX: usize = 200;

/// Asks a server what the statements of a file say.
#[derive(Clone)]
pub(super) struct Asker {
    client: Client,
    url: String,
}

/// The types stand in an answer's first line, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnyType;

impl ColumnType for AnyType {
    fn from_char(_: char) -> Option<Self> {
        Some(Self)
    }

    fn to_char(&self) -> char {
        'T'
    }
}

/// Why a statement was refused, drawn as a person reads it.
#[derive(Debug)]
pub struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

#[async_trait::async_trait]
impl AsyncDB for Asker {
    type Error = Failure;
    type ColumnType = AnyType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<AnyType>, Failure> {
        let lines = self.answer(sql).await?;
        Ok(match lines.is_empty() {
            true => DBOutput::StatementComplete(0),
            false => {
                DBOutput::Rows { types: Vec::new(), rows: lines.into_iter().map(|line| vec![line]).collect() }
            }
        })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "agentpm"
    }
}

/// The parameters in a statement's first line, if there are any, and the statement itself.
///
/// # Panics
/// When they are not JSON.
pub(super) fn without_params(sql: &str) -> (Option<Value>, &str) {
    match sql.strip_prefix("params ").and_then(|rest| rest.split_once('\n')) {
        Some((params, statement)) => {
            let params =
                serde_json::from_str(params).unwrap_or_else(|error| panic!("params {params}: {error}"));
            (Some(params), statement)
        }
        None => (None, sql),
    }
}

impl Asker {
    pub(super) fn new(server: &Server) -> Self {
        Self { client: server.client(), url: server.url() }
    }

    /// The answer or the error, as text.
    pub(super) async fn shown(&mut self, sql: &str) -> String {
        match self.answer(sql).await {
            Ok(lines) => lines.join("\n"),
            Err(failure) => failure.0,
        }
    }

    async fn answer(&mut self, sql: &str) -> Result<Vec<String>, Failure> {
        let sql = expand(sql);
        let (params, statement) = without_params(&sql);
        let mut words = statement.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match first {
            method if second.starts_with('/') => self.call(method, statement).await,
            word if word.eq_ignore_ascii_case("subscribe") => self.subscribe(statement, params).await,
            _ => self.query(statement, params).await,
        }
    }

    async fn call(&self, method: &str, statement: &str) -> Result<Vec<String>, Failure> {
        let rest = statement[method.len()..].trim_start();
        let (path, body) = rest.split_once(char::is_whitespace).unwrap_or((rest, "null"));
        let body: Value =
            serde_json::from_str(body).unwrap_or_else(|error| panic!("{statement}: the body: {error}"));
        let answer = match body {
            Value::Null => self.client.send(self.client.request(method, path)).await,
            body => self.client.call(method, path, &body).await,
        };
        match answer.ok() {
            true => Ok(Vec::new()),
            false => Err(drawn(answer.error(), None)),
        }
    }

    async fn query(&self, statement: &str, params: Option<Value>) -> Result<Vec<String>, Failure> {
        let mut body = json!({ "pql": statement });
        if let Some(params) = params {
            body["params"] = params;
        }
        let answer = self.client.post("/query", body).await;
        if !answer.ok() {
            return Err(drawn(answer.error(), Some(statement)));
        }
        let rows = answer.rows();
        let columns: Vec<String> = rows.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        let mut lines = vec![columns.join(", ")];
        for row in &rows.rows {
            let values: Vec<&Value> =
                rows.columns.iter().map(|(name, _)| row.get(name).unwrap_or(&Value::Null)).collect();
            lines.push(json!(values).to_string());
        }
        Ok(lines)
    }

    /// What a subscription gives until it has caught up.
    async fn subscribe(&self, statement: &str, params: Option<Value>) -> Result<Vec<String>, Failure> {
        let mut socket = Socket::connect(&self.url, None).await;
        let mut frame = json!({ "op": "subscribe", "sub": "slt", "pql": statement });
        if let Some(params) = params {
            frame["params"] = params;
        }
        socket.send(frame).await;
        let of_events = statement.to_ascii_lowercase().starts_with("subscribe events");
        let columns = if of_events { "position int, type text" } else { "position int, op text, row json" };
        let mut lines = vec![columns.to_owned()];
        while let Some(frame) = socket.next().await {
            match frame["op"].as_str() {
                Some("subscribed" | "progress") => {}
                Some("event") => {
                    let event = &frame["event"];
                    lines.push(json!([event["position"], event["type"]]).to_string());
                }
                Some("diff") => {
                    for change in frame["changes"].as_array().into_iter().flatten() {
                        lines.push(json!([frame["position"], change["op"], change["row"]]).to_string());
                    }
                }
                Some("caught_up") => return Ok(lines),
                Some("error") => return Err(drawn(&frame["error"], Some(statement))),
                _ => panic!("{statement}: {frame}"),
            }
        }
        panic!("{statement}: the connection ended");
    }
}

/// Each error of an answer with the line it points at, drawn from what the answer says of its place.
fn drawn(error: &Value, statement: Option<&str>) -> Failure {
    let details = &error["details"];
    let errors = match &details["errors"] {
        Value::Array(errors) => errors.clone(),
        _ if details["pql_code"].is_string() => {
            let mut only = details.clone();
            only["message"] = error["message"].clone();
            vec![only]
        }
        _ => {
            let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            return Failure(format!("{}: {}\n{}", text("code"), text("message"), text("hint")));
        }
    };
    let drawn: Vec<String> = errors.iter().map(|error| one(error, statement)).collect();
    Failure(drawn.join("\n"))
}

fn one(error: &Value, statement: Option<&str>) -> String {
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let number = |name: &str| {
        error[name].as_u64().and_then(|number| usize::try_from(number).ok()).expect("a place has numbers")
    };
    let (line, column, length) = (number("line"), number("column"), number("length"));
    assert!(line > 0 && column > 0 && length > 0, "places count from one: {error}");
    // What a clock says is not the same twice.
    let message = match text("message").split_once("the server's clock, ") {
        Some((before, _)) => format!("{before}the server's clock, …"),
        None => text("message").to_owned(),
    };
    let head = format!("error[{}]: {message}", text("pql_code"));
    let source = statement.map(|statement| statement.split('\n').nth(line - 1).expect("the line is there"));
    let source = source.filter(|source| source.chars().count() <= LINE_CHARS_MAX);
    let Some(source) = source else {
        return format!("{head}\n  {line}:{column}+{length} {}", text("hint")).trim_end().to_owned();
    };
    let source = source.replace(['\t', '\r', '\0'], " ");
    let width = source.chars().count();
    assert!(
        column <= width + 1 && column + length <= width + 2,
        "the place is in the line: {error} {source:?}"
    );
    let margin = " ".repeat(line.to_string().len());
    let (skipped, carets) = (" ".repeat(column - 1), "^".repeat(length));
    let shown = format!("  {line} | {source}\n  {margin} | {skipped}{carets} {}", text("hint"));
    let trimmed: Vec<&str> = shown.lines().map(str::trim_end).collect();
    format!("{head}\n{}", trimmed.join("\n"))
}
