//! What somebody probably meant who wrote a word that is not known.

use super::fields::SHORT_BYTES_MAX;

/// The candidate that `word` was probably meant to be: at most a third of its letters differ.
pub(crate) fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    if word.len() > SHORT_BYTES_MAX {
        return None;
    }
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut two_up = vec![0; b.len() + 1];
    let mut up: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = up[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(up[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(two_up[j - 2] + 1);
            }
        }
        two_up = std::mem::replace(&mut up, row);
    }
    up[b.len()]
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn nearness() {
        let words = ["status", "title", "priority"];
        assert_eq!(nearest("statsu", words.into_iter()), Some("status"));
        assert_eq!(nearest("prio", words.into_iter()), None);
        assert_eq!(nearest("zzz", words.into_iter()), None);
    }
}
