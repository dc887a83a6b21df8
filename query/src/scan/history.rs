//! HISTORY: every version a row of a table ever had.

use super::closed::closed;
use super::deep::PastDepths;
use super::exec::{ScanExec, Source};
use super::{World, read_error, rows};
use crate::past::{Few, Found, Needs, Past};
use crate::plan::AsOf;
use crate::tables::{self, Fields, HISTORY_COLUMNS, RowFields, TableSchema, tasks};
use crate::value::Value;
use crate::views::Entry;
use async_trait::async_trait;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use domain::rows::{Row, Table, TaskGraph};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;
use store::{Position, Stamp, Text, Timestamp};

/// Versions that go into one batch.
const BATCH_ROWS: usize = 2_048;

/// Versions that are looked up one by one, by the keys of their rows; to find more, all are gone through.
const LOOK_UPS_MAX: usize = 256;

/// Every version up to the statement's head.
#[derive(Debug)]
pub(crate) struct HistoryTable {
    world: World,
    schema: &'static TableSchema,
    table: Table,
}

impl HistoryTable {
    pub(crate) fn new(world: World, schema: &'static TableSchema, table: Table) -> Self {
        Self { world, schema, table }
    }

    /// The places of all that this scan must read: what is asked for, what the filters look at and what
    /// the order needs.
    fn needed(&self, full: &Schema, asked: &[usize], filters: &[Expr]) -> Vec<usize> {
        let ordered = [0, self.schema.columns.len() + FROM_POSITION];
        let filtered = filters
            .iter()
            .flat_map(|filter| filter.column_refs())
            .filter_map(|column| full.index_of(&column.name).ok());
        let needed: BTreeSet<usize> = asked.iter().copied().chain(filtered).chain(ordered).collect();
        needed.into_iter().collect()
    }
}

/// Place of `from_position` among [`HISTORY_COLUMNS`].
const FROM_POSITION: usize = 2;

#[async_trait]
impl TableProvider for HistoryTable {
    fn schema(&self) -> SchemaRef {
        self.schema.arrow(true)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Every filter is taken in: versions come in the order of their ends, so those that a filter leaves
    /// out need not be sorted.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let full = self.schema.arrow(true);
        let asked = projection.cloned().unwrap_or_else(|| (0..full.fields().len()).collect());
        let needed = self.needed(&full, &asked, filters);
        let schema = Arc::new(full.project(&needed)?);
        let source = HistorySource {
            world: self.world.clone(),
            table: self.table,
            schema: self.schema,
            keys: rows::keys_of_all(filters),
            arrow: schema.clone(),
            columns: needed.clone(),
        };
        let mut plan: Arc<dyn ExecutionPlan> = Arc::new(ScanExec::new(Arc::new(source), None));
        if let Some(predicate) = conjunction(filters.iter().cloned()) {
            let predicate = session.create_physical_expr(predicate, &DFSchema::try_from(schema.clone())?)?;
            plan = Arc::new(FilterExec::try_new(predicate, plan)?);
        }
        let place = |column: usize| needed.iter().position(|&other| other == column).unwrap_or_default();
        let column = |column: usize| {
            let name = full.field(column).name();
            Arc::new(Column::new(name, place(column)))
        };
        let by_key_then_time = [0, self.schema.columns.len() + FROM_POSITION]
            .map(|place| PhysicalSortExpr { expr: column(place), options: SortOptions::new(false, false) });
        if let Some(order) = LexOrdering::new(by_key_then_time) {
            plan = Arc::new(SortExec::new(order, plan).with_fetch(limit));
        }
        let kept = asked
            .iter()
            .map(|&place| ProjectionExpr { expr: column(place), alias: full.field(place).name().clone() });
        Ok(Arc::new(ProjectionExec::try_new(kept.collect::<Vec<_>>(), plan)?))
    }
}

#[derive(Debug, Clone)]
struct HistorySource {
    world: World,
    table: Table,
    schema: &'static TableSchema,
    keys: Option<BTreeSet<String>>,
    arrow: SchemaRef,
    columns: Vec<usize>,
}

impl Source for HistorySource {
    fn describe(&self) -> String {
        let mut text = format!("{} history up to {}", self.schema.name, self.world.current.head.position);
        if let Some(keys) = &self.keys {
            text.push_str(&format!(", {} key(s)", keys.len()));
        }
        text
    }

    fn schema(&self) -> SchemaRef {
        self.arrow.clone()
    }

