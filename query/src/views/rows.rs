//! The rows of one table at one moment, and their Arrow form.

use super::chunked::{Chunk, Chunked};
use super::depths::Depths;
use super::derived::{self, Derived};
use crate::past::{Slot, TableAt};
use crate::tables::{self, Fields, RowFields, TableSchema};
use crate::value::Value;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use domain::rows::{Row, TaskGraph};
use std::ops::RangeInclusive;
use store::{Text, Timestamp, Version};

/// A row with what stands beside it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) version: Version<Row>,
    /// For a task: what the relationships say of it. All zero for every other row.
    pub(crate) graph: TaskGraph,
}

impl Entry {
    pub(crate) fn new(version: Version<Row>) -> Self {
        Self { version, graph: TaskGraph::default() }
    }

    /// Its columns; the depth is that of a task.
    pub(crate) fn fields(&self, depth: u32, now: Timestamp) -> Option<RowFields<'_>> {
        RowFields::of(&self.version.row, &self.graph, depth, now)
    }

    /// Hash of the text in a column; none if there is none. No text changes with time.
    fn hash(&self, column: usize) -> Option<u64> {
        match self.fields(0, Timestamp(0))?.field(column) {
            Value::Text(text) => Some(derived::hash(&text)),
            _ => None,
        }
    }
}

/// All rows of a table, by key.
pub(crate) type Rows = Chunked<Text, Entry, Derived>;

/// Some thousand rows, side by side.
pub(crate) type RowChunk = Chunk<Text, Entry, Derived>;

impl Rows {
    pub(crate) fn row(&self, key: &str) -> Option<(&Text, &Entry)> {
        self.get(|other| (**other).cmp(key))
    }

    /// Rows whose text in that column (of so many) may be `text`, in order of key: all that are, and seldom others. The first
    /// to ask pays for what changed since the last one did; writers pay nothing.
    pub(crate) fn having<'r>(
        &'r self,
        column: usize,
        columns: usize,
        text: &str,
    ) -> impl Iterator<Item = (&'r Text, &'r Entry)> {
        let sought = derived::hash(text);
        self.chunks().iter().flat_map(move |chunk| {
            let hashes = move || chunk.entries().iter().map(|(_, entry)| entry.hash(column)).collect();
            let places = chunk.derived().places(column, columns, sought, hashes);
            places.map(|place| {
                let (key, entry) = &chunk.entries()[place];
                (key, entry)
            })
        })
    }
}

/// Which columns a scan wants, and at which moment.
#[derive(Debug, Clone)]
pub(crate) struct Projection {
    /// The table.
    pub(crate) table: &'static TableSchema,
    /// Places of the columns, in the order wanted.
    pub(crate) columns: Vec<usize>,
    /// Those columns.
    pub(crate) schema: SchemaRef,
    /// For the score.
    pub(crate) now: Timestamp,
}

impl Projection {
    pub(crate) fn new(table: &'static TableSchema, projection: Option<&Vec<usize>>, now: Timestamp) -> Self {
        let all = table.arrow(false);
        match projection {
            None => Self { table, columns: (0..table.columns.len()).collect(), schema: all, now },
            Some(columns) => {
                let fields: Vec<_> = columns.iter().map(|&column| all.fields()[column].clone()).collect();
                let schema = std::sync::Arc::new(datafusion::arrow::datatypes::Schema::new(fields));
                Self { table, columns: columns.clone(), schema, now }
            }
        }
    }

    /// Whether a column is wanted that needs depths.
    pub(crate) fn needs_depths(&self) -> bool {
        self.needs(&tables::tasks::DEEP)
    }

    fn is_of_tasks(&self) -> bool {
        std::ptr::eq(self.table.columns, tables::tasks::SCHEMA.columns)
    }

    /// A whole chunk; its columns are kept for the next scan, but for those that change without it. `depths` are
    /// there if they are needed.
    pub(crate) fn chunk(&self, chunk: &RowChunk, depths: Option<&Depths>) -> Result<RecordBatch, ArrowError> {
        let mut fields: Option<Vec<RowFields<'_>>> = None;
        let mut build = |column: usize| {
            let rows = fields.get_or_insert_with(|| {
                let depth = |id: &Text| depths.map_or(0, |depths| depths.get(id));
                let entries = chunk.entries().iter();
                entries.filter_map(|(id, entry)| entry.fields(depth(id), self.now)).collect()
            });
            tables::array(self.table.columns[column].ty, column, rows)
        };
        let arrays = self.columns.iter().map(|&column| {
            if self.is_of_tasks() && tables::tasks::DEEP.contains(&column) {
                build(column)
            } else {
                chunk.derived().column(column, self.table.columns.len(), || build(column))
            }
        });
        self.batch(arrays.collect(), chunk.entries().len())
    }

    /// Some rows, in the order given, each with its depth.
    pub(crate) fn rows<'a>(
        &self,
        entries: impl Iterator<Item = (&'a Entry, u32)>,
    ) -> Result<RecordBatch, ArrowError> {
        let rows: Vec<RowFields<'_>> =
            entries.filter_map(|(entry, depth)| entry.fields(depth, self.now)).collect();
        self.fields(&rows)
    }

    /// Some rows of a past moment.
    pub(crate) fn slots(&self, table: &TableAt, slots: &[Slot]) -> Result<RecordBatch, ArrowError> {
        let arrays = self.columns.iter().map(|&column| table.array(column, slots));
        self.batch(arrays.collect(), slots.len())
    }

    fn fields<F: Fields>(&self, rows: &[F]) -> Result<RecordBatch, ArrowError> {
        let arrays =
            self.columns.iter().map(|&column| tables::array(self.table.columns[column].ty, column, rows));
        self.batch(arrays.collect(), rows.len())
    }

    /// Whether the table is `tasks` and one of these columns is wanted.
    pub(crate) fn needs(&self, columns: &RangeInclusive<usize>) -> bool {
        self.is_of_tasks() && self.columns.iter().any(|column| columns.contains(column))
    }

    fn batch(&self, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, ArrowError> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
    }
}
