//! Every bound of the query engine, in one place.

use std::path::PathBuf;
use std::time::Duration;

/// Bounds of an [`Engine`](crate::Engine). The defaults fit a server of one gigabyte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long a query may compute. What its reader takes to take the rows does not count.
    pub time_max: Duration,
    /// Bytes that the operators of one query may hold in memory (sorts, groups, joins, past rows).
    pub memory_bytes_max: usize,
    /// Where sorts, groups and joins put what does not fit: a directory of the engine's own, emptied when it starts. Without one, a query that
    /// needs more memory fails.
    pub spill_dir: Option<PathBuf>,
    /// Bytes that all queries together may have there; zero is as if there were no directory.
    pub spill_bytes_max: u64,
    /// Bytes that the past of all tables should take in memory: past it, columns that were not asked for the longest
    /// are dropped, and read from the store again when somebody asks. Keys and lives of rows stay.
    pub past_bytes_max: usize,
    /// Rows of an answer that is one JSON document; see [`RowStream::at_most`](crate::RowStream::at_most).
    pub document_rows_max: usize,
    /// Queries that run at once; more wait for their turn, within their time.
    pub concurrency_max: usize,
    /// Threads that queries run on, apart from those of the server.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            time_max: Duration::from_secs(30),
            memory_bytes_max: 128 << 20,
            spill_dir: None,
            spill_bytes_max: 2 << 30,
            past_bytes_max: 1 << 30,
            document_rows_max: 100_000,
            concurrency_max: 8,
            threads: 2,
        }
    }
}

/// Batches of a query that wait for its reader; with [`BATCH_ROWS`] rows each.
pub(crate) const BATCHES_WAITING_MAX: usize = 2;

/// Stack of each of the engine's threads: expressions nest to [`grammar::NESTING_MAX`], and a build without
/// optimisation needs some ten kilobytes for each level.
pub(crate) const THREAD_STACK_BYTES: usize = 4 << 20;

/// The part of a query's memory that a sort keeps back for merging what it put on disk, as a divisor; with more than half as many
/// sorts, all of them keep back half of it.
pub(crate) const MERGE_SHARE: usize = 8;

/// Rows of a batch between operators, if there is memory for so many: see [`batch_rows`].
pub(crate) const BATCH_ROWS: usize = 8_192;

/// Least of them.
const BATCH_ROWS_MIN: usize = 64;

/// Batches of rows of [`ROW_BYTES`] that a query's memory holds: what is merged from disk has several of each of its parts in memory.
const BATCHES_HELD: usize = 64;

/// About what a row takes.
const ROW_BYTES: usize = 64;

/// Rows of a batch between the operators of a query of that much memory.
pub(crate) fn batch_rows(memory_bytes_max: usize) -> usize {
    (memory_bytes_max / BATCHES_HELD / ROW_BYTES).clamp(BATCH_ROWS_MIN, BATCH_ROWS)
}
