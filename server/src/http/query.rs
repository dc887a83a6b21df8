//! PQL: `POST /query`.

use super::outflow::{Form, Outflow};
use super::tasks::claim::{Attempt, Gone, Taken, Write, take, take_now};
use super::{Answer, Call};
use crate::app::Shared;
use crate::clock;
use crate::error::{Code, Error};
use crate::once::replay;
use crate::schema::{NDJSON, Operation};
use crate::wire::envelope::{answer, push, push_list, push_name};
use crate::wire::fields::Fields;
use crate::wire::outcome::reopen;
use crate::wire::rows::push_task;
use crate::wire::time::rfc3339;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Extension, Router};
use domain::command::{Claim, Claimed};
use query::{ArrowStream, Params, Prepared, PreparedQuery, RowStream, Type};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use store::Text;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/query", post(run))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/query", "query", "Ask in PQL.", request)
            .example(json!({ "pql": "SELECT id, title FROM tasks WHERE status = $1", "params": ["open"] }))
            .gives("QueryResult")
            .or_streams(NDJSON)
            .or_streams("text/csv")
            .or_streams("application/vnd.apache.arrow.stream")
            .fails(&[Code::Pql, Code::NotFound, Code::InvalidState]),
    ]
}

async fn run(
    State(app): State<Shared>,
    gone: Option<Extension<Gone>>,
    headers: HeaderMap,
    call: Call,
) -> Answer {
    let started = Instant::now();
    let mut kind = "none";
    let answer = answered(&app, gone, &headers, call, started, &mut kind).await;
    app.metrics.queried(kind, started.elapsed(), answer.is_ok());
    answer
}

