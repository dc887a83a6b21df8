//! What is known of times without a look into the log: stretches of positions that have one time. A record is large
//! when many events were committed together, and a moment needs no more of it than a time.
//!
//! Time never runs backwards along positions. So between two positions of one time all have it, and little has to be
//! met to know a lot: the first and the last event of an import's step are enough for all between them.

use crate::record::Record;
use crate::{Damage, Position, Timestamp};
use fjall::Slice;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Stretches that are kept: some 5 MB. When there would be more, the shorter half is forgotten: short ones lie in
/// small records, which are read as quickly.
const STRETCHES_MAX: usize = 1 << 17;

/// Stretches of positions with one time, as far as somebody met them.
#[derive(Default)]
pub(crate) struct Times(Mutex<Stretches>);

/// By first position: the last, and their time. No two touch.
#[derive(Default)]
struct Stretches(BTreeMap<Position, (Position, Timestamp)>);

impl Times {
    /// The time of the event at a position, if it is known.
    pub(super) fn get(&self, position: Position) -> Option<Timestamp> {
        let known = self.0.lock();
        let (_, (last, time)) = known.0.range(..=position).next_back()?;
        (position <= *last).then_some(*time)
    }

    /// Keeps the times of a record.
    pub(super) fn put(&self, record: &Record<Slice>) -> Result<(), Damage> {
        // As time never runs backwards, what begins and ends with one time has no other.
        let mut found = Vec::new();
        let mut ahead = vec![(record.first(), record.last())];
        while let Some((first, last)) = ahead.pop() {
            let (begins, ends) = (record.time(first)?, record.time(last)?);
            if begins == ends {
                found.push((first, last, begins));
            } else {
                let middle = Position(first.0 + (last.0 - first.0) / 2);
                ahead.extend([(Position(middle.0 + 1), last), (first, middle)]);
            }
        }
        let mut known = self.0.lock();
        for (first, last, time) in found {
            known.add(first, last, time);
        }
        Ok(())
    }

    /// Keeps what somebody met elsewhere; best in order of position.
    pub(super) fn learn(&self, met: impl IntoIterator<Item = (Position, Timestamp)>) {
        let mut stretch: Option<(Position, Position, Timestamp)> = None;
        for (position, time) in met {
            match &mut stretch {
                Some((_, last, of)) if *of == time && *last <= position => *last = position,
                other => {
                    if let Some((first, last, time)) = other.replace((position, position, time)) {
                        self.0.lock().add(first, last, time);
                    }
                }
            }
        }
        if let Some((first, last, time)) = stretch {
            self.0.lock().add(first, last, time);
        }
    }
}

impl Stretches {
    fn add(&mut self, mut first: Position, mut last: Position, time: Timestamp) {
        if let Some((begins, (ends, of))) = self.0.range(..=first).next_back()
            && *of == time
        {
            (first, last) = (*begins, last.max(*ends));
        }
        while let Some((begins, (ends, of))) = self.0.range(Position(first.0 + 1)..).next()
            && *of == time
        {
            let begins = *begins;
            last = last.max(*ends);
            self.0.remove(&begins);
        }
        self.0.insert(first, (last, time));
        if self.0.len() > STRETCHES_MAX {
            self.forget_the_shorter_half();
        }
    }

    fn forget_the_shorter_half(&mut self) {
        let length = |first: &Position, last: &Position| last.0 - first.0;
        let mut lengths: Vec<u64> = self.0.iter().map(|(first, (last, _))| length(first, last)).collect();
        let half = lengths.len() / 2;
        let (_, median, _) = lengths.select_nth_unstable(half);
        let median = *median;
        self.0.retain(|first, (last, _)| length(first, last) > median);
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn learn(times: &Times, met: &[(u64, i64)]) {
        times.learn(met.iter().map(|(position, time)| (Position(*position), Timestamp(*time))));
    }

    fn at(times: &Times, position: u64) -> Option<i64> {
        times.get(Position(position)).map(|time| time.0)
    }

    fn stretches(times: &Times) -> Vec<(u64, u64, i64)> {
        let known = times.0.lock();
        known.0.iter().map(|(first, (last, time))| (first.0, last.0, time.0)).collect()
    }

    #[test]
    fn between_two_of_one_time_all_have_it() {
        let times = Times::default();
        assert_eq!(at(&times, 1), None);
        learn(&times, &[(3, 7), (9, 7), (12, 8), (20, 11), (22, 11)]);
        let known = [2, 3, 5, 9, 10, 12, 13, 19, 20, 21, 22, 23].map(|position| at(&times, position));
        let (t7, t8, t11) = (Some(7), Some(8), Some(11));
        assert_eq!(known, [None, t7, t7, t7, None, t8, None, None, t11, t11, t11, None]);
        // From elsewhere, and in no order: stretches of one time grow together.
        learn(&times, &[(11, 7), (14, 8), (13, 8), (18, 11), (1, 6)]);
        assert_eq!(stretches(&times), [(1, 1, 6), (3, 11, 7), (12, 14, 8), (18, 22, 11)]);
        learn(&times, &[(4, 7), (30, 11), (2, 6), (19, 11)]);
        assert_eq!(stretches(&times), [(1, 2, 6), (3, 11, 7), (12, 14, 8), (18, 30, 11)]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_longer_stay() {
        let times = Times::default();
        for nth in 0..2 * STRETCHES_MAX as u64 {
            let first = nth * 10;
            // One in four is long.
            let last = first + if nth % 4 == 0 { 9 } else { 1 };
            learn(&times, &[(first, nth as i64), (last, nth as i64)]);
            assert!(nth % 1_024 != 0 || times.0.lock().0.len() <= STRETCHES_MAX);
        }
        assert_eq!([0, 4, 40, 49].map(|position| at(&times, position)), [Some(0), Some(0), Some(4), Some(4)]);
        assert_eq!(at(&times, 10), None, "forgotten to make room");
    }
}
