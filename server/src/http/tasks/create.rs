use crate::app::Shared;
use crate::http::{Answer, Call};
use crate::wire::envelope::answer;
use crate::wire::outcome::push_outcome;
use crate::wire::task;
use axum::extract::State;
use domain::Command;

/// `POST /tasks`
pub(super) async fn create(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode(task::create)?;
    let done = app.execute(&call.by, Command::CreateTask(command)).await?;
    Ok(answer(done.position, |out| push_outcome(out, &done.outcome)))
}