/// Answers a statement and says of which kind it is, once that is known.
async fn answered(
    app: &Shared,
    gone: Option<Extension<Gone>>,
    headers: &HeaderMap,
    call: Call,
    started: Instant,
    kind: &mut &'static str,
) -> Answer {
    let form = Form::accepted(headers, &[Form::Document, Form::Lines, Form::Csv, Form::Arrow])?;
    let (pql, given) = call.decode(request)?;
    let given = given.as_ref().map_or_else(|| Ok(Params::default()), |given| params(given, "/params"))?;
    match app.engine.prepare(&pql, given, clock::now())? {
        Prepared::Query(query) => {
            *kind = "query";
            let left = async {
                match gone {
                    Some(Extension(Gone(left))) => left.cancelled().await,
                    // Over HTTP this call itself is dropped.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                answer = rows(app, &pql, query, form, started) => answer,
                // Nobody is there to be told; the query ends with its rows.
                () = left => Err(Error::new(Code::Unavailable, "whoever asked has left").hint("ask again")),
            }
        }
        Prepared::Claim(claim) => {
            *kind = "claim";
            claims(app, call, claim, form, started).await
        }
        Prepared::Subscribe(_) | Prepared::Live(_) => {
            Err(Error::new(Code::Pql, "a subscription needs a connection that stays")
                .details(serde_json::json!({
                    "pql_code": grammar::Code::NotAllowed.as_str(),
                    "line": 1,
                    "column": 1,
                    "length": "SUBSCRIBE".len(),
                    "hint": HOW_TO_SUBSCRIBE,
                }))
                .hint(HOW_TO_SUBSCRIBE))
        }
    }
}

/// A statement and its parameters.
fn request(fields: &mut Fields<'_, '_>) -> (Text, Option<Text>) {
    (fields.required_text("pql"), crate::wire::work::params(fields))
}

const HOW_TO_SUBSCRIBE: &str = "send it over the WebSocket at /ws, or as GET /subscribe?pql=…";

/// Reads the `params` of a request, which are at `pointer` in it.
///
/// # Errors
/// `ERR_VALIDATION` with what cannot be a parameter.
pub(crate) fn params(json: &Text, pointer: &str) -> Result<Params, Error> {
    let json = serde_json::from_str(json)
        .map_err(|error| Error::problem(pointer, format!("cannot be read: {error}")))?;
    Params::from_json(&json).map_err(|errors| {
        let problems = errors.into_iter().map(|error| domain::Problem {
            pointer: pointer.to_owned(),
            message: error.hint.map_or(error.message.clone(), |hint| format!("{}; {hint}", error.message)),
        });
        Error::validation(&problems.collect::<Vec<_>>())
    })
}

async fn rows(app: &Shared, pql: &str, query: PreparedQuery, form: Form, started: Instant) -> Answer {
    let stream = app.engine.run(query).await?;
    match form {
        Form::Document => {
            let rows_max = app.engine.options().document_rows_max;
            document(pql, stream.at_most(rows_max), started).await
        }
        Form::Lines | Form::Csv | Form::Arrow => flow(stream, form).await,
    }
}

/// Largest rows of one document, in bytes of JSON: a hundred thousand of usual length fit well, and a few of those at
/// once into a server of one gigabyte.
const DOCUMENT_BYTES_MAX: usize = 128 << 20;

/// The whole result as one document.
async fn document(pql: &str, mut stream: RowStream, started: Instant) -> Answer {
    let (position, columns) = (stream.position(), stream.columns().to_vec());
    let mut rows = Vec::new();
    let mut count = 0_usize;
    while let Some(batch) = stream.next().await {
        query::json::write_rows(&batch?, &columns, |row| {
            if count > 0 {
                rows.push(b',');
            }
            rows.extend_from_slice(row);
            count += 1;
        });
        if rows.len() > DOCUMENT_BYTES_MAX {
            return Err(document_too_large(pql));
        }
    }
    Ok(answer(position, |out| {
        push_head(out, columns.iter().map(|column| (&*column.name, column.ty)));
        out.push(b'[');
        out.extend_from_slice(&rows);
        out.push(b']');
        push_tail(out, count, position.0, started);
    }))
}

fn document_too_large(pql: &str) -> Error {
    let hint = "ask for fewer rows or columns, or accept application/x-ndjson, which streams them";
    Error::new(Code::Pql, format!("one JSON document has at most {} MiB of rows", DOCUMENT_BYTES_MAX >> 20))
        .details(serde_json::json!({
            "pql_code": grammar::Code::MemoryLimit.as_str(),
            "line": 1,
            "column": 1,
            "length": pql.lines().next().map_or(0, |line| line.chars().count()),
            "hint": hint,
        }))
        .hint(hint)
}

fn push_head<'a>(out: &mut Vec<u8>, columns: impl Iterator<Item = (&'a str, Type)>) {
    out.extend_from_slice(b"{\"columns\":");
    push_list(out, columns, |out, (name, ty)| {
        out.extend_from_slice(b"{\"name\":");
        push(out, name);
        push_name(out, "type");
        push(out, ty.as_str());
        out.push(b'}');
    });
    push_name(out, "rows");
}

