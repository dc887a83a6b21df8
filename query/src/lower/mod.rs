//! From the resolved tree to DataFusion expressions; never through SQL text.
//!
//! Plain comparisons and the connectives become DataFusion's own, so that filters reach the tables and joins
//! find their keys. Everything else becomes [`computed::Computed`].

mod columns;
mod computed;
mod holds;
mod membership;

pub(crate) use columns::{Builder, Reader, scalar};
pub(crate) use holds::holds;

use crate::functions::{Comparison, Op};
use crate::typed::{Column, Expr, Kind};
use crate::types::Type;
use computed::Computed;
use datafusion::common::Result;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{Expr as Plan, Operator, binary_expr, cast, lit};
use std::convert::Infallible;

/// How the columns of a tree are called in the plan below.
pub(crate) type Names<'n> = &'n dyn Fn(Column, Type) -> Plan;

/// An expression for a select list, a key, an argument: anything but a filter.
pub(crate) fn lower(expr: &Expr, names: Names<'_>) -> Plan {
    match &expr.kind {
        Kind::Column(column) => names(*column, expr.ty),
        Kind::Const(value) => lit(scalar(value, expr.ty)),
        _ if expr.has_subselect() => membership::lower(expr, names),
        Kind::And(parts) if !rest_is_fallible(parts) => connect(parts, names, Operator::And),
        Kind::Or(parts) if !rest_is_fallible(parts) => connect(parts, names, Operator::Or),
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

/// A WHERE, HAVING or ON as conjuncts. A part that can fail is guarded by what stands left of it: in
/// `n != 0 AND 1/n > 2` no row with 0 divides, though the optimizer may reorder conjuncts as it likes.
pub(crate) fn lower_filter(filter: Expr, names: Names<'_>) -> Vec<Plan> {
    let parts = filter.into_conjuncts();
    let mut lowered = Vec::with_capacity(parts.len());
    let mut guards: Vec<Expr> = Vec::new();
    for part in parts {
        if part.has_subselect() {
            lowered.push(membership::lower(&part, names));
            continue;
        }
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

/// Whether Arrow compares values of this type as PQL does.
fn is_native(ty: Type) -> bool {
    !matches!(ty, Type::Json | Type::Set | Type::Null)
}

fn rest_is_fallible(parts: &[Expr]) -> bool {
    parts.iter().skip(1).any(Expr::is_fallible)
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
    Plan::ScalarFunction(ScalarFunction::new_udf(Computed::new(numbered, types), args))
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

/// A plan's filter node on these conjuncts, if there are any.
pub(crate) fn filter(
    plan: datafusion::logical_expr::LogicalPlanBuilder,
    conjuncts: Vec<Plan>,
) -> Result<datafusion::logical_expr::LogicalPlanBuilder> {
    match datafusion::logical_expr::utils::conjunction(conjuncts) {
        Some(predicate) => plan.filter(predicate),
        None => Ok(plan),
    }
}
