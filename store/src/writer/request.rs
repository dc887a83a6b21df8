//! What waits for the writer, and where its answer goes.

use crate::{
    Append, AppendError, Appended, Condition, Context, Decider, Done, ExecuteError, Group, GroupError, Told,
};
use tokio::sync::oneshot;

/// What a command comes to.
pub(crate) type CommandResult<D> =
    Result<Done<<D as Decider>::Outcome>, ExecuteError<<D as Decider>::Rejection>>;
/// What an append comes to.
pub(crate) type AppendResult = Result<Appended, ExecuteError<AppendError>>;

/// What a group comes to.
pub(crate) type GroupResult<D> = Result<Told<D>, ExecuteError<GroupError<<D as Decider>::Rejection>>>;

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
    Group {
        group: Group<D>,
        reply: oneshot::Sender<GroupResult<D>>,
    },
}

/// A request that has been decided. It is sent when everything it was decided by is durable.
pub(crate) enum Answer<D: Decider> {
    Command(oneshot::Sender<CommandResult<D>>, Option<CommandResult<D>>),
    Append(oneshot::Sender<AppendResult>, Option<AppendResult>),
    Group(oneshot::Sender<GroupResult<D>>, Option<GroupResult<D>>),
}

impl<D: Decider> Answer<D> {
    /// Sends it. A caller that no longer waits is nobody's error.
    pub(crate) fn send(self) {
        match self {
            Self::Command(reply, Some(result)) => drop(reply.send(result)),
            Self::Append(reply, Some(result)) => drop(reply.send(result)),
            Self::Group(reply, Some(result)) => drop(reply.send(result)),
            Self::Command(_, None) | Self::Append(_, None) | Self::Group(_, None) => {}
        }
    }
}