fn push_tail(out: &mut Vec<u8>, row_count: usize, position: u64, started: Instant) {
    push_name(out, "row_count");
    push(out, &row_count);
    push_name(out, "position");
    push(out, &position);
    push_name(out, "elapsed_us");
    push(out, &u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
    out.push(b'}');
}

/// Rows of a batch that are written before it is asked whether there is enough to send: a batch as text can be
/// many times what waits for the connection at once.
const ROWS_AT_ONCE: usize = 64;

/// The result row by row. The first batch is waited for before the status line is sent, so that an error
/// that shows at once is answered as one.
async fn flow(mut stream: RowStream, form: Form) -> Answer {
    let columns = stream.columns().to_vec();
    let mut arrow = match form {
        Form::Arrow => Some(ArrowStream::new(&columns).map_err(cannot_write)?),
        Form::Document | Form::Lines | Form::Csv => None,
    };
    let mut next = match stream.next().await {
        Some(Err(error)) => return Err(error.into()),
        first => first,
    };
    let (mut out, response) = Outflow::response(form, stream.position());
    tokio::spawn(async move {
        if form == Form::Csv {
            out.write(|out| query::csv::write_header(&columns, out));
        }
        while let Some(batch) = next {
            let written = match (batch, &mut arrow) {
                (Err(error), _) => Err(error.to_string()),
                (Ok(batch), Some(arrow)) => {
                    arrow.batch(&batch).map_err(|error| error.to_string()).map(|bytes| {
                        out.write(|out| out.extend_from_slice(&bytes));
                    })
                }
                (Ok(batch), None) => {
                    for from in (0..batch.num_rows()).step_by(ROWS_AT_ONCE) {
                        let some = batch.slice(from, ROWS_AT_ONCE.min(batch.num_rows() - from));
                        let is_enough = out.write(|out| match form {
                            Form::Csv => query::csv::write_rows(&some, &columns, out),
                            _ => query::json::write_rows(&some, &columns, |row| {
                                out.extend_from_slice(row);
                                out.push(b'\n');
                            }),
                        });
                        if is_enough && out.send().await.is_err() {
                            return;
                        }
                    }
                    Ok(())
                }
            };
            if let Err(error) = written {
                return out.break_off(error);
            }
            if out.send().await.is_err() {
                return;
            }
            next = stream.next().await;
        }
        match arrow.map(ArrowStream::finish) {
            Some(Ok(bytes)) => drop(out.write(|out| out.extend_from_slice(&bytes))),
            Some(Err(error)) => return out.break_off(error),
            None => {}
        }
        out.finish().await;
    });
    Ok(response)
}

fn cannot_write(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "a result could not be written");
    Error::new(Code::Internal, "the result cannot be written in this format")
        .hint("ask for application/json or application/x-ndjson")
}

/// `CLAIM next_task`: the tasks that were taken, each with its lease.
async fn claims(app: &Shared, call: Call, claim: query::Claim, form: Form, started: Instant) -> Answer {
    let agent_id = Text::from(claim.agent);
    let by = call.by.clone().or_agent(Some(&agent_id));
    let claim = Claim {
        agent_id,
        session_id: by.session_id.clone(),
        filter: claim.filter,
        ttl_ms: claim.lease_ms,
        limit: claim.limit,
    };
    match form {
        Form::Document => {
            let write: Write = Arc::new(move |out, taken| push_claims_document(out, taken, started));
            match take(app, call.once.as_ref(), &by, claim, &write).await? {
                Attempt::Taken(taken) => Ok(answer(taken.position, |out| write(out, &taken))),
                Attempt::Kept { answer, again } => Ok(replay(&answer, again)),
            }
        }
        Form::Lines if call.once.is_some() => {
            Err(Error::problem("", "header Idempotency-Key: an answer of lines is not kept")
                .hint("accept application/json"))
        }
        Form::Lines => {
            let taken = take_now(app, &by, claim).await?;
            let (mut out, response) = Outflow::response(form, taken.position);
            for claimed in &taken.claims {
                out.write(|out| {
                    push_claimed(out, claimed);
                    out.push(b'\n');
                });
            }
            tokio::spawn(out.finish());
            Ok(response)
        }
        Form::Csv | Form::Arrow => Err(Error::problem("", "CLAIM is answered as JSON")
            .hint("accept application/json or application/x-ndjson; on the command line, --output json, ndjson or table")
            .status(axum::http::StatusCode::NOT_ACCEPTABLE)),
    }
}

fn push_claims_document(out: &mut Vec<u8>, taken: &Taken, started: Instant) {
    let lease = [("lease_id", Type::Text), ("fence", Type::Int), ("expires_at", Type::Time)];
    let columns = query::tables::tasks::SCHEMA.columns.iter().map(|column| (column.name, column.ty));
    push_head(out, columns.chain(lease));
    push_list(out, &taken.claims, push_claimed);
    push_tail(out, taken.claims.len(), taken.position.0, started);
}

fn push_claimed(out: &mut Vec<u8>, claimed: &Claimed) {
    push_task(out, &claimed.task);
    reopen(out);
    push_name(out, "lease_id");
    push(out, &*claimed.lease.id);
    push_name(out, "fence");
    push(out, &claimed.lease.fence);
    push_name(out, "expires_at");
    push(out, &rfc3339(claimed.lease.expires_at));
    out.push(b'}');
}
