//! Following the log: what is in it, then what comes, in one loop over one position.
//!
//! History and live events come from the same reads, so there is no seam between them where an event could
//! be lost or given twice; the watch on the head only says when to read again.

#[cfg(test)]
mod test;

use crate::app::Shared;
use crate::error::Error;
use crate::http::blocking;
use crate::metrics::Following;
use domain::Rejection;
use query::{EventPredicate, Sought, Start, Subscription};
use std::collections::VecDeque;
use std::time::Duration;
use store::{Direction, Event, Head, Position};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// A follower hears of its position at least this often while nothing matches.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_secs(4);

/// Events looked at in one go.
const SCAN_EVENTS: usize = 1_024;

/// Bytes of matching events after which a go ends early: what one follower holds.
const SCAN_BYTES: usize = 1 << 20;

/// A stretch this short is what was committed just now; the store still has it in memory, and reading it at
/// once is cheaper than handing it to a thread that may block.
const INLINE_EVENTS: u64 = 128;

/// A follower that is live and whose consumer takes nothing is given up once it is this far behind.
pub(crate) const LAG_EVENTS_MAX: u64 = 4_096;

/// What a follower gives.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next event that matches.
    Event(Event),
    /// All that was there when it was asked has been given; given once.
    CaughtUp(Position),
    /// Nothing matched for a while, up to here.
    Progress(Position),
    /// The server stops.
    Stopped,
}

/// One follower.
#[derive(Debug)]
pub(crate) struct Follow {
    app: Shared,
    events: EventPredicate,
    heads: watch::Receiver<Head>,
    /// Everything up to here was looked at.
    scanned: Position,
    /// Everything up to here was taken by the consumer, or did not match.
    taken: Position,
    /// The position of the step that was given last, until the consumer says that it took it.
    offered: Position,
    ready: VecDeque<Event>,
    /// Tells figures how far it is.
    following: Following,
    caught_up: bool,
    /// When the consumer last heard of us.
    heard: Instant,
}

impl Follow {
    /// A follower that begins where the subscription says, or after `resume`.
    pub(crate) fn new(app: Shared, subscription: Subscription, resume: Option<Position>) -> Self {
        let heads = app.store().watch();
        let start = match (resume, subscription.start) {
            (Some(position), _) | (None, Start::After(position)) => position,
            (None, Start::Beginning) => Position::ZERO,
            (None, Start::Now) => app.store().head().position,
        };
        let following = app.metrics.followers.begin(start);
        Self {
            following,
            app,
            events: subscription.events,
            heads,
            scanned: start,
            taken: start,
            offered: start,
            ready: VecDeque::new(),
            caught_up: false,
            heard: Instant::now(),
        }
    }

    /// Everything up to here was taken by the consumer, or did not match: where to resume after.
    pub(crate) fn position(&self) -> Position {
        self.taken
    }

    /// Says that the consumer took the last step.
    pub(crate) fn confirm(&mut self) {
        self.taken = self.offered;
        self.following.is_at(self.taken);
    }

    /// Cancelled when the server stops.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.app.stop.clone()
    }

    /// Whether it is live and further behind than a consumer that takes nothing may be.
    pub(crate) fn is_too_far_behind(&self) -> bool {
        let head = self.app.store().head().position;
        self.caught_up && head.0.saturating_sub(self.taken.0) > LAG_EVENTS_MAX
    }

    /// The next thing to tell, once the last was [taken](Follow::confirm). May be dropped while it waits
    /// and called again: nothing is lost.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Step, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.offered = event.position;
                self.heard = Instant::now();
                return Ok(Step::Event(event));
            }
            self.offered = self.scanned;
            if self.app.stop.is_cancelled() {
                return Ok(Step::Stopped);
            }
            let progress_due = self.heard + PROGRESS_EVERY;
            if Instant::now() >= progress_due {
                self.heard = Instant::now();
                return Ok(Step::Progress(self.scanned));
            }
            let head = self.heads.borrow_and_update().position;
            if self.scanned < head {
                self.scan(head).await?;
                continue;
            }
            if !self.caught_up {
                self.caught_up = true;
                self.heard = Instant::now();
                return Ok(Step::CaughtUp(self.scanned));
            }
            tokio::select! {
                () = self.app.stop.cancelled() => {}
                () = sleep_until(progress_due) => {}
                changed = self.heads.changed() => {
                    if changed.is_err() {
                        return Ok(Step::Stopped);
                    }
                }
            }
        }
    }

    /// Looks at the next events up to `head`, at most one go of them; what an index passes over costs nothing.
    async fn scan(&mut self, head: Position) -> Result<(), Error> {
        let (after, wanted) = (self.scanned, self.events.clone());
        let is_short = head.0 - after.0 <= INLINE_EVENTS;
        // A short stretch is in memory as it lies.
        let sought = if is_short { Sought::default() } else { wanted.sought.clone() };
        let reader = self.app.store().reader();
        let read = move || -> Result<_, Error> {
            let (mut matching, mut bytes) = (VecDeque::new(), 0);
            for (looked, event) in sought.events(&reader, after, head, Direction::Forward).enumerate() {
                let event = event?;
                let position = event.position;
                if wanted.holds(&event).map_err(Rejection::Predicate)? {
                    bytes += event.data.len() + event.metadata.len();
                    matching.push_back(event);
                }
                if bytes >= SCAN_BYTES || looked + 1 == SCAN_EVENTS {
                    return Ok((matching, position));
                }
            }
            Ok((matching, head))
        };
        let (matching, scanned) = match is_short {
            true => read()?,
            false => blocking(read).await??,
        };
        self.ready = matching;
        self.scanned = scanned;
        if self.ready.is_empty() {
            // Everything before was taken, or it would not have been asked for more.
            self.following.is_at(scanned);
        }
        Ok(())
    }
}
