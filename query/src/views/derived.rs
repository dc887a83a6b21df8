//! What is made of a chunk's rows when somebody first asks for it, and kept until the chunk changes.

use datafusion::arrow::array::ArrayRef;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use store::Position;

/// Empty for a new or changed chunk.
#[derive(Debug, Default)]
pub(crate) struct Derived {
    /// The Arrow form, one place per column of the table: a column that nobody scans costs nothing.
    columns: OnceLock<Box<[OnceLock<ArrayRef>]>>,
    newest: OnceLock<Position>,
    /// Where the values of text columns stand, one place per column of the table.
    places: OnceLock<Box<[OnceLock<Places>]>>,
}

/// For each row that has a text in the column: a hash of it, and below that the row's place ([`PLACE_BITS`]). Sorted.
type Places = Box<[u64]>;

/// Bits of a place in a chunk.
const PLACE_BITS: u32 = 16;

const _: () = assert!(super::chunked::CHUNK_ENTRIES_MAX <= 1 << PLACE_BITS, "a place fits its bits");

/// A hash of a text, as [`Derived::places`] takes it.
pub(crate) fn hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    text.hash(&mut hasher);
    hasher.finish() >> PLACE_BITS << PLACE_BITS
}

impl Derived {
    /// The array of that column of `columns`, made by `build` if this is the first to ask.
    pub(crate) fn column(&self, column: usize, columns: usize, build: impl FnOnce() -> ArrayRef) -> ArrayRef {
        let places = self.columns.get_or_init(|| (0..columns).map(|_| OnceLock::new()).collect());
        places[column].get_or_init(build).clone()
    }

    /// Places of rows whose text in that column of `columns` has that hash, in order.
    /// `hashes` gives the [hash] of each row's text, if this is the first to ask.
    pub(crate) fn places<'a, F: FnOnce() -> Vec<Option<u64>>>(
        &'a self,
        column: usize,
        columns: usize,
        sought: u64,
        hashes: F,
    ) -> impl Iterator<Item = usize> + use<'a, F> {
        let of_columns = self.places.get_or_init(|| (0..columns).map(|_| OnceLock::new()).collect());
        let places = of_columns[column].get_or_init(|| {
            let hashes = hashes().into_iter().enumerate();
            let mut places: Vec<u64> =
                hashes.filter_map(|(place, hash)| Some(hash? | place as u64)).collect();
            places.sort_unstable();
            places.into()
        });
        let from = places.partition_point(|&place| place < sought);
        let same =
            places[from..].iter().take_while(move |&&place| place >> PLACE_BITS == sought >> PLACE_BITS);
        same.map(|&place| (place & ((1 << PLACE_BITS) - 1)) as usize)
    }

    /// Position of the newest version among the rows, found by `find` if this is the first to ask.
    pub(crate) fn newest(&self, find: impl FnOnce() -> Position) -> Position {
        *self.newest.get_or_init(find)
    }
}
