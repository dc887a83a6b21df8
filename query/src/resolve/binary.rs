//! Signs with two operands.

use super::{Resolver, SubSelects, coerce, fold};
use crate::eval::Datum;
use crate::functions::{Arithmetic, Comparison, Op, Pattern, SetOp, article};
use crate::plan::SubSelect;
use crate::typed::{Expr, Kind};
use crate::types::Type;
use grammar::ast::{self, BinaryOp, ExprKind};
use grammar::{Code, Error, Span};

impl Resolver<'_> {
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> Option<Expr> {
        if matches!(op, BinaryOp::And | BinaryOp::Or) {
            return self.connective(op, left, right, span);
        }
        self.in_filter = false;
        let left = self.expr(left);
        let known = self.errors.len();
        let is_name = matches!(&right.kind, ExprKind::Name(ident) if !ident.quoted);
        let right = self.expr(right);
        if is_name && let [error] = &mut self.errors[known..] {
            without_quotes(op, error);
        }
        let (left, right) = (left?, right?);
        match op {
            BinaryOp::Equal => self.compare(Comparison::Equal, "=", left, right, span),
            BinaryOp::NotEqual => self.compare(Comparison::NotEqual, "!=", left, right, span),
            BinaryOp::Less => self.compare(Comparison::Less, "<", left, right, span),
            BinaryOp::LessOrEqual => self.compare(Comparison::LessOrEqual, "<=", left, right, span),
            BinaryOp::Greater => self.compare(Comparison::Greater, ">", left, right, span),
            BinaryOp::GreaterOrEqual => self.compare(Comparison::GreaterOrEqual, ">=", left, right, span),
            BinaryOp::Add => self.arithmetic(Arithmetic::Add, left, right, span),
            BinaryOp::Subtract => self.arithmetic(Arithmetic::Subtract, left, right, span),
            BinaryOp::Multiply => self.arithmetic(Arithmetic::Multiply, left, right, span),
            BinaryOp::Divide => self.arithmetic(Arithmetic::Divide, left, right, span),
            BinaryOp::Modulo => self.arithmetic(Arithmetic::Modulo, left, right, span),
            BinaryOp::Concat => self.concat(left, right, span),
            BinaryOp::Intersect => self.sets(SetOp::Intersect, left, right, op_span, span),
            BinaryOp::Union => self.sets(SetOp::Union, left, right, op_span, span),
            BinaryOp::Difference => self.sets(SetOp::Difference, left, right, op_span, span),
            BinaryOp::Subset => self.sets(SetOp::Subset, left, right, op_span, span),
            BinaryOp::Superset => self.sets(SetOp::Superset, left, right, op_span, span),
            BinaryOp::ProperSubset => self.sets(SetOp::ProperSubset, left, right, op_span, span),
            BinaryOp::ProperSuperset => self.sets(SetOp::ProperSuperset, left, right, op_span, span),
            BinaryOp::Overlaps => self.sets(SetOp::Overlaps, left, right, op_span, span),
            BinaryOp::In | BinaryOp::NotIn => self.member(op == BinaryOp::NotIn, left, right, span),
            BinaryOp::Like => self.like(false, false, left, right, span),
            BinaryOp::NotLike => self.like(true, false, left, right, span),
            BinaryOp::ILike => self.like(false, true, left, right, span),
            BinaryOp::NotILike => self.like(true, true, left, right, span),
            BinaryOp::Matches => self.matches(false, left, right, span),
            BinaryOp::NotMatches => self.matches(true, left, right, span),
            BinaryOp::And | BinaryOp::Or => None,
        }
    }

    /// AND and OR: chains become one node.
    fn connective(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Option<Expr> {
        let in_filter = self.in_filter;
        let mut parts = Vec::new();
        let mut is_whole = true;
        let mut waiting = vec![right, left];
        while let Some(next) = waiting.pop() {
            if let ExprKind::Binary { op: inner, left, right, .. } = &next.kind
                && *inner == op
            {
                waiting.extend([&**right, &**left]);
                continue;
            }
            self.in_filter = in_filter;
            match self.expr(next).and_then(|part| self.truth(part)) {
                Some(part) => parts.push(part),
                None => is_whole = false,
            }
        }
        if !is_whole {
            return None;
        }
        Some(connected(op == BinaryOp::And, parts, span))
    }

    /// A comparison, by the coercion table.
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        sign: &str,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Option<Expr> {
        let (left, right) = self.comparable(left, right, sign, span)?;
        if left.ty == Type::Null {
            return Some(Expr::null(Type::Bool, span));
        }
        if left.ty == Type::Set && !comparison.is_equality() {
            let message = format!("set {sign} set: sets are not ordered");
            return self.mismatch(
                span,
                message,
                Some("part of a set is asked with ⊆ (also written <@)".to_owned()),
            );
        }
        let (op, args) = match (left.ty, right.ty) {
            (Type::Json, Type::Json) => (Op::CompareJson(comparison), vec![left, right]),
            (Type::Json, Type::Int) => (Op::CompareJsonInt(comparison), vec![left, right]),
            (Type::Int, Type::Json) => (Op::CompareJsonInt(comparison.flipped()), vec![right, left]),
            _ => (Op::Compare(comparison), vec![left, right]),
        };
        Some(fold(Expr::apply(op, args, Type::Bool, span)))
    }

    pub(super) fn arithmetic(&mut self, op: Arithmetic, left: Expr, right: Expr, span: Span) -> Option<Expr> {
        // A json operand is a number, read as a float; null takes the other side's type.
        let known = |ty: Type, other: Type| match (ty, other) {
            (Type::Json, _) => Type::Float,
            (Type::Null, Type::Time) if op == Arithmetic::Subtract => Type::Time,
            (Type::Null, Type::Time) => Type::Duration,
            (Type::Null, Type::Json | Type::Null) => Type::Float,
            (Type::Null, other) => other,
            (ty, _) => ty,
        };
        let (a, b) = (known(left.ty, right.ty), known(right.ty, left.ty));
        let b = if a == Type::Time && right.ty == Type::Null { Type::Duration } else { b };
        let Some(ty) = op.ty(a, b) else { return self.no_sign(&left, &right, op.sign(), span) };
        let (left, right) = (coerce::read(left, a), coerce::read(right, b));
        let (left, right) = match ty {
            Type::Float if a != Type::Duration => (coerce::float(left), coerce::float(right)),
            _ => (left, right),
        };
        Some(fold(Expr::apply(Op::Arithmetic(op), vec![left, right], ty, span)))
    }

    fn concat(&mut self, left: Expr, right: Expr, span: Span) -> Option<Expr> {
        let is_text = |expr: &Expr| matches!(expr.ty, Type::Text | Type::Json | Type::Null);
        if !is_text(&left) || !is_text(&right) {
            return self.no_sign(&left, &right, "||", span);
        }
        let args = vec![coerce::read(left, Type::Text), coerce::read(right, Type::Text)];
        Some(fold(Expr::apply(Op::Concat, args, Type::Text, span)))
    }

    fn sets(&mut self, op: SetOp, left: Expr, right: Expr, op_span: Span, span: Span) -> Option<Expr> {
        let left = self.set(left, op, op_span, "before");
        let right = self.set(right, op, op_span, "after");
        let ty = if op.gives_set() { Type::Set } else { Type::Bool };
        Some(fold(Expr::apply(Op::Set(op), vec![left?, right?], ty, span)))
    }

    fn set(&mut self, expr: Expr, op: SetOp, op_span: Span, side: &str) -> Option<Expr> {
        if matches!(expr.ty, Type::Set | Type::Json | Type::Null) {
            return Some(coerce::read(expr, Type::Set));
        }
        let message = format!("{} takes sets, found {}", op.sign(), article(expr.ty));
        let hint = match (op, expr.as_const()) {
            (_, Some(Datum::Text(_))) => {
                format!("expected a set like {{rust, sql}} {side} {}; one member is asked with IN", op.sign())
            }
            _ => format!("expected a set like {{rust, sql}} {side} {}", op.sign()),
        };
        let span = if expr.span == Span::default() { op_span } else { expr.span };
        self.mismatch(span, message, Some(hint))
    }

    fn member(&mut self, negated: bool, left: Expr, right: Expr, span: Span) -> Option<Expr> {
        let sign = if negated { "NOT IN" } else { "IN" };
        if !matches!(right.ty, Type::Set | Type::Json | Type::Null) {
            let message = format!("{sign} takes a set, found {}", article(right.ty));
            let hint = "expected a set like {rust, sql}, a list like ('a', 'b') or a sub-select";
            return self.mismatch(right.span, message, Some(hint.to_owned()));
        }
        if !matches!(left.ty, Type::Text | Type::Json | Type::Null) {
            let message = format!("the members of sets are texts, found {}", article(left.ty));
            let hint =
                (left.ty == Type::Set).then(|| "part of a set is asked with ⊆ (also written <@)".to_owned());
            return self.mismatch(left.span, message, hint);
        }
        let args = vec![coerce::read(left, Type::Text), coerce::read(right, Type::Set)];
        let member = fold(Expr::apply(Op::Set(SetOp::Member), args, Type::Bool, span));
        Some(fold(super::expr::not_if(negated, member)))
    }

    fn like(&mut self, negated: bool, any_case: bool, left: Expr, right: Expr, span: Span) -> Option<Expr> {
        let sign = if any_case { "ILIKE takes" } else { "LIKE takes" };
        let left = self.coerce(left, Type::Text, sign);
        let right = self.coerce(right, Type::Text, sign);
        let like = fold(Expr::apply(Op::Like { any_case }, vec![left?, right?], Type::Bool, span));
        Some(fold(super::expr::not_if(negated, like)))
    }

    fn matches(&mut self, negated: bool, left: Expr, right: Expr, span: Span) -> Option<Expr> {
        let left = self.coerce(left, Type::Text, "MATCHES takes");
        let pattern = match right.as_const() {
            Some(Datum::Null) => return Some(Expr::null(Type::Bool, span)),
            Some(Datum::Text(text)) => Pattern::new(text),
            Some(_) => return self.coerce(right, Type::Text, "MATCHES takes"),
            None => {
                Err("the pattern of MATCHES is a text or a parameter, never computed from a row".to_owned())
            }
        };
        match pattern {
            Ok(pattern) => {
                let matches = fold(Expr::apply(Op::Matches(pattern), vec![left?], Type::Bool, span));
                Some(fold(super::expr::not_if(negated, matches)))
            }
            Err(why) => self.fail(Error::new(Code::TypeMismatch, right.span, why)),
        }
    }

    /// Plans the select of IN or EXISTS.
    pub(super) fn subselect(
        &mut self,
        select: &ast::Select,
        in_filter: bool,
        is_in: bool,
        span: Span,
    ) -> Option<SubSelect> {
        let planner: &dyn SubSelects = match self.subselects {
            Ok(planner) => planner,
            Err(reason) => return self.fail(Error::new(Code::NotAllowed, span, reason)),
        };
        let mut errors = Vec::new();
        let planned = planner.subselect(select, self.scope, is_in, !in_filter, &mut errors);
        self.errors.append(&mut errors);
        planned
    }

    /// Both sides of `x IN (select)` as one comparable type.
    pub(super) fn in_select(
        &mut self,
        operand: Option<Expr>,
        select: &ast::Select,
        in_filter: bool,
        span: Span,
    ) -> Option<(Expr, SubSelect)> {
        let planned = self.subselect(select, in_filter, true, span);
        let (operand, planned) = (operand?, planned?);
        let member = Expr::new(
            Kind::Column(crate::typed::Column { outer: 0, source: 0, column: 0 }),
            planned.ty,
            select.span,
        );
        let operand_span = operand.span;
        let (operand, member) = self.comparable(operand, member, "IN", span)?;
        // Joins compare plain values: what is not plain is compared by a text that is the same for equals.
        let key = |expr: Expr| -> Option<Expr> {
            let at = expr.span;
            Some(match expr.ty {
                Type::Json => Expr::apply(Op::OrderKey, vec![expr], Type::Text, at),
                Type::Set => Expr::apply(Op::OrderKey, vec![expr], Type::Text, at),
                _ => expr,
            })
        };
        let (operand, member) = match (operand.ty, member.ty) {
            (Type::Json, Type::Int) => (coerce::read(operand, Type::Int), member),
            (Type::Int, Type::Json) => (operand, coerce::read(member, Type::Int)),
            _ => (operand, member),
        };
        let (operand, member) = (key(operand)?, key(member)?);
        if operand.ty == Type::Null {
            let operand = Expr::null(Type::Text, operand_span);
            return Some((operand, planned));
        }
        Some((operand, planned.with_member(member)))
    }
}

