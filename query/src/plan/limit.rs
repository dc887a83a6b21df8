//! LIMIT, OFFSET, LEASE's neighbours: counts that are literals or parameters.

use crate::eval::Datum;
use crate::params::Binding;
use grammar::ast::{Expr, ExprKind, Literal};
use grammar::{Code, Error};

/// A count: a whole number from 0.
pub(super) fn count(expr: &Expr, what: &str, params: &Binding<'_>) -> Result<u64, Error> {
    let wrong = |found: &str| {
        let message = format!("{what} takes a whole number from 0, found {found}");
        Error::new(Code::TypeMismatch, expr.span, message)
    };
    let number = match &expr.kind {
        ExprKind::Literal(Literal::Int(number)) => *number,
        ExprKind::Parameter(parameter) => match params.get(parameter, expr.span)? {
            Datum::Int(number) => *number,
            other => return Err(wrong(other.ty().as_str())),
        },
        _ => return Err(wrong("an expression").hint("write a number or a parameter")),
    };
    u64::try_from(number).map_err(|_| wrong(&number.to_string()))
}

/// A count as the size of something in memory.
pub(super) fn rows(expr: Option<&Expr>, what: &str, params: &Binding<'_>) -> Result<Option<usize>, Error> {
    let count = expr.map(|expr| count(expr, what, params)).transpose()?;
    Ok(count.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
}

/// The agent after FOR: a text literal or a parameter.
pub(super) fn agent(expr: &Expr, params: &Binding<'_>) -> Result<String, Error> {
    let wrong = |found: &str| {
        let message = format!("FOR takes an agent's id, found {found}");
        Error::new(Code::TypeMismatch, expr.span, message).hint("write FOR 'agent-7'")
    };
    match &expr.kind {
        ExprKind::Literal(Literal::Text(text)) => Ok(text.clone()),
        ExprKind::Parameter(parameter) => match params.get(parameter, expr.span)? {
            Datum::Text(text) => Ok(text.to_string()),
            other => Err(wrong(other.ty().as_str())),
        },
        _ => Err(wrong("an expression")),
    }
}
