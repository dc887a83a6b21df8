//! `derived` 1 → how far the derived keyspace has come. Written in the same step as what it speaks of.

use super::{Build, Kind, damaged};
use crate::codec::{Cursor, Short};
use crate::record::Chain;
use crate::{Damage, Head, Position, Timestamp};
use fjall::Slice;

/// Format of the derived keyspace: its keys, its values, and what is in it. Raised when any of them changes;
/// then it is dropped at the next start and the log folded again.
pub(crate) const FORMAT: u32 = 1;

/// A moment at which the derived keyspace is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// [`FORMAT`] of whoever made it.
    pub(crate) format: u32,
    /// [`crate::Decider::fold_version`] of whoever made it.
    pub(crate) fold: u32,
    /// The last event folded in.
    pub(crate) head: Head,
    /// Chain hash up to that event.
    pub(crate) chain: Chain,
}

pub(crate) fn key() -> Slice {
    Build::key(Kind::Checkpoint, 0).done()
}

pub(crate) fn encode(checkpoint: &Checkpoint) -> Slice {
    Build::value(56)
        .put(&checkpoint.format.to_be_bytes())
        .put(&checkpoint.fold.to_be_bytes())
        .u64(checkpoint.head.position.0)
        .put(&checkpoint.head.time.0.to_be_bytes())
        .put(&checkpoint.chain.0)
        .done()
}

pub(crate) fn decode(value: &[u8]) -> Result<Checkpoint, Damage> {
    const WHAT: &str = "checkpoint";
    let mut cursor = Cursor(super::value_body(WHAT, value)?);
    let checkpoint = (|| {
        Ok(Checkpoint {
            format: cursor.u32()?,
            fold: cursor.u32()?,
            head: Head { position: Position(cursor.u64()?), time: Timestamp(cursor.i64()?) },
            chain: Chain(cursor.array()?),
        })
    })()
    .map_err(|Short| damaged(WHAT, Position::ZERO, "cut short"))?;
    match cursor.rest() {
        [] => Ok(checkpoint),
        _ => Err(damaged(WHAT, checkpoint.head.position, "too long")),
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(format: u32, fold: u32, position: u64, time: i64, chain: [u8; 32]) {
            let head = Head { position: Position(position), time: Timestamp(time) };
            let checkpoint = Checkpoint { format, fold, head, chain: Chain(chain) };
            let bytes = encode(&checkpoint);
            prop_assert_eq!(decode(&bytes).unwrap(), checkpoint);
            prop_assert!(decode(&bytes[..bytes.len() - 1]).is_err());
            prop_assert!(decode(&[&*bytes, &[0]].concat()).is_err());
        }
    }
}
