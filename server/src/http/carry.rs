//! Carrying out what a request asks for: once, if it has a key, and in the name of whoever it is from.

use super::{Answer, Call};
use crate::app::Shared;
use crate::context::Provenance;
use crate::group::{Step, Steps};
use crate::once::{OnceKey, replay};
use crate::wire::append::{ConditionRequest, check_reserved, push_appended};
use crate::wire::envelope::answer;
use crate::wire::outcome::push_outcome;
use domain::{Command, Outcome, Work};
use store::{Append, Position, StepDone, StepResult, Text, Told};

/// Carries a command out, and answers with what it made or changed.
pub(super) async fn carry_out(app: &Shared, call: Call, command: Command) -> Answer {
    let by = app.by(&call.by, &command);
    let Some(key) = &call.once else {
        let done = app.execute(&by, command).await?;
        return Ok(answer(done.position, |out| push_outcome(out, &done.outcome)));
    };
    // Not whoever holds a lease it names: after the first time nobody may.
    let scope = call.by.agent_id.as_ref().or(command.agent_id()).cloned();
    once(app, key, scope, by, Step::Command(command)).await
}

/// Carries an append out.
pub(super) async fn append(
    app: &Shared,
    call: Call,
    append: Append,
    condition: Option<ConditionRequest>,
) -> Answer {
    check_reserved(&append)?;
    let Some(key) = &call.once else {
        let appended = app.append(&call.by, append, condition).await?;
        return Ok(answer(appended.last, |out| push_appended(out, &appended)));
    };
    let (scope, by) = (call.by.agent_id.clone(), call.by.clone());
    once(app, key, scope, by, Step::Append(append, condition)).await
}

async fn once(app: &Shared, key: &OnceKey, scope: Option<Text>, by: Provenance, step: Step) -> Answer {
    let steps = Steps::new(app, vec![(by, step)]).await.map_err(|(_, error)| error)?;
    let told =
        steps.carry_out(app, true, Some(key.once(scope.as_ref(), |results| Some(written(results))))).await;
    match told.map_err(|(_, error)| error)? {
        Told::Kept { answer, again } => Ok(replay(&answer, again)),
        Told::Now(results) => {
            let (position, data) = written(&results);
            Ok(answer(position, |out| out.extend_from_slice(&data)))
        }
    }
}

/// The only step's answer.
fn written(results: &[StepResult<Work>]) -> (Position, Vec<u8>) {
    let mut out = Vec::new();
    // An atomic group tells of a step that failed in another way.
    let done = results.iter().flatten().map(|done| push_done(&mut out, done)).next();
    (done.unwrap_or_default(), out)
}

/// Appends what a step made or changed; gives the head right after it.
pub(super) fn push_done(out: &mut Vec<u8>, done: &StepDone<Outcome>) -> Position {
    match done {
        StepDone::Command(done) => {
            push_outcome(out, &done.outcome);
            done.position
        }
        StepDone::Append(appended) => {
            push_appended(out, appended);
            appended.last
        }
    }
}
