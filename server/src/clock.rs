//! The clock and fresh ids: what the rooms below are given and never make.

use rand::Rng;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{EventId, Timestamp};

/// Random bits of a ULID, below its 48 bits of milliseconds.
const RANDOM_BITS: u32 = 80;

/// The clock.
pub(crate) fn now() -> Timestamp {
    // Before 1970 only if the machine's clock is unset; the writer raises it to the head's time anyway.
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// How long it is until then; nothing when it has passed.
pub(crate) fn until(at: Timestamp) -> Duration {
    let micros = at.0.saturating_sub(now().0);
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// A ULID of now.
pub(crate) fn fresh_id() -> EventId {
    id_at(now())
}

fn id_at(time: Timestamp) -> EventId {
    const TIME_MASK: u128 = (1 << 48) - 1;
    let millis = u128::from(time.as_ms().unsigned_abs()) & TIME_MASK;
    let random = rand::rng().random::<u128>() >> (128 - RANDOM_BITS);
    EventId(millis << RANDOM_BITS | random)
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn ids_are_ulids_of_their_time() {
        let (early, late) = (Timestamp(1_000_000), Timestamp(2_000_000));
        assert!(id_at(early) < id_at(late));
        assert_ne!(id_at(early), id_at(early));
        assert_eq!((id_at(early).0 >> RANDOM_BITS) as i64, early.as_ms());
    }
}
