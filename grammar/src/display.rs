//! The canonical text of a tree: `parse(tree.to_string())` is the tree again, spans aside.
//!
//! Keywords are upper case, sets of one sign use the sign of the documentation (`⊆`, not `<@`), parentheses
//! stand only where the tree needs them. One thing is printed as it was written: a select item without an
//! alias, because its text is the column's name.

use crate::ast::{
    BinaryOp, Claim, Cte, Explain, ExplainTarget, Expr, ExprKind, FromClause, FunctionCall, Ident, Join,
    JoinKind, Literal, Moment, MomentKind, NextTask, OrderItem, Parameter, PathStep, Quantified, Select,
    SelectItem, Source, SourceKind, Start, Statement, StatementKind, Subscribe, SubscribeSource, UnaryOp,
    Version,
};
use crate::is_word;
use crate::precedence::Precedence;
use chrono::{DateTime, SecondsFormat};
use std::fmt::{self, Display, Formatter, Write as _};
use std::time::Duration;

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            StatementKind::Select(select) => select.fmt(f),
            StatementKind::NextTask(next_task) => write!(f, "SELECT {next_task}"),
            StatementKind::Claim(claim) => claim.fmt(f),
            StatementKind::Subscribe(subscribe) => subscribe.fmt(f),
            StatementKind::CreateProjection { name, select } => {
                write!(f, "CREATE PROJECTION {name} AS {select}")
            }
            StatementKind::DropProjection(name) => write!(f, "DROP PROJECTION {name}"),
            StatementKind::Explain(explain) => explain.fmt(f),
            StatementKind::ShowTables => f.write_str("SHOW TABLES"),
            StatementKind::Describe(name) => write!(f, "DESCRIBE {name}"),
        }
    }
}

impl Display for NextTask {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("next_task")?;
        clause(f, "FOR", self.agent.as_ref())?;
        clause(f, "WHERE", self.filter.as_ref())?;
        clause(f, "LIMIT", self.limit.as_ref())?;
        clause(f, "AS OF", self.as_of.as_ref())
    }
}

impl Display for Claim {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CLAIM next_task FOR {}", self.agent)?;
        clause(f, "WHERE", self.filter.as_ref())?;
        clause(f, "LEASE", self.lease.map(|(duration, _)| InUnits(duration)))?;
        clause(f, "LIMIT", self.limit.as_ref())
    }
}

impl Display for Subscribe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.source {
            SubscribeSource::Table(name) => write!(f, "SUBSCRIBE {name}")?,
            SubscribeSource::Select(select) => write!(f, "SUBSCRIBE ({select})")?,
        }
        clause(f, "WHERE", self.filter.as_ref())?;
        match &self.start {
            // What stands for nothing written.
            Start::Now => Ok(()),
            Start::Beginning => f.write_str(" FROM START"),
            Start::After(position) => write!(f, " AFTER POSITION {position}"),
        }
    }
}

impl Display for Explain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.analyze { "EXPLAIN ANALYZE " } else { "EXPLAIN " })?;
        match &self.target {
            ExplainTarget::Select(select) => select.fmt(f),
            ExplainTarget::NextTask(next_task) => next_task.fmt(f),
        }
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.with.is_empty() {
            f.write_str("WITH ")?;
            list(f, &self.with)?;
            f.write_char(' ')?;
        }
        f.write_str(if self.distinct { "SELECT DISTINCT " } else { "SELECT " })?;
        list(f, &self.items)?;
        write!(f, " FROM {}", self.from)?;
        clause(f, "WHERE", self.filter.as_ref())?;
        clause_list(f, "GROUP BY", &self.group_by)?;
        clause(f, "HAVING", self.having.as_ref())?;
        clause_list(f, "ORDER BY", &self.order_by)?;
        clause(f, "LIMIT", self.limit.as_ref())?;
        clause(f, "OFFSET", self.offset.as_ref())?;
        clause(f, "AS OF", self.as_of.as_ref())
    }
}

impl Display for Cte {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} AS ({})", self.name, self.select)
    }
}

