//! SUBSCRIBE to a table or a select: what can be kept up, and why the rest cannot.

use super::from::unknown_table;
use super::moment::Moments;
use super::select::{Ordering, Parts, Planner};
use super::{Catalog, OutputColumn};
use crate::live::{Grouped, LiveQuery, Shape};
use crate::params::Binding;
use crate::predicate::{RowPredicate, scope};
use crate::resolve::{Resolver, Scope, ScopeColumn, Source};
use crate::tables::{TableSchema, events, kept, next_task, tasks};
use crate::typed::{Column, Expr, Kind};
use datafusion::common::Column as PlanColumn;
use domain::rows::Table;
use grammar::ast::{self, Ident, Select, SourceKind, SubscribeSource, Version};
use grammar::{Code, Error, Span};

/// Resolves the query of a subscription that is not to events; `text` is the statement.
pub(super) fn query(
    subscribe: &ast::Subscribe,
    text: &str,
    catalog: &dyn Catalog,
    params: &Binding<'_>,
    errors: &mut Vec<Error>,
) -> Option<LiveQuery> {
    match &subscribe.source {
        SubscribeSource::Table(name) => {
            let table = table(name, catalog).map_err(|error| errors.push(error)).ok();
            let (schema, table) = table?;
            let filter = subscribe.filter.as_ref();
            let filter = filter.map(|filter| RowPredicate::resolve(filter, schema, params));
            let filter = filter.transpose().map_err(|wrong| errors.extend(wrong)).ok()?;
            let filter = filter.map(|filter| filter.expr().clone());
            refuse_unkept(table, filter.iter(), errors)?;
            let scope = scope(schema);
            let is_shown = |place: &usize| table != Table::Tasks || !tasks::DEEP.contains(place);
            let places = (0..schema.columns.len()).filter(is_shown);
            let items = places.map(|place| crate::resolve::column(&scope, 0, place, name.span));
            let items: Vec<Expr> = items.collect();
            let named = items.iter().filter_map(|item| match item.kind {
                Kind::Column(column) => Some(schema.columns[column.column].name),
                _ => None,
            });
            let columns: Vec<OutputColumn> = named
                .zip(&items)
                .map(|(name, item)| OutputColumn { name: name.to_owned(), ty: item.ty })
                .collect();
            let shape = match schema.name == next_task::SCHEMA.name {
                true => Shape::Offers(items),
                false => Shape::Rows(items),
            };
            Some(LiveQuery { text: text.into(), columns, table, filter, shape, outer: None })
        }
        SubscribeSource::Select(select) => {
            let (name, schema, table) = source(select, catalog).map_err(|error| errors.push(error)).ok()?;
            let moments = Moments::present(catalog);
            let planner = Planner { now: None, ..Planner::new(catalog, params, moments) };
            let before = errors.len();
            let relation = planner.select(select, None, Ordering::Live, errors);
            if errors.len() > before {
                return None;
            }
            let relation = relation?;
            let Parts { filter, grouping, having, items, distinct, .. } = *relation.parts?;
            let calls = grouping.iter().flat_map(|grouping| &grouping.aggregates);
            let of_rows: Vec<&Expr> = match &grouping {
                Some(grouping) => {
                    grouping.keys.iter().chain(calls.flat_map(|(call, _)| &call.args)).collect()
                }
                None => items.iter().map(|(_, item)| item).collect(),
            };
            let all = of_rows.iter().copied().chain(&filter).chain(&having);
            if let Some(select) =
                all.chain(items.iter().map(|(_, item)| item)).find(|expr| expr.has_subselect())
            {
                let why = "a subscription looks at one row at a time: it cannot hold a sub-select";
                errors.push(refused(select.span, why, BY_QUERY));
                return None;
            }
            refuse_unkept(table, of_rows.into_iter().chain(&filter), errors)?;
            let outer = match &subscribe.filter {
                None => None,
                Some(outer) => Some(over(&relation.columns, outer, params, errors)?),
            };
            let items: Vec<Expr> = items.into_iter().map(|(_, item)| item).collect();
            let is_of_offers = schema.name == next_task::SCHEMA.name;
            let shape = match grouping {
                _ if is_of_offers && (distinct || grouping.is_some()) => {
                    let why = "who may take what is kept up task by task, not in groups";
                    errors.push(refused(name.span, why, "subscribe to next_task, or to groups of tasks"));
                    return None;
                }
                Some(_) if distinct => {
                    let why = "DISTINCT over groups is not kept up: two groups may show the same";
                    errors.push(refused(select.span, why, "leave DISTINCT out"));
                    return None;
                }
                Some(grouping) => Shape::Groups(Grouped {
                    keys: grouping.keys.into_iter().map(normal).collect(),
                    calls: grouping.aggregates,
                    having,
                    items,
                }),
                // Rows that are told apart by what is shown of them are groups by that.
                None if distinct => {
                    let column = |(place, item): (usize, &Expr)| {
                        let column = Column { outer: 0, source: 0, column: place };
                        Expr { kind: Kind::Column(column), ..item.clone() }
                    };
                    let shown = items.iter().enumerate().map(column).collect();
                    Shape::Groups(Grouped { keys: items, calls: Vec::new(), having: None, items: shown })
                }
                None if is_of_offers => Shape::Offers(items),
                None => Shape::Rows(items),
            };
            Some(LiveQuery { text: text.into(), columns: relation.columns, table, filter, shape, outer })
        }
    }
}

