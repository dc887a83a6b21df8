//! Words by number: a column that says the same few things again and again keeps each of them once.

use rustc_hash::FxHashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The number of a word; zero is none.
pub(super) type Code = u32;

/// The words of a column, in the order they came. `W` is `str`, or `[Text]` for sets.
#[derive(Debug)]
pub(super) struct Words<W: ?Sized> {
    codes: FxHashMap<Arc<W>, Code>,
    /// Shared with whoever reads a moment; copied if words come while somebody does.
    words: Arc<Vec<Arc<W>>>,
}

impl<W: ?Sized> Default for Words<W>
where
    Arc<W>: Eq + Hash,
{
    fn default() -> Self {
        Self { codes: FxHashMap::default(), words: Arc::default() }
    }
}

impl<W: ?Sized + Eq + Hash> Words<W>
where
    Arc<W>: for<'a> From<&'a W>,
{
    /// The number of a word, a new one if it never came before.
    pub(super) fn code(&mut self, word: &W) -> Code {
        if let Some(code) = self.codes.get(word) {
            return *code;
        }
        let kept = Arc::<W>::from(word);
        let words = Arc::make_mut(&mut self.words);
        words.push(kept.clone());
        let code = Code::try_from(words.len()).expect("fewer words than 2^32: each takes more than a byte");
        self.codes.insert(kept, code);
        code
    }

    /// All words so far; the word of a code is at the place before it.
    pub(super) fn all(&self) -> &Arc<Vec<Arc<W>>> {
        &self.words
    }

    /// Bytes of its tables and its words.
    pub(super) fn bytes(&self) -> usize {
        let entry = size_of::<(Arc<W>, Code)>() + 1 + size_of::<Arc<W>>();
        let words: usize = self.words.iter().map(|word| size_of_val::<W>(word) + 16).sum();
        self.codes.capacity() * entry + words
    }
}

impl<W: ?Sized + Eq + Hash> Words<W> {
    /// The word of a code.
    pub(super) fn word(words: &[Arc<W>], code: Code) -> Option<&Arc<W>> {
        words.get((code as usize).checked_sub(1)?)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_word_keeps_its_number() {
        let mut words = Words::<str>::default();
        assert_eq!([words.code("open"), words.code(""), words.code("open")], [1, 2, 1]);
        let seen = words.all().clone();
        assert_eq!(words.code("blocked"), 3);
        assert_eq!((seen.len(), words.all().len()), (2, 3));
        let word = |code| Words::word(words.all(), code).map(|word| &**word);
        assert_eq!([word(0), word(1), word(2), word(4)], [None, Some("open"), Some(""), None]);
    }
}
