//! `derived` 2, stream → its revision.

use super::{Build, Kind};
use crate::{Damage, Revision};
use fjall::Slice;

const WHAT: &str = "stream head";

pub(crate) fn key(stream: &str) -> Slice {
    Build::key(Kind::StreamHead, stream.len()).put(stream.as_bytes()).done()
}

pub(crate) fn encode(revision: Revision) -> Slice {
    Build::value(8).u64(revision.0).done()
}

pub(crate) fn decode(value: &[u8]) -> Result<Revision, Damage> {
    super::value_u64(WHAT, value).map(Revision)
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip_and_order(a in "\\PC{0,8}", b in "\\PC{0,8}", revision: u64) {
            prop_assert_eq!(decode(&encode(Revision(revision))).unwrap(), Revision(revision));
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }
    }
}
