//! From the syntax tree to nodes: names are looked up, types are held against the coercion table.

use super::node::{Aggregate, Node, Pattern, Step};
use super::past::{At, Past};
use super::value::{Type, Value, parse_time};
use super::{Stop, functions};
use grammar::Code;
use grammar::ast::{
    BinaryOp, Expr, ExprKind, FunctionCall, Ident, Literal, Parameter, PathStep, Quantified, Select, UnaryOp,
};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What a statement is read against.
pub(super) struct Meaning<'a> {
    pub(super) past: &'a Past,
    pub(super) params: &'a Json,
    pub(super) used: RefCell<BTreeSet<String>>,
    /// The server's clock when it was asked, between two readings of ours.
    pub(super) asked: (i64, i64),
    pub(super) at: At,
    /// Whether the statement has a moment for all its tables.
    pub(super) outermost: bool,
    pub(super) with: RefCell<Vec<(String, Select)>>,
}

/// A column in reach.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// What its table is called in the statement.
    pub(super) source: String,
    pub(super) name: String,
    pub(super) kind: Type,
}

/// The columns of a select, and those of the selects around it.
pub(super) struct Scope<'a> {
    pub(super) columns: Vec<Column>,
    pub(super) outer: Option<&'a Scope<'a>>,
}

/// What expressions over groups are made of: the keys, and the aggregates met so far.
pub(super) struct Groups {
    pub(super) keys: Vec<(Node, Type)>,
    pub(super) aggregates: RefCell<Vec<Aggregate>>,
}

type Typed = Result<(Node, Type), Stop>;

pub(super) fn mismatch<T>() -> Result<T, Stop> {
    Err(Stop::Error(Code::TypeMismatch))
}

impl Scope<'_> {
    fn column(&self, source: Option<&str>, name: &str) -> Typed {
        let mut scope = Some(self);
        let mut up = 0;
        while let Some(here) = scope {
            let is_it = |column: &&(usize, &Column)| {
                column.1.name == name && source.is_none_or(|source| column.1.source == source)
            };
            let columns: Vec<(usize, &Column)> = here.columns.iter().enumerate().collect();
            let found: Vec<&(usize, &Column)> = columns.iter().filter(is_it).collect();
            match found[..] {
                [] => {}
                [(index, column)] => return Ok((Node::Column { up, index: *index }, column.kind)),
                _ => return Err(Stop::Error(Code::AmbiguousColumn)),
            }
            if source.is_some_and(|source| here.columns.iter().any(|column| column.source == source)) {
                break;
            }
            scope = here.outer;
            up += 1;
        }
        Err(Stop::Error(Code::UnknownColumn))
    }

    fn has_source(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.source == name)
            || self.outer.is_some_and(|outer| outer.has_source(name))
    }
}