impl Display for SelectItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Star(_) => f.write_char('*'),
            Self::QualifiedStar(name) => write!(f, "{name}.*"),
            Self::Expr { expr, alias: Some(alias), .. } => write!(f, "{expr} AS {alias}"),
            Self::Expr { written, alias: None, .. } => f.write_str(written),
        }
    }
}

impl Display for FromClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        self.joins.iter().try_for_each(|join| write!(f, " {join}"))
    }
}

impl Display for Join {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            JoinKind::Inner => "JOIN",
            JoinKind::Left => "LEFT JOIN",
        };
        write!(f, "{kind} {} ON {}", self.source, self.on)
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SourceKind::Table { name, version } => write!(f, "{name}{version}")?,
            SourceKind::Select(select) => write!(f, "({select})")?,
        }
        clause(f, "AS", self.alias.as_ref())
    }
}

impl Display for Version {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement => Ok(()),
            Self::AsOf(moment) => write!(f, " AS OF {moment}"),
            Self::History(_) => f.write_str(" HISTORY"),
        }
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            MomentKind::Time(micros) => match DateTime::from_timestamp_micros(*micros) {
                Some(time) => write!(f, "'{}'", time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
                // Nearly 300,000 years away: no text can name it, and printing must not fail.
                None => write!(f, "'{micros}us'"),
            },
            MomentKind::Position(position) => write!(f, "POSITION {position}"),
            MomentKind::Event(id) => write!(f, "EVENT {}", Quoted(id)),
            MomentKind::Ago(duration) => write!(f, "{} AGO", InUnits(*duration)),
            MomentKind::Now => f.write_str("now()"),
        }
    }
}

impl Display for OrderItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let direction = if self.descending { " DESC" } else { "" };
        let nulls = match self.nulls_first {
            Some(true) => " NULLS FIRST",
            Some(false) => " NULLS LAST",
            None => "",
        };
        write!(f, "{}{direction}{nulls}", self.expr)
    }
}

impl Display for Ident {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.quoted {
            true => write!(f, "\"{}\"", self.name.replace('"', "\"\"")),
            false => f.write_str(&self.name),
        }
    }
}

impl Display for Parameter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(number) => write!(f, "${number}"),
            Self::Named(name) => write!(f, "${name}"),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            // The shortest digits that give the same number, always with a point or an exponent.
            Self::Decimal(value) => write!(f, "{value:?}"),
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Duration(duration) => InUnits(*duration).fmt(f),
            Self::Set(members) => {
                f.write_char('{')?;
                for (place, member) in members.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ", " })?;
                    match is_word(member) {
                        true => f.write_str(member)?,
                        false => Quoted(member).fmt(f)?,
                    }
                }
                f.write_char('}')
            }
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Literal(literal) => literal.fmt(f),
            ExprKind::Parameter(parameter) => parameter.fmt(f),
            ExprKind::Name(name) => name.fmt(f),
            ExprKind::Path { base, steps } => {
                base_of_path(f, base)?;
                steps.iter().try_for_each(|step| step.fmt(f))
            }
            ExprKind::Unary { op: UnaryOp::Minus, operand } => {
                // Two minuses together would begin a comment.
                f.write_str(if starts_with_minus(operand) { "- " } else { "-" })?;
                at_least(f, operand, Precedence::Minus)
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => {
                f.write_str("NOT ")?;
                at_least(f, operand, Precedence::Not)
            }
            ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right, .. } => {
                connected(f, self, *op, left, right)
            }
            ExprKind::Binary { op, left, right, .. } => {
                let level = Precedence::of(*op);
                // Values associate to the left, comparisons not at all.
                at_least(f, left, if level == Precedence::Comparison { Precedence::Union } else { level })?;
                write!(f, " {} ", sign(*op))?;
                at_least(f, right, tighter(level))
            }
            ExprKind::Between { negated, operand, low, high } => {
                at_least(f, operand, Precedence::Union)?;
                write!(f, " {}BETWEEN ", not(*negated))?;
                at_least(f, low, Precedence::Union)?;
                f.write_str(" AND ")?;
                at_least(f, high, Precedence::Union)
            }
            ExprKind::InList { negated, operand, items } => {
                at_least(f, operand, Precedence::Union)?;
                write!(f, " {}IN (", not(*negated))?;
                list(f, items)?;
                f.write_char(')')
            }
            ExprKind::InSelect { negated, operand, select } => {
                at_least(f, operand, Precedence::Union)?;
                write!(f, " {}IN ({select})", not(*negated))
            }
            ExprKind::Exists(select) => write!(f, "EXISTS ({select})"),
            ExprKind::IsNull { negated, operand } => {
                at_least(f, operand, Precedence::Union)?;
                write!(f, " IS {}NULL", not(*negated))
            }
            ExprKind::Call(call) => call.fmt(f),
            ExprKind::Case { operand, branches, otherwise } => {
                f.write_str("CASE")?;
                clause(f, "", operand.as_ref())?;
                for (when, then) in branches {
                    write!(f, " WHEN {when} THEN {then}")?;
                }
                clause(f, "ELSE", otherwise.as_ref())?;
                f.write_str(" END")
            }
            ExprKind::Cast { operand, target } => write!(f, "CAST({operand} AS {target})"),
        }
    }
}

