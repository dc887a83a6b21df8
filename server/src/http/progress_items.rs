//! Progress items: the steps of a task.

use super::{Answer, Call};
use crate::app::Shared;
use crate::wire::envelope::answer;
use crate::wire::outcome::push_outcome;
use crate::wire::rows::push_row;
use crate::wire::work::{add_progress, complete_progress};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{patch, post};
use domain::{Command, Outcome};
use query::tables::RowFields;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/progress_items", post(add)).route("/progress_items/{id}", patch(complete))
}

async fn add(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode(add_progress)?;
    let by = call.by.or_agent(holder(&app, &command).as_ref());
    let done = app.execute(&by, command).await?;
    Ok(answer(done.position, |out| push_outcome(out, &done.outcome)))
}

async fn complete(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode(|fields| complete_progress(id.into(), fields))?;
    let by = call.by.or_agent(holder(&app, &command).as_ref());
    let done = app.execute(&by, command).await?;
    Ok(answer(done.position, |out| match &done.outcome {
        Outcome::ProgressItems(items) if items.len() == 1 => {
            push_row(out, &RowFields::ProgressItem(&items[0]));
        }
        outcome => push_outcome(out, outcome),
    }))
}

fn holder(app: &Shared, command: &Command) -> Option<store::Text> {
    match command {
        Command::AddProgress { guard, .. } | Command::CompleteProgress { guard, .. } => {
            app.holder(guard.lease_id.as_ref())
        }
        _ => None,
    }
}
