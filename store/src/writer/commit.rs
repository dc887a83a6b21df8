//! From a decided drain to the disk, and from there to everybody.

use super::core::Taken;
use super::layer::layer;
use super::request::Answer;
use super::{Writer, panic_text};
use crate::{Decider, Head, Measure, record};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

impl<D: Decider> Writer<D> {
    /// Commits a drain and sends its answers; if that cannot be, the writer stops and none leaves.
    pub(super) fn commit_and_answer(&self, taken: Option<Taken<D::Row>>, answers: Vec<Answer<D>>) {
        let done = catch_unwind(AssertUnwindSafe(|| taken.map_or(Ok(()), |taken| self.commit(taken))));
        match done.unwrap_or_else(|panic| Err(panic_text(&*panic))) {
            Ok(()) => answers.into_iter().for_each(Answer::send),
            // First the reason, then the senders: a caller whose sender is gone looks for the reason.
            Err(why) => self.stop(&why),
        }
    }

    /// Writes a drain as one record, then shows it to everybody.
    fn commit(&self, Taken { commit, bytes }: Taken<D::Row>) -> Result<(), Arc<str>> {
        // It may have been decided by a commit that failed.
        if let Some(why) = self.poison.get() {
            return Err(why);
        }
        let begun = Instant::now();
        let mut chain = self.chain.lock();
        let encoded = record::encode(*chain, &commit.events, &commit.answers);
        let (bytes_written, written) = (encoded.bytes.len(), Instant::now());
        self.disk.commit(commit.first, encoded.bytes)?;
        let sync = written.elapsed();
        *chain = encoded.chain;
        self.recent.push(&commit, bytes);
        let head = Head { position: commit.last, time: commit.time };
        self.views.push(layer::<D>(&commit), head, *chain);
        *self.deadline.lock() = commit.next_deadline;
        // Before the head moves: who waited for a position finds it in what the observer keeps, too.
        if let Some(observer) = self.observer.get() {
            observer(&commit);
        }
        self.head.send_replace(head);
        self.views.freeze_if_due();
        if let Some(meter) = self.meter.get() {
            let (events, bytes) = (commit.events.len(), bytes_written);
            meter(Measure::Commit { events, bytes, sync, total: begun.elapsed() });
        }
        Ok(())
    }
}
