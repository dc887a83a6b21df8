//! From the resolved tree to DataFusion expressions; never through SQL text.
//!
//! Plain comparisons and the connectives become DataFusion's own, so that filters reach the tables and joins
//! find their keys. Everything else becomes [`computed::Computed`].

mod columns;
mod computed;
mod holds;
mod membership;

pub(crate) use columns::{Builder, Reader, scalar};
pub(crate) use computed::expression;
pub(crate) use holds::holds;
pub(crate) use membership::questions;

use crate::functions::{Comparison, Op};
use crate::typed::{Column, Expr, Kind};
use crate::types::Type;
use computed::Computed;
use datafusion::common::{Column as PlanColumn, Result};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr as Plan, LogicalPlanBuilder, Operator, binary_expr, cast, lit};
use std::convert::Infallible;

/// How the columns of a tree are called in the plan below.
pub(crate) type Names<'n> = &'n dyn Fn(Column, Type) -> Plan;

/// An expression for a select list, a key, an argument: anything but a filter.
pub(crate) fn lower(expr: &Expr, names: Names<'_>) -> Plan {
    match &expr.kind {
        Kind::Column(column) => names(*column, expr.ty),
        Kind::Const(value) => lit(scalar(value, expr.ty)),
        _ if expr.has_subselect() => membership::lower(expr, names),
        Kind::And(parts) if is_shown(parts) => connect(parts, names, Operator::And),
        Kind::Or(parts) if is_shown(parts) => connect(parts, names, Operator::Or),
        Kind::Not(operand) => Plan::Not(Box::new(lower(operand, names))),
        Kind::IsNull(operand) => Plan::IsNull(Box::new(lower(operand, names))),
        Kind::InList { operand, items }
            if is_native(operand.ty) && items.iter().all(|i| i.as_const().is_some()) =>
        {
            let items = items.iter().map(|item| lower(item, names)).collect();
            Plan::InList(InList::new(Box::new(lower(operand, names)), items, false))
        }
        Kind::Apply(Op::Float, args) => cast(lower(&args[0], names), Type::Float.arrow()),
        Kind::Apply(Op::Compare(comparison), args) if args.iter().all(|arg| is_native(arg.ty)) => {
            let operator = match comparison {
                Comparison::Equal => Operator::Eq,
                Comparison::NotEqual => Operator::NotEq,
                Comparison::Less => Operator::Lt,
                Comparison::LessOrEqual => Operator::LtEq,
                Comparison::Greater => Operator::Gt,
                Comparison::GreaterOrEqual => Operator::GtEq,
            };
            binary_expr(lower(&args[0], names), operator, lower(&args[1], names))
        }
        _ => computed(expr, names),
    }
}

/// The ON of a join as conjuncts. A part that can fail is guarded by what stands left of it: in
/// `n != 0 AND 1/n > 2` no row with 0 divides, though the optimizer may reorder conjuncts as it likes.
pub(crate) fn lower_on(on: Expr, names: Names<'_>) -> Vec<Plan> {
    let mut lowered = Vec::new();
    let mut guards: Vec<Expr> = Vec::new();
    for part in conjuncts(on) {
        if part.is_fallible() && !guards.is_empty() {
            let (ty, span) = (part.ty, part.span);
            let guarded = guards.iter().cloned().chain([part.clone()]).collect();
            lowered.push(computed(&Expr::new(Kind::And(guarded), ty, span), names));
        } else {
            lowered.push(lower(&part, names));
        }
        guards.push(part);
    }
    lowered
}

/// The column that holds what the part of a filter gives that can fail.
const VERDICT: &str = "#verdict";

