//! The seam between the log's writer and the model whose events it writes.

use crate::{Context, Event, NewEvent, Position, RowChange, StoredRow, TableId, Text, Timestamp, Version};

/// A model that decides commands and folds events (the decider pattern). The writer owns one and calls it
/// for one command at a time; `domain` is the model of the product, `tests` has a second one.
///
/// **Invariant**: `decide` and `answer` change nothing that can be told (they may keep what they work out) and `evolve` is a function of state and event alone:
/// no clock, no randomness, no I/O. So the fold of the log is the state, on this machine or any other.
pub trait Decider: Send + Sync + 'static {
    /// What can be asked of the model.
    type Command: Send + 'static;
    /// What `decide` remembers for `answer`.
    type Pending: Send;
    /// What the caller is told.
    type Outcome: Send + 'static;
    /// Why a command changes nothing.
    type Rejection: Send + 'static;
    /// A row of any of the model's tables.
    type Row: StoredRow;

    /// The events that carry out `command` in this state, or why there are none. `context.now` is at or
    /// after the time of every event before.
    ///
    /// # Errors
    /// A rejection; nothing is written.
    fn decide(
        &mut self,
        context: &Context,
        command: Self::Command,
    ) -> Result<Decision<Self::Pending>, Self::Rejection>;

    /// The answer to a command whose events have just been folded in. It leaves the writer only when they
    /// are durable.
    fn answer(&mut self, pending: Self::Pending, events: &[Event]) -> Self::Outcome;

    /// Folds one event in and notes each row it changed. Accepts every event, also those a command would
    /// refuse (an import, a merge); ignores what it does not know.
    fn evolve(&mut self, event: &Event, changes: &mut Vec<RowChange<Self::Row>>);

    /// Takes back the changes of events that were folded in last and turn out not to be written: afterwards
    /// the state is what it was before them, but for the time: later commands are not decided at an earlier
    /// moment. `changes` are in the order they were noted in.
    fn undo(&mut self, changes: &[RowChange<Self::Row>]);

    /// Puts a row of a checkpoint back, in any order, before the first `evolve`.
    fn restore(&mut self, table: TableId, key: Text, version: Version<Self::Row>);

    /// Called once after the last `restore` and before the first `evolve`, for what needs all rows.
    fn restored(&mut self) {}

    /// The metadata of an event that is about to be written at `position`, if it has to say more than `metadata`
    /// does. It is asked before the event is folded, and before the others of its request are.
    fn mark(&self, position: Position, metadata: &str) -> Option<Text> {
        let _ = (position, metadata);
        None
    }

    /// Who acted: the event is found by the tag `$agent:NAME` then. A function of the event alone, as the index is
    /// made again from the log.
    fn actor(event: &Event) -> Option<Text> {
        let _ = event;
        None
    }

    /// When time alone will give the model something to do (a lease to expire), if ever.
    fn next_deadline(&self) -> Option<Timestamp>;

    /// Whether two texts are the same data of an event, for an append that is made again: its sender may have
    /// written the same thing in another way.
    fn same_data(a: &str, b: &str) -> bool {
        a == b
    }

    /// Version of the fold: another number whenever `evolve` gives other rows for the same events, or a row
    /// other bytes. Then the views on disk are dropped at the next start and the log is folded again.
    fn fold_version(&self) -> u32 {
        0
    }
}

/// What a command leads to.
#[derive(Debug, Clone)]
pub struct Decision<P> {
    /// Events to write, in order; none is fine.
    pub events: Vec<NewEvent>,
    /// For the answer.
    pub pending: P,
}
