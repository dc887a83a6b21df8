//! The two evaluators agree: on random rows, random expressions give the same value, or fail alike, whether
//! DataFusion evaluates them over a table or [`super::eval`] row by row.

mod sample;
mod write;

use super::{Datum, Row, eval, truth};
use crate::params::{Binding, Params};
use crate::resolve::Resolver;
use crate::typed::{Column, Expr};
use grammar::{Code, Error};
use sample::{Rows, Sample};
use std::collections::BTreeSet;
use write::Writer;

/// Statements of several expressions each.
const STATEMENTS: u64 = 120;

/// Expressions of a statement: planning costs more than evaluating.
const EXPRESSIONS: usize = 6;

/// Filters.
const FILTERS: u64 = 150;

impl Row for [Datum<'static>] {
    fn column(&self, column: Column) -> Datum<'_> {
        self[column.column].borrow()
    }
}

/// A row by reference, so that it can be a trait object.
struct Borrowed<'r>(&'r [Datum<'static>]);

impl Row for Borrowed<'_> {
    fn column(&self, column: Column) -> Datum<'_> {
        self.0.column(column)
    }
}

fn resolve(text: &str) -> Result<Expr, Vec<Error>> {
    let parsed = grammar::parse_predicate(text).map_err(|error| vec![error])?;
    let scope = crate::predicate::scope(&sample::SCHEMA);
    let params = Params::none();
    let binding = Binding::new(&params);
    let mut errors = Vec::new();
    let expr = Resolver::new(&scope, &binding, &mut errors).expr(&parsed);
    expr.ok_or(errors)
}

/// Each row's value, or the codes of the rows that fail.
fn by_row(expr: &Expr, rows: &Rows) -> Result<Vec<Datum<'static>>, BTreeSet<&'static str>> {
    let mut values = Vec::new();
    let mut codes = BTreeSet::new();
    for row in &rows.0 {
        match eval(expr, &Borrowed(row)) {
            Ok(value) => values.push(value.into_owned()),
            Err(error) => drop(codes.insert(error.code.as_str())),
        }
    }
    if codes.is_empty() { Ok(values) } else { Err(codes) }
}

#[test]
fn a_select_list_and_the_row_evaluator_agree() {
    let (mut compared, mut failed) = (0, 0);
    for seed in 0..STATEMENTS {
        let mut writer = Writer::new(seed);
        let rows = sample::rows(&mut writer.random);
        let texts: Vec<String> = (0..EXPRESSIONS).map(|_| writer.expression()).collect();
        let exprs: Vec<Expr> = texts
            .iter()
            .map(|text| resolve(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}")))
            .collect();
        let list: Vec<String> = texts.iter().enumerate().map(|(n, text)| format!("{text} AS v{n}")).collect();
        let statement = format!("SELECT {} FROM sample", list.join(", "));
        let expected: Vec<_> = exprs.iter().map(|expr| by_row(expr, &rows)).collect();
        let codes: BTreeSet<&str> =
            expected.iter().filter_map(|each| each.as_ref().err()).flatten().copied().collect();
        match Sample(rows).run(&statement) {
            Err(error) => {
                assert!(codes.contains(error.code.as_str()), "{statement}\n{error:?}\nexpected {codes:?}");
                assert!(statement.get(error.span.start..error.span.end).is_some());
                failed += 1;
            }
            Ok(columns) => {
                assert!(codes.is_empty(), "{statement}\nexpected to fail with {codes:?}");
                for ((text, expected), found) in texts.iter().zip(expected).zip(columns) {
                    let expected = expected.unwrap_or_default();
                    assert_eq!(expected.len(), found.len(), "{text}");
                    for (row, (expected, found)) in expected.iter().zip(&found).enumerate() {
                        assert_eq!(expected, found, "{text}\nin row {row}, seed {seed}");
                        compared += usize::from(!expected.is_null());
                    }
                }
            }
        }
    }
    // The test looked at something: values that are there, and statements that fail.
    assert!(compared > 2_000, "{compared} values compared");
    assert!(failed > 5, "{failed} statements failed");
}

#[test]
fn a_filter_and_the_row_evaluator_agree() {
    let mut kept = 0;
    for seed in 0..FILTERS {
        let mut writer = Writer::new(seed + 1_000_000);
        let rows = sample::rows(&mut writer.random);
        let text = writer.filter();
        let expr = resolve(&text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        let statement = format!("SELECT id FROM sample WHERE {text}");
        let expected: Result<Vec<Datum<'static>>, Error> = rows
            .0
            .iter()
            .filter_map(|row| match truth(&expr, &Borrowed(row)) {
                Ok(Some(true)) => Some(Ok(row[0].clone())),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            })
            .collect();
        match (Sample(rows).run(&statement), expected) {
            (Ok(found), Ok(expected)) => {
                assert_eq!(found[0], expected, "{statement}\nseed {seed}");
                kept += expected.len();
            }
            // A conjunct that can be evaluated first may leave out the row that fails.
            (Ok(_), Err(_)) => {}
            (Err(error), Err(_)) => {
                assert!(matches!(error.code, Code::DivisionByZero | Code::Overflow | Code::CastFailed));
            }
            (Err(error), Ok(_)) => panic!("{statement}\nfailed only in the plan: {error:?}\nseed {seed}"),
        }
    }
    assert!(kept > 300, "{kept} rows kept");
}
