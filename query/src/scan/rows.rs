//! Tables as they are, or were at one moment.

use super::exec::{ScanExec, Source};
use super::pushdown::{Condition, condition};
use super::{World, past};
use crate::plan::AsOf;
use crate::tables::TableSchema;
use crate::views::{Depths, Projection, Rows, SomeDepths};
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use domain::rows::Table;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::Text;

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
        Ok(supports(filters))
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
    projection: Projection,
    reversed: bool,
}

impl Source for RowsSource {
    fn describe(&self) -> String {
        let mut text = format!("{} at {}", self.projection.table.name, self.at.position);
        if let Some(keys) = &self.keys {
            text.push_str(&format!(", {} key(s)", keys.len()));
        }
        text
    }

    fn schema(&self) -> SchemaRef {
        self.projection.schema.clone()
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
        _: Option<usize>,
        memory: &Arc<dyn MemoryPool>,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let scan = self.clone();
        let mut reservation = MemoryConsumer::new(self.describe()).register(memory);
        let batches = async move {
            let batches = match (scan.at.is_head, &scan.keys) {
                (true, Some(_)) => scan.looked_up(),
                (true, None) => scan.all_now(),
                (false, _) => scan.then(&mut reservation).await?,
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
        let mut depths = self.projection.needs_depths().then(|| SomeDepths::new(current));
        let depth = |key: &Text| depths.as_mut().map_or(0, |depths| depths.get(key));
        self.found(current.rows(self.table), depth)
    }

    /// All current rows.
    fn all_now(&self) -> BoxStream<'static, Result<RecordBatch>> {
        let current = &self.world.current;
        let depths = self.projection.needs_depths().then(|| current.depths());
        self.chunks(current.rows(self.table).clone(), depths)
    }

    /// The rows of a past moment.
    async fn then(
        &self,
        reservation: &mut MemoryReservation,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let at = self.at.position;
        let rows = past::rows_at(&self.world, self.table, at, reservation).await?;
        let depths = match self.projection.needs_depths() {
            true => Some(past::depths_at(&self.world, at, reservation).await?),
            false => None,
        };
        Ok(match &self.keys {
            Some(_) => self.found(&rows, |key| depths.as_ref().map_or(0, |depths| depths.get(key))),
            None => self.chunks(rows, depths),
        })
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
