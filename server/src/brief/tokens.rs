//! How many tokens of a language model a text is, about: no tokenizer, but never far below one.
//!
//! Tokenizers of today give a token or two to a word, but one to three digits and one to a few signs, of which JSON is
//! full, and at least one to a character that is not ASCII. So each run of letters (with the blank before it) counts a
//! token for every six, each run of digits and each run of other signs one for every three, every other character one;
//! and never less than a token for four bytes.

/// Letters that are about one token.
const LETTERS: usize = 6;

/// Digits, or signs, that are about one token.
const DIGITS: usize = 3;

/// Bytes that are a token at least.
const BYTES: usize = 4;

/// What runs are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letters,
    Digits,
    Signs,
}

/// The tokens of a text, about.
pub(crate) fn estimate(text: &str) -> usize {
    let mut tokens = 0;
    let (mut run, mut length) = (Kind::Letters, 0);
    let end = |run: Kind, length: usize| match run {
        Kind::Letters => length.div_ceil(LETTERS),
        Kind::Digits | Kind::Signs => length.div_ceil(DIGITS),
    };
    for c in text.chars() {
        let kind = match c {
            ' ' | 'a'..='z' | 'A'..='Z' => Kind::Letters,
            '0'..='9' => Kind::Digits,
            c if c.is_ascii() => Kind::Signs,
            _ => {
                tokens += end(run, length) + 1;
                length = 0;
                continue;
            }
        };
        // A blank belongs to the word after it.
        if kind != run || c == ' ' {
            tokens += end(run, length);
            (run, length) = (kind, 0);
        }
        length += 1;
    }
    (tokens + end(run, length)).max(text.len().div_ceil(BYTES))
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts() {
        for (text, tokens) in [
            ("", 0),
            ("word", 1),
            ("a word", 2),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", 11),
            (r#"{"id":"t1"}"#, 6),
            ("größe", 4),
            ("日本", 2),
        ] {
            assert_eq!(estimate(text), tokens, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_less_than_a_token_for_four_bytes(text in ".{0,200}") {
            prop_assert!(estimate(&text) * 4 >= text.len());
        }

        /// So that the sum over the parts of a document is enough for the whole.
        #[test]
        fn parts_are_not_less_than_the_whole(one in ".{0,40}", other in ".{0,40}") {
            let whole = [&*one, &*other].concat();
            prop_assert!(estimate(&one) + estimate(&other) >= estimate(&whole));
        }
    }
}
