//! SELECT, clause by clause: nested loops, nothing remembered, nothing skipped.

use super::eval::{Frame, Run};
use super::meaning::{Column, Groups, Meaning, Scope, mismatch, truth};
use super::node::{Aggregate, Node};
use super::past::{At, Past};
use super::value::{Type, Value, order, order_all};
use super::{Fault, Stop};
use grammar::Code;
use grammar::ast::{
    BinaryOp, Expr, ExprKind, JoinKind, Literal, OrderItem, Select, SelectItem, Source, SourceKind, Version,
};
use std::cell::RefCell;
use std::cmp::Ordering;

/// A select whose names and types are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    first: From,
    joins: Vec<(JoinKind, From, Node)>,
    /// WHERE, cut at its ANDs: each is asked of the rows that those before it keep.
    filter: Vec<Node>,
    /// Keys of the groups, and the aggregates over them.
    groups: Option<(Vec<Node>, Vec<Aggregate>)>,
    having: Option<Node>,
    pub(super) items: Vec<Item>,
    distinct: bool,
    order: Vec<Key>,
    limit: Option<usize>,
    offset: usize,
}

/// A column of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) kind: Type,
    node: Node,
    /// Whether sums of floats go into it, which depend on their order.
    pub(super) about: bool,
}

/// A key of ORDER BY: of an item, or of what items are made of.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    node: KeyNode,
    descending: bool,
    nulls_first: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum KeyNode {
    Item(usize),
    Node(Node),
}

/// A source.
#[derive(Debug, Clone, PartialEq)]
enum From {
    Table { name: String, history: bool, at: At, width: usize },
    Select(Box<Plan>),
}

/// A row on its way: its rank in the order so far (rows of one rank may come in any order), its place in its
/// table, its values.
#[derive(Debug, Clone)]
struct Row {
    rank: usize,
    place: i64,
    values: Vec<Value>,
}

/// The rows of an answer, by rank.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered {
    pub(super) rows: Vec<(usize, Vec<Value>)>,
    /// Whether LIMIT or OFFSET cut through rows of one rank, so that which of them come is anybody's choice.
    pub(super) cut: bool,
}

impl Answered {
    /// The rows, where it is fixed which they are.
    pub(super) fn whole(self) -> Result<Vec<Vec<Value>>, Stop> {
        if self.cut {
            return Err(Stop::Unknowable("which of rows that are alike in order LIMIT keeps"));
        }
        Ok(self.rows.into_iter().map(|(_, row)| row).collect())
    }
}

