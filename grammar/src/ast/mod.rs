//! The syntax tree of PQL: what was written and where, nothing resolved.
//!
//! Every node that an error could point at carries a [`Span`]. The tree knows nothing of pest, of tables
//! or of types; `query` gives names their meaning.

mod clause;
mod expr;
mod literal;
mod statement;

pub use clause::{
    FromClause, Join, JoinKind, Moment, MomentKind, OrderItem, SelectItem, Source, SourceKind, Version,
};
pub use expr::{BinaryOp, Expr, ExprKind, FunctionCall, PathStep, Quantified, UnaryOp};
pub use literal::{Literal, Parameter};
pub use statement::{
    Claim, Cte, Explain, ExplainTarget, NextTask, Select, Start, Statement, StatementKind, Subscribe,
    SubscribeSource,
};

use crate::Span;

/// A name as written: folded to lower case unless it was `"quoted"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ident {
    /// The name to look up.
    pub name: String,
    /// Whether it stood in double quotes (then its case was kept).
    pub quoted: bool,
    /// Where it stands.
    pub span: Span,
}
