//! `agentpm watch`: events as they come, or what changes in the rows of a query, over lost connections too.

use super::Connected;
use super::output::{Form, cell, stream_bytes};
use super::query::Params;
use super::watch_exec as exec;
use crate::client::sse::Messages;
use crate::client::{At, ClientError};
use crate::failure::Failure;
use clap::Args;
use grammar::ast::{StatementKind, SubscribeSource};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The server says something every five seconds; a connection that has been silent for so long is dead.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Waits between attempts to connect again: the first, doubled up to the longest.
const RECONNECT_FIRST: Duration = Duration::from_millis(100);
const RECONNECT_LONGEST: Duration = Duration::from_secs(5);

/// How long a server that went away is waited for: longer than it takes to start again on a long log.
const RECONNECT_FOR: Duration = Duration::from_secs(120);

/// Characters of an event's data, or of a row's value, in a line for people.
const DATA_CHARS_MAX: usize = 120;

/// Print events as they come, or how the rows of a query change: a line each on a terminal, NDJSON otherwise.
///
/// When the connection is lost it goes on after the last position, without a gap and without a duplicate. With --exec,
/// which must come last, a command gets the events in place of the output.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// A subscription: `SUBSCRIBE events WHERE …`, `SUBSCRIBE tasks WHERE …`, `SUBSCRIBE (SELECT … FROM tasks)`
    pql: String,
    #[command(flatten)]
    params: Params,
    /// End after so many events (of rows: after so many differences)
    #[arg(long)]
    count: Option<u64>,
    /// End when everything that is in the log has been printed
    #[arg(long)]
    until_caught_up: bool,
    /// Run this for each event, one after another, the event (JSON) on its standard input; all that follows are its
    /// arguments, and no shell reads them. When it fails, the watch ends
    #[arg(long, value_names = ["CMD", "ARG"], num_args = 1.., allow_hyphen_values = true)]
    exec: Option<Vec<String>>,
}

/// How a connection ended.
enum Ended {
    /// All that was asked for has been printed, or nobody reads it.
    Done,
    /// It can be taken up again.
    Lost(String),
}

/// Where the watching stands.
struct Watching {
    watch: Watch,
    to: Connected,
    /// Everything up to here has been printed or did not match; none before the first answer.
    position: Option<u64>,
    left: Option<u64>,
    /// It is to rows, not to events.
    is_of_rows: bool,
}

pub(super) async fn run(watch: Watch, to: Connected) -> Result<(), Failure> {
    if to.form == Form::Csv {
        return Err(Failure::usage(
            "watch prints lines for people (table) or one JSON object a line (ndjson)",
        ));
    }
    let left = watch.count;
    if left == Some(0) {
        return Ok(());
    }
    let is_of_rows = is_of_rows(&watch.pql);
    let mut watching = Watching { watch, to, position: None, left, is_of_rows };
    let mut messages = watching.connect().await.map_err(|error| watching.failure(error))?;
    loop {
        let why = match watching.follow(messages).await? {
            Ended::Done => return Ok(()),
            Ended::Lost(why) => why,
        };
        match watching.position {
            Some(position) => eprintln!("{why}; going on after position {position}"),
            None => eprintln!("{why}; beginning anew"),
        }
        messages = watching.reconnect().await?;
    }
}

impl Watching {
    async fn connect(&mut self) -> Result<Messages, ClientError> {
        let params = self.watch.params.bound().map_err(|error| ClientError::Usage(error.to_string()))?;
        let at = At::path(&["subscribe"]).with("pql", Some(&self.watch.pql)).with("params", params);
        let mut request = self.to.client.request(Method::GET, &at);
        if let Some(position) = self.position {
            request = request.header("last-event-id", position);
        }
        let response = self.to.client.send(request).await?;
        // Who has none of the rows of a position cannot go on after it.
        if self.position.is_none() && !self.is_of_rows {
            let begins = response.headers().get(crate::wire::envelope::POSITION);
            self.position = begins.and_then(|value| value.to_str().ok()?.parse().ok());
        }
        Ok(Messages::new(response))
    }

    /// Connects again, as often as there is hope.
    async fn reconnect(&mut self) -> Result<Messages, Failure> {
        let lost_at = Instant::now();
        let mut wait = RECONNECT_FIRST;
        loop {
            sleep(wait).await;
            match self.connect().await {
                Ok(messages) => return Ok(messages),
                Err(error) if error.is_passing() && lost_at.elapsed() < RECONNECT_FOR => {
                    wait = (wait * 2).min(RECONNECT_LONGEST);
                }
                Err(error) => return Err(self.failure(error)),
            }
        }
    }

