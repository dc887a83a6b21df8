//! Leases: who may write to a task, and until when.

use super::list::one;
use super::{Answer, Call};
use crate::app::Shared;
use crate::error::Error;
use crate::wire::envelope::answer;
use crate::wire::outcome::push_outcome;
use crate::wire::work::{acquire_lease, renew_lease};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, patch, post};
use domain::Command;
use query::tables::RowFields;
use store::Text;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/leases", post(acquire))
        .route("/leases/{id}/renew", patch(renew))
        .route("/leases/{id}", delete(release))
}

async fn acquire(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode(acquire_lease)?;
    let by = call.by.or_agent(Some(&command.agent_id)).or_session(command.session_id.as_ref());
    let done = app.execute(&by, Command::AcquireLease(command)).await?;
    Ok(answer(done.position, |out| push_outcome(out, &done.outcome)))
}

async fn renew(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let id = Text::from(id);
    let command = call.decode(|fields| renew_lease(id.clone(), fields))?;
    by_holder(&app, call, &id, command).await
}

async fn release(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let id = Text::from(id);
    call.decode(|_| ())?;
    let command = Command::ReleaseLease { lease_id: id.clone() };
    by_holder(&app, call, &id, command).await
}

/// Whoever knows a lease's id acts as its holder. The answer is the lease as it then is.
async fn by_holder(app: &Shared, call: Call, lease_id: &Text, command: Command) -> Answer {
    let Some(holder) = app.holder(Some(lease_id)) else { return Err(Error::not_found("lease", lease_id)) };
    let by = call.by.or_agent(Some(&holder));
    let done = app.execute(&by, command).await?;
    let lease = app.engine.pin().lease(lease_id);
    one(done.position, "lease", lease_id, lease.as_deref().map(RowFields::Lease))
}
