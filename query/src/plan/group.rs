//! GROUP BY and aggregates.

use super::SubSelect;
use super::order::Key;
use crate::functions::{Op, aggregate};
use crate::lower::{self, Names};
use crate::resolve::Scope;
use crate::typed::{AggregateCall, Column, Expr, Kind};
use crate::types::Type;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column as PlanColumn, Result};
use datafusion::logical_expr::{Expr as Plan, LogicalPlanBuilder};
use grammar::{Code, Error, Span};
use std::convert::Infallible;
use std::sync::Arc;

/// The keys and aggregates of a select. Columns of the grouped rows are the keys, then the aggregates.
pub(super) struct Grouping {
    pub(super) keys: Vec<Expr>,
    pub(super) aggregates: Vec<(AggregateCall, Type)>,
}

/// Where among the columns of grouped rows aggregates begin.
pub(crate) const FIRST_AGGREGATE: usize = 1 << 16;

impl Grouping {
    /// The source that columns of grouped rows belong to.
    pub(super) const SOURCE: usize = usize::MAX;

    /// Groups by these.
    pub(super) fn new(keys: Vec<Expr>) -> Self {
        let mut distinct: Vec<Expr> = Vec::with_capacity(keys.len());
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        Self { keys: distinct, aggregates: Vec::new() }
    }

    /// What the plan calls a column of the grouped rows.
    pub(super) fn plan_column(place: usize) -> Plan {
        Plan::Column(PlanColumn::new_unqualified(Self::field(place)))
    }

    fn field(place: usize) -> String {
        match place.checked_sub(FIRST_AGGREGATE) {
            Some(aggregate) => format!("#a{aggregate}"),
            None => format!("#g{place}"),
        }
    }

    fn column(place: usize, like: &Expr) -> Expr {
        let column = Column { outer: 0, source: Self::SOURCE, column: place };
        Expr { kind: Kind::Column(column), ..like.clone() }
    }

    /// An expression over the sources as one over the grouped rows; `not_grouped` where it needs a column
    /// that has many values in a group.
    pub(super) fn replace(&mut self, expr: Expr, scope: &Scope, errors: &mut Vec<Error>) -> Option<Expr> {
        if let Some(place) = self.keys.iter().position(|key| *key == expr) {
            return Some(Self::column(place, &expr));
        }
        match &expr.kind {
            Kind::Aggregate(call) => {
                let known = self.aggregates.iter().position(|(known, _)| *known == **call);
                let place = known.unwrap_or_else(|| {
                    self.aggregates.push(((**call).clone(), expr.ty));
                    self.aggregates.len() - 1
                });
                Some(Self::column(FIRST_AGGREGATE + place, &expr))
            }
            Kind::Column(column) if column.outer == 0 => {
                let source = &scope.sources[column.source];
                let name = &source.columns[column.column].name;
                let message = format!("`{name}` is neither in GROUP BY nor inside an aggregate");
                let hint = format!("add `{name}` to GROUP BY, or take any({name})");
                // Of the columns that a star stands for, one is enough to be told.
                let is_told = errors
                    .last()
                    .is_some_and(|error| error.code == Code::NotGrouped && error.span == expr.span);
                if !is_told {
                    errors.push(Error::new(Code::NotGrouped, expr.span, message).hint(hint));
                }
                None
            }
            _ => {
                let mut is_whole = true;
                let span = expr.span;
                let replaced = expr.map_children(&mut |child: Expr| {
                    let replaced = self.replace(child.clone(), scope, errors);
                    is_whole &= replaced.is_some();
                    Ok::<Expr, Infallible>(replaced.unwrap_or(child))
                });
                let mut replaced = replaced.ok().filter(|_| is_whole)?;
                if let Kind::Exists(select) | Kind::InSelect { select, .. } = &mut replaced.kind
                    && select.is_correlated
                {
                    *select = self.regrouped(select.clone(), scope, span, errors)?;
                }
                Some(replaced)
            }
        }
    }

    /// What is computed of the rows that are grouped.
    pub(super) fn exprs_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        let args = self.aggregates.iter_mut().flat_map(|(call, _)| &mut call.args);
        self.keys.iter_mut().chain(args)
    }

    /// The select of an IN or EXISTS that uses columns of the rows that are grouped, as one over the grouped rows.
    fn regrouped(
        &self,
        select: SubSelect,
        scope: &Scope,
        span: Span,
        errors: &mut Vec<Error>,
    ) -> Option<SubSelect> {
        let mut missing = None;
        let plan = select.plan.as_ref().clone().transform_up(|node| {
            node.map_expressions(|expr| {
                expr.transform_up(|expr| {
                    let Plan::OuterReferenceColumn(field, column) = &expr else {
                        return Ok(Transformed::no(expr));
                    };
                    let place = self.keys.iter().position(|key| match key.kind {
                        Kind::Column(known) => scope.plan_column(known, None) == Plan::Column(column.clone()),
                        _ => false,
                    });
                    let Some(place) = place else {
                        missing = Some(column.name.clone());
                        return Ok(Transformed::no(expr));
                    };
                    let named = PlanColumn::new_unqualified(Self::field(place));
                    Ok(Transformed::yes(Plan::OuterReferenceColumn(field.clone(), named)))
                })
            })
        });
        match (plan, missing) {
            (Ok(plan), None) => Some(SubSelect { plan: Arc::new(plan.data), ..select }),
            (Ok(_), Some(name)) => {
                let message = format!("`{name}` is neither in GROUP BY nor inside an aggregate");
                let error = Error::new(Code::NotGrouped, span, message);
                errors.push(error.hint(format!("add `{name}` to GROUP BY")));
                None
            }
            (Err(error), _) => {
                errors.push(super::planning(&error, span));
                None
            }
        }
    }

    /// By group key, as the keys were written.
    pub(super) fn default_order(&self) -> Vec<Key> {
        self.keys.iter().enumerate().map(|(place, key)| Key::ascending(Self::column(place, key))).collect()
    }

    /// The plan's aggregate node.
    pub(super) fn build(&self, plan: LogicalPlanBuilder, names: Names<'_>) -> Result<LogicalPlanBuilder> {
        let keys = self.keys.iter().enumerate().map(|(place, key)| {
            // Equal JSON is one group, however it was spelled.
            let key = match key.ty {
                Type::Json => Expr::apply(Op::Normal, vec![key.clone()], Type::Json, key.span),
                _ => key.clone(),
            };
            lower::lower(&key, names).alias(Self::field(place))
        });
        let aggregates = self.aggregates.iter().enumerate().map(|(place, (call, ty))| {
            let args = call.args.iter().map(|arg| lower::lower(arg, names)).collect();
            aggregate::lower(call, args, *ty).alias(Self::field(FIRST_AGGREGATE + place))
        });
        plan.aggregate(keys.collect::<Vec<_>>(), aggregates.collect::<Vec<_>>())
    }
}
