//! What is made of a chunk's rows when somebody first asks for it, and kept until the chunk changes.

use datafusion::arrow::array::ArrayRef;
use std::sync::OnceLock;
use store::Position;

/// Empty for a new or changed chunk.
#[derive(Debug, Default)]
pub(crate) struct Derived {
    /// The Arrow form, one place per column of the table: a column that nobody scans costs nothing.
    columns: OnceLock<Box<[OnceLock<ArrayRef>]>>,
    newest: OnceLock<Position>,
}

impl Derived {
    /// The array of that column of `columns`, made by `build` if this is the first to ask.
    pub(crate) fn column(&self, column: usize, columns: usize, build: impl FnOnce() -> ArrayRef) -> ArrayRef {
        let places = self.columns.get_or_init(|| (0..columns).map(|_| OnceLock::new()).collect());
        places[column].get_or_init(build).clone()
    }

    /// Position of the newest version among the rows, found by `find` if this is the first to ask.
    pub(crate) fn newest(&self, find: impl FnOnce() -> Position) -> Position {
        *self.newest.get_or_init(find)
    }
}
