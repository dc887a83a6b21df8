//! The Arrow form of a chunk, column by column, made when a scan first asks for it.

use datafusion::arrow::array::ArrayRef;
use std::sync::OnceLock;

/// One place per column of the table; empty until the column is scanned.
#[derive(Debug, Default)]
pub(crate) struct ArrowCache {
    columns: OnceLock<Box<[OnceLock<ArrayRef>]>>,
}

impl ArrowCache {
    /// The array of that column of `columns`, made by `build` if this is the first to ask.
    pub(crate) fn column(&self, column: usize, columns: usize, build: impl FnOnce() -> ArrayRef) -> ArrayRef {
        let places = self.columns.get_or_init(|| (0..columns).map(|_| OnceLock::new()).collect());
        places[column].get_or_init(build).clone()
    }
}
