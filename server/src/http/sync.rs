//! `POST /events/push`: another node's events.

use super::{Answer, Call};
use crate::app::Shared;
use crate::auth::Transport;
use crate::error::{Code, Error};
use crate::schema::Operation;
use crate::sync::{Fault, Item, PUSH_EVENTS_MAX, Push, Status, push};
use crate::wire::append::ULID_PATTERN;
use crate::wire::envelope::{answer, push as push_json, push_list, push_name};
use crate::wire::fields::{Fields, PROBLEMS_MAX};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Extension, Router};
use domain::Problem;
use serde_json::json;
use store::{EventId, Text};

/// Where events are pushed.
pub(super) const PATH: &str = "/events/push";

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/events/push", post(run))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post(PATH, "push_events", "Merge another node's events.", request)
            .example(json!({ "node": "01JAB3NDEKTSV4RRFFQ69G5FAV", "events": [] }))
            .gives("Pushed")
            .keeps_no_answer()
            .fails(&[Code::Forbidden, Code::Conflict]),
    ]
}

/// Whose log it is, events of it, and which stretch of it they are.
type Wanted = (Option<EventId>, Vec<Text>, Option<(u64, u64)>);

fn request(fields: &mut Fields<'_, '_>) -> Wanted {
    let node = fields.require("node", |item| {
        let text = item.str()?;
        item.note(|| json!({ "pattern": ULID_PATTERN }));
        match EventId::parse(&text) {
            Ok(id) => Some(Some(id)),
            Err(_) => item.problem("expected the id of the node, a ULID: GET /healthz tells it"),
        }
    });
    let events = fields.require("events", |item| item.list(|item| item.json()));
    fields.note("events", || json!({ "maxItems": PUSH_EVENTS_MAX }));
    if events.len() > PUSH_EVENTS_MAX {
        let message = format!("{} events in one push, at most {PUSH_EVENTS_MAX}", events.len());
        fields.problem("events", message);
    }
    let after = fields.take("after", |item| item.count());
    let upto = fields.take("upto", |item| item.count());
    if after.is_some() != upto.is_some() {
        fields.problem("upto", "goes together with `after`: the stretch of the other log");
    }
    (node, events, after.zip(upto))
}

async fn run(
    State(app): State<Shared>,
    transport: Option<Extension<Transport>>,
    headers: HeaderMap,
    call: Call,
) -> Answer {
    let wanted = call.decode(request)?;
    app.policy.check_peer(transport.map(|Extension(transport)| transport), &headers)?;
    let (node, events, stretch) = wanted;
    let node = node.ok_or_else(|| crate::error::Error::problem("/node", "is required"))?;
    let items = read(node, &events)?;
    let outcome = push(&app, &call.by, Push { node, items, stretch }).await?;
    let count = |wanted: &str| outcome.results.iter().filter(|(_, status)| word(status) == wanted).count();
    Ok(answer(outcome.position, |out| {
        out.extend_from_slice(b"{\"results\":");
        push_list(out, &outcome.results, |out, (id, status)| {
            out.extend_from_slice(b"{\"id\":");
            push_json(out, &id.to_string());
            push_name(out, "status");
            push_json(out, word(status));
            if let Status::Rejected(reason) = status {
                push_name(out, "reason");
                push_json(out, reason);
            }
            out.push(b'}');
        });
        for name in ["accepted", "duplicate", "rejected"] {
            push_name(out, name);
            push_json(out, &count(name));
        }
        push_name(out, "heard");
        push_json(out, &outcome.heard);
        out.push(b'}');
    }))
}

/// The events of a push: all of them hold, or nothing of it is taken.
fn read(node: EventId, events: &[Text]) -> Result<Vec<Item>, Error> {
    let (mut items, mut problems) = (Vec::with_capacity(events.len()), Vec::new());
    for (index, text) in events.iter().enumerate() {
        let at = |pointer: &str| format!("/events/{index}{pointer}");
        match Item::read(node, text) {
            Ok(item) => items.push(item),
            Err(Fault::Malformed(found)) => {
                problems.extend(
                    found
                        .into_iter()
                        .map(|Problem { pointer, message }| Problem { pointer: at(&pointer), message }),
                );
            }
            Err(Fault::TooLarge(bytes)) => {
                return Err(Error::event_too_large(None, Some(at("/data")), bytes));
            }
        }
    }
    problems.truncate(PROBLEMS_MAX);
    match problems.is_empty() {
        true => Ok(items),
        false => Err(Error::validation(&problems)
            .hint("nothing of the push was merged: mend what the pointers name, or leave these events out")),
    }
}

const fn word(status: &Status) -> &'static str {
    match status {
        Status::Accepted => "accepted",
        Status::Duplicate => "duplicate",
        Status::Rejected(_) => "rejected",
    }
}
