//! The bounds: how long a text, how deep a nest; and that no text within them costs more than its length.

use agentpm_grammar::{Code, Error, NESTING_MAX, TEXT_BYTES_MAX, parse, parse_predicate};
use std::time::{Duration, Instant};

/// The stack that async runtimes give their threads; even an unoptimised parser needs no more.
const STACK_BYTES: usize = 2 << 20;

/// No text may take longer. In an unoptimised build and on a busy machine the slowest takes two seconds; one
/// read in quadratic time would take minutes, one in exponential time for ever.
const PARSE_TIME_MAX: Duration = Duration::from_secs(30);

/// Parses and drops on a small stack, and prints what was read; gives the error.
fn read(text: String) -> Option<Error> {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        let start = Instant::now();
        let parsed = parse(&text);
        assert!(start.elapsed() < PARSE_TIME_MAX, "{:?} for {} bytes", start.elapsed(), text.len());
        match parsed {
            Ok(statement) => {
                // Blanks can make the printed text longer than a text may be.
                let printed = statement.to_string();
                if printed.len() <= TEXT_BYTES_MAX {
                    assert_eq!(parse(&printed).map(|again| again.to_string()), Ok(printed));
                }
                assert!(statement.clone() == statement);
                None
            }
            Err(error) => Some(error),
        }
    });
    thread.expect("a thread").join().expect("no panic and no overflow")
}

/// `head`, as many `unit`s as fit, `tail`: as long as a text may be, or nearly.
fn full(head: &str, unit: &str, tail: &str) -> String {
    let count = (TEXT_BYTES_MAX - head.len() - tail.len()) / unit.len();
    format!("{head}{}{tail}", unit.repeat(count))
}

#[test]
fn a_text_is_at_most_64_kib_long() {
    let longest = full("SELECT a FROM t WHERE a = '", "x", "'");
    assert_eq!(longest.len(), TEXT_BYTES_MAX);
    assert_eq!(read(longest.clone()), None);
    for too_long in [format!("{longest} "), "(".repeat(1 << 20), " ".repeat(1 << 24)] {
        let errors = [parse(&too_long).err(), parse_predicate(&too_long).err()];
        for error in errors.into_iter().flatten() {
            assert_eq!(error.code, Code::TooComplex);
            assert!(error.message.contains("at most 65536"), "{}", error.message);
        }
    }
    assert!(parse_predicate(&format!("{longest} ")).is_err());
}

/// Each nest once as deep as it may be, and once a level deeper; and once at each depth with its middle broken.
#[test]
fn nests_are_at_most_128_deep() {
    let nests = [
        ("(", "1", ")"),
        ("-(", "1", ")"),
        ("f(", "a", ")"),
        ("f(1, ", "a", ", 2)"),
        ("(", "a", ")[0]"),
        ("CASE WHEN ", "a", " THEN b END"),
        ("CASE ", "a", " WHEN b THEN c END"),
        ("CASE WHEN a THEN b ELSE ", "c", " END"),
        ("CAST(", "a", " AS int)"),
        ("a IN (", "1", ")"),
        ("a = (", "b", ")"),
        ("a AND (", "b", ")"),
        ("NOT (", "b", ")"),
    ];
    for (open, middle, close) in nests {
        let nest = |depth: usize, middle: &str| {
            format!("SELECT a FROM t WHERE {}{middle}{}", open.repeat(depth), close.repeat(depth))
        };
        // What carries a node per level besides its bracket is as deep with one bracket fewer.
        let deepest = [NESTING_MAX, NESTING_MAX - 1].map(|depth| read(nest(depth, middle)));
        assert!(deepest.contains(&None), "{open}: {deepest:?}");
        let error = read(nest(NESTING_MAX + 1, middle)).expect("too deep");
        assert_eq!(error.code, Code::TooComplex, "{open}");
        for broken in ["a b", "=", "1 2 3", "SELECT"] {
            let error = read(nest(NESTING_MAX, broken)).expect("broken");
            assert_eq!(error.code, Code::Syntax, "{open}{broken}: {}", error.message);
        }
        // Without an end as well.
        assert!(read(format!("SELECT a FROM t WHERE {}", open.repeat(NESTING_MAX))).is_some());
        assert!(read(full("SELECT a FROM t WHERE ", open, "")).is_some());
    }
}

#[test]
fn nests_of_selects_are_bounded_too() {
    let nests = [
        ("SELECT a FROM (", "SELECT a FROM t", ") s"),
        ("SELECT a FROM t JOIN (", "SELECT a FROM t", ") s ON b"),
        ("SELECT a FROM t WHERE EXISTS (", "SELECT a FROM t", ")"),
        ("SELECT a FROM t WHERE b IN (", "SELECT a FROM t", ")"),
        ("SELECT a FROM t WHERE NOT b = c OR b NOT IN (", "SELECT a FROM t", ") GROUP BY d"),
    ];
    for (open, middle, close) in nests {
        let nest = |depth: usize| format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
        // At most three nodes a level: the select, its IN, its OR.
        assert_eq!(read(nest(NESTING_MAX / 3 - 1)), None, "{open}");
        let error = read(nest(NESTING_MAX + 1)).expect("too deep");
        assert_eq!(error.code, Code::TooComplex, "{open}");
        for depth in [NESTING_MAX / 2, NESTING_MAX] {
            for broken in
                [format!("{}{middle}", open.repeat(depth)), format!("{}SELECT{}", open.repeat(depth), close)]
            {
                assert_eq!(read(broken).expect("broken").code, Code::Syntax, "{open}");
            }
        }
    }
}

