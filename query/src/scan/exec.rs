//! One physical operator for all tables: a [`Source`] that gives batches.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::internal_err;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::sort_pushdown::SortOrderPushdownResult;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::fmt;
use std::sync::Arc;

/// Where rows come from.
pub(crate) trait Source: fmt::Debug + Send + Sync + 'static {
    /// Table and bounds, for EXPLAIN.
    fn describe(&self) -> String;

    /// The columns it gives.
    fn schema(&self) -> SchemaRef;

    /// How many rows it gives, when that is known without reading.
    fn rows(&self) -> Option<usize> {
        None
    }

    /// How many rows there are where it reads, those included that it need not look at.
    fn of_rows(&self) -> Option<usize> {
        None
    }

    /// Places of columns (in [`Source::schema`]) that never descend along its rows and are never null; the
    /// flag says that no two rows are equal in it.
    fn ascending(&self) -> Vec<(usize, bool)> {
        Vec::new()
    }

    /// The same rows in the opposite order, where it can give them so.
    fn reversed(&self) -> Option<Arc<dyn Source>> {
        None
    }

    /// The rows. `fetch` is a hint: no more will be taken.
    fn open(
        &self,
        fetch: Option<usize>,
        memory: &Arc<dyn MemoryPool>,
    ) -> BoxStream<'static, Result<RecordBatch>>;
}

/// The operator.
#[derive(Debug)]
pub(crate) struct ScanExec {
    source: Arc<dyn Source>,
    fetch: Option<usize>,
    reversed: bool,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScanExec {
    pub(crate) fn new(source: Arc<dyn Source>, fetch: Option<usize>) -> Self {
        Self::in_order(source, fetch, false)
    }

    /// The order is told to the planner: a filter above keeps it, so what is streamed through one is not gathered
    /// to be sorted into the order it has.
    fn in_order(source: Arc<dyn Source>, fetch: Option<usize>, reversed: bool) -> Self {
        let schema = source.schema();
        let orders = source.ascending().into_iter().map(|(place, _)| {
            let column = Arc::new(Column::new(schema.field(place).name(), place));
            [PhysicalSortExpr::new(column, SortOptions::new(reversed, reversed))]
        });
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema.clone(), orders),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Self {
            source,
            fetch,
            reversed,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    fn again(&self, source: Arc<dyn Source>, fetch: Option<usize>, reversed: bool) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self::in_order(source, fetch, reversed))
    }
}

impl ScanExec {
    /// What is read, how far and in which order.
    pub(crate) fn words(&self) -> String {
        let order = if self.reversed { ", last to first" } else { "" };
        let most = self.fetch.map_or_else(String::new, |most| format!(", at most {most}"));
        format!("{}{order}{most}", self.source.describe())
    }

    /// See [`Source::of_rows`].
    pub(crate) fn of_rows(&self) -> Option<usize> {
        self.source.of_rows()
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {}", self.words())
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a scan has no children") }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let mut left = self.fetch.unwrap_or(usize::MAX);
        let time = metrics.elapsed_compute().clone();
        let mut opened = self.source.open(self.fetch, context.memory_pool());
        // What it takes to make the rows; what it takes others to take them is theirs.
        let batches = stream::poll_fn(move |task| {
            let _timer = time.timer();
            opened.poll_next_unpin(task)
        });
        let batches = batches
            .map(move |batch| {
                let batch = batch?;
                let batch = if batch.num_rows() > left { batch.slice(0, left) } else { batch };
                left -= batch.num_rows();
                Ok((batch.record_output(&metrics), left == 0))
            })
            .scan(false, |done, item: Result<(RecordBatch, bool)>| {
                let next = if *done { None } else { Some(item) };
                *done = matches!(next, Some(Ok((_, true)) | Err(_)));
                std::future::ready(next.map(|item| item.map(|(batch, _)| batch)))
            });
        // A batch may take milliseconds to make: after each the others, the time limit and whoever gave the
        // query up get a word in.
        let batches = batches.then(|batch| async move {
            tokio::task::yield_now().await;
            batch
        });
        Ok(make_cooperative(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        if let Some(rows) = self.source.rows() {
            statistics.num_rows = Precision::Exact(rows.min(self.fetch.unwrap_or(usize::MAX)));
        }
        Ok(Arc::new(statistics))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn with_fetch(&self, fetch: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(self.again(self.source.clone(), fetch, self.reversed))
    }

    /// A table is in order of its key already; one that can be read from its end needs no sort for the
    /// opposite order either.
    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let unsupported = Ok(SortOrderPushdownResult::Unsupported);
        let ascending = self.source.ascending();
        let (Some(first), None) = (order.first(), self.fetch) else { return unsupported };
        let descending = first.options.descending;
        for item in order {
            let place = item.expr.downcast_ref::<Column>().map(Column::index);
            match ascending.iter().find(|(column, _)| Some(*column) == place) {
                Some(_) if item.options.descending != descending => return unsupported,
                Some((_, true)) => break,
                Some((_, false)) => {}
                None => return unsupported,
            }
        }
        let inner = match (descending == self.reversed, self.source.reversed()) {
            (true, _) => self.again(self.source.clone(), None, self.reversed),
            (false, Some(source)) => self.again(source, None, !self.reversed),
            (false, None) => return unsupported,
        };
        Ok(SortOrderPushdownResult::Exact { inner })
    }
}
