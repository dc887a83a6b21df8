//! How long to wait before an event is posted again.

use rand::Rng;
use std::time::Duration;

/// After the first failure; four times as long after each further one.
const FIRST: Duration = Duration::from_secs(1);
const FACTOR: u32 = 4;

/// Longest wait of our own, before what chance adds.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Longest wait that a receiver may ask for with `Retry-After`.
const ASKED_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Up to so much of the wait is added by chance, so that what failed together does not come again together.
const JITTER: f64 = 0.25;

/// The wait after an event was posted `attempt` times, where the receiver asked for `asked`.
pub(super) fn after(attempt: u32, asked: Option<Duration>) -> Duration {
    let own = FIRST.saturating_mul(FACTOR.saturating_pow(attempt.saturating_sub(1))).min(LONGEST);
    let own = own.mul_f64(1.0 + JITTER * rand::rng().random::<f64>());
    own.max(asked.unwrap_or_default().min(ASKED_MAX))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn it_grows_to_its_bound() {
        for (attempt, seconds) in [(1, 1.0), (2, 4.0), (3, 16.0), (6, 1_024.0), (7, 3_600.0), (100, 3_600.0)]
        {
            for _ in 0..20 {
                let wait = after(attempt, None).as_secs_f64();
                assert!((seconds..=seconds * 1.25).contains(&wait), "{attempt}: {wait}");
            }
        }
    }

    #[test]
    fn who_asks_for_longer_gets_it_within_a_day() {
        assert_eq!(after(1, Some(Duration::from_secs(120))), Duration::from_secs(120));
        assert_eq!(after(1, Some(Duration::MAX)), ASKED_MAX);
        assert!(after(4, Some(Duration::ZERO)) >= Duration::from_secs(64));
    }
}
