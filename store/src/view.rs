//! The derived keyspace as of one commit: layers in memory over a snapshot of the disk.

use crate::delta::{Layer, Merged};
use crate::disk::DerivedSnapshot;
use crate::keys::{self, KeyRange};
use crate::{Digest, Direction, EventId, Head, Position, ReadError, Revision};
use fjall::Slice;
use std::sync::Arc;

/// Immutable; shared by everybody who reads at its head.
pub(crate) struct View {
    pub(crate) head: Head,
    /// Newest first.
    pub(crate) layers: Vec<Arc<Layer>>,
    pub(crate) base: DerivedSnapshot,
}

impl View {
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Slice>, ReadError> {
        match self.layers.iter().find_map(|layer| layer.get(key)) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    pub(crate) fn range(&self, range: &KeyRange, direction: Direction) -> Merged {
        Merged::read(self.layers.iter(), Some(self.base.range(range, direction)), range, direction)
    }

    /// Revision of a stream; zero when it is absent.
    pub(crate) fn stream_revision(&self, stream: &str) -> Result<Revision, ReadError> {
        match self.get(&keys::stream_head::key(stream))? {
            Some(value) => Ok(keys::stream_head::decode(&value)?),
            None => Ok(Revision::ZERO),
        }
    }

    /// First position of the commit that has the answer for that key.
    pub(crate) fn answer(&self, key: Digest) -> Result<Option<Position>, ReadError> {
        match self.get(&keys::answer::key(key))? {
            Some(value) => Ok(Some(keys::answer::decode(&value)?)),
            None => Ok(None),
        }
    }

    /// Where the event with that id is.
    pub(crate) fn position_of(&self, id: EventId) -> Result<Option<Position>, ReadError> {
        match self.get(&keys::event_id::key(id))? {
            Some(value) => Ok(Some(keys::event_id::decode(&value)?)),
            None => Ok(None),
        }
    }
}
