//! `next_task`: the tasks of a moment that could be taken, best first.

use super::exec::{ScanExec, Source};
use super::{World, past};
use crate::plan::AsOf;
use crate::tables::next_task::SCHEMA;
use crate::views::{Depths, Entry, Projection, Rows};
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use domain::offer;
use domain::rows::{Agent, Row, Table, Task};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Rows of the first batch; each later one is twice as long, up to [`BATCH_ROWS_MAX`]. Who asks for the
/// next task rarely wants the thousandth.
const BATCH_ROWS_FIRST: usize = 16;

/// Rows of the longest batch.
const BATCH_ROWS_MAX: usize = 2_048;

/// Tasks offered at a moment.
#[derive(Debug)]
pub(crate) struct NextTaskTable {
    world: World,
    /// Who asks; without one, only unassigned tasks are offered, whatever they need.
    agent: Option<Arc<Agent>>,
    at: AsOf,
}

impl NextTaskTable {
    pub(crate) fn new(world: World, agent: Option<Arc<Agent>>, at: AsOf) -> Self {
        Self { world, agent, at }
    }
}

#[async_trait]
impl TableProvider for NextTaskTable {
    fn schema(&self) -> SchemaRef {
        SCHEMA.arrow(false)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let source = NextTaskSource {
            world: self.world.clone(),
            agent: self.agent.clone(),
            at: self.at,
            projection: Projection::new(&SCHEMA, projection, self.at.time),
        };
        Ok(Arc::new(ScanExec::new(Arc::new(source), limit)))
    }
}

#[derive(Debug, Clone)]
struct NextTaskSource {
    world: World,
    agent: Option<Arc<Agent>>,
    at: AsOf,
    projection: Projection,
}

impl Source for NextTaskSource {
    fn describe(&self) -> String {
        match &self.agent {
            Some(agent) => format!("next_task for {} at {}", agent.id, self.at.position),
            None => format!("next_task at {}", self.at.position),
        }
    }

    fn schema(&self) -> SchemaRef {
        self.projection.schema.clone()
    }

    fn open(
        &self,
        _: Option<usize>,
        memory: &Arc<dyn MemoryPool>,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let scan = self.clone();
        let mut reservation = MemoryConsumer::new(self.describe()).register(memory);
        let batches = async move {
            let (world, at) = (&scan.world, scan.at);
            let (rows, depths) = if at.is_head {
                (world.current.rows(Table::Tasks).clone(), world.current.depths())
            } else {
                let rows = past::rows_at(world, Table::Tasks, at.position, &mut reservation).await?;
                (rows, past::depths_at(world, at.position, &mut reservation).await?)
            };
            Ok::<_, DataFusionError>(
                stream::iter(scan.offers(&rows, &depths)).inspect(move |_| _ = &reservation),
            )
        };
        stream::once(batches).try_flatten().boxed()
    }
}

impl NextTaskSource {
    /// Finding the best of many is cheap as long as the rest need not be sorted: a heap, emptied as far as
    /// somebody takes from it.
    fn offers(
        self,
        rows: &Rows,
        depths: &Depths,
    ) -> impl Iterator<Item = Result<RecordBatch>> + Send + use<> {
        let offered = rows.iter().filter_map(|(id, entry)| {
            let Row::Task(task) = &entry.version.row else { return None };
            let offered = offer::is_ready(task, &entry.graph, self.at.time)
                && offer::may_take(task, self.agent.as_deref());
            offered.then(|| Offer { entry: entry.clone(), depth: depths.get(id) })
        });
        let mut heap: BinaryHeap<Offer> = offered.collect();
        let mut size = BATCH_ROWS_FIRST;
        std::iter::from_fn(move || {
            let batch: Vec<Offer> = std::iter::from_fn(|| heap.pop()).take(size).collect();
            size = (size * 2).min(BATCH_ROWS_MAX);
            let rows = batch.iter().map(|offer| (&offer.entry, offer.depth));
            (!batch.is_empty()).then(|| self.projection.rows(rows).map_err(Into::into))
        })
    }
}

struct Offer {
    entry: Entry,
    depth: u32,
}

impl Offer {
    fn task(&self) -> Option<(&Task, u32)> {
        match &self.entry.version.row {
            Row::Task(task) => Some((task, self.depth)),
            _ => None,
        }
    }
}

/// Greater is better: the heap gives its greatest first.
impl Ord for Offer {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.task(), other.task()) {
            (Some(left), Some(right)) => offer::cmp(left, right).reverse(),
            (left, right) => left.is_some().cmp(&right.is_some()),
        }
    }
}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Offer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Offer {}
