//! The single writer, by flat combining: the caller that finds it idle leads, and commits for all who wait.
//!
//! One drain of the queue is one commit: one record, one fsync. No answer leaves, rejections included, before
//! everything it was decided by is durable. Anything that goes wrong between a decision and its commit leaves
//! the model's state ahead of the log; then the writer is poisoned, and only opening the store again helps.
//!
//! While a large commit is written by a thread of its own, the writer's thread decides the next drain. What
//! keeps that right: at most one commit is in flight, and the next is taken only when it has landed, so
//! commits land in the order they were decided in; what is decided meanwhile sees it ([`Core`]); and answers
//! leave with their own drain's commit, so after the one that was in flight while they were decided. If that
//! one fails, the writer is poisoned, and the next is neither written nor answered.

mod append;
mod commit;
mod core;
mod drain;
mod group;
mod layer;
mod queue;
mod request;

pub(crate) use self::core::{Core, Taken};
pub(crate) use self::layer::layer;
pub(crate) use queue::{Refused, Role};
pub(crate) use request::{AppendResult, CommandResult, GroupResult, Request};

use self::core::Durable;
use self::queue::Queue;
use self::request::Answer;
use crate::disk::Disk;
use crate::poison::Poison;
use crate::read::Fetch;
use crate::recent::Recent;
use crate::record::Chain;
use crate::views::Views;
use crate::{Decider, Head, Measure, Meter, Observer, Options, Timestamp};
use parking_lot::Mutex;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Instant;
use tokio::sync::watch;

/// A drain's commit, if it has events, and the answers that leave when it has landed.
type Decided<D> = (Option<Taken<<D as Decider>::Row>>, Vec<Answer<D>>);

/// The writer and everything it publishes to.
pub(crate) struct Writer<D: Decider> {
    pub(crate) queue: Queue<Request<D>>,
    core: Mutex<Core<D>>,
    /// Chain hash up to the last commit.
    chain: Mutex<Chain>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) views: Views,
    pub(crate) recent: Arc<Recent<D::Row>>,
    pub(crate) head: watch::Sender<Head>,
    pub(crate) deadline: Mutex<Option<Timestamp>>,
    pub(crate) observer: OnceLock<Observer<D::Row>>,
    pub(crate) meter: OnceLock<Meter>,
    pub(crate) poison: Poison,
    drain_events_max: usize,
    drain_bytes_max: usize,
    drain_requests_max: usize,
    beside_events_min: usize,
}

impl<D: Decider> Writer<D> {
    pub(crate) fn new(
        core: Core<D>,
        chain: Chain,
        disk: Arc<Disk>,
        views: Views,
        recent: Arc<Recent<D::Row>>,
        options: &Options,
    ) -> Self {
        Self {
            queue: Queue::new(options.queue_requests_max),
            head: watch::Sender::new(core.head),
            deadline: Mutex::new(core.decider.next_deadline()),
            core: Mutex::new(core),
            chain: Mutex::new(chain),
            disk,
            views,
            recent,
            observer: OnceLock::new(),
            meter: OnceLock::new(),
            poison: Poison::new(),
            drain_events_max: options.drain_events_max,
            drain_bytes_max: options.drain_bytes_max,
            drain_requests_max: options.drain_requests_max,
            beside_events_min: options.beside_events_min,
        }
    }

    /// Leads for one drain, which has the caller's own request in it; if more came, the writer's thread leads
    /// on, so that no caller works for others for ever.
    pub(crate) fn lead_once(&self) {
        let mut core = self.core.lock();
        if let Some(answers) = self.decide(&mut core) {
            self.commit_and_answer(core.take_commit(), answers);
            core.landed();
        }
        drop(core);
        self.queue.hand_over();
    }

    /// Leads whenever leadership is handed over. The body of the writer's thread.
    pub(crate) fn lead_when_handed(&self) {
        thread::scope(|scope| {
            let (commits, inbox) = mpsc::channel();
            let (landed, landings) = mpsc::channel();
            let beside = move || {
                for (taken, answers) in inbox {
                    self.commit_and_answer(taken, answers);
                    if landed.send(()).is_err() {
                        break;
                    }
                }
            };
            let beside = thread::Builder::new().name("agentpm-commit".into()).spawn_scoped(scope, beside);
            if let Err(error) = beside {
                self.stop(&format!("no thread to commit on: {error}"));
            }
            while self.queue.wait_to_lead() {
                self.lead(&commits, &landings);
            }
        });
    }

