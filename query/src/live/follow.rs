//! Following: the rows as of a position, then the differences, in one order over one position.

use super::LiveSubscription;
use super::diff::{Change, Diff, pieces};
use super::query::{LiveQuery, Seen};
use super::state::State;
use super::turns::{Missed, Stretch, TURNS_MAX, Wanted};
use crate::engine::Engine;
use crate::error::QueryError;
use crate::plan::{Start, named};
use crate::views::Current;
use grammar::{Code, Error, Span};
use std::fmt;
use std::sync::Arc;
use store::Position;

/// Bytes of changes after which a go ends: what one follower holds until they are taken, but for the rest of one commit.
const GO_BYTES: usize = 1 << 20;

/// Somebody who follows a query. What it is asked for reads memory or the store: call it where that may block, unless it
/// [is near the head](Live::is_near).
pub struct Live {
    engine: Engine,
    query: Arc<LiveQuery>,
    state: State,
    phase: Phase,
    /// The position it begins at.
    begins: Position,
    /// Everything up to here was given.
    given: Position,
}

enum Phase {
    /// The rows of a position are given: place of the next chunk, and of the next row in it.
    Rows { current: Arc<Current>, chunk: usize, entry: usize },
    /// The state of a position is to be made first, of rows that are not given.
    State,
    /// Commits follow; those that are known already.
    Commits(Option<Stretch>),
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("query", &self.query.text())
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl Live {
    /// Begins where the subscription says.
    ///
    /// # Errors
    /// `moment_after_head`: it is to begin after a position that is not there yet.
    pub(crate) fn new(engine: Engine, subscription: LiveSubscription) -> Result<Self, QueryError> {
        let LiveSubscription { query, start } = subscription;
        let current = engine.current();
        let head = current.head.position;
        let state = State::new(&query);
        let (phase, begins) = match start {
            Start::Now => (Phase::Rows { current, chunk: 0, entry: 0 }, head),
            // Of no rows: what that shows is given as any other.
            Start::Beginning => (Phase::Rows { current: Arc::default(), chunk: 0, entry: 0 }, Position::ZERO),
            Start::After(position) if position > head => {
                let message = format!("there is no POSITION {position} yet: nobody has the rows as of it");
                let hint = format!("the head is at POSITION {head}");
                return Err(QueryError::limit(&query.text, Code::MomentAfterHead, message, &hint));
            }
            Start::After(position) if state.is_nothing() => (Phase::Commits(None), position),
            Start::After(position) => (Phase::State, position),
        };
        let given = if matches!(phase, Phase::Rows { .. }) { Position::ZERO } else { begins };
        Ok(Self { engine, query, state, phase, begins, given })
    }

    /// The position whose rows are given first, or after which differences are.
    #[must_use]
    pub fn begins(&self) -> Position {
        self.begins
    }

    /// The position as of which a subscriber who took in everything has the rows: zero until it has those that were given
    /// first.
    #[must_use]
    pub fn position(&self) -> Position {
        self.given
    }

    /// Whether everything up to the head was given.
    #[must_use]
    pub fn is_at_head(&self) -> bool {
        matches!(self.phase, Phase::Commits(None)) && self.given >= self.engine.store().head().position
    }

    /// Whether the next go is short: it takes a few commits that are in memory.
    #[must_use]
    pub fn is_near(&self, events: u64) -> bool {
        let head = self.engine.store().head().position;
        matches!(self.phase, Phase::Commits(None)) && head.0.saturating_sub(self.given.0) <= events
    }

    /// Goes on towards the head: what is to be given next, about [`GO_BYTES`] of it at most. Nothing if nothing changed as
    /// far as [`Live::position`] now says, which is further than before or at the head.
    ///
    /// # Errors
    /// When a value cannot be told (division by zero …), when it would hold too much, when the store cannot be read. It ends
    /// with that.
    pub fn advance(&mut self) -> Result<Vec<Diff>, QueryError> {
        match &self.phase {
            Phase::Rows { .. } => self.rows(),
            Phase::State => {
                self.make_state()?;
                self.commits()
            }
            Phase::Commits(_) => self.commits(),
        }
    }

    /// The next of the rows it begins with.
    fn rows(&mut self) -> Result<Vec<Diff>, QueryError> {
        let Phase::Rows { current, mut chunk, mut entry } = std::mem::replace(&mut self.phase, Phase::State)
        else {
            return Ok(Vec::new());
        };
        let (mut changes, mut bytes) = (Vec::new(), 0);
        let mut show = |row: Vec<u8>| {
            bytes += row.len();
            changes.push(Change { is_added: true, row });
            bytes
        };
        let now = current.head.time;
        let chunks = current.rows(self.query.table).chunks();
        let mut is_full = false;
        'rows: while let Some(rows) = chunks.get(chunk) {
            while let Some((key, found)) = rows.entries().get(entry) {
                let seen = Seen { row: found.version.row.clone(), graph: found.graph };
                entry += 1;
                let shown = self.state.begin(&self.query, key, &seen, now);
                if let Some(row) = shown.map_err(|error| failed(&self.query, error))?
                    && show(row) >= GO_BYTES
                {
                    is_full = true;
                    break 'rows;
                }
            }
            (chunk, entry) = (chunk + 1, 0);
        }
        if is_full {
            self.phase = Phase::Rows { current, chunk, entry };
        } else {
            for row in self.state.shown(&self.query).map_err(|error| failed(&self.query, error))? {
                show(row);
            }
            self.phase = Phase::Commits(None);
            self.given = self.begins;
        }
        let mut diffs = Vec::new();
        pieces(self.begins, changes, &mut diffs);
        if let Some(last) = diffs.last_mut() {
            last.is_last = !is_full;
        }
        Ok(diffs)
    }

