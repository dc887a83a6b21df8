//! The writer's state, and how one request changes it. Nothing here does I/O but reads of the index.

use super::drain::{Drain, event_bytes};
use crate::read::Fetch;
use crate::record::EVENT_BYTES;
use crate::view::View;
use crate::{
    Answered, AppendError, Commit, Context, Decider, Done, Event, EventId, ExecuteError, Head,
    KIND_BYTES_MAX, MODEL_IDS_MAX, NewEvent, Options, Position, ReadError, Revision, STREAM_BYTES_MAX,
    TAG_BYTES_MAX, TAGS_MAX, Text, Timestamp,
};
use quick_cache::unsync::Cache;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// The model's state and the log's end, everything decided included. Only the leader has it.
pub(crate) struct Core<D: Decider> {
    pub(crate) decider: D,
    pub(crate) head: Head,
    pub(crate) drain: Drain<D::Row>,
    /// The latest time of what was decided and taken back: the model has seen it pass.
    seen: Timestamp,
    /// The commit before the drain, while it is not known to be in what [`Durable`] shows.
    in_flight: Option<InFlight<D::Row>>,
    revisions: Cache<Text, Revision>,
    pub(super) request_bytes_max: usize,
}

/// A commit on its way to the disk, and what is asked of it meanwhile.
struct InFlight<R> {
    commit: Arc<Commit<R>>,
    revisions: FxHashMap<Text, Revision>,
    ids: FxHashMap<EventId, Position>,
}

/// A point of the drain that can be gone back to.
pub(super) struct Mark {
    pub(super) head: Head,
    events: usize,
    changes: usize,
}

/// A drain made ready to be written.
pub(crate) struct Taken<R> {
    pub(crate) commit: Arc<Commit<R>>,
    /// What its events take in the record.
    pub(crate) bytes: usize,
}

/// What the writer reads while it decides: everything durable.
pub(crate) struct Durable<'a, R> {
    pub(crate) view: &'a View,
    pub(crate) fetch: &'a mut Fetch<R>,
}

/// Why a request writes nothing, or why nothing can be written any more.
pub(crate) enum Stop {
    Refused(AppendError),
    TooLarge {
        bytes: usize,
        bytes_max: usize,
    },
    /// The writer has to stop.
    Fatal(Arc<str>),
}

impl From<AppendError> for Stop {
    fn from(error: AppendError) -> Self {
        Self::Refused(error)
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Fatal(format!("the writer cannot read its index: {error}").into())
    }
}

impl<D: Decider> Core<D> {
    pub(crate) fn new(decider: D, head: Head, options: &Options) -> Self {
        Self {
            decider,
            head,
            drain: Drain::default(),
            seen: Timestamp::default(),
            in_flight: None,
            revisions: Cache::new(options.revision_cache_streams),
            request_bytes_max: options.request_bytes_max,
        }
    }

    /// Decides a command and folds its events in.
    ///
    /// # Errors
    /// Inside, why it was not carried out; outside, why the writer has to stop.
    #[allow(clippy::type_complexity, reason = "two errors with two audiences")]
    pub(crate) fn command(
        &mut self,
        durable: &mut Durable<'_, D::Row>,
        mut context: Context,
        command: D::Command,
    ) -> Result<Result<Done<D::Outcome>, ExecuteError<D::Rejection>>, Arc<str>> {
        context.now = self.now(&context);
        let decision = match self.decider.decide(&context, command) {
            Ok(decision) => decision,
            Err(rejection) => return Ok(Err(ExecuteError::Rejected(rejection))),
        };
        let prepared = self
            .check_new_ids(durable, &decision.events)
            .and_then(|()| self.prepare(durable, &context, decision.events));
        let events = match prepared {
            Ok(events) => events,
            Err(Stop::Refused(error)) => return Ok(Err(ExecuteError::Refused(error))),
            Err(Stop::TooLarge { bytes, bytes_max }) => {
                return Ok(Err(ExecuteError::TooLarge { bytes, bytes_max }));
            }
            Err(Stop::Fatal(why)) => return Err(why),
        };
        let first = self.drain.events.len();
        self.fold(events)?;
        let outcome = self.decider.answer(decision.pending, &self.drain.events[first..]);
        Ok(Ok(Done { outcome, position: self.head.position }))
    }