/// A closing bracket that closes nothing, or an END that is a key, never makes room for more.
#[test]
fn the_count_of_a_nest_is_not_fooled() {
    for (open, close) in
        [("(", "]"), ("(", " END "), ("CASE ", ")"), ("CASE WHEN a.", "end = "), ("(a.case + ", "")]
    {
        let text = format!("SELECT a FROM t WHERE {}", format!("{open}{close}").repeat(400));
        let error = read(text).expect("refused");
        assert!([Code::TooComplex, Code::Syntax].contains(&error.code));
    }
    let keys = format!("SELECT a{} FROM t", ".case".repeat(200));
    assert_eq!(read(keys), None);
    let aliases = format!("SELECT a AS case{} FROM t", ", a AS case".repeat(200));
    assert_eq!(read(aliases), None);
    let in_text = format!("SELECT '{}' FROM t", "(".repeat(200));
    assert_eq!(read(in_text), None);
    let in_comment = format!("SELECT a -- {}\n FROM t", "(".repeat(200));
    assert_eq!(read(in_comment), None);
}

/// What stands in a row without brackets makes a tree as high as it is long.
#[test]
fn rows_of_operators_are_bounded() {
    for (unit, last) in
        [("1 + ", "1"), ("1 * ", "1"), ("a || ", "a"), ("a ∪ ", "a"), ("- ", "a"), ("NOT ", "a")]
    {
        let row = |count: usize| format!("SELECT a FROM t WHERE {}{last}", unit.repeat(count));
        assert_eq!(read(row(NESTING_MAX - 1)), None, "{unit}");
        for count in [NESTING_MAX, NESTING_MAX * 2, 20_000] {
            let error = read(row(count)).expect("too high");
            assert_eq!(error.code, Code::TooComplex, "{unit}");
        }
    }
    // In brackets the rows add up.
    let mut text = "SELECT a FROM t WHERE ".to_owned();
    text.push_str(&format!("({}", "1 + ".repeat(100)).repeat(100));
    text.push('1');
    text.push_str(&")".repeat(100));
    assert_eq!(read(text).expect("too high").code, Code::TooComplex);
}

/// AND and OR may stand in a row as long as the text: their trees are balanced.
#[test]
fn rows_of_and_and_or_are_not_bounded() {
    assert_eq!(read(full("SELECT a FROM t WHERE a = 1", " AND a = 1", "")), None);
    assert_eq!(read(full("SELECT a FROM t WHERE a", " OR NOT a", "")), None);
    assert_eq!(read(full("SELECT a FROM t WHERE a", " OR a AND a", "")), None);
    assert_eq!(read(full("SELECT a FROM t WHERE (a", " AND a", ") OR b")), None);
}

/// Lists make wide trees, and those have no bound but the text's.
#[test]
fn long_lists_are_read() {
    assert_eq!(read(full("SELECT a", ",a", " FROM t")), None);
    assert_eq!(read(full("SELECT a FROM t WHERE a IN (1", ",1", ")")), None);
    assert_eq!(read(full("SELECT a FROM t WHERE a <@ {a", ",a", "}")), None);
    assert_eq!(read(full("SELECT a FROM t", " JOIN t ON a", "")), None);
    assert_eq!(read(full("SELECT CASE", " WHEN a THEN b", " END FROM t")), None);
    assert_eq!(read(full("SELECT a", ".a", " FROM t")), None);
    assert_eq!(
        read(full("WITH a AS (SELECT a FROM t)", ",a AS (SELECT a FROM t)", " SELECT a FROM a")),
        None
    );
}

/// One kind of token, as many as fit: read or refused, in time.
#[test]
fn long_texts_of_one_token_are_read_or_refused() {
    let units = [
        " ", "\n", "--\n", "a", "a ", "1", "1 ", "'", "''", "' ", "\"", "\"\"", "\"a\"", "(", ")", "[", "]",
        "{", "}", "{}", ",", ".", ";", "*", "-", "- ", "+", "<", "<@", "=", "⊆", "∪", "&", "|", "$1", "$",
        "15m", "case ", "end ", "select ", "not ", "\0", "é", "🦀", "a.", "a,", "a(", "1e", "0.", "as of ",
        "exists(", "in(", "a in ",
    ];
    for unit in units {
        read(full("SELECT a FROM t WHERE ", unit, ""));
    }
}
