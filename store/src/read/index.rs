//! Events that an index names.

use super::Fetch;
use crate::delta::Merged;
use crate::{Event, ReadError, keys};

/// Where an index entry has the position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Position {
    InStreamValue,
    InTagKey,
}

/// Events in the order of index entries. After an error it ends.
pub(super) struct Indexed<R> {
    entries: Option<Merged>,
    position: Position,
    fetch: Fetch<R>,
}

impl<R> Indexed<R> {
    pub(super) fn new(entries: Merged, position: Position, fetch: Fetch<R>) -> Self {
        Self { entries: Some(entries), position, fetch }
    }

    fn read(&mut self) -> Result<Option<Event>, ReadError> {
        let Some((key, value)) = self.entries.as_mut().and_then(Iterator::next).transpose()? else {
            return Ok(None);
        };
        let position = match self.position {
            Position::InStreamValue => keys::stream::decode(&value)?,
            Position::InTagKey => keys::tag::decode(&key)?,
        };
        self.fetch.event(position).map(Some)
    }
}

impl<R> Iterator for Indexed<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let event = self.read();
        if event.is_err() {
            self.entries = None;
        }
        event.transpose()
    }
}
