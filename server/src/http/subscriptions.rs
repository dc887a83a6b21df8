//! `/subscriptions/{name}`: durable subscriptions, and what their consumers say.

use super::tasks::claim::Gone;
use super::{Answer, Call};
use crate::app::Shared;
use crate::clock;
use crate::durable::subscription::{Given, Said, Subscription};
use crate::error::Code;
use crate::schema::Operation;
use crate::wire::args;
use crate::wire::durable::{ack as read_ack, fetch as read_fetch, nack as read_nack, put as read_put};
use crate::wire::envelope::{answer, answer_value, push as push_json, push_list, push_name};
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use query::json;
use query::tables::subscriptions::SCHEMA;
use serde_json::json;
use store::{Parked, Position, Text};

/// Where they are.
pub(super) const PATH: &str = "/subscriptions/";

/// Parked events that are shown with a subscription.
const PARKED_SHOWN_MAX: usize = 100;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/subscriptions/{name}", get(show))
        .route("/subscriptions/{name}", put(make).delete(end))
        .route("/subscriptions/{name}/fetch", post(fetch))
        .route("/subscriptions/{name}/ack", post(ack))
        .route("/subscriptions/{name}/nack", post(nack))
        .route("/subscriptions/{name}/replay_parked", post(replay_parked))
}

