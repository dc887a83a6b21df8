//! How a query is answered, one step a line: what EXPLAIN shows, and with ANALYZE what each step cost.

mod words;

use crate::direct::Answer;
use crate::plan::{Direct, KEY, Lookup, OutputColumn};
use crate::scan::ScanExec;
use crate::types::Type;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use std::sync::Arc;
use std::time::Duration;
use words::Words;

/// Blanks a step is set in beneath the one that takes its rows.
const INDENT: usize = 2;

/// Items of a list that are written out; of more it is said how many there are.
pub(super) const LISTED_MAX: usize = 8;

/// What is done to rows, beneath what is done with them afterwards.
#[derive(Debug, Default)]
pub(crate) struct Step {
    depth: usize,
    /// One word.
    operation: &'static str,
    /// The rest of the sentence.
    details: String,
    /// Rows it gave, bytes of them, and µs it took itself; none where that is not known.
    rows: Option<usize>,
    /// Rows there are where it reads.
    of_rows: Option<usize>,
    bytes: Option<usize>,
    time_us: Option<usize>,
}

/// The columns of EXPLAIN, or of EXPLAIN ANALYZE.
pub(crate) fn columns(analyzed: bool) -> Vec<OutputColumn> {
    let shown = [("step", Type::Text), ("operation", Type::Text), ("depth", Type::Int)];
    let counted = ["rows", "of_rows", "bytes", "time_us"].map(|name| (name, Type::Int));
    let counted = counted.into_iter().filter(|_| analyzed);
    shown.into_iter().chain(counted).map(|(name, ty)| OutputColumn { name: name.to_owned(), ty }).collect()
}

/// The rows of EXPLAIN in those columns.
pub(crate) fn batch(steps: &[Step], schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let line = |step: &Step| {
        let blank = if step.details.is_empty() { "" } else { " " };
        format!("{:indent$}{}{blank}{}", "", step.operation, step.details, indent = step.depth * INDENT)
    };
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let numbers = |of: fn(&Step) -> Option<usize>| -> ArrayRef {
        Arc::new(steps.iter().map(|step| of(step).map(number)).collect::<Int64Array>())
    };
    let all: [ArrayRef; 7] = [
        Arc::new(steps.iter().map(|step| Some(line(step))).collect::<StringArray>()),
        Arc::new(steps.iter().map(|step| Some(step.operation)).collect::<StringArray>()),
        numbers(|step| Some(step.depth)),
        numbers(|step| step.rows),
        numbers(|step| step.of_rows),
        numbers(|step| step.bytes),
        numbers(|step| step.time_us),
    ];
    RecordBatch::try_new(schema.clone(), all.into_iter().take(schema.fields().len()).collect())
}

/// The steps of a plan; `text` is the statement's. What they cost is known once it ran.
pub(crate) fn of_plan(plan: &dyn ExecutionPlan, text: &str) -> Vec<Step> {
    let mut words = Words::new(text);
    words.learn(plan);
    let mut steps = Vec::new();
    walk(plan, 0, &words, &mut steps);
    steps
}

/// The steps of a direct answer, which took so long as a whole.
pub(crate) fn of_direct(
    direct: &Direct,
    answer: &Answer,
    columns: &[OutputColumn],
    text: &str,
    took: Duration,
) -> Vec<Step> {
    let words = Words::new(text);
    let mut steps = Vec::new();
    let mut then = |operation: &'static str, details: String| {
        steps.push(Step { depth: steps.len(), operation, details, ..Step::default() });
    };
    then("give", words::list(columns.iter().map(|column| column.name.clone())));
    if let Some(details) = cut(direct.offset, direct.limit) {
        then("take", details);
    }
    if !direct.is_by_key() {
        let keys = direct.order.iter().map(|key| {
            words::key(
                words.written(&key.expr, &|column| direct.schema.columns[column].name.to_owned()),
                key.descending,
            )
        });
        then("sort", format!("by {}", words::list(keys)));
    }
    let name = |column: usize| direct.schema.columns[column].name.to_owned();
    then("keep", format!("rows where {}", words.written(&direct.filter, &name)));
    let lookup = |lookup: &Lookup| {
        let values: Vec<String> =
            lookup.values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
        let column = direct.schema.columns[lookup.column].name;
        let by = if lookup.column == KEY { "its key " } else { "" };
        match &values[..] {
            [only] => format!("{by}{column} = {only}"),
            _ => format!("{by}{column} IN ({})", words::list(values.iter().cloned())),
        }
    };
    let ways =
        answer.ways.iter().map(|way| direct.ways[*way].iter().map(lookup).collect::<Vec<_>>().join(" or "));
    let ways = ways.collect::<Vec<_>>().join(", and by ");
    let at = match direct.at.is_head {
        true => String::new(),
        false => format!(" at {}", direct.at.position),
    };
    then("look up", format!("{}{at} by {ways}", direct.schema.name));
    let bytes = answer.batch.get_array_memory_size();
    if let Some(first) = steps.first_mut() {
        first.rows = Some(answer.batch.num_rows());
        first.bytes = Some(bytes);
        first.time_us = usize::try_from(took.as_micros()).ok();
    }
    if let Some(last) = steps.last_mut() {
        last.rows = Some(answer.examined);
        last.of_rows = answer.of_rows;
    }
    steps
}

