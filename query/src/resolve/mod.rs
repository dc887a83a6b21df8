//! Gives names their meaning and expressions their types: from the syntax tree to [`crate::typed`].
//!
//! An expression that is wrong is reported once, where it is wrong; everything around it is still looked at,
//! so that independent errors are reported together. `None` stands for "reported".

mod binary;
mod call;
mod coerce;
mod expr;
mod path;
mod scope;

pub use call::functions;
#[cfg(test)]
pub(crate) use call::{AGGREGATES, SCALARS};
pub(crate) use grammar::nearest;
pub(crate) use scope::{Found, OrderKey, Scope, ScopeColumn, Source};

use crate::eval::{self, Constant};
use crate::params::Binding;
use crate::plan::SubSelect;
use crate::typed::{Column, Expr, Kind};
use crate::types::Type;
use grammar::ast;
use grammar::{Code, Error, Span};

/// Most nodes that copies of operands may add to a statement (BETWEEN, CASE, nullif and lists look at one
/// operand several times): nested, they would double at each level.
const COPIED_NODES_MAX: usize = 20_000;

/// Whoever can plan the select of an `IN (select)` or `EXISTS (select)`.
pub(crate) trait SubSelects {
    /// Plans it within `scope`; for IN it has one column. Errors go to `errors`.
    fn subselect(
        &self,
        select: &ast::Select,
        scope: &Scope,
        is_in: bool,
        is_value: bool,
        errors: &mut Vec<Error>,
    ) -> Option<SubSelect>;
}

/// What stands under a name besides columns.
pub(crate) struct SelectAliases<'a> {
    /// Names and what they stand for; `None` for what was wrong.
    pub(crate) items: &'a [(String, Option<Expr>)],
    /// Whether they come before columns (ORDER BY) or after (GROUP BY, HAVING).
    pub(crate) first: bool,
}

/// What is allowed at a place, and what names mean there.
pub(crate) struct Resolver<'a> {
    pub(crate) scope: &'a Scope,
    /// The scope of the select around this one, where its columns may be used.
    pub(crate) outer: Option<&'a Scope>,
    pub(crate) aliases: Option<SelectAliases<'a>>,
    pub(crate) params: &'a Binding<'a>,
    /// What `now()` gives; `None` in row predicates, which do not know the time.
    pub(crate) now: Option<i64>,
    /// Whether aggregates may stand here; if not, the place as in "aggregates cannot stand in WHERE".
    pub(crate) aggregates: Result<(), &'static str>,
    /// Who plans sub-selects; if none may stand here, the reason.
    pub(crate) subselects: Result<&'a dyn SubSelects, &'static str>,
    pub(crate) errors: &'a mut Vec<Error>,
    /// Whether the expression being looked at stands under nothing but AND, OR and NOT.
    pub(crate) in_filter: bool,
    /// Nodes that were copied so far.
    pub(crate) copied: usize,
    /// Select aliases that cannot be used here, for who tries.
    pub(crate) hidden: &'a [&'a str],
}

impl<'a> Resolver<'a> {
    /// A resolver for an expression over `scope`: no aggregates, no sub-selects, no outer scope.
    pub(crate) fn new(scope: &'a Scope, params: &'a Binding<'a>, errors: &'a mut Vec<Error>) -> Self {
        Self {
            scope,
            outer: None,
            aliases: None,
            params,
            now: None,
            aggregates: Err("a row predicate"),
            subselects: Err("a row predicate looks at one row: it cannot hold a sub-select"),
            errors,
            in_filter: false,
            copied: 0,
            hidden: &[],
        }
    }

    /// A filter: true, false or null.
    pub(crate) fn filter(&mut self, expr: &ast::Expr) -> Option<Expr> {
        self.in_filter = true;
        let filter = self.expr(expr);
        self.in_filter = false;
        self.truth(filter?)
    }

    /// The ON of a join: as a filter, but the answers of selects in it are values.
    pub(crate) fn condition(&mut self, expr: &ast::Expr) -> Option<Expr> {
        let condition = self.expr(expr);
        self.truth(condition?)
    }

    /// Reports an error.
    fn fail<T>(&mut self, error: Error) -> Option<T> {
        self.errors.push(error);
        None
    }

    /// Reports `type_mismatch`.
    fn mismatch<T>(&mut self, span: Span, message: String, hint: Option<String>) -> Option<T> {
        let error = Error::new(Code::TypeMismatch, span, message);
        self.fail(match hint {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }

    /// An expression as a truth value: JSON is read as bool.
    fn truth(&mut self, expr: Expr) -> Option<Expr> {
        match expr.ty {
            Type::Bool => Some(expr),
            Type::Null => Some(Expr::null(Type::Bool, expr.span)),
            Type::Json => Some(coerce::read(expr, Type::Bool)),
            ty => {
                let message = format!("expected true or false here, found {}", crate::functions::article(ty));
                self.mismatch(
                    expr.span,
                    message,
                    Some("compare it with something: x = 1, x IS NOT NULL".to_owned()),
                )
            }
        }
    }

    /// A copy of an operand that is looked at twice.
    fn copy(&mut self, expr: &Expr) -> Option<Expr> {
        fn nodes(expr: &Expr, most: usize) -> usize {
            let mut count = 1;
            for child in expr.children() {
                if count > most {
                    break;
                }
                count += nodes(child, most - count.min(most));
            }
            count
        }
        self.copied += nodes(expr, COPIED_NODES_MAX);
        if self.copied > COPIED_NODES_MAX {
            let message = "the expression becomes too large when BETWEEN, CASE and lists are written out";
            return self.fail(Error::new(Code::TooComplex, expr.span, message));
        }
        Some(expr.clone())
    }
}

/// An expression over constants alone is its value, unless computing it fails: then it fails where and when
/// it is needed.
pub(crate) fn fold(expr: Expr) -> Expr {
    let is_constant = match &expr.kind {
        Kind::Const(_) | Kind::Column(_) | Kind::Aggregate(_) | Kind::InSelect { .. } | Kind::Exists(_) => {
            false
        }
        _ => expr.children().into_iter().all(|child| child.as_const().is_some()),
    };
    if !is_constant {
        return expr;
    }
    let value: Option<Constant> = eval::eval(&expr, &eval::NoRow).ok().map(eval::Datum::into_owned);
    match value {
        Some(value) => Expr { kind: Kind::Const(value), ..expr },
        None => expr,
    }
}

/// A column of the select's own sources.
pub(crate) fn column(scope: &Scope, source: usize, column: usize, span: Span) -> Expr {
    let ty = scope.sources[source].columns[column].ty;
    Expr::new(Kind::Column(Column { outer: 0, source, column }), ty, span)
}
