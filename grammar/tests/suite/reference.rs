//! The language reference says what the grammar knows, no less.

use agentpm_grammar::{Code, NESTING_MAX, RESERVED, TEXT_BYTES_MAX, parse, parse_predicate};
use std::collections::BTreeSet;

const GRAMMAR: &str = include_str!("../../src/pql.pest");
const REFERENCE: &str = include_str!("../../../docs/pql/grammar.md");

/// The grammar's lines without its comments.
fn rules() -> impl Iterator<Item = &'static str> {
    GRAMMAR.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// The texts in double quotes of some lines of the grammar, those that are keywords or those that are signs.
fn literals<'g>(lines: impl Iterator<Item = &'g str>, are_keywords: bool) -> BTreeSet<String> {
    let mut literals = BTreeSet::new();
    for line in lines {
        let mut rest = line;
        while let Some(start) = rest.find('"') {
            let is_keyword = rest[..start].ends_with('^');
            let mut literal = String::new();
            let mut characters = rest[start + 1..].char_indices();
            let end = loop {
                match characters.next() {
                    Some((_, '\\')) => literal.extend(characters.next().map(|(_, escaped)| escaped)),
                    Some((at, '"')) => break start + 1 + at,
                    Some((_, character)) => literal.push(character),
                    None => panic!("a literal of the grammar never ends: {line}"),
                }
            };
            rest = &rest[end + 1..];
            if is_keyword == are_keywords {
                literals.insert(literal);
            }
        }
    }
    literals
}

/// The words of a text, letters, digits and `_`.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_').collect()
}

#[test]
fn every_keyword_is_in_the_reference() {
    let known = words(REFERENCE);
    let keywords = literals(rules(), true);
    assert!(keywords.len() > 60, "{keywords:?}");
    for keyword in keywords {
        let is_known =
            known.contains(keyword.to_ascii_uppercase().as_str()) || known.contains(keyword.as_str());
        assert!(is_known || keyword == "e", "{keyword}");
    }
}

#[test]
fn every_sign_is_in_the_reference() {
    let signs = literals(rules(), false);
    assert!(signs.len() > 45, "{signs:?}");
    // Escaped in the tables of Markdown.
    let reference = REFERENCE.replace("\\|", "|");
    for sign in signs.iter().filter(|sign| !["n", "_"].contains(&sign.as_str())) {
        assert!(reference.contains(sign.as_str()), "{sign}");
        let is_operator = sign
            .chars()
            .all(|character| !character.is_ascii_alphanumeric() && !"()[]{},;'\"$.".contains(character));
        if is_operator && sign != "\n" {
            let code = format!("`{sign}");
            let is_code = reference.contains(&code) || reference.contains(&format!("{sign}`"));
            assert!(is_code, "{sign} is nowhere in backticks");
        }
    }
}

#[test]
fn every_error_code_and_limit_is_in_the_reference() {
    for code in Code::ALL {
        assert!(REFERENCE.contains(&format!("`{}`", code.as_str())), "{}", code.as_str());
    }
    assert_eq!((TEXT_BYTES_MAX, NESTING_MAX), (65_536, 128));
    assert!(REFERENCE.contains("65,536 bytes") && REFERENCE.contains("| nesting | 128"));
}

/// The list of reserved words stands in three places: the grammar, the crate and the reference.
#[test]
fn reserved_words_are_the_same_everywhere() {
    let rule =
        rules().skip_while(|line| !line.starts_with("reserved")).take_while(|line| !line.starts_with('}'));
    let in_grammar = literals(rule, true);
    let in_crate: BTreeSet<String> = RESERVED.map(str::to_owned).into();
    assert_eq!(in_grammar, in_crate);
    let in_reference: BTreeSet<String> = REFERENCE
        .lines()
        .filter_map(|line| line.strip_prefix("> "))
        .flat_map(str::split_whitespace)
        .map(str::to_ascii_lowercase)
        .collect();
    assert_eq!(in_reference, in_crate);
    assert!(RESERVED.is_sorted());
}

/// What the reference shows can be read: blocks of statements, each ended by `;` or the block, and blocks of
/// one predicate.
#[test]
fn every_example_of_the_reference_is_read() {
    let mut statements = 0;
    let mut predicates = 0;
    for block in REFERENCE.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').expect("a block");
        match language {
            "pql" => {
                for statement in text.split(";\n").filter(|statement| !statement.trim().is_empty()) {
                    parse(statement).unwrap_or_else(|error| panic!("{}", error.render(statement)));
                    statements += 1;
                }
            }
            "predicate" => {
                parse_predicate(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
                predicates += 1;
            }
            "text" => {}
            other => panic!("a block of {other}"),
        }
    }
    assert!(statements >= 14 && predicates >= 1, "{statements} and {predicates}");
}
