//! The coercion table: what happens where two types meet. docs/pql/coercion.md is this file in words.

use super::{Resolver, fold};
use crate::eval::Datum;
use crate::functions::{Op, article, time};
use crate::typed::{Expr, Kind};
use crate::types::Type;
use grammar::{Code, Error, Span};

/// JSON read as a type: null if it is not that. Null becomes null of the type.
pub(super) fn read(expr: Expr, ty: Type) -> Expr {
    match expr.ty {
        Type::Null => Expr::null(ty, expr.span),
        Type::Json if ty != Type::Json => {
            let span = expr.span;
            fold(Expr::apply(Op::Read(ty), vec![expr], ty, span))
        }
        _ => expr,
    }
}

/// An int as a float; other types as they are.
pub(super) fn float(expr: Expr) -> Expr {
    if expr.ty != Type::Int {
        return expr;
    }
    let span = expr.span;
    fold(Expr::apply(Op::Float, vec![expr], Type::Float, span))
}

/// The type two types share when one value is to be of both, as the branches of a CASE are: null takes the
/// other, ints become floats, JSON is read as the other, and a text constant next to a time is one.
fn unify(a: Type, b: Type) -> Option<Type> {
    use Type::{Float, Int, Json, Null};
    match (a, b) {
        _ if a == b => Some(a),
        (Null, other) | (other, Null) => Some(other),
        (Int, Float) | (Float, Int) => Some(Float),
        (Json, Type::Duration) | (Type::Duration, Json) => None,
        (Json, other) | (other, Json) => Some(other),
        _ => None,
    }
}

impl Resolver<'_> {
    /// An expression as a type it can be coerced to. `what` says what wants it, as in "`lower` takes".
    pub(super) fn coerce(&mut self, expr: Expr, ty: Type, what: &str) -> Option<Expr> {
        match (expr.ty, ty) {
            (have, want) if have == want => Some(expr),
            (Type::Null, _) => Some(read(expr, ty)),
            (Type::Json, Type::Duration) => {
                let message = format!("{what} a duration, found json");
                self.mismatch(
                    expr.span,
                    message,
                    Some("json has no durations; write int(path) * 1ms".to_owned()),
                )
            }
            (Type::Json, _) => Some(read(expr, ty)),
            (Type::Int, Type::Float) => Some(float(expr)),
            (Type::Text, Type::Time) if expr.as_const().is_some() => self.time_literal(expr),
            (have, _) => {
                let hint = hint(&expr, ty);
                self.mismatch(expr.span, format!("{what} {}, found {}", article(ty), have.as_str()), hint)
            }
        }
    }

    /// A text constant where a time is wanted.
    fn time_literal(&mut self, expr: Expr) -> Option<Expr> {
        let Some(Datum::Text(text)) = expr.as_const() else { return Some(expr) };
        match time::parse(text) {
            Some(micros) => {
                Some(Expr { kind: Kind::Const(Datum::Time(micros)), ty: Type::Time, span: expr.span })
            }
            None => {
                let message = format!("'{text}' is no time");
                self.mismatch(expr.span, message, Some("write a time like '2026-01-19T14:25:00Z'".to_owned()))
            }
        }
    }

    /// Several expressions as one type: the branches of a CASE, the arguments of coalesce. `what` names the
    /// whole.
    pub(super) fn alike(&mut self, exprs: Vec<Expr>, what: &str) -> Option<Vec<Expr>> {
        let mut common = Type::Null;
        // A text constant may turn out to be a time, so it speaks last.
        let is_soft = |expr: &&Expr| expr.ty == Type::Text && expr.as_const().is_some();
        let (soft, hard): (Vec<&Expr>, Vec<&Expr>) = exprs.iter().partition(is_soft);
        for expr in hard.into_iter().chain(soft) {
            if common == Type::Time && is_soft(&expr) {
                continue;
            }
            match unify(common, expr.ty) {
                Some(ty) => common = ty,
                None => {
                    let message = format!("{what} mixes {} and {}", common.as_str(), expr.ty.as_str());
                    return self.mismatch(expr.span, message, hint(expr, common));
                }
            }
        }
        exprs.into_iter().map(|expr| self.coerce(expr, common, &format!("{what} gives"))).collect()
    }

    /// Two operands of a comparison as one comparable type. JSON on both sides stays JSON, and JSON against
    /// an int stays what it is: both are compared by operations of their own.
    pub(super) fn comparable(
        &mut self,
        left: Expr,
        right: Expr,
        sign: &str,
        span: Span,
    ) -> Option<(Expr, Expr)> {
        use Type::{Float, Int, Json, Null, Text, Time};
        let is_constant = |expr: &Expr| expr.as_const().is_some();
        match (left.ty, right.ty) {
            (a, b) if a == b => Some((left, right)),
            (Null, ty) => Some((read(left, ty), right)),
            (ty, Null) => {
                let right = read(right, ty);
                Some((left, right))
            }
            (Int, Float) | (Float, Int) => Some((float(left), float(right))),
            (Json, Int) | (Int, Json) => Some((left, right)),
            (Text, Time) if is_constant(&left) => Some((self.time_literal(left)?, right)),
            (Time, Text) if is_constant(&right) => Some((left, self.time_literal(right)?)),
            (Json, ty) if ty != Type::Duration => Some((read(left, ty), right)),
            (ty, Json) if ty != Type::Duration => Some((left, read(right, ty))),
            (a, b) => {
                let message = format!("{} {sign} {}: these two types do not compare", a.as_str(), b.as_str());
                let hint = hint(&right, a).or_else(|| hint(&left, b));
                self.mismatch(span, message, hint)
            }
        }
    }

    /// Reports operands that a sign does not take.
    pub(super) fn no_sign<T>(&mut self, left: &Expr, right: &Expr, sign: &str, span: Span) -> Option<T> {
        let message = format!("{} {sign} {} means nothing", left.ty.as_str(), right.ty.as_str());
        let hint = match (sign, left.ty, right.ty) {
            ("+", Type::Text, _) | ("+", _, Type::Text) => Some("texts are joined with ||".to_owned()),
            ("||", Type::Text, other) | ("||", other, Type::Text) if other != Type::Text => {
                Some(format!("write CAST(… AS text) around the {}", other.as_str()))
            }
            ("+" | "-", Type::Time, Type::Int | Type::Float | Type::Text) => {
                Some("write a duration like 15m".to_owned())
            }
            ("+", Type::Set, _) | ("+", _, Type::Set) => Some("sets are joined with ∪".to_owned()),
            ("-", Type::Set, _) => {
                Some("what is in one set and not in the other is written a ∖ b".to_owned())
            }
            _ => hint(right, left.ty).or_else(|| hint(left, right.ty)),
        };
        self.mismatch(span, message, hint)
    }
}

