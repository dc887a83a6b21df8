//! What waits for the writer, and where its answer goes.

use crate::{Append, AppendError, Appended, Condition, Context, Decider, Done, ExecuteError};
use tokio::sync::oneshot;

/// What a command comes to.
pub(crate) type CommandResult<D> =
    Result<Done<<D as Decider>::Outcome>, ExecuteError<<D as Decider>::Rejection>>;
/// What an append comes to.
pub(crate) type AppendResult = Result<Appended, ExecuteError<AppendError>>;

/// A request. Its sender, dropped unused, tells the caller that the writer has stopped.
pub(crate) enum Request<D: Decider> {
    Command {
        context: Context,
        command: D::Command,
        reply: oneshot::Sender<CommandResult<D>>,
    },
    Append {
        context: Context,
        append: Append,
        condition: Option<Condition>,
        reply: oneshot::Sender<AppendResult>,
    },
}

/// A request that has been decided. It is sent when everything it was decided by is durable.
pub(crate) enum Answer<D: Decider> {
    Command(oneshot::Sender<CommandResult<D>>, Option<CommandResult<D>>),
    Append(oneshot::Sender<AppendResult>, Option<AppendResult>),
}

impl<D: Decider> Answer<D> {
    /// Sends it. A caller that no longer waits is nobody's error.
    pub(crate) fn send(self) {
        match self {
            Self::Command(reply, Some(result)) => drop(reply.send(result)),
            Self::Append(reply, Some(result)) => drop(reply.send(result)),
            Self::Command(_, None) | Self::Append(_, None) => {}
        }
    }
}
