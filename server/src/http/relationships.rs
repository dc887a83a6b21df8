//! Relationships between tasks.

use super::carry::carry_out;
use super::{Answer, Call};
use crate::app::Shared;
use crate::schema::Operation;
use crate::wire::work::add_relationship;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, post};
use domain::Command;
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/relationships", post(add)).route("/relationships/{id}", delete(remove))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/relationships", "add_relationship", "Relate two tasks.", add_relationship)
            .example(json!({ "from_task_id": "t1", "to_task_id": "t2", "type": "blocks" }))
            .gives("Relationship")
            .changes_work(),
        Operation::delete("/relationships/{id}", "remove_relationship", "End a relationship.")
            .gives("Relationship")
            .changes_work(),
    ]
}

async fn add(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode_some(add_relationship)?;
    carry_out(&app, call, Command::AddRelationship(command)).await
}

async fn remove(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    call.decode(|_| ())?;
    carry_out(&app, call, Command::RemoveRelationship { relationship_id: id.into() }).await
}
