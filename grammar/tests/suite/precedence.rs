//! Which sign binds tighter, pair by pair.

use crate::{check_predicate, refuse};

/// The levels with two operands, tightest first, each with one of its signs and that sign's name.
const LEVELS: [(&str, &str); 7] = [
    ("*", "Multiply"),
    ("+", "Add"),
    ("∩", "Intersect"),
    ("∪", "Union"),
    ("=", "Equal"),
    ("AND", "And"),
    ("OR", "Or"),
];

#[test]
fn a_tighter_level_binds_on_either_side() {
    for (tight, (tight_sign, tight_name)) in LEVELS.iter().enumerate() {
        for (loose_sign, loose_name) in &LEVELS[tight + 1..] {
            check_predicate(
                &format!("a {tight_sign} b {loose_sign} c"),
                &format!("({loose_name} ({tight_name} a b) c)"),
            );
            check_predicate(
                &format!("a {loose_sign} b {tight_sign} c"),
                &format!("({loose_name} a ({tight_name} b c))"),
            );
            check_predicate(
                &format!("(a {loose_sign} b) {tight_sign} c"),
                &format!("({tight_name} ({loose_name} a b) c)"),
            );
        }
    }
}

#[test]
fn signs_of_one_level_go_from_left_to_right() {
    let levels: [&[(&str, &str)]; 4] = [
        &[("*", "Multiply"), ("/", "Divide"), ("%", "Modulo")],
        &[("+", "Add"), ("-", "Subtract"), ("||", "Concat")],
        &[("∩", "Intersect"), ("&", "Intersect")],
        &[("∪", "Union"), ("∖", "Difference"), ("|", "Union"), ("\\", "Difference")],
    ];
    for level in levels {
        for (first, first_name) in level {
            for (second, second_name) in level {
                check_predicate(
                    &format!("a {first} b {second} c"),
                    &format!("({second_name} ({first_name} a b) c)"),
                );
            }
        }
    }
}

#[test]
fn minus_binds_tighter_than_signs_and_looser_than_paths() {
    check_predicate("-a * b", "(Multiply (Minus a) b)");
    check_predicate("a * -b", "(Multiply a (Minus b))");
    check_predicate("-a.b[0]", "(Minus (path a .b[0]))");
    check_predicate("-f(a)", "(Minus (f() [a]))");
}

#[test]
fn not_binds_looser_than_comparisons_and_tighter_than_and() {
    check_predicate("NOT a = b", "(Not (Equal a b))");
    check_predicate("NOT a AND b", "(And (Not a) b)");
    check_predicate("a AND NOT b OR c", "(Or (And a (Not b)) c)");
    check_predicate("NOT a IN (1)", "(Not (in a [1]))");
    check_predicate("NOT a IS NULL", "(Not (null a))");
    check_predicate("NOT a BETWEEN 1 AND 2", "(Not (between a 1 2))");
    check_predicate("NOT (a OR b)", "(Not (Or a b))");
}

#[test]
fn every_test_takes_values_on_both_sides() {
    for (test, expected) in [
        ("LIKE", "Like"),
        ("NOT ILIKE", "NotILike"),
        ("MATCHES", "Matches"),
        ("⊆", "Subset"),
        ("OVERLAPS", "Overlaps"),
        ("∈", "In"),
        ("NOT IN", "NotIn"),
    ] {
        check_predicate(
            &format!("a ∪ b {test} c ∖ d AND e"),
            &format!("(And ({expected} (Union a b) (Difference c d)) e)"),
        );
    }
    check_predicate("a || b IN (c)", "(in (Concat a b) [c])");
    check_predicate("a ∩ b IS NOT NULL", "(not_null (Intersect a b))");
}

/// A long chain makes a tree of logarithmic height; operands keep their order.
#[test]
fn chains_of_and_and_or_are_balanced() {
    check_predicate("a AND b AND c", "(And (And a b) c)");
    check_predicate("a AND b AND c AND d", "(And (And a b) (And c d))");
    check_predicate("a OR b OR c OR d OR e", "(Or (Or (Or a b) c) (Or d e))");
    check_predicate("a AND (b AND (c AND d))", "(And a (And b (And c d)))");
    check_predicate("a OR b AND c OR d", "(Or (Or a (And b c)) d)");
}

#[test]
fn comparisons_do_not_chain() {
    let hint = "write `a < b AND b < c`, or put one comparison in parentheses";
    for (second, sign) in [
        ("= c", "="),
        ("<> c", "<>"),
        ("⊆ c", "⊆"),
        ("SUBSET  OF c", "SUBSET  OF"),
        ("LIKE 'x'", "LIKE"),
        ("NOT LIKE 'x'", "NOT LIKE"),
        ("IN (1)", "IN"),
        ("NOT IN (SELECT a FROM t)", "NOT IN"),
        ("BETWEEN 1 AND 2", "BETWEEN"),
        ("IS NOT NULL", "IS NOT NULL"),
        ("MATCHES 'x'", "MATCHES"),
    ] {
        for first in ["a < b", "a IN (1, 2)", "a IS NULL", "a BETWEEN 1 AND 2", "a LIKE 'x'"] {
            refuse(
                &format!("SELECT a FROM t WHERE {first} {second}"),
                "comparisons do not chain",
                sign,
                hint,
            );
        }
    }
    // Signs that join conditions in other languages.
    let and = "conditions are joined with AND; `&&` asks whether two sets share a member";
    let or = "conditions are joined with OR; `||` joins texts";
    refuse("SELECT a FROM t WHERE a < b && c", "comparisons do not chain", "&&", and);
    refuse("SELECT a FROM t WHERE a && b < c", "comparisons do not chain", "<", and);
    refuse("SELECT a FROM t WHERE a < 1 || b < c", "comparisons do not chain", "<", or);
    check_predicate("(a < b) = (b < c)", "(Equal (Less a b) (Less b c))");
}
