//! Sets of capabilities as bits, so that "needs nothing this agent lacks" is a few machine words.

use crate::TextSet;
use rustc_hash::FxHashMap;
use store::Text;

/// Capability names by number. Only names that a task has needed are in it.
#[derive(Debug, Default)]
pub(super) struct Names(FxHashMap<Text, u32>);

/// A set of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Bits {
    /// 0 … 63: nearly always all there is, and no allocation.
    low: u64,
    /// From 64 on; never ends in a zero, so that equal sets are equal.
    high: Vec<u64>,
}

impl Names {
    /// The set of these names; new ones get the next numbers.
    pub(super) fn intern(&mut self, words: &TextSet) -> Bits {
        let mut bits = Bits::default();
        for word in words.as_slice() {
            let next = self.0.len() as u32;
            let number = match self.0.get(word) {
                Some(&number) => number,
                None => *self.0.entry(word.clone()).or_insert(next),
            };
            bits.insert(number);
        }
        bits
    }

    /// The set of those of these names that any task has needed.
    pub(super) fn known(&self, words: &TextSet) -> Bits {
        let mut bits = Bits::default();
        for number in words.as_slice().iter().filter_map(|word| self.0.get(word)) {
            bits.insert(*number);
        }
        bits
    }
}

impl Bits {
    fn insert(&mut self, number: u32) {
        if number < u64::BITS {
            self.low |= 1 << number;
            return;
        }
        let word = (number / u64::BITS - 1) as usize;
        if self.high.len() <= word {
            self.high.resize(word + 1, 0);
        }
        self.high[word] |= 1 << (number % u64::BITS);
    }

    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.low & !other.low == 0
            && self
                .high
                .iter()
                .enumerate()
                .all(|(i, word)| word & !other.high.get(i).copied().unwrap_or(0) == 0)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn subsets_of_bits_are_subsets_of_names_beyond_one_word_too() {
        let mut names = Names::default();
        let words: Vec<String> = (0..200).map(|i| format!("cap-{i}")).collect();
        let all: TextSet = words.iter().map(String::as_str).collect();
        names.intern(&all);
        let picks = [vec![], vec![0], vec![63], vec![64], vec![0, 64, 199], vec![199], vec![1, 2, 130]];
        for a in &picks {
            for b in &picks {
                let set = |pick: &Vec<usize>| pick.iter().map(|&i| words[i].as_str()).collect::<TextSet>();
                assert_eq!(
                    names.known(&set(a)).is_subset(&names.known(&set(b))),
                    set(a).is_subset(&set(b)),
                    "{a:?} {b:?}"
                );
            }
        }
    }

    #[test]
    fn names_no_task_needs_are_left_out() {
        let mut names = Names::default();
        let rust: TextSet = ["rust"].into_iter().collect();
        names.intern(&rust);
        let agent: TextSet = ["go", "rust"].into_iter().collect();
        assert_eq!(names.known(&agent), names.known(&rust));
    }
}