impl Display for PathStep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, ".{key}"),
            Self::QuotedKey(key, _) => write!(f, "[{}]", Quoted(key)),
            Self::Index(index, _) => write!(f, "[{index}]"),
        }
    }
}

impl Display for FunctionCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        match self.quantified {
            _ if self.star => f.write_char('*')?,
            Quantified::Distinct => f.write_str("DISTINCT ")?,
            Quantified::All => {}
        }
        list(f, &self.args)?;
        f.write_char(')')
    }
}

/// A text in single quotes.
struct Quoted<'t>(&'t str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

/// A duration in the largest unit that holds it exactly.
struct InUnits(Duration);

impl Display for InUnits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const UNITS: [(u128, &str); 6] =
            [(604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
        let millis = self.0.as_millis();
        let largest = UNITS.iter().find(|(unit_ms, _)| millis != 0 && millis.is_multiple_of(*unit_ms));
        let (unit_ms, unit) = largest.unwrap_or(&(1_000, "s"));
        write!(f, "{}{unit}", millis / unit_ms)
    }
}

/// ` WORD value`, if there is a value.
fn clause(f: &mut Formatter<'_>, word: &str, value: Option<impl Display>) -> fmt::Result {
    match value {
        Some(value) if word.is_empty() => write!(f, " {value}"),
        Some(value) => write!(f, " {word} {value}"),
        None => Ok(()),
    }
}

/// ` WORD a, b`, if there are any.
fn clause_list(f: &mut Formatter<'_>, word: &str, values: &[impl Display]) -> fmt::Result {
    if values.is_empty() {
        return Ok(());
    }
    write!(f, " {word} ")?;
    list(f, values)
}

