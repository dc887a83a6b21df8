//! The words of the language.

/// The reserved words: never names unless `"quoted"`. Every other word is a keyword only where the grammar
/// asks for one. Lower case.
pub const RESERVED: [&str; 35] = [
    "and", "as", "between", "by", "case", "cast", "distinct", "else", "end", "exists", "false", "from",
    "group", "having", "ilike", "in", "inner", "is", "join", "left", "like", "limit", "not", "null", "of",
    "offset", "on", "or", "order", "select", "then", "true", "when", "where", "with",
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
