//! `derived` 6, table, key → the row as it is, behind the stamp of the event that made it so.

use super::{Build, KeyRange, Kind, damaged};
use crate::{Damage, Position, Stamp, StoredRow, TableId, Text, Version};
use fjall::Slice;
use std::sync::Arc;

const WHAT: &str = "row";

pub(crate) fn key(table: TableId, key: &str) -> Slice {
    Build::key(Kind::Row, 1 + key.len()).put(&[table]).put(key.as_bytes()).done()
}

/// All rows of a table, in order of their keys.
pub(crate) fn table(table: TableId) -> KeyRange {
    KeyRange::with_prefix(&[Kind::Row as u8, table])
}

/// All rows of all tables.
pub(crate) fn all() -> KeyRange {
    KeyRange::with_prefix(&[Kind::Row as u8])
}

/// Table and key of a row, from its key on disk.
pub(crate) fn decode_key(key: &[u8]) -> Result<(TableId, Text), Damage> {
    let [_, table, key @ ..] = key else {
        return Err(damaged(WHAT, Position::ZERO, "the key is cut short"));
    };
    let key = std::str::from_utf8(key).map_err(|_| damaged(WHAT, Position::ZERO, "the key is not UTF-8"))?;
    Ok((*table, key.into()))
}

pub(crate) fn encode<R: StoredRow>(stamp: &Stamp, row: &R) -> Slice {
    Build::value(128).with(|out| put_version(out, stamp, row)).done()
}

pub(crate) fn decode<R: StoredRow>(table: TableId, value: &[u8]) -> Result<Version<R>, Damage> {
    take_version(WHAT, table, super::value_body(WHAT, value)?)
}

/// Stamp and row, as both this and [`super::history`] keep them.
pub(super) fn put_version<R: StoredRow>(out: &mut Vec<u8>, stamp: &Stamp, row: &R) {
    // A stamp is numbers and texts and the output grows as needed: nothing in it can fail.
    postcard::to_io(stamp, &mut *out).expect("a stamp always encodes into memory");
    row.encode(out);
}

/// Reads what [`put_version`] wrote.
pub(super) fn take_version<R: StoredRow>(
    what: &'static str,
    table: TableId,
    bytes: &[u8],
) -> Result<Version<R>, Damage> {
    let (stamp, row) = postcard::take_from_bytes::<Stamp>(bytes)
        .map_err(|why| damaged(what, Position::ZERO, &format!("unreadable stamp: {why}")))?;
    let row = R::decode(table, row)
        .map_err(|why| damaged(what, stamp.position, &format!("table {table}: {why}")))?;
    Ok(Version { row, from: Arc::new(stamp) })
}

#[cfg(test)]
pub(super) mod test {
    use super::*;
    use crate::model::Count;
    use crate::{EventId, Timestamp};
    use proptest::prelude::*;

    prop_compose! {
        pub(in crate::keys) fn any_stamp()(
            (position, time, id) in any::<(u64, i64, u128)>(),
            kind in "\\PC{0,9}",
            actor in proptest::option::of("\\PC{0,9}"),
        ) -> Stamp {
            Stamp {
                position: Position(position),
                time: Timestamp(time),
                event_id: EventId(id),
                kind: kind.into(),
                actor: actor.map(Text::from),
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(stamp in any_stamp(), count: i64) {
            let bytes = encode(&stamp, &Count(count));
            let version = decode::<Count>(1, &bytes).unwrap();
            prop_assert_eq!(version, Version { row: Count(count), from: Arc::new(stamp) });
            prop_assert!(decode::<Count>(1, &bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn keys_keep_their_order_and_their_table(
            (table_a, table_b) in any::<(u8, u8)>(),
            (a, b) in ("\\PC{0,6}", "\\PC{0,6}"),
        ) {
            let (key_a, key_b) = (key(table_a, &a), key(table_b, &b));
            prop_assert_eq!(decode_key(&key_a).unwrap(), (table_a, Text::from(&*a)));
            prop_assert_eq!(key_a.cmp(&key_b), (table_a, &a).cmp(&(table_b, &b)));
            prop_assert_eq!(table(table_a).contains(&key_b), table_a == table_b);
            prop_assert!(all().contains(&key_a));
        }
    }
}
