//! `derived` 5, event id → position.

use super::{Build, Kind};
use crate::{Damage, EventId, Position};
use fjall::Slice;

const WHAT: &str = "event id index";

pub(crate) fn key(id: EventId) -> Slice {
    Build::key(Kind::EventId, 16).put(&id.0.to_be_bytes()).done()
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
        fn round_trip_and_order(a: u128, b: u128, position: u64) {
            prop_assert_eq!(decode(&encode(Position(position))).unwrap(), Position(position));
            prop_assert_eq!(key(EventId(a)).cmp(&key(EventId(b))), a.cmp(&b));
        }
    }
}
