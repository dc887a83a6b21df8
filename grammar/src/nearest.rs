//! "Did you mean …?"

/// Longest word compared, in characters: nobody misspells longer ones by two letters, and the comparison is
/// quadratic.
const COMPARED_CHARS_MAX: usize = 64;

/// The candidate that `word` most likely misspells, if one is near: at most one slip in a word of up to four
/// letters, two in a longer one. A slip is a letter too many, too few, wrong, or swapped with its neighbour;
/// case does not count. Of equally near candidates the first.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = folded(word);
    if word.len() > COMPARED_CHARS_MAX {
        return None;
    }
    let slips_max = if word.len() <= 4 { 1 } else { 2 };
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = folded(candidate);
        if other.len().abs_diff(word.len()) > slips_max {
            continue;
        }
        let slips = distance(&word, &other);
        let is_likely = slips <= slips_max && slips < word.len().max(other.len());
        if is_likely && best.is_none_or(|(least, _)| slips < least) {
            best = Some((slips, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).collect()
}

/// The optimal string alignment distance: Levenshtein's, with swapped neighbours as one slip.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod test {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let columns = ["status", "title", "id", "created_at"];
        assert_eq!(nearest("statsu", columns), Some("status"));
        assert_eq!(nearest("STATUS_", columns), Some("status"));
        assert_eq!(nearest("titel", columns), Some("title"));
        assert_eq!(nearest("createdat", columns), Some("created_at"));
        assert_eq!(nearest("di", columns), Some("id"));
    }

    #[test]
    fn leaves_strangers_alone() {
        assert_eq!(nearest("priority", ["status", "id"]), None);
        assert_eq!(nearest("x", ["y", "id"]), None);
        assert_eq!(nearest("", ["id", "a"]), None);
        assert_eq!(nearest(&"a".repeat(10_000), ["a"]), None);
    }

    #[test]
    fn prefers_the_nearer_and_then_the_first() {
        assert_eq!(nearest("tasks_", ["task", "tasks"]), Some("tasks"));
        assert_eq!(nearest("ac", ["ab", "ad"]), Some("ab"));
    }
}
