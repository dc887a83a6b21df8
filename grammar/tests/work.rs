//! How much work a text is: pest's own count of calls, which no clock and no other process changes. A test of its
//! own, because the limit that finds the count is that of a whole process.

use agentpm_grammar::{Code, parse};
use std::num::NonZeroUsize;

/// More calls than any of these texts takes.
const CALLS_MAX: usize = 1 << 32;

/// Whether a text is read to its end, or to its error, within so many calls.
fn suffices(text: &str, calls: usize) -> bool {
    pest::set_call_limit(NonZeroUsize::new(calls));
    let is_cut_short = parse(text).is_err_and(|error| error.code == Code::TooComplex);
    pest::set_call_limit(None);
    !is_cut_short
}

/// The fewest calls a text is read or refused with, to a hundredth.
fn calls(text: &str) -> usize {
    assert!(suffices(text, CALLS_MAX), "{}…", text.chars().take(60).collect::<String>());
    let (mut low, mut high) = (1, CALLS_MAX);
    while high - low > high / 100 + 1 {
        let middle = low.midpoint(high);
        if suffices(text, middle) { high = middle } else { low = middle }
    }
    high
}

/// Four times the text is four times the work, not sixteen times: for lists of every kind, for chains, and for nests,
/// whole and broken at the end.
#[test]
fn work_grows_with_the_text() {
    let shapes = [
        ("SELECT a", ", a", " FROM t", 300),
        ("SELECT a FROM t WHERE a = 1", " AND a = 1", "", 300),
        ("SELECT a FROM t WHERE a", " OR NOT a", "", 300),
        ("SELECT a FROM t WHERE a IN (1", ", 1", ")", 300),
        ("SELECT a FROM t WHERE a ⊆ {a", ", a", "}", 300),
        ("SELECT a FROM t", " JOIN t ON a", "", 100),
        ("SELECT CASE", " WHEN a THEN b", " END FROM t", 100),
        ("SELECT a", ".a", " FROM t", 300),
        ("SELECT a FROM t GROUP BY a", ", a", "", 300),
        ("SELECT a FROM t ORDER BY a", ", a DESC NULLS LAST", "", 100),
        ("WITH a AS (SELECT a FROM t)", ", a AS (SELECT a FROM t)", " SELECT a FROM a", 100),
        ("SELECT a", " + 1", " FROM t", 30),
        ("SELECT ", "(", "1", 30),
        ("SELECT ", "f(1, ", "1", 30),
        ("SELECT ", "CASE WHEN a THEN ", "1", 30),
        ("SELECT a FROM t WHERE ", "a IN (SELECT a FROM t WHERE ", "1", 10),
        ("SELECT a FROM t WHERE ", "NOT (a = ", "b", 30),
        // Refused at the very end.
        ("SELECT a", ", a", " FROM", 300),
        ("SELECT a FROM t WHERE a", " OR NOT a", " OR", 300),
        ("SELECT a FROM t WHERE ", "(a = 1) AND ", "=", 300),
    ];
    for (head, unit, tail, count) in shapes {
        let small = calls(&format!("{head}{}{tail}", unit.repeat(count)));
        let large = calls(&format!("{head}{}{tail}", unit.repeat(count * 4)));
        assert!(large < small * 5, "{head}{unit}…{tail}: {small} calls for {count}, {large} for four times");
    }
}
