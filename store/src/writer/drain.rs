//! What one commit gathers: events, the rows they changed, and what both mean for the derived keyspace.

use crate::delta::{Entry, Layer};
use crate::{
    Event, EventId, Position, ROW_KEY_BYTES_MAX, Revision, RowChange, StoredRow, Text, keys, record,
};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
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

    /// What events and changes mean for the derived keyspace. Neither half needs the other, nor the disk: two
    /// threads can make them, while the record is on its way.
    pub(crate) fn layer(&self) -> Layer {
        Layer::joined(self.index_layer(), self.rows_layer())
    }

    /// What the events mean: where each is found.
    pub(crate) fn index_layer(&self) -> Layer {
        let mut streams = FxHashMap::<&str, Vec<&Event>>::default();
        let mut tags = FxHashMap::<Cow<'_, str>, Vec<&Event>>::default();
        let mut ids = Vec::with_capacity(self.events.len());
        for event in &self.events {
            streams.entry(&event.stream).or_default().push(event);
            tags.entry(keys::tag::of_type(&event.kind).into()).or_default().push(event);
            for tag in &event.tags {
                tags.entry((**tag).into()).or_default().push(event);
            }
            ids.push((keys::event_id::key(event.id), Some(keys::event_id::encode(event.position))));
        }
        ids.sort_unstable_by(|a: &Entry, b| a.0.cmp(&b.0));
        let heads = by_name(&streams, |stream, events| {
            let last = events.last().map_or_else(Revision::default, |event| event.revision);
            vec![(keys::stream_head::key(stream), Some(keys::stream_head::encode(last)))]
        });
        let streams = by_name(&streams, |stream, events| {
            let entry = |event: &&Event| {
                let key = keys::stream::key(stream, event.revision);
                (key, Some(keys::stream::encode(event.position)))
            };
            events.iter().map(entry).collect()
        });
        let tags = by_name(&tags, |tag, events| {
            let entry = |event: &&Event| (keys::tag::key(tag, event.position), Some(keys::tag::encode()));
            events.iter().map(entry).collect()
        });
        let mut entries = Vec::with_capacity(ENTRIES_PER_EVENT * self.events.len());
        // In the order of the kinds of keys.
        entries.extend(heads.chain(streams).chain(tags).chain(ids));
        Layer::sorted(entries)
    }

    /// What the changes mean: rows as they are now, and versions that ended.
    pub(crate) fn rows_layer(&self) -> Layer {
        let mut rows = FxHashMap::default();
        let mut entries = Vec::with_capacity(2 * self.changes.len());
        for change in &self.changes {
            // A row that changes again is only kept as it is last.
            rows.insert((change.table, &change.key), change);
            if let Some(before) = &change.before {
                let key = keys::history::key(change.table, change.at.position, &change.key);
                entries.push((key, Some(keys::history::encode(change.at.time, before))));
            }
        }
        entries.extend(rows.into_values().map(|RowChange { table, key, after, at, .. }| {
            let row = after.as_ref().map(|row| keys::row::encode(at, row));
            (keys::row::key(*table, key), row)
        }));
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

/// About what the index takes of an event: its place in its stream, its id, its type and some tags.
const ENTRIES_PER_EVENT: usize = 7;

/// Entries of a kind in order. The keys of one name come in the order of its events, and no other name's lie
/// between them ([`keys`]): sorting the names is enough, and there are far fewer of those.
fn by_name<N, V, F>(names: &FxHashMap<N, V>, entries: F) -> impl Iterator<Item = Entry> + use<N, V, F>
where
    F: Fn(&N, &V) -> Vec<Entry>,
{
    let mut runs: Vec<_> = names.iter().map(|(name, events)| entries(name, events)).collect();
    runs.sort_unstable_by(|a, b| a[0].0.cmp(&b[0].0));
    runs.into_iter().flatten()
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::model::Count;
    use crate::{Stamp, Timestamp};

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
