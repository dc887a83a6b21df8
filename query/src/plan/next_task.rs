//! `SELECT next_task`: the work an agent could take, best first.

use super::limit;
use super::moment::Moments;
use super::select::Planner;
use super::{Catalog, OutputColumn, Planned, TableVersion, planning};
use crate::lower;
use crate::params::{Binding, Params};
use crate::resolve::{OrderKey, Resolver, Scope, ScopeColumn, Source};
use crate::types::Type;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, case, lit};
use domain::rows::Class;
use grammar::ast::NextTask;
use grammar::{Error, Span};

/// Rows that the shorthand gives without LIMIT.
const ROWS: usize = 1;

/// The name of the hidden column that says how urgent a row's class is.
const RANK: &str = "#class";

/// Plans the shorthand.
///
/// # Errors
/// Everything that is wrong with it.
pub fn next_task(next: &NextTask, catalog: &dyn Catalog, params: &Params) -> Result<Planned, Vec<Error>> {
    let binding = Binding::new(params);
    let mut errors = Vec::new();
    let moments = Moments::of(next.as_of.as_ref(), catalog).map_err(|error| errors.push(error)).ok();
    let agent = next
        .agent
        .as_ref()
        .and_then(|agent| limit::agent(agent, &binding).map_err(|error| errors.push(error)).ok());
    let limit = limit::rows(next.limit.as_ref(), "LIMIT", &binding);
    let limit = limit.map_err(|error| errors.push(error)).ok().flatten().unwrap_or(ROWS);
    let planned = plan(next, agent.as_deref(), limit, moments, catalog, &binding, &mut errors);
    errors.extend(binding.unused(Span::default()));
    match planned {
        Some(planned) if errors.is_empty() => Ok(planned),
        _ => Err(errors),
    }
}

fn plan(
    next: &NextTask,
    agent: Option<&str>,
    limit: usize,
    moments: Option<Moments>,
    catalog: &dyn Catalog,
    params: &Binding<'_>,
    errors: &mut Vec<Error>,
) -> Option<Planned> {
    let moments = moments.unwrap_or_else(|| Moments::present(catalog));
    let schema = catalog.schema("next_task")?;
    let span = next.agent.as_ref().map_or_else(Span::default, |agent| agent.span);
    let provider = catalog.next_task(agent, moments.at).map_err(|error| Error { span, ..error });
    let provider = provider.map_err(|error| errors.push(error)).ok()?;
    let planner = Planner::new(catalog, params, moments);
    let version = TableVersion::At(moments.at);
    let (source, below) =
        planner.scan(schema.name.to_owned(), schema, version, provider, Span::default(), errors)?;
    let scope = Scope { sources: vec![source], is_partial: false };
    let filter = match &next.filter {
        Some(filter) => {
            let mut resolver = Resolver::new(&scope, params, errors);
            resolver.now = Some(moments.now);
            resolver.aggregates = Err("WHERE");
            resolver.subselects =
                Err("the WHERE of next_task looks at one task: it cannot hold a sub-select");
            Some(resolver.filter(filter)?)
        }
        None => None,
    };
    let names = |column, _: Type| scope.plan_column(column, None);
    let visible: Vec<(usize, &ScopeColumn)> = scope.sources[0].visible().collect();
    let columns = visible.iter().map(|(_, column)| OutputColumn { name: column.name.clone(), ty: column.ty });
    // No sort: the rows come best first, by the very comparison that CLAIM goes by, and as few of them as are
    // asked for.
    let below = LogicalPlanBuilder::from(below);
    let kept = match filter {
        Some(filter) => lower::filter(below, filter, &names),
        None => Ok(below),
    };
    let built = kept
        .and_then(|plan| plan.limit(0, Some(limit)))
        .and_then(|plan| {
            plan.project(
                visible.iter().map(|(_, column)| Expr::Column(column.plan.clone()).alias(&column.name)),
            )
        })
        .and_then(LogicalPlanBuilder::build);
    let plan = built.map_err(|error| errors.push(planning(&error, Span::default()))).ok()?;
    Some(Planned { plan, columns: columns.collect(), at: moments.at, direct: None })
}

/// The rows of next_task with the order they are offered in: class, score descending, created_at, id.
pub(super) fn ranked(mut source: Source, plan: LogicalPlan) -> Result<(Source, LogicalPlan)> {
    let Some(class) = source.position("class") else { return Ok((source, plan)) };
    let class = Expr::Column(source.columns[class].plan.clone());
    let mut ranks = case(class);
    let mut rank = lit(i64::MAX);
    for (place, word) in (0_i64..).zip(Class::ALL) {
        let when = ranks.when(lit(word.as_str()), lit(place));
        rank = when.clone().end()?;
        ranks = when;
    }
    let relation = source.columns[0].plan.relation.clone();
    let below = plan.schema().columns().into_iter().map(Expr::Column);
    let plan = LogicalPlanBuilder::from(plan.clone())
        .project(below.chain([rank.alias_qualified(relation.clone(), RANK)]))?
        .build()?;
    let place = source.columns.len();
    source.columns.push(ScopeColumn {
        name: String::new(),
        ty: Type::Int,
        plan: Column::new(relation, RANK),
    });
    let key = |column, descending| OrderKey { column, descending, nulls_first: false };
    source.order = vec![key(place, false)];
    for (name, descending) in [("score", true), ("created_at", false), ("id", false)] {
        source.order.extend(source.position(name).map(|column| key(column, descending)));
    }
    source.sequence = source.position("id");
    Ok((source, plan))
}