/// A word where a value was meant: `status = open`, `caps ⊆ rust`.
fn without_quotes(op: BinaryOp, error: &mut Error) {
    if error.code != Code::UnknownColumn || error.hint.is_some() {
        return;
    }
    let Some(word) = error.message.split('`').nth(1) else { return };
    error.hint = match op {
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Like
        | BinaryOp::NotLike
        | BinaryOp::ILike
        | BinaryOp::NotILike
        | BinaryOp::Matches
        | BinaryOp::NotMatches
        | BinaryOp::Concat => Some(format!("a text stands in quotes: '{word}'")),
        BinaryOp::Subset
        | BinaryOp::Superset
        | BinaryOp::ProperSubset
        | BinaryOp::ProperSuperset
        | BinaryOp::Overlaps
        | BinaryOp::Intersect
        | BinaryOp::Union
        | BinaryOp::Difference
        | BinaryOp::In
        | BinaryOp::NotIn => Some(format!("a set stands in braces: {{{word}}}")),
        _ => None,
    };
}

/// Truth values connected by AND or OR. A constant that decides the whole is the whole, wherever it stands;
/// one that changes nothing is left out.
fn connected(is_and: bool, mut parts: Vec<Expr>, span: Span) -> Expr {
    let is =
        |expr: &Expr, truth: bool| matches!(expr.as_const(), Some(Datum::Bool(known)) if *known == truth);
    if parts.iter().any(|part| is(part, !is_and)) {
        return Expr::constant(Datum::Bool(!is_and), span);
    }
    parts.retain(|part| !is(part, is_and));
    match parts.len() {
        0 => Expr::constant(Datum::Bool(is_and), span),
        1 => parts.remove(0),
        _ if is_and => fold(Expr::new(Kind::And(parts), Type::Bool, span)),
        _ => fold(Expr::new(Kind::Or(parts), Type::Bool, span)),
    }
}
