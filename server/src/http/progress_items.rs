//! Progress items: the steps of a task.

use super::carry::carry_out;
use super::{Answer, Call};
use crate::app::Shared;
use crate::wire::work::{add_progress, complete_progress};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{patch, post};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/progress_items", post(add)).route("/progress_items/{id}", patch(complete))
}

async fn add(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode(add_progress)?;
    carry_out(&app, call, command).await
}

async fn complete(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode(|fields| complete_progress(id.into(), fields))?;
    carry_out(&app, call, command).await
}