impl Meaning<'_> {
    /// An expression over rows, or over groups.
    pub(super) fn expr(&self, expr: &Expr, scope: &Scope<'_>, groups: Option<&Groups>) -> Typed {
        if let Some(groups) = groups
            && let Ok((node, _)) = self.expr(expr, scope, None)
            && let Some(index) = groups.keys.iter().position(|(key, _)| *key == node)
        {
            return Ok((Node::Column { up: 0, index }, groups.keys[index].1));
        }
        let sub = |expr: &Expr| self.expr(expr, scope, groups);
        let boxed = |expr: &Expr| sub(expr).map(|(node, kind)| (Box::new(node), kind));
        match &expr.kind {
            ExprKind::Literal(literal) => Ok(constant(literal)),
            ExprKind::Parameter(parameter) => self.parameter(parameter),
            ExprKind::Name(name) => grouped(scope.column(None, &name.name)?, groups),
            ExprKind::Path { base, steps } => self.path(base, steps, scope, groups),
            ExprKind::Unary { op: UnaryOp::Not, operand } => {
                Ok((Node::Not(Box::new(truth(sub(operand)?)?)), Type::Bool))
            }
            ExprKind::Unary { op: UnaryOp::Minus, operand } => {
                let (node, kind) = boxed(operand)?;
                let kind = match kind {
                    Type::Json => Type::Float,
                    Type::Int | Type::Float | Type::Duration | Type::Null => kind,
                    _ => return mismatch(),
                };
                Ok((Node::Minus(node, kind), kind))
            }
            ExprKind::Binary { op, left, right, .. } => binary(*op, sub(left)?, sub(right)?),
            ExprKind::Between { negated, operand, low, high } => {
                let (operand, low, high) = (sub(operand)?, sub(low)?, sub(high)?);
                let (_, low) = comparable(BinaryOp::LessOrEqual, operand.clone(), low)?;
                let (operand, high) = comparable(BinaryOp::LessOrEqual, operand, high)?;
                let (operand, low, high) = (Box::new(operand), Box::new(low), Box::new(high));
                Ok((Node::Between { negated: *negated, operand, low, high }, Type::Bool))
            }
            ExprKind::InList { negated, operand, items } => {
                let operand = sub(operand)?;
                let each = |item| Ok(comparable(BinaryOp::Equal, operand.clone(), sub(item)?)?.1);
                let items = items.iter().map(each).collect::<Result<_, Stop>>()?;
                Ok((Node::InList { negated: *negated, operand: Box::new(operand.0), items }, Type::Bool))
            }
            ExprKind::InSelect { negated, operand, select } => {
                let operand = sub(operand)?;
                let plan = Box::new(self.select(select, Some(scope))?);
                let [item] = &plan.items[..] else { return mismatch() };
                comparable(BinaryOp::Equal, operand.clone(), (Node::Column { up: 0, index: 0 }, item.kind))?;
                Ok((Node::InSelect { negated: *negated, operand: Box::new(operand.0), plan }, Type::Bool))
            }
            ExprKind::Exists(select) => {
                Ok((Node::Exists(Box::new(self.select(select, Some(scope))?)), Type::Bool))
            }
            ExprKind::IsNull { negated, operand } => {
                Ok((Node::IsNull { negated: *negated, operand: boxed(operand)?.0 }, Type::Bool))
            }
            ExprKind::Call(call) => self.call(call, scope, groups),
            ExprKind::Case { operand, branches, otherwise } => {
                let operand = operand.as_ref().map(|operand| sub(operand)).transpose()?;
                let mut whens = Vec::new();
                let mut results = Vec::new();
                for (when, then) in branches {
                    whens.push(match &operand {
                        Some(operand) => comparable(BinaryOp::Equal, operand.clone(), sub(when)?)?.1,
                        None => truth(sub(when)?)?,
                    });
                    results.push(sub(then)?);
                }
                if let Some(otherwise) = otherwise {
                    results.push(sub(otherwise)?);
                }
                let (mut results, kind) = one_type(results)?;
                let otherwise = otherwise.as_ref().and_then(|_| results.pop()).map(Box::new);
                let branches = whens.into_iter().zip(results).collect();
                let operand = operand.map(|(operand, _)| Box::new(operand));
                Ok((Node::Case { operand, branches, otherwise }, kind))
            }
            ExprKind::Cast { operand, target } => {
                let (node, from) = boxed(operand)?;
                let to = Type::named(&target.name).ok_or(Stop::Error(Code::TypeMismatch))?;
                if functions::casts(from, to) { Ok((Node::Cast(node, to), to)) } else { mismatch() }
            }
        }
    }

    fn parameter(&self, parameter: &Parameter) -> Typed {
        let (key, value) = match parameter {
            Parameter::Numbered(number) => {
                let place = (*number as usize).wrapping_sub(1);
                (place.to_string(), self.params.get(place))
            }
            Parameter::Named(name) => (name.clone(), self.params.get(name)),
        };
        let value = value.ok_or(Stop::Error(Code::UnboundParameter))?;
        self.used.borrow_mut().insert(key);
        let kind = match value {
            Json::Null => Type::Null,
            Json::Bool(_) => Type::Bool,
            Json::Number(number) if number.is_i64() => Type::Int,
            Json::Number(_) => Type::Float,
            Json::String(_) => Type::Text,
            _ => Type::Set,
        };
        Ok((Node::Constant(Value::of_column(value, kind)), kind))
    }

    fn path(&self, base: &Expr, steps: &[PathStep], scope: &Scope<'_>, groups: Option<&Groups>) -> Typed {
        let (node, kind, rest) = match (&base.kind, steps) {
            (ExprKind::Name(source), [PathStep::Key(Ident { name, .. }), rest @ ..])
                if scope.has_source(&source.name) =>
            {
                let found = scope.column(Some(&source.name), &name.to_ascii_lowercase())?;
                if rest.is_empty() {
                    return grouped(found, groups);
                }
                let found = match groups {
                    // `t.data` may be a key of the group where `t.data.n` is none.
                    Some(groups) if !matches!(found.0, Node::Column { up: 1.., .. }) => {
                        let index = groups.keys.iter().position(|(key, _)| *key == found.0);
                        let index = index.ok_or(Stop::Error(Code::NotGrouped))?;
                        (Node::Column { up: 0, index }, found.1)
                    }
                    _ => found,
                };
                (found.0, found.1, rest)
            }
            _ => {
                let (node, kind) = self.expr(base, scope, groups)?;
                (node, kind, steps)
            }
        };
        if !matches!(kind, Type::Json | Type::Null) {
            return mismatch();
        }
        let step = |step: &PathStep| match step {
            PathStep::Key(key) => Step::Key(key.name.clone()),
            PathStep::QuotedKey(key, _) => Step::Key(key.clone()),
            PathStep::Index(index, _) => Step::Index(*index),
        };
        Ok((Node::Path(Box::new(node), rest.iter().map(step).collect()), Type::Json))
    }

    fn call(&self, call: &FunctionCall, scope: &Scope<'_>, groups: Option<&Groups>) -> Typed {
        let name = call.name.name.as_str();
        if !functions::is_aggregate(name) {
            let args = call.args.iter().map(|arg| self.expr(arg, scope, groups)).collect::<Result<_, _>>()?;
            return functions::call(name, args);
        }
        let Some(groups) = groups else { return Err(Stop::Error(Code::NotAllowed)) };
        let wanted = usize::from(!call.star) + usize::from(name == "quantile");
        if call.args.len() != wanted || (call.star && name != "count") {
            return Err(Stop::Error(Code::WrongArgumentCount));
        }
        let arg = call.args.first().map(|arg| self.expr(arg, scope, None)).transpose()?;
        let kind = functions::aggregate_type(name, arg.as_ref().map(|(_, kind)| *kind))?;
        let share = match call.args.get(1).map(|share| self.expr(share, scope, None)).transpose()? {
            None => 0.5,
            Some((Node::Constant(value), _)) => match value.float() {
                Some(share) if (0.0..=1.0).contains(&share) => share,
                _ => return mismatch(),
            },
            Some(_) => return mismatch(),
        };
        let aggregate = Aggregate {
            name: name.to_owned(),
            distinct: call.quantified == Quantified::Distinct,
            arg: arg.map(|(node, _)| node),
            share,
            kind,
        };
        let mut known = groups.aggregates.borrow_mut();
        let place = known.iter().position(|one| *one == aggregate).unwrap_or(known.len());
        if place == known.len() {
            known.push(aggregate);
        }
        Ok((Node::Column { up: 0, index: groups.keys.len() + place }, kind))
    }
}

