//! Contexts: what is worth knowing about a task.

use super::carry::carry_out;
use super::{Answer, Call};
use crate::app::Shared;
use crate::wire::work::add_context;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use domain::Command;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/contexts", post(add))
}

async fn add(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode_some(add_context)?;
    carry_out(&app, call, Command::AddContext(command)).await
}
