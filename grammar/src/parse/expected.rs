//! Why pest refused a text, in words.

use super::Rule;
use super::scan::Token;
use crate::{Code, Error, Span};
use pest::error::{ErrorVariant, InputLocation};

/// What pest's refusal means for who wrote the text.
pub(super) fn explain(text: &str, tokens: &[Token], error: &pest::error::Error<Rule>) -> Error {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let index = tokens.partition_point(|token| token.span.end <= at);
    let end = tokens.last().map_or(0, |token| token.span.end);
    let span = tokens.get(index).map_or(Span::new(end, end), |token| token.span);
    let ErrorVariant::ParsingError { positives, .. } = &error.variant else {
        return Error::new(Code::TooComplex, span, "nested too deep to be read");
    };
    let found = &text[span.start..span.end];
    Error::new(Code::Syntax, span, format!("DEBUG {positives:?} found {found}"))
}
