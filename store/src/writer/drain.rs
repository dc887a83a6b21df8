//! What one commit gathers: events, the rows they changed, and what both mean for the derived keyspace.

use crate::delta::{Entry, Layer};
use crate::{
    Event, EventId, Position, ROW_KEY_BYTES_MAX, Revision, RowChange, Stamp, StoredRow, Text, keys, record,
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Empty between commits.
pub(crate) struct Drain<R> {
    pub(crate) events: Vec<Event>,
    pub(crate) changes: Vec<RowChange<R>>,
    /// What the events take in the record.
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

    /// What the events and changes mean for the derived keyspace: a function of the two alone, so it can be
    /// worked out while the record is on its way to the disk.
    pub(crate) fn layer(&self) -> Layer {
        let mut entries = Vec::with_capacity(ENTRIES_PER_EVENT * self.events.len());
        for event in &self.events {
            event_entries(event, &mut entries);
        }
        for change in &self.changes {
            change_entries(change, &mut entries);
        }
        Layer::new(entries)
    }

    /// The event at a position of this commit.
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

/// About what an event comes to: its own index keys and tags, a row, a version that ended.
const ENTRIES_PER_EVENT: usize = 9;

fn event_entries(event: &Event, entries: &mut Vec<Entry>) {
    let position = event.position;
    entries.push((keys::stream_head::key(&event.stream), Some(keys::stream_head::encode(event.revision))));
    entries.push((keys::stream::key(&event.stream, event.revision), Some(keys::stream::encode(position))));
    entries.push((keys::event_id::key(event.id), Some(keys::event_id::encode(position))));
    entries.push((keys::tag::type_key(&event.kind, position), Some(keys::tag::encode())));
    for tag in &event.tags {
        entries.push((keys::tag::key(tag, position), Some(keys::tag::encode())));
    }
}

fn change_entries<R: StoredRow>(change: &RowChange<R>, entries: &mut Vec<Entry>) {
    let RowChange { table, key, before, after, at } = change;
    let stamp: &Stamp = at;
    let row = after.as_ref().map(|row| keys::row::encode(stamp, row));
    entries.push((keys::row::key(*table, key), row));
    if let Some(before) = before {
        let key = keys::history::key(*table, stamp.position, key);
        entries.push((key, Some(keys::history::encode(stamp.time, before))));
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::Timestamp;
    use crate::model::Count;

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
        let drain = Drain { changes: vec![change(ROW_KEY_BYTES_MAX)], ..Drain::default() };
        assert_eq!(drain.layer().len(), 1);
        let why = check_key(&change(ROW_KEY_BYTES_MAX + 1)).unwrap_err();
        assert!(why.contains("a row of table 1 with a key of 32769 bytes"), "{why}");
    }
}
