//! What a commit means for the derived keyspace.

use crate::delta::{Entry, Layer};
use crate::{Commit, Decider, Event, Revision, RowChange, StoredRow, keys};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// Everything a commit means: a function of its events and changes alone, so that it can be worked out while
/// the record is on its way to the disk.
pub(crate) fn layer<D: Decider>(commit: &Commit<D::Row>) -> Layer {
    let answers = commit
        .answers
        .iter()
        .map(|answered| (keys::answer::key(answered.key), Some(keys::answer::encode(commit.first))));
    let mut rows = rows(&commit.changes);
    rows.extend(answers);
    Layer::joined(index::<D>(&commit.events), Layer::new(rows))
}

/// What the events mean: where each is found.
fn index<D: Decider>(events: &[Event]) -> Layer {
    let mut streams = FxHashMap::<&str, Vec<&Event>>::default();
    let mut tags = FxHashMap::<Cow<'_, str>, Vec<&Event>>::default();
    let mut ids = Vec::with_capacity(events.len());
    for event in events {
        streams.entry(&event.stream).or_default().push(event);
        tags.entry(keys::tag::of_type(&event.kind).into()).or_default().push(event);
        if let Some(tag) = D::actor(event).and_then(|name| keys::tag::of_agent(&name)) {
            tags.entry(tag.into()).or_default().push(event);
        }
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
    let mut entries = Vec::with_capacity(ENTRIES_PER_EVENT * events.len());
    // In the order of the kinds of keys.
    entries.extend(heads.chain(streams).chain(tags).chain(ids));
    Layer::sorted(entries)
}

/// What the changes mean: rows as they are now, and versions that ended.
fn rows<R: StoredRow>(changes: &[RowChange<R>]) -> Vec<Entry> {
    let mut rows = FxHashMap::default();
    let mut entries = Vec::with_capacity(2 * changes.len());
    for change in changes {
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
    entries
}

/// About what the index takes of an event: its place in its stream, its id, its type, who acted and some tags.
const ENTRIES_PER_EVENT: usize = 8;

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
