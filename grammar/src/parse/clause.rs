//! Clauses.

use super::{Builder, Pair, Result, Rule, child, misplaced, syntax};
use crate::ast::{
    Expr, ExprKind, FromClause, Join, JoinKind, Moment, MomentKind, OrderItem, SelectItem, Source,
    SourceKind, Version,
};
use crate::{Code, Error, Span};
use std::time::Duration;

impl Builder<'_> {
    pub(super) fn select_item(&mut self, pair: Pair<'_>) -> Result<SelectItem> {
        let span = self.span(&pair);
        let (mut written, mut expr, mut alias) = (String::new(), None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::star => return Ok(SelectItem::Star(span)),
                Rule::expr => {
                    self.written(self.span(&part)).clone_into(&mut written);
                    expr = Some(self.expr(part)?);
                }
                Rule::dot_star => {
                    return match expr {
                        Some(Expr { kind: ExprKind::Name(name), .. }) => Ok(SelectItem::QualifiedStar(name)),
                        _ => Err(syntax(span, "only the name of a table stands before `.*`")),
                    };
                }
                Rule::label => alias = Some(self.ident(&part)?),
                _ => {}
            }
        }
        let expr = expr.ok_or_else(|| misplaced(span))?;
        Ok(SelectItem::Expr { expr, alias, written })
    }

    pub(super) fn sources(&mut self, pair: Pair<'_>) -> Result<FromClause> {
        let span = self.span(&pair);
        let (mut source, mut joins) = (None, Vec::new());
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::source => source = Some(self.source(part)?),
                Rule::join => joins.push(self.join(part)?),
                _ => {}
            }
        }
        Ok(FromClause { source: source.ok_or_else(|| misplaced(span))?, joins })
    }

    fn join(&mut self, pair: Pair<'_>) -> Result<Join> {
        let span = self.span(&pair);
        let (mut kind, mut source, mut on) = (JoinKind::Inner, None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_left => kind = JoinKind::Left,
                Rule::source => source = Some(self.source(part)?),
                Rule::expr => on = Some(self.expr(part)?),
                _ => {}
            }
        }
        match (source, on) {
            (Some(source), Some(on)) => Ok(Join { kind, source, on }),
            _ => Err(misplaced(span)),
        }
    }

    fn source(&mut self, pair: Pair<'_>) -> Result<Source> {
        let span = self.span(&pair);
        let (mut kind, mut alias) = (None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::table => kind = Some(self.table(part)?),
                Rule::select_source => {
                    let (select, height) = self.sub_select(part)?;
                    self.tallest = self.tallest.max(height);
                    kind = Some(SourceKind::Select(select));
                }
                Rule::alias => {
                    for name in part.into_inner() {
                        if matches!(name.as_rule(), Rule::name | Rule::label) {
                            alias = Some(self.ident(&name)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(Source { kind: kind.ok_or_else(|| misplaced(span))?, alias, span })
    }

    fn table(&mut self, pair: Pair<'_>) -> Result<SourceKind> {
        let span = self.span(&pair);
        let (mut name, mut version) = (None, Version::Statement);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => name = Some(self.ident(&part)?),
                Rule::as_of => {
                    self.own_moment.get_or_insert(self.span(&part));
                    version = Version::AsOf(self.as_of(part)?);
                }
                Rule::kw_history => {
                    let keyword = self.span(&part);
                    self.own_moment.get_or_insert(keyword);
                    version = Version::History(keyword);
                }
                _ => {}
            }
        }
        Ok(SourceKind::Table { name: name.ok_or_else(|| misplaced(span))?, version })
    }

    pub(super) fn order_by(&mut self, pair: Pair<'_>) -> Result<Vec<OrderItem>> {
        let items = pair.into_inner().filter(|part| part.as_rule() == Rule::order_item);
        items.map(|item| self.order_item(item)).collect()
    }

    fn order_item(&mut self, pair: Pair<'_>) -> Result<OrderItem> {
        let span = self.span(&pair);
        let (mut expr, mut descending, mut nulls_first) = (None, false, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::expr => expr = Some(self.expr(part)?),
                Rule::kw_desc => descending = true,
                Rule::kw_first => nulls_first = Some(true),
                Rule::kw_last => nulls_first = Some(false),
                _ => {}
            }
        }
        let expr = expr.ok_or_else(|| misplaced(span))?;
        Ok(OrderItem { expr, descending, nulls_first })
    }

    /// The one expression of WHERE or HAVING.
    pub(super) fn only_expr(&mut self, pair: Pair<'_>) -> Result<Expr> {
        self.expr(child(pair, Rule::expr)?)
    }

    /// The expressions of a list.
    pub(super) fn exprs(&mut self, pair: Pair<'_>) -> Result<Vec<Expr>> {
        let exprs = pair.into_inner().filter(|part| part.as_rule() == Rule::expr);
        exprs.map(|expr| self.expr(expr)).collect()
    }

    /// The number of LIMIT or OFFSET.
    pub(super) fn row_count(&mut self, pair: Pair<'_>) -> Result<Expr> {
        self.count(child(pair, Rule::count)?)
    }

    /// `FOR agent`
    pub(super) fn agent(&mut self, pair: Pair<'_>) -> Result<Expr> {
        let span = self.span(&pair);
        let agent = pair.into_inner().find(|part| part.as_rule() != Rule::kw_for);
        self.leaf(agent.ok_or_else(|| misplaced(span))?)
    }

    /// `LEASE duration`
    pub(super) fn lease(&mut self, pair: Pair<'_>) -> Result<(Duration, Span)> {
        let span = self.span(&child(pair, Rule::duration)?);
        Ok((self.duration(span)?, span))
    }

    /// A trailing `AS OF`, which no table's own may accompany.
    pub(super) fn statement_moment(&mut self, pair: Pair<'_>) -> Result<Moment> {
        if let Some(own) = self.own_moment {
            let message =
                "the statement has an AS OF for all its tables, so this one can have none of its own";
            let hint = "drop this one, or give every table its own and drop the last";
            return Err(Box::new(Error::new(Code::Syntax, own, message).hint(hint)));
        }
        self.as_of(pair)
    }

    fn as_of(&mut self, pair: Pair<'_>) -> Result<Moment> {
        self.moment(child(pair, Rule::moment)?)
    }

    fn moment(&mut self, pair: Pair<'_>) -> Result<Moment> {
        let span = self.span(&pair);
        let (mut is_event, mut kind) = (false, None);
        for part in pair.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::kw_event => is_event = true,
                Rule::string if is_event => kind = Some(MomentKind::Event(self.string(at))),
                Rule::string => kind = Some(MomentKind::Time(self.time(at)?)),
                Rule::number => kind = Some(MomentKind::Position(self.unsigned(at, "a position")?)),
                Rule::duration => kind = Some(MomentKind::Ago(self.duration(at)?)),
                Rule::kw_now => kind = Some(MomentKind::Now),
                _ => {}
            }
        }
        Ok(Moment { kind: kind.ok_or_else(|| misplaced(span))?, span })
    }
}
