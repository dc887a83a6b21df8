//! The work model as the log's writer sees it.

use crate::answer::Pending;
use crate::command::{Command, Outcome};
use crate::rejection::Rejection;
use crate::rows::Row;
use crate::state::Work;
use store::{Context, Decider, Decision, Event, Position, RowChange, TableId, Text, Timestamp, Version};

/// Version of `evolve` and of the bytes of rows: see [`Decider::fold_version`].
const FOLD_VERSION: u32 = 2;

impl Decider for Work {
    type Command = Command;
    type Pending = Pending;
    type Outcome = Outcome;
    type Rejection = Rejection;
    type Row = Row;

    fn decide(&mut self, context: &Context, command: Command) -> Result<Decision<Pending>, Rejection> {
        // Nothing else looks at the order of offers.
        if let Command::Claim(_) = command {
            self.rank_offers(context.now);
        }
        crate::decide::decide(self, context, command)
    }

    /// JSON that means the same, whatever its blanks and the order of its members.
    fn same_data(a: &str, b: &str) -> bool {
        let value = |text| serde_json::from_str::<serde_json::Value>(text).ok();
        a == b || value(a).is_some_and(|a| value(b) == Some(a))
    }

    fn actor(event: &Event) -> Option<Text> {
        crate::evolve::actor(&event.metadata)
    }

    fn answer(&mut self, pending: Pending, events: &[Event]) -> Outcome {
        self.answer_to(pending, events)
    }

    fn evolve(&mut self, event: &Event, changes: &mut Vec<RowChange<Row>>) {
        self.fold(event, changes);
    }

    fn undo(&mut self, changes: &[RowChange<Row>]) {
        self.take_back(changes);
    }

    fn restore(&mut self, _table: TableId, key: Text, version: Version<Row>) {
        self.put_row(&key, version);
    }

    fn restored(&mut self) {
        self.rows_are_in();
    }

    fn mark(&self, position: Position, metadata: &str) -> Option<Text> {
        crate::merge::mark(self.skew(), position, metadata)
    }

    fn fold_version(&self) -> u32 {
        FOLD_VERSION
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.leases.next_expiry().into_iter().chain(self.sessions.next_deadline()).min()
    }
}
