//! Tables as they are, or were at one moment.

use super::exec::{ScanExec, Source};
use super::pushdown::{Condition, condition};
use super::{World, read_error};
use crate::past::{Few, Found, Needs, Past, Slot, TableAt};
use crate::plan::AsOf;
use crate::tables::TableSchema;
use crate::types::Type;
use crate::views::{Depths, Projection, Rows, SomeDepths};
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use domain::rows::{Row, Table};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::Text;

/// Rows of the longest batch of a past moment.
const BATCH_ROWS: usize = 8_192;

/// Rows of its first batch; each later one is twice as long. Who wants some of the rows that a condition leaves mostly finds
/// them in the first.
const BATCH_ROWS_FIRST: usize = 512;

/// Rows of a past moment that are looked up by their keys together.
const BATCH_LOOK_UPS: usize = 256;

/// Values of columns of a past moment that can be put together in about the time that it takes to look a row up by its
/// key.
const VALUES_PER_LOOK_UP: usize = 4_096;

/// Whether so many rows out of `slots` are looked up by their keys, instead of putting these columns together.
pub(crate) fn is_looked_up(rows: usize, slots: usize, columns: &[usize]) -> bool {
    rows.saturating_mul(VALUES_PER_LOOK_UP) <= slots.saturating_mul(columns.len())
}

/// A table at a moment.
#[derive(Debug)]
pub(crate) struct RowsTable {
    world: World,
    schema: &'static TableSchema,
    table: Table,
    at: AsOf,
}

impl RowsTable {
    pub(crate) fn new(world: World, schema: &'static TableSchema, table: Table, at: AsOf) -> Self {
        Self { world, schema, table, at }
    }
}

impl RowsTable {
    /// The column of text, by place, and what it must be one of, if that is what a condition says.
    fn words(&self, expr: &Expr) -> Option<(usize, BTreeSet<String>)> {
        let (column, Condition::OneOf(words)) = condition(expr)? else { return None };
        let place = self.schema.position(column)?;
        (self.schema.columns[place].ty == Type::Text).then_some((place, words))
    }
}

/// Every kept table's key.
pub(super) const KEY: &str = "id";

/// The keys a condition on the key asks for.
pub(super) fn keys(expr: &Expr) -> Option<BTreeSet<String>> {
    match condition(expr)? {
        (KEY, Condition::OneOf(keys)) => Some(keys),
        _ => None,
    }
}

/// The keys all those conditions leave; none if no condition is on the key.
pub(super) fn keys_of_all(filters: &[Expr]) -> Option<BTreeSet<String>> {
    filters.iter().filter_map(keys).reduce(|left, right| &left & &right)
}

/// A scan looks up a condition on the key by itself.
pub(super) fn supports(filters: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    filters
        .iter()
        .map(|filter| match keys(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        })
        .collect()
}

#[async_trait]
impl TableProvider for RowsTable {
    fn schema(&self) -> SchemaRef {
        self.schema.arrow(false)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let mut supported = supports(filters);
        if !self.at.is_head {
            for (filter, supported) in filters.iter().zip(&mut supported) {
                if self.words(filter).is_some() && *supported == TableProviderFilterPushDown::Unsupported {
                    *supported = TableProviderFilterPushDown::Inexact;
                }
            }
        }
        Ok(supported)
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let source = RowsSource {
            world: self.world.clone(),
            table: self.table,
            at: self.at,
            keys: keys_of_all(filters),
            words: filters.iter().filter_map(|filter| self.words(filter)).collect(),
            projection: Projection::new(self.schema, projection, self.at.time),
            reversed: false,
        };
        Ok(Arc::new(ScanExec::new(Arc::new(source), limit)))
    }
}

#[derive(Debug, Clone)]
struct RowsSource {
    world: World,
    table: Table,
    at: AsOf,
    keys: Option<BTreeSet<String>>,
    /// What columns of text must be, by place. Asked of past moments alone: there a text is a number, and looked
    /// at once for all rows that have it.
    words: Vec<(usize, BTreeSet<String>)>,
    projection: Projection,
    reversed: bool,
}

