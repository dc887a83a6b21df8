//! Expressions: the grammar gives flat lists of operands and signs, precedence is applied here.
//!
//! The functions call each other once per level of nesting. What recurses is kept apart from what does not,
//! and expressions and errors travel boxed, so that the deepest text allowed fits a small stack even in an
//! unoptimised build.

use super::scan::{Kind, Token};
use super::{Builder, Pair, Result, Rule, child, misplaced, syntax};
use crate::ast::{BinaryOp, Expr, ExprKind, FunctionCall, Ident, Literal, PathStep, Quantified, UnaryOp};
use crate::precedence::Precedence;
use crate::{Code, Error, NESTING_MAX, Span};
use std::vec::IntoIter;

/// An expression under construction.
pub(super) struct Built {
    expr: Box<Expr>,
    /// Where it stands, parentheses around it included.
    outer: Span,
    /// How many nodes deep it is, itself counted.
    height: usize,
}

/// A sign between two operands and where it stands.
type Sign = (BinaryOp, Span);

impl Builder<'_> {
    /// A whole expression of a clause.
    pub(super) fn expr(&mut self, pair: Pair<'_>) -> Result<Expr> {
        let built = self.connected(pair)?;
        self.tallest = self.tallest.max(built.height);
        Ok(*built.expr)
    }

    /// `expr`: comparisons under NOT, AND, OR.
    fn connected(&mut self, pair: Pair<'_>) -> Result<Built> {
        let mut connection = Connection::default();
        for part in pair.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::kw_not => connection.nots.push(span),
                Rule::kw_and => connection.and_signs.push(span),
                Rule::kw_or => connection.or(span)?,
                _ => {
                    let operand = self.comparison(part)?;
                    connection.operand(operand)?;
                }
            }
        }
        connection.finish()
    }

    /// `comparison`: an operand and what is tested of it.
    fn comparison(&mut self, pair: Pair<'_>) -> Result<Built> {
        let span = self.span(&pair);
        let mut parts = pair.into_inner();
        let operand = self.operand(parts.next().ok_or_else(|| misplaced(span))?)?;
        let Some(tested) = parts.next() else { return Ok(operand) };
        if let Some(second) = parts.next() {
            return Err(self.chained(&operand, &tested, second));
        }
        self.tested(operand, tested)
    }

    /// The error for a second comparison: it stands at that one's sign.
    fn chained(&self, operand: &Built, first: &Pair<'_>, second: Pair<'_>) -> Box<Error> {
        let whole = self.span(&second);
        let before = operand.outer.to(self.span(first));
        let sign = second
            .into_inner()
            .flat_map(Pair::into_inner)
            .take_while(|part| !matches!(part.as_rule(), Rule::operand | Rule::in_list | Rule::select_source))
            .map(|part| self.span(&part))
            .reduce(Span::to);
        let sign = sign.unwrap_or(whole);
        let joins = |sign: &str| {
            let is_sign = |token: &&Token| token.kind == Kind::Sign && self.written(token.span) == sign;
            self.tokens
                .iter()
                .filter(is_sign)
                .any(|token| before.start <= token.span.start && token.span.end <= before.end)
        };
        let error = Error::new(Code::Syntax, sign, "comparisons do not chain");
        Box::new(error.hint(match self.written(sign) {
            "&&" => "conditions are joined with AND; `&&` asks whether two sets share a member",
            _ if joins("&&") => "conditions are joined with AND; `&&` asks whether two sets share a member",
            _ if joins("||") => "conditions are joined with OR; `||` joins texts",
            _ => "write `a < b AND b < c`, or put one comparison in parentheses",
        }))
    }

    fn tested(&mut self, operand: Built, pair: Pair<'_>) -> Result<Built> {
        let whole = operand.outer.to(self.span(&pair));
        let test = pair.into_inner().next().ok_or_else(|| misplaced(whole))?;
        match test.as_rule() {
            Rule::is_null => {
                let negated = is_negated(&test);
                grown(ExprKind::IsNull { negated, operand: operand.expr }, whole, operand.height)
            }
            Rule::between => self.between(operand, test, whole),
            Rule::member => self.member(operand, test, whole),
            _ => self.compared(operand, test),
        }
    }

    fn between(&mut self, operand: Built, test: Pair<'_>, whole: Span) -> Result<Built> {
        let negated = is_negated(&test);
        let mut bounds = Vec::with_capacity(2);
        for bound in test.into_inner().filter(|part| part.as_rule() == Rule::operand) {
            bounds.push(self.operand(bound)?);
        }
        let (Some(high), Some(low)) = (bounds.pop(), bounds.pop()) else { return Err(misplaced(whole)) };
        let height = operand.height.max(low.height).max(high.height);
        let kind = ExprKind::Between { negated, operand: operand.expr, low: low.expr, high: high.expr };
        grown(kind, whole, height)
    }

    /// `IN (a, b)`, `IN (select)`, `IN set`
    fn member(&mut self, operand: Built, test: Pair<'_>, whole: Span) -> Result<Built> {
        let negated = is_negated(&test);
        let last = test.clone().into_inner().last().ok_or_else(|| misplaced(whole))?;
        match last.as_rule() {
            Rule::in_list => {
                let (items, height) = self.args(last)?;
                let height = height.max(operand.height);
                grown(ExprKind::InList { negated, operand: operand.expr, items }, whole, height)
            }
            Rule::select_source => {
                let (select, height) = self.sub_select(last)?;
                let height = height.max(operand.height);
                grown(ExprKind::InSelect { negated, operand: operand.expr, select }, whole, height)
            }
            _ => self.compared(operand, test),
        }
    }

    /// A sign or words, and the right operand.
    fn compared(&mut self, left: Built, test: Pair<'_>) -> Result<Built> {
        let whole = self.span(&test);
        let (mut op, mut is_modified) = (None, false);
        let mut op_span: Option<Span> = None;
        for part in test.into_inner() {
            let span = self.span(&part);
            if part.as_rule() == Rule::operand {
                let right = self.operand(part)?;
                let (Some(op), Some(op_span)) = (op, op_span) else { return Err(misplaced(whole)) };
                return binary((op, op_span), left, right);
            }
            op_span = Some(op_span.map_or(span, |start| start.to(span)));
            is_modified |= matches!(part.as_rule(), Rule::kw_not | Rule::kw_proper);
            op = match part.as_rule() {
                Rule::compare_sign => comparison_sign(self.written(span)),
                keyword => comparison_word(keyword, is_modified).or(op),
            };
        }
        Err(misplaced(whole))
    }

    /// `operand`: signs that give values, by precedence, each level from left to right.
    fn operand(&mut self, pair: Pair<'_>) -> Result<Built> {
        let mut calculation = Calculation::default();
        let mut minuses = Vec::new();
        for part in pair.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::minus => minuses.push(span),
                Rule::path => {
                    let operand = self.negated(part, &mut minuses)?;
                    calculation.operands.push(operand);
                }
                _ => calculation.sign(self.written(span), span)?,
            }
        }
        calculation.finish()
    }

    /// A path under its minuses.
    fn negated(&mut self, path: Pair<'_>, minuses: &mut Vec<Span>) -> Result<Built> {
        let span = self.span(&path);
        let mut built = match minuses.last() {
            Some(&minus) if self.is_int_min_magnitude(span) => {
                minuses.pop();
                grown(ExprKind::Literal(Literal::Int(i64::MIN)), minus.to(span), 0)?
            }
            _ => self.path(path)?,
        };
        while let Some(minus) = minuses.pop() {
            built = unary(UnaryOp::Minus, minus, built)?;
        }
        Ok(built)
    }

    fn path(&mut self, pair: Pair<'_>) -> Result<Built> {
        let outer = self.span(&pair);
        let mut parts = pair.into_inner();
        let base = self.primary(parts.next().ok_or_else(|| misplaced(outer))?)?;
        let mut steps = Vec::new();
        for step in parts {
            steps.push(self.step(step)?);
        }
        if steps.is_empty() {
            return Ok(base);
        }
        grown(ExprKind::Path { base: base.expr, steps }, outer, base.height)
    }

    fn step(&self, pair: Pair<'_>) -> Result<PathStep> {
        let whole = self.span(&pair);
        for part in pair.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::word | Rule::quoted => return Ok(PathStep::Key(self.key(&part)?)),
                Rule::string => return Ok(PathStep::QuotedKey(self.string(span), span)),
                Rule::number => return Ok(PathStep::Index(self.unsigned(span, "an index")?, span)),
                _ => {}
            }
        }
        Err(misplaced(whole))
    }

    fn primary(&mut self, pair: Pair<'_>) -> Result<Built> {
        match pair.as_rule() {
            Rule::paren => self.parenthesised(pair),
            Rule::name_or_call => self.name_or_call(pair),
            Rule::case => self.case(pair),
            Rule::cast => self.cast(pair),
            Rule::exists => self.exists(pair),
            _ => self.constant(pair),
        }
    }

    fn parenthesised(&mut self, pair: Pair<'_>) -> Result<Built> {
        let outer = self.span(&pair);
        let mut built = self.connected(child(pair, Rule::expr)?)?;
        built.outer = outer;
        Ok(built)
    }

    fn constant(&self, pair: Pair<'_>) -> Result<Built> {
        let leaf = self.leaf(pair)?;
        grown(leaf.kind, leaf.span, 0)
    }

    fn exists(&mut self, pair: Pair<'_>) -> Result<Built> {
        let span = self.span(&pair);
        let (select, height) = self.sub_select(child(pair, Rule::select_source)?)?;
        grown(ExprKind::Exists(select), span, height)
    }

    fn name_or_call(&mut self, pair: Pair<'_>) -> Result<Built> {
        let span = self.span(&pair);
        let mut parts = pair.into_inner();
        let name = self.ident(&parts.next().ok_or_else(|| misplaced(span))?)?;
        match parts.next() {
            Some(call) => self.call(name, call, span),
            None => grown(ExprKind::Name(name), span, 0),
        }
    }

    fn call(&mut self, name: Ident, call: Pair<'_>, span: Span) -> Result<Built> {
        if name.quoted {
            return Err(syntax(name.span, "the name of a function is not quoted"));
        }
        let has = |rule| call.clone().into_inner().any(|part| part.as_rule() == rule);
        let star = has(Rule::star);
        let quantified = if has(Rule::kw_distinct) { Quantified::Distinct } else { Quantified::All };
        let (args, height) = self.args(call)?;
        grown(ExprKind::Call(FunctionCall { name, star, quantified, args }), span, height)
    }

    /// The expressions of a list and the height of the tallest.
    fn args(&mut self, list: Pair<'_>) -> Result<(Vec<Expr>, usize)> {
        let (mut args, mut height) = (Vec::new(), 0);
        for arg in list.into_inner().filter(|part| part.as_rule() == Rule::expr) {
            let arg = self.connected(arg)?;
            height = height.max(arg.height);
            args.push(*arg.expr);
        }
        Ok((args, height))
    }

    fn case(&mut self, pair: Pair<'_>) -> Result<Built> {
        let span = self.span(&pair);
        let (mut operand, mut branches, mut otherwise, mut height) = (None, Vec::new(), None, 0);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::expr => {
                    let built = self.connected(part)?;
                    height = height.max(built.height);
                    let slot = if branches.is_empty() { &mut operand } else { &mut otherwise };
                    *slot = Some(built.expr);
                }
                Rule::branch => {
                    let (mut exprs, tallest) = self.args(part)?;
                    height = height.max(tallest);
                    if let (Some(then), Some(when)) = (exprs.pop(), exprs.pop()) {
                        branches.push((when, then));
                    }
                }
                _ => {}
            }
        }
        grown(ExprKind::Case { operand, branches, otherwise }, span, height)
    }

    fn cast(&mut self, pair: Pair<'_>) -> Result<Built> {
        let span = self.span(&pair);
        let target = self.ident(&child(pair.clone(), Rule::word)?)?;
        let operand = self.connected(child(pair, Rule::expr)?)?;
        grown(ExprKind::Cast { operand: operand.expr, target }, span, operand.height)
    }
}