    /// Leads until nothing waits.
    fn lead(&self, commits: &mpsc::Sender<Decided<D>>, landings: &mpsc::Receiver<()>) {
        let mut core = self.core.lock();
        let mut in_flight = false;
        loop {
            let answers = self.decide(&mut core);
            if std::mem::take(&mut in_flight) {
                landings.recv().expect("who commits answers for every commit");
            }
            core.landed();
            if let Some(answers) = answers {
                let taken = core.take_commit();
                let large =
                    taken.as_ref().is_some_and(|taken| taken.commit.events.len() >= self.beside_events_min);
                if large && self.queue.waits() {
                    commits.send((taken, answers)).expect("who commits lives as long as the writer");
                    in_flight = true;
                    continue;
                }
                self.commit_and_answer(taken, answers);
                core.landed();
            }
            if self.queue.rest() {
                break;
            }
        }
    }

    /// Writes down what is frozen. The body of the flushing thread.
    pub(crate) fn flush_when_frozen(&self) {
        while let Some(frozen) = self.views.wait_frozen() {
            let begun = Instant::now();
            let flushed = catch_unwind(AssertUnwindSafe(|| self.views.flush(&self.disk, &frozen)));
            match (flushed.unwrap_or_else(|panic| Err(panic_text(&*panic))), self.meter.get()) {
                (Err(why), _) => self.stop(&format!("views cannot be written: {why}")),
                (Ok(()), Some(meter)) => meter(Measure::Flush { total: begun.elapsed() }),
                (Ok(()), None) => {}
            }
        }
    }

    /// Decides what waits. None if that cannot be: then the writer has stopped.
    fn decide(&self, core: &mut Core<D>) -> Option<Vec<Answer<D>>> {
        let mut answers = Vec::new();
        let decided = catch_unwind(AssertUnwindSafe(|| self.decide_waiting(core, &mut answers)));
        match decided.unwrap_or_else(|panic| Err(panic_text(&*panic))) {
            Ok(()) => Some(answers),
            Err(why) => {
                // First the reason, then the senders: a caller whose sender is gone looks for the reason.
                self.stop(&why);
                None
            }
        }
    }

    /// Poisons the store.
    fn stop(&self, why: &str) {
        let why = self.poison.set(why.into());
        tracing::error!(%why, "the writer has stopped");
        self.views.stop(&why);
        drop(self.queue.poison());
    }

    fn decide_waiting(&self, core: &mut Core<D>, answers: &mut Vec<Answer<D>>) -> Result<(), Arc<str>> {
        if let Some(why) = self.poison.get() {
            return Err(why);
        }
        self.views.make_room()?;
        let view = self.views.current();
        let mut fetch = Fetch::new(Arc::clone(&self.disk), Arc::clone(&self.recent));
        let mut durable = Durable { view: &view, fetch: &mut fetch };
        while answers.len() < self.drain_requests_max
            && core.drain.events.len() < self.drain_events_max
            && core.drain.bytes < self.drain_bytes_max
            && let Some(request) = self.queue.take()
        {
            self.decide_one(core, &mut durable, request, answers)?;
        }
        Ok(())
    }

    /// Decides one request. Its sender goes to `answers` first: if the model panics it must not be dropped
    /// before the reason is known.
    fn decide_one(
        &self,
        core: &mut Core<D>,
        durable: &mut Durable<'_, D::Row>,
        request: Request<D>,
        answers: &mut Vec<Answer<D>>,
    ) -> Result<(), Arc<str>> {
        match request {
            Request::Command { context, command, reply } => {
                answers.push(Answer::Command(reply, None));
                let result = core.command(durable, context, command)?;
                if let Some(Answer::Command(_, answer)) = answers.last_mut() {
                    *answer = Some(result);
                }
            }
            Request::Append { context, append, condition, reply } => {
                answers.push(Answer::Append(reply, None));
                let result = core.append(durable, &context, append, condition)?;
                if let Some(Answer::Append(_, answer)) = answers.last_mut() {
                    *answer = Some(result);
                }
            }
            Request::Group { group, reply } => {
                answers.push(Answer::Group(reply, None));
                let result = core.group(durable, group)?;
                if let Some(Answer::Group(_, answer)) = answers.last_mut() {
                    *answer = Some(result);
                }
            }
        }
        Ok(())
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> Arc<str> {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    format!("panic: {text}").into()
}
