use super::{Expr, Ident, Select};
use crate::Span;
use std::time::Duration;

/// One item of a select list.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// `*`
    Star(Span),
    /// `alias.*`
    QualifiedStar(Ident),
    /// `expr [AS name]`
    Expr {
        /// What is computed.
        expr: Expr,
        /// `AS name`
        alias: Option<Ident>,
        /// The text of the expression as it was written: the column's name when there is no alias.
        written: String,
    },
}

/// FROM with its joins.
#[derive(Debug, Clone, PartialEq)]
pub struct FromClause {
    /// The first source.
    pub source: Source,
    /// Joins from left to right.
    pub joins: Vec<Join>,
}

/// `[INNER|LEFT] JOIN source ON p`
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Which join.
    pub kind: JoinKind,
    /// The right side.
    pub source: Source,
    /// ON.
    pub on: Expr,
}

/// Which rows of the left side a join keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// Those with a partner.
    Inner,
    /// All.
    Left,
}

/// A table or sub-select to read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// What is read.
    pub kind: SourceKind,
    /// Its name in the statement, if one was given.
    pub alias: Option<Ident>,
    /// The whole source.
    pub span: Span,
}

/// What a source reads.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceKind {
    /// A table (or WITH name), at a version.
    Table {
        /// Its name.
        name: Ident,
        /// `AS OF …`, `HISTORY` or neither.
        version: Version,
    },
    /// `(select)`
    Select(Box<Select>),
}

/// Which rows in time a source gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Version {
    /// Those of the statement's moment.
    Statement,
    /// Those of its own moment.
    AsOf(Moment),
    /// Every version there was. The span is that of the keyword.
    History(Span),
}

/// A moment of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Which.
    pub kind: MomentKind,
    /// Where it stands, AS OF left out.
    pub span: Span,
}

/// How a moment was named.
#[derive(Debug, Clone, PartialEq)]
pub enum MomentKind {
    /// An RFC 3339 time: after the last event with time ≤ it. Microseconds since 1970-01-01 UTC.
    Time(i64),
    /// `POSITION n`
    Position(u64),
    /// `EVENT 'ulid'`, not yet checked to be one.
    Event(String),
    /// `15m AGO`
    Ago(Duration),
    /// `now()`
    Now,
}

/// One key of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderItem {
    /// What orders.
    pub expr: Expr,
    /// DESC was written.
    pub descending: bool,
    /// NULLS FIRST (true) or NULLS LAST (false), if written.
    pub nulls_first: Option<bool>,
}