/// `a, b`
fn list(f: &mut Formatter<'_>, values: &[impl Display]) -> fmt::Result {
    for (place, value) in values.iter().enumerate() {
        f.write_str(if place == 0 { "" } else { ", " })?;
        value.fmt(f)?;
    }
    Ok(())
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

/// `expr`, in parentheses where it binds looser than `level`.
fn at_least(f: &mut Formatter<'_>, expr: &Expr, level: Precedence) -> fmt::Result {
    match precedence(expr) < level {
        true => write!(f, "({expr})"),
        false => expr.fmt(f),
    }
}

/// Names, calls and parameters carry path steps bare; whatever else in parentheses. So does a path, which
/// would otherwise melt into one with its steps.
fn base_of_path(f: &mut Formatter<'_>, base: &Expr) -> fmt::Result {
    match base.kind {
        ExprKind::Name(_) | ExprKind::Call(_) | ExprKind::Parameter(_) => base.fmt(f),
        _ => write!(f, "({base})"),
    }
}

/// AND and OR. The parser balances a chain `a AND b AND c`; a tree of just that shape is printed as a chain,
/// any other with the parentheses that make it.
fn connected(f: &mut Formatter<'_>, whole: &Expr, op: BinaryOp, left: &Expr, right: &Expr) -> fmt::Result {
    let level = Precedence::of(op);
    let mut operands = Vec::new();
    let operands = match chain(whole, op, &mut operands) {
        true => operands,
        false => vec![left, right],
    };
    for (place, operand) in operands.into_iter().enumerate() {
        if place > 0 {
            write!(f, " {} ", sign(op))?;
        }
        at_least(f, operand, tighter(level))?;
    }
    Ok(())
}

/// Whether `expr` is the balanced tree of its chain of `op`; collects the operands from left to right.
fn chain<'e>(expr: &'e Expr, op: BinaryOp, operands: &mut Vec<&'e Expr>) -> bool {
    match &expr.kind {
        ExprKind::Binary { op: other, left, right, .. } if *other == op => {
            let before = operands.len();
            let left_is = chain(left, op, operands);
            let on_left = operands.len() - before;
            let right_is = chain(right, op, operands);
            let on_right = operands.len() - before - on_left;
            left_is && right_is && (on_left == on_right || on_left == on_right + 1)
        }
        _ => {
            operands.push(expr);
            true
        }
    }
}

/// The level just above.
fn tighter(level: Precedence) -> Precedence {
    match level {
        Precedence::Or => Precedence::And,
        Precedence::And => Precedence::Not,
        Precedence::Not => Precedence::Comparison,
        Precedence::Comparison => Precedence::Union,
        Precedence::Union => Precedence::Intersect,
        Precedence::Intersect => Precedence::Additive,
        Precedence::Additive => Precedence::Multiplicative,
        Precedence::Multiplicative => Precedence::Minus,
        Precedence::Minus | Precedence::Primary => Precedence::Primary,
    }
}

fn precedence(expr: &Expr) -> Precedence {
    match &expr.kind {
        ExprKind::Binary { op, .. } => Precedence::of(*op),
        ExprKind::Unary { op: UnaryOp::Not, .. } => Precedence::Not,
        ExprKind::Unary { op: UnaryOp::Minus, .. } | ExprKind::Literal(Literal::Int(..0)) => {
            Precedence::Minus
        }
        ExprKind::Literal(Literal::Decimal(value)) if value.is_sign_negative() => Precedence::Minus,
        ExprKind::Between { .. }
        | ExprKind::InList { .. }
        | ExprKind::InSelect { .. }
        | ExprKind::IsNull { .. } => Precedence::Comparison,
        ExprKind::Literal(_)
        | ExprKind::Parameter(_)
        | ExprKind::Name(_)
        | ExprKind::Path { .. }
        | ExprKind::Exists(_)
        | ExprKind::Call(_)
        | ExprKind::Case { .. }
        | ExprKind::Cast { .. } => Precedence::Primary,
    }
}

/// Whether the text begins with a minus of its own.
fn starts_with_minus(expr: &Expr) -> bool {
    precedence(expr) == Precedence::Minus
}

fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Modulo => "%",
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Concat => "||",
        BinaryOp::Intersect => "∩",
        BinaryOp::Union => "∪",
        BinaryOp::Difference => "∖",
        BinaryOp::Equal => "=",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Less => "<",
        BinaryOp::LessOrEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterOrEqual => ">=",
        BinaryOp::Subset => "⊆",
        BinaryOp::Superset => "⊇",
        BinaryOp::ProperSubset => "⊂",
        BinaryOp::ProperSuperset => "⊃",
        BinaryOp::In => "∈",
        BinaryOp::NotIn => "∉",
        BinaryOp::Overlaps => "OVERLAPS",
        BinaryOp::Like => "LIKE",
        BinaryOp::NotLike => "NOT LIKE",
        BinaryOp::ILike => "ILIKE",
        BinaryOp::NotILike => "NOT ILIKE",
        BinaryOp::Matches => "MATCHES",
        BinaryOp::NotMatches => "NOT MATCHES",
        BinaryOp::And => "AND",
        BinaryOp::Or => "OR",
    }
}