/// Over groups, a column of the rows means nothing by itself.
fn grouped(found: (Node, Type), groups: Option<&Groups>) -> Typed {
    match found.0 {
        Node::Column { up: 0, .. } if groups.is_some() => Err(Stop::Error(Code::NotGrouped)),
        _ => Ok(found),
    }
}

fn constant(literal: &Literal) -> (Node, Type) {
    let (value, kind) = match literal {
        Literal::Null => (Value::Null, Type::Null),
        Literal::Bool(truth) => (Value::Bool(*truth), Type::Bool),
        Literal::Int(int) => (Value::Int(*int), Type::Int),
        Literal::Decimal(float) => (Value::Float(*float), Type::Float),
        Literal::Text(text) => (Value::Text(text.clone()), Type::Text),
        Literal::Duration(length) => {
            (Value::Duration(i64::try_from(length.as_micros()).unwrap_or(i64::MAX)), Type::Duration)
        }
        Literal::Set(set) => (Value::Set(set.clone()), Type::Set),
    };
    (Node::Constant(value), kind)
}

/// What stands where truth is asked.
pub(super) fn truth((node, kind): (Node, Type)) -> Result<Node, Stop> {
    if matches!(kind, Type::Bool | Type::Json | Type::Null) { Ok(node) } else { mismatch() }
}

/// A text constant next to a time is one.
fn as_time((node, kind): (Node, Type), beside: Type) -> Typed {
    match node {
        Node::Constant(Value::Text(text)) if beside == Type::Time => match parse_time(&text) {
            Some(at) => Ok((Node::Constant(Value::Time(at)), Type::Time)),
            None => mismatch(),
        },
        node => Ok((node, kind)),
    }
}

/// Two operands of a comparison, if they may be compared.
fn comparable(op: BinaryOp, left: (Node, Type), right: (Node, Type)) -> Result<(Node, Node), Stop> {
    let (kind_left, kind_right) = (left.1, right.1);
    let (left, right) = (as_time(left, kind_right)?, as_time(right, kind_left)?);
    let equality = matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
    let meets = match (left.1, right.1) {
        (Type::Null, _) | (_, Type::Null) => true,
        (Type::Set, Type::Set | Type::Json) | (Type::Json, Type::Set) => equality,
        (Type::Json, Type::Duration) | (Type::Duration, Type::Json) => false,
        (Type::Json, _) | (_, Type::Json) | (Type::Int, Type::Float) | (Type::Float, Type::Int) => true,
        (a, b) => a == b,
    };
    if meets { Ok((left.0, right.0)) } else { mismatch() }
}