fn walk(plan: &dyn ExecutionPlan, depth: usize, words: &Words<'_>, steps: &mut Vec<Step>) {
    let below = match step(plan, words) {
        Some((operation, details)) => {
            let metrics = plan.metrics().unwrap_or_default();
            let rows = metrics.output_rows();
            let bytes = metrics.sum(|metric| matches!(metric.value(), MetricValue::OutputBytes(_)));
            let time_us = metrics.elapsed_compute().map(|nanos| nanos / 1_000);
            let details = match metrics.spilled_bytes().filter(|&bytes| bytes > 0) {
                Some(bytes) => format!("{details}, {bytes} bytes of it on disk"),
                None => details,
            };
            let of_rows = plan.downcast_ref::<ScanExec>().and_then(ScanExec::of_rows);
            steps.push(Step {
                depth,
                operation,
                details,
                rows,
                of_rows,
                bytes: bytes.map(|bytes| bytes.as_usize()),
                time_us,
            });
            depth + 1
        }
        None => depth,
    };
    for child in plan.children() {
        walk(child.as_ref(), below, words, steps);
    }
}

/// What a node does, in words; none for one that does nothing to rows.
fn step(plan: &dyn ExecutionPlan, words: &Words<'_>) -> Option<(&'static str, String)> {
    if let Some(scan) = plan.downcast_ref::<ScanExec>() {
        return Some(("read", scan.words()));
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let most = filter.fetch().map_or_else(String::new, |most| format!(", at most {most}"));
        return Some(("keep", format!("rows where {}{most}", words.of(filter.predicate().as_ref()))));
    }
    if let Some(give) = plan.downcast_ref::<ProjectionExec>() {
        let shown = give.expr().iter().filter(|item| !item.alias.starts_with('#'));
        let items = shown.map(|item| words.item(item.expr.as_ref(), &item.alias));
        return Some(("give", words::list(items)));
    }
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        let keys =
            sort.expr().iter().map(|key| words::key(words.of(key.expr.as_ref()), key.options.descending));
        let most = sort.fetch().map_or_else(String::new, |most| format!(", the first {most}"));
        return Some(("sort", format!("by {}{most}", words::list(keys))));
    }
    if let Some(limit) = plan.downcast_ref::<GlobalLimitExec>() {
        return cut(limit.skip(), limit.fetch()).map(|details| ("take", details));
    }
    if let Some(limit) = plan.downcast_ref::<LocalLimitExec>() {
        return cut(0, Some(limit.fetch())).map(|details| ("take", details));
    }
    if let Some(group) = plan.downcast_ref::<AggregateExec>() {
        let keys = group.group_expr().expr().iter().map(|(key, _)| words.of(key.as_ref()));
        let values = group.aggr_expr().iter().map(|value| words.aggregate(value));
        let (keys, values) = (words::list(keys), words::list(values));
        return Some(match (keys.is_empty(), values.is_empty()) {
            (_, true) => ("distinct", keys),
            (true, false) => ("group", format!("all rows: {values}")),
            (false, false) => ("group", format!("by {keys}: {values}")),
        });
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let on = join.on().iter().map(|(left, right)| (left.as_ref(), right.as_ref()));
        let details = words.join(*join.join_type(), on, join.filter());
        return Some(("join", format!("{details}, one side in memory")));
    }
    if let Some(join) = plan.downcast_ref::<SortMergeJoinExec>() {
        let on = join.on().iter().map(|(left, right)| (left.as_ref(), right.as_ref()));
        let details = words.join(join.join_type(), on, join.filter().as_ref());
        return Some(("join", format!("{details}, both sides sorted")));
    }
    if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        let details = words.join(*join.join_type(), std::iter::empty(), join.filter());
        return Some(("join", format!("{details}, every row with every row")));
    }
    Some(match plan.name() {
        "CooperativeExec"
        | "CoalesceBatchesExec"
        | "CoalescePartitionsExec"
        | "RepartitionExec"
        | "BufferExec" => return None,
        "CrossJoinExec" => ("join", "every row with every row".to_owned()),
        "SortPreservingMergeExec" => ("merge", "sorted parts".to_owned()),
        "UnionExec" | "InterleaveExec" => ("append", "one to the other".to_owned()),
        "EmptyExec" => ("read", "nothing".to_owned()),
        "PlaceholderRowExec" => ("read", "one row without columns".to_owned()),
        "DataSourceExec" => ("read", "values".to_owned()),
        name => ("run", name.trim_end_matches("Exec").to_owned()),
    })
}

fn cut(offset: usize, limit: Option<usize>) -> Option<String> {
    match (offset, limit) {
        (0, None) => None,
        (0, Some(limit)) => Some(format!("at most {limit}")),
        (offset, None) => Some(format!("all but the first {offset}")),
        (offset, Some(limit)) => Some(format!("at most {limit} after the first {offset}")),
    }
}
