//! What is wrong with a statement, where, and what would be right.

use crate::Span;
use std::fmt;

/// Every code a PQL error can carry; the names on the wire are those of [`Code::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each says itself; docs/errors has a page for each
pub enum Code {
    Syntax,
    UnknownTable,
    UnknownColumn,
    AmbiguousColumn,
    UnknownFunction,
    WrongArgumentCount,
    TypeMismatch,
    NotGrouped,
    UnboundParameter,
    UnusedParameter,
    MomentAfterHead,
    DivisionByZero,
    CastFailed,
    Overflow,
    TooComplex,
    ConditionNotIndexed,
    ProjectionBuilding,
    TimeLimit,
    MemoryLimit,
    RowLimit,
    NotAllowed,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 21] = [
        Self::Syntax,
        Self::UnknownTable,
        Self::UnknownColumn,
        Self::AmbiguousColumn,
        Self::UnknownFunction,
        Self::WrongArgumentCount,
        Self::TypeMismatch,
        Self::NotGrouped,
        Self::UnboundParameter,
        Self::UnusedParameter,
        Self::MomentAfterHead,
        Self::DivisionByZero,
        Self::CastFailed,
        Self::Overflow,
        Self::TooComplex,
        Self::ConditionNotIndexed,
        Self::ProjectionBuilding,
        Self::TimeLimit,
        Self::MemoryLimit,
        Self::RowLimit,
        Self::NotAllowed,
    ];

    /// The code's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::UnknownTable => "unknown_table",
            Self::UnknownColumn => "unknown_column",
            Self::AmbiguousColumn => "ambiguous_column",
            Self::UnknownFunction => "unknown_function",
            Self::WrongArgumentCount => "wrong_argument_count",
            Self::TypeMismatch => "type_mismatch",
            Self::NotGrouped => "not_grouped",
            Self::UnboundParameter => "unbound_parameter",
            Self::UnusedParameter => "unused_parameter",
            Self::MomentAfterHead => "moment_after_head",
            Self::DivisionByZero => "division_by_zero",
            Self::CastFailed => "cast_failed",
            Self::Overflow => "overflow",
            Self::TooComplex => "too_complex",
            Self::ConditionNotIndexed => "condition_not_indexed",
            Self::ProjectionBuilding => "projection_building",
            Self::TimeLimit => "time_limit",
            Self::MemoryLimit => "memory_limit",
            Self::RowLimit => "row_limit",
            Self::NotAllowed => "not_allowed",
        }
    }
}

/// One thing that is wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Which kind of wrong.
    pub code: Code,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What would be right, where that is known.
    pub hint: Option<String>,
    /// Where.
    pub span: Span,
}

impl Error {
    /// An error without a hint.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, span }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Where the error stands in `text`: line and column 1-based, column and length in characters.
    #[must_use]
    pub fn place(&self, text: &str) -> Place {
        let start = floor_boundary(text, self.span.start);
        let end = floor_boundary(text, self.span.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[..start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count() + 1;
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let length = text[start..end.min(line_end)].chars().count().max(1);
        Place { line, column, length }
    }

    /// The error with the line it points at, as a person reads it.
    #[must_use]
    pub fn render<'a>(&'a self, text: &'a str) -> Rendered<'a> {
        Rendered { error: self, text }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Line and column (1-based) and length, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, 1-based.
    pub line: usize,
    /// Column in characters, 1-based.
    pub column: usize,
    /// Length in characters, at least 1, cut at the line's end.
    pub length: usize,
}

/// An error with its text; its `Display` draws the line and the carets.
#[derive(Debug)]
pub struct Rendered<'a> {
    error: &'a Error,
    text: &'a str,
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.error.place(self.text);
        let line = self.text.lines().nth(place.line - 1).unwrap_or("");
        let number = place.line.to_string();
        // A tab before the place is a tab below it, however wide tabs are.
        let before = line.chars().chain(std::iter::repeat(' ')).take(place.column - 1);
        let skipped: String = before.map(|it| if it == '\t' { it } else { ' ' }).collect();
        writeln!(f, "error[{}]: {}", self.error.code.as_str(), self.error.message)?;
        writeln!(f, "  {number} | {line}")?;
        write!(
            f,
            "  {blank} | {skip}{carets}",
            blank = " ".repeat(number.len()),
            skip = skipped,
            carets = "^".repeat(place.length)
        )?;
        if let Some(hint) = &self.error.hint {
            write!(f, " {hint}")?;
        }
        Ok(())
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
