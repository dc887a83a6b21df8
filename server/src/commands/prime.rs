//! `agentpm prime`: what an agent must know to work with this, in few enough words for its window.

use super::output::print_bytes;
use crate::failure::Failure;

/// The text. Its commands use each flag that an agent needs, and a test carries all of them out.
const TEXT: &str = include_str!("prime.md");

pub(super) fn run() -> Result<(), Failure> {
    print_bytes(TEXT.as_bytes())
}

#[cfg(test)]
mod test {
    use super::*;

    /// Tokens of a model's window that it may take.
    const TOKENS_MAX: usize = 1_000;

    #[test]
    fn it_is_short() {
        let tokens = crate::brief::estimate(TEXT);
        assert!(tokens < TOKENS_MAX, "about {tokens} tokens");
        assert!(TEXT.len() / 4 < TOKENS_MAX);
    }

    #[test]
    fn its_lines_fit_a_page() {
        assert!(TEXT.lines().all(|line| line.chars().count() <= 120));
    }
}
