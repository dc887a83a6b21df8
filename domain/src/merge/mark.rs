//! Where an event was made, as its metadata tells it.

use crate::event::Moment;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::{Event, EventId, Position, Text, Timestamp};

/// Members of the metadata that say where an event comes from. Whoever appends events does not choose them.
pub const RESERVED: [&str; 4] = ["lamport", "origin", "origin_time", "merge"];

/// The node that made an event, when, and as the how manieth by Lamport's count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Id of the node.
    pub node: EventId,
    /// Commit time there.
    pub time: Timestamp,
    /// Greater than that of every event the node had seen.
    pub lamport: u64,
}

/// What decides which of two events of a stream comes later, on every node the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    lamport: u64,
    time: Timestamp,
    id: EventId,
}

impl Order {
    pub(super) const fn new(origin: Origin, id: EventId) -> Self {
        Self { lamport: origin.lamport, time: origin.time, id }
    }
}

/// The place of an event of this log among those of all nodes.
#[must_use]
pub fn order(event: &Event) -> Order {
    let (lamport, time) = match Merged::of(event) {
        Some(merged) => (merged.origin.lamport, merged.origin.time),
        None => (own_lamport(event.position, &event.metadata), event.time),
    };
    Order { lamport, time, id: event.id }
}

/// The Lamport number of an event that was made here: its position, unless the metadata says another.
pub(super) fn own_lamport(position: Position, metadata: &str) -> u64 {
    let given = metadata.contains(r#""lamport""#).then(|| Marks::of(metadata)).flatten();
    given.and_then(|marks| marks.lamport?.get().parse().ok()).unwrap_or(position.0)
}

/// An event of another node as this log has it.
pub(crate) struct Merged<'a> {
    pub(crate) origin: Origin,
    /// What [`super::plan`] found out, if it had to look back.
    pub(crate) merge: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Marks<'a> {
    #[serde(borrow, default)]
    origin: Option<&'a RawValue>,
    #[serde(borrow, default)]
    origin_time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    lamport: Option<&'a RawValue>,
    #[serde(borrow, default)]
    merge: Option<&'a RawValue>,
}

impl<'a> Marks<'a> {
    fn of(metadata: &'a str) -> Option<Self> {
        serde_json::from_str(metadata).ok()
    }
}

impl<'a> Merged<'a> {
    /// None for an event that was made here.
    pub(crate) fn of(event: &'a Event) -> Option<Self> {
        Self::read(&event.metadata)
    }

    fn read(metadata: &'a str) -> Option<Self> {
        // Written by us, so never with escapes; events of other nodes are few, so look before reading.
        if !metadata.contains(r#""origin":""#) {
            return None;
        }
        let marks = Marks::of(metadata)?;
        let node: &str = serde_json::from_str(marks.origin?.get()).ok()?;
        let time: Moment = serde_json::from_str(marks.origin_time?.get()).ok()?;
        let origin = Origin {
            node: EventId::parse(node).ok()?,
            time: time.0,
            lamport: marks.lamport?.get().parse().ok()?,
        };
        Some(Self { origin, merge: marks.merge })
    }
}

/// The metadata of an event made here that is to stand at `position`, if it has to say its Lamport number:
/// when that is not the position itself.
pub(crate) fn mark(skew: u64, position: Position, metadata: &str) -> Option<Text> {
    if skew == 0 || Merged::read(metadata).is_some() {
        return None;
    }
    let members = metadata.trim_start().strip_prefix('{')?.trim_start();
    let comma = if members.starts_with('}') { "" } else { "," };
    let lamport = position.0.saturating_add(skew);
    Some(format!(r#"{{"lamport":{lamport}{comma}{members}"#).into())
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_lamport_number_is_written_only_when_it_is_not_the_position() {
        assert_eq!(mark(0, Position(3), "{}"), None);
        assert_eq!(mark(2, Position(3), "{}").as_deref(), Some(r#"{"lamport":5}"#));
        assert_eq!(mark(2, Position(3), r#"{ "a":1}"#).as_deref(), Some(r#"{"lamport":5,"a":1}"#));
        let merged =
            r#"{"origin":"01ARZ3NDEKTSV4RRFFQ69G5FAV","origin_time":"2026-01-01T00:00:00Z","lamport":7}"#;
        assert_eq!(mark(2, Position(3), merged), None);
    }

    #[test]
    fn what_only_looks_like_an_origin_is_none() {
        assert!(Merged::read(r#"{"x":{"origin":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}}"#).is_none());
        assert!(
            Merged::read(r#"{"origin":"the web","origin_time":"2026-01-01T00:00:00Z","lamport":1}"#)
                .is_none()
        );
        assert_eq!(own_lamport(Position(4), r#"{"lamport":9}"#), 9);
        assert_eq!(own_lamport(Position(4), r#"{"x":{"lamport":9}}"#), 4);
    }
}
