//! Keys and values of the three keyspaces: the map of the disk. One file for each kind of key; numbers are
//! pinned. Laid out byte by byte in docs/internals/disk-format.md.
//!
//! Keys sort as the things they name do, where reads need it: streams, tags and rows of a table each lie
//! together, in order of revision, position or key. A name that is followed by a number comes behind its
//! length, so that no name's keys lie within another's.

pub(crate) mod answer;
pub(crate) mod checkpoint;
pub(crate) mod event_id;
pub(crate) mod history;
pub(crate) mod log;
pub(crate) mod meta;
pub(crate) mod row;
pub(crate) mod stream;
pub(crate) mod stream_head;
pub(crate) mod tag;

use crate::{Damage, Position};
use fjall::Slice;

/// First byte of a key in the derived keyspace. Never reuse a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Checkpoint = 1,
    StreamHead = 2,
    Stream = 3,
    Tag = 4,
    EventId = 5,
    Row = 6,
    History = 7,
    Answer = 8,
}

/// First byte of every value. A value of another format is damage: what the formats of the derived
/// keyspace have in common is kept by [`checkpoint::FORMAT`].
pub(crate) const VALUE_FORMAT: u8 = 1;

/// A key or value under construction.
pub(crate) struct Build(Vec<u8>);

impl Build {
    pub(crate) fn key(kind: Kind, capacity: usize) -> Self {
        Self::first(kind as u8, capacity)
    }

    pub(crate) fn value(capacity: usize) -> Self {
        Self::first(VALUE_FORMAT, capacity)
    }

    fn first(byte: u8, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(1 + capacity);
        bytes.push(byte);
        Self(bytes)
    }

    pub(crate) fn put(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn short(mut self, bytes: &[u8]) -> Self {
        crate::codec::put_short(&mut self.0, bytes);
        self
    }

    pub(crate) fn u64(self, number: u64) -> Self {
        self.put(&number.to_be_bytes())
    }

    pub(crate) fn with(mut self, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        write(&mut self.0);
        self
    }

    pub(crate) fn done(self) -> Slice {
        Slice::from(self.0)
    }
}

/// Keys from `start`, included, to `end`, excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) start: Slice,
    pub(crate) end: Slice,
}

impl KeyRange {
    /// All keys that begin with `prefix`, whose first byte is a [`Kind`].
    pub(crate) fn with_prefix(prefix: &[u8]) -> Self {
        let kept = prefix.iter().rposition(|byte| *byte != 0xFF).expect("no kind is 0xFF");
        let mut end = prefix[..=kept].to_vec();
        end[kept] += 1;
        Self { start: prefix.into(), end: end.into() }
    }

    /// Keys from `first` to `last`, both included.
    pub(crate) fn closed(first: Slice, last: &[u8]) -> Self {
        let mut end = last.to_vec();
        end.push(0);
        Self { start: first, end: end.into() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        *self.start <= *key && *key < *self.end
    }
}

/// A value of one of ours is not what was written.
pub(crate) fn damaged(what: &'static str, position: Position, why: &str) -> Damage {
    Damage { what, position, why: why.into() }
}

/// Checks the first byte of a value and gives the rest.
pub(crate) fn value_body<'a>(what: &'static str, value: &'a [u8]) -> Result<&'a [u8], Damage> {
    match value.split_first() {
        Some((&VALUE_FORMAT, rest)) => Ok(rest),
        Some((format, _)) => {
            Err(damaged(what, Position::ZERO, &format!("value of format {format}, not {VALUE_FORMAT}")))
        }
        None => Err(damaged(what, Position::ZERO, "empty value")),
    }
}

/// Reads a value that is one number.
pub(crate) fn value_u64(what: &'static str, value: &[u8]) -> Result<u64, Damage> {
    let body = value_body(what, value)?;
    let bytes = body.try_into().map_err(|_| damaged(what, Position::ZERO, "not a number of 8 bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::model::Count;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the bytes are, decoding them is an answer.
        #[test]
        fn noise_never_panics(key: Vec<u8>, mut value: Vec<u8>, ours: bool) {
            if ours && let Some(format) = value.first_mut() {
                *format = VALUE_FORMAT;
            }
            let _ = checkpoint::decode(&value);
            let _ = stream_head::decode(&value);
            let _ = stream::decode(&value);
            let _ = event_id::decode(&value);
            let _ = tag::decode(&key);
            let _ = log::decode(&key);
            let _ = row::decode_key(&key);
            let _ = row::decode::<Count>(1, &value);
            let _ = history::decode::<Count>(&key, &value);
            let _ = (meta::format(&value), meta::node(&value));
        }

        #[test]
        fn another_format_is_refused(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assume!(value.first() != Some(&VALUE_FORMAT));
            prop_assert!(checkpoint::decode(&value).is_err());
            prop_assert!(stream_head::decode(&value).is_err());
            prop_assert!(row::decode::<Count>(1, &value).is_err());
            prop_assert!(history::decode::<Count>(&[7, 1, 0, 0, 0, 0, 0, 0, 0, 9], &value).is_err());
        }
    }

    #[test]
    fn a_prefix_is_counted_up() {
        let range = KeyRange::with_prefix(&[6, 0xFF]);
        assert!(range.contains(&[6, 0xFF]) && range.contains(&[6, 0xFF, 0xFF, 0xFF]));
        assert!(!range.contains(&[6, 0xFE]) && !range.contains(&[7]));
        assert!(KeyRange { start: (&[2][..]).into(), end: (&[2][..]).into() }.is_empty());
    }
}