/// Comparisons being joined by NOT, AND and OR.
#[derive(Default)]
struct Connection {
    /// Before the next comparison.
    nots: Vec<Span>,
    /// Since the last OR.
    ands: Vec<Built>,
    and_signs: Vec<Span>,
    ors: Vec<Built>,
    or_signs: Vec<Span>,
}

impl Connection {
    fn operand(&mut self, mut operand: Built) -> Result<()> {
        while let Some(not) = self.nots.pop() {
            operand = unary(UnaryOp::Not, not, operand)?;
        }
        self.ands.push(operand);
        Ok(())
    }

    fn or(&mut self, sign: Span) -> Result<()> {
        let (ands, signs) = (std::mem::take(&mut self.ands), std::mem::take(&mut self.and_signs));
        self.ors.push(chain(BinaryOp::And, ands, signs)?);
        self.or_signs.push(sign);
        Ok(())
    }

    fn finish(mut self) -> Result<Built> {
        self.ors.push(chain(BinaryOp::And, self.ands, self.and_signs)?);
        chain(BinaryOp::Or, self.ors, self.or_signs)
    }
}

/// `a AND b AND c …` as a balanced tree. These two signs are associative and make the longest chains people
/// write, and no one who walks the tree should need a stack as deep as a chain is long. The halves differ by
/// at most one operand, the left one never has fewer; the printer knows this shape.
fn chain(op: BinaryOp, operands: Vec<Built>, signs: Vec<Span>) -> Result<Built> {
    fn half(
        op: BinaryOp,
        count: usize,
        operands: &mut IntoIter<Built>,
        signs: &mut IntoIter<Span>,
    ) -> Result<Built> {
        if count < 2 {
            return operands.next().ok_or_else(|| misplaced(Span::default()));
        }
        let left = half(op, count.div_ceil(2), operands, signs)?;
        let sign = signs.next().ok_or_else(|| misplaced(left.outer))?;
        let right = half(op, count / 2, operands, signs)?;
        binary((op, sign), left, right)
    }
    half(op, operands.len(), &mut operands.into_iter(), &mut signs.into_iter())
}

