//! Rows of a table: those that are, and those that were.

use crate::delta::Merged;
use crate::{ClosedVersion, ReadError, StoredRow, Text, Version, keys};
use std::marker::PhantomData;

/// Rows as they are.
pub(super) struct Rows<R> {
    entries: Merged,
    rows: PhantomData<fn() -> R>,
}

impl<R> Rows<R> {
    pub(super) fn new(entries: Merged) -> Self {
        Self { entries, rows: PhantomData }
    }
}

impl<R: StoredRow> Iterator for Rows<R> {
    type Item = Result<(Text, Version<R>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.entries.next()?.and_then(|(key, value)| {
            let (table, key) = keys::row::decode_key(&key)?;
            Ok((key, keys::row::decode(table, &value)?))
        }))
    }
}

/// Versions that have ended.
pub(super) struct History<R> {
    entries: Merged,
    rows: PhantomData<fn() -> R>,
}

impl<R> History<R> {
    pub(super) fn new(entries: Merged) -> Self {
        Self { entries, rows: PhantomData }
    }
}

impl<R: StoredRow> Iterator for History<R> {
    type Item = Result<ClosedVersion<R>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.entries.next()?.and_then(|(key, value)| Ok(keys::history::decode(&key, &value)?)))
    }
}
