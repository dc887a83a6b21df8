//! PQL a second time: a plain, slow evaluator, written from the language's pages alone, over the tables that the
//! independent model folds. It shares the parser with the product and nothing else.
//!
//! [`answer`] is what a statement must answer; `generate` thinks statements up; `trial` asks the server and holds
//! the two against each other. Where the pages leave a choice (the order of rows that ORDER BY finds alike, which of
//! them LIMIT keeps) the evaluator says so, instead of choosing.

mod aggregate;
mod eval;
mod functions;
pub mod generate;
mod meaning;
mod node;
mod past;
mod select;
pub mod trial;
mod value;

pub use past::{At, Past};
pub use value::{Type, Value};

use eval::{Frame, Run};
use grammar::Code;
use grammar::ast::{Expr, NextTask, Select, SourceKind, StatementKind, Version};
use meaning::{Meaning, Scope, truth};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stop {
    /// The statement must fail so.
    Error(Code),
    /// The pages do not say what comes out, or only the server knows.
    Unknowable(&'static str),
}

/// A rule that the evaluator breaks on purpose, to see that somebody notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `null AND false` is unknown.
    NullAndFalse,
    /// `x NOT IN (…, null)` is true where x is not found.
    NotInNull,
    /// A set is a proper subset of itself.
    ProperIsSubset,
    /// `count(e)` counts nulls.
    CountsNulls,
    /// LEFT JOIN drops what has no partner.
    LeftIsInner,
    /// Nulls come where they should not.
    NullsTurned,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NullAndFalse,
        Self::NotInNull,
        Self::ProperIsSubset,
        Self::CountsNulls,
        Self::LeftIsInner,
        Self::NullsTurned,
    ];
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// Its floats depend on the order in which numbers were added up.
    pub about: bool,
}

/// What a statement must answer.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The columns, in order.
    pub columns: Vec<AnswerColumn>,
    /// Rows with their ranks; those of one rank may come in any order.
    pub rows: Vec<(usize, Vec<Value>)>,
    /// Which of the rows of one rank come is open.
    pub cut: bool,
}

/// A statement, what is bound to its parameters, and the clock when it was asked, between two readings.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Its text.
    pub pql: &'a str,
    /// An array, an object, or null when nothing is bound.
    pub params: &'a Json,
    /// The clock before and after, in microseconds.
    pub asked: (i64, i64),
}

/// What the answer must be over that log.
///
/// # Errors
/// The code of the error that it must be, or that nobody can tell.
pub fn answer(past: &Past, question: Question<'_>, fault: Option<Fault>) -> Result<Expected, Stop> {
    let statement = grammar::parse(question.pql).map_err(|error| Stop::Error(error.code))?;
    match statement.kind {
        StatementKind::Select(select) => answer_select(past, question, &select, fault),
        StatementKind::NextTask(next) => answer_next(past, question, &next, fault),
        _ => Err(Stop::Unknowable("a statement of another kind")),
    }
}

fn meaning<'a>(past: &'a Past, question: Question<'a>, at: At, outermost: bool) -> Meaning<'a> {
    Meaning {
        past,
        params: question.params,
        used: RefCell::default(),
        asked: question.asked,
        at,
        outermost,
        with: RefCell::default(),
    }
}

/// The present, as far as can be told from here.
fn present(past: &Past, question: Question<'_>) -> At {
    At { position: past.head(), now: question.asked.0 }
}

fn answer_select(
    past: &Past,
    question: Question<'_>,
    select: &Select,
    fault: Option<Fault>,
) -> Result<Expected, Stop> {
    let at = match &select.as_of {
        Some(moment) => past.moment(&moment.kind, question.asked)?,
        None => present(past, question),
    };
    let meaning = meaning(past, question, at, select.as_of.is_some());
    let plan = meaning.select(select, None)?;
    all_used(&meaning)?;
    let now = match (&select.as_of, &select.from) {
        (None, from) if from.joins.is_empty() => match &from.source.kind {
            // Nobody can tell whose AS OF stands at the end of `FROM tasks AS OF …`: both mean the same.
            SourceKind::Table { version: Version::AsOf(moment), .. } => {
                past.moment(&moment.kind, question.asked)?.now
            }
            _ => at.now,
        },
        _ => at.now,
    };
    let answered = plan.run(&Run { past, now, fault }, None)?;
    let column =
        |item: &select::Item| AnswerColumn { name: item.name.clone(), kind: item.kind, about: item.about };
    Ok(Expected { columns: plan.items.iter().map(column).collect(), rows: answered.rows, cut: answered.cut })
}

