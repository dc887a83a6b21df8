//! Expressions of a plan as PQL would write them.

use super::LISTED_MAX;
use crate::eval::Datum;
use crate::json;
use crate::lower::{Reader, expression};
use crate::typed::{Expr, Kind};
use crate::types::Type;
use crate::watch::Checked;
use datafusion::common::{JoinType, ScalarValue};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, Literal, NotExpr,
};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use rustc_hash::FxHashMap;

/// Longest expression that is written out, in characters.
const CHARS_MAX: usize = 120;

/// Writes expressions; it knows the statement and what hidden columns stand for.
pub(super) struct Words<'t> {
    text: &'t str,
    hidden: FxHashMap<String, String>,
}

impl<'t> Words<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, hidden: FxHashMap::default() }
    }

    /// Learns what the hidden columns of a plan stand for, those below first: others are made of them.
    pub(super) fn learn(&mut self, plan: &dyn ExecutionPlan) {
        for child in plan.children() {
            self.learn(child.as_ref());
        }
        let mut named: Vec<(String, String)> = Vec::new();
        if let Some(give) = plan.downcast_ref::<ProjectionExec>() {
            named.extend(give.expr().iter().map(|item| (item.alias.clone(), self.of(item.expr.as_ref()))));
        }
        if let Some(group) = plan.downcast_ref::<AggregateExec>() {
            let keys = group.group_expr().expr().iter();
            named.extend(keys.map(|(key, alias)| (alias.clone(), self.of(key.as_ref()))));
            let values = group.aggr_expr().iter();
            named.extend(values.map(|value| (value.name().to_owned(), self.aggregate(value))));
        }
        named.retain(|(name, words)| name.starts_with('#') && name != words);
        self.hidden.extend(named);
    }

    /// An expression.
    pub(super) fn of(&self, expr: &dyn PhysicalExpr) -> String {
        let words = self.whole(expr);
        match words.char_indices().nth(CHARS_MAX) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words,
        }
    }

    fn whole(&self, expr: &dyn PhysicalExpr) -> String {
        if let Some(column) = expr.downcast_ref::<Column>() {
            return self.hidden.get(column.name()).cloned().unwrap_or_else(|| column.name().to_owned());
        }
        if let Some(checked) = expr.downcast_ref::<Checked>() {
            return self.whole(checked.inner());
        }
        if let Some(literal) = expr.downcast_ref::<Literal>() {
            return constant(literal.value());
        }
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            let op = binary.op();
            let side = |side: &dyn PhysicalExpr| {
                let is_other = side
                    .downcast_ref::<BinaryExpr>()
                    .is_some_and(|inner| inner.op() != op && inner.op().precedence() < op.precedence());
                let words = self.whole(side);
                if is_other { format!("({words})") } else { words }
            };
            return format!("{} {op} {}", side(binary.left().as_ref()), side(binary.right().as_ref()));
        }
        if let Some(not) = expr.downcast_ref::<NotExpr>() {
            return format!("NOT ({})", self.whole(not.arg().as_ref()));
        }
        if let Some(is) = expr.downcast_ref::<IsNullExpr>() {
            return format!("{} IS NULL", self.whole(is.arg().as_ref()));
        }
        if let Some(is) = expr.downcast_ref::<IsNotNullExpr>() {
            return format!("{} IS NOT NULL", self.whole(is.arg().as_ref()));
        }
        if let Some(among) = expr.downcast_ref::<InListExpr>() {
            let items = among.list().iter().map(|item| self.whole(item.as_ref()));
            let not = if among.negated() { " NOT" } else { "" };
            return format!("{}{not} IN ({})", self.whole(among.expr().as_ref()), list(items));
        }
        if let Some(cast) = expr.downcast_ref::<CastExpr>() {
            return self.whole(cast.expr().as_ref());
        }
        if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
            let args: Vec<String> = call.args().iter().map(|arg| self.whole(arg.as_ref())).collect();
            return match expression(call.fun()) {
                Some(expr) => self.written(expr, &|place| args.get(place).cloned().unwrap_or_default()),
                None => format!("{}({})", call.name(), args.join(", ")),
            };
        }
        expr.to_string()
    }

    /// A resolved expression: as the statement has it, if it does; `name` is what its columns are called.
    pub(super) fn written(&self, expr: &Expr, name: &dyn Fn(usize) -> String) -> String {
        match &expr.kind {
            Kind::Column(column) => return name(column.column),
            // Where the parts stand may be all over the statement.
            Kind::And(parts) => {
                return parts.iter().map(|part| self.written(part, name)).collect::<Vec<_>>().join(" AND ");
            }
            _ => {}
        }
        let written = self.text.get(expr.span.start..expr.span.end).filter(|text| !text.is_empty());
        match written {
            Some(text) if matches!(expr.kind, Kind::Or(_)) => format!("({})", one_line(text)),
            Some(text) => one_line(text),
            None => expr.to_string(),
        }
    }

    /// An aggregate.
    pub(super) fn aggregate(&self, value: &AggregateFunctionExpr) -> String {
        let args = value.expressions();
        let is_count_of_rows = args.iter().all(|arg| arg.is::<Literal>());
        let args = match is_count_of_rows {
            true => "*".to_owned(),
            false => args.iter().map(|arg| self.whole(arg.as_ref())).collect::<Vec<_>>().join(", "),
        };
        let distinct = if value.is_distinct() { "DISTINCT " } else { "" };
        format!("{}({distinct}{args})", value.fun().name())
    }

    /// An item of a select list.
    pub(super) fn item(&self, expr: &dyn PhysicalExpr, alias: &str) -> String {
        let words = self.of(expr);
        let is_named_so =
            words == alias || alias.strip_suffix(&words).is_some_and(|source| source.ends_with('.'));
        if is_named_so { alias.to_owned() } else { format!("{words} AS {alias}") }
    }

    /// A join: what comes of it, and on what.
    pub(super) fn join<'e>(
        &self,
        kind: JoinType,
        on: impl Iterator<Item = (&'e dyn PhysicalExpr, &'e dyn PhysicalExpr)>,
        filter: Option<&JoinFilter>,
    ) -> String {
        let kind = match kind {
            JoinType::Inner => "",
            JoinType::Left | JoinType::Right => "with all rows of one side ",
            JoinType::Full => "with all rows of both sides ",
            JoinType::LeftSemi | JoinType::RightSemi => "for whether there is one ",
            JoinType::LeftAnti | JoinType::RightAnti => "for whether there is none ",
            JoinType::LeftMark | JoinType::RightMark => "to mark whether there is one ",
        };
        let on = on.map(|(left, right)| format!("{} = {}", self.of(left), self.of(right)));
        let filter = filter.map(|filter| self.of(filter.expression().as_ref()));
        let on: Vec<String> = on.chain(filter).collect();
        match on.is_empty() {
            true => format!("{kind}without a condition"),
            false => format!("{kind}on {}", on.join(" AND ")),
        }
    }
}

