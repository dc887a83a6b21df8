//! Expressions: the grammar gives flat lists of operands and signs, precedence is applied here.

use super::{Builder, Pair, Result, Rule, misplaced};
use crate::ast::{BinaryOp, Expr, ExprKind, FunctionCall, Literal, PathStep, Quantified, UnaryOp};
use crate::precedence::Precedence;
use crate::{Code, Error, NESTING_MAX, Span};
use std::vec::IntoIter;

/// An expression under construction.
pub(super) struct Built {
    expr: Expr,
    /// Where it stands, parentheses around it included.
    outer: Span,
    /// How many nodes deep it is, itself counted.
    height: usize,
}

impl Builder<'_> {
    /// A whole expression of a clause.
    pub(super) fn expr(&mut self, pair: Pair<'_>) -> Result<Expr> {
        let built = self.connected(pair)?;
        self.tallest = self.tallest.max(built.height);
        Ok(built.expr)
    }

    /// `expr`: comparisons under NOT, AND, OR.
    fn connected(&mut self, pair: Pair<'_>) -> Result<Built> {
        let mut nots = Vec::new();
        let (mut ands, mut and_signs) = (Vec::new(), Vec::new());
        let (mut ors, mut or_signs) = (Vec::new(), Vec::new());
        for part in pair.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::kw_not => nots.push(span),
                Rule::kw_and => and_signs.push(span),
                Rule::kw_or => {
                    ors.push(chain(BinaryOp::And, std::mem::take(&mut ands), std::mem::take(&mut and_signs))?);
                    or_signs.push(span);
                }
                _ => {
                    let mut built = self.comparison(part)?;
                    while let Some(not) = nots.pop() {
                        built = unary(UnaryOp::Not, not, built)?;
                    }
                    ands.push(built);
                }
            }
        }
        ors.push(chain(BinaryOp::And, ands, and_signs)?);
        chain(BinaryOp::Or, ors, or_signs)
    }

    /// `comparison`: an operand and what is tested of it.
    fn comparison(&mut self, pair: Pair<'_>) -> Result<Built> {
        let mut built: Option<Built> = None;
        let mut is_tested = false;
        let absent = misplaced(&pair);
        for part in pair.into_inner() {
            match (part.as_rule(), built.take()) {
                (Rule::tested, Some(operand)) => {
                    if is_tested {
                        return Err(chained(self.test_sign(part)));
                    }
                    is_tested = true;
                    built = Some(self.tested(operand, part)?);
                }
                _ => built = Some(self.operand(part)?),
            }
        }
        built.ok_or(absent)
    }

    /// Where the sign of a test stands.
    fn test_sign(&self, tested: Pair<'_>) -> Span {
        let whole = self.span(&tested);
        let signs = tested.into_inner().flat_map(Pair::into_inner);
        let sign = signs.take_while(|part| !matches!(part.as_rule(), Rule::operand | Rule::in_list | Rule::select_source));
        sign.map(|part| self.span(&part)).reduce(Span::to).unwrap_or(whole)
    }

    fn tested(&mut self, operand: Built, pair: Pair<'_>) -> Result<Built> {
        let whole = operand.outer.to(self.span(&pair));
        let absent = misplaced(&pair);
        let test = pair.into_inner().next().ok_or(absent)?;
        let rule = test.as_rule();
        let absent = misplaced(&test);
        let mut negated = false;
        let mut op: Option<BinaryOp> = None;
        let mut op_span: Option<Span> = None;
        let mut operands = Vec::new();
        for part in test.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::operand => operands.push(self.operand(part)?),
                Rule::in_list => {
                    let mut height = operand.height;
                    let mut items = Vec::new();
                    for item in part.into_inner().filter(|item| item.as_rule() == Rule::expr) {
                        let item = self.connected(item)?;
                        height = height.max(item.height);
                        items.push(item.expr);
                    }
                    let operand = Box::new(operand.expr);
                    return grown(ExprKind::InList { negated, operand, items }, whole, height);
                }
                Rule::select_source => {
                    let (select, height) = self.sub_select(part)?;
                    let height = height.max(operand.height);
                    let (operand, select) = (Box::new(operand.expr), Box::new(select));
                    return grown(ExprKind::InSelect { negated, operand, select }, whole, height);
                }
                other => {
                    negated |= other == Rule::kw_not;
                    op_span = Some(op_span.map_or(span, |start| start.to(span)));
                    op = tested_by(other, negated).or(op);
                }
            }
        }
        match rule {
            Rule::is_null => {
                let height = operand.height;
                grown(ExprKind::IsNull { negated, operand: Box::new(operand.expr) }, whole, height)
            }
            Rule::between => {
                let mut bounds = operands.into_iter();
                let (Some(low), Some(high)) = (bounds.next(), bounds.next()) else { return Err(absent) };
                let height = operand.height.max(low.height).max(high.height);
                let kind = ExprKind::Between {
                    negated,
                    operand: Box::new(operand.expr),
                    low: Box::new(low.expr),
                    high: Box::new(high.expr),
                };
                grown(kind, whole, height)
            }
            _ => match (op, op_span, operands.into_iter().next()) {
                (Some(op), Some(op_span), Some(right)) => binary(op, op_span, operand, right),
                _ => Err(absent),
            },
        }
    }

    /// `operand`: signs that give values, by precedence, each level from left to right.
    fn operand(&mut self, pair: Pair<'_>) -> Result<Built> {
        let absent = misplaced(&pair);
        let mut minuses = Vec::new();
        let mut operands: Vec<Built> = Vec::new();
        let mut signs: Vec<(BinaryOp, Span)> = Vec::new();
        for part in pair.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::minus => minuses.push(span),
                Rule::path => {
                    let operand = self.negated(part, &mut minuses)?;
                    operands.push(operand);
                }
                other => {
                    let op = infix(other).ok_or_else(|| absent.clone())?;
                    let level = Precedence::of(op);
                    while signs.last().is_some_and(|(before, _)| Precedence::of(*before) >= level) {
                        reduce(&mut operands, &mut signs)?;
                    }
                    signs.push((op, span));
                }
            }
        }
        while !signs.is_empty() {
            reduce(&mut operands, &mut signs)?;
        }
        operands.pop().ok_or(absent)
    }

    /// A path under its minuses.
    fn negated(&mut self, path: Pair<'_>, minuses: &mut Vec<Span>) -> Result<Built> {
        let span = self.span(&path);
        let mut built = match minuses.last() {
            Some(&minus) if self.is_int_min_magnitude(span) => {
                minuses.pop();
                let span = minus.to(span);
                grown(ExprKind::Literal(Literal::Int(i64::MIN)), span, 0)?
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
        let mut parts = pair.clone().into_inner();
        let base = self.primary(parts.next().ok_or_else(|| misplaced(&pair))?)?;
        let steps: Vec<PathStep> = parts.map(|step| self.step(step)).collect::<Result<_>>()?;
        if steps.is_empty() {
            return Ok(base);
        }
        grown(ExprKind::Path { base: Box::new(base.expr), steps }, outer, base.height)
    }

    fn step(&self, pair: Pair<'_>) -> Result<PathStep> {
        let absent = misplaced(&pair);
        for part in pair.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::word | Rule::quoted => return Ok(PathStep::Key(self.key(&part)?)),
                Rule::string => return Ok(PathStep::QuotedKey(self.string(span), span)),
                Rule::number => return Ok(PathStep::Index(self.unsigned(span, "an index")?, span)),
                _ => {}
            }
        }
        Err(absent)
    }

    fn primary(&mut self, pair: Pair<'_>) -> Result<Built> {
        let outer = self.span(&pair);
        match pair.as_rule() {
            Rule::paren => {
                let absent = misplaced(&pair);
                let inside = pair.into_inner().find(|part| part.as_rule() == Rule::expr);
                Ok(Built { outer, ..self.connected(inside.ok_or(absent)?)? })
            }
            Rule::name_or_call => self.name_or_call(pair),
            Rule::case => self.case(pair),
            Rule::cast => self.cast(pair),
            Rule::exists => {
                let absent = misplaced(&pair);
                let select = pair.into_inner().find(|part| part.as_rule() == Rule::select_source);
                let (select, height) = self.sub_select(select.ok_or(absent)?)?;
                grown(ExprKind::Exists(Box::new(select)), outer, height)
            }
            _ => {
                let leaf = self.leaf(pair)?;
                grown(leaf.kind, outer, 0)
            }
        }
    }

    fn name_or_call(&mut self, pair: Pair<'_>) -> Result<Built> {
        let span = self.span(&pair);
        let mut parts = pair.clone().into_inner();
        let name = self.ident(&parts.next().ok_or_else(|| misplaced(&pair))?)?;
        let Some(call) = parts.next() else {
            return grown(ExprKind::Name(name), span, 0);
        };
        if name.quoted {
            return Err(Error::new(Code::Syntax, name.span, "a function's name is not quoted"));
        }
        let (mut star, mut quantified, mut args, mut height) = (false, Quantified::All, Vec::new(), 0);
        for part in call.into_inner() {
            match part.as_rule() {
                Rule::star => star = true,
                Rule::kw_distinct => quantified = Quantified::Distinct,
                Rule::expr => {
                    let arg = self.connected(part)?;
                    height = height.max(arg.height);
                    args.push(arg.expr);
                }
                _ => {}
            }
        }
        grown(ExprKind::Call(FunctionCall { name, star, quantified, args }), span, height)
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
                    *slot = Some(Box::new(built.expr));
                }
                Rule::branch => {
                    let absent = misplaced(&part);
                    let mut exprs = part.into_inner().filter(|part| part.as_rule() == Rule::expr);
                    let (Some(when), Some(then)) = (exprs.next(), exprs.next()) else { return Err(absent) };
                    let (when, then) = (self.connected(when)?, self.connected(then)?);
                    height = height.max(when.height).max(then.height);
                    branches.push((when.expr, then.expr));
                }
                _ => {}
            }
        }
        grown(ExprKind::Case { operand, branches, otherwise }, span, height)
    }

    fn cast(&mut self, pair: Pair<'_>) -> Result<Built> {
        let span = self.span(&pair);
        let absent = misplaced(&pair);
        let (mut operand, mut target) = (None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::expr => operand = Some(self.connected(part)?),
                Rule::word => target = Some(self.ident(&part)?),
                _ => {}
            }
        }
        let (Some(operand), Some(target)) = (operand, target) else { return Err(absent) };
        let height = operand.height;
        grown(ExprKind::Cast { operand: Box::new(operand.expr), target }, span, height)
    }
}