/// Every value that was given must be asked for.
fn all_used(meaning: &Meaning<'_>) -> Result<(), Stop> {
    let given: BTreeSet<String> = match meaning.params {
        Json::Array(list) => (0..list.len()).map(|place| place.to_string()).collect(),
        Json::Object(named) => named.keys().cloned().collect(),
        _ => BTreeSet::new(),
    };
    if given == *meaning.used.borrow() { Ok(()) } else { Err(Stop::Error(Code::UnusedParameter)) }
}

fn answer_next(
    past: &Past,
    question: Question<'_>,
    next: &NextTask,
    fault: Option<Fault>,
) -> Result<Expected, Stop> {
    let at = match &next.as_of {
        Some(moment) => past.moment(&moment.kind, question.asked)?,
        None => present(past, question),
    };
    let meaning = meaning(past, question, at, true);
    let agent = next.agent.as_ref().map(|agent| text(&meaning, agent)).transpose()?;
    let scope = scope("next_task")?;
    let filter = next.filter.as_ref().map(|expr| truth(meaning.expr(expr, &scope, None)?)).transpose()?;
    let limit = next.limit.as_ref().map(|expr| count(&meaning, expr)).transpose()?.unwrap_or(1);
    all_used(&meaning)?;
    let run = Run { past, now: at.now, fault };
    let mut rows = Vec::new();
    for row in past.offers(agent.as_deref(), at) {
        let keeps = |node: &node::Node| node.eval(&Frame { row: &row, outer: None }, &run);
        if filter.as_ref().map(keeps).transpose()?.is_none_or(|value| value.truth() == Some(true)) {
            rows.push((rows.len(), row));
        }
    }
    rows.truncate(limit);
    let columns = scope.columns.into_iter().map(|column| AnswerColumn {
        about: column.name == "score",
        name: column.name,
        kind: column.kind,
    });
    Ok(Expected { columns: columns.collect(), rows, cut: false })
}

fn text(meaning: &Meaning<'_>, expr: &Expr) -> Result<String, Stop> {
    match meaning.expr(expr, &Scope { columns: Vec::new(), outer: None }, None)?.0 {
        node::Node::Constant(Value::Text(text)) => Ok(text),
        _ => Err(Stop::Error(Code::TypeMismatch)),
    }
}

fn count(meaning: &Meaning<'_>, expr: &Expr) -> Result<usize, Stop> {
    match meaning.expr(expr, &Scope { columns: Vec::new(), outer: None }, None)?.0 {
        node::Node::Constant(Value::Int(count)) => Ok(usize::try_from(count).unwrap_or(0)),
        _ => Err(Stop::Error(Code::TypeMismatch)),
    }
}

/// The columns of one table, by themselves.
fn scope(table: &str) -> Result<Scope<'static>, Stop> {
    let columns = Past::columns(table, false).ok_or(Stop::Error(Code::UnknownTable))?;
    let column = |(name, kind): (&'static str, Type)| meaning::Column {
        source: table.to_owned(),
        name: name.to_owned(),
        kind,
    };
    Ok(Scope { columns: columns.into_iter().map(column).collect(), outer: None })
}

/// A row predicate over the rows of a table at a moment: which rows it keeps, by their places in the table.
///
/// # Errors
/// The code of the error that it must be, or that nobody can tell.
pub fn kept(past: &Past, table: &str, predicate: &str, at: At) -> Result<Vec<usize>, Stop> {
    let expr = grammar::parse_predicate(predicate).map_err(|error| Stop::Error(error.code))?;
    let question = Question { pql: predicate, params: &Json::Null, asked: (at.now, at.now) };
    let meaning = meaning(past, question, at, true);
    let node = truth(meaning.expr(&expr, &scope(table)?, None)?)?;
    let run = Run { past, now: at.now, fault: None };
    let mut kept = Vec::new();
    for (index, (_, row)) in past.rows(table, false, at).iter().enumerate() {
        if node.eval(&Frame { row, outer: None }, &run)?.truth() == Some(true) {
            kept.push(index);
        }
    }
    Ok(kept)
}