/// A key of an order.
pub(super) fn key(key: String, descending: bool) -> String {
    if descending { format!("{key} DESC") } else { key }
}

/// A list with an end.
pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.collect();
    if items.len() > LISTED_MAX {
        let more = items.len() - LISTED_MAX + 1;
        items.truncate(LISTED_MAX - 1);
        items.push(format!("{more} more"));
    }
    items.join(", ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A constant.
fn constant(value: &ScalarValue) -> String {
    let ty = match value {
        ScalarValue::Utf8(_) | ScalarValue::LargeUtf8(_) | ScalarValue::Utf8View(_) => Type::Text,
        ScalarValue::Boolean(_) => Type::Bool,
        ScalarValue::Int64(_) => Type::Int,
        ScalarValue::Float64(_) => Type::Float,
        ScalarValue::TimestampMicrosecond(..) => Type::Time,
        ScalarValue::DurationMicrosecond(_) => Type::Duration,
        ScalarValue::List(_) => Type::Set,
        _ => return value.to_string(),
    };
    let reader = value.to_array().and_then(|array| Reader::new(&array, ty));
    let Ok(reader) = reader else { return value.to_string() };
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    match reader.get(0) {
        Datum::Null => "null".to_owned(),
        Datum::Bool(value) => value.to_string(),
        Datum::Int(value) => value.to_string(),
        Datum::Float(value) => format!("{value:?}"),
        Datum::Text(text) | Datum::Json(text) => quoted(&text),
        Datum::Time(micros) => format!("'{}'", written(&|out| json::write_time(micros, out))),
        Datum::Duration(micros) => written(&|out| json::write_duration(micros, out)),
        Datum::Set(members) => {
            let members: Vec<String> = members.iter().map(|member| quoted(member)).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
