//! Waiting for a condition, never for a while: a deadline bounds it, and the condition decides.

use std::future::Future;
use std::time::{Duration, Instant};

/// How often a condition is looked at. Short against what is waited for, long against one request.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until the condition gives something.
///
/// # Panics
/// When it has not within `limit`; `what` says what was waited for.
pub async fn until<T, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < limit, "waited {limit:?} in vain: {what}");
    }
}
