//! One subscription of a socket.

use super::frame;
use super::outbox::{Gone, Outbox};
use crate::error::Error;
use crate::follow::{Follow, Step};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use store::Text;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Room for a frame that does not come within this means that the client is not reading.
const STALLED_AFTER: Duration = Duration::from_millis(250);

/// How the session reaches a subscription.
#[derive(Debug)]
pub(super) struct Handle {
    credit: Option<Arc<Semaphore>>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Handle {
    /// Starts a subscription. Cancelling `ended` ends it too.
    pub(super) fn start(
        sub: Text,
        follow: Follow,
        credit: Option<usize>,
        outbox: Outbox,
        tasks: &TaskTracker,
        ended: &CancellationToken,
    ) -> Self {
        let credit = credit.map(|credit| Arc::new(Semaphore::new(credit.min(Semaphore::MAX_PERMITS))));
        let cancel = ended.child_token();
        let task = tasks.spawn(run(sub, follow, credit.clone(), cancel.clone(), outbox));
        Self { credit, cancel, task }
    }

    /// Ends it; it tells the client itself.
    pub(super) fn end(&self) {
        self.cancel.cancel();
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Allows `n` more events, or differences.
    ///
    /// # Errors
    /// When the subscription has no limit, or so much was allowed that it cannot be counted.
    pub(super) fn add_credit(&self, n: usize) -> Result<(), Error> {
        let Some(credit) = &self.credit else {
            return Err(Error::problem("/sub", "this subscription was made without credit and needs none"));
        };
        match credit.available_permits().checked_add(n) {
            Some(total) if total <= Semaphore::MAX_PERMITS => {
                credit.add_permits(n);
                Ok(())
            }
            _ => Err(Error::problem("/n", "more credit than can be counted")),
        }
    }
}

/// Why a subscription ended.
enum End {
    /// The client asked.
    Unsubscribed,
    /// The client does not read, and is too far behind.
    Slow,
    /// The server stops.
    Stopped,
    /// The log could not be read.
    Failed(Error),
    /// The socket is gone; there is nobody to tell.
    Gone,
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// Serves a subscription to its end, and tells the client of it.
async fn run(
    sub: Text,
    mut follow: Follow,
    credit: Option<Arc<Semaphore>>,
    cancel: CancellationToken,
    outbox: Outbox,
) {
    let stop = follow.stop();
    let end = tokio::select! {
        end = serve(&sub, &mut follow, credit.as_deref(), &outbox) => end,
        () = cancel.cancelled() => Err(End::Unsubscribed),
        () = stop.cancelled() => Err(End::Stopped),
    };
    let reason = match end {
        Ok(never) => match never {},
        Err(End::Gone) => return,
        Err(End::Unsubscribed) => "unsubscribed",
        Err(End::Slow) => "slow_consumer",
        Err(End::Stopped) => "shutting_down",
        Err(End::Failed(error)) => {
            let _ = outbox.put(frame::error(Some(&sub), &error)).await;
            "error"
        }
    };
    let resume_after = follow.position();
    // It costs nothing more, however long the client takes to hear of it.
    drop(follow);
    // If the socket goes meanwhile, nobody is left to be told.
    let _ = outbox.put(frame::closed(&sub, reason, resume_after)).await;
}

async fn serve(
    sub: &Text,
    follow: &mut Follow,
    credit: Option<&Semaphore>,
    outbox: &Outbox,
) -> Result<std::convert::Infallible, End> {
    outbox.put(frame::mark("subscribed", sub, follow.begins())).await?;
    loop {
        let frame = match follow.next().await.map_err(End::Failed)? {
            Step::Event(event) => {
                spend(credit).await?;
                frame::event(sub, &event)
            }
            Step::Diff(diff) => {
                spend(credit).await?;
                frame::diff(sub, &diff)
            }
            Step::CaughtUp(position) => frame::mark("caught_up", sub, position),
            Step::Progress(position) => frame::mark("progress", sub, position),
            Step::Stopped => return Err(End::Stopped),
        };
        put(frame, || follow.is_too_far_behind(), outbox).await?;
        follow.confirm();
    }
}

/// Waits until one more event or difference is allowed.
async fn spend(credit: Option<&Semaphore>) -> Result<(), End> {
    if let Some(credit) = credit {
        // The semaphore is never closed.
        credit.acquire().await.map_err(|_| End::Gone)?.forget();
    }
    Ok(())
}

/// Puts a frame, giving up when the client takes nothing and the log has gone far ahead.
async fn put(frame: Vec<u8>, is_too_far_behind: impl Fn() -> bool, outbox: &Outbox) -> Result<(), End> {
    let mut put = pin!(outbox.put(frame));
    loop {
        match timeout(STALLED_AFTER, &mut put).await {
            Ok(put) => return put.map_err(End::from),
            Err(_) if is_too_far_behind() => return Err(End::Slow),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod test {
    use super::super::outbox::{BYTES_MAX, outbox};
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_only_when_far_behind() {
        let (outbox, outlet) = outbox();
        assert!(
            put(vec![b' '; BYTES_MAX], || true, &outbox).await.is_ok(),
            "while there is room nobody asks"
        );
        let asked = Cell::new(0);
        let behind = || {
            asked.set(asked.get() + 1);
            asked.get() == 3
        };
        assert!(matches!(put(b"{}".to_vec(), behind, &outbox).await, Err(End::Slow)));
        assert_eq!(asked.get(), 3);
        drop(outlet);
        assert!(matches!(put(b"{}".to_vec(), || true, &outbox).await, Err(End::Gone | End::Slow)));
    }

    #[tokio::test]
    async fn a_frame_that_was_not_put_is_not_sent() {
        let (outbox, mut outlet) = outbox();
        put(vec![b' '; BYTES_MAX], || false, &outbox).await.ok().unwrap();
        let mut waiting = Box::pin(outbox.put(b"late".to_vec()));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        drop(waiting);
        drop(outbox);
        assert_eq!(outlet.next().await.map(|frame| frame.len()), Some(BYTES_MAX));
        assert_eq!(outlet.next().await, None);
    }
}
