//! `next_task`: the tasks of a moment that could be taken, best first.

use super::exec::{ScanExec, Source};
use super::rows::is_looked_up;
use super::{World, asking, read_error};
use crate::past::{Few, HELD, Needs, Past, Slot, TableAt};
use crate::plan::AsOf;
use crate::tables::next_task::SCHEMA;
use crate::tables::tasks::place;
use crate::views::Projection;
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use domain::offer::{self, Rank};
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
        fetch: Option<usize>,
        memory: &Arc<dyn MemoryPool>,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let scan = self.clone();
        let mut reservation = MemoryConsumer::new(self.describe()).register(memory);
        let batches = async move {
            let batches = match scan.at.is_head {
                true => scan.now(),
                false => scan.then(fetch, &mut reservation).await?,
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
            self.is_offered(task, &entry.graph).then(|| {
                let depth = depths.get(id);
                Offer { rank: Rank::of(task, depth), depth, row: entry.clone() }
            })
        });
        let offered = offered.collect();
        let batches = best_first(offered).map(move |batch| {
            Ok(self.projection.rows(batch.iter().map(|offer| (&offer.row, offer.depth)))?)
        });
        stream::iter(batches).boxed()
    }

    /// Those of a past moment, of which no more than `fetch` are wanted.
    async fn then(
        self,
        fetch: Option<usize>,
        reservation: &mut MemoryReservation,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let tasks = Past::at(&self.world, Table::Tasks, self.at, DECISIVE, reservation).await?;
        let offered = self.offered(&tasks);
        reservation.try_grow(offered.len() * size_of::<Offer<Slot>>())?;
        let shown = offered.len().min(fetch.unwrap_or(usize::MAX));
        if is_looked_up(shown, tasks.slots(), &self.projection.columns) {
            let scan = Arc::new(self);
            let batches = stream::iter(best_first(offered)).then(move |batch| {
                let scan = scan.clone();
                async move { scan.look_up(&batch).await }
            });
            return Ok(batches.boxed());
        }
        let columns = self.projection.columns.iter().copied();
        let tasks = Past::at(&self.world, Table::Tasks, self.at, columns, reservation).await?;
        let batches = best_first(offered).map(move |batch| {
            let slots: Vec<Slot> = batch.iter().map(|offer| offer.row).collect();
            Ok(self.projection.slots(&tasks, &slots)?)
        });
        Ok(stream::iter(batches).boxed())
    }

    /// What of the tasks of a moment was offered.
    fn offered(&self, tasks: &TableAt) -> BinaryHeap<Offer<Slot>> {
        let columns = (tasks.column(place::STATUS), tasks.column(place::OWNER_AGENT_ID));
        let (Some(status), Some(owner)) = columns else { return BinaryHeap::new() };
        // Most tasks are not open, or somebody else's: of these no more is looked at.
        let open = BTreeSet::from([TaskStatus::Open.as_str().to_owned()]);
        let is_open = status.is_one_of(&open);
        let asking = self.agent.as_ref().map(|agent| &agent.id);
        let may_ask = |slot| owner.text(slot).is_none_or(|owner| Some(owner) == asking);
        let slots = tasks.rows().filter(|slot| is_open(*slot) && may_ask(*slot));
        let offered = slots.filter_map(|slot| {
            let (task, depth) = (tasks.task(slot), tasks.depth(slot));
            let offered = self.is_offered(&task, &tasks.graph(slot));
            offered.then(|| Offer { rank: Rank::of(&task, depth), depth, row: slot })
        });
        offered.collect()
    }

    /// The rows of some offers of a past moment, by their keys.
    async fn look_up(&self, offers: &[Offer<Slot>]) -> Result<RecordBatch> {
        let Self { world, at, projection, .. } = self;
        // Depths are known already.
        let needs = Needs::but_depths(Table::Tasks, &projection.columns);
        let mut few = Few::of(world, Table::Tasks, needs).await?;
        let mut rows = Vec::with_capacity(offers.len());
        for offer in offers {
            let row = few.row(offer.rank.id(), at.position).map_err(read_error)?;
            rows.extend(row.map(|row| (row.entry, offer.depth)));
        }
        Ok(projection.rows(rows.iter().map(|(row, depth)| (row, *depth)))?)
    }
}

/// Finding the best of many is cheap as long as the rest need not be sorted: a heap, emptied as far as somebody
/// takes from it.
fn best_first<R>(mut heap: BinaryHeap<Offer<R>>) -> impl Iterator<Item = Vec<Offer<R>>> {
    let mut size = BATCH_ROWS_FIRST;
    std::iter::from_fn(move || {
        let batch: Vec<Offer<R>> = std::iter::from_fn(|| heap.pop()).take(size).collect();
        size = (size * 2).min(BATCH_ROWS_MAX);
        (!batch.is_empty()).then_some(batch)
    })
}

/// A task that is offered, and where its row is.
struct Offer<R> {
    rank: Rank,
    depth: u32,
    row: R,
}

/// Greater is better: the heap gives its greatest first.
impl<R> Ord for Offer<R> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank.cmp(&self.rank)
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
