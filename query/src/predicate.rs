//! Row predicates: one language for WHERE, for subscriptions, for claims.
//!
//! A row predicate looks at the columns of one row: no sub-select, no aggregate, no `now()`. It is resolved
//! once, to the same tree that WHERE is, and evaluated row by row.

use crate::eval::{self, FieldsRow};
use crate::params::{Binding, Params};
use crate::resolve::{Resolver, Scope, ScopeColumn, Source};
use crate::tables::{Fields, TableSchema, TaskFields};
use crate::typed::Expr;
use datafusion::common::Column;
use domain::PredicateFault;
use domain::command::{Candidate, CandidateFilter};
use grammar::{Error, Place, Span, ast};
use std::sync::Arc;
use store::Text;

/// A predicate over the rows of one table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RowPredicate {
    expr: Arc<Expr>,
}

impl RowPredicate {
    /// Resolves an expression over the columns of a table.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn resolve(
        expr: &ast::Expr,
        schema: &TableSchema,
        params: &Binding<'_>,
    ) -> Result<Self, Vec<Error>> {
        Self::at(expr, schema, params, None)
    }

    /// The same, with `now()` standing for a moment, if one is given: no row predicate then, but as bound.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn at(
        expr: &ast::Expr,
        schema: &TableSchema,
        params: &Binding<'_>,
        now: Option<i64>,
    ) -> Result<Self, Vec<Error>> {
        let scope = scope(schema);
        let mut errors = Vec::new();
        let mut resolver = Resolver::new(&scope, params, &mut errors);
        resolver.now = now;
        let resolved = resolver.filter(expr);
        match resolved {
            Some(expr) if errors.is_empty() => Ok(Self { expr: Arc::new(expr) }),
            _ => Err(errors),
        }
    }

    /// Whether it holds for a row; `None` is null.
    ///
    /// # Errors
    /// Overflow, division by zero, a failing CAST.
    pub fn test(&self, row: &dyn Fields) -> Result<Option<bool>, Error> {
        eval::truth(&self.expr, &FieldsRow(row))
    }

    /// As [`RowPredicate::test`], where nobody can be told of an error: a row that the predicate fails on is
    /// one it does not hold for.
    #[must_use]
    pub fn holds(&self, row: &dyn Fields) -> Option<bool> {
        self.test(row).unwrap_or(None)
    }

    pub(crate) fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The predicate over candidates of a claim; `text` is what it was read from.
    pub(crate) fn into_candidate_filter(self, text: &str) -> CandidateFilter {
        let text = Text::from(text);
        CandidateFilter(Arc::new(move |candidate| {
            let Candidate { task, graph, depth, now } = *candidate;
            let row = TaskFields { task, graph, depth, now };
            self.test(&row).map_err(|error| fault(error, &text))
        }))
    }
}

/// An error of evaluation, for those below who know nothing of the language.
pub(crate) fn fault(error: Error, text: &str) -> PredicateFault {
    let error = crate::plan::named(error, text);
    let Place { line, column, length } = error.place(text);
    PredicateFault {
        code: error.code.as_str(),
        message: error.message,
        hint: error.hint,
        line,
        column,
        length,
    }
}

/// The filter of a claim that came as text of its own: the `where` of a request.
///
/// # Errors
/// Everything that is wrong with the text, or with it as a predicate over `next_task`.
pub fn candidate_filter(text: &str, params: &Params) -> Result<CandidateFilter, Vec<Error>> {
    let expr = grammar::parse_predicate(text).map_err(|error| vec![error])?;
    let binding = Binding::new(params);
    let resolved = RowPredicate::resolve(&expr, &crate::tables::next_task::SCHEMA, &binding);
    let unused = binding.unused(Span::new(0, text.len()));
    let mut errors = match resolved {
        Ok(predicate) if unused.is_empty() => return Ok(predicate.into_candidate_filter(text)),
        Ok(_) => Vec::new(),
        Err(errors) => errors,
    };
    errors.extend(unused);
    Err(errors)
}

/// The scope of a row of one table: columns by their place in its schema.
pub(crate) fn scope(schema: &TableSchema) -> Scope {
    let columns = schema.columns.iter().map(|column| ScopeColumn {
        name: column.name.to_owned(),
        ty: column.ty,
        plan: Column::new_unqualified(column.name),
    });
    Scope {
        sources: vec![Source {
            name: schema.name.to_owned(),
            columns: columns.collect(),
            aliases: schema.aliases,
            order: Vec::new(),
            sequence: None,
        }],
        is_partial: false,
    }
}
