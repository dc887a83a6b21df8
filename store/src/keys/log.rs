//! `log`: first position of a commit, 8 bytes → its record ([`crate::record`]).

use super::damaged;
use crate::{Damage, Position};

/// Keyspace name.
pub(crate) const KEYSPACE: &str = "log";

pub(crate) fn key(first: Position) -> [u8; 8] {
    first.0.to_be_bytes()
}

pub(crate) fn decode(key: &[u8]) -> Result<Position, Damage> {
    let bytes = key.try_into().map_err(|_| damaged("log key", Position::ZERO, "not 8 bytes"))?;
    Ok(Position(u64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip_and_order(a: u64, b: u64) {
            prop_assert_eq!(decode(&key(Position(a))).unwrap(), Position(a));
            prop_assert_eq!(key(Position(a)).cmp(&key(Position(b))), a.cmp(&b));
        }
    }

    #[test]
    fn refuses_other_lengths() {
        assert!(decode(&[0; 7]).is_err());
    }
}
