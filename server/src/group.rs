//! Several things to be done as one: what the writer needs of each, and what its refusals mean to the caller.

use crate::app::{Shared, context};
use crate::clock;
use crate::condition::Looked;
use crate::context::Provenance;
use crate::error::{Code, Error};
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
    needs: Vec<Vec<usize>>,
    pub(crate) faults: Faults,
}

/// What is known of refusals besides what the writer says.
#[derive(Clone)]
pub(crate) struct Faults {
    app: Shared,
    /// Of each step what its refusal as an append means, if the writer cannot know.
    of: Arc<[Option<Fault>]>,
    /// Of each step that is an append, how many events its writes add.
    events: Arc<[Vec<usize>]>,
}

enum Fault {
    /// Why its condition could not be told, once that is so.
    Condition(Arc<OnceLock<PredicateFault>>),
    /// What is wrong with it, or with the session it is in.
    Known(Error),
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
        let events = self.events.get(index).map_or(&[][..], Vec::as_slice);
        let error = match (error, self.of.get(index)) {
            (StepError::Append(error), Some(Some(Fault::Condition(fault)))) => Looked::refused(fault, error),
            (StepError::Append(error), Some(Some(Fault::Known(why)))) => {
                Looked::refused_for(why.clone(), error)
            }
            (StepError::Append(error), _) => error.into(),
            // Who gave steps that need others knows what to say of it.
            (error @ StepError::Needs { .. }, _) => Error::new(Code::Conflict, error.to_string()),
            (StepError::Command(error), _) => Error::from(error).with_holder(|| self.app.engine.pin()),
        };
        error.in_append(events)
    }
}

impl Steps {
    /// Makes them ready, to be carried out all or none: conditions are looked up here, outside of the writer.
    ///
    /// # Errors
    /// The step whose condition is none, and why.
    pub(crate) async fn new(app: &Shared, asked: Vec<(Provenance, Step)>) -> Result<Self, (usize, Error)> {
        Self::prepare(app, asked, true).await
    }

    /// The same; when each is for itself, a condition that is none is the refusal of its own step.
    ///
    /// # Errors
    /// The step whose condition is none, and why, when it is all or none.
    pub(crate) async fn prepare(
        app: &Shared,
        asked: Vec<(Provenance, Step)>,
        atomic: bool,
    ) -> Result<Self, (usize, Error)> {
        let (mut steps, mut faults) = (Vec::with_capacity(asked.len()), Vec::with_capacity(asked.len()));
        let events = |step: &Step| match step {
            Step::Append(append, _) => append.events(),
            Step::Command(_) => Vec::new(),
        };
        let events = asked.iter().map(|(_, step)| events(step)).collect();
        let now = clock::now();
        for (index, (by, step)) in asked.into_iter().enumerate() {
            let (step, fault) = match step {
                Step::Command(command) => (store::Step::Command(command), None),
                Step::Append(append, asked) => match (app.check_session(&by), asked) {
                    // Refused by the writer: before that it looks whether all of this was done already.
                    (Err(why), _) => {
                        (store::Step::Append(append, Some(Looked::never(app))), Some(Fault::Known(why)))
                    }
                    (Ok(()), None) => (store::Step::Append(append, None), None),
                    (Ok(()), Some(asked)) => {
                        let (condition, fault) = match Looked::new(app, asked).await {
                            Ok(looked) => (looked.condition, Fault::Condition(looked.fault)),
                            Err(why) if atomic => return Err((index, why)),
                            Err(why) => (Looked::never(app), Fault::Known(why)),
                        };
                        (store::Step::Append(append, Some(condition)), Some(fault))
                    }
                },
            };
            // One commit has one time.
            steps.push((Context { now, ..context(&by) }, step));
            faults.push(fault);
        }
        Ok(Self { steps, needs: Vec::new(), faults: Faults { app: app.clone(), of: faults.into(), events } })
    }

    /// The seed of each step's ids, in order.
    pub(crate) fn set_seeds(&mut self, seeds: impl IntoIterator<Item = EventId>) {
        for ((context, _), seed) in self.steps.iter_mut().zip(seeds) {
            context.seed = seed;
        }
    }

    /// Of each step, those before it without which it makes no sense.
    pub(crate) fn set_needs(&mut self, needs: Vec<Vec<usize>>) {
        self.needs = needs;
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
        let Self { steps, needs, faults } = self;
        let _entered = app.gate.enter().map_err(|closed| (None, closed))?;
        app.store().execute_group(Group { steps, needs, atomic, once }).await.map_err(|error| match error {
            ExecuteError::Rejected(error) => faults.refused(error),
            other => (None, other.map(|_| reused()).into()),
        })
    }
}
