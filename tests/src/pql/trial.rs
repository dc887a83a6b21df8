//! A statement asked of the server and of the evaluator, and how their answers differ.

use super::generate::Generated;
use super::value::{Type, Value, normal};
use super::{Expected, Fault, Past, Question, Stop, answer};
use crate::{Answer, Client, Rows, time};
use grammar::Code;
use grammar::ast::{BinaryOp, Expr, ExprKind, Select, StatementKind};
use serde_json::{Value as Json, json};

/// So far a mean may be from another that was added up in another order, relatively.
const ABOUT: f64 = 1e-9;
/// So many attempts are made to find a shorter statement that shows the same.
const SHRINK_MAX: usize = 200;

/// What came of one statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Both said the same.
    Same {
        /// It was an error.
        error: bool,
        /// There were rows.
        rows: bool,
    },
    /// The language leaves open what comes out.
    Open(&'static str),
    /// They did not.
    Differs(String),
}

/// Asks both.
pub async fn ask(client: &Client, past: &Past, generated: &Generated, fault: Option<Fault>) -> Verdict {
    let mut body = json!({ "pql": generated.pql });
    if !generated.params.is_null() {
        body["params"] = generated.params.clone();
    }
    let before = time::now();
    let got = client.post("/query", body).await;
    let asked = (before, time::now());
    let question = Question { pql: &generated.pql, params: &generated.params, asked };
    judge(answer(past, question, fault), &got, &generated.pql)
}

/// What the server said against what it must say.
fn judge(expected: Result<Expected, Stop>, got: &Answer, pql: &str) -> Verdict {
    let code = got.body["error"]["details"]["pql_code"].as_str().unwrap_or_default();
    match expected {
        Err(Stop::Unknowable(why)) if got.ok() => Verdict::Open(why),
        Err(Stop::Unknowable(why)) if is_of_values(code) => Verdict::Open(why),
        Err(Stop::Unknowable(why)) => {
            Verdict::Differs(format!("the server refuses what is only unclear ({why}): {}", got.body))
        }
        Err(Stop::Error(wanted)) if !got.ok() && code == wanted.as_str() => {
            Verdict::Same { error: true, rows: false }
        }
        // Rows that nobody asked for need not be looked at.
        Err(Stop::Error(Code::DivisionByZero | Code::Overflow | Code::CastFailed))
            if got.ok() && may_stop_early(pql) =>
        {
            Verdict::Open("rows that are not needed may fail")
        }
        Err(Stop::Error(wanted)) => {
            Verdict::Differs(format!("it must fail: {}\nit said: {}", wanted.as_str(), got.body))
        }
        Ok(expected) if !got.ok() => {
            Verdict::Differs(format!("it must answer {} row(s)\nit said: {}", expected.rows.len(), got.body))
        }
        Ok(expected) => match differences(&expected, &got.clone().rows()) {
            None => Verdict::Same { error: false, rows: !expected.rows.is_empty() },
            Some(what) => Verdict::Differs(what),
        },
    }
}

/// Whether a code tells of a value, not of the statement.
fn is_of_values(code: &str) -> bool {
    ["division_by_zero", "overflow", "cast_failed"].contains(&code)
}

fn may_stop_early(pql: &str) -> bool {
    ["LIMIT", "EXISTS", "IN (SELECT", "JOIN", "FROM (", "WITH"].iter().any(|word| pql.contains(word))
}

/// The first difference, if there is one.
fn differences(expected: &Expected, got: &Rows) -> Option<String> {
    let wanted: Vec<(String, String)> =
        expected.columns.iter().map(|column| (column.name.clone(), column.kind.word().to_owned())).collect();
    if wanted != got.columns {
        return Some(format!("columns must be {wanted:?}\nand are         {:?}", got.columns));
    }
    let rows: Vec<Vec<&Json>> = got
        .rows
        .iter()
        .map(|row| got.columns.iter().map(|(name, _)| row.get(name).unwrap_or(&Json::Null)).collect())
        .collect();
    if rows.len() != expected.rows.len() {
        return Some(format!(
            "rows must be {}, and are {}\n{}",
            expected.rows.len(),
            rows.len(),
            shown(expected, &rows)
        ));
    }
    if expected.cut {
        return None;
    }
    let mut begin = 0;
    while begin < rows.len() {
        let rank = expected.rows[begin].0;
        let end = begin + expected.rows[begin..].iter().take_while(|(other, _)| *other == rank).count();
        let mut left: Vec<&Vec<Value>> = expected.rows[begin..end].iter().map(|(_, row)| row).collect();
        for row in &rows[begin..end] {
            let Some(index) = left.iter().position(|wanted| same_row(expected, wanted, row)) else {
                return Some(format!(
                    "row {begin}..{end} has {}, which it must not\n{}",
                    json!(row),
                    shown(expected, &rows)
                ));
            };
            left.swap_remove(index);
        }
        begin = end;
    }
    None
}

