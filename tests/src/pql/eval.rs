//! What an expression is over one row. Three-valued: `Value::Null` is unknown.

use super::functions;
use super::node::{Node, Step};
use super::past::Past;
use super::value::{Type, Value, compare};
use super::{Fault, Stop};
use grammar::Code;
use grammar::ast::BinaryOp;
use serde_json::Value as Json;
use std::cmp::Ordering;

/// What does not change from row to row.
pub(super) struct Run<'a> {
    pub(super) past: &'a Past,
    pub(super) now: i64,
    /// A rule that is broken on purpose.
    pub(super) fault: Option<Fault>,
}

/// The row, and the rows of the selects around.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) row: &'a [Value],
    pub(super) outer: Option<&'a Frame<'a>>,
}

type Evaluated = Result<Value, Stop>;

fn fails<T>(code: Code) -> Result<T, Stop> {
    Err(Stop::Error(code))
}

impl Node {
    pub(super) fn eval(&self, frame: &Frame<'_>, run: &Run<'_>) -> Evaluated {
        let value = |node: &Node| node.eval(frame, run);
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Column { up, index } => {
                let mut frame = frame;
                for _ in 0..*up {
                    frame = frame.outer.expect("a select knows those around it");
                }
                frame.row[*index].clone()
            }
            Self::Path(base, steps) => walk(value(base)?, steps),
            Self::Not(operand) => value(operand)?.truth().map(|truth| !truth).into(),
            Self::And(left, right) => match value(left)?.truth() {
                Some(false) => Value::Bool(false),
                Some(true) => value(right)?.truth().into(),
                None => match value(right)?.truth() {
                    Some(false) if run.fault != Some(Fault::NullAndFalse) => Value::Bool(false),
                    _ => Value::Null,
                },
            },
            Self::Or(left, right) => match value(left)?.truth() {
                Some(true) => Value::Bool(true),
                Some(false) => value(right)?.truth().into(),
                None => match value(right)?.truth() {
                    Some(true) => Value::Bool(true),
                    _ => Value::Null,
                },
            },
            Self::Compare(op, left, right) => {
                let (left, right) = (value(left)?, value(right)?);
                let equality = matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
                if !equality && (unordered(&left) || unordered(&right)) {
                    return Ok(Value::Null);
                }
                compare(&left, &right).map(|order| holds(*op, order)).into()
            }
            Self::Arithmetic(op, left, right, kind) => arithmetic(*op, value(left)?, value(right)?, *kind)?,
            Self::Minus(operand, _) => match value(operand)? {
                Value::Int(int) => Value::Int(int.checked_neg().ok_or(Stop::Error(Code::Overflow))?),
                Value::Duration(length) => {
                    Value::Duration(length.checked_neg().ok_or(Stop::Error(Code::Overflow))?)
                }
                other => other.float().map_or(Value::Null, |float| Value::Float(-float)),
            },
            Self::Concat(left, right) => match (value(left)?.text(), value(right)?.text()) {
                (Some(left), Some(right)) => Value::Text(format!("{left}{right}")),
                _ => Value::Null,
            },
            Self::Sets(op, left, right) => sets(*op, &value(left)?, &value(right)?, run.fault),
            Self::Like { negated, fold, text, pattern } => {
                let (text, pattern) = (value(text)?, value(pattern)?);
                let like = text.text().zip(pattern.text()).map(|(text, pattern)| {
                    let fold = |text: &str| if *fold { text.to_lowercase() } else { text.to_owned() };
                    let (text, pattern) = (fold(text), fold(pattern));
                    like(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>())
                });
                like.map(|like| like != *negated).into()
            }
            Self::Matches { negated, text, pattern } => {
                let text = value(text)?;
                let found = text.text().zip(pattern.0.as_ref()).map(|(text, pattern)| pattern.is_match(text));
                found.map(|found| found != *negated).into()
            }
            Self::Between { negated, operand, low, high } => {
                let (operand, low, high) = (value(operand)?, value(low)?, value(high)?);
                let beside = |bound: &Value| {
                    if unordered(&operand) || unordered(bound) { None } else { compare(&operand, bound) }
                };
                let above = beside(&low).map(Ordering::is_ge);
                let below = beside(&high).map(Ordering::is_le);
                let between = match (above, below) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                };
                between.map(|between| between != *negated).into()
            }
            Self::InList { negated, operand, items } => {
                let operand = value(operand)?;
                let items = items.iter().map(value).collect::<Result<Vec<_>, _>>()?;
                among(&operand, items.iter(), run.fault).map(|found| found != *negated).into()
            }
            Self::InSelect { negated, operand, plan } => {
                let operand = value(operand)?;
                let rows = plan.run(run, Some(frame))?.whole()?;
                let found = among(&operand, rows.iter().map(|row| &row[0]), run.fault);
                found.map(|found| found != *negated).into()
            }
            Self::Exists(plan) => Value::Bool(!plan.run(run, Some(frame))?.rows.is_empty()),
            Self::IsNull { negated, operand } => Value::Bool(value(operand)?.is_null() != *negated),
            Self::Call { name, args, kind } => functions::eval(name, args, *kind, frame, run)?,
            Self::Case { operand, branches, otherwise } => {
                let operand = operand.as_ref().map(|operand| value(operand)).transpose()?;
                for (when, then) in branches {
                    let when = value(when)?;
                    let holds = match &operand {
                        Some(operand) => compare(operand, &when).map(Ordering::is_eq),
                        None => when.truth(),
                    };
                    if holds == Some(true) {
                        return value(then);
                    }
                }
                otherwise.as_ref().map_or(Ok(Value::Null), |otherwise| value(otherwise))?
            }
            Self::Cast(operand, to) => functions::cast(value(operand)?, *to)?,
            Self::Read(operand, kind) => value(operand)?.read(*kind),
        })
    }
}

