//! Events of other nodes: which of them are taken, in which order they count, and what they make of rows that
//! have later events already.
//!
//! A row is what its stream's events make of it **in the order of their [`Order`]**, on every node the same.
//! An event made here comes after all that this node has seen, so folding it is plain overwriting, and so is
//! folding a merged one that is the last of its stream. Only when a merged event has to go before one that is
//! in the log already, somebody has to look back: [`plan`] does, before the event is committed, and writes what
//! the row is then into the event's metadata (`merge`). So `evolve` needs nothing but state and event.

mod check;
mod incoming;
mod mark;
mod row;

pub use check::is_imported;
pub use incoming::{Incoming, LAMPORT_MAX, Refusal, travels};
pub(crate) use mark::{Merged, mark};
pub use mark::{Order, Origin, RESERVED, order};
pub(crate) use row::{Sum, TaskSum};

use crate::merge::row::Part;
use std::collections::BTreeMap;
use store::{Event, NewEvent, Text};

/// The streams whose events have to be known for [`plan`]: those of the model. Anybody's own are sets.
#[must_use]
pub fn looks_back(stream: &str) -> bool {
    row::prefix(stream).is_some()
}

/// Events of other nodes as they are to be committed here, in their own order. `known` are the events of their
/// streams that are in the log, in any order, none of them one of `incoming`; streams that [`looks_back`] tells
/// nothing of may be left out.
#[must_use]
pub fn plan<'e>(known: impl IntoIterator<Item = &'e Event>, mut incoming: Vec<Incoming>) -> Vec<NewEvent> {
    let mut streams: BTreeMap<Text, Vec<Part<'e>>> = BTreeMap::new();
    for event in known {
        streams.entry(event.stream.clone()).or_default().push(Part::known(event));
    }
    incoming.sort_by_key(Incoming::order);
    let mut by_stream: BTreeMap<Text, Vec<&Incoming>> = BTreeMap::new();
    for event in &incoming {
        by_stream.entry(event.stream.clone()).or_default().push(event);
    }
    // What goes into the metadata, for the events that do not simply come after all others of their stream.
    let mut resolved: BTreeMap<Order, String> = BTreeMap::new();
    for (stream, new) in by_stream {
        let Some(known) = streams.get_mut(&stream).filter(|_| looks_back(&stream)) else { continue };
        let latest = known.iter().map(|part| part.order).max();
        let (Some(first), Some(last)) = (new.first(), new.last()) else { continue };
        if latest < Some(first.order()) {
            continue;
        }
        resolved.extend(new.iter().map(|event| (event.order(), row::LATER.to_owned())));
        let mut all = std::mem::take(known);
        all.extend(new.iter().map(|event| event.part()));
        resolved.insert(last.order(), row::resolve(&stream, all));
    }
    incoming
        .into_iter()
        .map(|event| {
            let merge = resolved.remove(&event.order());
            event.into_new(merge.as_deref())
        })
        .collect()
}