impl Source for RowsSource {
    fn describe(&self) -> String {
        let mut text = format!("{} at {}", self.projection.table.name, self.at.position);
        if let Some(keys) = &self.keys {
            text.push_str(&format!(", {} key(s)", keys.len()));
        }
        for (column, words) in &self.words {
            text.push_str(&format!(
                ", {} of {} word(s)",
                self.projection.table.columns[*column].name,
                words.len()
            ));
        }
        text
    }

    fn schema(&self) -> SchemaRef {
        self.projection.schema.clone()
    }

    fn of_rows(&self) -> Option<usize> {
        self.at.is_head.then(|| self.world.current.rows(self.table).len())
    }

    fn rows(&self) -> Option<usize> {
        (self.at.is_head && self.keys.is_none()).then(|| self.world.current.rows(self.table).len())
    }

    fn ascending(&self) -> Vec<(usize, bool)> {
        // The key is the first column of every kept table.
        self.projection
            .columns
            .iter()
            .position(|&column| column == 0)
            .map(|place| (place, true))
            .into_iter()
            .collect()
    }

    fn reversed(&self) -> Option<Arc<dyn Source>> {
        Some(Arc::new(Self { reversed: !self.reversed, ..self.clone() }))
    }

    fn open(
        &self,
        fetch: Option<usize>,
        memory: &Arc<dyn MemoryPool>,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let scan = self.clone();
        let mut reservation = MemoryConsumer::new(self.describe()).register(memory);
        let batches = async move {
            let batches = match (scan.at.is_head, &scan.keys) {
                (true, Some(_)) => scan.looked_up(),
                (true, None) => scan.all_now(),
                (false, _) => scan.then(fetch, &mut reservation).await?,
            };
            Ok::<_, DataFusionError>(batches.inspect(move |_| _ = &reservation))
        };
        stream::once(batches).try_flatten().boxed()
    }
}

