//! Constants and parameters.

use crate::{check_predicate, refuse};

#[test]
fn numbers() {
    check_predicate("0", "0");
    check_predicate("007", "7");
    check_predicate("9223372036854775807", "9223372036854775807");
    check_predicate("-9223372036854775808", "-9223372036854775808");
    check_predicate("−9223372036854775808", "-9223372036854775808");
    check_predicate("- -9223372036854775808", "(Minus -9223372036854775808)");
    check_predicate("-9223372036854775807", "(Minus 9223372036854775807)");
    check_predicate("1 - -9223372036854775808", "(Subtract 1 -9223372036854775808)");
    check_predicate("0.95", "0.95");
    check_predicate("1.0", "1.0");
    check_predicate("1e3", "1000.0");
    check_predicate("2.5E-3", "0.0025");
    check_predicate("1e+2", "100.0");
    check_predicate("-1.5", "(Minus 1.5)");
}

#[test]
fn numbers_that_do_not_fit() {
    let max = "the largest is 9223372036854775807";
    refuse("SELECT 9223372036854775808 FROM t", "too large for a 64-bit integer", "9223372036854775808", max);
    refuse(
        "SELECT 1-9223372036854775808 FROM t",
        "too large for a 64-bit integer",
        "9223372036854775808",
        max,
    );
    refuse(
        "SELECT -(9223372036854775808) FROM t",
        "too large for a 64-bit integer",
        "9223372036854775808",
        max,
    );
    refuse("SELECT 1e309 FROM t", "too large for a decimal", "1e309", "the largest is 1.8e308");
    refuse(
        "SELECT next_task AS OF POSITION 18446744073709551616",
        "too large for a position",
        "18446744073709551616",
        "the largest is 18446744073709551615",
    );
    refuse("SELECT next_task AS OF POSITION 1.5", "a position is a whole number", "1.5", "");
    refuse("SELECT a FROM t LIMIT 1.5", "expected a whole number, found 1.5", "1.5", "");
    refuse(
        "SELECT a FROM t LIMIT 9223372036854775808",
        "too large for a 64-bit integer",
        "9223372036854775808",
        max,
    );
    refuse("SELECT a[1.5] FROM t", "an index is a whole number", "1.5", "");
    refuse(
        "SELECT a[99999999999999999999] FROM t",
        "too large for an index",
        "99999999999999999999",
        "the largest is 18446744073709551615",
    );
}

#[test]
fn texts() {
    check_predicate("''", "''");
    check_predicate("'it''s'", "'it's'");
    check_predicate("''''", "'''");
    check_predicate("'-- no comment; \"no name\" {no set}'", "'-- no comment; \"no name\" {no set}'");
    check_predicate("'two\nlines'", "'two\nlines'");
    check_predicate("'\0 and ∅ and 🦀'", "'\0 and ∅ and 🦀'");
    check_predicate(r"'no \n escape'", r"'no \n escape'");
}

#[test]
fn durations_are_one_word() {
    check_predicate("250ms", "250ms");
    check_predicate("90s", "90s");
    check_predicate("15m", "900s");
    check_predicate("24h", "86400s");
    check_predicate("7d", "604800s");
    check_predicate("2w", "1209600s");
    check_predicate("0s", "0ns");
    check_predicate("-15m", "(Minus 900s)");
    check_predicate("9223372036854775ms", "9223372036854.775s");
    let max = "the largest is 9223372036854775ms";
    refuse("SELECT 9223372036854776ms FROM t", "too large for a duration", "9223372036854776ms", max);
    refuse("SELECT 99999999999999999999w FROM t", "too large for a duration", "99999999999999999999w", max);
    refuse("SELECT 18446744073709551615w FROM t", "too large for a duration", "18446744073709551615w", max);
}

#[test]
fn constants() {
    check_predicate("true", "true");
    check_predicate("FALSE", "false");
    check_predicate("Null", "null");
}

#[test]
fn sets_have_no_order_and_no_repetition() {
    check_predicate("{}", "{}");
    check_predicate("{ }", "{}");
    check_predicate("{sql, rust, sql}", r#"{"rust", "sql"}"#);
    check_predicate("{'c++', 'node.js'}", r#"{"c++", "node.js"}"#);
    check_predicate("{'it''s', rust}", r#"{"it's", "rust"}"#);
    check_predicate("{Rust, rust}", r#"{"Rust", "rust"}"#);
    check_predicate("{select, null, _x1}", r#"{"_x1", "null", "select"}"#);
    check_predicate("{'a', a}", r#"{"a"}"#);
}

#[test]
fn parameters() {
    check_predicate("$1", "Numbered(1)");
    check_predicate("$42", "Numbered(42)");
    check_predicate("$caps", r#"Named("caps")"#);
    check_predicate("$Select", r#"Named("Select")"#);
    check_predicate("$_", r#"Named("_")"#);
    refuse("SELECT $0 FROM t", "there is no parameter $0", "$0", "the first is $1");
    refuse(
        "SELECT $4294967296 FROM t",
        "too large for a parameter's number",
        "$4294967296",
        "the largest is 4294967295",
    );
}
