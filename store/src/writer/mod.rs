//! The single writer, by flat combining: the caller that finds it idle leads, and commits for all who wait.
//!
//! One drain of the queue is one commit: one record, one fsync. No answer leaves, rejections included, before
//! everything it was decided by is durable. Anything that goes wrong between a decision and its commit leaves
//! the model's state ahead of the log; then the writer is poisoned, and only opening the store again helps.

mod append;
mod core;
mod drain;
mod queue;
mod request;

pub(crate) use self::core::Core;
pub(crate) use queue::{Refused, Role};
pub(crate) use request::{AppendResult, CommandResult, Request};

use self::core::Durable;
use self::drain::Drain;
use self::queue::Queue;
use self::request::Answer;
use crate::delta::Layer;
use crate::disk::Disk;
use crate::poison::Poison;
use crate::read::Fetch;
use crate::recent::Recent;
use crate::views::Views;
use crate::{Commit, Decider, Head, Observer, Options, Timestamp, record};
use parking_lot::Mutex;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;
use tokio::sync::watch;

/// Events from which on a commit is worth a second thread: they take milliseconds, a thread some 20 µs.
const BESIDE_EVENTS_MIN: usize = 512;

/// The writer and everything it publishes to.
pub(crate) struct Writer<D: Decider> {
    pub(crate) queue: Queue<Request<D>>,
    core: Mutex<Core<D>>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) views: Views,
    pub(crate) recent: Arc<Recent<D::Row>>,
    pub(crate) head: watch::Sender<Head>,
    pub(crate) deadline: Mutex<Option<Timestamp>>,
    pub(crate) observer: OnceLock<Observer<D::Row>>,
    pub(crate) poison: Poison,
    drain_events_max: usize,
    drain_bytes_max: usize,
    drain_requests_max: usize,
}

impl<D: Decider> Writer<D> {
    pub(crate) fn new(
        core: Core<D>,
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
            disk,
            views,
            recent,
            observer: OnceLock::new(),
            poison: Poison::new(),
            drain_events_max: options.drain_events_max,
            drain_bytes_max: options.drain_bytes_max,
            drain_requests_max: options.drain_requests_max,
        }
    }

    /// Leads for one drain, which has the caller's own request in it; if more came, the writer's thread leads
    /// on, so that no caller works for others for ever.
    pub(crate) fn lead_once(&self) {
        self.drain();
        self.queue.hand_over();
    }

    /// Leads whenever leadership is handed over. The body of the writer's thread.
    pub(crate) fn lead_when_handed(&self) {
        while self.queue.wait_to_lead() {
            loop {
                self.drain();
                if self.queue.rest() {
                    break;
                }
            }
        }
    }

    /// Writes down what is frozen. The body of the flushing thread.
    pub(crate) fn flush_when_frozen(&self) {
        while let Some(frozen) = self.views.wait_frozen() {
            let flushed = catch_unwind(AssertUnwindSafe(|| self.views.flush(&self.disk, &frozen)));
            if let Err(why) = flushed.unwrap_or_else(|panic| Err(panic_text(&*panic))) {
                self.stop(&format!("views cannot be written: {why}"));
            }
        }
    }

    /// Decides what waits, commits it, and answers.
    fn drain(&self) {
        let mut answers = Vec::new();
        let done = catch_unwind(AssertUnwindSafe(|| self.decide_and_commit(&mut answers)));
        match done.unwrap_or_else(|panic| Err(panic_text(&*panic))) {
            Ok(()) => answers.into_iter().for_each(Answer::send),
            // First the reason, then the senders: a caller whose sender is gone looks for the reason.
            Err(why) => self.stop(&why),
        }
    }

    /// Poisons the store.
    fn stop(&self, why: &str) {
        let why = self.poison.set(why.into());
        tracing::error!(%why, "the writer has stopped");
        self.views.stop(&why);
        drop(self.queue.poison());
    }

    fn decide_and_commit(&self, answers: &mut Vec<Answer<D>>) -> Result<(), Arc<str>> {
        if let Some(why) = self.poison.get() {
            return Err(why);
        }
        self.views.make_room()?;
        let mut core = self.core.lock();
        let view = self.views.current();
        let mut fetch = Fetch::new(Arc::clone(&self.disk), Arc::clone(&self.recent));
        let mut durable = Durable { view: &view, fetch: &mut fetch };
        while answers.len() < self.drain_requests_max
            && core.drain.events.len() < self.drain_events_max
            && core.drain.bytes < self.drain_bytes_max
            && let Some(request) = self.queue.take()
        {
            self.decide(&mut core, &mut durable, request, answers)?;
        }
        if core.drain.events.is_empty() { Ok(()) } else { self.commit(&mut core) }
    }

    /// Decides one request. Its sender goes to `answers` first: if the model panics it must not be dropped
    /// before the reason is known.
    fn decide(
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
            Request::Append { context, append, reply } => {
                answers.push(Answer::Append(reply, None));
                let result = core.append(durable, &context, append)?;
                if let Some(Answer::Append(_, answer)) = answers.last_mut() {
                    *answer = Some(result);
                }
            }
        }
        Ok(())
    }

    /// Writes the drain as one record, then shows it to everybody.
    fn commit(&self, core: &mut Core<D>) -> Result<(), Arc<str>> {
        let drain = core.take_drain();
        let first = drain.events[0].position;
        let chain = core.chain;
        let write = || {
            let encoded = record::encode(chain, &drain.events);
            self.disk.commit(first, encoded.bytes).map(|()| encoded.chain)
        };
        let (written, layer) = match drain.events.len() {
            // Half of a large commit's layer is made by another thread while this one writes the record.
            BESIDE_EVENTS_MIN.. => thread::scope(|scope| {
                let rows = scope.spawn(|| drain.rows_layer());
                let (written, index) = (write(), drain.index_layer());
                let rows = rows.join().unwrap_or_else(|panic| resume_unwind(panic));
                (written, Layer::joined(index, rows))
            }),
            _ => (write(), drain.layer()),
        };
        core.chain = written?;
        let Drain { events, changes, bytes, .. } = drain;
        let head = core.head;
        let next_deadline = core.decider.next_deadline();
        let commit =
            Arc::new(Commit { first, last: head.position, time: head.time, events, changes, next_deadline });
        self.recent.push(&commit, bytes);
        self.views.push(layer, head, core.chain);
        *self.deadline.lock() = next_deadline;
        // Before the head moves: who waited for a position finds it in what the observer keeps, too.
        if let Some(observer) = self.observer.get() {
            observer(&commit);
        }
        self.head.send_replace(head);
        self.views.freeze_if_due();
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
