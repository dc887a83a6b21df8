//! An event on its way to many.

use bytes::Bytes;
use std::sync::{Arc, OnceLock};
use store::{Event, Position};

/// An event as followers give it: one copy for all of them, written as JSON once.
#[derive(Debug)]
pub(crate) struct Shown {
    event: Event,
    json: OnceLock<Bytes>,
}

impl Shown {
    pub(super) fn new(event: Event) -> Arc<Self> {
        Arc::new(Self { event, json: OnceLock::new() })
    }

    /// Where it is in the log.
    pub(crate) fn position(&self) -> Position {
        self.event.position
    }

    /// As the API gives it.
    pub(crate) fn json(&self) -> &Bytes {
        self.json.get_or_init(|| {
            let mut out = Vec::with_capacity(self.bytes() + JSON_AROUND_BYTES);
            query::json::event(&self.event, &mut out);
            out.into()
        })
    }

    /// Bytes of what it carries.
    pub(super) fn bytes(&self) -> usize {
        self.event.data.len() + self.event.metadata.len()
    }

    pub(super) fn event(&self) -> &Event {
        &self.event
    }
}

/// What the JSON of an event takes besides its data and metadata, for most.
const JSON_AROUND_BYTES: usize = 256;
