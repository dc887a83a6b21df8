//! The keys and values of `cursors`: `name 00 kind [position]`, the position in big endian.
//!
//! A name has no byte 00, so that the keys of one name are a range, and none of them is another's.

use super::{AllKept, Note, Parked, Tried};
use crate::{EventId, Position, Text, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The keyspace.
pub(super) const KEYSPACE: &str = "cursors";

/// Ends the name.
const END: u8 = 0;

/// What a key is of. The numbers are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Definition = 1,
    Floor = 2,
    Done = 3,
    Tried = 4,
    Parked = 5,
}

#[derive(Serialize, Deserialize)]
struct TriedValue {
    attempts: u32,
    not_before: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ParkedValue {
    id: u128,
    stream: Text,
    attempts: u32,
    since: i64,
    reason: Text,
    again: bool,
}

/// All keys of a name begin so.
pub(super) fn of_name(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 10);
    key.extend_from_slice(name.as_bytes());
    key.push(END);
    key
}

fn key(name: &str, kind: Kind, position: Option<Position>) -> Vec<u8> {
    let mut key = of_name(name);
    key.push(kind as u8);
    key.extend(position.map(|position| position.0.to_be_bytes()).into_iter().flatten());
    key
}

/// What a change does to a key: its new value, or none.
///
/// # Panics
/// When the change is of all keys of the name.
pub(super) fn entry(name: &str, note: &Note) -> (Vec<u8>, Option<Vec<u8>>) {
    match note {
        Note::Define(definition) => (key(name, Kind::Definition, None), Some(definition.to_vec())),
        Note::Floor(floor) => (key(name, Kind::Floor, None), Some(floor.0.to_be_bytes().to_vec())),
        Note::Done(at) => (key(name, Kind::Done, Some(*at)), Some(Vec::new())),
        Note::Undone(at) => (key(name, Kind::Done, Some(*at)), None),
        Note::Tried(at, tried) => {
            let value =
                TriedValue { attempts: tried.attempts, not_before: tried.not_before.map(|time| time.0) };
            (key(name, Kind::Tried, Some(*at)), Some(encode(&value)))
        }
        Note::Untried(at) => (key(name, Kind::Tried, Some(*at)), None),
        Note::Parked(at, parked) => {
            let Parked { id, stream, attempts, since, reason, again } = parked;
            let (stream, reason) = (stream.clone(), reason.clone());
            let value =
                ParkedValue { id: id.0, stream, attempts: *attempts, since: since.0, reason, again: *again };
            (key(name, Kind::Parked, Some(*at)), Some(encode(&value)))
        }
        Note::Unparked(at) => (key(name, Kind::Parked, Some(*at)), None),
        Note::Forget => unreachable!("it stands alone, and its keys are looked up"),
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain values serialize")
}

/// Puts a key and its value where they belong.
///
/// # Errors
/// What is wrong with them.
pub(super) fn gather(all: &mut AllKept, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
    let end = key.iter().position(|byte| *byte == END).ok_or("a key without a name")?;
    let name = std::str::from_utf8(&key[..end]).map_err(|_| "a name that is no text")?;
    let (kind, place) = key[end + 1..].split_first().ok_or("a key without a kind")?;
    let kept = match all.get_mut(name) {
        Some(kept) => kept,
        None => all.entry(Text::from(name)).or_default(),
    };
    let at = || number(place).map(Position).ok_or("a key without a position");
    match *kind {
        kind if kind == Kind::Definition as u8 => kept.definition = Some(Arc::from(value)),
        kind if kind == Kind::Floor as u8 => {
            kept.floor = Position(number(value).ok_or("a floor that is no position")?);
        }
        kind if kind == Kind::Done as u8 => drop(kept.done.insert(at()?)),
        kind if kind == Kind::Tried as u8 => {
            let TriedValue { attempts, not_before } =
                postcard::from_bytes(value).map_err(|_| "attempts that cannot be read")?;
            kept.tried.insert(at()?, Tried { attempts, not_before: not_before.map(Timestamp) });
        }
        kind if kind == Kind::Parked as u8 => {
            let ParkedValue { id, stream, attempts, since, reason, again } =
                postcard::from_bytes(value).map_err(|_| "a parked event that cannot be read")?;
            let (id, since) = (EventId(id), Timestamp(since));
            kept.parked.insert(at()?, Parked { id, stream, attempts, since, reason, again });
        }
        _ => return Err("a key of a kind that this version does not know"),
    }
    Ok(())
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}