    /// Makes the state of the position it begins after.
    fn make_state(&mut self) -> Result<(), QueryError> {
        let stretch = self.stretch(true)?;
        let reader = self.engine.store().reader();
        let query = self.query.clone();
        let now = match reader.time(self.begins) {
            Ok(time) => time.unwrap_or_default(),
            Err(error) => return Err(QueryError::internal(&query.text, error)),
        };
        let mut wrong = None;
        let made = stretch.rows_at(&reader, self.begins, |key, seen| {
            if wrong.is_none() {
                wrong = self.state.begin(&query, key, &seen, now).err();
            }
            Ok(())
        });
        made.map_err(|missed| self.missed(missed))?;
        if let Some(error) = wrong {
            return Err(failed(&query, error));
        }
        self.phase = Phase::Commits(Some(stretch));
        Ok(())
    }

    fn commits(&mut self) -> Result<Vec<Diff>, QueryError> {
        let stretch = match std::mem::replace(&mut self.phase, Phase::Commits(None)) {
            Phase::Commits(Some(stretch)) => Some(stretch),
            _ => None,
        };
        let mut stretch = match stretch {
            Some(stretch) => stretch,
            None => self.stretch(false)?,
        };
        let (mut diffs, mut bytes) = (Vec::new(), 0);
        let internal = |error| QueryError::internal(&self.query.text, error);
        let reader = self.engine.store().reader();
        while let Some(turned) = stretch.next(&reader).map_err(internal)? {
            let changes = self.state.apply(&self.query, &turned);
            let changes = changes.map_err(|error| failed(&self.query, error))?;
            bytes += changes.iter().map(|change| change.row.len()).sum::<usize>();
            pieces(turned.last, changes, &mut diffs);
            self.given = turned.last;
            if bytes >= GO_BYTES {
                if stretch.done() < stretch.upto() {
                    self.phase = Phase::Commits(Some(stretch));
                }
                return Ok(diffs);
            }
        }
        self.given = stretch.done();
        Ok(diffs)
    }

    /// The commits after what was given, up to the head; `with_rows` if all rows will be asked for.
    fn stretch(&self, with_rows: bool) -> Result<Stretch, QueryError> {
        let wanted = Wanted {
            table: self.query.table,
            graphs: self.query.needs_graphs(),
            every: self.query.is_timed(),
        };
        let current = (with_rows || wanted.graphs).then(|| self.engine.current());
        // After the rows: so it reaches at least as far.
        let reader = self.engine.store().reader();
        if let Some(stretch) = Stretch::of_recent(wanted, &reader, current.clone(), self.given) {
            return Ok(stretch);
        }
        let current = current.unwrap_or_else(|| self.engine.current());
        let reader = self.engine.store().reader();
        Stretch::of_store(wanted, &reader, current, self.given).map_err(|missed| self.missed(missed))
    }

    fn missed(&self, missed: Missed) -> QueryError {
        match missed {
            Missed::Unreadable(error) => QueryError::internal(&self.query.text, error),
            Missed::TooMany => {
                let message = format!(
                    "more than {TURNS_MAX} changes of rows lie between POSITION {} and the head",
                    self.given
                );
                let hint = "begin anew with FROM NOW: it gives the rows there are";
                QueryError::limit(&self.query.text, Code::RowLimit, message, hint)
            }
        }
    }
}

/// An error of evaluation as the statement's.
fn failed(query: &LiveQuery, mut error: Error) -> QueryError {
    if error.span == Span::default() {
        error.span = Span::new(0, query.text.trim_end().len());
    }
    QueryError::statement(&query.text, vec![named(error, &query.text)])
}
