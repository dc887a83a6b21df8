//! The log: appending to it and reading it.

use super::event_page::EventPage;
use super::list::{LIMIT_DEFAULT, LIMIT_MAX};
use super::outflow::{Form, Gone, Outflow};
use super::{Answer, Call, blocking, carry};
use crate::app::Shared;
use crate::context::Provenance;
use crate::error::{Code, Error};
use crate::schema::{NDJSON, Operation};
use crate::wire::append::{ULID_PATTERN, append as read_append, condition as read_condition};
use crate::wire::args::Args;
use crate::wire::fields::Fields;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::routing::{get, post};
use domain::rows::Row;
use query::{Events, Sought};
use serde_json::json;
use store::{Direction, EventId, Position, ReadError, Reader, Text, Timestamp};

/// Most events one call looks at when no index serves its filters; then it answers what it found and where
/// to go on, so that no call runs for minutes.
const SCAN_EVENTS_MAX: u64 = 200_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/append", post(append)).route("/events", get(list))
}

pub(super) fn operations() -> Vec<Operation> {
    let read =
        |fields: &mut Fields<'_, '_>| (read_append(fields, &Provenance::default()), read_condition(fields));
    vec![
        Operation::post("/append", "append", "Append events to one or more streams, all or none.", read)
            .example(json!({
                "appends": [{
                    "stream": "orders-1",
                    "expected_revision": "any",
                    "events": [{ "type": "OrderPlaced", "data": { "total": 3 }, "tags": ["order:1"] }],
                }],
                "condition": { "fail_if": "type = 'OrderCancelled' AND data.total = $1", "params": [3], "after": 0 },
            }))
            .gives("Appended")
            .fails(&[Code::Pql, Code::Conflict, Code::Forbidden]),
        Operation::get("/events", "list_events", "The log, from the oldest event on.")
            .query(Wanted::of)
            .gives("Events")
            .or_streams(NDJSON)
            .fails(&[Code::NotFound]),
    ]
}

async fn append(State(app): State<Shared>, call: Call) -> Answer {
    let (append, condition) =
        call.decode(|fields| (read_append(fields, &call.by), read_condition(fields)))?;
    carry::append(&app, call, append, condition).await
}

/// Which events are asked for.
#[derive(Debug, Default)]
struct Wanted {
    after: Option<Position>,
    since: Option<EventId>,
    limit: Option<usize>,
    stream: Option<Text>,
    types: Option<Vec<String>>,
    tag: Option<Text>,
    agent_id: Option<String>,
    from_time: Option<Timestamp>,
    to_time: Option<Timestamp>,
}

impl Wanted {
    fn of(args: &mut Args) -> Self {
        let after = args.int_in("after", 0..=u64::MAX).map(Position);
        let since = args.text("since_event_id");
        args.note("since_event_id", || json!({ "pattern": ULID_PATTERN }));
        let since = since.and_then(|text| match EventId::parse(&text) {
            Ok(id) => Some(id),
            Err(_) => {
                args.problem("since_event_id", format!("expected a ULID, found `{text}`"));
                None
            }
        });
        if after.is_some() && since.is_some() {
            args.problem("since_event_id", "cannot go with `after`: both say where to begin");
        }
        Self {
            after,
            since,
            limit: args.int_in("limit", 1..=LIMIT_MAX).map(|limit| limit as usize),
            stream: args.text("stream").map(Text::from),
            types: args.words("type").filter(|types| !types.is_empty()),
            tag: args.text("tag").map(Text::from),
            agent_id: args.text("agent_id"),
            from_time: args.time("from_time"),
            to_time: args.time("to_time"),
        }
    }

    fn sought(&self) -> Sought {
        let Self { stream, types, tag, agent_id, .. } = self;
        let mut sought = Sought::named(stream.as_deref(), None, tag.as_deref(), agent_id.as_deref());
        if let Some(types) = types {
            sought.of_types(types.iter().cloned().collect());
        }
        sought
    }
}

/// A stretch of the log, by its best index.
struct Scan {
    sought: Sought,
    limit: Option<usize>,
    reader: Reader<Row>,
    after: Position,
    upto: Position,
}

impl Scan {
    /// Finds where to begin and to end.
    fn new(wanted: Wanted, reader: Reader<Row>) -> Result<Self, Error> {
        let mut after = wanted.after.unwrap_or_default();
        if let Some(id) = wanted.since {
            after = reader.position_of(id)?.ok_or_else(|| {
                Error::new(Code::NotFound, format!("no event has the id `{id}`"))
                    .hint("give a position with `after` instead")
            })?;
        }
        if let Some(from) = wanted.from_time {
            after = after.max(reader.position_at(Timestamp(from.0.saturating_sub(1)))?);
        }
        let mut upto = reader.head().position;
        if let Some(to) = wanted.to_time {
            upto = upto.min(reader.position_at(to)?);
        }
        Ok(Self { sought: wanted.sought(), limit: wanted.limit, reader, after, upto })
    }

    /// The candidates in order of position.
    fn candidates(&self) -> Events {
        self.sought.events(&self.reader, self.after, self.upto, Direction::Forward)
    }

    /// Up to `limit` events, and the position to go on after.
    fn page(self) -> Result<(EventPage, Position), ReadError> {
        let mut page = EventPage::of(self.limit.unwrap_or(LIMIT_DEFAULT as usize));
        for (looked_at, event) in (1..).zip(self.candidates()) {
            let event = event?;
            let position = event.position;
            if self.sought.holds(&event) {
                page.push(event);
            }
            if page.is_full() || looked_at == SCAN_EVENTS_MAX {
                return Ok((page, position));
            }
        }
        // Nobody has seen a position that is not there yet.
        let head = self.reader.head().position;
        Ok((page, self.upto.max(self.after).min(head)))
    }

    /// Every event to the end, as lines.
    fn write(self, mut lines: Outflow) {
        let mut left = self.limit.unwrap_or(usize::MAX);
        let written = (|| -> Result<(), Option<ReadError>> {
            for event in self.candidates() {
                let event = event?;
                if left == 0 {
                    break;
                }
                if self.sought.holds(&event) {
                    left -= 1;
                    let line = |out: &mut Vec<u8>| {
                        query::json::event(&event, out);
                        out.push(b'\n');
                    };
                    if lines.write(line) {
                        lines.send_blocking().map_err(|Gone| None)?;
                    }
                }
            }
            Ok(())
        })();
        match written {
            Ok(()) => lines.finish_blocking(),
            Err(Some(error)) => lines.break_off(error),
            // The reader has gone.
            Err(None) => {}
        }
    }
}

async fn list(State(app): State<Shared>, headers: HeaderMap, uri: Uri) -> Answer {
    let form = Form::accepted(&headers, &[Form::Document, Form::Lines])?;
    let wanted = Args::decode(&uri, Wanted::of)?;
    let reader = app.store().reader();
    let head = reader.head().position;
    let scan = blocking(move || Scan::new(wanted, reader)).await??;
    match form {
        Form::Lines | Form::Csv | Form::Arrow => {
            let (lines, response) = Outflow::response(Form::Lines, head);
            tokio::task::spawn_blocking(move || scan.write(lines));
            Ok(response)
        }
        Form::Document => {
            let (page, next) = blocking(move || scan.page()).await??;
            Ok(page.answer(head, [("head", Some(head.0)), ("next_after", Some(next.0))]))
        }
    }
}
