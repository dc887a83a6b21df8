use super::{Expr, FromClause, Ident, Literal, Moment, OrderItem, SelectItem};
use crate::Span;
use std::time::Duration;

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// The whole statement.
    pub span: Span,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    /// `[WITH …] SELECT … FROM …`
    Select(Box<Select>),
    /// `SELECT next_task …`: the shorthand
    NextTask(NextTask),
    /// `CLAIM next_task …`
    Claim(Claim),
    /// `SUBSCRIBE …`
    Subscribe(Subscribe),
    /// `CREATE PROJECTION name AS select`
    CreateProjection {
        /// Its name.
        name: Ident,
        /// What it keeps.
        select: Box<Select>,
    },
    /// `DROP PROJECTION name`
    DropProjection(Ident),
    /// `EXPLAIN …`
    Explain(Explain),
    /// `SHOW TABLES`
    ShowTables,
    /// `DESCRIBE table`
    Describe(Ident),
}

/// A query over tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// `WITH name AS (select)`; only on the outermost select.
    pub with: Vec<Cte>,
    /// DISTINCT was written.
    pub distinct: bool,
    /// At least one item.
    pub items: Vec<SelectItem>,
    /// FROM.
    pub from: FromClause,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY.
    pub group_by: Vec<Expr>,
    /// HAVING.
    pub having: Option<Expr>,
    /// ORDER BY.
    pub order_by: Vec<OrderItem>,
    /// LIMIT: an integer literal or a parameter.
    pub limit: Option<Expr>,
    /// OFFSET: an integer literal or a parameter.
    pub offset: Option<Expr>,
    /// Trailing AS OF; only on the outermost select.
    pub as_of: Option<Moment>,
    /// The whole select.
    pub span: Span,
}

/// `name AS (select)` under WITH.
#[derive(Debug, Clone, PartialEq)]
pub struct Cte {
    /// The name.
    pub name: Ident,
    /// What it stands for.
    pub select: Select,
}

/// `SELECT next_task [FOR agent] [WHERE p] [LIMIT n] [AS OF moment]`, and what EXPLAIN next_task says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NextTask {
    /// FOR: a text literal or a parameter.
    pub agent: Option<Expr>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// LIMIT; one row when absent.
    pub limit: Option<Expr>,
    /// AS OF.
    pub as_of: Option<Moment>,
}

/// `CLAIM next_task FOR agent [WHERE p] [LEASE duration] [LIMIT n]`
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// FOR: a text literal or a parameter.
    pub agent: Expr,
    /// WHERE.
    pub filter: Option<Expr>,
    /// LEASE.
    pub lease: Option<(Duration, Span)>,
    /// LIMIT; one task when absent.
    pub limit: Option<Expr>,
}

/// `SUBSCRIBE source [WHERE p] [FROM START | FROM NOW | AFTER POSITION n]`
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    /// What is watched.
    pub source: SubscribeSource,
    /// WHERE.
    pub filter: Option<Expr>,
    /// Where it begins.
    pub start: Start,
}

/// What a subscription watches.
#[derive(Debug, Clone, PartialEq)]
pub enum SubscribeSource {
    /// `events` or a table, by name.
    Table(Ident),
    /// `(select)`
    Select(Box<Select>),
}

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// At the next event: FROM NOW, or nothing written.
    Now,
    /// FROM START
    Beginning,
    /// AFTER POSITION n: an integer literal or a parameter.
    After(Expr),
}

/// `EXPLAIN [ANALYZE] …`
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// ANALYZE was written.
    pub analyze: bool,
    /// What is explained.
    pub target: ExplainTarget,
}

/// What EXPLAIN explains.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // there is one in a statement
pub enum ExplainTarget {
    /// A query's plan.
    Select(Box<Select>),
    /// Per task left out of the offer, why.
    NextTask(NextTask),
}

impl Expr {
    /// The literal this expression is, if it is one.
    #[must_use]
    pub fn as_literal(&self) -> Option<&Literal> {
        match &self.kind {
            super::ExprKind::Literal(literal) => Some(literal),
            _ => None,
        }
    }
}
