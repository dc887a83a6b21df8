//! One sorted, immutable run of changes.

use crate::keys::KeyRange;
use fjall::Slice;
use std::ops::Range;

/// A key and what it holds now: nothing when it was removed.
pub(crate) type Entry = (Slice, Option<Slice>);

/// Entries in ascending order of key, each key once.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Layer {
    /// From changes in the order they were made: of two to one key, the later counts.
    pub(crate) fn new(mut changes: Vec<Entry>) -> Self {
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        // Equal keys now lie in the order of the changes. `dedup_by` keeps the first of them, so hand each
        // later value down before it is dropped.
        changes.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(&mut later.1, &mut kept.1);
            }
            same
        });
        Self::sorted(changes)
    }

    /// From entries in order.
    pub(crate) fn sorted(entries: Vec<Entry>) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
        let bytes = entries
            .iter()
            .map(|(key, value)| {
                size_of::<Entry>() + key.len() + value.as_ref().map_or(0, |value| value.len())
            })
            .sum();
        Self { entries, bytes }
    }

    /// Both as one: all keys of `first` lie before those of `second`.
    pub(crate) fn joined(mut first: Self, second: Self) -> Self {
        debug_assert!(first.entries.last().zip(second.entries.first()).is_none_or(|(a, b)| a.0 < b.0));
        first.entries.extend(second.entries);
        first.bytes += second.bytes;
        first
    }

    /// Both as one; where both have a key, `newer` counts. Removals stay: the disk below may have the key.
    pub(crate) fn merge(older: &Self, newer: &Self) -> Self {
        let mut merged = Vec::with_capacity(older.len() + newer.len());
        let mut old = older.entries.iter().peekable();
        for entry in &newer.entries {
            while let Some(before) = old.next_if(|old| old.0 < entry.0) {
                merged.push(before.clone());
            }
            let _superseded = old.next_if(|old| old.0 == entry.0);
            merged.push(entry.clone());
        }
        merged.extend(old.cloned());
        Self::sorted(merged)
    }

    /// What the layer says of a key: nothing, that it is gone, or what it holds.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Option<Slice>> {
        let at = self.entries.binary_search_by(|(entry, _)| (**entry).cmp(key)).ok()?;
        Some(&self.entries[at].1)
    }

    /// Where the keys of `range` lie.
    pub(crate) fn find(&self, range: &KeyRange) -> Range<usize> {
        let start = self.entries.partition_point(|(key, _)| *key < range.start);
        let end = self.entries.partition_point(|(key, _)| *key < range.end);
        start..end.max(start)
    }

    pub(crate) fn entry(&self, at: usize) -> &Entry {
        &self.entries[at]
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// About the memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
