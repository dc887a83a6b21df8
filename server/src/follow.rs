//! Following the log: what is in it, then what comes, in order of position, each once.
//!
//! A [`Follow`] has its steps from a [source](source::Source) and tells a consumer of them; it knows how far the
//! consumer has come, when it last heard of us and when it is too far behind. Events come from the log until
//! a follower is near the head, then from the [fan](fan), which looks at each event once for all who are live. [Rows](rows) come from
//! the query engine, which knows what each commit changed.

mod events;
mod fan;
mod mailbox;
mod rows;
mod shown;
mod source;
#[cfg(test)]
mod test;

pub(crate) use fan::{Fan, deal};
pub(crate) use shown::Shown;

use crate::app::Shared;
use crate::error::{Code, Error};
use crate::metrics::Following;
use events::Events;
use query::{Diff, LiveSubscription, Start, Subscription};
use rows::Rows;
use source::{Source, Stretch};
use std::sync::Arc;
use std::time::Duration;
use store::Position;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// A follower hears of its position at least this often while nothing matches.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_secs(4);

/// A follower that is live and whose consumer takes nothing is given up once it is this far behind.
pub(crate) const LAG_EVENTS_MAX: u64 = 4_096;

/// The refusal of one subscription more than `whose` bound, `max`, allows.
pub(crate) fn too_many(whose: &str, max: usize) -> Error {
    Error::new(Code::RateLimit, format!("{whose} has at most {max} subscriptions"))
        .hint("end one that is not needed; one with a wider predicate may stand for several")
}

/// What a subscription wants.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Events.
    Events(Subscription),
    /// The rows of a query, and how they change.
    Rows(LiveSubscription),
}

impl From<Subscription> for Wanted {
    fn from(subscription: Subscription) -> Self {
        Self::Events(subscription)
    }
}

impl Wanted {
    fn start(&self) -> Start {
        match self {
            Self::Events(subscription) => subscription.start,
            Self::Rows(subscription) => subscription.start,
        }
    }
}

/// What a follower gives.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next event that matches.
    Event(Arc<Shown>),
    /// What changed in the rows of a query, or a piece of it.
    Diff(Diff),
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
    source: Source,
    /// Where it began.
    begins: Position,
    /// Everything up to here was taken by the consumer, or did not match. Of rows: the consumer has them as of here, zero
    /// while it does not have the first in whole.
    taken: Position,
    /// The position of the step that was given last, until the consumer says that it took it.
    offered: Position,
    /// Whether the consumer took everything that was given.
    is_confirmed: bool,
    /// Tells figures how far it is.
    following: Following,
    caught_up: bool,
    /// When the consumer last heard of us.
    heard: Instant,
}

impl Follow {
    /// A follower that begins where the subscription says, or after `resume`.
    ///
    /// # Errors
    /// `ERR_RATE_LIMIT` when there are as many as there may be; when nobody can have the rows it is to go on from.
    pub(crate) fn new(
        app: Shared,
        wanted: impl Into<Wanted>,
        resume: Option<Position>,
    ) -> Result<Self, Error> {
        let wanted = wanted.into();
        let start = match (resume, wanted.start()) {
            (Some(position), _) | (None, Start::After(position)) => position,
            (None, Start::Beginning) => Position::ZERO,
            (None, Start::Now) => app.store().head().position,
        };
        let max = app.subscriptions_max;
        let following = app.metrics.followers.begin(start, max).ok_or_else(|| too_many("the server", max))?;
        let source = match wanted {
            Wanted::Events(subscription) => {
                Source::Events(Events::new(app.clone(), subscription.events, start))
            }
            Wanted::Rows(subscription) => Source::Rows(Box::new(Rows::new(&app, subscription, resume)?)),
        };
        let (begins, taken) = (source.begins(start), source.looked_at());
        Ok(Self {
            following,
            app,
            source,
            begins,
            taken,
            offered: taken,
            is_confirmed: true,
            caught_up: false,
            heard: Instant::now(),
        })
    }

    /// After this position events follow, and differences; of rows that the consumer does not have, those of it come first.
    pub(crate) fn begins(&self) -> Position {
        self.begins
    }

    /// Everything up to here was taken by the consumer, or did not match: where to resume after.
    pub(crate) fn position(&self) -> Position {
        self.taken
    }

    /// Says that the consumer took all the steps that it was given.
    pub(crate) fn confirm(&mut self) {
        self.is_confirmed = true;
        self.is_at(self.offered);
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

    /// The next thing to tell, once those before were [taken](Follow::confirm), or with them. May be dropped while it
    /// waits and called again: nothing is lost.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Step, Error> {
        loop {
            if let Some((Stretch { before, upto }, step)) = self.source.take() {
                if self.is_confirmed {
                    // What lies between the last step and this one did not match.
                    self.is_at(before);
                }
                return Ok(self.offer(upto, step));
            }
            let position = self.source.looked_at();
            self.offered = position;
            if self.app.stop.is_cancelled() {
                return Ok(Step::Stopped);
            }
            let progress_due = self.heard + PROGRESS_EVERY;
            if Instant::now() >= progress_due {
                return Ok(self.offer(position, Step::Progress(position)));
            }
            if self.source.look().await? {
                continue;
            }
            if !self.caught_up && self.source.is_level() {
                self.caught_up = true;
                let position = self.source.looked_at();
                return Ok(self.offer(position, Step::CaughtUp(position)));
            }
            if self.is_confirmed {
                self.following.is_level();
            }
            tokio::select! {
                () = self.app.stop.cancelled() => {}
                () = sleep_until(progress_due) => {}
                () = self.source.changed() => {}
            }
        }
    }

    fn offer(&mut self, position: Position, step: Step) -> Step {
        self.offered = position;
        self.is_confirmed = false;
        self.heard = Instant::now();
        step
    }

    fn is_at(&mut self, position: Position) {
        self.taken = self.taken.max(position);
        self.following.is_at(self.taken.max(self.begins));
    }
}