/// Arrays and objects are equal or they are not.
fn unordered(value: &Value) -> bool {
    matches!(value, Value::Json(Json::Array(_) | Json::Object(_)))
}

fn holds(op: BinaryOp, order: Ordering) -> bool {
    match op {
        BinaryOp::Equal => order.is_eq(),
        BinaryOp::NotEqual => order.is_ne(),
        BinaryOp::Less => order.is_lt(),
        BinaryOp::LessOrEqual => order.is_le(),
        BinaryOp::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn walk(base: Value, steps: &[Step]) -> Value {
    let Value::Json(base) = base else { return Value::Null };
    let mut here = &base;
    for step in steps {
        let next = match step {
            Step::Key(key) => here.as_object().and_then(|members| members.get(key)),
            Step::Index(index) => usize::try_from(*index)
                .ok()
                .and_then(|index| here.as_array().and_then(|items| items.get(index))),
        };
        let Some(next) = next else { return Value::Null };
        here = next;
    }
    Value::json(here.clone())
}

/// `x IN (…)`: unknown where it is not found but something was unknown.
fn among<'a>(operand: &Value, items: impl Iterator<Item = &'a Value>, fault: Option<Fault>) -> Option<bool> {
    let mut unknown = false;
    let mut any = false;
    for item in items {
        any = true;
        match compare(operand, item) {
            Some(Ordering::Equal) => return Some(true),
            Some(_) => {}
            None => unknown = true,
        }
    }
    if any && unknown && fault != Some(Fault::NotInNull) { None } else { Some(false) }
}

fn sets(op: BinaryOp, left: &Value, right: &Value, fault: Option<Fault>) -> Value {
    use BinaryOp as Op;
    if matches!(op, Op::In | Op::NotIn) {
        let (Some(text), Some(set)) = (left.text(), right.set()) else { return Value::Null };
        return Value::Bool(set.contains(text) == (op == Op::In));
    }
    let (Some(a), Some(b)) = (left.set(), right.set()) else { return Value::Null };
    match op {
        Op::Intersect => Value::Set(a.intersection(&b).cloned().collect()),
        Op::Union => Value::Set(a.union(&b).cloned().collect()),
        Op::Difference => Value::Set(a.difference(&b).cloned().collect()),
        Op::Subset => Value::Bool(a.is_subset(&b)),
        Op::Superset => Value::Bool(a.is_superset(&b)),
        Op::ProperSubset => Value::Bool(a.is_subset(&b) && (a != b || fault == Some(Fault::ProperIsSubset))),
        Op::ProperSuperset => Value::Bool(a.is_superset(&b) && a != b),
        _ => Value::Bool(!a.is_disjoint(&b)),
    }
}

fn arithmetic(op: BinaryOp, left: Value, right: Value, kind: Type) -> Evaluated {
    use BinaryOp as Op;
    if left.is_null() || right.is_null() {
        return Ok(Value::Null);
    }
    let overflow = Stop::Error(Code::Overflow);
    let micros = |value: &Value| match value {
        Value::Time(micros) | Value::Duration(micros) => *micros,
        _ => 0,
    };
    match (kind, &left, &right) {
        (Type::Int, _, _) => {
            let (Some(a), Some(b)) = (left.int(), right.int()) else { return Ok(Value::Null) };
            if b == 0 && matches!(op, Op::Divide | Op::Modulo) {
                return fails(Code::DivisionByZero);
            }
            let result = match op {
                Op::Add => a.checked_add(b),
                Op::Subtract => a.checked_sub(b),
                Op::Multiply => a.checked_mul(b),
                Op::Divide => a.checked_div(b),
                _ => a.checked_rem(b),
            };
            result.map(Value::Int).ok_or(overflow)
        }
        (Type::Float, Value::Duration(a), Value::Duration(b)) => {
            if *b == 0 {
                return fails(Code::DivisionByZero);
            }
            #[expect(clippy::cast_precision_loss, reason = "a share is a float")]
            Ok(Value::Float(*a as f64 / *b as f64))
        }
        (Type::Float, _, _) => {
            let (Some(a), Some(b)) = (left.float(), right.float()) else { return Ok(Value::Null) };
            if b == 0.0 && matches!(op, Op::Divide | Op::Modulo) {
                return fails(Code::DivisionByZero);
            }
            let result = match op {
                Op::Add => a + b,
                Op::Subtract => a - b,
                Op::Multiply => a * b,
                Op::Divide => a / b,
                _ => a % b,
            };
            if result.is_finite() { Ok(Value::Float(result)) } else { Err(overflow) }
        }
        (
            Type::Time | Type::Duration,
            Value::Time(_) | Value::Duration(_),
            Value::Time(_) | Value::Duration(_),
        ) => {
            let result = match op {
                Op::Add => micros(&left).checked_add(micros(&right)),
                _ => micros(&left).checked_sub(micros(&right)),
            };
            let result = result.ok_or(overflow)?;
            Ok(if kind == Type::Time { Value::Time(result) } else { Value::Duration(result) })
        }
        _ => {
            // A duration so many times, or the nth part of one.
            let (length, times) =
                if let Value::Duration(length) = left { (length, right) } else { (micros(&right), left) };
            let Value::Int(times) = times else { return Err(Stop::Unknowable("how a duration is rounded")) };
            match op {
                Op::Divide if times == 0 => fails(Code::DivisionByZero),
                Op::Divide => length.checked_div(times).map(Value::Duration).ok_or(overflow),
                _ => length.checked_mul(times).map(Value::Duration).ok_or(overflow),
            }
        }
    }
}

/// Whether the whole text is like the pattern.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|from| like(&text[from..], rest)),
        ['\\', exact, rest @ ..] => text.first() == Some(exact) && like(&text[1..], rest),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        [exact, rest @ ..] => text.first() == Some(exact) && like(&text[1..], rest),
    }
}