    fn open(
        &self,
        _: Option<usize>,
        memory: &Arc<dyn MemoryPool>,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let scan = self.clone();
        let mut reservation = MemoryConsumer::new(self.describe()).register(memory);
        let batches = async move {
            let batches = match scan.looked_up(&reservation).await? {
                Some(versions) => stream::iter([scan.batch(&versions)]).boxed(),
                None => {
                    let graphs = Graphs::load(&scan, &mut reservation).await?;
                    let depths = scan.depths(&mut reservation).await?;
                    stream::iter(Batches::new(scan, graphs, depths)).boxed()
                }
            };
            Ok::<_, DataFusionError>(batches.inspect(move |_| _ = &reservation))
        };
        stream::once(batches).try_flatten().boxed()
    }
}

impl HistorySource {
    /// The versions of the rows whose keys are asked for, if they are few enough to be looked up one by one.
    async fn looked_up(&self, reservation: &MemoryReservation) -> Result<Option<Vec<Lived>>> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let mut few = Few::of(&self.world, self.table, Needs::of(self.table, &self.columns)).await?;
        let mut lives = Vec::new();
        for key in keys {
            lives.extend(few.lives(key).map(|life| (key, life)));
            if lives.len() > LOOK_UPS_MAX {
                return Ok(None);
            }
        }
        let mut found = Vec::with_capacity(lives.len());
        for (key, life) in lives {
            let version = few.version(key, life).map_err(read_error)?;
            found.extend(version.map(|version| (key, version)));
        }
        drop(few);
        let mut versions = Vec::with_capacity(found.len());
        for (key, Found { entry, depth, to }) in found {
            let depth = match depth {
                Some(depth) => depth,
                None => {
                    let from = &*entry.version.from;
                    let at = AsOf { position: from.position, time: from.time, is_head: false };
                    let key = std::iter::once(&**key);
                    Past::depths(&self.world, at, key, &mut reservation.new_empty()).await?[0]
                }
            };
            versions.push(Lived { entry, depth, to });
        }
        Ok(Some(versions))
    }

    /// Whether it is about tasks, and one of these columns is wanted.
    fn needs(&self, columns: &RangeInclusive<usize>) -> bool {
        self.table == Table::Tasks && self.columns.iter().any(|column| columns.contains(column))
    }

    /// Those of the tasks in question; nothing when no column needs them.
    async fn depths(&self, reservation: &mut MemoryReservation) -> Result<PastDepths> {
        if !self.needs(&tasks::DEEP) {
            return Ok(PastDepths::default());
        }
        PastDepths::load(&self.world, |key| self.wants(key), reservation).await
    }

    fn wants(&self, key: &str) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.contains(key))
    }

    fn batch(&self, versions: &[Lived]) -> Result<RecordBatch> {
        let own = self.schema.columns.len();
        let fields: Vec<HistoryFields<'_>> = versions
            .iter()
            .filter_map(|lived| {
                let from = &*lived.entry.version.from;
                Some(HistoryFields {
                    row: lived.entry.fields(lived.depth, from.time)?,
                    own,
                    from,
                    to: lived.to,
                })
            })
            .collect();
        let arrays = self.columns.iter().map(|&column| {
            let defined = self.schema.columns.get(column).unwrap_or_else(|| &HISTORY_COLUMNS[column - own]);
            tables::array(defined.ty, column, &fields)
        });
        let options = RecordBatchOptions::new().with_row_count(Some(fields.len()));
        Ok(RecordBatch::try_new_with_options(self.arrow.clone(), arrays.collect(), &options)?)
    }
}

/// What the relationships said of each task, and when.
#[derive(Debug, Default)]
struct Graphs {
    versions: FxHashMap<Text, Vec<(Position, Option<Position>, TaskGraph)>>,
}

impl Graphs {
    /// Those of the tasks in question; nothing when no column needs them.
    async fn load(scan: &HistorySource, reservation: &mut MemoryReservation) -> Result<Self> {
        let mut graphs = Self::default();
        if !scan.needs(&tasks::COUNTS) {
            return Ok(graphs);
        }
        closed(&scan.world, Table::TaskGraph, Position::ZERO, reservation, |closed| {
            let wanted = scan.wants(&closed.key);
            if wanted {
                graphs.add(closed.key, Entry::new(closed.version), Some(closed.to_position));
            }
            wanted
        })
        .await?;
        for (key, entry) in scan.world.current.rows(Table::TaskGraph).iter() {
            if scan.wants(key) {
                graphs.add(key.clone(), entry.clone(), None);
            }
        }
        Ok(graphs)
    }

