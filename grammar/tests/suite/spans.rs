//! Where the parts of a tree stand.

use agentpm_grammar::ast::{Expr, ExprKind, SelectItem, SourceKind, StatementKind, Version};
use agentpm_grammar::{Span, parse, parse_predicate};

#[track_caller]
fn covers(text: &str, span: Span, expected: &str) {
    assert_eq!(&text[span.start..span.end], expected, "in {text}");
}

#[track_caller]
fn predicate(text: &str) -> Expr {
    parse_predicate(text).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

#[test]
fn an_expression_ends_with_its_last_token() {
    for text in
        ["a + b", "a IS NULL", "f(a)", "a.b [ 0 ]", "CASE WHEN a THEN b END", "a IN (1, 2)", "NOT a", "-1"]
    {
        let padded = format!("  {text} -- comment\n ");
        covers(&padded, predicate(&padded).span, text);
    }
}

#[test]
fn parentheses_are_left_out_around_and_kept_within() {
    let text = "( (a + b) * c )";
    let outer = predicate(text);
    covers(text, outer.span, "(a + b) * c");
    let ExprKind::Binary { op_span, left, right, .. } = &outer.kind else { panic!("{outer:?}") };
    covers(text, *op_span, "*");
    covers(text, left.span, "a + b");
    covers(text, right.span, "c");
}

#[test]
fn an_operator_of_words_is_covered_whole() {
    for (text, sign) in [
        ("a NOT IN b", "NOT IN"),
        ("a PROPER  SUBSET OF b", "PROPER  SUBSET OF"),
        ("a not like 'x'", "not like"),
        ("a ⊆ b", "⊆"),
    ] {
        let ExprKind::Binary { op_span, .. } = predicate(text).kind else { panic!("{text}") };
        covers(text, op_span, sign);
    }
}

#[test]
fn the_sides_of_a_chain_meet_at_their_sign() {
    let text = "a AND b AND c AND d";
    let ExprKind::Binary { op_span, left, right, .. } = predicate(text).kind else { panic!("{text}") };
    assert_eq!(op_span, Span::new(8, 11));
    covers(text, left.span, "a AND b");
    covers(text, right.span, "c AND d");
}

#[test]
fn statements_selects_sources_and_moments() {
    let text = " WITH w AS (SELECT a FROM t )\nSELECT ( a )  AS x, count( * ) FROM w  AS u\nJOIN t AS OF 5m  AGO v ON a AS OF  now( ) ; ";
    let text = &text.replace(" AS OF  now( )", "");
    let statement = parse(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    covers(text, statement.span, text.trim_end_matches([' ', ';']).trim_start());
    let StatementKind::Select(select) = &statement.kind else { panic!("{statement:?}") };
    covers(text, select.with[0].select.span, "SELECT a FROM t");
    covers(text, select.from.source.span, "w  AS u");
    covers(text, select.from.joins[0].source.span, "t AS OF 5m  AGO v");
    let SourceKind::Table { version: Version::AsOf(moment), .. } = &select.from.joins[0].source.kind else {
        panic!("{select:?}")
    };
    covers(text, moment.span, "5m  AGO");
}

#[test]
fn a_column_is_named_as_its_expression_was_written() {
    let text = "SELECT count( * ) , (a)+ -- why\n1, data.Title  AS t FROM t";
    let StatementKind::Select(select) = parse(text).expect("a select").kind else { panic!("{text}") };
    let written: Vec<&str> = select
        .items
        .iter()
        .map(|item| match item {
            SelectItem::Expr { written, .. } => written.as_str(),
            _ => "*",
        })
        .collect();
    assert_eq!(written, ["count( * )", "(a)+ -- why\n1", "data.Title"]);
}
