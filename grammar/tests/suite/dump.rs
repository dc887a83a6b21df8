//! Trees as fully parenthesised text, so that a test sees shapes the printer would hide.

use agentpm_grammar::ast::{
    Cte, ExplainTarget, Expr, ExprKind, Ident, Join, JoinKind, Literal, Moment, MomentKind, NextTask,
    PathStep, Quantified, Select, SelectItem, Source, SourceKind, Start, Statement, StatementKind,
    SubscribeSource, UnaryOp, Version,
};

pub(crate) fn statement(statement: &Statement) -> String {
    match &statement.kind {
        StatementKind::Select(it) => select(it),
        StatementKind::NextTask(it) => format!("(next_task{})", next_task(it)),
        StatementKind::Claim(it) => {
            let lease = it.lease.map(|(duration, _)| format!(" (lease {duration:?})")).unwrap_or_default();
            format!(
                "(claim (for {}){}{lease}{})",
                expr(&it.agent),
                clause("where", it.filter.as_ref()),
                clause("limit", it.limit.as_ref())
            )
        }
        StatementKind::Subscribe(it) => {
            let source = match &it.source {
                SubscribeSource::Table(name) => ident(name),
                SubscribeSource::Select(it) => select(it),
            };
            let start = match &it.start {
                Start::Now => "now".to_owned(),
                Start::Beginning => "beginning".to_owned(),
                Start::After(position) => format!("(after {})", expr(position)),
            };
            format!("(subscribe {source}{} {start})", clause("where", it.filter.as_ref()))
        }
        StatementKind::CreateProjection { name, select: it } => {
            format!("(create_projection {} {})", ident(name), select(it))
        }
        StatementKind::DropProjection(name) => format!("(drop_projection {})", ident(name)),
        StatementKind::Explain(it) => {
            let analyze = if it.analyze { " analyze" } else { "" };
            match &it.target {
                ExplainTarget::Select(it) => format!("(explain{analyze} {})", select(it)),
                ExplainTarget::NextTask(it) => format!("(explain{analyze} (next_task{}))", next_task(it)),
            }
        }
        StatementKind::ShowTables => "(show_tables)".to_owned(),
        StatementKind::Describe(name) => format!("(describe {})", ident(name)),
    }
}

fn next_task(it: &NextTask) -> String {
    [
        clause("for", it.agent.as_ref()),
        clause("where", it.filter.as_ref()),
        clause("limit", it.limit.as_ref()),
        it.as_of.as_ref().map(|it| format!(" (as_of {})", moment(it))).unwrap_or_default(),
    ]
    .concat()
}

fn select(it: &Select) -> String {
    let with: String = it.with.iter().map(cte).collect();
    let items: Vec<String> = it.items.iter().map(item).collect();
    let joins: String = it.from.joins.iter().map(join).collect();
    let order: Vec<String> = it
        .order_by
        .iter()
        .map(|key| {
            let direction = if key.descending { " desc" } else { "" };
            let nulls = match key.nulls_first {
                Some(true) => " nulls_first",
                Some(false) => " nulls_last",
                None => "",
            };
            format!("{}{direction}{nulls}", expr(&key.expr))
        })
        .collect();
    [
        "(select".to_owned(),
        with,
        if it.distinct { " distinct".to_owned() } else { String::new() },
        format!(" [{}]", items.join(", ")),
        format!(" (from {}{joins})", source(&it.from.source)),
        clause("where", it.filter.as_ref()),
        list(" group_by", &it.group_by),
        clause("having", it.having.as_ref()),
        if order.is_empty() { String::new() } else { format!(" (order_by [{}])", order.join(", ")) },
        clause("limit", it.limit.as_ref()),
        clause("offset", it.offset.as_ref()),
        it.as_of.as_ref().map(|it| format!(" (as_of {})", moment(it))).unwrap_or_default(),
        ")".to_owned(),
    ]
    .concat()
}

fn cte(it: &Cte) -> String {
    format!(" (with {} {})", ident(&it.name), select(&it.select))
}

fn item(it: &SelectItem) -> String {
    match it {
        SelectItem::Star(_) => "*".to_owned(),
        SelectItem::QualifiedStar(name) => format!("{}.*", ident(name)),
        SelectItem::Expr { expr: it, alias: Some(alias), .. } => format!("{} as {}", expr(it), ident(alias)),
        SelectItem::Expr { expr: it, alias: None, .. } => expr(it),
    }
}

