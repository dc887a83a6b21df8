//! The condition of an append: what must not have happened after a position the caller knows.
//!
//! The log is looked through here, by an index, for as long as a query may take. What comes while we look
//! is looked at by the writer.

use crate::app::{App, Shared};
use crate::error::Error;
use crate::http::blocking;
use crate::http::query::params;
use crate::wire::append::ConditionRequest;
use domain::{PredicateFault, Rejection};
use query::Params;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use store::{AppendError, Condition, ConditionFault, Direction, Event, ExecuteError};

/// Events looked at before the clock is.
const LOOKED_BETWEEN_CLOCKS: usize = 256;

/// A condition for the writer, and why it could not tell, should that be its answer.
pub(crate) struct Looked {
    pub(crate) condition: Condition,
    pub(crate) fault: Arc<OnceLock<PredicateFault>>,
}

impl Looked {
    /// Looks through the log up to its head.
    ///
    /// # Errors
    /// When the condition is none, or cannot be told of some event, or takes too long.
    pub(crate) async fn new(app: &Shared, asked: ConditionRequest) -> Result<Self, Error> {
        let ConditionRequest { fail_if, params: given, after } = asked;
        let given =
            given.as_ref().map_or_else(|| Ok(Params::none()), |given| params(given, "/condition/params"))?;
        let predicate = app.engine.append_condition(&fail_if, &given)?;
        let reader = app.store().reader();
        let head = reader.head().position;
        if after > head {
            let message = format!("is {after}, but the head is at {head}: nothing after it has been seen");
            return Err(Error::problem("/condition/after", message)
                .hint("give the position of the answer that you decided by (Agentpm-Position)"));
        }
        let begun = Instant::now();
        let (engine, look) = (app.engine.clone(), predicate.clone());
        let found = blocking(move || -> Result<_, Error> {
            let events = look.sought.events(&reader, after, head, Direction::Forward);
            for (looked, event) in events.enumerate() {
                let event = event?;
                if look.holds(&event).map_err(Rejection::Predicate)? {
                    return Ok(Some(event.position));
                }
                if looked % LOOKED_BETWEEN_CLOCKS == 0 && begun.elapsed() > engine.options().time_max {
                    return Err(engine.too_late(&fail_if).into());
                }
            }
            Ok(None)
        })
        .await??;
        let fault = Arc::new(OnceLock::new());
        let told = Arc::clone(&fault);
        let test = move |event: &Event| {
            predicate.holds(event).map_err(|why| {
                told.get_or_init(|| why);
                ConditionFault
            })
        };
        Ok(Self { condition: Condition { found, looked_upto: head, test: Arc::new(test) }, fault })
    }

    /// What no append passes but one that was made before: it has its first answer still.
    pub(crate) fn never(app: &App) -> Condition {
        let head = app.store().head().position;
        Condition { found: Some(head), looked_upto: head, test: Arc::new(|_: &Event| Ok(false)) }
    }

    /// The writer's refusal of what must not be as the caller's error: `why`, unless it says something else against it.
    pub(crate) fn refused_for(why: Error, error: ExecuteError<AppendError>) -> Error {
        match error {
            ExecuteError::Rejected(AppendError::ConditionFailed { .. }) => why,
            other => other.into(),
        }
    }

    /// The writer's refusal as the caller's error.
    pub(crate) fn refused(fault: &OnceLock<PredicateFault>, error: ExecuteError<AppendError>) -> Error {
        match (error, fault.get()) {
            (ExecuteError::Rejected(AppendError::ConditionFaulty { .. }), Some(fault)) => {
                Rejection::Predicate(fault.clone()).into()
            }
            (error, _) => error.into(),
        }
    }
}
