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

/// Rows of a query. Dropping it ends the query.
pub struct RowStream {
    text: Arc<str>,
    columns: Arc<[OutputColumn]>,
    position: Position,
    batches: mpsc::Receiver<Result<RecordBatch, QueryError>>,
    running: Option<AbortHandle>,
    rows: usize,
    rows_max: usize,
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
        batches: mpsc::Receiver<Result<RecordBatch, QueryError>>,
        running: Option<AbortHandle>,
    ) -> Self {
        Self { text, columns, position, batches, running, rows: 0, rows_max: usize::MAX }
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
        let batch = match self.batches.recv().await? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error)),
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
        self.batches.close();
        while self.batches.try_recv().is_ok() {}
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

impl Drop for RowStream {
    fn drop(&mut self) {
        self.end();
    }
}
