//! The resolved tree: every name found, every type chosen, every parameter bound.
//!
//! One tree for both ways of evaluating: [`crate::lower`] turns it into DataFusion expressions,
//! [`crate::eval`] evaluates it over one row.

use crate::eval::Constant;
use crate::functions::{Aggregate, Op};
use crate::plan::SubSelect;
use crate::types::Type;
use grammar::Span;
use std::fmt;

/// A resolved expression. Equality and hash leave spans out: they say that two expressions mean the same.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) ty: Type,
    /// Where it stands in the statement, for errors at run time.
    pub(crate) span: Span,
}

/// What a resolved expression is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Column(Column),
    Const(Constant),
    /// At least two; left to right, the rest is not evaluated once one is false.
    And(Vec<Expr>),
    /// At least two; left to right, the rest is not evaluated once one is true.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>),
    /// Conditions and results; a branch that is not taken is not evaluated.
    Case {
        branches: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    /// The first that is not null; those after it are not evaluated.
    Coalesce(Vec<Expr>),
    /// A member of a list, all of one comparable type.
    InList {
        operand: Box<Expr>,
        items: Vec<Expr>,
    },
    Apply(Op, Vec<Expr>),
    Aggregate(Box<AggregateCall>),
    InSelect {
        operand: Box<Expr>,
        select: SubSelect,
    },
    Exists(SubSelect),
}

/// A column of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Column {
    /// 0 for the select's own sources, 1 for those of the select around it.
    pub(crate) outer: u8,
    /// Which source of the scope, from left.
    pub(crate) source: usize,
    /// Which of its columns.
    pub(crate) column: usize,
}

/// An aggregate and what it looks at.
#[derive(Debug, Clone)]
pub(crate) struct AggregateCall {
    pub(crate) function: Aggregate,
    pub(crate) args: Vec<Expr>,
    pub(crate) distinct: bool,
    pub(crate) span: Span,
}

impl Expr {
    pub(crate) fn new(kind: Kind, ty: Type, span: Span) -> Self {
        Self { kind, ty, span }
    }

    /// A constant of its own type.
    pub(crate) fn constant(value: Constant, span: Span) -> Self {
        let ty = value.ty();
        Self { kind: Kind::Const(value), ty, span }
    }

    /// Null of a type.
    pub(crate) fn null(ty: Type, span: Span) -> Self {
        Self { kind: Kind::Const(Constant::Null), ty, span }
    }

    /// An operation.
    pub(crate) fn apply(op: Op, args: Vec<Expr>, ty: Type, span: Span) -> Self {
        Self { kind: Kind::Apply(op, args), ty, span }
    }

    /// The constant this is, if it is one.
    pub(crate) fn as_const(&self) -> Option<&Constant> {
        match &self.kind {
            Kind::Const(value) => Some(value),
            _ => None,
        }
    }