impl Meaning<'_> {
    pub(super) fn select(&self, select: &Select, outer: Option<&Scope<'_>>) -> Result<Plan, Stop> {
        let kept = self.with.borrow().len();
        for cte in &select.with {
            self.with.borrow_mut().push((cte.name.name.clone(), cte.select.clone()));
        }
        let plan = self.select_with(select, outer);
        self.with.borrow_mut().truncate(kept);
        plan
    }

    fn select_with(&self, select: &Select, outer: Option<&Scope<'_>>) -> Result<Plan, Stop> {
        let mut scope = Scope { columns: Vec::new(), outer };
        let first = self.source(&select.from.source, &mut scope)?;
        let mut joins = Vec::new();
        for join in &select.from.joins {
            let from = self.source(&join.source, &mut scope)?;
            joins.push((join.kind, from, truth(self.expr(&join.on, &scope, None)?)?));
        }
        let mut filter = Vec::new();
        if let Some(expr) = &select.filter {
            for conjunct in conjuncts(expr) {
                filter.push(truth(self.expr(conjunct, &scope, None)?)?);
            }
        }
        let groups = self.groups(select, &scope)?;
        let over = groups.as_ref();
        let mut items = Vec::new();
        for item in &select.items {
            match item {
                SelectItem::Star(_) => self.star(None, &scope, over, &mut items)?,
                SelectItem::QualifiedStar(source) => {
                    self.star(Some(&source.name), &scope, over, &mut items)?
                }
                SelectItem::Expr { expr, alias, written } => {
                    let (node, kind) = self.expr(expr, &scope, over)?;
                    let name = alias.as_ref().map_or(written.clone(), |alias| alias.name.clone());
                    items.push(Item { name, kind, node, about: about(&expr.to_string()) });
                }
            }
        }
        let having = select.having.as_ref().map(|expr| truth(self.expr(expr, &scope, over)?)).transpose()?;
        let order = select.order_by.iter().map(|item| self.key(item, select, &scope, over));
        let order = order.collect::<Result<Vec<_>, _>>()?;
        name_apart(&mut items);
        Ok(Plan {
            first,
            joins,
            filter,
            groups: groups.map(|groups| {
                (groups.keys.into_iter().map(|(key, _)| key).collect(), groups.aggregates.into_inner())
            }),
            having,
            items,
            distinct: select.distinct,
            order,
            limit: select.limit.as_ref().map(|limit| self.count(limit)).transpose()?,
            offset: select.offset.as_ref().map_or(Ok(0), |offset| self.count(offset))?,
        })
    }

    fn groups(&self, select: &Select, scope: &Scope<'_>) -> Result<Option<Groups>, Stop> {
        let called = |expr: &Expr| has_aggregate(expr);
        let aggregates = select.items.iter().any(|item| match item {
            SelectItem::Expr { expr, .. } => called(expr),
            _ => false,
        }) || select.having.is_some()
            || select.order_by.iter().any(|item| called(&item.expr));
        if select.group_by.is_empty() && !aggregates {
            return Ok(None);
        }
        let mut keys = Vec::new();
        for expr in &select.group_by {
            let key = match (&expr.kind, self.expr(expr, scope, None)) {
                // A column first, an alias second.
                (ExprKind::Name(name), Err(Stop::Error(Code::UnknownColumn))) => {
                    match alias_of(select, &name.name) {
                        Some(expr) => self.expr(expr, scope, None)?,
                        None => return Err(Stop::Error(Code::UnknownColumn)),
                    }
                }
                (_, key) => key?,
            };
            keys.push(key);
        }
        Ok(Some(Groups { keys, aggregates: RefCell::default() }))
    }

    fn star(
        &self,
        source: Option<&str>,
        scope: &Scope<'_>,
        groups: Option<&Groups>,
        items: &mut Vec<Item>,
    ) -> Result<(), Stop> {
        if groups.is_some() {
            return Err(Stop::Unknowable("* over groups"));
        }
        let before = items.len();
        for (index, column) in scope.columns.iter().enumerate() {
            if source.is_none_or(|source| source == column.source) {
                let node = Node::Column { up: 0, index };
                let about = column.name == "score";
                items.push(Item { name: column.name.clone(), kind: column.kind, node, about });
            }
        }
        if items.len() == before { Err(Stop::Error(Code::UnknownTable)) } else { Ok(()) }
    }

    fn key(
        &self,
        item: &OrderItem,
        select: &Select,
        scope: &Scope<'_>,
        groups: Option<&Groups>,
    ) -> Result<Key, Stop> {
        let aliased = |name: &str| {
            select.items.iter().position(|item| match item {
                SelectItem::Expr { alias, .. } => alias.as_ref().is_some_and(|alias| alias.name == name),
                _ => false,
            })
        };
        let alias = match &item.expr.kind {
            ExprKind::Name(name) => aliased(&name.name),
            _ => None,
        };
        let starred = select.items.iter().any(|item| !matches!(item, SelectItem::Expr { .. }));
        let node = match alias {
            Some(index) if !starred => KeyNode::Item(index),
            _ => KeyNode::Node(self.expr(&item.expr, scope, groups)?.0),
        };
        if select.distinct && !matches!(node, KeyNode::Item(_)) {
            return Err(Stop::Unknowable("DISTINCT ordered by what is not in it"));
        }
        let nulls_first = item.nulls_first.unwrap_or(item.descending);
        Ok(Key { node, descending: item.descending, nulls_first })
    }

    fn count(&self, expr: &Expr) -> Result<usize, Stop> {
        let (node, _) = self.expr(expr, &Scope { columns: Vec::new(), outer: None }, None)?;
        match node {
            Node::Constant(Value::Int(count)) if count >= 0 => {
                Ok(usize::try_from(count).unwrap_or(usize::MAX))
            }
            _ => mismatch(),
        }
    }

    fn source(&self, source: &Source, scope: &mut Scope<'_>) -> Result<From, Stop> {
        let alias = source.alias.as_ref().map(|alias| alias.name.clone());
        let (from, called, columns) = match &source.kind {
            SourceKind::Select(select) => {
                let plan = self.select(select, None)?;
                let columns =
                    plan.items.iter().map(|item| (item.name.clone(), item.kind)).collect::<Vec<_>>();
                (From::Select(Box::new(plan)), String::new(), columns)
            }
            SourceKind::Table { name, version } => {
                let with = self.with.borrow().iter().rposition(|(known, _)| *known == name.name);
                if let Some(index) = with {
                    // A name of WITH sees those before it.
                    let (select, later) = {
                        let mut all = self.with.borrow_mut();
                        let select = all[index].1.clone();
                        (select, all.split_off(index))
                    };
                    let plan = self.select(&select, None);
                    self.with.borrow_mut().extend(later);
                    let plan = plan?;
                    let columns = plan.items.iter().map(|item| (item.name.clone(), item.kind)).collect();
                    (From::Select(Box::new(plan)), name.name.clone(), columns)
                } else {
                    let history = matches!(version, Version::History(_));
                    let columns =
                        Past::columns(&name.name, history).ok_or(Stop::Error(Code::UnknownTable))?;
                    let at = match version {
                        Version::Statement => self.at,
                        _ if self.outermost => return Err(Stop::Error(Code::Syntax)),
                        Version::AsOf(moment) => self.past.moment(&moment.kind, self.asked)?,
                        Version::History(_) => self.at,
                    };
                    let columns: Vec<_> =
                        columns.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
                    let width = columns.len();
                    (From::Table { name: name.name.clone(), history, at, width }, name.name.clone(), columns)
                }
            }
        };
        let source = alias.unwrap_or(called);
        scope.columns.extend(columns.into_iter().map(|(name, kind)| Column {
            source: source.clone(),
            name,
            kind,
        }));
        Ok(from)
    }
}