    /// Folds events in: the same for new ones and for those of a replay.
    ///
    /// # Errors
    /// Why the writer has to stop.
    pub(crate) fn fold(&mut self, events: Vec<Event>) -> Result<(), Arc<str>> {
        for event in events {
            let changed = self.drain.changes.len();
            self.decider.evolve(&event, &mut self.drain.changes);
            self.head = Head { position: event.position, time: event.time };
            self.drain.push(event, changed)?;
        }
        Ok(())
    }

    /// The moment a request is decided at. It never runs back, whatever the clock does.
    fn now(&self, context: &Context) -> Timestamp {
        context.now.max(self.head.time).max(self.seen)
    }

    /// Where the drain stands.
    pub(super) fn mark(&self) -> Mark {
        Mark { head: self.head, events: self.drain.events.len(), changes: self.drain.changes.len() }
    }

    /// Takes back everything since, as if it had never been decided.
    pub(super) fn rewind(&mut self, mark: &Mark) {
        self.decider.undo(&self.drain.changes[mark.changes..]);
        self.drain.truncate(mark.events, mark.changes);
        self.seen = self.seen.max(self.head.time);
        self.head = mark.head;
    }

    /// Answers kept with the commit in flight.
    pub(super) fn in_flight_answers(&self) -> impl Iterator<Item = &Answered> {
        self.in_flight.iter().flat_map(|in_flight| &in_flight.commit.answers)
    }

    /// Makes a commit of what was gathered, if anything was. It is in flight from now on; the one before has
    /// [landed](Self::landed).
    pub(crate) fn take_commit(&mut self) -> Option<Taken<D::Row>> {
        let Drain { events, changes, answers, bytes, revisions, ids } = std::mem::take(&mut self.drain);
        let commit = Arc::new(Commit {
            first: events.first()?.position,
            last: self.head.position,
            time: self.head.time,
            events,
            changes,
            answers,
            next_deadline: self.decider.next_deadline(),
        });
        debug_assert!(self.in_flight.is_none(), "two commits are in flight");
        self.in_flight = Some(InFlight { commit: Arc::clone(&commit), revisions, ids });
        Some(Taken { commit, bytes })
    }

    /// The commit in flight, if there is one, is durable, and in the view that the next request is decided by.
    pub(crate) fn landed(&mut self) {
        for (stream, revision) in self.in_flight.take().into_iter().flat_map(|landed| landed.revisions) {
            self.revisions.insert(stream, revision);
        }
    }

    /// Makes events of new ones: place, id, revision, time, sorted tags. Changes nothing.
    pub(super) fn prepare(
        &mut self,
        durable: &Durable<'_, D::Row>,
        context: &Context,
        new: Vec<NewEvent>,
    ) -> Result<Vec<Event>, Stop> {
        let now = self.now(context);
        let mut last = self.head;
        let mut bytes = 0;
        let mut revisions = FxHashMap::<Text, Revision>::default();
        let mut events = Vec::with_capacity(new.len());
        for (n, new) in new.into_iter().enumerate() {
            check_lengths(&new)?;
            let time = new.time.unwrap_or(now);
            check_time(n, time, last.time, now)?;
            last = Head { position: last.position.next(), time };
            let revision = match revisions.get(&new.stream) {
                Some(revision) => *revision,
                None => self.revision(durable.view, &new.stream)?,
            }
            .next();
            revisions.insert(Text::clone(&new.stream), revision);
            let mut tags = new.tags;
            tags.sort_unstable();
            tags.dedup();
            let event = Event {
                position: last.position,
                id: new.id.unwrap_or_else(|| context.seed.plus(MODEL_IDS_MAX + n as u128)),
                stream: new.stream,
                revision,
                kind: new.kind,
                time,
                data: new.data,
                metadata: self.decider.mark(last.position, &new.metadata).unwrap_or(new.metadata),
                tags,
            };
            bytes += event_bytes(&event);
            events.push(event);
        }
        if bytes > self.request_bytes_max {
            return Err(Stop::TooLarge { bytes, bytes_max: self.request_bytes_max });
        }
        Ok(events)
    }

