//! Contexts: what is worth knowing about a task.

use super::carry::carry_out;
use super::{Answer, Call};
use crate::app::Shared;
use crate::schema::Operation;
use crate::wire::work::add_context;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use domain::Command;
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/contexts", post(add))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            "/contexts",
            "add_context",
            "Write down what is worth knowing about a task.",
            add_context,
        )
        .example(json!({ "task_id": "t1", "type": "decision", "content": "Plain text, no Markdown." }))
        .gives("Context")
        .changes_work(),
    ]
}

async fn add(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode_some(add_context)?;
    carry_out(&app, call, Command::AddContext(command)).await
}
