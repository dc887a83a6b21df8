//! The versions each row has had, as places in time: found by key without a look at anybody else's.

use super::Slot;
use store::Position;

/// A row became what it is, or was gone, at a position.
#[derive(Debug, Clone, Copy)]
struct Turn {
    at: Position,
    /// The turn of the same row before this one, counted from one; zero for its first.
    before: u32,
    is_end: bool,
}

/// The turns of every row of a table.
#[derive(Debug, Default)]
pub(super) struct Lives {
    turns: Vec<Turn>,
    /// The last turn of each slot, counted from one.
    last: Vec<u32>,
}

/// A version: from the event that made it to the one that ended it, if one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) from: Position,
    pub(crate) to: Option<Position>,
}

impl Lives {
    /// A new version begins, or the row is gone. Positions of one slot ascend.
    pub(super) fn turn(&mut self, slot: Slot, at: Position, is_end: bool) {
        let place = slot as usize;
        if place >= self.last.len() {
            self.last.resize(place + 1, 0);
        }
        self.turns.push(Turn { at, before: self.last[place], is_end });
        self.last[place] = u32::try_from(self.turns.len()).expect("fewer versions than 2^32");
    }

    /// The versions of a slot, last first.
    pub(super) fn of(&self, slot: Slot) -> impl Iterator<Item = Life> {
        let turn = |nth: u32| self.turns.get((nth as usize).checked_sub(1)?);
        let mut next = self.last.get(slot as usize).copied().unwrap_or_default();
        let mut to = None;
        std::iter::from_fn(move || {
            loop {
                let found = turn(next)?;
                next = found.before;
                let ended = to.replace(found.at);
                if !found.is_end {
                    return Some(Life { from: found.at, to: ended });
                }
            }
        })
    }

    /// The version of a slot that was alive after the event at `position`.
    pub(super) fn at(&self, slot: Slot, position: Position) -> Option<Life> {
        self.of(slot).find(|life| life.from <= position).filter(|life| life.to.is_none_or(|to| position < to))
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.turns.capacity() * size_of::<Turn>() + self.last.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_row_that_went_and_came_back() {
        let mut lives = Lives::default();
        for (slot, at, is_end) in [(0, 2, false), (1, 3, false), (0, 5, false), (0, 7, true), (0, 9, false)] {
            lives.turn(slot, Position(at), is_end);
        }
        let life = |from, to: Option<u64>| Life { from: Position(from), to: to.map(Position) };
        let all: Vec<Life> = lives.of(0).collect();
        assert_eq!(all, [life(9, None), life(5, Some(7)), life(2, Some(5))]);
        let at = |slot, position| lives.at(slot, Position(position));
        assert_eq!([1, 2, 4].map(|p| at(0, p)), [None, Some(life(2, Some(5))), Some(life(2, Some(5)))]);
        assert_eq!([5, 6, 7, 8].map(|p| at(0, p).map(|life| life.from.0)), [Some(5), Some(5), None, None]);
        assert_eq!(at(0, 100), Some(life(9, None)));
        assert_eq!((at(1, 100), at(2, 100)), (Some(life(3, None)), None));
    }
}