fn shown(expected: &Expected, rows: &[Vec<&Json>]) -> String {
    const SHOWN_MAX: usize = 12;
    let wanted: Vec<String> = expected
        .rows
        .iter()
        .take(SHOWN_MAX)
        .map(|(rank, row)| format!("  {rank}: {}", json!(row.iter().map(Value::answer).collect::<Vec<_>>())))
        .collect();
    let got: Vec<String> = rows.iter().take(SHOWN_MAX).map(|row| format!("  {}", json!(row))).collect();
    format!("expected (rank: row)\n{}\ngot\n{}", wanted.join("\n"), got.join("\n"))
}

fn same_row(expected: &Expected, wanted: &[Value], got: &[&Json]) -> bool {
    expected.columns.iter().zip(wanted.iter().zip(got)).all(|(column, (wanted, got))| {
        match (wanted, column.kind) {
            (Value::Float(wanted), _) => got.as_f64().is_some_and(|got| {
                got == *wanted || (column.about && (got - wanted).abs() <= ABOUT * wanted.abs().max(1.0))
            }),
            (Value::Json(wanted), Type::Json) => normal(wanted) == normal(got),
            _ => wanted.answer() == **got,
        }
    })
}

/// A shorter statement that still differs, and how.
pub async fn shrink(client: &Client, past: &Past, generated: &Generated, why: String) -> (Generated, String) {
    let (mut least, mut why) = (generated.clone(), why);
    let mut tried = 0;
    'again: loop {
        for pql in shorter(&least.pql) {
            tried += 1;
            if tried > SHRINK_MAX {
                return (least, why);
            }
            let candidate = Generated { pql, params: least.params.clone() };
            if let Verdict::Differs(now) = ask(client, past, &candidate, None).await {
                (least, why) = (candidate, now);
                continue 'again;
            }
        }
        return (least, why);
    }
}

/// The statement with one clause less, or one part of an expression in its place.
fn shorter(pql: &str) -> Vec<String> {
    let Ok(statement) = grammar::parse(pql) else { return Vec::new() };
    let mut found: Vec<Select> = Vec::new();
    let StatementKind::Select(select) = &statement.kind else { return Vec::new() };
    let without = |change: &dyn Fn(&mut Select)| {
        let mut select = (**select).clone();
        change(&mut select);
        select
    };
    found.push(without(&|select| select.filter = None));
    found.push(without(&|select| select.having = None));
    found.push(without(&|select| select.order_by.clear()));
    found.push(without(&|select| drop(select.order_by.pop())));
    found.push(without(&|select| (select.limit, select.offset) = (None, None)));
    found.push(without(&|select| select.offset = None));
    found.push(without(&|select| select.as_of = None));
    found.push(without(&|select| select.distinct = false));
    for index in 0..select.items.len() {
        if select.items.len() > 1 {
            found.push(without(&|select| drop(select.items.remove(index))));
        }
        if let grammar::ast::SelectItem::Expr { expr, .. } = &select.items[index] {
            for part in parts(expr) {
                found.push(without(&|select| {
                    if let grammar::ast::SelectItem::Expr { expr, .. } = &mut select.items[index] {
                        *expr = part.clone();
                    }
                }));
            }
        }
    }
    for part in select.filter.iter().flat_map(parts) {
        found.push(without(&|select| select.filter = Some(part.clone())));
    }
    for (index, join) in select.from.joins.iter().enumerate() {
        for part in parts(&join.on) {
            found.push(without(&|select| select.from.joins[index].on = part.clone()));
        }
    }
    let mut texts: Vec<String> = found.iter().map(Select::to_string).collect();
    texts.retain(|text| text.len() < pql.len());
    texts
}

/// Expressions that an expression is made of, of which one may stand in its place; and itself with a part taken for
/// the whole.
fn parts(expr: &Expr) -> Vec<Expr> {
    match &expr.kind {
        ExprKind::Binary { op: BinaryOp::And | BinaryOp::Or, left, right, .. } => {
            let mut found = vec![(**left).clone(), (**right).clone()];
            for (is_left, part) in parts(left)
                .into_iter()
                .map(|part| (true, part))
                .chain(parts(right).into_iter().map(|part| (false, part)))
            {
                let mut whole = expr.clone();
                if let ExprKind::Binary { left, right, .. } = &mut whole.kind {
                    **(if is_left { left } else { right }) = part;
                }
                found.push(whole);
            }
            found
        }
        ExprKind::Binary { left, right, .. } => vec![(**left).clone(), (**right).clone()],
        ExprKind::Unary { operand, .. } => {
            let mut found = vec![(**operand).clone()];
            for part in parts(operand) {
                let mut whole = expr.clone();
                if let ExprKind::Unary { operand, .. } = &mut whole.kind {
                    **operand = part;
                }
                found.push(whole);
            }
            found
        }
        ExprKind::Call(call) => call.args.clone(),
        ExprKind::Case { branches, otherwise, .. } => branches
            .iter()
            .flat_map(|(when, then)| [when.clone(), then.clone()])
            .chain(otherwise.iter().map(|otherwise| (**otherwise).clone()))
            .collect(),
        _ => Vec::new(),
    }
}
