//! `derived` 4, tag, position → nothing. An event's type is in it as the tag `$type:TYPE`, and who acted as
//! `$agent:NAME`.

use super::{Build, KeyRange, Kind, damaged};
use crate::{Damage, Position, TAG_BYTES_MAX};
use fjall::Slice;

const WHAT: &str = "tag index";
/// What comes before an event type to make it a tag.
pub(crate) const TYPE_PREFIX: &str = "$type:";

/// What comes before the name of who acted.
pub(crate) const AGENT_PREFIX: &str = "$agent:";

pub(crate) fn key(tag: &str, position: Position) -> Slice {
    Build::key(Kind::Tag, 10 + tag.len()).short(tag.as_bytes()).u64(position.0).done()
}

/// The tag that an event of a type has.
pub(crate) fn of_type(kind: &str) -> String {
    [TYPE_PREFIX, kind].concat()
}

/// The tag that an event has by who acted; a name that is longer than a tag is in no index.
pub(crate) fn of_agent(name: &str) -> Option<String> {
    (name.len() <= TAG_BYTES_MAX).then(|| [AGENT_PREFIX, name].concat())
}

/// Entries of `tag` between two positions, both included.
pub(crate) fn range(tag: &str, from: Position, to: Position) -> KeyRange {
    KeyRange::closed(key(tag, from), &key(tag, to))
}

pub(crate) fn encode() -> Slice {
    Build::value(0).done()
}

/// The position in a key.
pub(crate) fn decode(key: &[u8]) -> Result<Position, Damage> {
    let bytes = key.last_chunk().ok_or_else(|| damaged(WHAT, Position::ZERO, "the key is cut short"))?;
    Ok(Position(u64::from_be_bytes(*bytes)))
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip_and_order(tag in "\\PC{0,6}", other in "\\PC{0,6}", a: u64, b: u64) {
            prop_assert_eq!(decode(&key(&tag, Position(a))).unwrap(), Position(a));
            prop_assert_eq!(key(&tag, Position(a)).cmp(&key(&tag, Position(b))), a.cmp(&b));
            let range = range(&tag, Position(a.min(b)), Position(a.max(b)));
            prop_assert!(range.contains(&key(&tag, Position(a))));
            prop_assert_eq!(range.contains(&key(&other, Position(a))), other == tag);
        }
    }
}
