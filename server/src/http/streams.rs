//! One stream: its events, and appending to it.

use super::event_page::EventPage;
use super::list::{LIMIT_DEFAULT, LIMIT_MAX};
use super::{Answer, Call, blocking, carry};
use crate::app::Shared;
use crate::context::Provenance;
use crate::error::Code;
use crate::schema::Operation;
use crate::wire::append::{condition, stream_write};
use crate::wire::args::Args;
use crate::wire::fields::Fields;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::get;
use domain::Problem;
use serde_json::json;
use store::{Append, Direction, Revision, STREAM_BYTES_MAX, Text};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/streams/{stream}/events", get(read).post(append))
}

pub(super) fn operations() -> Vec<Operation> {
    let read = |fields: &mut Fields<'_, '_>| {
        (stream_write(Text::default(), fields, &Provenance::default()), condition(fields))
    };
    vec![
        Operation::get("/streams/{stream}/events", "read_stream", "The events of one stream.")
            .query(Wanted::of)
            .gives("StreamEvents"),
        Operation::post("/streams/{stream}/events", "append_to_stream", "Append events to one stream.", read)
            .example(json!({
            "events": [{ "type": "OrderPaid", "data": { "total": 3 } }],
            "condition": { "fail_if": "stream = $stream", "params": { "stream": "orders-3" }, "after": 0 },
        }))
            .gives("Appended")
            .fails(&[Code::Pql, Code::Conflict, Code::Forbidden]),
    ]
}

async fn append(State(app): State<Shared>, Path(stream): Path<String>, call: Call) -> Answer {
    if stream.len() > STREAM_BYTES_MAX {
        let message =
            format!("a stream's name has at most {STREAM_BYTES_MAX} bytes, this one has {}", stream.len());
        return Err(crate::error::Error::validation(&[Problem { pointer: String::new(), message }]));
    }
    let stream = Text::from(stream);
    let (write, condition) =
        call.decode(|fields| (stream_write(stream.clone(), fields, &call.by), condition(fields)))?;
    let append = Append { writes: vec![write] };
    let appended = carry::append(&app, call, append, condition).await;
    appended.map_err(|error| error.moved("/appends/0", "").moved("/appends", "/events"))
}

/// Which events of the stream are asked for.
#[derive(Debug)]
struct Wanted {
    from: Option<u64>,
    limit: usize,
    direction: Direction,
}

impl Wanted {
    fn of(args: &mut Args) -> Self {
        let from = args.int_in("from", 1..=u64::MAX);
        let limit = args.int_in("limit", 1..=LIMIT_MAX).unwrap_or(LIMIT_DEFAULT);
        let direction = args.text("direction");
        args.note("direction", || json!({ "enum": ["forward", "backward"] }));
        let direction = match direction.as_deref() {
            None | Some("forward") => Direction::Forward,
            Some("backward") => Direction::Backward,
            Some(other) => {
                args.problem("direction", format!("expected forward or backward, found `{other}`"));
                Direction::Forward
            }
        };
        Self { from, limit: limit as usize, direction }
    }
}

async fn read(State(app): State<Shared>, Path(stream): Path<String>, uri: Uri) -> Answer {
    let Wanted { from, limit, direction } = Args::decode(&uri, Wanted::of)?;
    let reader = app.store().reader();
    let position = reader.head().position;
    let (revision, page) = blocking(move || {
        let revision = reader.stream_revision(&stream)?;
        let from = from.map(Revision).unwrap_or(match direction {
            Direction::Forward => Revision(1),
            Direction::Backward => revision,
        });
        let mut page = EventPage::of(limit);
        for event in reader.stream(&stream, from, direction) {
            page.push(event?);
            if page.is_full() {
                break;
            }
        }
        Ok::<_, store::ReadError>((revision, page))
    })
    .await??;
    let next = page.last().and_then(|last| match direction {
        Direction::Forward => (last.revision < revision).then(|| last.revision.0 + 1),
        Direction::Backward => (last.revision.0 > 1).then(|| last.revision.0 - 1),
    });
    Ok(page.answer(position, [("revision", Some(revision.0)), ("next_from", next)]))
}
