//! Many operations in one request: all of them or none, or each for itself.

use super::carry::push_done;
use super::{Answer, Call};
use crate::app::Shared;
use crate::clock;
use crate::context::Provenance;
use crate::error::{Code, Error};
use crate::group::{Faults, Step, Steps};
use crate::once::replay;
use crate::schema::Operation;
use crate::wire::batch::{BatchRequest, Reader, batch, push_results};
use crate::wire::envelope::answer;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use domain::{Command, Work};
use rustc_hash::FxHashMap;
use serde_json::json;
use store::{EventId, Position, StepResult, Text, Told};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/batch", post(run))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            "/batch",
            "batch",
            "Many operations in one request: all or none, or each for itself.",
            batch,
        )
        .example(json!({
            "ops": [
                { "op": "create_task", "data": { "title": "Plan" }, "ref": "plan" },
                { "op": "add_progress", "data": { "task_id": "$plan", "items": ["read"], "override": true } },
            ],
            "atomic": true,
        }))
        .gives("BatchResults")
        .changes_work()
        .fails(&[Code::Pql, Code::Forbidden]),
    ]
}

async fn run(State(app): State<Shared>, call: Call) -> Answer {
    let BatchRequest { atomic, ops } = call.decode(batch)?;
    let (mut refs, mut steps, mut malformed) = (Reader::new(app.session_timeout_ms), Vec::new(), Vec::new());
    let mut leased = FxHashMap::default();
    for (index, op) in ops.iter().enumerate() {
        let seed = clock::fresh_id();
        match refs.step(op, &call.by, seed) {
            Ok(step) => {
                if let Step::Command(Command::AcquireLease(lease)) = &step {
                    leased.insert(seed.to_text(), lease.agent_id.clone());
                }
                let by = by(&app, &leased, &call.by, &step);
                steps.push(Planned { index, seed, by, step });
            }
            Err(error) => malformed.push((index, error)),
        }
    }
    if atomic && !malformed.is_empty() {
        return Err(Error::of_operations(malformed));
    }
    let seeds: Vec<EventId> = steps.iter().map(|step| step.seed).collect();
    let places: Vec<usize> = steps.iter().map(|step| step.index).collect();
    let asked = steps.into_iter().map(|step| (step.by, step.step)).collect();
    // A condition that cannot be asked at all is a mistake of the whole, as in a single append.
    let of_operation = |step: usize, error: Error| Error::of_operations(vec![(places[step], error)]);
    let mut steps = Steps::new(&app, asked).await.map_err(|(step, error)| of_operation(step, error))?;
    steps.set_seeds(seeds);
    let outcome = Outcome { places: places.clone(), malformed, faults: steps.faults.clone() };
    let write = outcome.clone();
    let once = call
        .once
        .as_ref()
        .map(|key| key.once(call.by.agent_id.as_ref(), move |results| Some(write.write(results))));
    let told = steps.carry_out(&app, atomic, once).await;
    match told.map_err(|(step, error)| match step {
        Some(step) => of_operation(step, error),
        None => error,
    })? {
        Told::Kept { answer, again } => Ok(replay(&answer, again)),
        Told::Now(results) => {
            let (position, data) = outcome.write(&results);
            let position = position.max(app.store().head().position);
            Ok(answer(position, |out| out.extend_from_slice(&data)))
        }
    }
}

/// An operation that could be read.
struct Planned {
    index: usize,
    seed: EventId,
    by: Provenance,
    step: Step,
}

/// Who carries a step out; `leased` has the holders of leases that the batch itself takes.
fn by(app: &Shared, leased: &FxHashMap<Text, Text>, by: &Provenance, step: &Step) -> Provenance {
    match step {
        Step::Command(command) => {
            let holder = command.lease_id().and_then(|lease| leased.get(lease));
            app.by(by, command).or_agent(holder)
        }
        Step::Append(..) => by.clone(),
    }
}

/// What is known of the operations besides what the writer says.
#[derive(Clone)]
struct Outcome {
    /// Which operation each step is.
    places: Vec<usize>,
    /// Operations that could not be read.
    malformed: Vec<(usize, Error)>,
    faults: Faults,
}

impl Outcome {
    /// The answer, and the head it reflects.
    fn write(&self, results: &[StepResult<Work>]) -> (Position, Vec<u8>) {
        let mut all: Vec<(usize, Result<_, Error>)> =
            self.malformed.iter().map(|(index, error)| (*index, Err(error.clone()))).collect();
        for (step, (result, index)) in results.iter().zip(&self.places).enumerate() {
            let result = result.as_ref().map_err(|error| self.faults.error(step, error.clone()));
            all.push((*index, result));
        }
        all.sort_by_key(|(index, _)| *index);
        let (mut out, mut position) = (Vec::new(), Position::ZERO);
        push_results(&mut out, all.into_iter().map(|(_, result)| result), |out, done| {
            position = position.max(push_done(out, done));
        });
        (position, out)
    }
}
