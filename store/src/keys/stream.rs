//! `derived` 3, stream, revision → position.

use super::{Build, KeyRange, Kind};
use crate::{Damage, Position, Revision};
use fjall::Slice;

const WHAT: &str = "stream index";

pub(crate) fn key(stream: &str, revision: Revision) -> Slice {
    Build::key(Kind::Stream, 10 + stream.len()).short(stream.as_bytes()).u64(revision.0).done()
}

/// Entries of `stream` between two revisions, both included.
pub(crate) fn range(stream: &str, from: Revision, to: Revision) -> KeyRange {
    KeyRange::closed(key(stream, from), &key(stream, to))
}

pub(crate) fn encode(position: Position) -> Slice {
    Build::value(8).u64(position.0).done()
}

pub(crate) fn decode(value: &[u8]) -> Result<Position, Damage> {
    super::value_u64(WHAT, value).map(Position)
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip_and_order(stream in "\\PC{0,6}", other in "\\PC{0,6}", a: u64, b: u64) {
            prop_assert_eq!(decode(&encode(Position(a))).unwrap(), Position(a));
            prop_assert_eq!(key(&stream, Revision(a)).cmp(&key(&stream, Revision(b))), a.cmp(&b));
            let range = range(&stream, Revision(a.min(b)), Revision(a.max(b)));
            prop_assert!(range.contains(&key(&stream, Revision(a))));
            prop_assert!(range.contains(&key(&stream, Revision(b))));
            prop_assert!(b == u64::MAX || a == b || !range.contains(&key(&stream, Revision(a.max(b) + 1))));
            prop_assert_eq!(range.contains(&key(&other, Revision(a))), other == stream);
        }
    }
}
