//! Reads as of one durable head.

mod events;
mod fetch;
mod index;
mod rows;
mod times;

use crate::disk::Disk;
use crate::recent::Recent;
use crate::view::View;
use crate::{
    ClosedVersion, Commit, CommitSpan, Direction, Event, EventId, Head, Position, ReadError, Revision,
    StoredRow, TableId, Text, Timestamp, Version, keys,
};
use std::sync::Arc;

pub(crate) use fetch::Fetch;
pub(crate) use times::Times;

/// Everything as it was at one head: later commits are never seen. Cheap to make and to clone; what it
/// reads is read when it is asked for. Old data that it can see is kept on disk for as long as it or one of
/// its iterators lives, so do not keep it for hours.
pub struct Reader<R: StoredRow> {
    view: Arc<View>,
    disk: Arc<Disk>,
    recent: Arc<Recent<R>>,
}

impl<R: StoredRow> Clone for Reader<R> {
    fn clone(&self) -> Self {
        Self { view: Arc::clone(&self.view), disk: Arc::clone(&self.disk), recent: Arc::clone(&self.recent) }
    }
}

impl<R: StoredRow> Reader<R> {
    pub(crate) fn new(view: Arc<View>, disk: Arc<Disk>, recent: Arc<Recent<R>>) -> Self {
        Self { view, disk, recent }
    }

    /// The head it reads at.
    #[must_use]
    pub fn head(&self) -> Head {
        self.view.head
    }

    /// The event at `position`; none past the head.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    pub fn event(&self, position: Position) -> Result<Option<Event>, ReadError> {
        if position == Position::ZERO || position > self.view.head.position {
            return Ok(None);
        }
        self.fetch().event(position).map(Some)
    }

    /// The commit that has the event at `position`; none past the head.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    pub fn commit_span(&self, position: Position) -> Result<Option<CommitSpan>, ReadError> {
        if position == Position::ZERO || position > self.view.head.position {
            return Ok(None);
        }
        self.fetch().span(position).map(Some)
    }

    /// The commit that has the event at `position`, with the rows it changed, if it is one of the newest, which are kept
    /// in memory.
    #[must_use]
    pub fn recent_commit(&self, position: Position) -> Option<Arc<Commit<R>>> {
        self.recent.find(position).filter(|commit| commit.last <= self.view.head.position)
    }

    /// The time of the event at `position`; none past the head. Cheaper than the event where many were committed
    /// together.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    pub fn time(&self, position: Position) -> Result<Option<Timestamp>, ReadError> {
        if position == Position::ZERO || position > self.view.head.position {
            return Ok(None);
        }
        self.fetch().time(position).map(Some)
    }

    /// Takes note of when events happened, of whoever met their positions and times elsewhere (in the stamps of
    /// versions); best in order of position. As time never runs backwards, between two of one time all have it: for
    /// those [`Reader::time`] and [`Reader::position_at`] look into no record. What is kept is bounded.
    pub fn learn_times(&self, met: impl IntoIterator<Item = (Position, Timestamp)>) {
        self.disk.times.learn(met);
    }

    /// Events after `after` and up to `upto` (included; the head when it is past it).
    pub fn events(
        &self,
        after: Position,
        upto: Position,
        direction: Direction,
    ) -> impl Iterator<Item = Result<Event, ReadError>> + Send + use<R> {
        let upto = upto.min(self.view.head.position);
        events::Events::new(self.fetch(), after, upto, direction)
    }

    /// Events of a stream: forward from revision `from` to its end, or backward from `from` to its
    /// beginning, `from` included. `Revision(u64::MAX)` backward is the whole stream, newest first.
    pub fn stream(
        &self,
        stream: &str,
        from: Revision,
        direction: Direction,
    ) -> impl Iterator<Item = Result<Event, ReadError>> + Send + use<R> {
        let range = match direction {
            Direction::Forward => keys::stream::range(stream, from, Revision(u64::MAX)),
            Direction::Backward => keys::stream::range(stream, Revision::ZERO, from),
        };
        index::Indexed::new(self.view.range(&range, direction), index::Position::InStreamValue, self.fetch())
    }

    /// The revision of a stream; [`Revision::ZERO`] when it is absent.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    pub fn stream_revision(&self, stream: &str) -> Result<Revision, ReadError> {
        self.view.stream_revision(stream)
    }

    /// Events with a tag, after `after` and up to `upto` (included). Events of a type have the tag
    /// `$type:TYPE`, those that [`Decider::actor`](crate::Decider::actor) names somebody for `$agent:NAME` (if the name is
    /// no longer than a tag).
    pub fn tagged(
        &self,
        tag: &str,
        after: Position,
        upto: Position,
        direction: Direction,
    ) -> impl Iterator<Item = Result<Event, ReadError>> + Send + use<R> {
        let upto = upto.min(self.view.head.position);
        let from = Position(after.0.saturating_add(1));
        let range = keys::tag::range(tag, from, upto);
        index::Indexed::new(self.view.range(&range, direction), index::Position::InTagKey, self.fetch())
    }

    /// Where the event with that id is.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    pub fn position_of(&self, id: EventId) -> Result<Option<Position>, ReadError> {
        self.view.position_of(id)
    }

    /// The last position whose time is at or before `time`; [`Position::ZERO`] if there is none.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    pub fn position_at(&self, time: Timestamp) -> Result<Position, ReadError> {
        let head = self.view.head;
        if time >= head.time {
            return Ok(head.position);
        }
        // Time never runs backwards along positions. Every position up to `before` is at or before `time`,
        // every one from `after` on is later.
        let mut fetch = self.fetch();
        let (mut before, mut after) = (0, head.position.0);
        while before + 1 < after {
            let middle = before + (after - before) / 2;
            if fetch.time(Position(middle))? <= time {
                before = middle;
            } else {
                after = middle;
            }
        }
        Ok(Position(before))
    }

    /// A row as it is at the head; none when there is none.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    pub fn row(&self, table: TableId, key: &str) -> Result<Option<Version<R>>, ReadError> {
        match self.view.get(&keys::row::key(table, key))? {
            Some(value) => Ok(Some(keys::row::decode(table, &value)?)),
            None => Ok(None),
        }
    }

    /// All rows of a table as they are at the head, in order of key.
    pub fn rows(
        &self,
        table: TableId,
    ) -> impl Iterator<Item = Result<(Text, Version<R>), ReadError>> + Send + use<R> {
        let entries = self.view.range(&keys::row::table(table), Direction::Forward);
        rows::Rows::new(entries)
    }

    /// All versions of rows of a table that ended after `ended_after`, in order of their end.
    pub fn history(
        &self,
        table: TableId,
        ended_after: Position,
    ) -> impl Iterator<Item = Result<ClosedVersion<R>, ReadError>> + Send + use<R> {
        let range = keys::history::range(table, ended_after, self.view.head.position);
        rows::History::new(self.view.range(&range, Direction::Forward))
    }

    /// The version of a row that the event at `to_position` ended; none if it ended none.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    pub fn version(
        &self,
        table: TableId,
        key: &str,
        to_position: Position,
    ) -> Result<Option<ClosedVersion<R>>, ReadError> {
        if to_position > self.view.head.position {
            return Ok(None);
        }
        let place = keys::history::key(table, to_position, key);
        let found = self.view.get(&place)?;
        Ok(found.map(|value| keys::history::decode(&place, &value)).transpose()?)
    }

    fn fetch(&self) -> Fetch<R> {
        Fetch::new(Arc::clone(&self.disk), Arc::clone(&self.recent))
    }
}
