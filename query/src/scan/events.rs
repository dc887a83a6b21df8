//! The log as a table: read lazily, through an index where a condition names one.

use super::exec::{ScanExec, Source};
use super::pushdown::{Condition, condition};
use super::{World, read_error};
use crate::find::{Events, Sought};
use crate::plan::AsOf;
use crate::tables::events::{POSITION, SCHEMA, TIME};
use crate::tables::{self, EventFields};
use async_trait::async_trait;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use domain::rows::Row;
use futures::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;
use store::{Direction, Event, Position, ReadError, Reader, Timestamp};

/// Events of the first batch; each later one is twice as long, up to [`BATCH_EVENTS_MAX`]: a LIMIT that
/// stands above a filter takes little, a count takes all.
const BATCH_EVENTS_FIRST: usize = 256;

/// Events of the longest batch.
const BATCH_EVENTS_MAX: usize = 8_192;

/// Bytes of events after which a batch ends, however few they are.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// Events that may be passed over in search of a batch's next before others get a word in.
const SKIPPED_MAX: usize = 16_384;

/// The events up to a moment.
#[derive(Debug)]
pub(crate) struct EventsTable {
    world: World,
    at: AsOf,
}

impl EventsTable {
    pub(crate) fn new(world: World, at: AsOf) -> Self {
        Self { world, at }
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        SCHEMA.arrow(false)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let known = |filter: &&Expr| match Wanted::default().narrow(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(known).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut wanted = Wanted::default();
        for filter in filters {
            wanted.narrow(filter);
        }
        let columns = projection.cloned().unwrap_or_else(|| (0..SCHEMA.columns.len()).collect());
        let (after, upto) = wanted.stretch(&self.world.reader, self.at.position).map_err(read_error)?;
        let source = EventsSource {
            world: self.world.clone(),
            after,
            upto,
            wanted,
            arrow: Arc::new(SCHEMA.arrow(false).project(&columns)?),
            columns,
            direction: Direction::Forward,
        };
        Ok(Arc::new(ScanExec::new(Arc::new(source), limit)))
    }
}

/// What the conditions leave of the log.
#[derive(Debug, Clone)]
struct Wanted {
    /// Positions, both ends included.
    positions: (i64, i64),
    /// Times in µs, both ends included.
    times: (i64, i64),
    sought: Sought,
}

impl Default for Wanted {
    fn default() -> Self {
        let all = (i64::MIN, i64::MAX);
        Self { positions: all, times: all, sought: Sought::default() }
    }
}

impl Wanted {
    /// Takes one more condition in, exactly; false if it is none that a scan knows.
    fn narrow(&mut self, filter: &Expr) -> bool {
        fn meet(range: &mut (i64, i64), low: i64, high: i64) {
            *range = (range.0.max(low), range.1.min(high));
        }
        match condition(filter) {
            Some(("position", Condition::Between(low, high))) => meet(&mut self.positions, low, high),
            Some(("time", Condition::Between(low, high))) => meet(&mut self.times, low, high),
            Some(("stream", Condition::OneOf(words))) => self.sought.of_streams(words),
            Some(("type", Condition::OneOf(words))) => self.sought.of_types(words),
            Some(("agent_id", Condition::OneOf(words))) => self.sought.of_agents(words),
            Some(("tags", Condition::Holds(words))) => self.sought.tags.extend(words),
            _ => return false,
        }
        true
    }

