//! Joins of more than memory holds.
//!
//! A join keeps one side in memory, which is by far the fastest way while that side fits. When it does not, the query is
//! planned once more by [`SortedJoins`]: both sides are sorted, and what does not fit goes on on disk. Nothing was given
//! until then, and both plans read the same head.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::JoinType;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::CastExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, JoinOn, NestedLoopJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::sorts::sort::SortExec;
use std::sync::Arc;

/// Joins on equality sort both sides; those of every row with every row read one side again and again from disk.
#[derive(Debug)]
pub(crate) struct SortedJoins;

impl PhysicalOptimizerRule for SortedJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let sorted = |node: Arc<dyn ExecutionPlan>| {
            Ok(match of_less_memory(node.as_ref())? {
                Some(other) => Transformed::yes(other),
                None => Transformed::no(node),
            })
        };
        plan.transform_up(sorted).data()
    }

    fn name(&self) -> &str {
        "SortedJoins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The same join in a way that needs not one whole side in memory, if there is one.
fn of_less_memory(join: &dyn ExecutionPlan) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(join) = join.downcast_ref::<CrossJoinExec>() {
        let (left, right) = (join.left().clone(), join.right().clone());
        let other = NestedLoopJoinExec::try_new(left, right, None, &JoinType::Inner, None)?;
        return Ok(Some(Arc::new(other)));
    }
    let Some(join) = join.downcast_ref::<HashJoinExec>() else { return Ok(None) };
    // What a null in the select of NOT IN means, sorted joins do not know.
    if join.null_aware || join.projection.is_some() {
        return Ok(None);
    }
    let Some(on) = comparable(join)? else { return Ok(None) };
    let options = vec![Default::default(); on.len()];
    let other = SortMergeJoinExec::try_new(
        join.left().clone(),
        join.right().clone(),
        on,
        join.filter().cloned(),
        *join.join_type(),
        options,
        join.null_equality(),
    )?;
    Ok(Some(Arc::new(other)))
}

/// What the sides are joined on, as sorted joins compare it: they know neither durations nor times of a zone, which are
/// whole numbers beneath; there is no way to tell them of sets.
fn comparable(join: &HashJoinExec) -> Result<Option<JoinOn>> {
    let mut on = JoinOn::with_capacity(join.on().len());
    let (left_schema, right_schema) = (join.left().schema(), join.right().schema());
    for (left, right) in join.on() {
        let types = (left.data_type(&left_schema)?, right.data_type(&right_schema)?);
        on.push(match types {
            (DataType::Boolean | DataType::Int64 | DataType::Float64 | DataType::Utf8, _) => {
                (left.clone(), right.clone())
            }
            (DataType::Timestamp(..) | DataType::Duration(_), _) => (whole(left), whole(right)),
            _ => return Ok(None),
        });
    }
    Ok(Some(on))
}

fn whole(key: &Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    Arc::new(CastExpr::new(key.clone(), DataType::Int64, None))
}

/// Whether a plan may need less memory when [`SortedJoins`] plans it.
pub(crate) fn keeps_a_side(plan: &Arc<dyn ExecutionPlan>) -> bool {
    any(plan, &|node| {
        node.downcast_ref::<CrossJoinExec>().is_some()
            || node.downcast_ref::<HashJoinExec>().is_some_and(|join| !join.null_aware)
    })
}

fn any(plan: &Arc<dyn ExecutionPlan>, of: &impl Fn(&dyn ExecutionPlan) -> bool) -> bool {
    of(plan.as_ref()) || plan.children().into_iter().any(|child| any(child, of))
}

/// Sorts of a plan: each keeps memory back to merge what it put on disk.
pub(crate) fn sorts(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let below: usize = plan.children().into_iter().map(sorts).sum();
    below + usize::from(plan.downcast_ref::<SortExec>().is_some())
}
