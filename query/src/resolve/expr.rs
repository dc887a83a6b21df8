//! Expressions, kind by kind.

use super::{Resolver, coerce, fold};
use crate::eval::{Datum, Members};
use crate::functions::{Comparison, Op};
use crate::typed::{Expr, Kind};
use crate::types::Type;
use grammar::ast::{self, ExprKind, Literal, UnaryOp};
use grammar::{Code, Error, Span};
use std::borrow::Cow;
use std::time::Duration;

impl Resolver<'_> {
    /// Any expression.
    pub(crate) fn expr(&mut self, expr: &ast::Expr) -> Option<Expr> {
        let span = expr.span;
        let in_filter = std::mem::replace(&mut self.in_filter, false);
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal, span),
            ExprKind::Parameter(parameter) => match self.params.get(parameter, span) {
                Ok(value) => Some(Expr::constant(value.clone(), span)),
                Err(error) => self.fail(error),
            },
            ExprKind::Name(ident) => self.name(ident),
            ExprKind::Path { base, steps } => self.path(base, steps, span),
            ExprKind::Unary { op: UnaryOp::Not, operand } => {
                self.in_filter = in_filter;
                let operand = self.expr(operand)?;
                let operand = self.truth(operand)?;
                Some(fold(Expr::new(Kind::Not(Box::new(operand)), Type::Bool, span)))
            }
            ExprKind::Unary { op: UnaryOp::Minus, operand } => {
                let operand = self.expr(operand)?;
                self.negate(operand, span)
            }
            ExprKind::Binary { op, op_span, left, right } => {
                self.in_filter = in_filter;
                self.binary(*op, *op_span, left, right, span)
            }
            ExprKind::Between { negated, operand, low, high } => {
                self.between(*negated, operand, low, high, span)
            }
            ExprKind::InList { negated, operand, items } => self.in_list(*negated, operand, items, span),
            ExprKind::InSelect { negated, operand, select } => {
                let operand = self.expr(operand);
                let (operand, select) = self.in_select(operand, select, in_filter, span)?;
                let found =
                    Expr::new(Kind::InSelect { operand: Box::new(operand), select }, Type::Bool, span);
                Some(not_if(*negated, found))
            }
            ExprKind::Exists(select) => {
                let select = self.subselect(select, in_filter, false, span)?;
                Some(Expr::new(Kind::Exists(select), Type::Bool, span))
            }
            ExprKind::IsNull { negated, operand } => {
                let operand = self.expr(operand)?;
                let is_null = if is_never_null(&operand) {
                    Expr::constant(Datum::Bool(false), span)
                } else {
                    fold(Expr::new(Kind::IsNull(Box::new(operand)), Type::Bool, span))
                };
                Some(fold(not_if(*negated, is_null)))
            }
            ExprKind::Call(call) => self.call(call, span),
            ExprKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), span)
            }
            ExprKind::Cast { operand, target } => {
                let operand = self.expr(operand);
                let ty = match coerce::target(target) {
                    Ok(ty) => ty,
                    Err(error) => return self.fail(error),
                };
                let operand = operand?;
                if !crate::functions::is_castable(operand.ty, ty) {
                    let message = format!("{} cannot be cast to {}", operand.ty.as_str(), ty.as_str());
                    return self.mismatch(span, message, None);
                }
                if operand.ty == ty || operand.ty == Type::Null {
                    return Some(coerce::read(operand, ty));
                }
                Some(fold(Expr::apply(Op::Cast(ty), vec![operand], ty, span)))
            }
        }
    }

    fn literal(&mut self, literal: &Literal, span: Span) -> Option<Expr> {
        Some(Expr::constant(
            match literal {
                Literal::Null => Datum::Null,
                Literal::Bool(value) => Datum::Bool(*value),
                Literal::Int(value) => Datum::Int(*value),
                Literal::Decimal(value) => match Datum::float(*value) {
                    Some(value) => value,
                    None => {
                        let message = "the number is too large for a float";
                        return self.fail(Error::new(Code::Overflow, span, message));
                    }
                },
                Literal::Text(text) => Datum::Text(Cow::Owned(text.clone())),
                Literal::Duration(duration) => match micros(*duration) {
                    Some(micros) => Datum::Duration(micros),
                    None => {
                        let message = "the duration is too long: at most about 292,000 years";
                        return self.fail(Error::new(Code::Overflow, span, message));
                    }
                },
                Literal::Set(words) => {
                    Datum::Set(Members::of(words.iter().map(|word| Cow::Owned(word.clone())).collect()))
                }
            },
            span,
        ))
    }

    fn negate(&mut self, operand: Expr, span: Span) -> Option<Expr> {
        let ty = match operand.ty {
            Type::Null => return Some(operand),
            Type::Json => Type::Float,
            ty @ (Type::Int | Type::Float | Type::Duration) => ty,
            ty => {
                let message = format!("minus takes a number or a duration, found {}", ty.as_str());
                return self.mismatch(operand.span, message, None);
            }
        };
        Some(fold(Expr::apply(Op::Negate, vec![coerce::read(operand, ty)], ty, span)))
    }

    fn between(
        &mut self,
        negated: bool,
        operand: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        span: Span,
    ) -> Option<Expr> {
        let (operand, low, high) = (self.expr(operand), self.expr(low), self.expr(high));
        let (operand, low, high) = (operand?, low?, high?);
        let again = self.copy(&operand)?;
        let above = self.compare(Comparison::GreaterOrEqual, ">=", operand, low, span);
        let below = self.compare(Comparison::LessOrEqual, "<=", again, high, span);
        let both = fold(Expr::new(Kind::And(vec![above?, below?]), Type::Bool, span));
        Some(fold(not_if(negated, both)))
    }

    fn in_list(
        &mut self,
        negated: bool,
        operand: &ast::Expr,
        items: &[ast::Expr],
        span: Span,
    ) -> Option<Expr> {
        let operand = self.expr(operand);
        let resolved: Vec<Option<Expr>> = items.iter().map(|item| self.expr(item)).collect();
        let (operand, items) = (operand?, resolved.into_iter().collect::<Option<Vec<Expr>>>()?);
        let (soft, mut pairs) = (operand.ty, Vec::with_capacity(items.len()));
        let count = items.len();
        for item in items {
            let at = item.span;
            if item.ty == Type::Set && operand.ty == Type::Text {
                let message = "`IN (` begins a list, and a text equals no set".to_owned();
                let hint = "membership in a computed set is written x ∈ (a ∪ b)".to_owned();
                let _: Option<()> = self.mismatch(at, message, Some(hint));
                continue;
            }
            pairs.extend(self.comparable(operand.clone_shallow(), item, "IN", at));
        }
        if pairs.len() < count {
            return None;
        }
        // One type for all: a list. Mixed types (json against texts and ints): one comparison each.
        let ty = pairs[0].0.ty;
        let is_uniform = !matches!(ty, Type::Json | Type::Set)
            && pairs.iter().all(|(left, right)| left.ty == ty && right.ty == ty);
        let listed = if is_uniform {
            let items = pairs.into_iter().map(|(_, item)| item).collect();
            let operand = if soft == ty {
                operand
            } else if ty == Type::Float && soft == Type::Int {
                coerce::float(operand)
            } else {
                self.coerce(operand, ty, "IN takes")?
            };
            Expr::new(Kind::InList { operand: Box::new(operand), items }, Type::Bool, span)
        } else {
            let mut parts = Vec::with_capacity(pairs.len());
            for (_, item) in pairs {
                let operand = self.copy(&operand)?;
                parts.push(self.compare(Comparison::Equal, "=", operand, item, span)?);
            }
            match parts.len() {
                1 => parts.remove(0),
                _ => Expr::new(Kind::Or(parts), Type::Bool, span),
            }
        };
        Some(fold(not_if(negated, fold(listed))))
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        branches: &[(ast::Expr, ast::Expr)],
        otherwise: Option<&ast::Expr>,
        span: Span,
    ) -> Option<Expr> {
        let operand = operand.map(|operand| self.expr(operand));
        let mut whens = Vec::with_capacity(branches.len());
        let mut thens = Vec::with_capacity(branches.len() + 1);
        for (when, then) in branches {
            let condition = self.expr(when);
            whens.push(match (&operand, condition) {
                (_, None) | (Some(None), _) => None,
                (Some(Some(operand)), Some(value)) => {
                    let operand = self.copy(operand)?;
                    self.compare(Comparison::Equal, "=", operand, value, when.span)
                }
                (None, Some(condition)) => self.truth(condition),
            });
            thens.push(self.expr(then));
        }
        thens.push(match otherwise {
            Some(otherwise) => self.expr(otherwise),
            None => Some(Expr::null(Type::Null, span)),
        });
        let whens: Vec<Expr> = whens.into_iter().collect::<Option<_>>()?;
        let thens: Vec<Expr> = thens.into_iter().collect::<Option<_>>()?;
        let mut thens = self.alike(thens, "CASE")?;
        let otherwise = Box::new(thens.pop()?);
        let ty = otherwise.ty;
        Some(fold(Expr::new(
            Kind::Case { branches: whens.into_iter().zip(thens).collect(), otherwise },
            ty,
            span,
        )))
    }
}

impl Expr {
    /// An expression of the same type and span that is constant just when this one is: enough to ask which
    /// types it compares with.
    fn clone_shallow(&self) -> Self {
        match &self.kind {
            Kind::Const(_) => self.clone(),
            _ => {
                Self { kind: Kind::Column(crate::typed::Column { outer: 0, source: 0, column: 0 }), ..*self }
            }
        }
    }
}

/// Whether an expression is known to have a value without looking at a row. DataFusion knows it too and then
/// does not evaluate it: nor do we.
fn is_never_null(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Const(value) => !value.is_null(),
        Kind::IsNull(_) | Kind::Exists(_) => true,
        Kind::Not(operand) => is_never_null(operand),
        Kind::And(parts) | Kind::Or(parts) => parts.iter().all(is_never_null),
        _ => false,
    }
}

/// NOT around an expression.
pub(super) fn not_if(negated: bool, expr: Expr) -> Expr {
    if !negated {
        return expr;
    }
    let span = expr.span;
    Expr::new(Kind::Not(Box::new(expr)), Type::Bool, span)
}

/// A duration in microseconds, if it fits.
pub(crate) fn micros(duration: Duration) -> Option<i64> {
    i64::try_from(duration.as_micros()).ok()
}
