//! Sessions: that an agent is there.

use super::carry::carry_out;
use super::{Answer, Call};
use crate::app::Shared;
use crate::schema::Operation;
use crate::wire::envelope::answer;
use crate::wire::outcome::push_outcome;
use crate::wire::work::{heartbeat as read_heartbeat, start_session};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use domain::{Command, Outcome};
use serde_json::json;
use store::Text;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/sessions/start", post(start))
        .route("/sessions/{id}/heartbeat", post(heartbeat))
        .route("/sessions/{id}/end", post(end))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/sessions/start", "start_session", "Say that an agent is there.", |fields| {
            start_session(0, fields)
        })
        .example(json!({ "agent_id": "ada" }))
        .gives("Session")
        .changes_work(),
        Operation::post(
            "/sessions/{id}/heartbeat",
            "heartbeat",
            "Say that a session is alive, and hear what to do.",
            |fields| read_heartbeat(Text::default(), fields),
        )
        .example(json!({ "progress": [{ "task_id": "t1", "items": ["the parser stands"] }] }))
        .gives("Directives")
        .changes_work(),
        Operation::post(
            "/sessions/{id}/end",
            "end_session",
            "End a session and give back what it holds.",
            |_| (),
        )
        .gives("Session")
        .changes_work(),
    ]
}

async fn start(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode(|fields| start_session(app.session_timeout_ms, fields))?;
    carry_out(&app, call, Command::StartSession(command)).await
}

async fn heartbeat(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let id = Text::from(id);
    let command = call.decode(|fields| read_heartbeat(id.clone(), fields))?;
    let command = Command::Heartbeat(command);
    if call.once.is_some() {
        return carry_out(&app, call, command).await;
    }
    let mut done = app.execute(&app.by(&call.by, &command), command).await?;
    if let Outcome::Heartbeat { leases, .. } = &mut done.outcome {
        // The model forgets leases that are over; the tables tell what they were.
        let pinned = app.engine.pin();
        for told in leases {
            told.lease = told.lease.take().or_else(|| pinned.lease(&told.id));
        }
    }
    Ok(answer(done.position, |out| push_outcome(out, &done.outcome)))
}

async fn end(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let id = Text::from(id);
    call.decode(|_| ())?;
    carry_out(&app, call, Command::EndSession { session_id: id }).await
}
