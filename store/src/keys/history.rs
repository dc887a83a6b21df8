//! `derived` 7, table, position of the end, key → a version of a row that has ended.

use super::row::{put_version, take_version};
use super::{Build, KeyRange, Kind, damaged};
use crate::codec::Cursor;
use crate::{ClosedVersion, Damage, Position, StoredRow, TableId, Timestamp, Version};
use fjall::Slice;

const WHAT: &str = "closed version";

pub(crate) fn key(table: TableId, to_position: Position, key: &str) -> Slice {
    Build::key(Kind::History, 9 + key.len()).put(&[table]).u64(to_position.0).put(key.as_bytes()).done()
}

/// Versions of a table that ended after one position and no later than another.
pub(crate) fn range(table: TableId, ended_after: Position, upto: Position) -> KeyRange {
    let end = |position: Position| match position.0.checked_add(1) {
        Some(next) => key(table, Position(next), ""),
        None => KeyRange::with_prefix(&[Kind::History as u8, table]).end,
    };
    KeyRange { start: end(ended_after), end: end(upto) }
}

pub(crate) fn encode<R: StoredRow>(to_time: Timestamp, version: &Version<R>) -> Slice {
    Build::value(128)
        .put(&to_time.0.to_be_bytes())
        .with(|out| put_version(out, &version.from, &version.row))
        .done()
}

pub(crate) fn decode<R: StoredRow>(key: &[u8], value: &[u8]) -> Result<ClosedVersion<R>, Damage> {
    let [_, table, key @ ..] = key else {
        return Err(damaged(WHAT, Position::ZERO, "the key is cut short"));
    };
    let mut key = Cursor(key);
    let to_position = Position(key.u64().map_err(|_| damaged(WHAT, Position::ZERO, "the key is cut short"))?);
    let key = std::str::from_utf8(key.rest())
        .map_err(|_| damaged(WHAT, to_position, "the key is not UTF-8"))?
        .into();
    let mut body = Cursor(super::value_body(WHAT, value)?);
    let to_time = body.i64().map_err(|_| damaged(WHAT, to_position, "cut short"))?;
    let version = take_version(WHAT, *table, body.rest())?;
    Ok(ClosedVersion { key, version, to_position, to_time: Timestamp(to_time) })
}

#[cfg(test)]
mod test {
    use super::super::row::test::any_stamp;
    use super::*;
    use crate::Text;
    use crate::model::Count;
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        #[test]
        fn round_trip(stamp in any_stamp(), row_key in "\\PC{0,6}", to: u64, time: i64, count: i64) {
            let version = Version { row: Count(count), from: Arc::new(stamp) };
            let bytes = encode(Timestamp(time), &version);
            let closed = ClosedVersion {
                key: Text::from(&*row_key),
                version,
                to_position: Position(to),
                to_time: Timestamp(time),
            };
            prop_assert_eq!(decode::<Count>(&key(1, Position(to), &row_key), &bytes).unwrap(), closed);
            prop_assert!(decode::<Count>(&key(1, Position(to), "")[..9], &bytes).is_err());
        }

        #[test]
        fn order_and_range(
            table: u8,
            (a, b, after, upto) in any::<(u64, u64, u64, u64)>(),
            (key_a, key_b) in ("\\PC{0,6}", "\\PC{0,6}"),
        ) {
            let (ended_a, ended_b) = (key(table, Position(a), &key_a), key(table, Position(b), &key_b));
            prop_assert_eq!(ended_a.cmp(&ended_b), (a, &key_a).cmp(&(b, &key_b)));
            let range = range(table, Position(after), Position(upto));
            prop_assert_eq!(range.contains(&ended_a), after < a && a <= upto);
        }
    }
}