impl RowsSource {
    /// The current rows of some keys. No more depths are worked out than theirs.
    fn looked_up(&self) -> BoxStream<'static, Result<RecordBatch>> {
        let current = &self.world.current;
        let mut depths = self.projection.needs_depths().then(SomeDepths::default);
        let depth = |key: &Text| {
            depths.as_mut().map_or(0, |depths| {
                let Ok(depth) = depths.get(key, &**current);
                depth
            })
        };
        self.found(current.rows(self.table), depth)
    }

    /// All current rows.
    fn all_now(&self) -> BoxStream<'static, Result<RecordBatch>> {
        let current = &self.world.current;
        let depths = self.projection.needs_depths().then(|| current.depths());
        self.chunks(current.rows(self.table).clone(), depths)
    }

    /// The rows of a past moment: column by column, or one by one when they are few.
    async fn then(
        &self,
        fetch: Option<usize>,
        reservation: &mut MemoryReservation,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let Self { world, table, at, .. } = self;
        if let Some(keys) = &self.keys {
            let mut keys: Vec<Text> = keys.iter().map(|key| Text::from(&**key)).collect();
            if self.reversed {
                keys.reverse();
            }
            return Ok(self.clone().one_by_one(keys, reservation));
        }
        let looked_at = self.words.iter().map(|(column, _)| *column);
        let found = Past::at(world, *table, *at, looked_at, reservation).await?;
        let slots = self.slots(&found, fetch.unwrap_or(usize::MAX));
        reservation.try_grow(slots.capacity() * size_of::<Slot>())?;
        if is_looked_up(slots.len(), found.slots(), &self.projection.columns) {
            let keys = slots.iter().map(|slot| found.key(*slot).clone()).collect();
            return Ok(self.clone().one_by_one(keys, reservation));
        }
        let columns = self.projection.columns.iter().copied();
        let found = Past::at(world, *table, *at, columns, reservation).await?;
        let projection = self.projection.clone();
        let (mut first, mut size) = (0, BATCH_ROWS_FIRST);
        let batches = std::iter::from_fn(move || {
            let some = &slots[first..slots.len().min(first + size)];
            (first, size) = (first + some.len(), BATCH_ROWS.min(size * 2));
            (!some.is_empty()).then(|| projection.slots(&found, some).map_err(Into::into))
        });
        Ok(stream::iter(batches).boxed())
    }

    /// The rows that the conditions leave, in order, no more than are wanted.
    fn slots(&self, table: &TableAt, fetch: usize) -> Vec<Slot> {
        let holds: Vec<_> = self
            .words
            .iter()
            .filter_map(|(column, words)| Some(table.column(*column)?.is_one_of(words)))
            .collect();
        let kept = |slot: &Slot| holds.iter().all(|holds| holds(*slot));
        if self.reversed {
            table.rows().rev().filter(kept).take(fetch).collect()
        } else {
            table.rows().filter(kept).take(fetch).collect()
        }
    }

    /// The rows of some keys, in that order, as they were at a past moment.
    fn one_by_one(
        self,
        keys: Vec<Text>,
        reservation: &MemoryReservation,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let begun = (self, keys.into_iter(), reservation.new_empty());
        let batches = stream::try_unfold(begun, |(scan, mut keys, mut reservation)| async move {
            let some: Vec<Text> = keys.by_ref().take(BATCH_LOOK_UPS).collect();
            if some.is_empty() {
                return Ok(None);
            }
            let batch = scan.look_up(&some, &mut reservation).await?;
            Ok(Some((batch, (scan, keys, reservation))))
        });
        batches.boxed()
    }

    async fn look_up(&self, keys: &[Text], reservation: &mut MemoryReservation) -> Result<RecordBatch> {
        let Self { world, table, at, projection, .. } = self;
        let mut few = Few::of(world, *table, Needs::of(*table, &projection.columns)).await?;
        let found = keys.iter().filter_map(|key| few.row(key, at.position).transpose());
        let found: Vec<Found> = found.collect::<Result<_, _>>().map_err(read_error)?;
        drop(few);
        let depths: Vec<u32> = match found.iter().map(|found| found.depth).collect() {
            Some(depths) => depths,
            None => {
                let tasks = found.iter().filter_map(|found| task_id(&found.entry.version.row));
                Past::depths(world, *at, tasks, reservation).await?
            }
        };
        reservation.free();
        let rows = found.iter().map(|found| &found.entry).zip(depths);
        Ok(projection.rows(rows)?)
    }

    /// Of these rows those that are asked for.
    fn found(
        &self,
        rows: &Rows,
        mut depth: impl FnMut(&Text) -> u32,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let keys = self.keys.iter().flatten();
        let mut found: Vec<_> =
            keys.filter_map(|key| rows.row(key)).map(|(key, entry)| (entry, depth(key))).collect();
        if self.reversed {
            found.reverse();
        }
        let batch = self.projection.rows(found.into_iter()).map_err(Into::into);
        stream::iter([batch]).boxed()
    }

    /// All of these rows.
    fn chunks(
        &self,
        rows: Arc<Rows>,
        depths: Option<Arc<Depths>>,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let Self { projection, reversed, .. } = self.clone();
        let count = rows.chunks().len();
        let batches = (0..count).map(move |nth| {
            let chunk = &rows.chunks()[if reversed { count - 1 - nth } else { nth }];
            let batch = projection.chunk(chunk, depths.as_deref())?;
            if reversed { reverse(&batch) } else { Ok(batch) }
        });
        stream::iter(batches).boxed()
    }
}

/// The id of a row that is a task.
fn task_id(row: &Row) -> Option<&str> {
    match row {
        Row::Task(task) => Some(&task.id),
        _ => None,
    }
}

/// The rows of a batch from last to first.
pub(super) fn reverse(batch: &RecordBatch) -> Result<RecordBatch> {
    use datafusion::arrow::array::UInt32Array;
    use datafusion::arrow::compute::take_record_batch;
    if batch.num_columns() == 0 {
        return Ok(batch.clone());
    }
    let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
    Ok(take_record_batch(batch, &UInt32Array::from_iter_values((0..rows).rev()))?)
}
