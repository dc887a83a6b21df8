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
use std::collections::BTreeMap;
use store::{EventId, Position, StepError, StepResult, Text, Told};

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
    let mut refs = Reader::new(app.session_timeout_ms);
    let (mut steps, mut malformed) = (Vec::<Planned>::new(), BTreeMap::<usize, Error>::new());
    let mut leased = FxHashMap::default();
    for (index, op) in ops.iter().enumerate() {
        let seed = clock::fresh_id();
        match refs.step(index, op, &call.by, seed) {
            Ok(read) => {
                // What needs one that could not be read is not tried. Where it is all or none, that one says it.
                let unread = read.needs.iter().find(|needed| malformed.contains_key(needed));
                if let Some(needed) = unread.filter(|_| !atomic) {
                    let why = Error::of_needed(*needed, &malformed[needed]);
                    malformed.insert(index, why);
                    continue;
                }
                if let Step::Command(Command::AcquireLease(lease)) = &read.step {
                    leased.insert(seed.to_text(), lease.agent_id.clone());
                }
                let by = by(&app, &leased, &call.by, &read.step);
                let place = |op| steps.binary_search_by_key(op, |step| step.index).ok();
                let needs = read.needs.iter().filter_map(place).collect();
                steps.push(Planned { index, seed, by, step: read.step, needs });
            }
            Err(error) => drop(malformed.insert(index, error)),
        }
    }
    if atomic && !malformed.is_empty() {
        return Err(Error::of_operations(malformed));
    }
    let seeds: Vec<EventId> = steps.iter().map(|step| step.seed).collect();
    let places: Vec<usize> = steps.iter().map(|step| step.index).collect();
    let needs = steps.iter_mut().map(|step| std::mem::take(&mut step.needs)).collect();
    let asked = steps.into_iter().map(|step| (step.by, step.step)).collect();
    // A condition that cannot be asked at all is a mistake of the whole, as in a single append.
    let of_operation = |step: usize, error: Error| Error::of_operations([(places[step], error)]);
    let mut steps =
        Steps::prepare(&app, asked, atomic).await.map_err(|(step, error)| of_operation(step, error))?;
    steps.set_seeds(seeds);
    steps.set_needs(needs);
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
    /// The steps that it needs.
    needs: Vec<usize>,
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
    malformed: BTreeMap<usize, Error>,
    faults: Faults,
}

impl Outcome {
    /// The answer, and the head it reflects.
    fn write(&self, results: &[StepResult<Work>]) -> (Position, Vec<u8>) {
        let mut all: BTreeMap<usize, Result<_, Error>> =
            self.malformed.iter().map(|(index, error)| (*index, Err(error.clone()))).collect();
        for (step, (result, index)) in results.iter().zip(&self.places).enumerate() {
            let result = result.as_ref().map_err(|error| match error {
                StepError::Needs { step } => {
                    let needed = self.places[*step];
                    // It came before, and failed.
                    let why = all.get(&needed).and_then(|why| why.as_ref().err());
                    why.map_or_else(
                        || self.faults.error(*step, error.clone()),
                        |why| Error::of_needed(needed, why),
                    )
                }
                error => self.faults.error(step, error.clone()),
            });
            all.insert(*index, result);
        }
        let (mut out, mut position) = (Vec::new(), Position::ZERO);
        push_results(&mut out, all.into_values(), |out, done| {
            position = position.max(push_done(out, done));
        });
        (position, out)
    }
}
