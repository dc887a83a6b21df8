//! SELECT: its clauses put together.

use super::group::Grouping;
use super::marks::{self, Marks};
use super::moment::Moments;
use super::order::{CarriedKey, Key};
use super::{Catalog, Direct, OutputColumn, Planned, limit, planning};
use crate::functions::Op;
use crate::lower;
use crate::params::{Binding, Params};
use crate::resolve::{Resolver, Scope, SelectAliases};
use crate::typed::{Column, Expr};
use crate::types::Type;
use datafusion::common::Result as Built;
use datafusion::logical_expr::{Expr as Plan, LogicalPlan, LogicalPlanBuilder, Sort};
use datafusion::optimizer::OptimizerContext;
use grammar::ast::{self, Cte, ExprKind, Select, SelectItem};
use grammar::{Code, Error, Span};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

/// Plans a select.
///
/// # Errors
/// Everything that is wrong with it, in order of place.
pub fn select(select: &Select, catalog: &dyn Catalog, params: &Params) -> Result<Planned, Vec<Error>> {
    let binding = Binding::new(params);
    let mut errors = Vec::new();
    let moments = Moments::of_select(select, catalog).unwrap_or_else(|error| {
        errors.push(error);
        Moments::present(catalog)
    });
    let planner = Planner::new(catalog, &binding, moments).with(&select.with, &mut errors);
    let relation = planner.select(select, None, Ordering::Outermost, &mut errors);
    errors.extend(binding.unused(select.span));
    match relation {
        Some(relation) if errors.is_empty() => {
            let Relation { plan, columns, direct, .. } = relation;
            Ok(Planned { plan, columns, at: moments.shown, direct })
        }
        _ => Err(told_once(errors)),
    }
}

/// Errors in order of place, each once, and what has no place last: a WITH name that is wrong is wrong wherever it is used.
pub(super) fn told_once(mut errors: Vec<Error>) -> Vec<Error> {
    // A value that nothing asks for stands nowhere in the text: it comes last.
    errors.sort_by_key(|error| (error.code == Code::UnusedParameter, error.span.start));
    let mut known = FxHashSet::default();
    errors.retain(|error| known.insert((error.code, error.span, error.message.clone())));
    errors
}

/// What the rows of a select are ordered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ordering {
    /// For the client: sorted.
    Outermost,
    /// For a select around it: it carries its order in hidden columns, and is sorted only if LIMIT needs it.
    Carried,
    /// For IN: only LIMIT asks for order.
    Membership,
    /// For EXISTS: whether there is a row.
    Existence,
    /// For a subscription, which keeps it up by its [`Parts`]: no plan is made of them.
    Live,
}

/// A planned select.
pub(super) struct Relation {
    pub(super) plan: LogicalPlan,
    pub(super) columns: Vec<OutputColumn>,
    /// The order of its rows, for a select around it.
    pub(super) order: Vec<CarriedKey>,
    /// Its direct form, if it is the outermost select and has one.
    pub(super) direct: Option<Box<Direct>>,
    /// What it is made of, for a subscription.
    pub(super) parts: Option<Box<Parts>>,
}