fn binary(op: BinaryOp, left: (Node, Type), right: (Node, Type)) -> Typed {
    use BinaryOp as Op;
    let pair = |left: (Node, Type), right: (Node, Type)| (Box::new(left.0), Box::new(right.0));
    let both = |kind: Type| {
        [left.1, right.1].iter().all(|one| *one == kind || matches!(one, Type::Json | Type::Null))
    };
    match op {
        Op::And => Ok((Node::And(Box::new(truth(left)?), Box::new(truth(right)?)), Type::Bool)),
        Op::Or => Ok((Node::Or(Box::new(truth(left)?), Box::new(truth(right)?)), Type::Bool)),
        Op::Equal | Op::NotEqual | Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => {
            let (left, right) = comparable(op, left, right)?;
            Ok((Node::Compare(op, Box::new(left), Box::new(right)), Type::Bool))
        }
        Op::Multiply | Op::Divide | Op::Modulo | Op::Add | Op::Subtract => {
            let kind = arithmetic(op, left.1, right.1)?;
            let (left, right) = pair(left, right);
            Ok((Node::Arithmetic(op, left, right, kind), kind))
        }
        Op::Concat if both(Type::Text) => {
            let (left, right) = pair(left, right);
            Ok((Node::Concat(left, right), Type::Text))
        }
        Op::Intersect | Op::Union | Op::Difference if both(Type::Set) => {
            let (left, right) = pair(left, right);
            Ok((Node::Sets(op, left, right), Type::Set))
        }
        Op::Subset | Op::Superset | Op::ProperSubset | Op::ProperSuperset | Op::Overlaps
            if both(Type::Set) =>
        {
            let (left, right) = pair(left, right);
            Ok((Node::Sets(op, left, right), Type::Bool))
        }
        Op::In | Op::NotIn
            if matches!(left.1, Type::Text | Type::Json | Type::Null)
                && matches!(right.1, Type::Set | Type::Json | Type::Null) =>
        {
            let (left, right) = pair(left, right);
            Ok((Node::Sets(op, left, right), Type::Bool))
        }
        Op::Like | Op::NotLike | Op::ILike | Op::NotILike if both(Type::Text) => {
            let (text, pattern) = pair(left, right);
            let negated = matches!(op, Op::NotLike | Op::NotILike);
            let fold = matches!(op, Op::ILike | Op::NotILike);
            Ok((Node::Like { negated, fold, text, pattern }, Type::Bool))
        }
        Op::Matches | Op::NotMatches if both(Type::Text) => {
            let pattern = match &right.0 {
                Node::Constant(Value::Text(pattern)) => {
                    Pattern(Some(regex::Regex::new(pattern).map_err(|_| Stop::Error(Code::TypeMismatch))?))
                }
                Node::Constant(Value::Null) => Pattern(None),
                _ => return mismatch(),
            };
            let negated = op == Op::NotMatches;
            Ok((Node::Matches { negated, text: Box::new(left.0), pattern }, Type::Bool))
        }
        _ => mismatch(),
    }
}

/// The table of arithmetic.
fn arithmetic(op: BinaryOp, left: Type, right: Type) -> Result<Type, Stop> {
    use BinaryOp as Op;
    use Type::{Duration, Float, Int, Json, Null, Time};
    Ok(match (left, op, right) {
        (Int, _, Int | Null) | (Null, _, Int) => Int,
        (Null, _, Null) => Null,
        (Int | Float | Json | Null, _, Float | Json) | (Float | Json, _, Int | Null) => Float,
        (Time, Op::Subtract, Time) => Duration,
        (Time, Op::Add | Op::Subtract, Duration) | (Duration, Op::Add, Time) => Time,
        (Duration, Op::Divide, Duration) => Float,
        (Duration, Op::Add | Op::Subtract, Duration) => Duration,
        (Int | Float | Json, Op::Multiply, Duration) => Duration,
        (Duration, Op::Multiply | Op::Divide, Int | Float | Json) => Duration,
        _ => return mismatch(),
    })
}

/// The one type of several results, and each read as it.
pub(super) fn one_type(results: Vec<(Node, Type)>) -> Result<(Vec<Node>, Type), Stop> {
    let kinds: Vec<Type> = results.iter().map(|(_, kind)| *kind).filter(|kind| *kind != Type::Null).collect();
    let plain: Vec<Type> = kinds.iter().copied().filter(|kind| *kind != Type::Json).collect();
    let kind = match (plain.first(), kinds.first()) {
        (None, None) => Type::Null,
        (None, Some(_)) => Type::Json,
        (Some(_), _) if plain.contains(&Type::Time) => Type::Time,
        (Some(Type::Int | Type::Float), _) if plain.contains(&Type::Float) => Type::Float,
        (Some(first), _) => *first,
    };
    let mut nodes = Vec::new();
    for result in results {
        let (node, from) = as_time(result, kind)?;
        nodes.push(match from {
            _ if from == kind || from == Type::Null => node,
            Type::Json if kind != Type::Duration => Node::Read(Box::new(node), kind),
            Type::Int if kind == Type::Float => Node::Read(Box::new(node), kind),
            _ => return mismatch(),
        });
    }
    Ok((nodes, kind))
}
