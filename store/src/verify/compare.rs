//! Views that are kept against views just folded: both are sorted, so one pass shows what is missing, what is
//! too much and what is different.

use super::finding::{Findings, Place};
use crate::codec::Cursor;
use crate::keys::{self, Kind};
use crate::{Position, ReadError, Stamp};
use fjall::Slice;
use std::cmp::Ordering;

type Entry = Result<(Slice, Slice), ReadError>;

/// Compares all entries; gives how many keys there were on either side. `progress` is told so far.
///
/// # Errors
/// When either cannot be read to its end.
pub(super) fn compare(
    kept: impl Iterator<Item = Entry>,
    folded: impl Iterator<Item = Entry>,
    findings: &mut Findings,
    mut progress: impl FnMut(u64),
) -> Result<u64, ReadError> {
    let (mut kept, mut folded) = (kept.fuse(), folded.fuse());
    let (mut is, mut should) = (kept.next().transpose()?, folded.next().transpose()?);
    let mut keys = 0;
    loop {
        let order = match (&is, &should) {
            (None, None) => return Ok(keys),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((is, _)), Some((should, _))) => is.cmp(should),
        };
        match (&is, &should) {
            (Some((key, value)), _) if order.is_lt() => {
                findings.add(Place::of_key(key), position(key, value), "the log gives no such entry");
            }
            (_, Some((key, value))) if order.is_gt() => {
                findings.add(Place::of_key(key), position(key, value), "it is missing");
            }
            (Some((key, is)), Some((_, should))) if is != should => {
                findings.add(Place::of_key(key), position(key, should), difference(key, is, should));
            }
            _ => {}
        }
        keys += 1;
        progress(keys);
        if order.is_le() {
            is = kept.next().transpose()?;
        }
        if order.is_ge() {
            should = folded.next().transpose()?;
        }
    }
}

/// The position in the log that an entry is about, when it says one.
fn position(key: &[u8], value: &[u8]) -> Option<Position> {
    match *key.first()? {
        kind if kind == Kind::Tag as u8 => keys::tag::decode(key).ok(),
        kind if kind == Kind::Stream as u8 => keys::stream::decode(value).ok(),
        kind if kind == Kind::EventId as u8 => keys::event_id::decode(value).ok(),
        kind if kind == Kind::Answer as u8 => keys::answer::decode(value).ok(),
        _ => stamp(key, value).map(|stamp| stamp.position),
    }
}

/// The stamp of a row or of a version that ended.
fn stamp(key: &[u8], value: &[u8]) -> Option<Stamp> {
    let mut body = Cursor(value.get(1..)?);
    match *key.first()? {
        kind if kind == Kind::Row as u8 => {}
        kind if kind == Kind::History as u8 => drop(body.i64().ok()?),
        _ => return None,
    }
    postcard::take_from_bytes(body.rest()).ok().map(|(stamp, _)| stamp)
}

fn difference(key: &[u8], is: &[u8], should: &[u8]) -> String {
    let number = |value| keys::value_u64("value", value).ok();
    if let (Some(is), Some(should)) = (number(is), number(should)) {
        return format!("it says {is}, the log gives {should}");
    }
    match (stamp(key, is), stamp(key, should)) {
        (Some(is), Some(should)) if is.position != should.position => {
            format!("it is of the event at position {}, the log gives {}", is.position, should.position)
        }
        (None, Some(_)) => "its stamp cannot be read".into(),
        _ => {
            let same = is.iter().zip(should).take_while(|(is, should)| is == should).count();
            format!(
                "it differs from what the log gives: byte {same} of {}, which should be {} bytes",
                is.len(),
                should.len()
            )
        }
    }
}
