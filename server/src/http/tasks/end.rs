use crate::app::Shared;
use crate::http::{Answer, Call};
use crate::wire::envelope::answer;
use crate::wire::outcome::push_outcome;
use crate::wire::task;
use axum::extract::{Path, State};
use domain::Command;
use store::Text;

/// `POST /tasks/{id}/complete`
pub(super) async fn complete(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode(|fields| task::complete(id.into(), fields))?;
    let lease_id = command.guard.lease_id.clone();
    end(&app, call, lease_id, Command::CompleteTask(command)).await
}

/// `POST /tasks/{id}/fail`
pub(super) async fn fail(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode_some(|fields| task::fail(id.into(), fields))?;
    let lease_id = command.guard.lease_id.clone();
    end(&app, call, lease_id, Command::FailTask(command)).await
}

/// `POST /tasks/{id}/release`
pub(super) async fn release(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let (command, lease_id) = call.decode(|fields| {
        let command = task::release(id.into(), fields);
        let lease_id = match &command {
            Command::ReleaseTask { guard, .. } => guard.lease_id.clone(),
            _ => None,
        };
        (command, lease_id)
    })?;
    end(&app, call, lease_id, command).await
}

/// Whoever knows a lease's id acts as its holder.
async fn end(app: &Shared, call: Call, lease_id: Option<Text>, command: Command) -> Answer {
    let by = call.by.or_agent(app.holder(lease_id.as_ref()).as_ref());
    let done = app.execute(&by, command).await?;
    Ok(answer(done.position, |out| push_outcome(out, &done.outcome)))
}
