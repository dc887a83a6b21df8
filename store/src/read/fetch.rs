//! Events by position: from the newest commits in memory, or from the log's records.

use crate::disk::{Disk, Records};
use crate::recent::Recent;
use crate::record::Record;
use crate::texts::Texts;
use crate::{Answered, Commit, CommitSpan, Damage, Digest, Direction, Event, Position, ReadError, Timestamp};
use fjall::Slice;
use std::sync::Arc;

/// Remembers the commit it read last: its neighbours are most often wanted next.
pub(crate) struct Fetch<R> {
    disk: Arc<Disk>,
    recent: Arc<Recent<R>>,
    last: Last<R>,
    texts: Texts,
}

enum Last<R> {
    Nothing,
    Commit(Arc<Commit<R>>),
    Record(Record<Slice>),
}

impl<R> Fetch<R> {
    pub(crate) fn new(disk: Arc<Disk>, recent: Arc<Recent<R>>) -> Self {
        Self { disk, recent, last: Last::Nothing, texts: Texts::new() }
    }

    /// The event at a position that is in the log.
    pub(crate) fn event(&mut self, position: Position) -> Result<Event, ReadError> {
        self.find(position)?;
        self.take(position)
    }

    /// The time of the event at a position that is in the log.
    pub(crate) fn time(&mut self, position: Position) -> Result<Timestamp, ReadError> {
        if !self.has(position) {
            if let Some(time) = self.disk.times.get(position) {
                return Ok(time);
            }
            self.find(position)?;
            if let Last::Record(record) = &self.last {
                self.disk.times.put(record)?;
            }
        }
        match &self.last {
            Last::Commit(commit) => Ok(commit.event(position).ok_or_else(|| missing(position))?.time),
            Last::Record(record) => Ok(record.time(position)?),
            Last::Nothing => Err(missing(position).into()),
        }
    }

    /// The commit that has a position that is in the log.
    pub(crate) fn span(&mut self, position: Position) -> Result<CommitSpan, ReadError> {
        self.find(position)?;
        match &self.last {
            Last::Commit(commit) => {
                Ok(CommitSpan { first: commit.first, last: commit.last, time: commit.time })
            }
            Last::Record(record) => {
                let (first, last) = (record.first(), record.last());
                Ok(CommitSpan { first, last, time: record.time(last)? })
            }
            Last::Nothing => Err(missing(position).into()),
        }
    }

    /// The answer for a key that is kept in the commit which begins at `first`, and the time of that commit.
    pub(crate) fn answered(
        &mut self,
        first: Position,
        key: Digest,
    ) -> Result<(Timestamp, Answered), ReadError> {
        self.find(first)?;
        let (time, answers) = match &self.last {
            Last::Commit(commit) => (commit.time, commit.answers.clone()),
            Last::Record(record) => (record.time(record.last())?, record.answers()?),
            Last::Nothing => return Err(missing(first).into()),
        };
        // A key that was used again in the same commit has its last answer.
        let answered = answers.into_iter().rfind(|answered| answered.key == key);
        let answered = answered.ok_or_else(|| Damage {
            what: "answer index",
            position: first,
            why: "the commit has no answer for the key".into(),
        })?;
        Ok((time, answered))
    }

    /// The same as [`Fetch::event`], for positions that follow one another: records come from `walk`, which
    /// is one pass over the log instead of a search for each.
    pub(crate) fn event_along(&mut self, position: Position, walk: &mut Walk) -> Result<Event, ReadError> {
        if !self.has(position) {
            if let Some(commit) = self.recent.find(position) {
                // The walk would be behind when the commits kept in memory are left again.
                walk.records = None;
                self.last = Last::Commit(commit);
            } else {
                self.last = Last::Record(walk.record(&self.disk, position)?);
            }
        }
        self.take(position)
    }

    fn has(&self, position: Position) -> bool {
        match &self.last {
            Last::Nothing => false,
            Last::Commit(commit) => commit.event(position).is_some(),
            Last::Record(record) => record.first() <= position && position <= record.last(),
        }
    }

    fn find(&mut self, position: Position) -> Result<(), ReadError> {
        if self.has(position) {
            return Ok(());
        }
        self.last = match self.recent.find(position) {
            Some(commit) => Last::Commit(commit),
            None => Last::Record(search(&self.disk, position)?),
        };
        Ok(())
    }

    /// The event, from the commit that was just found to have it.
    fn take(&mut self, position: Position) -> Result<Event, ReadError> {
        match &self.last {
            Last::Commit(commit) => Ok(commit.event(position).cloned().ok_or_else(|| missing(position))?),
            Last::Record(record) => Ok(record.event(position, &mut self.texts)?),
            Last::Nothing => Err(missing(position).into()),
        }
    }
}

/// A pass over the records of a stretch of the log.
pub(crate) struct Walk {
    direction: Direction,
    /// The last position of the pass, in its direction.
    end: Position,
    records: Option<Records>,
}

impl Walk {
    pub(crate) fn new(direction: Direction, end: Position) -> Self {
        Self { direction, end, records: None }
    }

    /// The record that has `position`.
    fn record(&mut self, disk: &Disk, position: Position) -> Result<Record<Slice>, ReadError> {
        let records = match &mut self.records {
            Some(records) => records,
            None => {
                let first = search(disk, position)?.first();
                let (from, to) = match self.direction {
                    Direction::Forward => (first, self.end),
                    // The record that has the last position of the pass may begin before it.
                    Direction::Backward => (search(disk, self.end)?.first(), position),
                };
                self.records.insert(disk.records(from, to, self.direction))
            }
        };
        let (first, bytes) = records.next().ok_or_else(|| missing(position))??;
        let record = Record::parse(first, bytes)?;
        if record.first() <= position && position <= record.last() {
            Ok(record)
        } else {
            Err(missing(position).into())
        }
    }
}

fn search(disk: &Disk, position: Position) -> Result<Record<Slice>, ReadError> {
    let (first, bytes) = disk.record_before(position)?.ok_or_else(|| missing(position))?;
    let record = Record::parse(first, bytes)?;
    if position <= record.last() { Ok(record) } else { Err(missing(position).into()) }
}

fn missing(position: Position) -> Damage {
    Damage { what: "log", position, why: "no record has this position".into() }
}
