//! Results in Arrow's streaming format, `application/vnd.apache.arrow.stream`.

use crate::output;
use crate::plan::OutputColumn;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use std::fmt;

/// Turns batches into bytes, piece by piece.
pub struct ArrowStream {
    writer: StreamWriter<Vec<u8>>,
}

impl fmt::Debug for ArrowStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArrowStream")
    }
}

impl ArrowStream {
    /// A stream of those columns.
    ///
    /// # Errors
    /// When a column cannot be written in this format.
    pub fn new(columns: &[OutputColumn]) -> Result<Self, ArrowError> {
        Ok(Self { writer: StreamWriter::try_new(Vec::new(), &output::schema(columns))? })
    }

    /// The bytes of one more batch, with the schema before the first.
    ///
    /// # Errors
    /// When the batch is not of this stream's columns.
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        self.writer.write(batch)?;
        Ok(std::mem::take(self.writer.get_mut()))
    }

    /// The last bytes; with the schema, if there was no batch.
    ///
    /// # Errors
    /// Never in practice: they are written to memory.
    pub fn finish(mut self) -> Result<Vec<u8>, ArrowError> {
        self.writer.finish()?;
        self.writer.into_inner()
    }
}