/// The parts of a conjunction, left to right.
pub(super) fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Binary { op: BinaryOp::And, left, right, .. } => {
            let mut parts = conjuncts(left);
            parts.extend(conjuncts(right));
            parts
        }
        _ => vec![expr],
    }
}

fn alias_of<'a>(select: &'a Select, name: &str) -> Option<&'a Expr> {
    select.items.iter().find_map(|item| match item {
        SelectItem::Expr { expr, alias: Some(alias), .. } if alias.name == name => Some(expr),
        _ => None,
    })
}

/// Whether an aggregate is called in it, selects inside left out.
fn has_aggregate(expr: &Expr) -> bool {
    let any = |exprs: &[&Expr]| exprs.iter().any(|expr| has_aggregate(expr));
    match &expr.kind {
        ExprKind::Literal(Literal::Null | _)
        | ExprKind::Parameter(_)
        | ExprKind::Name(_)
        | ExprKind::Exists(_) => false,
        ExprKind::Path { base, .. } => has_aggregate(base),
        ExprKind::Unary { operand, .. }
        | ExprKind::IsNull { operand, .. }
        | ExprKind::InSelect { operand, .. }
        | ExprKind::Cast { operand, .. } => has_aggregate(operand),
        ExprKind::Binary { left, right, .. } => any(&[left, right]),
        ExprKind::Between { operand, low, high, .. } => any(&[operand, low, high]),
        ExprKind::InList { operand, items, .. } => has_aggregate(operand) || items.iter().any(has_aggregate),
        ExprKind::Call(call) => {
            super::functions::is_aggregate(&call.name.name) || call.args.iter().any(has_aggregate)
        }
        ExprKind::Case { operand, branches, otherwise } => {
            operand.iter().chain(otherwise).any(|expr| has_aggregate(expr))
                || branches.iter().any(|(when, then)| any(&[when, then]))
        }
    }
}

