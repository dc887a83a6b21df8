//! `IN (select)` and `EXISTS (select)` as values: in a select list, ORDER BY, GROUP BY, CASE, a comparison, ON.
//!
//! Whether there is a row is a column that is joined to the plan: a mark. (Under AND, OR and NOT of a filter no value
//! is needed, and [`crate::lower`] makes joins that keep fewer rows.) DataFusion knows how to make marks of what stands in a
//! filter; it is asked for one at a time.

use super::select::Planner;
use crate::eval::Datum;
use crate::lower::{self, Names};
use crate::resolve::Scope;
use crate::typed::{Expr, Kind};
use crate::types::Type;
use datafusion::common::{Column as PlanColumn, Result, internal_datafusion_err};
use datafusion::logical_expr::{Expr as Plan, LogicalPlan, LogicalPlanBuilder, exists};
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::{OptimizerConfig, OptimizerContext, OptimizerRule};
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

/// Names inside plans that are left to the optimizer, which counts from one: those of marks come after.
const NAMES_LEFT: usize = 1_000;

/// The marks of one stage of a select: what was made a column once is not made another time.
pub(super) struct Marks {
    /// Names given so far, in the whole statement.
    named: Rc<Cell<usize>>,
    optimizer: Rc<OnceCell<OptimizerContext>>,
    known: Vec<(Expr, Expr)>,
}

/// Which side of a join a select in its ON looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Whether this is a select whose answer is a value here.
pub(super) fn is_value(expr: &Expr) -> bool {
    matches!(&expr.kind, Kind::Exists(select) | Kind::InSelect { select, .. } if select.is_value)
}

/// The side that a select in ON looks at, if it is one: of the sources of `scope` the last is on the right.
pub(super) fn side(expr: &Expr, scope: &Scope) -> Option<Side> {
    let (Kind::Exists(select) | Kind::InSelect { select, .. }) = &expr.kind else { return None };
    let last = scope.sources.len() - 1;
    let mut sides = Vec::new();
    let mut left = vec![expr];
    while let Some(expr) = left.pop() {
        if let Kind::Column(column) = &expr.kind {
            sides.push(column.source == last);
        }
        left.extend(expr.children());
    }
    for outer in select.plan.all_out_ref_exprs() {
        if let Plan::OuterReferenceColumn(_, column) = outer {
            let is_of = |source: &crate::resolve::Source| source.columns.iter().any(|it| it.plan == column);
            sides.push(is_of(&scope.sources[last]));
        }
    }
    match (sides.contains(&true), sides.contains(&false)) {
        (true, true) => None,
        (true, false) => Some(Side::Right),
        (false, _) => Some(Side::Left),
    }
}

impl Marks {
    /// The source that marks belong to.
    pub(super) const SOURCE: usize = usize::MAX - 1;

    pub(super) fn of(planner: &Planner<'_>) -> Self {
        Self { named: planner.relations.clone(), optimizer: planner.optimizer.clone(), known: Vec::new() }
    }

    /// What the plan calls a mark.
    pub(super) fn plan_column(place: usize) -> Plan {
        Plan::Column(PlanColumn::new_unqualified(Self::field(place)))
    }

    fn field(place: usize) -> String {
        format!("#m{place}")
    }