/// What a statement's selects share.
#[derive(Clone)]
pub(super) struct Planner<'a> {
    pub(super) catalog: &'a dyn Catalog,
    pub(super) params: &'a Binding<'a>,
    pub(super) moments: Moments,
    /// What `now()` gives; none where the answer must not depend on when it is asked.
    pub(super) now: Option<i64>,
    /// The WITH names that can be used here.
    pub(super) with: &'a [Cte],
    /// Sources so far.
    pub(super) sources: Rc<Cell<usize>>,
    /// How many selects in IN and EXISTS this one stands in.
    pub(super) depth: usize,
    /// Names given to sources and marks inside the plan so far.
    pub(super) relations: Rc<Cell<usize>>,
    /// What makes marks, once there is one.
    pub(super) optimizer: Rc<OnceCell<OptimizerContext>>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(catalog: &'a dyn Catalog, params: &'a Binding<'a>, moments: Moments) -> Self {
        Self {
            catalog,
            params,
            now: Some(moments.now),
            moments,
            with: &[],
            depth: 0,
            sources: Rc::default(),
            relations: Rc::default(),
            optimizer: Rc::default(),
        }
    }

    /// The same with WITH names, each planned once so that one that is wrong is told even if it is not used.
    fn with(mut self, with: &'a [Cte], errors: &mut Vec<Error>) -> Self {
        for (place, cte) in with.iter().enumerate() {
            self.with = &with[..place];
            if self.with_name(&cte.name.name).is_some() {
                let message = format!("two WITH names are `{}`", cte.name.name);
                errors.push(Error::new(Code::AmbiguousColumn, cte.name.span, message));
            }
            let _ = self.select(&cte.select, None, Ordering::Carried, errors);
        }
        self.with = with;
        self.sources.set(0);
        self
    }

    /// The select a WITH name stands for, and its place.
    pub(super) fn with_name(&self, name: &str) -> Option<(usize, &'a Select)> {
        let place = self.with.iter().position(|cte| cte.name.name == name)?;
        Some((place, &self.with[place].select))
    }

    /// The planner a WITH name's select sees: only the names before it.
    pub(super) fn before_with(&self, place: usize) -> Self {
        Self { with: &self.with[..place], ..self.clone() }
    }

    /// Plans a select; `outer` is the scope of the select around it, if its columns may be used.
    pub(super) fn select(
        &self,
        select: &Select,
        outer: Option<&Scope>,
        ordering: Ordering,
        errors: &mut Vec<Error>,
    ) -> Option<Relation> {
        let from = self.from(&select.from, outer, errors);
        let limit = limit::rows(select.limit.as_ref(), "LIMIT", self.params);
        let limit = limit.map_err(|error| errors.push(error));
        let offset = limit::rows(select.offset.as_ref(), "OFFSET", self.params);
        let offset = offset.map_err(|error| errors.push(error));
        let (scope, below) = from;
        let before = errors.len();

        let hidden: Vec<&str> = select
            .items
            .iter()
            .filter_map(|item| match item {
                SelectItem::Expr { alias: Some(alias), .. } => Some(alias.name.as_str()),
                _ => None,
            })
            .collect();
        let filter = select.filter.as_ref().map(|filter| {
            let mut resolver = self.resolver(&scope, errors);
            resolver.outer = outer;
            resolver.aggregates = Err("WHERE");
            resolver.hidden = &hidden;
            resolver.filter(filter)
        });
        let items = self.items(&select.items, &scope, errors);
        let named: Vec<(String, Option<Expr>)> =
            items.iter().map(|item| (item.name.clone(), item.expr.clone())).collect();
        let groups: Vec<Option<Expr>> = select
            .group_by
            .iter()
            .map(|key| {
                let mut resolver = self.resolver(&scope, errors);
                resolver.aliases = Some(SelectAliases { items: &named, first: false });
                resolver.aggregates = Err("GROUP BY");
                refuse_number(key, "GROUP BY", resolver.errors)?;
                resolver.expr(key)
            })
            .collect();
        let having = select.having.as_ref().map(|having| {
            let mut resolver = self.resolver(&scope, errors);
            resolver.aliases = Some(SelectAliases { items: &named, first: false });
            resolver.filter(having)
        });
        let keys: Vec<Option<Key>> = select
            .order_by
            .iter()
            .map(|item| {
                let mut resolver = self.resolver(&scope, errors);
                resolver.aliases = Some(SelectAliases { items: &named, first: true });
                refuse_number(&item.expr, "ORDER BY", resolver.errors)?;
                resolver.expr(&item.expr).map(|expr| Key::written(item, expr))
            })
            .collect();
        if errors.len() > before {
            // What stands outside of groups can be told as well, where it is known what is grouped.
            let groups: Option<Vec<Expr>> = groups.into_iter().collect();
            let rest = items.iter().filter_map(|item| item.expr.as_ref());
            let rest: Vec<&Expr> = rest.chain(keys.iter().flatten().map(|key| &key.expr)).collect();
            let is_grouped = !select.group_by.is_empty() || rest.iter().any(|expr| expr.has_aggregate());
            if let Some(groups) = groups.filter(|_| is_grouped) {
                let mut grouping = Grouping::new(groups);
                for expr in rest {
                    grouping.replace(expr.clone(), &scope, errors);
                }
            }
            return None;
        }
        let below = below?;
        let mut items: Vec<(String, Expr)> =
            items.into_iter().map(|item| Some((item.name, item.expr?))).collect::<Option<_>>()?;
        let groups: Vec<Expr> = groups.into_iter().collect::<Option<_>>()?;
        let mut keys: Vec<Key> = keys.into_iter().collect::<Option<_>>()?;
        let (mut having, filter) = (having.flatten(), filter.flatten());
        let (limit, offset) = (limit.ok()?, offset.ok()?.unwrap_or(0));
        let is_cut = limit.is_some() || offset > 0;

        // Grouping replaces aggregates and keys by columns of the grouped rows.
        let is_grouped = !groups.is_empty()
            || select.having.is_some()
            || items.iter().any(|(_, item)| item.has_aggregate())
            || keys.iter().any(|key| key.expr.has_aggregate());
        let mut grouping = None;
        if is_grouped {
            let mut found = Grouping::new(groups);
            let all = items.iter_mut().map(|(_, item)| item);
            for expr in all.chain(keys.iter_mut().map(|key| &mut key.expr)).chain(&mut having) {
                if let Some(replaced) = found.replace(expr.clone(), &scope, errors) {
                    *expr = replaced;
                }
            }
            if errors.len() > before {
                return None;
            }
            grouping = Some(found);
        }
        let is_correlated = outer.is_some() && filter.as_ref().is_some_and(uses_outer);
        // Which rows there are is all that is asked: equal ones, and those after the first, change nothing.
        let is_distinct = select.distinct && !is_correlated;
        let is_whole = ordering == Ordering::Existence && limit != Some(0) && offset == 0;
        let (limit, is_cut) = if is_correlated && is_whole { (None, false) } else { (limit, is_cut) };
        let has_values = items.iter().any(|(_, item)| item.any(&marks::is_value));
        if is_correlated && (is_grouped || is_cut || has_values) {
            let message = "a sub-select that uses columns of the select around it has only FROM and WHERE";
            errors.push(Error::new(Code::NotAllowed, select.span, message));
            return None;
        }
        if is_distinct {
            for (_, item) in &mut items {
                if item.ty == Type::Json {
                    let span = item.span;
                    *item = Expr::apply(Op::Normal, vec![item.clone()], Type::Json, span);
                }
            }
            let lost = keys.iter().find(|key| {
                let normal = Expr::apply(Op::Normal, vec![key.expr.clone()], Type::Json, key.expr.span);
                !items.iter().any(|(_, item)| *item == key.expr || *item == normal)
            });
            if let Some(key) = lost {
                let message = "with DISTINCT, rows can be ordered only by what is selected";
                errors.push(Error::new(Code::NotAllowed, key.expr.span, message));
                return None;
            }
        }
        // What the clauses leave open the default order settles.
        let defaults = match &grouping {
            _ if is_distinct => items.iter().map(|(_, item)| Key::ascending(item.clone())).collect(),
            Some(grouping) => grouping.default_order(),
            None => self.default_order(&scope),
        };
        for key in defaults {
            if !keys.iter().any(|known| known.expr == key.expr) {
                keys.push(key);
            }
        }
        let parts = Parts { filter, grouping, having, items, keys, distinct: is_distinct, limit, offset };
        if ordering == Ordering::Live {
            let named = parts.items.iter();
            let columns =
                named.map(|(name, item)| OutputColumn { name: name.clone(), ty: item.ty }).collect();
            let parts = Some(Box::new(parts));
            return Some(Relation { plan: below, columns, order: Vec::new(), direct: None, parts });
        }
        let is_outermost = ordering == Ordering::Outermost && outer.is_none();
        let is_of_rows = parts.grouping.is_none() && parts.having.is_none() && !parts.distinct;
        let direct =
            if is_outermost && is_of_rows { self.direct(select, &parts).map(Box::new) } else { None };
        let built = self.build(parts, &scope, outer, below, ordering, is_cut);
        let built = built.map(|relation| Relation { direct, ..relation });
        built.map_err(|error| errors.push(planning(&error, select.span))).ok()
    }

    /// The plan of a select whose parts are known.
    fn build(
        &self,
        mut parts: Parts,
        scope: &Scope,
        outer: Option<&Scope>,
        below: LogicalPlan,
        ordering: Ordering,
        is_cut: bool,
    ) -> Built<Relation> {
        let names = |column: Column, _: Type| match column.source {
            Grouping::SOURCE => Grouping::plan_column(column.column),
            Marks::SOURCE => Marks::plan_column(column.column),
            _ => scope.plan_column(column, outer),
        };
        let mut plan = LogicalPlanBuilder::from(below);
        let mut marks = Marks::of(self);
        if let Some(mut filter) = parts.filter {
            plan = marks.lift(plan, &mut filter, &names, &|_| true)?;
            plan = lower::filter(plan, filter, &names)?;
        }
        if let Some(grouping) = &mut parts.grouping {
            for expr in grouping.exprs_mut() {
                plan = marks.lift(plan, expr, &names, &|_| true)?;
            }
            // Of the rows that were grouped nothing is left.
            marks = Marks::of(self);
            plan = grouping.build(plan, &names)?;
        }
        if let Some(mut having) = parts.having {
            plan = marks.lift(plan, &mut having, &names, &|_| true)?;
            plan = lower::filter(plan, having, &names)?;
        }
        let items = parts.items.iter_mut().map(|(_, item)| item);
        for expr in items.chain(parts.keys.iter_mut().map(|key| &mut key.expr)) {
            plan = marks.lift(plan, expr, &names, &|_| true)?;
        }
        let columns: Vec<OutputColumn> =
            parts.items.iter().map(|(name, item)| OutputColumn { name: name.clone(), ty: item.ty }).collect();
        let outputs: Vec<Plan> =
            parts.items.iter().map(|(name, item)| lower::lower(item, &names).alias(name)).collect();
        let is_sorted = is_cut || ordering == Ordering::Outermost;
        let sort =
            |plan: LogicalPlanBuilder, keys: &[Key], names: lower::Names<'_>| -> Built<LogicalPlanBuilder> {
                if !is_sorted || keys.is_empty() {
                    return if is_cut { plan.limit(parts.offset, parts.limit) } else { Ok(plan) };
                }
                // The builder's own `sort` looks for keys among the expressions of the node below, and takes the
                // condition of a filter for a column of it.
                let expr = keys.iter().map(|key| key.lower(names)).collect();
                let sorted = Sort { expr, input: Arc::new(plan.build()?), fetch: None };
                let plan = LogicalPlanBuilder::from(LogicalPlan::Sort(sorted));
                if is_cut { plan.limit(parts.offset, parts.limit) } else { Ok(plan) }
            };
        if parts.distinct {
            plan = plan.project(outputs)?.distinct()?;
            let by_output: Vec<Key> = parts.keys.iter().map(|key| key.of_output(&parts.items)).collect();
            let output_names = |column: Column, _: Type| {
                Plan::Column(datafusion::common::Column::new_unqualified(&columns[column.column].name))
            };
            plan = sort(plan, &by_output, &output_names)?;
            let order = if ordering == Ordering::Carried {
                let kept = columns
                    .iter()
                    .map(|column| Plan::Column(datafusion::common::Column::new_unqualified(&column.name)));
                let (hidden, order) = super::order::carry(&by_output, &output_names);
                plan = plan.project(kept.chain(hidden))?;
                order
            } else {
                Vec::new()
            };
            return Ok(Relation { plan: plan.build()?, columns, order, direct: None, parts: None });
        }
        plan = sort(plan, &parts.keys, &names)?;
        let (hidden, order) = match ordering {
            Ordering::Carried => super::order::carry(&parts.keys, &names),
            Ordering::Outermost | Ordering::Membership | Ordering::Existence | Ordering::Live => {
                (Vec::new(), Vec::new())
            }
        };
        let plan = plan.project(outputs.into_iter().chain(hidden))?.build()?;
        Ok(Relation { plan, columns, order, direct: None, parts: None })
    }

    fn resolver<'r>(&'r self, scope: &'r Scope, errors: &'r mut Vec<Error>) -> Resolver<'r> {
        let mut resolver = Resolver::new(scope, self.params, errors);
        resolver.now = self.now;
        resolver.aggregates = Ok(());
        resolver.subselects = Ok(self);
        resolver
    }

    /// The select list: stars written out, names as written, repeated ones numbered.
    fn items(&self, items: &[SelectItem], scope: &Scope, errors: &mut Vec<Error>) -> Vec<Item> {
        let mut found: Vec<Item> = Vec::with_capacity(items.len());
        let mut names = Names::default();
        let star = |source: usize, span: Span, found: &mut Vec<Item>, names: &mut Names| {
            for (column, named) in scope.sources[source].visible() {
                let expr = crate::resolve::column(scope, source, column, span);
                found.push(Item { name: names.unique(&named.name), expr: Some(expr) });
            }
        };
        for item in items {
            match item {
                SelectItem::Star(span) => {
                    for source in 0..scope.sources.len() {
                        star(source, *span, &mut found, &mut names);
                    }
                }
                SelectItem::QualifiedStar(ident) => match scope.source(&ident.name) {
                    Some(source) => star(source, ident.span, &mut found, &mut names),
                    None => {
                        let message = format!("no source is called `{}`", ident.name);
                        let error = Error::new(Code::UnknownTable, ident.span, message);
                        let known: Vec<&str> =
                            scope.sources.iter().map(|source| source.name.as_str()).collect();
                        errors.push(error.hint(format!("the sources are {}", known.join(", "))));
                    }
                },
                SelectItem::Expr { expr, alias, written } => {
                    let name = match (alias, &expr.kind) {
                        (Some(alias), _) => &alias.name,
                        (None, ExprKind::Name(ident)) => &ident.name,
                        _ => written,
                    };
                    let mut resolver = self.resolver(scope, errors);
                    let resolved = resolver.expr(expr);
                    found.push(Item { name: names.unique(name), expr: resolved });
                }
            }
        }
        found
    }
}

