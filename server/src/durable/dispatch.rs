//! Lets the log and time act on all durable subscriptions, so that whoever waits for an event hears of it, and how far
//! they are is true of those that nobody asks.

use crate::app::Shared;
use crate::clock;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::Timestamp;
use tokio::time::sleep;

/// Longest sleep while nothing is due; then it looks again, in case the clock was set.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// A pause before what failed is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Serves all of them until the server stops. Nothing polls: it sleeps until the log grows, the next thing is due, or
/// somebody says that there is something earlier.
pub(crate) async fn dispatch(app: Shared) {
    let durable = app.durable.clone();
    let mut heads = app.store().watch();
    loop {
        // Whoever comes to have something due while all are looked at stirs.
        durable.asleep_until.store(i64::MAX, Ordering::SeqCst);
        heads.borrow_and_update();
        let all = durable.list();
        let (mut next, mut is_behind): (Option<Timestamp>, bool) = (None, false);
        for subscription in &all {
            match subscription.tend(&app).await {
                Ok((at, behind)) => {
                    next = next.into_iter().chain(at).min();
                    is_behind |= behind;
                }
                Err(error) => {
                    tracing::debug!(subscription = %subscription.name(), %error, "it is looked at again later");
                    let later = clock::now().plus_ms(RETRY_AFTER.as_millis() as i64);
                    next = Some(next.map_or(later, |next| next.min(later)));
                }
            }
            if app.stop.is_cancelled() || durable.is_stopped() {
                return;
            }
        }
        if is_behind {
            tokio::task::yield_now().await;
            continue;
        }
        let wait = next.map_or(SLEEP_MAX, |at| {
            let micros = at.0.saturating_sub(clock::now().0);
            Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(SLEEP_MAX)
        });
        durable.asleep_until.store(next.map_or(i64::MAX, |at| at.0), Ordering::SeqCst);
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = durable.stir.notified() => {}
            _ = heads.changed(), if !all.is_empty() => {}
            () = sleep(wait) => {}
        }
    }
}
