//! The fold of the log into views made aside, while those that are kept stay as they are.

use crate::disk::Disk;
use crate::record::{Chain, Record};
use crate::texts::Texts;
use crate::view::View;
use crate::views::Views;
use crate::writer::layer;
use crate::{Answered, Commit, Damage, Decider, Event, Head, OpenError, Options, Position};
use std::sync::Arc;

/// The model, and the views it has made so far.
pub(crate) struct Refold<D: Decider> {
    disk: Disk,
    views: Views,
    decider: D,
    head: Head,
}

impl<D: Decider> Refold<D> {
    /// Before the first record, with the empty views of `disk`.
    pub(crate) fn new(disk: Disk, decider: D, options: &Options) -> Self {
        let fold = decider.fold_version();
        let views = Views::new(disk.snapshot(), Head::default(), Chain::START, fold, options);
        Self { disk, views, decider, head: Head::default() }
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The views as of the last record.
    pub(crate) fn view(&self) -> Arc<View> {
        self.views.current()
    }

    /// Folds in the events of the record after the last; `chain` is the chain hash after it.
    pub(crate) fn fold(&mut self, contents: Contents, chain: Chain) -> Result<(), OpenError> {
        let Contents { events, answers } = contents;
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let (first, last, time) = (first.position, last.position, last.time);
        let mut changes = Vec::new();
        for event in &events {
            self.decider.evolve(event, &mut changes);
        }
        let commit = Commit { first, last, time, events, changes, answers, next_deadline: None };
        self.head = Head { position: last, time };
        self.views.push(layer::<D>(&commit), self.head, chain);
        self.views.flush_if_due(&self.disk).map_err(OpenError::Io)
    }

    /// Writes all of it down, with the checkpoint at the last record.
    pub(crate) fn finish(self) -> Result<Disk, OpenError> {
        self.views.flush_all(&self.disk).map_err(OpenError::Io)?;
        // Its snapshot holds on to the database.
        drop(self.views);
        Ok(self.disk)
    }

    /// The disk, and the views as far as they have been written down.
    pub(crate) fn abandon(self) -> Disk {
        self.disk
    }
}

/// What a record has.
pub(crate) struct Contents {
    pub(crate) events: Vec<Event>,
    pub(crate) answers: Vec<Answered>,
}

/// The contents of a record, each part checked.
pub(crate) fn contents<B: AsRef<[u8]>>(record: &Record<B>, texts: &mut Texts) -> Result<Contents, Damage> {
    let positions = record.first().0..=record.last().0;
    let events =
        positions.map(|position| record.event(Position(position), texts)).collect::<Result<_, _>>()?;
    Ok(Contents { events, answers: record.answers()? })
}
