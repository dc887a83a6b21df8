//! EXPLAIN next_task: what is left out, and why. What EXPLAIN says of a select is for the engine to say: it
//! alone knows how a plan runs.

use super::moment::Moments;
use super::{Catalog, OutputColumn, Planned, limit, planning};
use crate::params::{Binding, Params};
use crate::predicate::RowPredicate;
use crate::tables::{left_out, next_task};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use grammar::ast::NextTask;
use grammar::{Error, Span};

/// Plans the reasons.
///
/// # Errors
/// Everything that is wrong with the statement.
pub fn explain_next_task(
    next: &NextTask,
    catalog: &dyn Catalog,
    params: &Params,
    span: Span,
) -> Result<Planned, Vec<Error>> {
    let binding = Binding::new(params);
    let mut errors = Vec::new();
    let moments = Moments::of(next.as_of.as_ref(), catalog).map_err(|error| errors.push(error)).ok();
    let agent = next.agent.as_ref().map(|agent| limit::agent(agent, &binding).map(|id| (id, agent.span)));
    let agent = agent.transpose().map_err(|error| errors.push(error)).ok().flatten();
    let now = moments.map(|moments| moments.now);
    let filter =
        next.filter.as_ref().map(|filter| RowPredicate::at(filter, &next_task::SCHEMA, &binding, now));
    let filter = filter.transpose().map_err(|wrong| errors.extend(wrong)).ok().flatten();
    errors.extend(binding.unused(span));
    let Some(moments) = moments.filter(|_| errors.is_empty()) else { return Err(errors) };
    let (id, place) = agent.unzip();
    let provider = catalog
        .left_out(id.as_deref(), filter, moments.at)
        .map_err(|error| vec![Error { span: place.unwrap_or(span), ..error }])?;
    let plan = LogicalPlanBuilder::scan(left_out::SCHEMA.name, provider_as_source(provider), None)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|error| vec![planning(&error, span)])?;
    let columns = left_out::SCHEMA.columns.iter();
    let columns =
        columns.map(|column| OutputColumn { name: column.name.to_owned(), ty: column.ty }).collect();
    Ok(Planned { plan, columns, at: moments.at, direct: None })
}
