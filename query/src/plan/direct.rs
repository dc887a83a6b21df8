//! Selects that a few rows answer, found by a key or by the value of a column: for these a plan is made that needs no
//! scan and no DataFusion ([`crate::direct`] carries it out). Planning a scan costs more than such an answer.

use super::order::Key;
use super::select::{Parts, Planner};
use super::{AsOf, TableVersion};
use crate::functions::{Comparison, Op};
use crate::tables::{TableSchema, kept, next_task, tasks};
use crate::typed::{Expr, Kind};
use crate::types::Type;
use domain::rows::Table;
use grammar::ast::{Select, SourceKind};
use std::collections::BTreeSet;

/// Most parts of the expressions of a direct select: it runs on its caller's thread, which others wait for.
const NODES_MAX: usize = 512;

/// Values of one column that are looked up each.
const VALUES_MAX: usize = 64;

/// A select over the rows of one table.
#[derive(Debug, Clone)]
pub struct Direct {
    pub(crate) schema: &'static TableSchema,
    pub(crate) table: Table,
    /// Each finds every row of the answer, and others; there is at least one.
    pub(crate) ways: Vec<Way>,
    /// What the rows found must meet.
    pub(crate) filter: Expr,
    /// The order of the answer; nothing in it can fail.
    pub(crate) order: Vec<Key>,
    /// Its columns.
    pub(crate) items: Vec<Expr>,
    pub(crate) offset: usize,
    pub(crate) limit: Option<usize>,
    /// The moment of its rows.
    pub(crate) at: AsOf,
}

/// Rows with one of these values in a column, or one of those in another, and so on.
pub(crate) type Way = Vec<Lookup>;

/// Rows with one of these values in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lookup {
    /// Its place in the table.
    pub(crate) column: usize,
    pub(crate) values: BTreeSet<String>,
}

/// The place of every kept table's key.
pub(crate) const KEY: usize = 0;

impl Planner<'_> {
    /// The direct form of a select that is neither grouped nor DISTINCT, if it has one: one table at one moment, a WHERE
    /// that asks for values of its columns, and nothing that can fail (which of two errors is told depends on how
    /// a plan runs).
    pub(super) fn direct(&self, select: &Select, parts: &Parts) -> Option<Direct> {
        let SourceKind::Table { name, version } = &select.from.source.kind else {
            return None;
        };
        if !select.from.joins.is_empty() || self.with_name(&name.name).is_some() {
            return None;
        }
        let schema = self.catalog.schema(&name.name)?;
        let TableVersion::At(at) = self.moments.version(schema, version, self.catalog).ok()? else {
            return None;
        };
        let table = kept(schema).filter(|_| schema.name != next_task::SCHEMA.name)?;
        let filter = parts.filter.as_ref()?;
        let ways = ways(filter);
        if ways.is_empty() {
            return None;
        }
        let order: Vec<Key> = parts.keys.iter().map(Key::of_values).collect();
        let mut left = NODES_MAX;
        let exprs = parts.items.iter().map(|(_, item)| item).chain(order.iter().map(|key| &key.expr));
        if !exprs.chain([filter]).all(|expr| is_plain(expr, &mut left)) {
            return None;
        }
        Some(Direct {
            schema,
            table,
            ways,
            filter: filter.clone(),
            order,
            items: parts.items.iter().map(|(_, item)| item.clone()).collect(),
            offset: parts.offset,
            limit: parts.limit,
            at,
        })
    }
}

impl Direct {
    /// Places of the columns it looks at.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let exprs = self.items.iter().chain(self.order.iter().map(|key| &key.expr)).chain([&self.filter]);
        let mut columns = BTreeSet::new();
        let mut ahead: Vec<&Expr> = exprs.collect();
        while let Some(expr) = ahead.pop() {
            if let Kind::Column(column) = &expr.kind {
                columns.insert(column.column);
            }
            ahead.extend(expr.children());
        }
        columns.into_iter().collect()
    }

    /// Whether it asks for how deep work is stacked on tasks.
    pub(crate) fn is_deep(&self) -> bool {
        self.table == Table::Tasks && self.columns().iter().any(|column| tasks::DEEP.contains(column))
    }

    /// Whether the answer is in order of key, as rows are found.
    pub(crate) fn is_by_key(&self) -> bool {
        self.order.first().is_some_and(|key| {
            !key.descending && matches!(&key.expr.kind, Kind::Column(column) if column.column == KEY)
        })
    }
}

/// Whether an expression looks at nothing but its row and cannot fail, and is small; takes its size off `left`.
fn is_plain(expr: &Expr, left: &mut usize) -> bool {
    let Some(rest) = left.checked_sub(1) else { return false };
    *left = rest;
    let is_plain_itself = match &expr.kind {
        Kind::Column(column) => column.outer == 0,
        Kind::Aggregate(_) | Kind::InSelect { .. } | Kind::Exists(_) => false,
        Kind::Apply(op, args) => !op.is_fallible(args.first().map_or(Type::Null, |arg| arg.ty)),
        _ => true,
    };
    is_plain_itself && expr.children().into_iter().all(|child| is_plain(child, left))
}

/// The ways to all rows that meet a condition: those of each part that AND connects.
fn ways(filter: &Expr) -> Vec<Way> {
    match &filter.kind {
        Kind::And(parts) => parts.iter().flat_map(ways).collect(),
        Kind::Or(parts) => {
            // Every part needs a way; the first of each will do.
            let each = parts.iter().map(|part| ways(part).into_iter().next());
            let each: Option<Vec<Way>> = each.collect();
            each.map(|each| each.into_iter().flatten().collect()).filter(is_short).into_iter().collect()
        }
        _ => lookup(filter).map(|lookup| vec![lookup]).filter(is_short).into_iter().collect(),
    }
}

fn is_short(way: &Way) -> bool {
    way.iter().map(|lookup| lookup.values.len()).sum::<usize>() <= VALUES_MAX
}

/// `column = 'text'` and `column IN ('text', …)`.
fn lookup(condition: &Expr) -> Option<Lookup> {
    let column = |expr: &Expr| match expr.kind {
        Kind::Column(column) if column.outer == 0 && expr.ty == Type::Text => Some(column.column),
        _ => None,
    };
    let text = |expr: &Expr| match expr.as_const()? {
        crate::eval::Datum::Text(text) => Some(text.to_string()),
        _ => None,
    };
    match &condition.kind {
        Kind::Apply(Op::Compare(Comparison::Equal), args) => {
            let [left, right] = &args[..] else { return None };
            let (column, value) = match (column(left), column(right)) {
                (Some(column), None) => (column, text(right)?),
                (None, Some(column)) => (column, text(left)?),
                _ => return None,
            };
            Some(Lookup { column, values: BTreeSet::from([value]) })
        }
        Kind::InList { operand, items } => {
            let values = items.iter().map(text).collect::<Option<_>>()?;
            Some(Lookup { column: column(operand)?, values })
        }
        _ => None,
    }
}
