//! `next_task`: the tasks of a moment that could be taken, best first.

use super::exec::{ScanExec, Source};
use super::{World, asking};
use crate::past::{HELD, Past, RowAt, Slot};
use crate::plan::AsOf;
use crate::tables::next_task::SCHEMA;
use crate::tables::tasks::place;
use crate::views::{Entry, Projection};
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use domain::offer;
use domain::rows::{Agent, Row, Table, Task, TaskGraph, TaskStatus};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use store::Text;

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
    agent: Option<Text>,
    at: AsOf,
}

impl NextTaskTable {
    pub(crate) fn new(world: World, agent: Option<Text>, at: AsOf) -> Self {
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
        let agent = match &self.agent {
            Some(id) => Some(asking::agent(&self.world, id, self.at).await?),
            None => None,
        };
        let source = NextTaskSource {
            world: self.world.clone(),
            agent,
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
            let batches = match scan.at.is_head {
                true => scan.now().boxed(),
                false => scan.then(&mut reservation).await?.boxed(),
            };
            Ok::<_, DataFusionError>(batches.inspect(move |_| _ = &reservation))
        };
        stream::once(batches).try_flatten().boxed()
    }
}

/// Columns that decide whether a task is offered, and when.
const DECISIVE: [usize; 11] = [
    place::STATUS,
    place::OWNER_AGENT_ID,
    place::PRIORITY,
    place::CLASS,
    place::CAPS,
    place::NOT_BEFORE,
    place::CREATED_AT,
    place::ARCHIVED_AT,
    place::BLOCKED_BY_COUNT,
    place::DEPENDENCY_DEPTH,
    HELD,
];

impl NextTaskSource {
    fn is_offered(&self, task: &Task, graph: &TaskGraph) -> bool {
        offer::is_ready(task, graph, self.at.time) && offer::may_take(task, self.agent.as_deref())
    }

    /// The offers of the statement's head.
    fn now(self) -> BoxStream<'static, Result<RecordBatch>> {
        let depths = self.world.current.depths();
        let offered = self.world.current.rows(Table::Tasks).iter().filter_map(|(id, entry)| {
            let Row::Task(task) = &entry.version.row else { return None };
            let offered = self.is_offered(task, &entry.graph);
            offered.then(|| Offer { task: task.clone(), depth: depths.get(id), row: entry.clone() })
        });
        let offered = offered.collect();
        let rows = move |batch: &[Offer<Entry>]| {
            self.projection.rows(batch.iter().map(|offer| (&offer.row, offer.depth)))
        };
        best_first(offered, rows)
    }

    /// Those of a past moment.
    async fn then(
        self,
        reservation: &mut MemoryReservation,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let columns = DECISIVE.into_iter().chain(self.projection.columns.iter().copied());
        let tasks = Past::at(&self.world, Table::Tasks, self.at, columns, reservation).await?;
        let open = BTreeSet::from([TaskStatus::Open.as_str().to_owned()]);
        let offered = tasks.column(place::STATUS).map_or_else(BinaryHeap::new, |status| {
            let is_open = status.is_one_of(&open);
            let offered = tasks.rows().filter(|slot| is_open(*slot)).filter_map(|slot| {
                let task = tasks.task(slot);
                let offered = self.is_offered(&task, &tasks.graph(slot));
                offered.then(|| Offer { task: Arc::new(task), depth: tasks.depth(slot), row: slot })
            });
            offered.collect()
        });
        reservation.try_grow(offered.len() * (size_of::<Offer<Slot>>() + size_of::<Task>()))?;
        let rows = move |batch: &[Offer<Slot>]| {
            let rows: Vec<RowAt<'_>> = batch.iter().map(|offer| tasks.row(offer.row)).collect();
            self.projection.fields(&rows)
        };
        Ok(best_first(offered, rows))
    }
}

/// Finding the best of many is cheap as long as the rest need not be sorted: a heap, emptied as far as somebody
/// takes from it.
fn best_first<R: Send + 'static>(
    mut heap: BinaryHeap<Offer<R>>,
    rows: impl Fn(&[Offer<R>]) -> Result<RecordBatch, ArrowError> + Send + 'static,
) -> BoxStream<'static, Result<RecordBatch>> {
    let mut size = BATCH_ROWS_FIRST;
    let batches = std::iter::from_fn(move || {
        let batch: Vec<Offer<R>> = std::iter::from_fn(|| heap.pop()).take(size).collect();
        size = (size * 2).min(BATCH_ROWS_MAX);
        (!batch.is_empty()).then(|| rows(&batch).map_err(Into::into))
    });
    stream::iter(batches).boxed()
}

/// A task that is offered, and where its row is.
struct Offer<R> {
    task: Arc<Task>,
    depth: u32,
    row: R,
}

/// Greater is better: the heap gives its greatest first.
impl<R> Ord for Offer<R> {
    fn cmp(&self, other: &Self) -> Ordering {
        offer::cmp((&self.task, self.depth), (&other.task, other.depth)).reverse()
    }
}

impl<R> PartialOrd for Offer<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> PartialEq for Offer<R> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<R> Eq for Offer<R> {}
