//! What one commit gathers.

use crate::{
    Answered, Event, EventId, Position, ROW_KEY_BYTES_MAX, Revision, RowChange, StoredRow, Text, record,
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Empty between commits.
pub(crate) struct Drain<R> {
    pub(crate) events: Vec<Event>,
    pub(crate) changes: Vec<RowChange<R>>,
    /// Answers to keep.
    pub(crate) answers: Vec<Answered>,
    /// What the events and answers take in the record.
    pub(crate) bytes: usize,
    /// Streams written to, and where they are now.
    pub(crate) revisions: FxHashMap<Text, Revision>,
    /// Events by id.
    pub(crate) ids: FxHashMap<EventId, Position>,
}

impl<R> Default for Drain<R> {
    fn default() -> Self {
        Self {
            events: Vec::new(),
            changes: Vec::new(),
            answers: Vec::new(),
            bytes: 0,
            revisions: FxHashMap::default(),
            ids: FxHashMap::default(),
        }
    }
}

/// What an event takes in a commit record.
pub(crate) fn event_bytes(event: &Event) -> usize {
    let texts = [&event.stream, &event.kind, &event.data, &event.metadata];
    let texts = texts.into_iter().chain(&event.tags);
    record::EVENT_BYTES + 2 * event.tags.len() + texts.map(|text| text.len()).sum::<usize>()
}

impl<R: StoredRow> Drain<R> {
    /// Takes in an event; the changes from `changed` on are its own.
    ///
    /// # Errors
    /// When the model made a row that cannot be kept.
    pub(crate) fn push(&mut self, event: Event, changed: usize) -> Result<(), Arc<str>> {
        self.changes[changed..].iter().try_for_each(check_key)?;
        self.bytes += event_bytes(&event);
        self.revisions.insert(Text::clone(&event.stream), event.revision);
        self.ids.insert(event.id, event.position);
        self.events.push(event);
        Ok(())
    }

    /// Takes in an answer.
    pub(crate) fn answer(&mut self, answered: Answered) {
        self.bytes += record::ANSWER_BYTES + answered.answer.len();
        self.answers.push(answered);
    }

    /// Lets go of everything but the first `events` and `changes`. (What came since has no answers: they are
    /// taken in when nothing can be taken back any more.)
    pub(crate) fn truncate(&mut self, events: usize, changes: usize) {
        for event in self.events.drain(events..) {
            self.bytes -= event_bytes(&event);
            self.ids.remove(&event.id);
        }
        self.changes.truncate(changes);
        self.revisions.clear();
        self.revisions.extend(self.events.iter().map(|event| (Text::clone(&event.stream), event.revision)));
    }

    /// The event at a position of this drain.
    pub(crate) fn event(&self, position: Position) -> Option<&Event> {
        let first = self.events.first()?.position;
        self.events.get(usize::try_from(position.0.checked_sub(first.0)?).ok()?)
    }
}

fn check_key<R>(change: &RowChange<R>) -> Result<(), Arc<str>> {
    match change.key.len() {
        0..=ROW_KEY_BYTES_MAX => Ok(()),
        bytes => Err(format!(
            "the model made a row of table {} with a key of {bytes} bytes, at most {ROW_KEY_BYTES_MAX} can be kept",
            change.table,
        )
        .into()),
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::model::Count;
    use crate::{Stamp, Timestamp, keys};

    #[test]
    fn a_row_whose_key_is_too_long_is_an_error_and_no_panic() {
        let at = Stamp {
            position: Position(1),
            time: Timestamp(0),
            event_id: EventId(1),
            kind: "Added".into(),
            actor: None,
        };
        let change = |bytes: usize| RowChange {
            table: 1,
            key: "k".repeat(bytes).into(),
            before: None,
            after: Some(Count(1)),
            at: Arc::new(at.clone()),
        };
        check_key(&change(ROW_KEY_BYTES_MAX)).unwrap();
        // What is let through can be made a key of.
        keys::row::key(1, &change(ROW_KEY_BYTES_MAX).key);
        keys::history::key(1, Position(1), &change(ROW_KEY_BYTES_MAX).key);
        let why = check_key(&change(ROW_KEY_BYTES_MAX + 1)).unwrap_err();
        assert!(why.contains("a row of table 1 with a key of 32769 bytes"), "{why}");
    }
}
