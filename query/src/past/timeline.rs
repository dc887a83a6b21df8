//! One column through time: who had which value, from which position on.
//!
//! Changes lie in order of position, in blocks; a block begins with the value of every slot right before it.
//! What a column said at a moment is the beginning of one block and the changes of that block up to the moment:
//! a block is closed when it has as many changes as slots to begin with, so the work is bounded by the size of
//! the table and not by its history, and the beginnings take no more memory than the changes do.

use super::Slot;

/// Changes that a block takes at least, however small the table: fewer are not worth a beginning.
const BLOCK_CHANGES_MIN: usize = 4_096;

/// The values of one column. `V::default()` is what a slot has before its first change.
#[derive(Debug, Default)]
pub(super) struct Timeline<V> {
    /// What each slot has after its last change.
    latest: Vec<V>,
    /// Changes that were noted and are not in a block yet, with their positions; in any order, but in order for
    /// each slot.
    noted: Vec<(u64, Slot, V)>,
    blocks: Vec<Block<V>>,
}

#[derive(Debug)]
struct Block<V> {
    /// Position of its first change.
    first: u64,
    /// What each slot had before that; slots that came later are not there.
    beginning: Vec<V>,
    changes: Vec<Change<V>>,
}

#[derive(Debug)]
struct Change<V> {
    /// Position, counted from the block's first.
    after_first: u32,
    slot: Slot,
    value: V,
}

impl<V: Copy + Default + PartialEq> Block<V> {
    /// What each slot has after the changes up to `position`, one of at least `slots`.
    fn upto(&self, position: u64, slots: usize) -> Vec<V> {
        let mut values = Vec::with_capacity(slots.max(self.beginning.len()));
        values.extend_from_slice(&self.beginning);
        let until =
            self.changes.partition_point(|change| self.first + u64::from(change.after_first) <= position);
        for change in &self.changes[..until] {
            let slot = change.slot as usize;
            if slot >= values.len() {
                values.resize(slot + 1, V::default());
            }
            values[slot] = change.value;
        }
        values
    }

    fn is_full(&self) -> bool {
        self.changes.len() >= BLOCK_CHANGES_MIN.max(self.beginning.len())
    }
}

impl<V: Copy + Default + PartialEq> Timeline<V> {
    /// `slot` has `value` from `position` on. Positions may come in any order, those of one slot ascend. Seen by
    /// readers after [`Timeline::settle`].
    pub(super) fn note(&mut self, position: u64, slot: Slot, value: V) {
        let place = slot as usize;
        if place >= self.latest.len() {
            self.latest.resize(place + 1, V::default());
        }
        if self.latest[place] != value {
            self.latest[place] = value;
            self.noted.push((position, slot, value));
        }
    }

    /// Puts what was noted in its place. All of it lies after everything that was settled before.
    pub(super) fn settle(&mut self) {
        let mut noted = std::mem::take(&mut self.noted);
        noted.sort_unstable_by_key(|(position, slot, _)| (*position, *slot));
        for (position, slot, value) in noted {
            self.push(position, slot, value);
        }
    }

    fn push(&mut self, position: u64, slot: Slot, value: V) {
        let open = self.blocks.last_mut().filter(|block| !block.is_full());
        let offset = open.as_ref().and_then(|block| u32::try_from(position - block.first).ok());
        match (open, offset) {
            (Some(block), Some(after_first)) => block.changes.push(Change { after_first, slot, value }),
            _ => {
                let beginning = self.blocks.last().map_or_else(Vec::new, |block| block.upto(u64::MAX, 0));
                let changes = vec![Change { after_first: 0, slot, value }];
                self.blocks.push(Block { first: position, beginning, changes });
            }
        }
    }

    /// What each of the first `slots` slots had after the event at `position`.
    pub(super) fn at(&self, position: u64, slots: usize) -> Vec<V> {
        debug_assert!(self.noted.is_empty(), "what is noted is settled before anybody reads");
        let block = self.blocks.partition_point(|block| block.first <= position);
        let mut values =
            block.checked_sub(1).map_or_else(Vec::new, |block| self.blocks[block].upto(position, slots));
        values.resize(slots, V::default());
        values
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| {
            block.beginning.capacity() * size_of::<V>() + block.changes.capacity() * size_of::<Change<V>>()
        });
        self.latest.capacity() * size_of::<V>() + blocks.sum::<usize>()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    /// A small generator (xorshift64), so that every run does the same.
    fn numbers(mut state: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        }
    }

    #[test]
    fn every_moment_is_what_a_plain_table_was_then() {
        let mut number = numbers(7);
        let mut timeline = Timeline::<u32>::default();
        let mut plain: Vec<u32> = Vec::new();
        let mut moments = vec![(0, plain.clone())];
        let mut position = 0;
        for window in 0..60 {
            let mut noted = Vec::new();
            for _ in 0..500 {
                // Often several slots at one position, never one slot twice.
                let count = 1 + number(3);
                position += 1 + number(2);
                let mut slots: Vec<u64> =
                    (0..count).map(|_| number(plain.len() as u64 + 2).min(9_000)).collect();
                slots.sort_unstable();
                slots.dedup();
                for slot in slots {
                    let value = number(4) as u32;
                    let place = slot as usize;
                    plain.resize(plain.len().max(place + 1), 0);
                    plain[place] = value;
                    noted.push((position, slot as Slot, value));
                }
                if number(50) == 0 {
                    moments.push((position, plain.clone()));
                }
            }
            // As versions come from the store: one slot after another.
            if window % 2 == 0 {
                noted.sort_by_key(|(position, slot, _)| (*slot, *position));
            }
            for (position, slot, value) in noted {
                timeline.note(position, slot, value);
            }
            timeline.settle();
        }
        assert!(timeline.blocks.len() > 5, "{} blocks", timeline.blocks.len());
        assert!(moments.len() > 300);
        for (position, mut expected) in moments {
            expected.resize(plain.len(), 0);
            assert_eq!(timeline.at(position, plain.len()), expected, "at {position}");
        }
    }

    #[test]
    fn the_work_of_a_moment_is_bounded_by_the_slots() {
        let mut timeline = Timeline::<u32>::default();
        const SLOTS: u32 = 10_000;
        for change in 0..20 * SLOTS {
            timeline.note(u64::from(change) + 1, change % SLOTS, change + 1);
        }
        timeline.settle();
        for block in &timeline.blocks {
            assert!(block.changes.len() <= BLOCK_CHANGES_MIN.max(block.beginning.len()));
        }
        let changes: usize = timeline.blocks.iter().map(|block| block.changes.len()).sum();
        let beginnings: usize = timeline.blocks.iter().map(|block| block.beginning.len()).sum();
        assert_eq!(changes, 20 * SLOTS as usize);
        assert!(beginnings <= changes + SLOTS as usize, "{beginnings} beside {changes}");
    }

    #[test]
    fn positions_far_apart_have_blocks_of_their_own() {
        let mut timeline = Timeline::<u32>::default();
        let far = u64::from(u32::MAX) + 10;
        timeline.note(1, 0, 1);
        timeline.note(far, 0, 2);
        timeline.settle();
        assert_eq!([0, 1, far - 1, far, u64::MAX].map(|at| timeline.at(at, 1)[0]), [0, 1, 1, 2, 2]);
    }
}
