//! The words of the language.

/// The reserved words: never names unless `"quoted"`. Every other word is a keyword only where the grammar
/// asks for one. Lower case.
pub const RESERVED: [&str; 35] = [
    "and", "as", "between", "by", "case", "cast", "distinct", "else", "end", "exists", "false", "from",
    "group", "having", "ilike", "in", "inner", "is", "join", "left", "like", "limit", "not", "null", "of",
    "offset", "on", "or", "order", "select", "then", "true", "when", "where", "with",
];

/// Every keyword, those included that are names where the grammar asks for none. Lower case; for completion.
pub const KEYWORDS: [&str; 65] = [
    "after",
    "ago",
    "analyze",
    "and",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "claim",
    "create",
    "desc",
    "describe",
    "distinct",
    "drop",
    "else",
    "end",
    "event",
    "exists",
    "explain",
    "false",
    "first",
    "for",
    "from",
    "group",
    "having",
    "history",
    "ilike",
    "in",
    "inner",
    "is",
    "join",
    "last",
    "lease",
    "left",
    "like",
    "limit",
    "matches",
    "next_task",
    "not",
    "now",
    "null",
    "nulls",
    "of",
    "offset",
    "on",
    "or",
    "order",
    "overlaps",
    "position",
    "projection",
    "proper",
    "select",
    "show",
    "start",
    "subscribe",
    "subset",
    "superset",
    "tables",
    "then",
    "true",
    "when",
    "where",
    "with",
];

/// Whether `word`, in any case, is reserved.
#[must_use]
pub fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}

/// Whether `text` has the shape of a word: an ASCII letter or `_`, then letters, digits and `_`.
#[must_use]
pub fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod test {
    use super::*;

    /// Joins of other dialects, which the grammar knows only in order to refuse them.
    const REFUSED: [&str; 4] = ["cross", "full", "natural", "right"];

    #[test]
    fn the_keywords_are_those_of_the_grammar() {
        let rules = include_str!("pql.pest").lines().filter_map(|line| line.strip_prefix("kw_"));
        let mut words: Vec<&str> = rules.filter_map(|rule| rule.split(' ').next()).collect();
        words.retain(|word| !REFUSED.contains(word));
        words.sort_unstable();
        assert_eq!(words, KEYWORDS);
        assert!(RESERVED.iter().all(|word| KEYWORDS.contains(word)));
    }
}