    /// Prints what comes until the connection ends.
    async fn follow(&mut self, mut messages: Messages) -> Result<Ended, Failure> {
        loop {
            let message = match timeout(SILENCE_MAX, messages.next()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None)) => return Ok(Ended::Lost("the connection ended".to_owned())),
                Ok(Err(error)) if error.is_passing() => {
                    return Ok(Ended::Lost(self.failure(error).to_string()));
                }
                Ok(Err(error)) => return Err(self.failure(error)),
                Err(_) => return Ok(Ended::Lost("the server has fallen silent".to_owned())),
            };
            match &*message.name {
                name @ ("event" | "diff") => {
                    if !self.show(name, &message.data).await? {
                        return Ok(Ended::Done);
                    }
                    self.left = self.left.map(|left| left - 1);
                }
                "closed" => {
                    self.is_at(message.id);
                    return Ok(Ended::Lost(format!("the server ended it: {}", message.data)));
                }
                "error" => return Err(self.failure(ClientError::told(&message.data))),
                _ => {}
            }
            self.is_at(message.id);
            if self.left == Some(0) || (self.watch.until_caught_up && message.name == "caught_up") {
                return Ok(Ended::Done);
            }
        }
    }

    fn is_at(&mut self, position: Option<u64>) {
        // Zero while the first rows are not whole.
        let held = position.filter(|position| !self.is_of_rows || *position > 0);
        self.position = held.or(self.position);
    }

    /// Prints an event or a difference, or hands it to the command; whether somebody may want the next.
    async fn show(&self, name: &str, data: &str) -> Result<bool, Failure> {
        let Some(argv) = &self.watch.exec else {
            let lines = if name == "event" { self.line(data) } else { self.lines(data) };
            return stream_bytes(lines.as_bytes());
        };
        exec::run(argv, data).await.map(|()| true).map_err(|failure| self.to_go_on(failure))
    }

    fn lines(&self, diff: &str) -> String {
        match self.to.form {
            Form::Table => {
                serde_json::from_str(diff).map_or_else(|_| format!("{diff}\n"), |diff| changes(&diff))
            }
            Form::Json | Form::Ndjson | Form::Csv => format!("{diff}\n"),
        }
    }

    fn line(&self, event: &str) -> String {
        match self.to.form {
            Form::Table => {
                serde_json::from_str(event).map_or_else(|_| format!("{event}\n"), |event| shown(&event))
            }
            Form::Json | Form::Ndjson | Form::Csv => format!("{event}\n"),
        }
    }

    /// How the program ends after an error, with the place to go on from.
    fn failure(&self, error: ClientError) -> Failure {
        let passing = error.is_passing();
        let failure = error.into_failure(Some(&self.watch.pql));
        if passing { self.to_go_on(failure) } else { failure }
    }

    /// With the place to go on from, where it is known.
    fn to_go_on(&self, failure: Failure) -> Failure {
        match self.position {
            Some(position) => {
                Failure::new(failure.exit, format!("{failure}\n  hint: go on with AFTER POSITION {position}"))
            }
            None => failure,
        }
    }
}

/// Whether a subscription is to rows. A statement that is wrong the server tells of.
fn is_of_rows(pql: &str) -> bool {
    match grammar::parse(pql).map(|statement| statement.kind) {
        Ok(StatementKind::Subscribe(subscribe)) => {
            !matches!(subscribe.source, SubscribeSource::Table(name) if name.name == "events")
        }
        _ => false,
    }
}

/// What changed as a person reads it: a line for each row that went or came.
fn changes(diff: &Value) -> String {
    let position = cell(&diff["position"]);
    let changes = diff["changes"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |change: &Value| {
        let cells = change["row"].as_object().into_iter().flatten().map(|(name, value)| (name, cell(value)));
        let cells = cells
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", cut(&value)));
        format!("{position:>6}  {}  {}\n", cell(&change["op"]), cells.collect::<Vec<_>>().join("  "))
    };
    changes.iter().map(line).collect()
}

/// So much of a text as fits into a line.
fn cut(text: &str) -> String {
    match text.char_indices().nth(DATA_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An event as a person reads it.
fn shown(event: &Value) -> String {
    let part = |name: &str| cell(&event[name]);
    let data = cut(&part("data"));
    let by = cell(&event["metadata"]["agent_id"]);
    let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
    format!("{:>6}  {}  {}  {}{by}  {data}\n", part("position"), part("time"), part("type"), part("stream"))
}

#[cfg(test)]
mod test {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_for_people() {
        let row = json!({ "id": "t1", "status": "open", "parent_id": null, "n": 2 });
        let diff = json!({ "position": 7, "changes": [{ "op": "-", "row": row }, { "op": "+", "row": {} }] });
        assert_eq!(changes(&diff), "     7  -  id=t1  status=open  n=2\n     7  +  \n");
        assert!(is_of_rows("SUBSCRIBE (SELECT id FROM tasks)") && is_of_rows("SUBSCRIBE tasks"));
        assert!(!is_of_rows("SUBSCRIBE events") && !is_of_rows("SELECT 1"));
    }

    #[test]
    fn a_line_for_people() {
        let event = json!({
            "position": 7, "time": "2026-01-19T14:25:00.000000Z", "type": "TaskCreated", "stream": "task-t1",
            "data": {"title": "x".repeat(200)}, "metadata": {"agent_id": "ada\u{1b}"},
        });
        let line = shown(&event);
        let start = "     7  2026-01-19T14:25:00.000000Z  TaskCreated  task-t1 by ada   {\"title\":\"xxx";
        assert!(line.starts_with(start) && line.ends_with("x…\n"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}
