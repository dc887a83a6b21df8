//! A page of events in one JSON document: how much of them, and how it is written.

use crate::wire::envelope::{answer, push, push_list, push_name};
use axum::response::Response;
use store::{Event, Position};

/// Bytes of events after which a page ends early: ten thousand large ones would be gigabytes.
const BYTES_MAX: usize = 16 << 20;

/// Events as they are found, up to a number or to [`BYTES_MAX`].
#[derive(Debug)]
pub(super) struct EventPage {
    events: Vec<Event>,
    limit: usize,
    bytes: usize,
}

impl EventPage {
    /// Room for so many.
    pub(super) fn of(limit: usize) -> Self {
        Self { events: Vec::new(), limit, bytes: 0 }
    }

    /// Whether the next one has to wait for another page.
    pub(super) fn is_full(&self) -> bool {
        self.events.len() >= self.limit || self.bytes >= BYTES_MAX
    }

    pub(super) fn push(&mut self, event: Event) {
        self.bytes += event.data.len() + event.metadata.len();
        self.events.push(event);
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn last(&self) -> Option<&Event> {
        self.events.last()
    }

    /// `{"events":[…],…}`, with where to go on and what else the call tells; null where it tells nothing.
    pub(super) fn answer<const N: usize>(
        &self,
        position: Position,
        others: [(&'static str, Option<u64>); N],
    ) -> Response {
        answer(position, |out| {
            out.extend_from_slice(b"{\"events\":");
            push_list(out, &self.events, |out, event| query::json::event(event, out));
            for (name, value) in others {
                push_name(out, name);
                push(out, &value);
            }
            out.push(b'}');
        })
    }
}