    fn add(&mut self, key: Text, entry: Entry, to: Option<Position>) {
        let Row::TaskGraph(graph) = entry.version.row else { return };
        let version = (entry.version.from.position, to, graph);
        self.versions.entry(key).or_default().push(version);
    }

    /// Right after the event at `at`.
    fn at(&self, task: &str, at: Position) -> TaskGraph {
        let alive = |(from, to, _): &&(Position, Option<Position>, TaskGraph)| {
            *from <= at && to.is_none_or(|to| at < to)
        };
        let versions = self.versions.get(task).map_or(&[][..], Vec::as_slice);
        versions.iter().find(alive).map_or_else(TaskGraph::default, |(_, _, graph)| *graph)
    }
}

/// A version with its end, if it has ended.
struct Lived {
    entry: Entry,
    /// At its beginning.
    depth: u32,
    to: Option<(Position, Timestamp)>,
}

/// Versions that have ended, in the order of their ends, then those that are current.
struct Batches {
    scan: HistorySource,
    graphs: Graphs,
    depths: PastDepths,
    closed: Box<dyn Iterator<Item = Result<store::ClosedVersion<Row>, store::ReadError>> + Send>,
    closed_done: bool,
    /// Chunks of the current rows that are still to come.
    chunk: usize,
    waiting: VecDeque<Lived>,
    failed: bool,
}

impl Batches {
    fn new(scan: HistorySource, graphs: Graphs, depths: PastDepths) -> Self {
        let closed = Box::new(scan.world.reader.history(scan.table.id(), Position::ZERO));
        let waiting = VecDeque::new();
        Self { scan, graphs, depths, closed, closed_done: false, chunk: 0, waiting, failed: false }
    }

    fn take(&mut self, key: &Text, mut entry: Entry, to: Option<(Position, Timestamp)>) {
        if self.scan.wants(key) {
            let from = entry.version.from.position;
            entry.graph = self.graphs.at(key, from);
            self.waiting.push_back(Lived { depth: self.depths.get(key, from), entry, to });
        }
    }

    fn fill(&mut self) -> Result<(), store::ReadError> {
        let head = self.scan.world.current.head.position;
        while !self.closed_done && self.waiting.len() < BATCH_ROWS {
            match self.closed.next().transpose()? {
                Some(closed) if closed.to_position <= head => {
                    let to = (closed.to_position, closed.to_time);
                    self.take(&closed.key, Entry::new(closed.version), Some(to));
                }
                _ => self.closed_done = true,
            }
        }
        let rows = self.scan.world.current.rows(self.scan.table).clone();
        while self.closed_done && self.waiting.len() < BATCH_ROWS {
            let Some(chunk) = rows.chunks().get(self.chunk) else { break };
            self.chunk += 1;
            for (key, entry) in chunk.entries() {
                self.take(key, entry.clone(), None);
            }
        }
        Ok(())
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if let Err(error) = self.fill() {
            self.failed = true;
            return Some(Err(read_error(error)));
        }
        if self.waiting.is_empty() {
            return None;
        }
        let count = self.waiting.len().min(BATCH_ROWS);
        let versions: Vec<Lived> = self.waiting.drain(..count).collect();
        Some(self.scan.batch(&versions))
    }
}

/// A version as columns: the table's own, then those of HISTORY. Scores are as of its beginning.
struct HistoryFields<'a> {
    row: RowFields<'a>,
    own: usize,
    from: &'a Stamp,
    to: Option<(Position, Timestamp)>,
}

impl Fields for HistoryFields<'_> {
    fn field(&self, column: usize) -> Value<'_> {
        let Some(column) = column.checked_sub(self.own) else { return self.row.field(column) };
        match column {
            0 => Value::Time(self.from.time.0),
            1 => Value::time(self.to.map(|(_, time)| time)),
            FROM_POSITION => Value::Int(self.from.position.0 as i64),
            3 => self.to.map_or(Value::Null, |(position, _)| Value::Int(position.0 as i64)),
            4 => Value::Text(Cow::Owned(self.from.event_id.to_string())),
            5 => Value::Text(Cow::Borrowed(&self.from.kind)),
            _ => Value::text(self.from.actor.as_deref()),
        }
    }
}
