//! An expression whose names and types are known.

use super::select::Plan;
use super::value::{Type, Value};
use grammar::ast::BinaryOp;

/// An expression, ready to be evaluated over a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Constant(Value),
    /// A column of the row, or of a row so many selects further out.
    Column {
        up: usize,
        index: usize,
    },
    Path(Box<Node>, Vec<Step>),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    /// `= != < <= > >=`
    Compare(BinaryOp, Box<Node>, Box<Node>),
    /// `+ - * / %`, and the type of what comes out.
    Arithmetic(BinaryOp, Box<Node>, Box<Node>, Type),
    Minus(Box<Node>, Type),
    Concat(Box<Node>, Box<Node>),
    /// Every sign between sets, membership among them.
    Sets(BinaryOp, Box<Node>, Box<Node>),
    Like {
        negated: bool,
        fold: bool,
        text: Box<Node>,
        pattern: Box<Node>,
    },
    Matches {
        negated: bool,
        text: Box<Node>,
        pattern: Pattern,
    },
    Between {
        negated: bool,
        operand: Box<Node>,
        low: Box<Node>,
        high: Box<Node>,
    },
    InList {
        negated: bool,
        operand: Box<Node>,
        items: Vec<Node>,
    },
    InSelect {
        negated: bool,
        operand: Box<Node>,
        plan: Box<Plan>,
    },
    Exists(Box<Plan>),
    IsNull {
        negated: bool,
        operand: Box<Node>,
    },
    Call {
        name: String,
        args: Vec<Node>,
        kind: Type,
    },
    Case {
        operand: Option<Box<Node>>,
        branches: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    Cast(Box<Node>, Type),
    /// Read as that type.
    Read(Box<Node>, Type),
}

/// One step into JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Key(String),
    Index(u64),
}

/// A regular expression; two are equal when their texts are.
#[derive(Debug, Clone)]
pub(super) struct Pattern(pub(super) Option<regex::Regex>);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().map(regex::Regex::as_str) == other.0.as_ref().map(regex::Regex::as_str)
    }
}

/// An aggregate and what it looks at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Aggregate {
    pub(super) name: String,
    pub(super) distinct: bool,
    /// `None` for `count(*)`.
    pub(super) arg: Option<Node>,
    pub(super) share: f64,
    pub(super) kind: Type,
}
