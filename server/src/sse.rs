//! `GET /subscribe`: a subscription as Server-Sent Events.

use crate::app::Shared;
use crate::clock;
use crate::error::{Code, Error};
use crate::follow::{Follow, Step, Wanted};
use crate::http::Answer;
use crate::schema::Operation;
use crate::wire::args::Args;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures::{FutureExt, stream};
use query::{Engine, Params, Prepared, QueryError, Subscription};
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use store::{Position, Text};
use tokio::time::Instant;

/// Bytes gathered before they are handed to the connection, when more events are ready.
const CHUNK_BYTES: usize = 32 << 10;

/// A connection that has taken nothing for so long is slow.
const SLOW_AFTER: Duration = Duration::from_millis(250);

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/subscribe", get(subscribe))
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            "/subscribe",
            "subscribe",
            "Events as they come, or rows as they change, as Server-Sent Events.",
        )
        .query(asked)
        .header("Last-Event-ID", "Go on after this position.", json!({ "type": "integer", "minimum": 0 }))
        .gives_plain("text/event-stream", json!({ "type": "string" }))
        .fails(&[Code::Pql]),
    ]
}

/// Understands a statement that must be a subscription.
///
/// # Errors
/// `ERR_PQL`: what is wrong with it, or that it is no subscription.
pub(crate) fn wanted(engine: &Engine, pql: &str, params: Params) -> Result<Wanted, Error> {
    match engine.prepare(pql, params, clock::now())? {
        Prepared::Subscribe(subscription) => Ok(Wanted::Events(subscription)),
        Prepared::Live(subscription) => Ok(Wanted::Rows(subscription)),
        Prepared::Query(_) | Prepared::Claim(_) => {
            let span = grammar::Span::new(0, pql.split_whitespace().next().map_or(0, str::len));
            let error =
                grammar::Error::new(grammar::Code::NotAllowed, span, "only SUBSCRIBE goes on by itself")
                    .hint("send other statements to POST /query");
            Err(QueryError::statement(pql, vec![error]).into())
        }
    }
}

/// The same, where it must be one to events.
///
/// # Errors
/// `ERR_PQL`: also that it is to rows.
pub(crate) fn prepare(engine: &Engine, pql: &str, params: Params) -> Result<Subscription, Error> {
    match wanted(engine, pql, params)? {
        Wanted::Events(subscription) => Ok(subscription),
        Wanted::Rows(_) => {
            let span = grammar::Span::new(0, pql.trim_end().len());
            let message = "a durable subscription is to events: of rows nothing can be acknowledged";
            let error = grammar::Error::new(grammar::Code::NotAllowed, span, message)
                .hint("subscribe to rows over a connection that stays: /ws or GET /subscribe");
            Err(QueryError::statement(pql, vec![error]).into())
        }
    }
}

/// The statement and its parameters.
fn asked(args: &mut Args) -> (String, Option<Text>) {
    let pql = args.required("pql");
    // Used up where the connection is let in.
    args.text("ticket");
    (pql, args.text("params").map(Text::from))
}

async fn subscribe(State(app): State<Shared>, headers: HeaderMap, uri: Uri) -> Answer {
    let (pql, params) = Args::decode(&uri, asked)?;
    let params = match &params {
        Some(json) => {
            crate::wire::check(json.as_bytes())?;
            crate::http::query::params(json, "/params")?
        }
        None => Params::default(),
    };
    let resume = match headers.get("last-event-id") {
        None => None,
        Some(value) => {
            let position = value.to_str().ok().and_then(|text| text.trim().parse().ok()).map(Position);
            Some(position.ok_or_else(|| Error::problem("", "header Last-Event-ID: expected a position"))?)
        }
    };
    let follow = Follow::new(app.clone(), wanted(&app.engine, &pql, params)?, resume)?;
    let position = follow.begins();
    let state = Some(Feed { follow, asked: Instant::now() });
    let body = Body::from_stream(stream::unfold(state, |state| async move {
        let mut feed = state?;
        let (chunk, goes_on) = feed.chunk().await;
        Some((Ok::<_, Infallible>(chunk), goes_on.then_some(feed)))
    }));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(crate::wire::envelope::POSITION, HeaderValue::from(position.0));
    Ok(response)
}

/// The follower behind one answer. It is asked for more when the connection has room, so a slow reader
/// holds it up and nothing is gathered for it.
struct Feed {
    follow: Follow,
    /// When the connection last had room.
    asked: Instant,
}

impl Feed {
    /// The next bytes, and whether more follow.
    async fn chunk(&mut self) -> (Bytes, bool) {
        let idle = std::mem::replace(&mut self.asked, Instant::now()).elapsed();
        let mut out = Vec::new();
        // The connection asks again, so it has taken the chunk before.
        self.follow.confirm();
        if idle >= SLOW_AFTER && self.follow.is_too_far_behind() {
            self.close(&mut out, "slow_consumer");
            return (out.into(), false);
        }
        let mut step = self.follow.next().await;
        loop {
            match step {
                Ok(Step::Event(event)) => {
                    push_id(&mut out, event.position());
                    out.extend_from_slice(b"event: event\ndata: ");
                    out.extend_from_slice(event.json());
                    out.extend_from_slice(b"\n\n");
                }
                Ok(Step::Diff(diff)) => {
                    // Who has but some pieces of a position's changes has the rows of none.
                    if diff.is_last {
                        push_id(&mut out, diff.position);
                    }
                    out.extend_from_slice(
                        format!("event: diff\ndata: {{\"position\":{},\"changes\":", diff.position)
                            .as_bytes(),
                    );
                    diff.write_changes(&mut out);
                    out.extend_from_slice(b"}\n\n");
                }
                Ok(Step::CaughtUp(position)) => push_mark(&mut out, "caught_up", position),
                Ok(Step::Progress(position)) => push_mark(&mut out, "progress", position),
                Ok(Step::Stopped) => {
                    self.close(&mut out, "shutting_down");
                    return (out.into(), false);
                }
                Err(error) => {
                    out.extend_from_slice(b"event: error\ndata: ");
                    crate::wire::envelope::push(&mut out, &error.wire());
                    out.extend_from_slice(b"\n\n");
                    self.close(&mut out, "error");
                    return (out.into(), false);
                }
            }
            if out.len() >= CHUNK_BYTES {
                break;
            }
            // Whatever is ready at once goes into the same chunk.
            match self.follow.next().now_or_never() {
                Some(next) => step = next,
                None => break,
            }
        }
        self.asked = Instant::now();
        (out.into(), true)
    }

    fn close(&self, out: &mut Vec<u8>, reason: &str) {
        let position = self.follow.position();
        push_id(out, position);
        out.extend_from_slice(b"event: closed\ndata: ");
        let data = serde_json::json!({"reason": reason, "resume_after": position});
        crate::wire::envelope::push(out, &data);
        out.extend_from_slice(b"\n\n");
    }
}

fn push_id(out: &mut Vec<u8>, position: Position) {
    out.extend_from_slice(format!("id: {position}\n").as_bytes());
}

/// A position with which nothing before it is still to come: it resumes as well as an event's.
fn push_mark(out: &mut Vec<u8>, name: &str, position: Position) {
    push_id(out, position);
    out.extend_from_slice(format!("event: {name}\ndata: {{\"position\":{position}}}\n\n").as_bytes());
}
