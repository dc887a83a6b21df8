//! Progress items: the steps of a task.

use super::carry::carry_out;
use super::{Answer, Call};
use crate::app::Shared;
use crate::schema::Operation;
use crate::wire::work::{add_progress, complete_progress};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{patch, post};
use serde_json::json;
use store::Text;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/progress_items", post(add)).route("/progress_items/{id}", patch(complete))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/progress_items", "add_progress", "Add steps to a task's own list.", add_progress)
            .example(json!({ "task_id": "t1", "items": ["read", "write"], "override": true }))
            .gives("ProgressItems")
            .changes_work(),
        Operation::patch(
            "/progress_items/{id}",
            "complete_progress",
            "A step is done, or no longer done.",
            |fields| complete_progress(Text::default(), fields),
        )
        .example(json!({ "completed": true, "override": true }))
        .gives("ProgressItem")
        .changes_work(),
    ]
}

async fn add(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode(add_progress)?;
    carry_out(&app, call, command).await
}

async fn complete(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode(|fields| complete_progress(id.into(), fields))?;
    carry_out(&app, call, command).await
}