/// A way to make `expr` a `ty`, where there is an obvious one.
fn hint(expr: &Expr, ty: Type) -> Option<String> {
    let written = match expr.as_const() {
        Some(Datum::Text(text)) => Some(&**text),
        _ => None,
    };
    match (ty, expr.ty, written) {
        (Type::Int, Type::Text, Some(text)) if text.parse::<i64>().is_ok() => {
            Some(format!("write {text} without quotes"))
        }
        (Type::Float, Type::Text, Some(text)) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Some(format!("write {text} without quotes"))
        }
        (Type::Bool, Type::Text, Some(text @ ("true" | "false"))) => {
            Some(format!("write {text} without quotes"))
        }
        (Type::Duration, Type::Text, Some(_)) => Some("write a duration like 15m, without quotes".to_owned()),
        (Type::Duration, Type::Int, _) => Some("write a duration like 15m".to_owned()),
        (Type::Set, Type::Text, Some(text)) => Some(format!("write a set: {{{}}}", member(text))),
        (Type::Text, Type::Set, _) => Some("a text is compared with a set by IN: 'x' IN set".to_owned()),
        (Type::Time, Type::Text, _) => Some("write CAST(… AS time)".to_owned()),
        (Type::Text, Type::Int | Type::Float | Type::Bool | Type::Time, Some(_) | None)
            if expr.as_const().is_some() =>
        {
            Some("write it in quotes".to_owned())
        }
        (Type::Int | Type::Float | Type::Bool, Type::Text, None)
        | (Type::Text, Type::Int | Type::Float | Type::Bool | Type::Time, _) => {
            Some(format!("write CAST(… AS {})", ty.as_str()))
        }
        _ => None,
    }
}

fn member(text: &str) -> String {
    if grammar::is_word(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// The type a name in CAST stands for.
pub(super) fn target(name: &grammar::ast::Ident) -> Result<Type, Error> {
    Ok(match name.name.to_ascii_lowercase().as_str() {
        "bool" | "boolean" => Type::Bool,
        "int" | "integer" | "bigint" => Type::Int,
        "float" | "double" | "real" => Type::Float,
        "text" | "string" | "varchar" => Type::Text,
        "time" | "timestamp" => Type::Time,
        "duration" => Type::Duration,
        "set" => Type::Set,
        "json" => Type::Json,
        other => {
            let names = Type::ALL.into_iter().filter(|ty| *ty != Type::Null).map(Type::as_str);
            let error = Error::new(Code::TypeMismatch, name.span, format!("there is no type `{other}`"));
            return Err(match grammar::nearest(other, names) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint("the types are bool, int, float, text, time, duration, set and json"),
            });
        }
    })
}
