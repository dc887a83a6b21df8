//! Names and paths: columns, columns of an alias, steps into JSON.

use super::{Found, Resolver, Source, fold};
use crate::functions::{Op, Path, json::Step};
use crate::typed::{Column, Expr, Kind};
use crate::types::Type;
use grammar::ast::{self, ExprKind, Ident, PathStep};
use grammar::{Code, Error, Span};

/// The column a word after a point names: its case was kept, for it may be a key, but columns go by lower case.
fn column_of(source: &Source, key: &Ident) -> Option<usize> {
    source
        .position(&key.name)
        .or_else(|| if key.quoted { None } else { source.position(&key.name.to_ascii_lowercase()) })
}

impl Resolver<'_> {
    /// A name alone.
    pub(super) fn name(&mut self, ident: &Ident) -> Option<Expr> {
        let alias_first = self.aliases.as_ref().is_some_and(|aliases| aliases.first);
        if alias_first && let Some(found) = self.alias(ident) {
            return found;
        }
        match self.scope.find(&ident.name) {
            Found::Column(source, column) => Some(self.own_column(source, column, ident.span)),
            Found::Several(sources) => self.fail(self.scope.ambiguous(ident, &sources)),
            Found::Nothing => {
                if !alias_first && let Some(found) = self.alias(ident) {
                    return found;
                }
                if let Some(found) = self.outer_name(ident) {
                    return Some(found);
                }
                if self.is_partial() {
                    return None;
                }
                let mut error = self.scope.unknown(ident);
                let name = ident.name.as_str();
                if !ident.quoted && self.hidden.contains(&name) {
                    error = error.hint(format!("`{name}` is named in the select list, after WHERE has chosen the rows: write out what it stands for, or ask in HAVING"));
                } else if error.hint.is_none() && self.scope.source(name).is_some() {
                    error = error.hint(format!("`{name}` is a source; name a column of it: {name}.id"));
                } else if error.hint.is_none() && name == "next_task" {
                    error = error.hint("the shorthand has no FROM: SELECT next_task WHERE …");
                } else if error.hint.is_none() && name == "now" {
                    error = error.hint("the moment is a call: now()");
                }
                self.fail(error)
            }
        }
    }

    /// Whether a name that is not found may belong to a source that was wrong.
    fn is_partial(&self) -> bool {
        self.scope.is_partial || self.outer.is_some_and(|outer| outer.is_partial)
    }

    fn is_alias(&self, ident: &Ident) -> bool {
        self.aliases.as_ref().is_some_and(|aliases| aliases.items.iter().any(|(name, _)| *name == ident.name))
    }

    /// What a select alias stands for, if the name is one: `Some(None)` if that was wrong.
    fn alias(&mut self, ident: &Ident) -> Option<Option<Expr>> {
        let aliases = self.aliases.as_ref()?;
        let (_, item) = aliases.items.iter().find(|(name, _)| *name == ident.name)?;
        let Some(item) = item.clone() else { return Some(None) };
        if let Err(place) = self.aggregates
            && item.has_aggregate()
        {
            let message =
                format!("`{}` stands for an aggregate, and aggregates cannot stand in {place}", ident.name);
            return Some(self.fail(Error::new(Code::NotAllowed, ident.span, message)));
        }
        Some(Some(Expr { span: ident.span, ..item }))
    }

    fn own_column(&self, source: usize, column: usize, span: Span) -> Expr {
        super::column(self.scope, source, column, span)
    }

    fn outer_name(&self, ident: &Ident) -> Option<Expr> {
        let outer = self.outer?;
        let Found::Column(source, column) = outer.find(&ident.name) else { return None };
        let ty = outer.sources[source].columns[column].ty;
        Some(Expr::new(Kind::Column(Column { outer: 1, source, column }), ty, ident.span))
    }

    /// `a.b`, `a.b.c[0]`, `f(x)['key']`: a column of an alias first, else steps into JSON.
    pub(super) fn path(&mut self, base: &ast::Expr, steps: &[PathStep], span: Span) -> Option<Expr> {
        if let ExprKind::Name(name) = &base.kind
            && let [PathStep::Key(key), rest @ ..] = steps
        {
            if let Some(source) = self.scope.source(&name.name) {
                if let Some(column) = column_of(&self.scope.sources[source], key) {
                    let column = self.own_column(source, column, name.span.to(key.span));
                    return self.steps(column, rest, span);
                }
                if matches!(self.scope.find(&name.name), Found::Nothing) {
                    return self.fail(self.scope.unknown_in(source, key));
                }
            } else if matches!(self.scope.find(&name.name), Found::Nothing)
                && let Some(outer) = self.outer
                && let Some(source) = outer.source(&name.name)
            {
                let Some(column) = column_of(&outer.sources[source], key) else {
                    return self.fail(outer.unknown_in(source, key));
                };
                let ty = outer.sources[source].columns[column].ty;
                let kind = Kind::Column(Column { outer: 1, source, column });
                return self.steps(Expr::new(kind, ty, name.span.to(key.span)), rest, span);
            } else if matches!(self.scope.find(&name.name), Found::Nothing)
                && self.outer_name(name).is_none()
                && !self.is_alias(name)
            {
                if self.is_partial() {
                    return None;
                }
                return self.fail(self.scope.unknown_base(name));
            }
        }
        let base = self.expr(base)?;
        self.steps(base, steps, span)
    }

    fn steps(&mut self, base: Expr, steps: &[PathStep], span: Span) -> Option<Expr> {
        if steps.is_empty() {
            return Some(base);
        }
        if base.ty == Type::Null {
            return Some(Expr::null(Type::Json, span));
        }
        if base.ty != Type::Json {
            let (step, at) = match &steps[0] {
                PathStep::Key(key) => (format!(".{}", key.name), key.span),
                PathStep::QuotedKey(key, at) => (format!("['{key}']"), *at),
                PathStep::Index(index, at) => (format!("[{index}]"), *at),
            };
            let message =
                format!("`{step}` is a step into json, but this is {}", crate::functions::article(base.ty));
            let hint = match base.ty {
                Type::Set => Some("whether a set has a member is asked with IN: 'x' IN set".to_owned()),
                _ => None,
            };
            return self.mismatch(base.span.to(at), message, hint);
        }
        let steps = steps.iter().map(|step| match step {
            PathStep::Key(key) => Step::Key(key.name.clone()),
            PathStep::QuotedKey(key, _) => Step::Key(key.clone()),
            PathStep::Index(index, _) => Step::Index(*index),
        });
        let path = Op::Path(Path(steps.collect()));
        Some(fold(Expr::apply(path, vec![base], Type::Json, span)))
    }
}