/// Operands being joined by signs that give values.
#[derive(Default)]
struct Calculation {
    operands: Vec<Built>,
    /// One fewer than operands, loosest first.
    signs: Vec<Sign>,
}

impl Calculation {
    fn sign(&mut self, written: &str, span: Span) -> Result<()> {
        let op = value_sign(written).ok_or_else(|| misplaced(span))?;
        let level = Precedence::of(op);
        while self.signs.last().is_some_and(|(before, _)| Precedence::of(*before) >= level) {
            self.reduce()?;
        }
        self.signs.push((op, span));
        Ok(())
    }

    /// Joins the last two operands by the last sign.
    fn reduce(&mut self) -> Result<()> {
        if let (Some(right), Some(left), Some(sign)) =
            (self.operands.pop(), self.operands.pop(), self.signs.pop())
        {
            self.operands.push(binary(sign, left, right)?);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Built> {
        while !self.signs.is_empty() {
            self.reduce()?;
        }
        self.operands.pop().ok_or_else(|| misplaced(Span::default()))
    }
}

/// A node over children of at most `height`.
fn grown(kind: ExprKind, span: Span, height: usize) -> Result<Built> {
    if height >= NESTING_MAX {
        let message = format!("the expression is more than {NESTING_MAX} operations deep");
        let error = Error::new(Code::TooComplex, span, message);
        return Err(Box::new(error.hint("group a long chain with parentheses, like (a + b) + (c + d)")));
    }
    Ok(Built { expr: Box::new(Expr { kind, span }), outer: span, height: height + 1 })
}

fn unary(op: UnaryOp, sign: Span, operand: Built) -> Result<Built> {
    grown(ExprKind::Unary { op, operand: operand.expr }, sign.to(operand.outer), operand.height)
}

fn binary((op, op_span): Sign, left: Built, right: Built) -> Result<Built> {
    let span = left.outer.to(right.outer);
    let height = left.height.max(right.height);
    grown(ExprKind::Binary { op, op_span, left: left.expr, right: right.expr }, span, height)
}

/// Whether NOT stands in a test, before or after its keyword.
fn is_negated(test: &Pair<'_>) -> bool {
    test.clone().into_inner().take(2).any(|part| part.as_rule() == Rule::kw_not)
}

/// The comparison that a keyword makes, after NOT or PROPER if `is_modified`.
fn comparison_word(keyword: Rule, is_modified: bool) -> Option<BinaryOp> {
    Some(match (keyword, is_modified) {
        (Rule::kw_in, false) => BinaryOp::In,
        (Rule::kw_in, true) => BinaryOp::NotIn,
        (Rule::kw_like, false) => BinaryOp::Like,
        (Rule::kw_like, true) => BinaryOp::NotLike,
        (Rule::kw_ilike, false) => BinaryOp::ILike,
        (Rule::kw_ilike, true) => BinaryOp::NotILike,
        (Rule::kw_matches, false) => BinaryOp::Matches,
        (Rule::kw_matches, true) => BinaryOp::NotMatches,
        (Rule::kw_subset, false) => BinaryOp::Subset,
        (Rule::kw_subset, true) => BinaryOp::ProperSubset,
        (Rule::kw_superset, false) => BinaryOp::Superset,
        (Rule::kw_superset, true) => BinaryOp::ProperSuperset,
        (Rule::kw_overlaps, _) => BinaryOp::Overlaps,
        _ => return None,
    })
}

/// The sign of a comparison.
fn comparison_sign(written: &str) -> Option<BinaryOp> {
    Some(match written {
        "=" => BinaryOp::Equal,
        "!=" | "<>" | "≠" => BinaryOp::NotEqual,
        "<" => BinaryOp::Less,
        "<=" | "≤" => BinaryOp::LessOrEqual,
        ">" => BinaryOp::Greater,
        ">=" | "≥" => BinaryOp::GreaterOrEqual,
        "⊆" | "<@" => BinaryOp::Subset,
        "⊇" | "@>" => BinaryOp::Superset,
        "⊂" => BinaryOp::ProperSubset,
        "⊃" => BinaryOp::ProperSuperset,
        "∈" => BinaryOp::In,
        "∉" => BinaryOp::NotIn,
        "&&" => BinaryOp::Overlaps,
        _ => return None,
    })
}

/// The sign of an operation that gives a value.
fn value_sign(written: &str) -> Option<BinaryOp> {
    Some(match written {
        "*" => BinaryOp::Multiply,
        "/" => BinaryOp::Divide,
        "%" => BinaryOp::Modulo,
        "+" => BinaryOp::Add,
        "-" | "−" => BinaryOp::Subtract,
        "||" => BinaryOp::Concat,
        "∩" | "&" => BinaryOp::Intersect,
        "∪" | "|" => BinaryOp::Union,
        "∖" | "\\" => BinaryOp::Difference,
        _ => return None,
    })
}
