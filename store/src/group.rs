//! Several things asked for at once, and the key by which a request that is made again has its first answer.

use crate::{Append, AppendError, Appended, Condition, Context, Decider, Done, ExecuteError, Timestamp};
use std::fmt;
use std::sync::Arc;

/// One of the things asked for.
pub enum Step<D: Decider> {
    /// As by [`Store::execute`](crate::Store::execute).
    Command(D::Command),
    /// As by [`Store::append_if`](crate::Store::append_if).
    Append(Append, Option<Condition>),
}

/// What a step came to.
pub type StepResult<D> = Result<StepDone<<D as Decider>::Outcome>, StepError<<D as Decider>::Rejection>>;

/// A step that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum StepDone<O> {
    Command(Done<O>),
    Append(Appended),
}

/// Why a step was not carried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum StepError<R> {
    #[error(transparent)]
    Command(ExecuteError<R>),
    #[error(transparent)]
    Append(ExecuteError<AppendError>),
    /// It was not tried: another, which it needs, was not carried out.
    #[error("step {step} failed, which this one needs")]
    Needs {
        /// That one, from 0.
        step: usize,
    },
}

/// Steps carried out one after another, each on what the ones before it led to, with nobody else's between, in
/// one commit.
pub struct Group<D: Decider> {
    /// Each with its own ids: no two contexts have the same seed.
    pub steps: Vec<(Context, Step<D>)>,
    /// By number of a step, the steps before it without which it makes no sense; none for those that are left out.
    pub needs: Vec<Vec<usize>>,
    /// Whether nothing is written when one step fails. Otherwise the others are carried out all the same.
    pub atomic: bool,
    /// Whether its answer is kept.
    pub once: Option<Once<D>>,
}

/// Makes a request happen once, however often it is sent.
pub struct Once<D: Decider> {
    /// What names the request for its sender.
    pub key: Digest,
    /// What was asked. The same key for anything else is refused.
    pub request: Digest,
    /// An answer that was committed before is forgotten.
    pub since: Timestamp,
    /// Makes the answer that is kept. It runs on the writer's thread, so it only writes bytes.
    pub render: Render<D>,
}

/// Makes the bytes of an answer, or none where what was done is no answer to keep: then the request is tried again when it is
/// sent again.
pub type Render<D> = Box<dyn FnOnce(&[StepResult<D>]) -> Option<Vec<u8>> + Send>;

/// 128 bits of a hash: of a key, or of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 16]);

/// What a group came to.
pub enum Told<D: Decider> {
    /// What each step came to, where no answer is kept: there is no key, nothing was written, or it is none to keep.
    Now(Vec<StepResult<D>>),
    /// The answer that is kept for the key.
    Kept {
        /// As it was rendered.
        answer: Arc<[u8]>,
        /// Whether it is that of an earlier request.
        again: bool,
    },
}

/// Why a group wrote nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GroupError<R> {
    /// One step of an atomic group failed.
    #[error("step {index}: {error}")]
    Step {
        /// Which, from 0.
        index: usize,
        /// Why.
        error: StepError<R>,
    },
    /// The key was used for another request.
    #[error("the key was used for another request")]
    KeyReused,
}

/// An answer as the log keeps it, beside the events of its commit.
#[derive(Clone, PartialEq, Eq)]
pub struct Answered {
    /// Its key.
    pub key: Digest,
    /// What was asked.
    pub request: Digest,
    /// What was answered.
    pub answer: Arc<[u8]>,
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, request, answer } = self;
        write!(f, "Answered {{ key: {key}, request: {request}, {} bytes }}", answer.len())
    }
}
