//! The rows of a running query, batch by batch.

use crate::error::QueryError;
use crate::plan::OutputColumn;
use datafusion::arrow::array::RecordBatch;
use grammar::Code;
use std::fmt;
use std::sync::Arc;
use store::Position;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// What a running query tells its reader.
#[derive(Debug)]
pub(crate) enum Item {
    Batch(RecordBatch),
    /// Nothing follows.
    Failed(QueryError),
    /// That was all. Without this word the query broke off, and its rows are not the answer.
    Done,
}

/// Where the batches come from.
enum Batches {
    /// A query that runs.
    Running(mpsc::Receiver<Item>, AbortHandle),
    /// They are here; none when there is none, or it was given.
    Whole(Option<RecordBatch>),
}

/// Rows of a query. Dropping it ends the query.
pub struct RowStream {
    text: Arc<str>,
    columns: Arc<[OutputColumn]>,
    position: Position,
    batches: Batches,
    rows: usize,
    rows_max: usize,
    /// The end or an error was given.
    is_over: bool,
}

impl fmt::Debug for RowStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowStream")
            .field("columns", &self.columns)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl RowStream {
    pub(crate) fn new(
        text: Arc<str>,
        columns: Arc<[OutputColumn]>,
        position: Position,
        batches: mpsc::Receiver<Item>,
        running: AbortHandle,
    ) -> Self {
        Self::of(text, columns, position, Batches::Running(batches, running))
    }

    /// Rows that are here already.
    pub(crate) fn whole(
        text: Arc<str>,
        columns: Arc<[OutputColumn]>,
        position: Position,
        batch: RecordBatch,
    ) -> Self {
        Self::of(text, columns, position, Batches::Whole(Some(batch).filter(|batch| batch.num_rows() > 0)))
    }

    fn of(text: Arc<str>, columns: Arc<[OutputColumn]>, position: Position, batches: Batches) -> Self {
        Self { text, columns, position, batches, rows: 0, rows_max: usize::MAX, is_over: false }
    }

    /// The columns, in order. Every batch has exactly these, each in the Arrow type of its PQL type.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// The head that the answer reflects.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The same rows, with an error (`row_limit`) in place of the batch that would make them more than
    /// `rows_max`. For answers that are one document; see
    /// [`Options::document_rows_max`](crate::Options::document_rows_max).
    #[must_use]
    pub fn at_most(mut self, rows_max: usize) -> Self {
        self.rows_max = rows_max;
        self
    }

    /// The next rows; none at the end. After an error there is nothing more. Safe to be dropped while it
    /// waits.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, QueryError>> {
        if self.is_over {
            return None;
        }
        let item = match &mut self.batches {
            Batches::Running(batches, _) => batches.recv().await,
            Batches::Whole(batch) => Some(batch.take().map_or(Item::Done, Item::Batch)),
        };
        let batch = match item {
            Some(Item::Batch(batch)) => batch,
            Some(Item::Done) => {
                self.is_over = true;
                return None;
            }
            Some(Item::Failed(error)) => {
                self.is_over = true;
                return Some(Err(error));
            }
            None => {
                self.is_over = true;
                return Some(Err(QueryError::internal(&self.text, "the query broke off")));
            }
        };
        self.rows += batch.num_rows();
        if self.rows > self.rows_max {
            self.end();
            return Some(Err(QueryError::limit(
                &self.text,
                Code::RowLimit,
                format!("the answer has more than {} rows", self.rows_max),
                "add a LIMIT, or ask for application/x-ndjson, text/csv or Arrow, which stream",
            )));
        }
        Some(Ok(batch))
    }

    fn end(&mut self) {
        self.is_over = true;
        if let Batches::Running(_, running) = &self.batches {
            running.abort();
        }
    }
}

impl Drop for RowStream {
    fn drop(&mut self) {
        self.end();
    }
}
