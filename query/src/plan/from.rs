//! FROM: tables, WITH names, sub-selects, joins.

use super::marks::{self, Marks, Side};
use super::select::{Ordering, Planner, Relation};
use super::{TableVersion, planning};
use crate::lower;
use crate::resolve::{OrderKey, Resolver, Scope, ScopeColumn, Source, nearest};
use crate::tables::{HISTORY_COLUMNS, TableSchema};
use crate::typed::Expr;
use crate::types::Type;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, JoinType, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use grammar::ast::{self, FromClause, Ident, JoinKind, SourceKind, Version};
use grammar::{Code, Error, Span};
use std::sync::Arc;

/// Most sources of a statement, those that WITH names stand for counted each time: names that use names would
/// double at each step.
pub(super) const SOURCES_MAX: usize = 64;

impl Planner<'_> {
    /// FROM and its joins: the scope that the rest of the select sees, and the plan below it, if all of it holds.
    pub(super) fn from(
        &self,
        from: &FromClause,
        outer: Option<&Scope>,
        errors: &mut Vec<Error>,
    ) -> (Scope, Option<LogicalPlan>) {
        let first = self.source(&from.source, errors);
        let mut scope = Scope::default();
        let mut plan = None;
        match first {
            Some((source, below)) => {
                scope.sources.push(source);
                plan = Some(below);
            }
            None => scope.is_partial = true,
        }
        for join in &from.joins {
            let right = match self.source(&join.source, errors) {
                Some((source, right)) => {
                    if let Some(known) = scope.source(&source.name) {
                        errors.push(twice(&scope.sources[known].name, &join.source));
                        plan = None;
                    }
                    scope.sources.push(source);
                    Some(right)
                }
                None => {
                    scope.is_partial = true;
                    None
                }
            };
            let mut resolver = Resolver::new(&scope, self.params, errors);
            resolver.now = Some(self.moments.now);
            resolver.aggregates = Err("ON");
            resolver.subselects = Ok(self);
            resolver.outer = None;
            let on = resolver.condition(&join.on);
            let (Some(mut on), Some(left), Some(right)) = (on, plan.take(), right) else { continue };
            let (left, right) = match self.marked(&mut on, left, right, &scope) {
                Ok(sides) => sides,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let on = lower::lower_on(on, &|column, _| match column.source {
                Marks::SOURCE => Marks::plan_column(column.column),
                _ => scope.plan_column(column, outer),
            });
            let kind = match join.kind {
                JoinKind::Inner => JoinType::Inner,
                JoinKind::Left => JoinType::Left,
            };
            let joined =
                LogicalPlanBuilder::from(left).join_on(right, kind, on).and_then(LogicalPlanBuilder::build);
            match joined {
                Ok(joined) => plan = Some(joined),
                Err(error) => errors.push(planning(&error, join.source.span)),
            }
        }
        (scope, plan)
    }

    /// The sides of a join with the marks of the selects in its ON, each at the side that it looks at.
    fn marked(
        &self,
        on: &mut Expr,
        left: LogicalPlan,
        right: LogicalPlan,
        scope: &Scope,
    ) -> Result<(LogicalPlan, LogicalPlan), Error> {
        let of_both = on.find(&|expr| marks::is_value(expr) && marks::side(expr, scope).is_none());
        if let Some(expr) = of_both {
            let message = "a select in ON looks at one side of the join, this one looks at both";
            return Err(Error::new(Code::NotAllowed, expr.span, message).hint("move it to WHERE"));
        }
        let span = on.span;
        let mut lifted = |plan, side| {
            let names = |column, _: Type| scope.plan_column(column, None);
            let such = |expr: &Expr| marks::side(expr, scope) == Some(side);
            let plan = Marks::of(self).lift(LogicalPlanBuilder::from(plan), on, &names, &such);
            plan.and_then(LogicalPlanBuilder::build).map_err(|error| planning(&error, span))
        };
        Ok((lifted(left, Side::Left)?, lifted(right, Side::Right)?))
    }

    /// One source: what it is called, its columns, its plan.
    fn source(&self, source: &ast::Source, errors: &mut Vec<Error>) -> Option<(Source, LogicalPlan)> {
        let count = self.sources.get() + 1;
        self.sources.set(count);
        if count > SOURCES_MAX {
            if count == SOURCES_MAX + 1 {
                let message = format!("the statement reads more than {SOURCES_MAX} sources");
                errors.push(Error::new(Code::TooComplex, source.span, message));
            }
            return None;
        }
        match &source.kind {
            SourceKind::Select(select) => {
                let relation = self.select(select, None, Ordering::Carried, errors)?;
                let Some(alias) = &source.alias else {
                    let message = "a sub-select in FROM needs a name";
                    let error = Error::new(Code::Syntax, source.span, message);
                    errors.push(error.hint("write (SELECT …) AS name"));
                    return None;
                };
                self.derived(alias.name.clone(), relation, source.span, errors)
            }
            SourceKind::Table { name, version } => {
                if let Some(select) = self.with_name(&name.name) {
                    if let Version::AsOf(ast::Moment { span, .. }) | Version::History(span) = version {
                        let message =
                            format!("`{}` is a WITH name: AS OF and HISTORY belong to tables", name.name);
                        errors.push(Error::new(Code::NotAllowed, *span, message));
                        return None;
                    }
                    let (place, select) = select;
                    let inner = self.before_with(place);
                    let relation = inner.select(select, None, Ordering::Carried, errors)?;
                    let called = source.alias.as_ref().unwrap_or(name).name.clone();
                    return self.derived(called, relation, source.span, errors);
                }
                let found = self.table(name, version);
                match found {
                    Ok((schema, version, provider)) => {
                        let called = source.alias.as_ref().unwrap_or(name).name.clone();
                        self.scan(called, schema, version, provider, source.span, errors)
                    }
                    Err(error) => {
                        errors.push(error);
                        None
                    }
                }
            }
        }
    }

    fn table(
        &self,
        name: &Ident,
        version: &Version,
    ) -> Result<(&'static TableSchema, TableVersion, Arc<dyn TableProvider>), Error> {
        let Some(schema) = self.catalog.schema(&name.name) else {
            return Err(self.unknown_table(name));
        };
        let version = self.moments.version(schema, version, self.catalog)?;
        let provider = match version {
            TableVersion::At(at) if schema.name == "next_task" => self.catalog.next_task(None, at),
            _ => self.catalog.provider(schema, version),
        };
        let provider = provider.map_err(|error| Error { span: name.span, ..error })?;
        Ok((schema, version, provider))
    }

    fn unknown_table(&self, name: &Ident) -> Error {
        let with = self.with.iter().map(|cte| cte.name.name.as_str());
        unknown_table(name, with.chain(self.catalog.table_names().iter().copied()))
    }

    /// The scan of a table.
    pub(super) fn scan(
        &self,
        called: String,
        schema: &'static TableSchema,
        version: TableVersion,
        provider: Arc<dyn TableProvider>,
        span: Span,
        errors: &mut Vec<Error>,
    ) -> Option<(Source, LogicalPlan)> {
        let relation = self.relation(schema.name);
        let plan = LogicalPlanBuilder::scan(relation.clone(), provider_as_source(provider), None)
            .and_then(LogicalPlanBuilder::build);
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                errors.push(planning(&error, span));
                return None;
            }
        };
        let is_history = matches!(version, TableVersion::History { .. });
        let extra = if is_history { HISTORY_COLUMNS } else { &[] };
        let columns = schema.columns.iter().chain(extra).map(|column| ScopeColumn {
            name: column.name.to_owned(),
            ty: column.ty,
            plan: Column::new(Some(relation.clone()), column.name),
        });
        let mut source = Source {
            name: called,
            columns: columns.collect(),
            aliases: schema.aliases,
            order: Vec::new(),
            sequence: None,
        };
        let ascending = |source: &Source, name: &str| {
            source.position(name).map(|column| OrderKey { column, descending: false, nulls_first: false })
        };
        let keys: &[&str] = match schema.name {
            "events" => &["position"],
            "next_task" => &[],
            "snapshots" => &["position"],
            "schema_migrations" | "subscriptions" => &["name"],
            _ if is_history => &["id", "from_position"],
            _ => &["id"],
        };
        source.order = keys.iter().filter_map(|key| ascending(&source, key)).collect();
        source.sequence =
            source.position(if is_history { "from_position" } else { keys.first().unwrap_or(&"id") });
        if schema.name == "next_task" {
            return super::next_task::ranked(source, plan)
                .map_err(|error| errors.push(planning(&error, span)))
                .ok();
        }
        Some((source, plan))
    }

    /// A sub-select or WITH name as a source.
    fn derived(
        &self,
        called: String,
        relation: Relation,
        span: Span,
        errors: &mut Vec<Error>,
    ) -> Option<(Source, LogicalPlan)> {
        let name = self.relation(&called);
        let plan =
            LogicalPlanBuilder::from(relation.plan).alias(name.clone()).and_then(LogicalPlanBuilder::build);
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                errors.push(planning(&error, span));
                return None;
            }
        };
        let column = |field: &str, called: String, ty: Type| ScopeColumn {
            name: called,
            ty,
            plan: Column::new(Some(name.clone()), field),
        };
        let mut columns: Vec<ScopeColumn> = relation
            .columns
            .iter()
            .map(|output| column(&output.name, output.name.clone(), output.ty))
            .collect();
        let mut order = Vec::with_capacity(relation.order.len());
        for key in &relation.order {
            let place = columns.iter().position(|known| known.plan.name == key.field);
            let place = place.unwrap_or_else(|| {
                columns.push(column(&key.field, String::new(), key.ty));
                columns.len() - 1
            });
            order.push(OrderKey { column: place, descending: key.descending, nulls_first: key.nulls_first });
        }
        let sequence = order.first().filter(|key| !key.descending).map(|key| key.column);
        Some((Source { name: called, columns, aliases: &[], order, sequence }, plan))
    }

    /// A name for a source inside the plan, unique in the statement and readable in EXPLAIN.
    fn relation(&self, called: &str) -> TableReference {
        let number = self.relations.get() + 1;
        self.relations.set(number);
        TableReference::bare(format!("{called}#{number}"))
    }
}

/// `unknown_table`, with the nearest name.
pub(super) fn unknown_table<'n>(name: &Ident, known: impl Iterator<Item = &'n str>) -> Error {
    let known: Vec<&str> = known.collect();
    let error = Error::new(Code::UnknownTable, name.span, format!("no table `{}`", name.name));
    match nearest(&name.name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("the tables are {}", known.join(", "))),
    }
}

fn twice(name: &str, source: &ast::Source) -> Error {
    let span = match (&source.alias, &source.kind) {
        (Some(alias), _) => alias.span,
        (None, SourceKind::Table { name, .. }) => name.span,
        _ => source.span,
    };
    let message = format!("two sources are called `{name}`");
    Error::new(Code::AmbiguousColumn, span, message)
        .hint(format!("give each a name of its own: {name} AS other"))
}