    /// The expressions directly under this one, those inside aggregates included.
    pub(crate) fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            Kind::Column(_) | Kind::Const(_) | Kind::Exists(_) => Vec::new(),
            Kind::And(parts) | Kind::Or(parts) | Kind::Coalesce(parts) | Kind::Apply(_, parts) => {
                parts.iter().collect()
            }
            Kind::Not(operand) | Kind::IsNull(operand) => vec![operand],
            Kind::Case { branches, otherwise } => {
                branches.iter().flat_map(|(when, then)| [when, then]).chain([&**otherwise]).collect()
            }
            Kind::InList { operand, items } => std::iter::once(&**operand).chain(items).collect(),
            Kind::Aggregate(call) => call.args.iter().collect(),
            Kind::InSelect { operand, .. } => vec![operand],
        }
    }

    /// The same expression with each direct child replaced.
    pub(crate) fn map_children<E>(self, map: &mut dyn FnMut(Expr) -> Result<Expr, E>) -> Result<Self, E> {
        let Self { kind, ty, span } = self;
        let kind = match kind {
            Kind::Column(_) | Kind::Const(_) | Kind::Exists(_) => kind,
            Kind::And(parts) => Kind::And(each(parts, map)?),
            Kind::Or(parts) => Kind::Or(each(parts, map)?),
            Kind::Coalesce(parts) => Kind::Coalesce(each(parts, map)?),
            Kind::Apply(op, parts) => Kind::Apply(op, each(parts, map)?),
            Kind::Not(operand) => Kind::Not(Box::new(map(*operand)?)),
            Kind::IsNull(operand) => Kind::IsNull(Box::new(map(*operand)?)),
            Kind::Case { branches, otherwise } => {
                let mut mapped = Vec::with_capacity(branches.len());
                for (when, then) in branches {
                    mapped.push((map(when)?, map(then)?));
                }
                Kind::Case { branches: mapped, otherwise: Box::new(map(*otherwise)?) }
            }
            Kind::InList { operand, items } => {
                Kind::InList { operand: Box::new(map(*operand)?), items: each(items, map)? }
            }
            Kind::Aggregate(call) => {
                let AggregateCall { function, args, distinct, span } = *call;
                Kind::Aggregate(Box::new(AggregateCall { function, args: each(args, map)?, distinct, span }))
            }
            Kind::InSelect { operand, select } => {
                Kind::InSelect { operand: Box::new(map(*operand)?), select }
            }
        };
        Ok(Self { kind, ty, span })
    }

    /// Whether `test` holds for this expression or any under it.
    pub(crate) fn any(&self, test: &dyn Fn(&Expr) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }

    /// The first expression here or below for which `test` holds.
    pub(crate) fn find(&self, test: &dyn Fn(&Expr) -> bool) -> Option<&Expr> {
        if test(self) { Some(self) } else { self.children().into_iter().find_map(|child| child.find(test)) }
    }

    /// Whether evaluating it can fail.
    pub(crate) fn is_fallible(&self) -> bool {
        self.any(&|expr| match &expr.kind {
            Kind::Apply(op, args) => op.is_fallible(args.first().map_or(Type::Null, |arg| arg.ty)),
            _ => false,
        })
    }

    /// Whether an aggregate stands in it.
    pub(crate) fn has_aggregate(&self) -> bool {
        self.any(&|expr| matches!(expr.kind, Kind::Aggregate(_)))
    }

    /// Whether a sub-select stands in it.
    pub(crate) fn has_subselect(&self) -> bool {
        self.any(&|expr| matches!(expr.kind, Kind::InSelect { .. } | Kind::Exists(_)))
    }

    /// The parts that AND connects, this alone if there is none.
    pub(crate) fn into_conjuncts(self) -> Vec<Expr> {
        match self.kind {
            Kind::And(parts) => parts.into_iter().flat_map(Expr::into_conjuncts).collect(),
            _ => vec![self],
        }
    }
}

fn each<E>(exprs: Vec<Expr>, map: &mut dyn FnMut(Expr) -> Result<Expr, E>) -> Result<Vec<Expr>, E> {
    exprs.into_iter().map(map).collect()
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.ty == other.ty && self.kind == other.kind
    }
}

impl Eq for Expr {}

impl std::hash::Hash for Expr {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.ty.hash(state);
        self.kind.hash(state);
    }
}

impl PartialEq for AggregateCall {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function && self.distinct == other.distinct && self.args == other.args
    }
}

impl Eq for AggregateCall {}

impl std::hash::Hash for AggregateCall {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.function.hash(state);
        self.distinct.hash(state);
        self.args.hash(state);
    }
}

/// Function-like text that differs whenever the meaning differs: it names computed columns inside plans.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Column(Column { outer: 0, source, column }) => write!(f, "${source}.{column}"),
            Kind::Column(Column { outer, source, column }) => write!(f, "${outer}^{source}.{column}"),
            Kind::Const(Constant::Null) => write!(f, "null:{}", self.ty.as_str()),
            Kind::Const(value) => write!(f, "{value:?}"),
            Kind::And(parts) => call(f, "and", parts),
            Kind::Or(parts) => call(f, "or", parts),
            Kind::Not(operand) => write!(f, "not({operand})"),
            Kind::IsNull(operand) => write!(f, "is_null({operand})"),
            Kind::Case { branches, otherwise } => {
                f.write_str("case(")?;
                for (when, then) in branches {
                    write!(f, "{when} => {then}, ")?;
                }
                write!(f, "{otherwise})")
            }
            Kind::Coalesce(parts) => call(f, "coalesce", parts),
            Kind::InList { operand, items } => {
                write!(f, "in({operand}: ")?;
                list(f, items)?;
                f.write_str(")")
            }
            Kind::Apply(op, args) => {
                write!(f, "{op}(")?;
                list(f, args)?;
                f.write_str(")")
            }
            Kind::Aggregate(aggregate) => {
                write!(f, "{}{}(", aggregate.function, if aggregate.distinct { " distinct" } else { "" })?;
                list(f, &aggregate.args)?;
                f.write_str(")")
            }
            Kind::InSelect { operand, select } => write!(f, "in({operand}, select {})", select.name),
            Kind::Exists(select) => write!(f, "exists(select {})", select.name),
        }
    }
}

fn call(f: &mut fmt::Formatter<'_>, name: &str, args: &[Expr]) -> fmt::Result {
    write!(f, "{name}(")?;
    list(f, args)?;
    f.write_str(")")
}

fn list(f: &mut fmt::Formatter<'_>, exprs: &[Expr]) -> fmt::Result {
    for (at, expr) in exprs.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{expr}")?;
    }
    Ok(())
}