fn source(it: &Source) -> String {
    let kind = match &it.kind {
        SourceKind::Table { name, version: Version::Statement } => ident(name),
        SourceKind::Table { name, version: Version::History(_) } => format!("(history {})", ident(name)),
        SourceKind::Table { name, version: Version::AsOf(it) } => {
            format!("(as_of {} {})", ident(name), moment(it))
        }
        SourceKind::Select(it) => select(it),
    };
    match &it.alias {
        Some(alias) => format!("{kind} as {}", ident(alias)),
        None => kind,
    }
}

fn join(it: &Join) -> String {
    let kind = match it.kind {
        JoinKind::Inner => "inner",
        JoinKind::Left => "left",
    };
    format!(" ({kind} {} (on {}))", source(&it.source), expr(&it.on))
}

fn moment(it: &Moment) -> String {
    match &it.kind {
        MomentKind::Time(micros) => format!("time {micros}"),
        MomentKind::Position(position) => format!("position {position}"),
        MomentKind::Event(id) => format!("event {id:?}"),
        MomentKind::Ago(duration) => format!("ago {duration:?}"),
        MomentKind::Now => "now".to_owned(),
    }
}

fn ident(it: &Ident) -> String {
    if it.quoted { format!("{:?}", it.name) } else { it.name.clone() }
}

fn clause(name: &str, it: Option<&Expr>) -> String {
    it.map(|it| format!(" ({name} {})", expr(it))).unwrap_or_default()
}

fn list(name: &str, exprs: &[Expr]) -> String {
    let exprs: Vec<String> = exprs.iter().map(expr).collect();
    if exprs.is_empty() { String::new() } else { format!("{name} [{}]", exprs.join(", ")) }
}

pub(crate) fn expr(it: &Expr) -> String {
    match &it.kind {
        ExprKind::Literal(it) => literal(it),
        ExprKind::Parameter(it) => format!("{it:?}"),
        ExprKind::Name(name) => ident(name),
        ExprKind::Path { base, steps } => {
            let steps: String = steps
                .iter()
                .map(|step| match step {
                    PathStep::Key(key) => format!(".{}", ident(key)),
                    PathStep::QuotedKey(key, _) => format!("[{key:?}]"),
                    PathStep::Index(index, _) => format!("[{index}]"),
                })
                .collect();
            format!("(path {} {steps})", expr(base))
        }
        ExprKind::Unary { op: UnaryOp::Minus, operand } => format!("(Minus {})", expr(operand)),
        ExprKind::Unary { op: UnaryOp::Not, operand } => format!("(Not {})", expr(operand)),
        ExprKind::Binary { op, left, right, .. } => format!("({op:?} {} {})", expr(left), expr(right)),
        ExprKind::Between { negated, operand, low, high } => {
            format!("({}between {} {} {})", not(*negated), expr(operand), expr(low), expr(high))
        }
        ExprKind::InList { negated, operand, items } => {
            format!("({}in {}{})", not(*negated), expr(operand), list("", items))
        }
        ExprKind::InSelect { negated, operand, select: it } => {
            format!("({}in {} {})", not(*negated), expr(operand), select(it))
        }
        ExprKind::Exists(it) => format!("(exists {})", select(it)),
        ExprKind::IsNull { negated, operand } => format!("({}null {})", not(*negated), expr(operand)),
        ExprKind::Call(call) => {
            let quantified = match call.quantified {
                Quantified::All => "",
                Quantified::Distinct => " distinct",
            };
            let star = if call.star { " *" } else { "" };
            format!("({}(){star}{quantified}{})", call.name.name, list("", &call.args))
        }
        ExprKind::Case { operand, branches, otherwise } => {
            let operand = operand.as_ref().map(|it| format!(" {}", expr(it))).unwrap_or_default();
            let branches: String =
                branches.iter().map(|(when, then)| format!(" ({} => {})", expr(when), expr(then))).collect();
            let otherwise = otherwise.as_ref().map(|it| format!(" (else {})", expr(it))).unwrap_or_default();
            format!("(case{operand}{branches}{otherwise})")
        }
        ExprKind::Cast { operand, target } => format!("(cast {} {})", expr(operand), ident(target)),
    }
}

fn literal(it: &Literal) -> String {
    match it {
        Literal::Null => "null".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Decimal(value) => format!("{value:?}"),
        Literal::Text(text) => format!("'{text}'"),
        Literal::Duration(duration) => format!("{duration:?}"),
        Literal::Set(members) => format!("{members:?}"),
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "not_" } else { "" }
}
