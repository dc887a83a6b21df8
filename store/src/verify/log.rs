//! The log by itself: each record, each event, and how they follow one another.

use super::finding::{Findings, Place};
use crate::record::{Chain, Record};
use crate::refold::{self, Contents};
use crate::texts::Texts;
use crate::{Event, Head, Position, Revision, Text};
use fjall::Slice;
use rustc_hash::FxHashMap;

/// What has been seen of the log so far.
pub(super) struct Log {
    pub(super) head: Head,
    pub(super) chain: Chain,
    pub(super) records: u64,
    pub(super) events: u64,
    /// All of it was as it should be; what comes after damage cannot be folded.
    pub(super) sound: bool,
    /// Whether the last record could be read, so that it is known where the next begins.
    aligned: bool,
    /// As many as the model has streams: its state takes more.
    revisions: FxHashMap<Text, Revision>,
    texts: Texts,
}

impl Log {
    pub(super) fn new() -> Self {
        Self {
            head: Head::default(),
            chain: Chain::START,
            records: 0,
            events: 0,
            sound: true,
            aligned: true,
            revisions: FxHashMap::default(),
            texts: Texts::new(),
        }
    }

    /// Takes in the next record. Gives its contents when they and everything before them are as they should be.
    pub(super) fn record(
        &mut self,
        first: Position,
        bytes: Slice,
        findings: &mut Findings,
    ) -> Option<Contents> {
        let before = findings.count;
        self.records += 1;
        let expected = self.head.position.next();
        if self.aligned && first != expected {
            let why =
                format!("the log should go on at position {expected}, the next record begins at {first}");
            findings.add(Place::Log, Some(expected), why);
        }
        let contents = self.parse(first, bytes, findings);
        self.sound &= findings.count == before;
        if self.sound { contents } else { None }
    }

    fn parse(&mut self, first: Position, bytes: Slice, findings: &mut Findings) -> Option<Contents> {
        let record = match Record::parse(first, bytes) {
            Ok(record) => record,
            Err(damage) => {
                findings.add(Place::Record { first }, Some(first), &*damage.why);
                self.aligned = false;
                return None;
            }
        };
        // After a record that cannot be read, the chain begins anew with what the next one says.
        let previous = if self.aligned { self.chain } else { record.previous() };
        if let Err(damage) = record.verify_chain(previous) {
            findings.add(Place::Record { first }, Some(first), &*damage.why);
        }
        self.aligned = true;
        self.chain = record.chain();
        self.head.position = record.last();
        for position in first.0..=record.last().0 {
            if let Err(damage) = record.verify_data(Position(position)) {
                let position = damage.position;
                findings.add(Place::Event { position }, Some(position), &*damage.why);
            }
        }
        match refold::contents(&record, &mut self.texts) {
            Ok(contents) => {
                contents.events.iter().for_each(|event| self.follow(event, findings));
                Some(contents)
            }
            Err(damage) => {
                let position = damage.position;
                findings.add(Place::Event { position }, Some(position), &*damage.why);
                None
            }
        }
    }

    /// Checks an event against those before it.
    fn follow(&mut self, event: &Event, findings: &mut Findings) {
        let position = event.position;
        let place = || Place::Event { position };
        self.events += 1;
        if event.time < self.head.time {
            let why = format!("its time is {} us, before that of the event before it", event.time.0);
            findings.add(place(), Some(position), why);
        }
        self.head.time = event.time;
        let revision = self.revisions.entry(Text::clone(&event.stream)).or_default();
        // Past damage it is not known where a stream was.
        if event.revision != revision.next() && self.sound {
            let (is, was) = (event.revision.0, revision.0);
            let why = format!("it is revision {is} of stream {}, which was at {was}", event.stream);
            findings.add(place(), Some(position), why);
        }
        *revision = event.revision;
    }
}