    /// The stretch of the log, after the first and up to the second. Time never runs backwards along
    /// positions, so a range of times is a range of positions.
    fn stretch(&self, reader: &Reader<Row>, at: Position) -> Result<(Position, Position), ReadError> {
        let (low, high) = self.positions;
        let mut after = Position(u64::try_from(low.saturating_sub(1)).unwrap_or(0));
        let mut upto = at.min(Position(u64::try_from(high).unwrap_or(0)));
        let (from, to) = self.times;
        if from > i64::MIN {
            after = after.max(reader.position_at(Timestamp(from - 1))?);
        }
        if to < i64::MAX {
            upto = upto.min(reader.position_at(Timestamp(to))?);
        }
        if from > to || low > high {
            upto = after;
        }
        Ok((after, upto.max(after)))
    }
}

#[derive(Debug, Clone)]
struct EventsSource {
    world: World,
    after: Position,
    upto: Position,
    wanted: Wanted,
    columns: Vec<usize>,
    arrow: SchemaRef,
    direction: Direction,
}

impl Source for EventsSource {
    fn describe(&self) -> String {
        let through = match self.upto <= self.after {
            true => " nothing".to_owned(),
            false => self.wanted.sought.describe(),
        };
        format!("events{through} after {} up to {}", self.after, self.upto)
    }

    fn schema(&self) -> SchemaRef {
        self.arrow.clone()
    }

    fn of_rows(&self) -> Option<usize> {
        usize::try_from(self.world.current.head.position.0).ok()
    }

    fn rows(&self) -> Option<usize> {
        let count = usize::try_from(self.upto.0.saturating_sub(self.after.0)).ok();
        count.filter(|_| self.wanted.sought.is_anything())
    }

    fn ascending(&self) -> Vec<(usize, bool)> {
        let place = |wanted: usize| self.columns.iter().position(|&column| column == wanted);
        [(place(POSITION), true), (place(TIME), false)]
            .into_iter()
            .filter_map(|(place, distinct)| Some((place?, distinct)))
            .collect()
    }

    fn reversed(&self) -> Option<Arc<dyn Source>> {
        let direction = match self.direction {
            Direction::Forward => Direction::Backward,
            Direction::Backward => Direction::Forward,
        };
        Some(Arc::new(Self { direction, ..self.clone() }))
    }

    fn open(&self, fetch: Option<usize>, _: &Arc<dyn MemoryPool>) -> BoxStream<'static, Result<RecordBatch>> {
        let scan = self.clone();
        let reader = &self.world.reader;
        let mut events = self.wanted.sought.events(reader, self.after, self.upto, self.direction);
        let mut size = BATCH_EVENTS_FIRST;
        let mut left = fetch.unwrap_or(usize::MAX);
        let mut done = left == 0;
        let batches = std::iter::from_fn(move || {
            if done {
                return None;
            }
            let (batch, more) = match scan.gather(&mut events, size.min(left)) {
                Ok(gathered) => gathered,
                Err(error) => {
                    done = true;
                    return Some(Err(read_error(error)));
                }
            };
            left -= batch.len();
            done = !more || left == 0;
            size = (size * 2).min(BATCH_EVENTS_MAX);
            Some(scan.batch(&batch))
        });
        stream::iter(batches).boxed()
    }
}

impl EventsSource {
    /// The next wanted events, at most `count`, and whether there may be more. Fewer come when many had to
    /// be passed over.
    fn gather(&self, events: &mut Events, count: usize) -> Result<(Vec<Event>, bool), ReadError> {
        let (mut batch, mut bytes, mut skipped) = (Vec::new(), 0, 0);
        while batch.len() < count && bytes < BATCH_BYTES_MAX && skipped < SKIPPED_MAX {
            let Some(event) = events.next().transpose()? else { return Ok((batch, false)) };
            if self.wanted.sought.holds(&event) {
                bytes += event.data.len() + event.metadata.len();
                batch.push(event);
            } else {
                skipped += 1;
            }
        }
        Ok((batch, true))
    }

    fn batch(&self, events: &[Event]) -> Result<RecordBatch> {
        let rows: Vec<EventFields<'_>> = events.iter().map(EventFields::new).collect();
        let arrays = self
            .columns
            .iter()
            .map(|&column| tables::array(SCHEMA.columns[column].ty, column, &rows))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(self.arrow.clone(), arrays, &options)?)
    }
}
