//! `derived` 8, key of a request → the commit that has its answer.

use super::{Build, Kind};
use crate::{Damage, Digest, Position};
use fjall::Slice;

const WHAT: &str = "answer index";

pub(crate) fn key(key: Digest) -> Slice {
    Build::key(Kind::Answer, 16).put(&key.0).done()
}

/// `first` is the first position of the commit.
pub(crate) fn encode(first: Position) -> Slice {
    Build::value(8).u64(first.0).done()
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
        fn round_trip_and_order(a: [u8; 16], b: [u8; 16], first: u64) {
            prop_assert_eq!(decode(&encode(Position(first))).unwrap(), Position(first));
            prop_assert_eq!(key(Digest(a)).cmp(&key(Digest(b))), a.cmp(&b));
        }
    }
}