    /// The plan with a column for every such select in the expression, which takes its value from it.
    pub(super) fn lift(
        &mut self,
        plan: LogicalPlanBuilder,
        expr: &mut Expr,
        names: Names<'_>,
        such: &dyn Fn(&Expr) -> bool,
    ) -> Result<LogicalPlanBuilder> {
        let is_lifted = |expr: &Expr| is_value(expr) && such(expr);
        if !expr.any(&is_lifted) {
            return Ok(plan);
        }
        let whole = std::mem::replace(expr, Expr::null(expr.ty, expr.span));
        let is_itself = is_lifted(&whole);
        let mut plan = Some(plan);
        // What stands inside comes first: an operand may hold a select of its own.
        let mut whole = whole.map_children(&mut |mut child| {
            if let Some(below) = plan.take() {
                plan = Some(self.lift(below, &mut child, names, such)?);
            }
            Ok::<Expr, datafusion::error::DataFusionError>(child)
        })?;
        let mut plan = plan.ok_or_else(|| internal_datafusion_err!("the plan of a mark"))?;
        if is_itself {
            let known = self.known.iter().find(|(known, _)| *known == whole);
            let value = match known {
                Some((_, value)) => value.clone(),
                None => {
                    let (marked, value) = self.value(plan, &whole, names)?;
                    plan = marked;
                    self.known.push((whole, value.clone()));
                    value
                }
            };
            whole = value;
        }
        *expr = whole;
        Ok(plan)
    }

    /// A select's answer out of marks. `x IN (s)` is true when a row of s is x; null when one of its rows is null, or x is and there
    /// is a row; false otherwise.
    fn value(
        &self,
        mut plan: LogicalPlanBuilder,
        expr: &Expr,
        names: Names<'_>,
    ) -> Result<(LogicalPlanBuilder, Expr)> {
        let span = expr.span;
        let mut mark = |of: Arc<LogicalPlan>| -> Result<Expr> {
            let (marked, mark) = self.mark(plan.clone(), of)?;
            plan = marked;
            Ok(Expr { span, ..mark })
        };
        let value = match &expr.kind {
            Kind::InSelect { operand, select } => {
                let [equal, null, any] = lower::questions(operand, select, names);
                let (equal, null, any) = (mark(equal)?, mark(null)?, mark(any)?);
                let is_null = Expr::new(Kind::IsNull(operand.clone()), Type::Bool, span);
                let both = Expr::new(Kind::And(vec![is_null, any]), Type::Bool, span);
                let unknown = Expr::new(Kind::Or(vec![null, both]), Type::Bool, span);
                let truth = |truth| Expr::constant(Datum::Bool(truth), span);
                let branches = vec![(equal, truth(true)), (unknown, Expr::null(Type::Bool, span))];
                Expr::new(Kind::Case { branches, otherwise: Box::new(truth(false)) }, Type::Bool, span)
            }
            Kind::Exists(select) => mark(select.plan.clone())?,
            _ => return Err(internal_datafusion_err!("a mark of no select")),
        };
        Ok((plan, value))
    }

    /// The plan with a column that says whether a select has a row.
    fn mark(&self, plan: LogicalPlanBuilder, of: Arc<LogicalPlan>) -> Result<(LogicalPlanBuilder, Expr)> {
        let columns: Vec<Plan> = plan.schema().columns().into_iter().map(Plan::Column).collect();
        let asked = plan.filter(Plan::IsTrue(Box::new(exists(of))))?.build()?;
        let optimizer = self.optimizer.get_or_init(|| {
            let optimizer = OptimizerContext::new();
            (0..NAMES_LEFT).for_each(|_| drop(optimizer.alias_generator().next("")));
            optimizer
        });
        let marked = DecorrelatePredicateSubquery::new().rewrite(asked, optimizer)?.data;
        let filter = match marked {
            LogicalPlan::Projection(kept) => Arc::unwrap_or_clone(kept.input),
            other => other,
        };
        let LogicalPlan::Filter(filter) = filter else {
            return Err(internal_datafusion_err!("a mark without its filter"));
        };
        let place = self.named.get();
        self.named.set(place + 1);
        let column = crate::typed::Column { outer: 0, source: Self::SOURCE, column: place };
        let marked = LogicalPlanBuilder::from(Arc::unwrap_or_clone(filter.input))
            .project(columns.into_iter().chain([filter.predicate.alias(Self::field(place))]))?;
        Ok((marked, Expr::new(Kind::Column(column), Type::Bool, grammar::Span::default())))
    }
}
