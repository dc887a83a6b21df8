//! Trees without their places, so that two can be compared that were read from different texts.

use agentpm_grammar::Span;
use agentpm_grammar::ast::{
    ExplainTarget, Expr, ExprKind, NextTask, PathStep, Select, SelectItem, Source, SourceKind, Start,
    Statement, StatementKind, SubscribeSource, Version,
};

/// Where everything in a generated tree stands, and everything in a parsed one once its spans are stripped.
pub(super) const NOWHERE: Span = Span::new(0, 0);

pub(super) fn strip(statement: &mut Statement) {
    statement.span = NOWHERE;
    match &mut statement.kind {
        StatementKind::Select(select) => strip_select(select),
        StatementKind::NextTask(next_task) => strip_next_task(next_task),
        StatementKind::Claim(claim) => {
            strip_expr(&mut claim.agent);
            claim.filter.iter_mut().for_each(strip_expr);
            claim.lease.iter_mut().for_each(|(_, span)| *span = NOWHERE);
            claim.limit.iter_mut().for_each(strip_expr);
        }
        StatementKind::Subscribe(subscribe) => {
            match &mut subscribe.source {
                SubscribeSource::Table(name) => name.span = NOWHERE,
                SubscribeSource::Select(select) => strip_select(select),
            }
            subscribe.filter.iter_mut().for_each(strip_expr);
            if let Start::After(position) = &mut subscribe.start {
                strip_expr(position);
            }
        }
        StatementKind::CreateProjection { name, select } => {
            name.span = NOWHERE;
            strip_select(select);
        }
        StatementKind::Explain(explain) => match &mut explain.target {
            ExplainTarget::Select(select) => strip_select(select),
            ExplainTarget::NextTask(next_task) => strip_next_task(next_task),
        },
        StatementKind::ShowTables => {}
        StatementKind::DropProjection(name) | StatementKind::Describe(name) => name.span = NOWHERE,
    }
}

fn strip_next_task(next_task: &mut NextTask) {
    next_task.agent.iter_mut().for_each(strip_expr);
    next_task.filter.iter_mut().for_each(strip_expr);
    next_task.limit.iter_mut().for_each(strip_expr);
    next_task.as_of.iter_mut().for_each(|moment| moment.span = NOWHERE);
}

fn strip_select(select: &mut Select) {
    select.span = NOWHERE;
    for cte in &mut select.with {
        cte.name.span = NOWHERE;
        strip_select(&mut cte.select);
    }
    for item in &mut select.items {
        match item {
            SelectItem::Star(span) => *span = NOWHERE,
            SelectItem::QualifiedStar(name) => name.span = NOWHERE,
            SelectItem::Expr { expr, alias, written } => {
                strip_expr(expr);
                if let Some(alias) = alias {
                    alias.span = NOWHERE;
                    // It names nothing then, and is printed anew.
                    *written = expr.to_string();
                }
            }
        }
    }
    strip_source(&mut select.from.source);
    for join in &mut select.from.joins {
        strip_source(&mut join.source);
        strip_expr(&mut join.on);
    }
    let options = [&mut select.filter, &mut select.having, &mut select.limit, &mut select.offset];
    options.into_iter().flatten().for_each(strip_expr);
    select.group_by.iter_mut().for_each(strip_expr);
    select.order_by.iter_mut().for_each(|key| strip_expr(&mut key.expr));
    select.as_of.iter_mut().for_each(|moment| moment.span = NOWHERE);
}

fn strip_source(source: &mut Source) {
    source.span = NOWHERE;
    source.alias.iter_mut().for_each(|alias| alias.span = NOWHERE);
    match &mut source.kind {
        SourceKind::Select(select) => strip_select(select),
        SourceKind::Table { name, version } => {
            name.span = NOWHERE;
            match version {
                Version::Statement => {}
                Version::AsOf(moment) => moment.span = NOWHERE,
                Version::History(span) => *span = NOWHERE,
            }
        }
    }
}

pub(super) fn strip_expr(expr: &mut Expr) {
    expr.span = NOWHERE;
    match &mut expr.kind {
        ExprKind::Literal(_) | ExprKind::Parameter(_) => {}
        ExprKind::Name(name) => name.span = NOWHERE,
        ExprKind::Path { base, steps } => {
            strip_expr(base);
            for step in steps {
                match step {
                    PathStep::Key(key) => key.span = NOWHERE,
                    PathStep::QuotedKey(_, span) | PathStep::Index(_, span) => *span = NOWHERE,
                }
            }
        }
        ExprKind::Unary { operand, .. } | ExprKind::IsNull { operand, .. } => strip_expr(operand),
        ExprKind::Binary { op_span, left, right, .. } => {
            *op_span = NOWHERE;
            strip_expr(left);
            strip_expr(right);
        }
        ExprKind::Between { operand, low, high, .. } => {
            [operand, low, high].into_iter().for_each(|expr| strip_expr(expr));
        }
        ExprKind::InList { operand, items, .. } => {
            strip_expr(operand);
            items.iter_mut().for_each(strip_expr);
        }
        ExprKind::InSelect { operand, select, .. } => {
            strip_expr(operand);
            strip_select(select);
        }
        ExprKind::Exists(select) => strip_select(select),
        ExprKind::Call(call) => {
            call.name.span = NOWHERE;
            call.args.iter_mut().for_each(strip_expr);
        }
        ExprKind::Case { operand, branches, otherwise } => {
            operand.iter_mut().for_each(|expr| strip_expr(expr));
            for (when, then) in branches {
                strip_expr(when);
                strip_expr(then);
            }
            otherwise.iter_mut().for_each(|expr| strip_expr(expr));
        }
        ExprKind::Cast { operand, target } => {
            strip_expr(operand);
            target.span = NOWHERE;
        }
    }
}
