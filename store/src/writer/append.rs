//! Appends: conditions on streams, and the same append made twice.

use super::core::{Core, Durable, Stop};
use super::request::AppendResult;
use crate::{
    Append, AppendError, Appended, CONDITION_EVENTS_MAX, Condition, ConditionFault, Context, Decider, Event,
    ExecuteError, NewEvent, Position, Revision, Text,
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

impl<D: Decider> Core<D> {
    /// Checks an append and folds its events in.
    ///
    /// # Errors
    /// Inside, why it was not carried out; outside, why the writer has to stop.
    pub(crate) fn append(
        &mut self,
        durable: &mut Durable<'_, D::Row>,
        context: &Context,
        append: Append,
        condition: Option<Condition>,
    ) -> Result<AppendResult, Arc<str>> {
        match self.try_append(durable, context, append, condition) {
            Ok(appended) => Ok(Ok(appended)),
            Err(Stop::Refused(error)) => Ok(Err(ExecuteError::Rejected(error))),
            Err(Stop::TooLarge { bytes, bytes_max }) => Ok(Err(ExecuteError::TooLarge { bytes, bytes_max })),
            Err(Stop::Fatal(why)) => Err(why),
        }
    }

    fn try_append(
        &mut self,
        durable: &mut Durable<'_, D::Row>,
        context: &Context,
        append: Append,
        condition: Option<Condition>,
    ) -> Result<Appended, Stop> {
        if append.writes.iter().all(|write| write.events.is_empty()) {
            return Err(AppendError::Empty.into());
        }
        if let Some(first_answer) = self.answer_again(durable, &append)? {
            return Ok(first_answer);
        }
        let streams: Vec<Text> = append.writes.iter().map(|write| Text::clone(&write.stream)).collect();
        self.check_expected(durable, &append)?;
        condition.map_or(Ok(()), |condition| self.check_condition(durable, &condition))?;
        let new = append.writes.into_iter().flat_map(|write| {
            let stream = write.stream;
            write.events.into_iter().map(move |event| NewEvent { stream: Text::clone(&stream), ..event })
        });
        let new = new.collect();
        let events = self.prepare(durable, context, new)?;
        let mut appended = appended(&events);
        // A stream that only stood as a condition has its revision told, too.
        let mut revisions = FxHashMap::default();
        revisions.extend(appended.streams);
        appended.streams = Vec::new();
        for stream in streams {
            if appended.streams.iter().all(|(told, _)| *told != stream) {
                let revision = match revisions.get(&stream) {
                    Some(revision) => *revision,
                    None => self.revision(durable.view, &stream)?,
                };
                appended.streams.push((stream, revision));
            }
        }
        self.fold(events).map_err(Stop::Fatal)?;
        Ok(appended)
    }

    /// Checks each write's condition against what the writes before it lead to.
    fn check_expected(&mut self, durable: &Durable<'_, D::Row>, append: &Append) -> Result<(), Stop> {
        let mut revisions = FxHashMap::<&str, Revision>::default();
        for write in &append.writes {
            let actual = match revisions.get(&*write.stream) {
                Some(revision) => *revision,
                None => self.revision(durable.view, &write.stream)?,
            };
            if !write.expected.holds(actual) {
                let (stream, expected) = (Text::clone(&write.stream), write.expected);
                return Err(AppendError::RevisionConflict { stream, expected, actual }.into());
            }
            revisions.insert(&write.stream, Revision(actual.0 + write.events.len() as u64));
        }
        Ok(())
    }

    /// Looks for the event that must not be there in everything decided since the condition's maker looked.
    fn check_condition(&self, durable: &mut Durable<'_, D::Row>, condition: &Condition) -> Result<(), Stop> {
        if let Some(position) = condition.found {
            return Err(AppendError::ConditionFailed { position }.into());
        }
        let (looked, head) = (condition.looked_upto, self.head.position);
        let events = head.0.saturating_sub(looked.0);
        if events > CONDITION_EVENTS_MAX {
            let events_max = CONDITION_EVENTS_MAX;
            return Err(AppendError::ConditionBehind { events, events_max }.into());
        }
        for position in (looked.0 + 1..=head.0).map(Position) {
            match (condition.test)(&self.event(durable, position)?) {
                Ok(false) => {}
                Ok(true) => return Err(AppendError::ConditionFailed { position }.into()),
                Err(ConditionFault) => return Err(AppendError::ConditionFaulty { position }.into()),
            }
        }
        Ok(())
    }

    /// The answer that this append had when it was made before: when every event of it has an id, and is in
    /// the log under that id with the same stream, type, data and tags. (Metadata may tell the attempts
    /// apart: a session, a correlation.) Any other use of a taken id is refused.
    fn answer_again(
        &mut self,
        durable: &mut Durable<'_, D::Row>,
        append: &Append,
    ) -> Result<Option<Appended>, Stop> {
        let mut taken = None;
        let mut known = Vec::new();
        let mut seen = FxHashMap::default();
        let mut count = 0;
        for write in &append.writes {
            for new in &write.events {
                count += 1;
                let Some(id) = new.id else { continue };
                if seen.insert(id, ()).is_some() {
                    return Err(AppendError::EventExists { id }.into());
                }
                let Some(position) = self.position_of(durable.view, id)? else { continue };
                taken.get_or_insert(id);
                let event = self.event(durable, position)?;
                if same_content::<D>(&event, &write.stream, new) {
                    known.push(event);
                }
            }
        }
        match taken {
            None => Ok(None),
            Some(_) if known.len() == count => Ok(Some(appended(&known))),
            Some(id) => Err(AppendError::EventExists { id }.into()),
        }
    }
}

fn same_content<D: Decider>(event: &Event, stream: &str, new: &NewEvent) -> bool {
    let mut tags: Vec<&Text> = new.tags.iter().collect();
    tags.sort_unstable();
    tags.dedup();
    *event.stream == *stream
        && event.kind == new.kind
        && event.tags.iter().eq(tags)
        && D::same_data(&event.data, &new.data)
}

/// The answer for events in the order of their append. A stream is told once, where it first comes.
fn appended(events: &[Event]) -> Appended {
    let mut streams: Vec<(Text, Revision)> = Vec::new();
    let mut places = FxHashMap::<&str, usize>::default();
    for event in events {
        let place = *places.entry(&event.stream).or_insert_with(|| {
            streams.push((Text::clone(&event.stream), event.revision));
            streams.len() - 1
        });
        streams[place].1 = event.revision;
    }
    let positions = || events.iter().map(|event| event.position);
    Appended {
        first: positions().min().unwrap_or_default(),
        last: positions().max().unwrap_or_default(),
        streams,
        events: events.iter().map(|event| (event.id, event.position, event.revision)).collect(),
    }
}
