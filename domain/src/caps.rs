//! Sets of words: capabilities and labels.

use serde::{Deserialize, Serialize};
use std::sync::{Arc, LazyLock};
use store::Text;

/// A set of texts, kept sorted and without repetition. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Vec<Text>")]
pub struct TextSet(Arc<[Text]>);

static EMPTY: LazyLock<TextSet> = LazyLock::new(|| TextSet(Arc::from([])));

impl TextSet {
    /// The members, sorted by byte.
    #[must_use]
    pub fn as_slice(&self) -> &[Text] {
        &self.0
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `word` is a member.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        self.0.binary_search_by(|member| (**member).cmp(word)).is_ok()
    }

    /// Whether every member is one of `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().all(|word| other.contains(word))
    }
}

/// Members that are sorted by byte and without repetition already, as those of another set are.
impl From<Arc<[Text]>> for TextSet {
    fn from(members: Arc<[Text]>) -> Self {
        debug_assert!(members.is_sorted_by(|a, b| a < b), "members of a set");
        Self(members)
    }
}

impl Default for TextSet {
    fn default() -> Self {
        EMPTY.clone()
    }
}

impl From<Vec<Text>> for TextSet {
    fn from(mut words: Vec<Text>) -> Self {
        if words.is_empty() {
            return Self::default();
        }
        words.sort_unstable();
        words.dedup();
        Self(words.into())
    }
}

impl<'a> FromIterator<&'a str> for TextSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        words.into_iter().map(Text::from).collect::<Vec<_>>().into()
    }
}
