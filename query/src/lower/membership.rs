//! `IN (select)` and `EXISTS (select)` in a filter, with NOT in front of any of them.
//!
//! DataFusion turns them into joins. Only its plain `NOT IN` knows nulls as SQL does, and only as a conjunct
//! of its own and uncorrelated; so `x NOT IN (s)` anywhere else is written out: no row of s equals x, no row
//! of s is null, and x is not null unless s is empty. The resolver lets sub-selects stand only under AND, OR
//! and NOT of a filter, where null and false are the same once NOT has been moved inwards.

use super::Names;
use crate::plan::SubSelect;
use crate::typed::{Expr, Kind};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{
    Expr as Plan, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr, exists, in_subquery, lit,
    not_exists, not_in_subquery,
};
use std::sync::Arc;

/// A part of a filter that holds sub-selects.
pub(super) fn lower(expr: &Expr, names: Names<'_>) -> Plan {
    match &expr.kind {
        Kind::Not(operand) => match &operand.kind {
            Kind::InSelect { operand, select } if !select.is_correlated => {
                not_in_subquery(super::lower(operand, names), Arc::clone(&select.plan))
            }
            _ => signed(operand, names, true),
        },
        _ => signed(expr, names, false),
    }
}

/// The expression, or its negation with NOT moved inwards.
fn signed(expr: &Expr, names: Names<'_>, negated: bool) -> Plan {
    match &expr.kind {
        _ if !expr.has_subselect() => {
            let plain = super::lower(expr, names);
            if negated { Plan::Not(Box::new(plain)) } else { plain }
        }
        Kind::Not(operand) => signed(operand, names, !negated),
        Kind::And(parts) | Kind::Or(parts) => {
            let is_and = matches!(expr.kind, Kind::And(_)) != negated;
            let operator = if is_and { Operator::And } else { Operator::Or };
            // Sub-selects are few; the rest may be thousands, and is one part here.
            let (selects, plain): (Vec<&Expr>, Vec<&Expr>) =
                parts.iter().partition(|part| part.has_subselect());
            let plain: Vec<Expr> = plain.into_iter().cloned().collect();
            let plain = match (&plain[..], &expr.kind) {
                ([], _) => None,
                ([only], _) => Some(only.clone()),
                (_, Kind::And(_)) => Some(Expr::new(Kind::And(plain), expr.ty, expr.span)),
                _ => Some(Expr::new(Kind::Or(plain), expr.ty, expr.span)),
            };
            plain
                .iter()
                .chain(selects)
                .map(|part| signed(part, names, negated))
                .reduce(|left, right| binary_expr(left, operator, right))
                .unwrap_or_else(|| lit(is_and))
        }
        Kind::Exists(select) if negated => not_exists(Arc::clone(&select.plan)),
        Kind::Exists(select) => exists(Arc::clone(&select.plan)),
        Kind::InSelect { operand, select } if negated => not_in(operand, select, names),
        Kind::InSelect { operand, select } => {
            in_subquery(super::lower(operand, names), Arc::clone(&select.plan))
        }
        // The resolver leaves no other place for a sub-select.
        _ => lit(datafusion::common::ScalarValue::Boolean(None)),
    }
}

fn not_in(operand: &Expr, select: &SubSelect, names: Names<'_>) -> Plan {
    let value = super::lower(operand, names);
    let [equal, null, any] = questions(operand, select, names);
    not_exists(equal).and(not_exists(null)).and(value.is_not_null().or(not_exists(any)))
}

/// What decides `x IN (s)`, each a select that has a row or none: the rows of s that are x, those that are null, all.
pub(crate) fn questions(operand: &Expr, select: &SubSelect, names: Names<'_>) -> [Arc<LogicalPlan>; 3] {
    let member = || {
        let (relation, field) = select.plan.schema().qualified_field(0);
        Plan::Column(Column::from((relation, field)))
    };
    let outer = super::lower(operand, &|column, ty| match names(column, ty) {
        Plan::Column(name) => Plan::OuterReferenceColumn(Arc::new(ty.field(&name.name)), name),
        other => other,
    });
    let built = |plan: Result<LogicalPlanBuilder>| {
        plan.and_then(LogicalPlanBuilder::build).map_or_else(|_| Arc::clone(&select.plan), Arc::new)
    };
    let such = |predicate: Plan| LogicalPlanBuilder::from(select.plan.as_ref().clone()).filter(predicate);
    // Of rows that are the same for every row outside, one is enough.
    let one = |plan: Result<LogicalPlanBuilder>| match select.is_correlated {
        true => plan,
        false => plan.and_then(|plan| plan.limit(0, Some(1))),
    };
    let all = Ok(LogicalPlanBuilder::from(select.plan.as_ref().clone()));
    [built(such(member().eq(outer))), built(one(such(member().is_null()))), built(one(all))]
}
