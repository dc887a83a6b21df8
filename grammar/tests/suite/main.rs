//! The language, subject by subject. Nearly every test is a list of texts and what they must give, through
//! one function: [`check`].

mod bounds;
mod clauses;
mod dump;
mod errors_of_clauses;
mod errors_of_expressions;
mod errors_of_statements;
mod errors_of_tokens;
mod examples;
mod literals;
mod moments;
mod names;
mod operators;
mod precedence;
mod reference;
mod round_trip;
mod spans;
mod statements;
mod strip;
mod trees;
mod variants;

use agentpm_grammar::{parse, parse_predicate};
use std::panic::Location;

/// Parses `input`, a statement, and compares its tree as [`dump`] draws it, or the error as it is rendered
/// without its first `input` line (the carets keep their column), with `expected`.
#[track_caller]
fn check(input: &str, expected: &str) {
    let found = match parse(input) {
        Ok(statement) => dump::statement(&statement),
        Err(error) => error.render(input).to_string(),
    };
    compare(input, &found, expected);
}

/// The same for a bare predicate.
#[track_caller]
fn check_predicate(input: &str, expected: &str) {
    let found = match parse_predicate(input) {
        Ok(expr) => dump::expr(&expr),
        Err(error) => error.render(input).to_string(),
    };
    compare(input, &found, expected);
}

/// A statement's error: its message, what its span covers, and its hint (empty for none).
#[track_caller]
fn refuse(input: &str, message: &str, at: &str, hint: &str) {
    let found = match parse(input) {
        Ok(statement) => format!("accepted: {}", dump::statement(&statement)),
        Err(error) => {
            let at = &input[error.span.start..error.span.end];
            format!("{}\n  at [{at}]\n  hint: {}", error.message, error.hint.unwrap_or_default())
        }
    };
    compare(input, &found, &format!("{message}\n  at [{at}]\n  hint: {hint}"));
}

#[track_caller]
fn compare(input: &str, found: &str, expected: &str) {
    let at = Location::caller();
    assert!(found == expected, "{at}\n--- input\n{input}\n--- expected\n{expected}\n--- found\n{found}\n");
}