/// A node over children of at most `height`.
fn grown(kind: ExprKind, span: Span, height: usize) -> Result<Built> {
    if height >= NESTING_MAX {
        let message = format!("the expression is more than {NESTING_MAX} operations deep");
        return Err(Error::new(Code::TooComplex, span, message)
            .hint("group parts of it with parentheses, or use IN or a set for a long list of values"));
    }
    Ok(Built { expr: Expr { kind, span }, outer: span, height: height + 1 })
}

fn unary(op: UnaryOp, sign: Span, operand: Built) -> Result<Built> {
    let span = sign.to(operand.outer);
    let height = operand.height;
    grown(ExprKind::Unary { op, operand: Box::new(operand.expr) }, span, height)
}

fn binary(op: BinaryOp, op_span: Span, left: Built, right: Built) -> Result<Built> {
    let span = left.outer.to(right.outer);
    let height = left.height.max(right.height);
    let (left, right) = (Box::new(left.expr), Box::new(right.expr));
    grown(ExprKind::Binary { op, op_span, left, right }, span, height)
}

/// Joins the last two operands by the last sign.
fn reduce(operands: &mut Vec<Built>, signs: &mut Vec<(BinaryOp, Span)>) -> Result<()> {
    if let (Some(right), Some(left), Some((op, span))) = (operands.pop(), operands.pop(), signs.pop()) {
        operands.push(binary(op, span, left, right)?);
    }
    Ok(())
}

