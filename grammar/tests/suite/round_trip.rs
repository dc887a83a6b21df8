//! What is printed is read back as the same tree, whatever the tree.

use super::strip::{strip, strip_expr};
use super::trees::{expr, statement};
use super::variants;
use agentpm_grammar::{RESERVED, parse, parse_predicate};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// Draws 256 values, the same in every run, and demands that all pass. On a thread of its own: proptest's strategies are values as
/// large as the grammar, and in an unoptimised build they overflow a test's own 2 MiB.
fn holds<S: Strategy>(
    values: impl FnOnce() -> S + Send + 'static,
    test: impl Fn(S::Value) -> Result<(), TestCaseError> + Send + 'static,
) {
    let run = move || {
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        if let Err(error) = TestRunner::new_with_rng(config, rng).run(&values(), test) {
            panic!("{error}");
        }
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(run).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn predicates() {
    holds(expr, |tree| {
        let text = tree.to_string();
        let read = parse_predicate(&text);
        let mut read = read.map_err(|error| TestCaseError::fail(error.render(&text).to_string()))?;
        strip_expr(&mut read);
        prop_assert_eq!(&read, &tree, "{}", text);
        prop_assert_eq!(read.to_string(), text);
        Ok(())
    });
}

#[test]
fn statements() {
    holds(statement, |tree| {
        let text = tree.to_string();
        let read = parse(&text);
        let mut read = read.map_err(|error| TestCaseError::fail(error.render(&text).to_string()))?;
        strip(&mut read);
        prop_assert_eq!(&read, &tree, "{}", text);
        prop_assert_eq!(read.to_string(), text);
        Ok(())
    });
}

/// Texts made of the language's own tokens, in any order, are read or refused, never more.
#[test]
fn token_soup_is_read_or_refused() {
    let texts = || (vec(token(), 0..40), prop::sample::select(vec![" ", "", "\n"]));
    holds(texts, |(words, glue)| {
        let text = words.join(glue);
        read_or_refuse(&text)?;
        read_or_refuse(&format!("SELECT a FROM t WHERE {text}"))
    });
}

/// And so is any text at all.
#[test]
fn any_text_is_read_or_refused() {
    holds(any::<String>, |text| read_or_refuse(&text));
}

/// A statement with one token lost, doubled or replaced is read or refused.
#[test]
fn broken_statements_are_read_or_refused() {
    let breaks = || (statement(), any::<prop::sample::Index>(), token(), 0..3);
    holds(breaks, |(tree, at, by, how)| {
        let text = tree.to_string();
        let mut words: Vec<&str> = text.split(' ').collect();
        let at = at.index(words.len());
        match how {
            0 => drop(words.remove(at)),
            1 => words.insert(at, &by),
            _ => words[at] = &by,
        }
        read_or_refuse(&words.join(" "))
    });
}

/// The trees that are drawn here are of every kind there is: nothing is printed that was never read back.
#[test]
fn every_kind_of_node_is_drawn() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let into = seen.clone();
    holds(statement, move |tree| {
        variants::of(&tree, &mut into.lock().unwrap());
        Ok(())
    });
    let missing: Vec<String> = variants::all().difference(&seen.lock().unwrap()).cloned().collect();
    assert!(missing.is_empty(), "no tree has {missing:?}");
}

fn read_or_refuse(text: &str) -> Result<(), TestCaseError> {
    for error in [parse(text).err(), parse_predicate(text).err()].into_iter().flatten() {
        let span = error.span;
        prop_assert!(span.start <= span.end && span.end <= text.len(), "{span:?} in {text:?}");
        prop_assert!(
            text.is_char_boundary(span.start) && text.is_char_boundary(span.end),
            "{span:?} in {text:?}"
        );
        let said = format!("{} {}", error.message, error.hint.as_deref().unwrap_or_default());
        for leak in
            ["kw_", "_clause", "_bracket", "_brace", "select_item", "name_or_call", "EOI", "cannot be read"]
        {
            prop_assert!(!said.contains(leak) || text.contains(leak), "{said} for {text:?}");
        }
        // Drawn without trouble as well.
        prop_assert!(error.render(text).to_string().contains(error.code.as_str()));
    }
    // What is read can be printed and read again.
    if let Ok(mut tree) = parse(text) {
        let printed = tree.to_string();
        let again = parse(&printed);
        let mut again = again.map_err(|error| TestCaseError::fail(error.render(&printed).to_string()))?;
        strip(&mut tree);
        strip(&mut again);
        prop_assert_eq!(again, tree, "{}", printed);
    }
    Ok(())
}

fn token() -> impl Strategy<Value = String> {
    let free = [
        "a",
        "t",
        "next_task",
        "for",
        "claim",
        "lease",
        "subscribe",
        "start",
        "now",
        "after",
        "position",
        "event",
        "ago",
        "create",
        "projection",
        "explain",
        "history",
        "desc",
        "nulls",
        "first",
        "matches",
        "overlaps",
        "subset",
        "superset",
        "proper",
        "right",
    ];
    let signs = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        ";",
        "*",
        "/",
        "%",
        "+",
        "-",
        "−",
        "=",
        "<>",
        "!=",
        "<",
        ">",
        "<=",
        "⊆",
        "<@",
        "@>",
        "&&",
        "&",
        "|",
        "||",
        "\\",
        "∪",
        "∩",
        "∖",
        "∈",
        "∉",
        "''",
        "'x'",
        "\"x\"",
        "1",
        "0",
        "1.5",
        "15m",
        "$1",
        "$p",
        "--",
        "\n",
        "'",
        "\"",
        "==",
        "!",
        "é",
        "9223372036854775808",
    ];
    let words: Vec<String> =
        RESERVED.iter().chain(&free).chain(&signs).map(|word| (*word).to_owned()).collect();
    prop::sample::select(words)
}
