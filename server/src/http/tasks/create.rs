use crate::app::Shared;
use crate::http::carry::carry_out;
use crate::http::{Answer, Call};
use crate::wire::task;
use axum::extract::State;
use domain::Command;

/// `POST /tasks`
pub(super) async fn create(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode(task::create)?;
    carry_out(&app, call, Command::CreateTask(command)).await
}
