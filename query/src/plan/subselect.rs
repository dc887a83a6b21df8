//! `IN (select)` and `EXISTS (select)`.

use super::select::{Ordering, Planner};
use crate::lower;
use crate::resolve::{Scope, SubSelects};
use crate::typed::{Expr, Kind};
use crate::types::Type;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr as Plan, LogicalPlan, LogicalPlanBuilder};
use grammar::ast::Select;
use grammar::{Code, Error};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Most selects in IN and EXISTS that stand in each other: the engine looks at each of them twice as often as at
/// the one around it.
const SELECTS_NESTED_MAX: usize = 8;

/// The select of an IN or EXISTS, planned. Each is only the same as itself.
#[derive(Debug, Clone)]
pub(crate) struct SubSelect {
    pub(crate) plan: Arc<LogicalPlan>,
    /// Type of its first column.
    pub(crate) ty: Type,
    /// Whether it uses columns of the select around it.
    pub(crate) is_correlated: bool,
    /// Whether its answer is a value, rather than a part of a filter.
    pub(crate) is_value: bool,
    /// Where it stands, for names inside plans.
    pub(crate) name: String,
}

impl SubSelect {
    /// The same with its one column coerced; `member` is that column or something made of it.
    pub(crate) fn with_member(self, member: Expr) -> Self {
        if matches!(member.kind, Kind::Column(_)) {
            return self;
        }
        let (relation, field) = self.plan.schema().qualified_field(0);
        let column = Plan::Column(Column::from((relation, field)));
        let member_expr = lower::lower(&member, &|_, _| column.clone()).alias("#member");
        let plan = LogicalPlanBuilder::from(self.plan.as_ref().clone())
            .project([member_expr])
            .and_then(LogicalPlanBuilder::build);
        match plan {
            Ok(plan) => Self { plan: Arc::new(plan), ty: member.ty, ..self },
            // A projection of one column over one column cannot fail to plan.
            Err(_) => self,
        }
    }
}

impl PartialEq for SubSelect {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plan, &other.plan)
    }
}

impl Eq for SubSelect {}

impl Hash for SubSelect {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl SubSelects for Planner<'_> {
    fn subselect(
        &self,
        select: &Select,
        scope: &Scope,
        is_in: bool,
        is_value: bool,
        errors: &mut Vec<Error>,
    ) -> Option<SubSelect> {
        if self.depth == SELECTS_NESTED_MAX {
            let message =
                format!("a select after IN or EXISTS stands in at most {SELECTS_NESTED_MAX} others");
            errors.push(
                Error::new(Code::TooComplex, select.span, message)
                    .hint("name parts of it by WITH, or join them"),
            );
            return None;
        }
        let inner = Self { depth: self.depth + 1, ..self.clone() };
        let ordering = if is_in { Ordering::Membership } else { Ordering::Existence };
        let relation = inner.select(select, Some(scope), ordering, errors)?;
        let columns = relation.columns.len();
        if is_in && columns != 1 {
            let message = format!("the select after IN gives one column, this one gives {columns}");
            errors.push(Error::new(Code::WrongArgumentCount, select.span, message));
            return None;
        }
        let is_correlated = !relation.plan.all_out_ref_exprs().is_empty();
        Some(SubSelect {
            plan: Arc::new(relation.plan),
            ty: relation.columns.first().map_or(Type::Null, |column| column.ty),
            is_correlated,
            is_value,
            name: format!("@{}", select.span.start),
        })
    }
}
