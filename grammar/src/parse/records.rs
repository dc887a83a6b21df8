//! Every rule and sign of the grammar, and every shape of tree, is used by a statement whose answer is on record.

#[path = "../../../tests/src/slt/expand.rs"]
mod expand;
#[path = "../../../tests/src/slt/read.rs"]
pub(super) mod read;
#[path = "../../tests/suite/variants.rs"]
mod variants;

use super::{Pair, Pql, Rule};
use crate::parse;
use pest::Parser as _;
use std::collections::{BTreeMap, BTreeSet};

const GRAMMAR: &str = include_str!("../pql.pest");

/// What is parsed and not built: its records are errors that say so.
const NOT_BUILT: [Rule; 5] =
    [Rule::create_projection, Rule::drop_projection, Rule::kw_create, Rule::kw_drop, Rule::kw_projection];

/// Rules that are only looked for: they never hold a part of a statement.
const LOOKED_FOR: [Rule; 6] =
    [Rule::reserved, Rule::foreign_join, Rule::kw_right, Rule::kw_full, Rule::kw_cross, Rule::kw_natural];

/// The texts of each rule's parts in a statement.
fn uses(pair: Pair<'_>, into: &mut BTreeMap<Rule, BTreeSet<String>>) {
    let written = pair.as_str().split("--").next().unwrap_or_default().trim();
    into.entry(pair.as_rule()).or_default().insert(written.chars().take(40).collect());
    for part in pair.into_inner() {
        uses(part, into);
    }
}

/// The same of all that succeed, or of all that are refused though the grammar takes them.
fn recorded(succeed: bool) -> BTreeMap<Rule, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for record in read::records().iter().filter(|record| record.error.is_none() == succeed) {
        // Calls are no statements; what has too much of something never gets to pest.
        if super::scan::scan(&record.pql).is_ok()
            && let Ok(mut pairs) = Pql::parse(Rule::statement_text, &record.pql)
            && let Some(pair) = pairs.next()
        {
            uses(pair, &mut all);
        }
    }
    all
}

#[test]
fn every_rule_has_a_record() {
    let silent: BTreeSet<&str> =
        GRAMMAR.lines().filter_map(|line| line.split_once("= _{")).map(|(name, _)| name.trim()).collect();
    assert!(silent.contains("statement") && silent.len() < 10, "{silent:?}");
    let succeeded = recorded(true);
    let refused = recorded(false);
    let missing: Vec<&Rule> = Rule::all_rules()
        .iter()
        .filter(|rule| match rule {
            // A row predicate by itself is part of calls.
            Rule::predicate_text => false,
            rule if silent.contains(format!("{rule:?}").as_str()) || LOOKED_FOR.contains(rule) => false,
            rule if NOT_BUILT.contains(rule) => !refused.contains_key(rule) || succeeded.contains_key(rule),
            rule => !succeeded.contains_key(rule),
        })
        .collect();
    assert!(missing.is_empty(), "no file of tests/pql has a statement with {missing:?}");
    let refusals: Vec<String> = read::records().into_iter().filter_map(|record| record.error).collect();
    for kind in ["RIGHT", "FULL", "CROSS", "NATURAL"] {
        let said = format!("there is no {kind} JOIN");
        assert!(refusals.iter().any(|error| error.contains(&said)), "no record says that {said}");
    }
}

/// The literals of one rule.
fn literals(rule: &str) -> BTreeSet<String> {
    let start = GRAMMAR.find(&format!("\n{rule} ")).unwrap_or_else(|| panic!("no rule {rule}"));
    let rest = &GRAMMAR[start + 1..];
    let body = &rest[..rest.find("\n}").or_else(|| rest.find('\n')).unwrap_or(rest.len())];
    let body =
        if rest.find('\n') < rest.find('}') { body } else { &rest[..rest.find('\n').unwrap_or(rest.len())] };
    body.split('"').skip(1).step_by(2).map(|literal| literal.replace("\\\\", "\\")).collect()
}

/// Every sign in each of its spellings: `⊆` and `<@` are two.
#[test]
fn every_sign_and_unit_has_a_record() {
    let recorded = recorded(true);
    let written = |rule: Rule| recorded.get(&rule).cloned().unwrap_or_default();
    for (name, rule, count) in [
        ("compare_sign", Rule::compare_sign, 19),
        ("value_sign", Rule::value_sign, 13),
        ("minus", Rule::minus, 2),
    ] {
        let signs = literals(name);
        assert_eq!(signs.len(), count, "{name}: {signs:?}");
        let written = written(rule);
        let missing: Vec<&String> = signs.difference(&written).collect();
        assert!(missing.is_empty(), "no file of tests/pql has a statement with {missing:?} as {name}");
    }
    for unit in super::scan::UNITS {
        let has = written(Rule::duration)
            .iter()
            .any(|duration| duration.trim_start_matches(|digit: char| digit.is_ascii_digit()) == unit);
        assert!(has, "no file of tests/pql has a statement with a duration in {unit}");
    }
}

/// Every variant of every node: negations, moments, kinds of steps and starts.
#[test]
fn every_shape_of_tree_has_a_record() {
    let mut seen = BTreeSet::new();
    for record in read::records() {
        let not_built = record.error.as_ref().is_some_and(|error| error.contains("not part of this version"));
        if (record.error.is_none() || not_built)
            && let Ok(tree) = parse(&record.pql)
        {
            variants::of(&tree, &mut seen);
        }
    }
    let missing: Vec<String> = variants::all().difference(&seen).cloned().collect();
    assert!(missing.is_empty(), "no file of tests/pql has a statement with {missing:?}");
}
