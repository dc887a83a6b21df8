//! Layers and the disk below them, read as one.

use super::{Entry, Layer};
use crate::keys::KeyRange;
use crate::{Direction, ReadError};
use fjall::Slice;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// The run below all layers, in the direction of the read.
pub(crate) type Base = Box<dyn Iterator<Item = Result<(Slice, Slice), ReadError>> + Send>;

/// One layer's part of a range.
struct Run {
    layer: Arc<Layer>,
    left: Range<usize>,
}

/// Entries of a range, each key once with its newest value, in order of key or the other way round. Owns
/// what it reads from. After an error it ends.
pub(crate) struct Merged {
    direction: Direction,
    /// Also give the keys that are gone: for a flush, which has to write them down.
    removals: bool,
    /// Newest first; only those that have something left.
    runs: Vec<Run>,
    base: Option<Base>,
    base_next: Option<(Slice, Slice)>,
}

impl Merged {
    /// What a reader sees.
    pub(crate) fn read<'a>(
        layers: impl Iterator<Item = &'a Arc<Layer>>,
        base: Option<Base>,
        range: &KeyRange,
        direction: Direction,
    ) -> Self {
        Self {
            direction,
            removals: false,
            runs: runs(layers, |layer| layer.find(range)),
            base,
            base_next: None,
        }
    }

    /// Everything that layers, newest first, have to say, in order of key, removals included.
    pub(crate) fn flush<'a>(layers: impl Iterator<Item = &'a Arc<Layer>>) -> Self {
        Self {
            direction: Direction::Forward,
            removals: true,
            runs: runs(layers, |layer| 0..layer.len()),
            base: None,
            base_next: None,
        }
    }

    fn fill_base(&mut self) -> Result<(), ReadError> {
        if self.base_next.is_none()
            && let Some(base) = &mut self.base
        {
            match base.next() {
                Some(entry) => self.base_next = Some(entry?),
                None => self.base = None,
            }
        }
        Ok(())
    }

    /// The next entry, whatever it says.
    fn step(&mut self) -> Result<Option<Entry>, ReadError> {
        self.fill_base()?;
        let direction = self.direction;
        let before = |a: &[u8], b: &[u8]| match direction {
            Direction::Forward => a.cmp(b),
            Direction::Backward => b.cmp(a),
        };
        // The first of the next keys; the newest layer that has it decides, so only "less" replaces.
        let mut best: Option<usize> = None;
        for at in 0..self.runs.len() {
            if best.is_none_or(|best| {
                before(self.runs[at].key(direction), self.runs[best].key(direction)).is_lt()
            }) {
                best = Some(at);
            }
        }
        let base_order = match (&self.base_next, best) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((key, _)), Some(best)) => before(key, self.runs[best].key(direction)),
        };
        let base = if base_order.is_le() { self.base_next.take() } else { None };
        if base_order.is_lt() {
            return Ok(base.map(|(key, value)| (key, Some(value))));
        }
        let best = best.expect("the base is not first");
        let entry = self.runs[best].pop(direction);
        // The runs before `best` have later keys; those after may have the same.
        for run in &mut self.runs[best + 1..] {
            if *run.key(direction) == *entry.0 {
                run.pop(direction);
            }
        }
        self.runs.retain(|run| !run.left.is_empty());
        Ok(Some(entry))
    }

    /// The next entry that is to be given.
    pub(crate) fn next_entry(&mut self) -> Option<Result<Entry, ReadError>> {
        loop {
            match self.step() {
                Ok(Some((_, None))) if !self.removals => {}
                Ok(entry) => return entry.map(Ok),
                Err(error) => {
                    self.runs.clear();
                    self.base = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Iterator for Merged {
    type Item = Result<(Slice, Slice), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            return match self.next_entry()? {
                Ok((key, Some(value))) => Some(Ok((key, value))),
                Ok((_, None)) => continue,
                Err(error) => Some(Err(error)),
            };
        }
    }
}

impl Run {
    fn at(&self, direction: Direction) -> usize {
        match direction {
            Direction::Forward => self.left.start,
            Direction::Backward => self.left.end - 1,
        }
    }

    /// Its next key. It has something left.
    fn key(&self, direction: Direction) -> &[u8] {
        &self.layer.entry(self.at(direction)).0
    }

    fn pop(&mut self, direction: Direction) -> Entry {
        let entry = self.layer.entry(self.at(direction)).clone();
        match direction {
            Direction::Forward => self.left.start += 1,
            Direction::Backward => self.left.end -= 1,
        }
        entry
    }
}

fn runs<'a>(layers: impl Iterator<Item = &'a Arc<Layer>>, find: impl Fn(&Layer) -> Range<usize>) -> Vec<Run> {
    layers
        .map(|layer| Run { layer: Arc::clone(layer), left: find(layer) })
        .filter(|run| !run.left.is_empty())
        .collect()
}
