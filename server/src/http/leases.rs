//! Leases: who may write to a task, and until when.

use super::carry::carry_out;
use super::{Answer, Call};
use crate::app::Shared;
use crate::error::{Code, Error};
use crate::schema::Operation;
use crate::wire::fields::nearest;
use crate::wire::work::{acquire_lease, renew_lease, transfer_lease};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, patch, post};
use domain::Command;
use domain::rows::Table;
use serde_json::json;
use store::Text;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/leases", post(acquire))
        .route("/leases/{id}/renew", patch(renew))
        .route("/leases/{id}/transfer", post(transfer))
        .route("/leases/{id}", delete(release))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/leases", "acquire_lease", "Take one task by its id.", acquire_lease)
            .example(json!({ "task_id": "t1", "agent_id": "ada", "ttl_s": 900 }))
            .gives("Lease")
            .changes_work(),
        Operation::patch("/leases/{id}/renew", "renew_lease", "Go on holding a task.", |fields| {
            renew_lease(Text::default(), fields)
        })
        .example(json!({ "ttl_s": 900 }))
        .gives("Lease")
        .changes_work(),
        Operation::post(
            "/leases/{id}/transfer",
            "transfer_lease",
            "Hand a task over to another agent: its lease ends, and there is another.",
            |fields| transfer_lease(Text::default(), fields),
        )
        .example(json!({ "agent_id": "eve" }))
        .gives("Lease")
        .changes_work(),
        Operation::delete("/leases/{id}", "release_lease", "Give a task back.").gives("Lease").changes_work(),
    ]
}

async fn acquire(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode(acquire_lease)?;
    carry_out(&app, call, Command::AcquireLease(command)).await
}

async fn renew(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let id = Text::from(id);
    let command = call.decode(|fields| renew_lease(id.clone(), fields))?;
    known(&app, &id)?;
    carry_out(&app, call, command).await
}

async fn transfer(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let id = Text::from(id);
    let command = call.decode(|fields| transfer_lease(id.clone(), fields))?;
    known(&app, &id)?;
    let agent_id = command.agent_id.clone();
    let handed = carry_out(&app, call, Command::TransferLease(command)).await;
    handed.map_err(|error| match error.code() {
        Code::NotFound if error.is_about("agent") => no_agent(&app, &agent_id),
        _ => error,
    })
}

async fn release(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let id = Text::from(id);
    call.decode(|_| ())?;
    known(&app, &id)?;
    carry_out(&app, call, Command::ReleaseLease { lease_id: id }).await
}

/// A task is not handed to nobody: a name that was mistyped would hold it until its lease is over.
fn no_agent(app: &Shared, agent_id: &Text) -> Error {
    let pinned = app.engine.pin();
    let known = pinned.iter(Table::Agents).map(|(id, _)| &**id);
    let hint = match nearest(agent_id, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "who is to go on registers first, or is handed the task in a session of its own: session_id"
            .to_owned(),
    };
    Error::not_found("agent", agent_id).hint(hint).next("agentpm agent list")
}

/// A lease that never was is not one that is over.
fn known(app: &Shared, lease_id: &Text) -> Result<(), Error> {
    app.holder(Some(lease_id)).map(drop).ok_or_else(|| Error::not_found("lease", lease_id))
}