pub(super) fn operations() -> Vec<Operation> {
    let event = "01JAB3NDEKTSV4RRFFQ69G5FAV";
    vec![
        Operation::put(
            "/subscriptions/{name}",
            "put_subscription",
            "Make a durable subscription, or change its terms.",
            read_put,
        )
        .example(json!({
            "pql": "SUBSCRIBE events WHERE type = 'TaskStatusChanged'",
            "from": "start",
            "max_in_flight": 100,
            "ack_timeout_s": 30,
            "max_attempts": 5,
            "order_by": "stream",
            "webhook": {
                "url": "https://hooks.example/agentpm",
                "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            },
        }))
        .gives("Subscription")
        .keeps_no_answer()
        .fails(&[Code::Pql, Code::Conflict, Code::NotFound]),
        Operation::get(
            "/subscriptions/{name}",
            "get_subscription",
            "How a durable subscription stands, and what is parked.",
        )
        .gives("SubscriptionWhole")
        .fails(&[Code::NotFound]),
        Operation::delete(
            "/subscriptions/{name}",
            "delete_subscription",
            "End a durable subscription and forget what it remembers.",
        )
        .gives("Subscription")
        .keeps_no_answer()
        .fails(&[Code::NotFound]),
        Operation::post(
            "/subscriptions/{name}/fetch",
            "fetch_events",
            "Take events into one's hands; waits for the first.",
            read_fetch,
        )
        .example(json!({ "n": 10, "wait_ms": 5_000 }))
        .gives("Fetched")
        .keeps_no_answer()
        .fails(&[Code::NotFound, Code::Pql]),
        Operation::post(
            "/subscriptions/{name}/ack",
            "ack_events",
            "Say that events are done with.",
            read_ack,
        )
        .example(json!({ "ids": [event] }))
        .gives("Acked")
        .keeps_no_answer()
        .fails(&[Code::NotFound, Code::Pql]),
        Operation::post(
            "/subscriptions/{name}/nack",
            "nack_events",
            "Say that events could not be dealt with.",
            read_nack,
        )
        .example(json!({ "ids": [event], "action": "retry", "delay_ms": 1_000 }))
        .gives("Nacked")
        .keeps_no_answer()
        .fails(&[Code::NotFound, Code::Pql]),
        Operation::post(
            "/subscriptions/{name}/replay_parked",
            "replay_parked",
            "Deliver again what is parked.",
            |_| (),
        )
        .gives("Replayed")
        .keeps_no_answer()
        .fails(&[Code::NotFound]),
    ]
}

async fn make(State(app): State<Shared>, Path(name): Path<Text>, call: Call) -> Answer {
    let asked = call.decode(read_put)?;
    let subscription = app.durable.put(&app, &name, asked).await?;
    app.durable.post(&app, &subscription)?;
    Ok(row(&app, &subscription))
}

async fn show(State(app): State<Shared>, Path(name): Path<String>, uri: Uri) -> Answer {
    args::none(&uri)?;
    let subscription = app.durable.get(&name)?;
    let head = app.store().head().position;
    let (row, parked) = (subscription.row(head), subscription.parked(PARKED_SHOWN_MAX));
    Ok(answer(head, |out| {
        json::fields(&SCHEMA, &row, |_| true, out);
        out.pop();
        push_name(out, "parked_events");
        push_list(out, parked, push_parked);
        out.push(b'}');
    }))
}

async fn end(State(app): State<Shared>, Path(name): Path<Text>, call: Call) -> Answer {
    call.decode(|_| ())?;
    let subscription = app.durable.delete(&name).await?;
    Ok(row(&app, &subscription))
}

async fn fetch(
    State(app): State<Shared>,
    Path(name): Path<String>,
    gone: Option<Extension<Gone>>,
    call: Call,
) -> Answer {
    let wanted = call.decode(read_fetch)?;
    let subscription = app.durable.get(&name)?;
    let gone = gone.map(|Extension(Gone(token))| token).unwrap_or_default();
    let holder = call.by.agent_id.as_ref();
    let Given { events, until } = subscription.fetch(&app, wanted.n, wanted.wait, holder, &gone).await?;
    app.metrics.durable.delivered(events.iter().map(|(_, attempt)| *attempt));
    Ok(answer(app.store().head().position, |out| {
        out.extend_from_slice(b"{\"events\":");
        push_list(out, &events, |out, (event, attempt)| {
            json::event(event, out);
            out.pop();
            push_name(out, "attempt");
            push_json(out, attempt);
            out.push(b'}');
        });
        push_name(out, "ack_before");
        match until {
            Some(until) => push_time(out, until.0),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }))
}

async fn ack(State(app): State<Shared>, Path(name): Path<String>, call: Call) -> Answer {
    let ids = call.decode(read_ack)?;
    let said = app.durable.get(&name)?.ack(&app, &ids).await?;
    app.metrics.durable.said(&said);
    let Said { done, already, .. } = said;
    Ok(answer_value(app.store().head().position, &json!({ "acked": done, "already": already })))
}

async fn nack(State(app): State<Shared>, Path(name): Path<String>, call: Call) -> Answer {
    let wanted = call.decode(read_nack)?;
    let subscription = app.durable.get(&name)?;
    let by = call.by.agent_id.as_ref();
    let said = subscription.nack(&app, &wanted.ids, wanted.refusal(clock::now()), by).await?;
    app.metrics.durable.said(&said);
    let Said { done, again, parked, already, not_yours } = said;
    let data = json!({
        "retried": again, "parked": parked, "skipped": done, "already": already, "not_yours": not_yours,
    });
    Ok(answer_value(app.store().head().position, &data))
}

async fn replay_parked(State(app): State<Shared>, Path(name): Path<String>, call: Call) -> Answer {
    call.decode(|_| ())?;
    let replayed = app.durable.get(&name)?.replay_parked(&app).await?;
    Ok(answer_value(app.store().head().position, &json!({ "replayed": replayed })))
}

fn row(app: &Shared, subscription: &Subscription) -> axum::response::Response {
    let head = app.store().head().position;
    answer(head, |out| json::fields(&SCHEMA, &subscription.row(head), |_| true, out))
}

fn push_parked(out: &mut Vec<u8>, (position, parked): (Position, Parked)) {
    let Parked { id, stream, attempts, since, reason, .. } = parked;
    out.extend_from_slice(b"{\"position\":");
    push_json(out, &position.0);
    push_name(out, "id");
    push_json(out, &id.to_string());
    push_name(out, "stream");
    push_json(out, &*stream);
    push_name(out, "attempts");
    push_json(out, &attempts);
    push_name(out, "reason");
    push_json(out, &*reason);
    push_name(out, "parked_at");
    push_time(out, since.0);
    out.push(b'}');
}

fn push_time(out: &mut Vec<u8>, micros: i64) {
    out.push(b'"');
    json::write_time(micros, out);
    out.push(b'"');
}

/// What makes each of them safe to send again, in place of a key.
pub(super) fn instead_of_a_key(path: &str) -> Option<&'static str> {
    let call = path.strip_prefix(PATH)?.split_once('/').map_or("", |(_, call)| call);
    Some(match call {
        "fetch" => "what a fetch gave that did not arrive is given again after ack_timeout_s",
        "replay_parked" => "what is delivered again already is not parked: send it again",
        "ack" | "nack" => "what is done with stays so: send it again",
        _ => "it comes to the same however often it is sent: send it again",
    })
}