/// Whether an expression's floats depend on the order in which they were added up.
fn about(written: &str) -> bool {
    ["avg(", "stddev(", "quantile(", "median(", "sum(", "score"].iter().any(|word| written.contains(word))
}

/// A name that comes twice becomes `name_2`.
fn name_apart(items: &mut [Item]) {
    for index in 0..items.len() {
        let taken = |name: &str| items[..index].iter().any(|item| item.name == name);
        let mut name = items[index].name.clone();
        let mut number = 1;
        while taken(&name) {
            number += 1;
            name = format!("{}_{number}", items[index].name);
        }
        items[index].name = name;
    }
}

impl From {
    fn rows(&self, run: &Run<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Stop> {
        match self {
            Self::Table { name, history, at, .. } => {
                let rows = run.past.rows(name, *history, *at);
                let row = |(rank, (place, values)): (usize, &(i64, Vec<Value>))| Row {
                    rank,
                    place: *place,
                    values: values.clone(),
                };
                Ok(rows.iter().enumerate().map(row).collect())
            }
            Self::Select(plan) => {
                let answered = plan.run(run, outer)?;
                if answered.cut {
                    return Err(Stop::Unknowable("which rows LIMIT keeps"));
                }
                let row = |(rank, values): (usize, Vec<Value>)| Row {
                    rank,
                    place: i64::try_from(rank).unwrap_or(i64::MAX),
                    values,
                };
                Ok(answered.rows.into_iter().map(row).collect())
            }
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Table { width, .. } => *width,
            Self::Select(plan) => plan.items.len(),
        }
    }
}

impl Plan {
    pub(super) fn run(&self, run: &Run<'_>, outer: Option<&Frame<'_>>) -> Result<Answered, Stop> {
        let mut rows = self.first.rows(run, outer)?;
        for (kind, from, on) in &self.joins {
            let right = from.rows(run, outer)?;
            let mut joined = Vec::new();
            for left in rows {
                let before = joined.len();
                for right in &right {
                    let mut values = left.values.clone();
                    values.extend(right.values.iter().cloned());
                    if on.eval(&Frame { row: &values, outer }, run)?.truth() == Some(true) {
                        joined.push(Row { values, ..left });
                    }
                }
                let inner = *kind == JoinKind::Inner || run.fault == Some(Fault::LeftIsInner);
                if joined.len() == before && !inner {
                    let mut values = left.values.clone();
                    values.resize(values.len() + from.width(), Value::Null);
                    joined.push(Row { values, ..left });
                }
            }
            rows = joined;
        }
        for conjunct in &self.filter {
            let mut kept = Vec::new();
            for row in rows {
                if conjunct.eval(&Frame { row: &row.values, outer }, run)?.truth() == Some(true) {
                    kept.push(row);
                }
            }
            rows = kept;
        }
        if let Some((keys, aggregates)) = &self.groups {
            rows = self.group(rows, keys, aggregates, run, outer)?;
        }
        self.project(rows, run, outer)
    }

