//! ORDER BY, and the order rows have when it says nothing.
//!
//! Nulls come last going up and first going down, unless the statement says otherwise.

use super::select::Planner;
use crate::functions::Op;
use crate::lower::{self, Names};
use crate::resolve::Scope;
use crate::typed::{Column, Expr, Kind};
use crate::types::Type;
use datafusion::logical_expr::{Expr as Plan, SortExpr};
use grammar::Span;
use grammar::ast::OrderItem;

/// One key of an order.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// A key of an order that travels in a column of a sub-select.
#[derive(Debug, Clone)]
pub(super) struct CarriedKey {
    /// The column's name in the plan.
    pub(super) field: String,
    pub(super) ty: Type,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

impl Key {
    /// A key as it was written.
    pub(super) fn written(item: &OrderItem, expr: Expr) -> Self {
        Self { expr, descending: item.descending, nulls_first: item.nulls_first.unwrap_or(item.descending) }
    }

    /// Least first.
    pub(super) fn ascending(expr: Expr) -> Self {
        Self { expr, descending: false, nulls_first: false }
    }

    /// What is sorted by: JSON and sets by text that has their order.
    fn sortable(&self) -> Expr {
        let span = self.expr.span;
        match self.expr.ty {
            Type::Json | Type::Set => Expr::apply(Op::OrderKey, vec![self.expr.clone()], Type::Text, span),
            _ => self.expr.clone(),
        }
    }

    /// The same over values as the row evaluator gives them, which it can compare.
    pub(super) fn of_values(&self) -> Self {
        Self { expr: self.sortable(), ..*self }
    }

    /// The key for a sort node.
    pub(super) fn lower(&self, names: Names<'_>) -> SortExpr {
        SortExpr::new(lower::lower(&self.sortable(), names), !self.descending, self.nulls_first)
    }

    /// The same key over the columns of the select list, where it must be found.
    pub(super) fn of_output(&self, items: &[(String, Expr)]) -> Self {
        let normal = Expr::apply(Op::Normal, vec![self.expr.clone()], Type::Json, self.expr.span);
        let place = items.iter().position(|(_, item)| *item == self.expr || *item == normal).unwrap_or(0);
        let column = Column { outer: 0, source: 0, column: place };
        Self { expr: Expr { kind: Kind::Column(column), ..self.expr.clone() }, ..*self }
    }
}

/// Hidden columns that carry an order to the select around, and what they are called.
pub(super) fn carry(keys: &[Key], names: Names<'_>) -> (Vec<Plan>, Vec<CarriedKey>) {
    keys.iter()
        .enumerate()
        .map(|(place, key)| {
            let expr = key.sortable();
            let field = format!("#{place}");
            let hidden = lower::lower(&expr, names).alias(&field);
            let carried =
                CarriedKey { field, ty: expr.ty, descending: key.descending, nulls_first: key.nulls_first };
            (hidden, carried)
        })
        .unzip()
}

impl Planner<'_> {
    /// By key for a table, by position for events, as it came for a sub-select; of joins from left to right.
    pub(super) fn default_order(&self, scope: &Scope) -> Vec<Key> {
        let mut keys = Vec::new();
        for (at, source) in scope.sources.iter().enumerate() {
            for key in &source.order {
                let expr = crate::resolve::column(scope, at, key.column, Span::default());
                keys.push(Key { expr, descending: key.descending, nulls_first: key.nulls_first });
            }
        }
        keys
    }
}
