//! How tightly the signs bind: one table for the parser and the printer.

use crate::ast::BinaryOp;

/// The levels of precedence, loosest first. Path steps and unary minus bind tighter than all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precedence {
    /// OR
    Or,
    /// AND
    And,
    /// NOT
    Not,
    /// Everything that gives true or false from two operands, and BETWEEN, IN, IS. These do not chain.
    Comparison,
    /// `∪ ∖`
    Union,
    /// `∩`
    Intersect,
    /// `+ − ||`
    Additive,
    /// `* / %`
    Multiplicative,
    /// Unary minus.
    Minus,
    /// Path steps, and whatever needs no parentheses anywhere.
    Primary,
}

impl Precedence {
    /// The level of a sign with two operands.
    pub(crate) const fn of(op: BinaryOp) -> Self {
        match op {
            BinaryOp::Or => Self::Or,
            BinaryOp::And => Self::And,
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessOrEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterOrEqual
            | BinaryOp::Subset
            | BinaryOp::Superset
            | BinaryOp::ProperSubset
            | BinaryOp::ProperSuperset
            | BinaryOp::In
            | BinaryOp::NotIn
            | BinaryOp::Overlaps
            | BinaryOp::Like
            | BinaryOp::NotLike
            | BinaryOp::ILike
            | BinaryOp::NotILike
            | BinaryOp::Matches
            | BinaryOp::NotMatches => Self::Comparison,
            BinaryOp::Union | BinaryOp::Difference => Self::Union,
            BinaryOp::Intersect => Self::Intersect,
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Concat => Self::Additive,
            BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => Self::Multiplicative,
        }
    }
}