    /// One row a group: its keys, then its aggregates.
    fn group(
        &self,
        rows: Vec<Row>,
        keys: &[Node],
        aggregates: &[Aggregate],
        run: &Run<'_>,
        outer: Option<&Frame<'_>>,
    ) -> Result<Vec<Row>, Stop> {
        let mut keyed = Vec::new();
        for row in rows {
            let frame = Frame { row: &row.values, outer };
            let key = keys.iter().map(|key| key.eval(&frame, run)).collect::<Result<Vec<_>, _>>()?;
            keyed.push((key, row));
        }
        keyed.sort_by(|(a, _), (b, _)| order_all(a, b));
        let mut groups: Vec<(Vec<Value>, Vec<Row>)> = Vec::new();
        for (key, row) in keyed {
            match groups.last_mut().filter(|(known, _)| order_all(known, &key).is_eq()) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((key, vec![row])),
            }
        }
        if keys.is_empty() && groups.is_empty() {
            groups.push((Vec::new(), Vec::new()));
        }
        let mut grouped = Vec::new();
        for (rank, (mut values, rows)) in groups.into_iter().enumerate() {
            for aggregate in aggregates {
                let value = |row: &Row| match &aggregate.arg {
                    Some(arg) => Ok((row.place, arg.eval(&Frame { row: &row.values, outer }, run)?)),
                    None => Ok((row.place, Value::Null)),
                };
                let of = rows.iter().map(value).collect::<Result<Vec<_>, Stop>>()?;
                values.push(aggregate.of(of, run.fault)?);
            }
            let row = Row { rank, place: i64::try_from(rank).unwrap_or(i64::MAX), values };
            let kept = match &self.having {
                Some(having) => having.eval(&Frame { row: &row.values, outer }, run)?.truth() == Some(true),
                None => true,
            };
            if kept {
                grouped.push(row);
            }
        }
        Ok(grouped)
    }

    /// Items, DISTINCT, ORDER BY, OFFSET and LIMIT.
    fn project(&self, rows: Vec<Row>, run: &Run<'_>, outer: Option<&Frame<'_>>) -> Result<Answered, Stop> {
        let mut made: Vec<(Vec<Value>, usize, Vec<Value>)> = Vec::new();
        for row in rows {
            let frame = Frame { row: &row.values, outer };
            let items =
                self.items.iter().map(|item| item.node.eval(&frame, run)).collect::<Result<Vec<_>, _>>()?;
            let key = |key: &Key| match &key.node {
                KeyNode::Item(index) => Ok(items[*index].clone()),
                KeyNode::Node(node) => node.eval(&frame, run),
            };
            let keys = self.order.iter().map(key).collect::<Result<Vec<_>, Stop>>()?;
            made.push((keys, row.rank, items));
        }
        if self.distinct {
            made.sort_by(|(_, _, a), (_, _, b)| order_all(a, b));
            made.dedup_by(|(_, _, a), (_, _, b)| order_all(a, b).is_eq());
            made.iter_mut().for_each(|(_, rank, _)| *rank = 0);
        }
        if self.order.is_empty() {
            made.sort_by_key(|(_, rank, _)| *rank);
        } else {
            made.sort_by(|(a, _, _), (b, _, _)| self.ordered(a, b, run.fault));
            let mut rank = 0;
            for index in 0..made.len() {
                if index > 0 && self.ordered(&made[index - 1].0, &made[index].0, run.fault).is_ne() {
                    rank += 1;
                }
                made[index].1 = rank;
            }
        }
        let end = self.limit.map_or(made.len(), |limit| self.offset.saturating_add(limit).min(made.len()));
        let begin = self.offset.min(end);
        let splits = |at: usize| at > 0 && at < made.len() && made[at - 1].1 == made[at].1;
        let cut = begin < end && (splits(begin) || splits(end));
        let rows = made[begin..end].iter().map(|(_, rank, items)| (*rank, items.clone())).collect();
        Ok(Answered { rows, cut })
    }

    fn ordered(&self, a: &[Value], b: &[Value], fault: Option<Fault>) -> Ordering {
        for (key, (a, b)) in self.order.iter().zip(a.iter().zip(b)) {
            let nulls_first = key.nulls_first != (fault == Some(Fault::NullsTurned));
            let order = match (a.is_null(), b.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => {
                    if nulls_first {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (false, true) => {
                    if nulls_first {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                _ if key.descending => order(b, a),
                _ => order(a, b),
            };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }
}
