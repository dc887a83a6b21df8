//! A query's time while it computes.
//!
//! An engine thread asks a query for its next rows and gets its word back when they are there. What takes long before there is a
//! row to give (a join of which no pair fits, an expression over long texts) would be past its time by as much, and would
//! not see that its reader is gone. So joins give way after each batch, and what looks at rows one by one, or pair by
//! pair, asks [`check`] whether it should go on.

use crate::stream::Item;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use thiserror::Error as ThisError;
use tokio::sync::mpsc;
use tokio::time::Instant;

tokio::task_local! {
    /// Of the query whose task this is.
    static WATCH: Watch;
}

/// Until when a query may compute, and for whom.
pub(crate) struct Watch {
    until: Cell<Option<Instant>>,
    reader: mpsc::Sender<Item>,
}

/// It should not go on. Its own task knows which of the two it is.
#[derive(Debug, ThisError)]
#[error("the query's time is over, or nobody takes its rows any more")]
struct Over;

impl Watch {
    pub(crate) fn of(reader: mpsc::Sender<Item>) -> Self {
        Self { until: Cell::new(None), reader }
    }

    /// Carries out a query under this watch.
    pub(crate) async fn over<F: Future>(self, query: F) -> F::Output {
        WATCH.scope(self, query).await
    }
}

/// From now on the query of this task may compute until then.
pub(crate) fn until(until: Instant) {
    let _ = WATCH.try_with(|watch| watch.until.set(Some(until)));
}

/// An error when the query of this task should not go on. Costs a look at the clock.
pub(crate) fn check() -> Result<()> {
    let is_over = WATCH.try_with(|watch| {
        watch.until.get().is_some_and(|until| Instant::now() >= until) || watch.reader.is_closed()
    });
    match is_over {
        Ok(true) => Err(DataFusionError::External(Box::new(Over))),
        _ => Ok(()),
    }
}

/// Rows after which what looks at rows one by one checks.
pub(crate) const CHECK_ROWS: usize = 128;

/// Puts [`Checked`] around what joins look at pair by pair; it comes first, before the sides of joins are chosen.
#[derive(Debug)]
pub(crate) struct CheckedJoins;

impl PhysicalOptimizerRule for CheckedJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let checked = |node: Arc<dyn ExecutionPlan>| {
            Ok(match checked(node.as_ref())? {
                Some(join) => Transformed::yes(join),
                None => Transformed::no(node),
            })
        };
        plan.transform_up(checked).data()
    }

    fn name(&self) -> &str {
        "CheckedJoins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn checked(join: &dyn ExecutionPlan) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(join) = join.downcast_ref::<HashJoinExec>() {
        let Some(filter) = join.filter().map(Checked::filter) else { return Ok(None) };
        return join.builder().with_filter(Some(filter)).build_exec().map(Some);
    }
    let Some(join) = join.downcast_ref::<NestedLoopJoinExec>() else { return Ok(None) };
    let Some(filter) = join.filter().map(Checked::filter) else { return Ok(None) };
    let projection = join.projection().as_ref().map(|places| places.to_vec());
    let (left, right) = (join.left().clone(), join.right().clone());
    Ok(Some(Arc::new(NestedLoopJoinExec::try_new(left, right, Some(filter), join.join_type(), projection)?)))
}

/// Makes joins give way after each of their batches, as scans do: a batch of a scan may become any number of theirs.
#[derive(Debug)]
pub(crate) struct PatientJoins;

impl PhysicalOptimizerRule for PatientJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let patient = |node: Arc<dyn ExecutionPlan>| {
            Ok(match is_join(node.as_ref()) {
                true => Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>),
                false => Transformed::no(node),
            })
        };
        plan.transform_up(patient).data()
    }

    fn name(&self) -> &str {
        "PatientJoins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn is_join(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<HashJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<CrossJoinExec>()
}

/// An expression that checks each time.
#[derive(Debug)]
pub(crate) struct Checked(Arc<dyn PhysicalExpr>);

impl PartialEq for Checked {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq(&other.0)
    }
}

impl Eq for Checked {}

impl Hash for Checked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Checked {
    fn filter(filter: &JoinFilter) -> JoinFilter {
        let checked = Arc::new(Self(filter.expression().clone()));
        JoinFilter::new(checked, filter.column_indices().to_vec(), filter.schema().clone())
    }

    /// The expression itself.
    pub(crate) fn inner(&self) -> &dyn PhysicalExpr {
        self.0.as_ref()
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PhysicalExpr for Checked {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        check()?;
        self.0.evaluate(batch)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.0.return_field(schema)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.0]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(match children.pop() {
            Some(inner) => Arc::new(Self(inner)),
            None => self,
        })
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_sql(f)
    }
}