/// What is said to do instead.
const BY_QUERY: &str = "ask for it with POST /query when a subscription to its tables tells of a change";

fn refused(span: Span, why: &str, hint: &str) -> Error {
    Error::new(Code::NotAllowed, span, why).hint(hint)
}

/// Equal JSON is one group, however it was spelled.
fn normal(key: Expr) -> Expr {
    use crate::{functions::Op, types::Type};
    match key.ty {
        Type::Json => {
            let span = key.span;
            Expr::apply(Op::Normal, vec![key], Type::Json, span)
        }
        _ => key,
    }
}

/// A table whose rows events change.
fn table(name: &Ident, catalog: &dyn Catalog) -> Result<(&'static TableSchema, Table), Error> {
    let Some(schema) = catalog.schema(&name.name) else {
        return Err(unknown_table(name, catalog.table_names().iter().copied()));
    };
    match kept(schema) {
        Some(table) => Ok((schema, table)),
        None if schema.name == events::SCHEMA.name => {
            let why = "events only come: there is no difference to keep up";
            Err(refused(name.span, why, "write SUBSCRIBE events WHERE …"))
        }
        None => {
            let why = format!("`{}` tells of the server itself: no event changes it", schema.name);
            Err(refused(name.span, &why, "ask for it with POST /query"))
        }
    }
}

/// The only source of a select that can be kept up, as far as its clauses tell.
fn source<'s>(
    select: &'s Select,
    catalog: &dyn Catalog,
) -> Result<(&'s Ident, &'static TableSchema, Table), Error> {
    if let Some(cte) = select.with.first() {
        return Err(refused(cte.name.span, "a subscription is to one table: it has no WITH", BY_QUERY));
    }
    if let Some(join) = select.from.joins.first() {
        let why = "a join is not kept up: a row of one table may change any number of the answer";
        return Err(refused(join.source.span, why, BY_QUERY));
    }
    let (name, version) = match &select.from.source.kind {
        SourceKind::Table { name, version } => (name, version),
        SourceKind::Select(_) => {
            let why = "a subscription is to a table, not to a select in FROM";
            return Err(refused(select.from.source.span, why, "write its conditions into one select"));
        }
    };
    let moment = match version {
        Version::Statement => select.as_of.as_ref().map(|moment| ("AS OF", moment.span)),
        Version::AsOf(moment) => Some(("AS OF", moment.span)),
        Version::History(span) => Some(("HISTORY", *span)),
    };
    if let Some((clause, span)) = moment {
        let why = format!("{clause} speaks of the past, which does not change: there is nothing to keep up");
        return Err(refused(
            span,
            &why,
            "ask for it with POST /query; AFTER POSITION n gives what changed since",
        ));
    }
    if let Some(item) = select.order_by.first() {
        let why = "the rows of a subscription have no order: they come and go one by one";
        return Err(refused(item.expr.span, why, "leave ORDER BY out, and order what you have"));
    }
    for (clause, count) in [("LIMIT", &select.limit), ("OFFSET", &select.offset)] {
        if let Some(count) = count {
            let why = format!("{clause} is not kept up: a row that goes would bring one that did not change");
            return Err(refused(count.span, &why, "narrow it with WHERE"));
        }
    }
    table(name, catalog).map(|(schema, table)| (name, schema, table))
}

/// Refuses the columns of tasks that change without an event of theirs.
fn refuse_unkept<'e>(
    table: Table,
    exprs: impl Iterator<Item = &'e Expr>,
    errors: &mut Vec<Error>,
) -> Option<()> {
    if table != Table::Tasks {
        return Some(());
    }
    let before = errors.len();
    for expr in exprs {
        refuse_deep(expr, errors);
    }
    (errors.len() == before).then_some(())
}

fn refuse_deep(expr: &Expr, errors: &mut Vec<Error>) {
    if let Kind::Column(Column { outer: 0, column, .. }) = expr.kind
        && tasks::DEEP.contains(&column)
    {
        let why = match column {
            tasks::place::SCORE => "`score` changes with time alone: no event tells of it",
            _ => "`dependency_depth` changes with tasks far away: no event of this one tells of it",
        };
        let hint = "name the columns you need; SUBSCRIBE tasks has all that can be kept up";
        errors.push(refused(expr.span, why, hint));
    }
    for child in expr.children() {
        refuse_deep(child, errors);
    }
}

/// A condition over the columns of an answer: the WHERE behind a select.
fn over(
    columns: &[OutputColumn],
    filter: &ast::Expr,
    params: &Binding<'_>,
    errors: &mut Vec<Error>,
) -> Option<Expr> {
    let columns = columns.iter().map(|column| ScopeColumn {
        name: column.name.clone(),
        ty: column.ty,
        plan: PlanColumn::new_unqualified(&column.name),
    });
    let source = Source {
        name: String::new(),
        columns: columns.collect(),
        aliases: &[],
        order: Vec::new(),
        sequence: None,
    };
    let scope = Scope { sources: vec![source], is_partial: false };
    Resolver::new(&scope, params, errors).filter(filter)
}