/// A plan's rows for which a WHERE or HAVING is true.
///
/// What can fail is looked at last, in the order it was written, and only for rows that the rest keeps. The
/// optimizer merges filters and pushes them through joins, so it is not given those parts as a filter, but
/// as a computed column, and filters by that column.
pub(crate) fn filter(plan: LogicalPlanBuilder, filter: Expr, names: Names<'_>) -> Result<LogicalPlanBuilder> {
    let (span, ty) = (filter.span, filter.ty);
    let (fallible, safe): (Vec<Expr>, Vec<Expr>) =
        conjuncts(filter).into_iter().partition(|part| part.is_fallible() && !part.has_subselect());
    let mut plan = plan;
    if let Some(predicate) = conjunction(safe.iter().map(|part| lower(part, names))) {
        plan = plan.filter(predicate)?;
    }
    if fallible.is_empty() {
        return Ok(plan);
    }
    let verdict = match <[Expr; 1]>::try_from(fallible) {
        Ok([only]) => computed(&only, names),
        Err(several) => computed(&Expr::new(Kind::And(several), ty, span), names),
    };
    let columns: Vec<Plan> = plan.schema().columns().into_iter().map(Plan::Column).collect();
    plan.project(columns.into_iter().chain([verdict.alias(VERDICT)]))?
        .filter(Plan::Column(PlanColumn::new_unqualified(VERDICT)))
}

/// Whether Arrow compares values of this type as PQL does.
fn is_native(ty: Type) -> bool {
    !matches!(ty, Type::Json | Type::Set | Type::Null)
}

/// Most parts of one AND or OR that the optimizer is shown. It takes them apart and puts them together again
/// one inside the other, and some of its walks do not watch their stack: thousands would end the process.
/// What is more than this is one function of ours.
const PARTS_SHOWN_MAX: usize = 64;

fn is_shown(parts: &[Expr]) -> bool {
    parts.len() <= PARTS_SHOWN_MAX && !parts.iter().skip(1).any(Expr::is_fallible)
}

/// The parts that AND connects; those past [`PARTS_SHOWN_MAX`] as one.
fn conjuncts(expr: Expr) -> Vec<Expr> {
    let (ty, span) = (expr.ty, expr.span);
    let (selects, mut parts): (Vec<Expr>, Vec<Expr>) =
        expr.into_conjuncts().into_iter().partition(Expr::has_subselect);
    if parts.len() > PARTS_SHOWN_MAX {
        let rest = parts.split_off(PARTS_SHOWN_MAX - 1);
        parts.push(Expr::new(Kind::And(rest), ty, span));
    }
    parts.extend(selects);
    parts
}

/// A balanced tree, so that a thousand conjuncts are not a thousand levels.
fn connect(parts: &[Expr], names: Names<'_>, operator: Operator) -> Plan {
    match parts {
        [only] => lower(only, names),
        _ => {
            let (left, right) = parts.split_at(parts.len() / 2);
            binary_expr(connect(left, names, operator), operator, connect(right, names, operator))
        }
    }
}

/// The expression as one function over the columns it reads.
fn computed(expr: &Expr, names: Names<'_>) -> Plan {
    let mut inputs: Vec<(Column, Type)> = Vec::new();
    let numbered = number(expr.clone(), &mut inputs);
    let args = inputs.iter().map(|(column, ty)| names(*column, *ty)).collect();
    let types = inputs.into_iter().map(|(_, ty)| ty).collect();
    Plan::ScalarFunction(ScalarFunction::new_udf(Computed::function(numbered, types), args))
}

/// The same expression with its columns numbered by where they stand in `inputs`.
fn number(mut expr: Expr, inputs: &mut Vec<(Column, Type)>) -> Expr {
    if let Kind::Column(column) = &mut expr.kind {
        let known = inputs.iter().position(|(input, _)| input == column);
        let place = known.unwrap_or_else(|| {
            inputs.push((*column, expr.ty));
            inputs.len() - 1
        });
        *column = Column { outer: 0, source: 0, column: place };
        return expr;
    }
    let Ok(expr) = expr.map_children(&mut |child| Ok::<_, Infallible>(number(child, inputs)));
    expr
}