/// One item of a select list; without expression when that was wrong.
struct Item {
    name: String,
    expr: Option<Expr>,
}

/// A select whose names are resolved.
pub(super) struct Parts {
    pub(super) filter: Option<Expr>,
    pub(super) grouping: Option<Grouping>,
    pub(super) having: Option<Expr>,
    pub(super) items: Vec<(String, Expr)>,
    pub(super) keys: Vec<Key>,
    pub(super) distinct: bool,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

/// The names of a select's columns, each given once.
#[derive(Default)]
struct Names {
    /// Each name with the number that is tried next where it comes again.
    given: FxHashMap<String, u32>,
}

impl Names {
    /// `name`, or the first of `name_2`, `name_3` … that is free.
    fn unique(&mut self, name: &str) -> String {
        let Some(next) = self.given.get(name).copied() else {
            self.given.insert(name.to_owned(), 2);
            return name.to_owned();
        };
        // Where it left off: a name that comes a thousand times is not tried a thousand times a thousand.
        let numbered = (next..).map(|number| (number, format!("{name}_{number}")));
        let free = numbered.into_iter().find(|(_, name)| !self.given.contains_key(name));
        let (number, free) = free.unwrap_or_default();
        self.given.insert(name.to_owned(), number + 1);
        self.given.insert(free.clone(), 2);
        free
    }
}

fn uses_outer(expr: &Expr) -> bool {
    expr.any(&|expr| matches!(expr.kind, crate::typed::Kind::Column(Column { outer: 1.., .. })))
}

/// `ORDER BY 1` would order by the number one: nobody means that.
fn refuse_number(expr: &ast::Expr, clause: &str, errors: &mut Vec<Error>) -> Option<()> {
    if expr.as_literal().is_none() {
        return Some(());
    }
    let message = format!("{clause} takes expressions; a constant is the same for every row");
    errors.push(Error::new(Code::NotAllowed, expr.span, message).hint("write the name of the column"));
    None
}

impl Scope {
    /// A column as the plan calls it.
    pub(super) fn plan_column(&self, column: Column, outer: Option<&Scope>) -> Plan {
        let scope = match (column.outer, outer) {
            (0, _) | (_, None) => self,
            (_, Some(outer)) => outer,
        };
        let named = &scope.sources[column.source].columns[column.column];
        match column.outer {
            0 => Plan::Column(named.plan.clone()),
            _ => Plan::OuterReferenceColumn(Arc::new(named.ty.field(&named.plan.name)), named.plan.clone()),
        }
    }
}
