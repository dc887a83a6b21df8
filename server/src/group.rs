//! Several things to be done as one: what the writer needs of each, and what its refusals mean to the caller.

use crate::app::{Shared, context};
use crate::clock;
use crate::condition::Looked;
use crate::context::Provenance;
use crate::error::Error;
use crate::once::reused;
use crate::wire::append::ConditionRequest;
use domain::{Command, PredicateFault, Rejection, Work};
use std::sync::{Arc, OnceLock};
use store::{Append, Context, EventId, ExecuteError, Group, GroupError, Once, StepError, Told};

/// One of them.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "nearly all are commands")]
pub(crate) enum Step {
    /// A command of the work model.
    Command(Command),
    /// Events as they are.
    Append(Append, Option<ConditionRequest>),
}

/// All of them, ready for the writer.
pub(crate) struct Steps {
    steps: Vec<(Context, store::Step<Work>)>,
    pub(crate) faults: Faults,
}

/// Of each step what its refusal as an append means, if the writer cannot know.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<[Option<Fault>]>);

enum Fault {
    /// Why its condition could not be told, once that is so.
    Condition(Arc<OnceLock<PredicateFault>>),
    /// What is wrong with the session it is in.
    Session(Error),
}

impl Faults {
    /// The refusal of all steps as the caller's error, and the step that it is for.
    pub(crate) fn refused(&self, error: GroupError<Rejection>) -> (Option<usize>, Error) {
        match error {
            GroupError::Step { index, error } => (Some(index), self.error(index, error)),
            GroupError::KeyReused => (None, reused()),
        }
    }

    /// A step's refusal as the caller's error.
    pub(crate) fn error(&self, index: usize, error: StepError<Rejection>) -> Error {
        match (error, self.0.get(index)) {
            (StepError::Append(error), Some(Some(Fault::Condition(fault)))) => Looked::refused(fault, error),
            (StepError::Append(error), Some(Some(Fault::Session(why)))) => {
                Looked::refused_for(why.clone(), error)
            }
            (StepError::Append(error), _) => error.into(),
            (StepError::Command(error), _) => error.into(),
        }
    }
}

impl Steps {
    /// Makes them ready: conditions are looked up here, outside of the writer.
    ///
    /// # Errors
    /// The step whose condition is none, and why.
    pub(crate) async fn new(app: &Shared, asked: Vec<(Provenance, Step)>) -> Result<Self, (usize, Error)> {
        let (mut steps, mut faults) = (Vec::with_capacity(asked.len()), Vec::with_capacity(asked.len()));
        let now = clock::now();
        for (index, (by, step)) in asked.into_iter().enumerate() {
            let (step, fault) = match step {
                Step::Command(command) => (store::Step::Command(command), None),
                Step::Append(append, asked) => match (app.check_session(&by), asked) {
                    // Refused by the writer: before that it looks whether all of this was done already.
                    (Err(why), _) => {
                        (store::Step::Append(append, Some(Looked::never(app))), Some(Fault::Session(why)))
                    }
                    (Ok(()), None) => (store::Step::Append(append, None), None),
                    (Ok(()), Some(asked)) => {
                        let looked = Looked::new(app, asked).await.map_err(|error| (index, error))?;
                        let fault = Fault::Condition(looked.fault);
                        (store::Step::Append(append, Some(looked.condition)), Some(fault))
                    }
                },
            };
            // One commit has one time.
            steps.push((Context { now, ..context(&by) }, step));
            faults.push(fault);
        }
        Ok(Self { steps, faults: Faults(faults.into()) })
    }

    /// The seed of each step's ids, in order.
    pub(crate) fn set_seeds(&mut self, seeds: impl IntoIterator<Item = EventId>) {
        for ((context, _), seed) in self.steps.iter_mut().zip(seeds) {
            context.seed = seed;
        }
    }

    /// Carries them out, all or none of them, or each for itself.
    ///
    /// # Errors
    /// Why nothing was done, and the step that it is for.
    pub(crate) async fn carry_out(
        self,
        app: &Shared,
        atomic: bool,
        once: Option<Once<Work>>,
    ) -> Result<Told<Work>, (Option<usize>, Error)> {
        let Self { steps, faults } = self;
        let _entered = app.gate.enter().map_err(|closed| (None, closed))?;
        app.store().execute_group(Group { steps, atomic, once }).await.map_err(|error| match error {
            ExecuteError::Rejected(error) => faults.refused(error),
            other => (None, other.map(|_| reused()).into()),
        })
    }
}
