//! The times of records that somebody looked into. A record is large when many events were committed together, and
//! a moment needs no more of it than a time.

use crate::record::Record;
use crate::{Damage, Position, Timestamp};
use fjall::Slice;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Stretches of positions with one time that are kept, all records together: some 24 bytes each. When there would
/// be more, all are forgotten.
const STRETCHES_MAX: usize = 1 << 16;

/// Times by record.
#[derive(Default)]
pub(crate) struct Times(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// By the first position of the record: its last, and where each of its times begins.
    records: BTreeMap<Position, (Position, Vec<(Position, Timestamp)>)>,
    stretches: usize,
}

impl Times {
    /// The time of the event at a position, if its record was looked into.
    pub(super) fn get(&self, position: Position) -> Option<Timestamp> {
        let kept = self.0.lock();
        let (_, (last, times)) = kept.records.range(..=position).next_back()?;
        let until = times.partition_point(|(from, _)| *from <= position);
        (position <= *last).then(|| times[until - 1].1)
    }

    /// Keeps the times of a record.
    pub(super) fn put(&self, record: &Record<Slice>) -> Result<(), Damage> {
        let positions = record.first().0..=record.last().0;
        let times = positions.map(|position| record.time(Position(position)));
        self.keep(record.first(), &times.collect::<Result<Vec<_>, _>>()?);
        Ok(())
    }

    fn keep(&self, first: Position, times: &[Timestamp]) {
        let mut stretches: Vec<(Position, Timestamp)> = Vec::new();
        for (position, time) in (first.0..).zip(times) {
            if stretches.last().is_none_or(|(_, last)| last != time) {
                stretches.push((Position(position), *time));
            }
        }
        let last = Position(first.0 + times.len() as u64 - 1);
        let mut kept = self.0.lock();
        if kept.stretches + stretches.len() > STRETCHES_MAX {
            *kept = Kept::default();
        }
        kept.stretches += stretches.len();
        if let Some((_, before)) = kept.records.insert(first, (last, stretches)) {
            kept.stretches -= before.len();
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn each_position_has_its_time_and_what_is_kept_is_bounded() {
        let times = Times::default();
        let at = |position| times.get(Position(position)).map(|time| time.0);
        assert_eq!(at(1), None);
        times.keep(Position(5), &[7, 7, 9].map(Timestamp));
        times.keep(Position(20), &[11].map(Timestamp));
        assert_eq!(
            [4, 5, 6, 7, 8, 19, 20, 21].map(at),
            [None, Some(7), Some(7), Some(9), None, None, Some(11), None]
        );
        times.keep(Position(5), &[7, 7, 9].map(Timestamp));
        assert_eq!(times.0.lock().stretches, 3);
        let each_its_own: Vec<Timestamp> = (0..1_000).map(Timestamp).collect();
        for record in 1..200 {
            times.keep(Position(record * 1_000), &each_its_own);
            let kept = times.0.lock();
            let stretches: usize = kept.records.values().map(|(_, stretches)| stretches.len()).sum();
            assert!(stretches <= STRETCHES_MAX && stretches == kept.stretches);
        }
        assert_eq!(at(199_999), Some(999));
        assert_eq!(at(5), None, "forgotten to make room");
    }
}
