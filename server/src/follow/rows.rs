//! The rows of a query: those of a position, then what each commit changes.
//!
//! A consumer has the rows of a position or of the next, never of one in between: where it is told to resume after is the end of
//! the last commit whose changes it took in whole.

use super::fan::INLINE_EVENTS;
use super::source::Stretch;
use crate::app::Shared;
use crate::error::{Code, Error};
use query::{Diff, Live, LiveSubscription, QueryError, Start};
use std::collections::VecDeque;
use std::fmt;
use store::{Head, Position};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A follower after a go, and what it gave.
type Went = (Live, Result<Vec<Diff>, QueryError>);

/// See above.
pub(super) struct Rows {
    heads: watch::Receiver<Head>,
    /// Not here while a thread that may block goes on with it.
    live: Option<Live>,
    going: Option<JoinHandle<Went>>,
    /// How a go ended that nobody has looked at.
    went: Option<Result<Went, Error>>,
    ready: VecDeque<Diff>,
    /// With all that was taken from here, the consumer has the rows as of here; zero while the first are not whole.
    whole: Position,
    /// The same with all that is ready.
    given: Position,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("live", &self.live).field("given", &self.given).finish_non_exhaustive()
    }
}

impl Rows {
    /// A follower that begins where the subscription says, or after `resume`.
    ///
    /// # Errors
    /// When nobody can have the rows that it is to go on from.
    pub(super) fn new(
        app: &Shared,
        subscription: LiveSubscription,
        resume: Option<Position>,
    ) -> Result<Self, Error> {
        let start = resume.map_or(subscription.start, Start::After);
        let heads = app.store().watch();
        let live = app.engine.live(LiveSubscription { start, ..subscription })?;
        let given = live.position();
        Ok(Self {
            heads,
            live: Some(live),
            going: None,
            went: None,
            ready: VecDeque::new(),
            whole: given,
            given,
        })
    }

    /// Where it began. Asked before anything else.
    pub(super) fn begins(&self) -> Position {
        self.live.as_ref().map_or(self.given, Live::begins)
    }

    pub(super) fn take(&mut self) -> Option<(Stretch, Diff)> {
        let diff = self.ready.pop_front()?;
        let before = self.whole;
        if diff.is_last {
            self.whole = diff.position;
        }
        Some((Stretch { before, upto: self.whole }, diff))
    }

    pub(super) fn looked_at(&self) -> Position {
        self.given
    }

    pub(super) fn is_level(&self) -> bool {
        self.ready.is_empty() && self.live.as_ref().is_some_and(Live::is_at_head)
    }

    /// Looks further. What takes longer goes on elsewhere, and `changed` waits for it: so a consumer hears of us meanwhile.
    ///
    /// # Errors
    /// When the log cannot be read, or a value cannot be told.
    pub(super) fn look(&mut self) -> Result<bool, Error> {
        if let Some(went) = self.went.take() {
            self.take_in(went?)?;
            return Ok(true);
        }
        self.heads.mark_unchanged();
        let Some(mut live) = self.live.take() else { return Ok(false) };
        if live.is_at_head() {
            self.live = Some(live);
            return Ok(false);
        }
        if live.is_near(INLINE_EVENTS) {
            let given = live.advance();
            self.take_in((live, given))?;
            return Ok(true);
        }
        self.going = Some(tokio::task::spawn_blocking(move || {
            let given = live.advance();
            (live, given)
        }));
        Ok(false)
    }

    fn take_in(&mut self, (live, given): Went) -> Result<(), Error> {
        let position = live.position();
        self.live = Some(live);
        self.ready = given?.into();
        self.given = position;
        if self.ready.is_empty() {
            self.whole = position;
        }
        Ok(())
    }

    /// Waits until it is worth looking again.
    pub(super) async fn changed(&mut self) {
        match &mut self.going {
            Some(going) => {
                let went = going.await.map_err(|error| {
                    tracing::error!(%error, "a live query panicked");
                    Error::new(Code::Internal, "something went wrong inside; the server's log says more")
                });
                self.going = None;
                self.went = Some(went);
            }
            None => {
                if self.heads.changed().await.is_err() {
                    // The store is gone: whoever stops the server tells.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}