/// `a AND b AND c …` as a balanced tree. These two are associative and the longest chains people write, and
/// no one who walks the tree should need a stack as deep as a chain is long. Halves differ by at most one,
/// the left one never smaller; the printer knows this shape.
fn chain(op: BinaryOp, operands: Vec<Built>, signs: Vec<Span>) -> Result<Built> {
    fn half(op: BinaryOp, count: usize, operands: &mut IntoIter<Built>, signs: &mut IntoIter<Span>) -> Result<Built> {
        let absent = || Error::new(Code::Syntax, Span::default(), "expected an expression");
        if count < 2 {
            return operands.next().ok_or_else(absent);
        }
        let left = half(op, count.div_ceil(2), operands, signs)?;
        let sign = signs.next().ok_or_else(absent)?;
        let right = half(op, count / 2, operands, signs)?;
        binary(op, sign, left, right)
    }
    half(op, operands.len(), &mut operands.into_iter(), &mut signs.into_iter())
}

fn chained(sign: Span) -> Error {
    Error::new(Code::Syntax, sign, "comparisons do not chain")
        .hint("write `a < b AND b < c`, or put one comparison in parentheses")
}

/// The sign of a comparison.
fn tested_by(rule: Rule, negated: bool) -> Option<BinaryOp> {
    Some(match (rule, negated) {
        (Rule::equal, _) => BinaryOp::Equal,
        (Rule::not_equal, _) => BinaryOp::NotEqual,
        (Rule::less, _) => BinaryOp::Less,
        (Rule::less_equal, _) => BinaryOp::LessOrEqual,
        (Rule::greater, _) => BinaryOp::Greater,
        (Rule::greater_equal, _) => BinaryOp::GreaterOrEqual,
        (Rule::subset, _) => BinaryOp::Subset,
        (Rule::superset, _) => BinaryOp::Superset,
        (Rule::proper_subset, _) => BinaryOp::ProperSubset,
        (Rule::proper_superset, _) => BinaryOp::ProperSuperset,
        (Rule::in_sign, _) | (Rule::kw_in, false) => BinaryOp::In,
        (Rule::not_in_sign, _) | (Rule::kw_in, true) => BinaryOp::NotIn,
        (Rule::overlaps, _) => BinaryOp::Overlaps,
        (Rule::kw_like, false) => BinaryOp::Like,
        (Rule::kw_like, true) => BinaryOp::NotLike,
        (Rule::kw_ilike, false) => BinaryOp::ILike,
        (Rule::kw_ilike, true) => BinaryOp::NotILike,
        (Rule::kw_matches, false) => BinaryOp::Matches,
        (Rule::kw_matches, true) => BinaryOp::NotMatches,
        _ => return None,
    })
}

/// The sign of an operation that gives a value.
fn infix(rule: Rule) -> Option<BinaryOp> {
    Some(match rule {
        Rule::multiply => BinaryOp::Multiply,
        Rule::divide => BinaryOp::Divide,
        Rule::modulo => BinaryOp::Modulo,
        Rule::add => BinaryOp::Add,
        Rule::subtract => BinaryOp::Subtract,
        Rule::concat => BinaryOp::Concat,
        Rule::intersect => BinaryOp::Intersect,
        Rule::union => BinaryOp::Union,
        Rule::difference => BinaryOp::Difference,
        _ => return None,
    })
}
