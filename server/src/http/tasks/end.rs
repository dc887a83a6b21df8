use crate::app::Shared;
use crate::http::carry::carry_out;
use crate::http::{Answer, Call};
use crate::wire::task;
use axum::extract::{Path, State};
use domain::Command;

/// `POST /tasks/{id}/complete`
pub(super) async fn complete(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode(|fields| task::complete(id.into(), fields))?;
    carry_out(&app, call, Command::CompleteTask(command)).await
}

/// `POST /tasks/{id}/fail`
pub(super) async fn fail(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode_some(|fields| task::fail(id.into(), fields))?;
    carry_out(&app, call, Command::FailTask(command)).await
}

/// `POST /tasks/{id}/release`
pub(super) async fn release(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode(|fields| task::release(id.into(), fields))?;
    carry_out(&app, call, command).await
}