    /// Refuses ids that were given and are taken.
    fn check_new_ids(&self, durable: &Durable<'_, D::Row>, new: &[NewEvent]) -> Result<(), Stop> {
        let mut seen = FxHashSet::default();
        for id in new.iter().filter_map(|event| event.id) {
            if !seen.insert(id) || self.position_of(durable.view, id)?.is_some() {
                return Err(AppendError::EventExists { id }.into());
            }
        }
        Ok(())
    }

    /// Where an event is, everything decided included.
    pub(super) fn position_of(&self, view: &View, id: EventId) -> Result<Option<Position>, ReadError> {
        let in_flight = self.in_flight.as_ref().and_then(|in_flight| in_flight.ids.get(&id));
        match self.drain.ids.get(&id).or(in_flight) {
            Some(position) => Ok(Some(*position)),
            None => view.position_of(id),
        }
    }

    /// An event that is in the log or has been decided.
    pub(super) fn event(
        &self,
        durable: &mut Durable<'_, D::Row>,
        position: Position,
    ) -> Result<Event, ReadError> {
        let in_flight = self.in_flight.as_ref().and_then(|in_flight| in_flight.commit.event(position));
        match self.drain.event(position).or(in_flight) {
            Some(event) => Ok(event.clone()),
            None => durable.fetch.event(position),
        }
    }

    /// Where a stream is, everything decided included.
    pub(super) fn revision(&mut self, view: &View, stream: &Text) -> Result<Revision, ReadError> {
        let in_flight = self.in_flight.as_ref().and_then(|in_flight| in_flight.revisions.get(stream));
        let decided = self.drain.revisions.get(stream).or(in_flight);
        if let Some(revision) = decided.or_else(|| self.revisions.get(stream)) {
            return Ok(*revision);
        }
        let revision = view.stream_revision(stream)?;
        self.revisions.insert(Text::clone(stream), revision);
        Ok(revision)
    }
}

fn check_time(event: usize, time: Timestamp, head: Timestamp, now: Timestamp) -> Result<(), AppendError> {
    if time < head {
        return Err(AppendError::TimeBeforeHead { event, time, head });
    }
    if time > now {
        return Err(AppendError::TimeAfterNow { event, time, now });
    }
    Ok(())
}

fn check_lengths(new: &NewEvent) -> Result<(), AppendError> {
    let fits = |text: &str, max| !text.is_empty() && text.len() <= max;
    if !fits(&new.stream, STREAM_BYTES_MAX) {
        return Err(AppendError::StreamLength { bytes: new.stream.len(), bytes_max: STREAM_BYTES_MAX });
    }
    if !fits(&new.kind, KIND_BYTES_MAX) {
        return Err(AppendError::KindLength { bytes: new.kind.len(), bytes_max: KIND_BYTES_MAX });
    }
    if new.tags.len() > TAGS_MAX {
        return Err(AppendError::TooManyTags { tags: new.tags.len(), tags_max: TAGS_MAX });
    }
    for tag in &new.tags {
        if !fits(tag, TAG_BYTES_MAX) {
            return Err(AppendError::TagLength { bytes: tag.len(), bytes_max: TAG_BYTES_MAX });
        }
        if tag.starts_with('$') {
            return Err(AppendError::TagReserved { tag: Text::clone(tag) });
        }
    }
    Ok(())
}

// A name and its length, or a tag and its length, is added to this for each event: far from overflow.
const _: () = assert!(EVENT_BYTES < 128);
