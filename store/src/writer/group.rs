//! Several requests in one: all or none of an atomic group, and answers that are kept.

use super::core::{Core, Durable};
use super::request::GroupResult;
use crate::{
    Answered, Context, Decider, ExecuteError, Group, GroupError, Once, ReadError, Step, StepDone, StepError,
    StepResult, Told,
};
use std::sync::Arc;

impl<D: Decider> Core<D> {
    /// Carries a group out.
    ///
    /// # Errors
    /// Inside, why it was not carried out; outside, why the writer has to stop.
    pub(crate) fn group(
        &mut self,
        durable: &mut Durable<'_, D::Row>,
        Group { steps, needs, atomic, once }: Group<D>,
    ) -> Result<GroupResult<D>, Arc<str>> {
        if let Some(once) = &once
            && let Some(answered) = self.answered(durable, once).map_err(unreadable)?
        {
            return Ok(match answered.request == once.request {
                true => Ok(Told::Kept { answer: answered.answer, again: true }),
                false => Err(ExecuteError::Rejected(GroupError::KeyReused)),
            });
        }
        let before = self.mark();
        let mut results: Vec<StepResult<D>> = Vec::with_capacity(steps.len());
        for (index, (context, step)) in steps.into_iter().enumerate() {
            let needs = needs.get(index).into_iter().flatten();
            let failed = |step: &&usize| results.get(**step).is_some_and(Result::is_err);
            if let Some(&step) = needs.into_iter().find(failed) {
                results.push(Err(StepError::Needs { step }));
                continue;
            }
            match self.step(durable, context, step)? {
                Err(error) if atomic => {
                    self.rewind(&before);
                    return Ok(Err(ExecuteError::Rejected(GroupError::Step { index, error })));
                }
                result => results.push(result),
            }
        }
        let Some(once) = once.filter(|_| self.head != before.head) else { return Ok(Ok(Told::Now(results))) };
        let Once { key, request, render, .. } = once;
        let Some(answer) = render(&results) else { return Ok(Ok(Told::Now(results))) };
        let answer: Arc<[u8]> = answer.into();
        if answer.len() > self.request_bytes_max {
            self.rewind(&before);
            let (bytes, bytes_max) = (answer.len(), self.request_bytes_max);
            return Ok(Err(ExecuteError::TooLarge { bytes, bytes_max }));
        }
        self.drain.answer(Answered { key, request, answer: Arc::clone(&answer) });
        Ok(Ok(Told::Kept { answer, again: false }))
    }

    fn step(
        &mut self,
        durable: &mut Durable<'_, D::Row>,
        context: Context,
        step: Step<D>,
    ) -> Result<StepResult<D>, Arc<str>> {
        Ok(match step {
            Step::Command(command) => {
                self.command(durable, context, command)?.map(StepDone::Command).map_err(StepError::Command)
            }
            Step::Append(append, condition) => self
                .append(durable, &context, append, condition)?
                .map(StepDone::Append)
                .map_err(StepError::Append),
        })
    }

    /// The answer that is kept for a key, everything decided included.
    fn answered(
        &self,
        durable: &mut Durable<'_, D::Row>,
        once: &Once<D>,
    ) -> Result<Option<Answered>, ReadError> {
        let decided = self.drain.answers.iter().chain(self.in_flight_answers());
        if let Some(answered) = decided.filter(|answered| answered.key == once.key).last() {
            return Ok(Some(answered.clone()));
        }
        let Some(first) = durable.view.answer(once.key)? else { return Ok(None) };
        let (time, answered) = durable.fetch.answered(first, once.key)?;
        Ok((time >= once.since).then_some(answered))
    }
}

fn unreadable(error: ReadError) -> Arc<str> {
    format!("the writer cannot read a kept answer: {error}").into()
}
