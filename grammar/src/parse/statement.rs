//! Statements.

use super::{Builder, Pair, Result, Rule, child, misplaced};
use crate::ast::{
    Claim, Cte, Explain, ExplainTarget, Ident, NextTask, Select, Start, Statement, StatementKind, Subscribe,
    SubscribeSource,
};

impl Builder<'_> {
    /// `statement_text`
    pub(super) fn statement(&mut self, root: Pair<'_>) -> Result<Statement> {
        let at = self.span(&root);
        let pair = root.into_inner().next().ok_or_else(|| misplaced(at))?;
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::next_task => StatementKind::NextTask(self.next_task(pair)?),
            Rule::query => StatementKind::Select(self.query(pair)?),
            Rule::claim => StatementKind::Claim(self.claim(pair)?),
            Rule::subscribe => StatementKind::Subscribe(self.subscribe(pair)?),
            Rule::create_projection => self.create_projection(pair)?,
            Rule::drop_projection => StatementKind::DropProjection(self.only_name(pair)?),
            Rule::explain => StatementKind::Explain(self.explain(pair)?),
            Rule::show_tables => StatementKind::ShowTables,
            Rule::describe => StatementKind::Describe(self.only_name(pair)?),
            _ => return Err(misplaced(span)),
        };
        Ok(Statement { kind, span })
    }

    /// `next_task`, `explain_next_task`
    fn next_task(&mut self, pair: Pair<'_>) -> Result<NextTask> {
        let mut next_task = NextTask { agent: None, filter: None, limit: None, as_of: None };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::for_clause => next_task.agent = Some(self.agent(part)?),
                Rule::where_clause => next_task.filter = Some(self.only_expr(part)?),
                Rule::limit_clause => next_task.limit = Some(self.row_count(part)?),
                Rule::as_of => next_task.as_of = Some(self.statement_moment(part)?),
                _ => {}
            }
        }
        Ok(next_task)
    }

    fn claim(&mut self, pair: Pair<'_>) -> Result<Claim> {
        let span = self.span(&pair);
        let (mut agent, mut filter, mut lease, mut limit) = (None, None, None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::for_clause => agent = Some(self.agent(part)?),
                Rule::where_clause => filter = Some(self.only_expr(part)?),
                Rule::lease_clause => lease = Some(self.lease(part)?),
                Rule::limit_clause => limit = Some(self.row_count(part)?),
                _ => {}
            }
        }
        let agent = agent.ok_or_else(|| misplaced(span))?;
        Ok(Claim { agent, filter, lease, limit })
    }

    fn subscribe(&mut self, pair: Pair<'_>) -> Result<Subscribe> {
        let span = self.span(&pair);
        let (mut source, mut filter, mut start) = (None, None, Start::Now);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => source = Some(SubscribeSource::Table(self.ident(&part)?)),
                Rule::select_source => source = Some(SubscribeSource::Select(self.sub_select(part)?.0)),
                Rule::where_clause => filter = Some(self.only_expr(part)?),
                Rule::start => start = self.start(part)?,
                _ => {}
            }
        }
        let source = source.ok_or_else(|| misplaced(span))?;
        Ok(Subscribe { source, filter, start })
    }

    fn start(&mut self, pair: Pair<'_>) -> Result<Start> {
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_start => return Ok(Start::Beginning),
                Rule::count => return Ok(Start::After(self.count(part)?)),
                _ => {}
            }
        }
        Ok(Start::Now)
    }

    fn create_projection(&mut self, pair: Pair<'_>) -> Result<StatementKind> {
        let span = self.span(&pair);
        let (mut name, mut select) = (None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => name = Some(self.ident(&part)?),
                Rule::select => select = Some(self.select(part)?),
                _ => {}
            }
        }
        match (name, select) {
            (Some(name), Some(select)) => Ok(StatementKind::CreateProjection { name, select }),
            _ => Err(misplaced(span)),
        }
    }

    fn explain(&mut self, pair: Pair<'_>) -> Result<Explain> {
        let span = self.span(&pair);
        let mut analyze = false;
        for part in pair.into_inner() {
            let target = match part.as_rule() {
                Rule::kw_analyze => {
                    analyze = true;
                    continue;
                }
                Rule::explain_next_task => ExplainTarget::NextTask(self.next_task(part)?),
                Rule::query => ExplainTarget::Select(self.query(part)?),
                _ => continue,
            };
            return Ok(Explain { analyze, target });
        }
        Err(misplaced(span))
    }

    /// `query`: the outermost select.
    fn query(&mut self, pair: Pair<'_>) -> Result<Box<Select>> {
        let span = self.span(&pair);
        let (mut with, mut select, mut as_of) = (Vec::new(), None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::with => {
                    for cte in part.into_inner().filter(|part| part.as_rule() == Rule::cte) {
                        with.push(self.cte(cte)?);
                    }
                }
                Rule::select => select = Some(self.select(part)?),
                Rule::as_of => as_of = Some(self.statement_moment(part)?),
                _ => {}
            }
        }
        let mut select = select.ok_or_else(|| misplaced(span))?;
        select.with = with;
        select.as_of = as_of;
        select.span = span;
        Ok(select)
    }

    fn cte(&mut self, pair: Pair<'_>) -> Result<Cte> {
        let span = self.span(&pair);
        let (mut name, mut select) = (None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => name = Some(self.ident(&part)?),
                Rule::select_source => select = Some(*self.sub_select(part)?.0),
                _ => {}
            }
        }
        match (name, select) {
            (Some(name), Some(select)) => Ok(Cte { name, select }),
            _ => Err(misplaced(span)),
        }
    }

    /// `select_source`: a select in parentheses, and its height.
    pub(super) fn sub_select(&mut self, pair: Pair<'_>) -> Result<(Box<Select>, usize)> {
        let outside = std::mem::take(&mut self.tallest);
        let select = self.select(child(pair, Rule::select)?)?;
        let height = self.tallest + 1;
        self.tallest = outside;
        Ok((select, height))
    }

    fn select(&mut self, pair: Pair<'_>) -> Result<Box<Select>> {
        let span = self.span(&pair);
        let from = self.sources(child(pair.clone(), Rule::from_clause)?)?;
        let mut select = Box::new(Select {
            with: Vec::new(),
            distinct: false,
            items: Vec::new(),
            from,
            filter: None,
            group_by: Vec::new(),
            having: None,
            order_by: Vec::new(),
            limit: None,
            offset: None,
            as_of: None,
            span,
        });
        for part in pair.into_inner() {
            self.select_part(&mut select, part)?;
        }
        Ok(select)
    }

    fn select_part(&mut self, select: &mut Select, part: Pair<'_>) -> Result<()> {
        match part.as_rule() {
            Rule::kw_distinct => select.distinct = true,
            Rule::select_item => select.items.push(self.select_item(part)?),
            Rule::where_clause => select.filter = Some(self.only_expr(part)?),
            Rule::group_by => select.group_by = self.exprs(part)?,
            Rule::having => select.having = Some(self.only_expr(part)?),
            Rule::order_by => select.order_by = self.order_by(part)?,
            Rule::limit_clause => select.limit = Some(self.row_count(part)?),
            Rule::offset_clause => select.offset = Some(self.row_count(part)?),
            _ => {}
        }
        Ok(())
    }

    /// The one name among keywords.
    fn only_name(&mut self, pair: Pair<'_>) -> Result<Ident> {
        self.ident(&child(pair, Rule::name)?)
    }
}
