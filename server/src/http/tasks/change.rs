use crate::app::Shared;
use crate::http::carry::carry_out;
use crate::http::{Answer, Call};
use crate::wire::task;
use axum::extract::{Path, State};
use domain::Command;

/// `PATCH /tasks/{id}`
pub(super) async fn update(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode(|fields| task::update(id.into(), fields))?;
    carry_out(&app, call, Command::UpdateTask(command)).await
}

/// `POST /tasks/{id}/transition`
pub(super) async fn transition(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode_some(|fields| task::transition(id.into(), fields))?;
    carry_out(&app, call, Command::TransitionTask(command)).await
}

/// `POST /tasks/{id}/archive`
pub(super) async fn archive(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    call.decode(|_| ())?;
    carry_out(&app, call, Command::ArchiveTask { task_id: id.into() }).await
}

/// `POST /tasks/{id}/restore`
pub(super) async fn restore(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    call.decode(|_| ())?;
    carry_out(&app, call, Command::RestoreTask { task_id: id.into() }).await
}
