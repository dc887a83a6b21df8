use super::{Ident, Literal, Parameter, Select};
use crate::Span;

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// From its first to its last character, parentheses around it left out.
    pub span: Span,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// `$1`, `$name`
    Parameter(Parameter),
    /// A name alone: column, or select alias in GROUP BY and ORDER BY.
    Name(Ident),
    /// Steps from a base: `data.task.title`, `t.id`, `metadata.labels[0]`, `data['odd key']`. Whether the
    /// first step after a name is a column of an alias or a JSON key is for the resolver to say.
    Path {
        /// Where the path begins; for `a.b` a [`ExprKind::Name`].
        base: Box<Expr>,
        /// At least one step.
        steps: Vec<PathStep>,
    },
    /// `- x`, `NOT x`
    Unary {
        /// Which.
        op: UnaryOp,
        /// On what.
        operand: Box<Expr>,
    },
    /// `a op b`
    Binary {
        /// Which.
        op: BinaryOp,
        /// Where the sign stands.
        op_span: Span,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `x [NOT] BETWEEN low AND high`
    Between {
        /// NOT was written.
        negated: bool,
        /// The tested value.
        operand: Box<Expr>,
        /// Lower bound, included.
        low: Box<Expr>,
        /// Upper bound, included.
        high: Box<Expr>,
    },
    /// `x [NOT] IN (a, b)`
    InList {
        /// NOT was written.
        negated: bool,
        /// The tested value.
        operand: Box<Expr>,
        /// At least one item.
        items: Vec<Expr>,
    },
    /// `x [NOT] IN (SELECT …)`
    InSelect {
        /// NOT was written.
        negated: bool,
        /// The tested value.
        operand: Box<Expr>,
        /// A select of one column.
        select: Box<Select>,
    },
    /// `[NOT] EXISTS (SELECT …)`: NOT comes as a unary around it.
    Exists(Box<Select>),
    /// `x IS [NOT] NULL`
    IsNull {
        /// NOT was written.
        negated: bool,
        /// The tested value.
        operand: Box<Expr>,
    },
    /// `name(args)`, `count(*)`, `count(DISTINCT e)`
    Call(FunctionCall),
    /// `CASE [operand] WHEN … THEN … [ELSE …] END`
    Case {
        /// The value compared with each WHEN, if it was written.
        operand: Option<Box<Expr>>,
        /// WHEN and THEN, at least one.
        branches: Vec<(Expr, Expr)>,
        /// ELSE.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(e AS type)`
    Cast {
        /// What is cast.
        operand: Box<Expr>,
        /// The type's name as written; the resolver knows which there are.
        target: Ident,
    },
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum PathStep {
    /// `.name`: any word may follow the point, keywords included; case is kept as written.
    Key(Ident),
    /// `['odd key']`
    QuotedKey(String, Span),
    /// `[0]`; negative counts from the end are refused by the parser.
    Index(u64, Span),
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCall {
    /// The function's name, folded to lower case.
    pub name: Ident,
    /// `*` was the only argument.
    pub star: bool,
    /// `DISTINCT` or nothing.
    pub quantified: Quantified,
    /// The arguments; empty when `star`.
    pub args: Vec<Expr>,
}

/// Whether an aggregate looks at every value or at distinct ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantified {
    /// Every value.
    All,
    /// `DISTINCT`
    Distinct,
}

/// Signs with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Minus,
    /// `NOT`
    Not,
}

/// Signs with two operands. Negated spellings are kept, so that the printer can give them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `+`
    Add,
    /// `-` or `−`
    Subtract,
    /// `||`
    Concat,
    /// `∩`, `&`
    Intersect,
    /// `∪`, `|`
    Union,
    /// `∖`, `\`
    Difference,
    /// `=`
    Equal,
    /// `!=`, `<>`, `≠`
    NotEqual,
    /// `<`
    Less,
    /// `<=`, `≤`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`, `≥`
    GreaterOrEqual,
    /// `⊆`, `<@`, SUBSET OF
    Subset,
    /// `⊇`, `@>`, SUPERSET OF
    Superset,
    /// `⊂`, PROPER SUBSET OF
    ProperSubset,
    /// `⊃`, PROPER SUPERSET OF
    ProperSuperset,
    /// `∈`, `x IN set`
    In,
    /// `∉`, `x NOT IN set`
    NotIn,
    /// OVERLAPS, `&&`
    Overlaps,
    /// LIKE
    Like,
    /// NOT LIKE
    NotLike,
    /// ILIKE
    ILike,
    /// NOT ILIKE
    NotILike,
    /// MATCHES
    Matches,
    /// NOT MATCHES
    NotMatches,
    /// AND
    And,
    /// OR
    Or,
}
