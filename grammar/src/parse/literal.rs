//! Constants and parameters.

use super::{Builder, Pair, Result, Rule, cut, misplaced, syntax};
use crate::ast::{Expr, ExprKind, Literal, Parameter};
use crate::{Code, Error, Span};
use chrono::{DateTime, Datelike};
use std::collections::BTreeSet;
use std::time::Duration;

/// One past the largest 64-bit integer; with a minus before it, the smallest.
const INT_MIN_MAGNITUDE: u64 = 1 << 63;

impl Builder<'_> {
    /// A constant or parameter.
    pub(super) fn leaf(&self, pair: Pair<'_>) -> Result<Expr> {
        let span = self.span(&pair);
        let literal = match pair.as_rule() {
            Rule::parameter => {
                return Ok(Expr { kind: ExprKind::Parameter(self.parameter(span)?), span });
            }
            Rule::string => Literal::Text(self.string(span)),
            Rule::duration => Literal::Duration(self.duration(span)?),
            Rule::number => self.number(span)?,
            Rule::set => Literal::Set(self.set(pair)),
            Rule::constant => match self.written(span).to_ascii_lowercase().as_str() {
                "true" => Literal::Bool(true),
                "false" => Literal::Bool(false),
                _ => Literal::Null,
            },
            _ => return Err(misplaced(span)),
        };
        Ok(Expr { kind: ExprKind::Literal(literal), span })
    }

    /// The number of LIMIT, OFFSET and AFTER POSITION.
    pub(super) fn count(&self, pair: Pair<'_>) -> Result<Expr> {
        let span = self.span(&pair);
        let count = self.leaf(pair.into_inner().next().ok_or_else(|| misplaced(span))?)?;
        match &count.kind {
            ExprKind::Literal(Literal::Decimal(_)) => {
                Err(syntax(span, format!("expected a whole number, found {}", cut(self.written(span)))))
            }
            _ => Ok(count),
        }
    }

    fn number(&self, span: Span) -> Result<Literal> {
        let written = self.written(span);
        if written.bytes().all(|byte| byte.is_ascii_digit()) {
            return match written.parse() {
                Ok(value) => Ok(Literal::Int(value)),
                Err(_) => Err(too_large(span, "a 64-bit integer", &i64::MAX.to_string())),
            };
        }
        match written.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Literal::Decimal(value)),
            _ => Err(too_large(span, "a decimal", "1.8e308")),
        }
    }

    /// Whether the number at `span` is the one integer that is in range only with a minus before it.
    pub(super) fn is_int_min_magnitude(&self, span: Span) -> bool {
        self.written(span).parse() == Ok(INT_MIN_MAGNITUDE)
    }

    /// An integer that is never negative; `what` names it in errors.
    pub(super) fn unsigned(&self, span: Span, what: &str) -> Result<u64> {
        let written = self.written(span);
        if !written.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(syntax(span, format!("{what} is a whole number")));
        }
        written.parse().map_err(|_| too_large(span, what, &u64::MAX.to_string()))
    }

    pub(super) fn string(&self, span: Span) -> String {
        let written = self.written(span);
        written[1..written.len() - 1].replace("''", "'")
    }

    pub(super) fn duration(&self, span: Span) -> Result<Duration> {
        let written = self.written(span);
        let digits_end = written.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, unit) = written.split_at(digits_end);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => 604_800_000,
        };
        let millis = digits.parse().ok().and_then(|count: u64| count.checked_mul(unit_ms));
        match millis {
            Some(millis) if millis <= DURATION_MAX_MS => Ok(Duration::from_millis(millis)),
            _ => Err(too_large(span, "a duration", &format!("{DURATION_MAX_MS}ms"))),
        }
    }

    fn set(&self, pair: Pair<'_>) -> BTreeSet<String> {
        let members = pair.into_inner().filter(|part| part.as_rule() == Rule::set_member);
        members
            .map(|member| {
                let span = self.span(&member);
                match self.written(span) {
                    written if written.starts_with('\'') => self.string(span),
                    written => written.to_owned(),
                }
            })
            .collect()
    }

    fn parameter(&self, span: Span) -> Result<Parameter> {
        let name = &self.written(span)[1..];
        if !name.starts_with(|first: char| first.is_ascii_digit()) {
            return Ok(Parameter::Named(name.to_owned()));
        }
        match name.parse() {
            Ok(0) => {
                let error = Error::new(Code::Syntax, span, "there is no parameter $0");
                Err(Box::new(error.hint("the first is $1")))
            }
            Ok(number) => Ok(Parameter::Numbered(number)),
            Err(_) => Err(too_large(span, "a parameter's number", &u32::MAX.to_string())),
        }
    }

    /// The microseconds since 1970-01-01 UTC of an RFC 3339 time; what is finer than a microsecond is cut off.
    pub(super) fn time(&self, span: Span) -> Result<i64> {
        let text = self.string(span);
        let time = DateTime::parse_from_rfc3339(&text).map_err(|_| {
            let error = Error::new(Code::Syntax, span, format!("'{}' is no RFC 3339 time", cut(&text)));
            let zone = "'2026-01-19T14:25:00Z' or '2026-01-19T15:25:00+01:00'";
            Box::new(error.hint(format!("a date, a time and an offset, like {zone}")))
        })?;
        // An offset can push the first and last hours out of the years that have four digits.
        match time.naive_utc().year() {
            0..=9999 => Ok(time.timestamp_micros()),
            _ => Err(syntax(span, format!("'{text}' is outside of the years 0000 to 9999 UTC"))),
        }
    }
}

/// The longest duration: what its microseconds need no more than 63 bits for.
pub(crate) const DURATION_MAX_MS: u64 = i64::MAX as u64 / 1_000;

fn too_large(span: Span, what: &str, max: &str) -> Box<Error> {
    let error = Error::new(Code::Syntax, span, format!("too large for {what}"));
    Box::new(error.hint(format!("the largest is {max}")))
}
