use crate::app::Shared;
use crate::http::{Answer, Call};
use crate::wire::envelope::answer;
use crate::wire::outcome::push_outcome;
use crate::wire::task;
use axum::extract::{Path, State};
use domain::Command;

/// `PATCH /tasks/{id}`
pub(super) async fn update(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode(|fields| task::update(id.into(), fields))?;
    let by = call.by.or_agent(app.holder(command.guard.lease_id.as_ref()).as_ref());
    let done = app.execute(&by, Command::UpdateTask(command)).await?;
    Ok(answer(done.position, |out| push_outcome(out, &done.outcome)))
}

/// `POST /tasks/{id}/transition`
pub(super) async fn transition(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode_some(|fields| task::transition(id.into(), fields))?;
    let by = call.by.or_agent(app.holder(command.guard.lease_id.as_ref()).as_ref());
    let done = app.execute(&by, Command::TransitionTask(command)).await?;
    Ok(answer(done.position, |out| push_outcome(out, &done.outcome)))
}

/// `POST /tasks/{id}/archive`
pub(super) async fn archive(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    call.decode(|_| ())?;
    let done = app.execute(&call.by, Command::ArchiveTask { task_id: id.into() }).await?;
    Ok(answer(done.position, |out| push_outcome(out, &done.outcome)))
}

/// `POST /tasks/{id}/restore`
pub(super) async fn restore(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    call.decode(|_| ())?;
    let done = app.execute(&call.by, Command::RestoreTask { task_id: id.into() }).await?;
    Ok(answer(done.position, |out| push_outcome(out, &done.outcome)))
}
