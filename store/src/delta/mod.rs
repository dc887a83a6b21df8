//! What commits changed in the derived keyspace and the disk does not have yet: sorted layers in memory,
//! laid over the disk on every read.

mod layer;
mod merged;
#[cfg(test)]
mod test;

pub(crate) use layer::{Entry, Layer};
pub(crate) use merged::{Base, Merged};

use std::sync::Arc;

/// A layer of as many entries is merged no more: the writer does it between two commits, and this many take
/// it a millisecond or two.
const MERGED_ENTRIES_MAX: usize = 32_768;

/// Layers, oldest first. Adding one merges it into its neighbours in the manner of a binary counter, so `n`
/// entries lie in about `log n` layers, and those of [`MERGED_ENTRIES_MAX`] below, and each entry is moved
/// about `log n` times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    layers: Vec<Arc<Layer>>,
    entries: usize,
    bytes: usize,
}

impl Layers {
    /// Lays `layer` over the others.
    pub(crate) fn push(&mut self, layer: Layer) {
        if layer.is_empty() {
            return;
        }
        self.layers.push(Arc::new(layer));
        while let [.., older, newer] = &self.layers[..]
            && newer.len() * 2 >= older.len()
            && older.len() < MERGED_ENTRIES_MAX
        {
            let merged = Layer::merge(older, newer);
            self.layers.truncate(self.layers.len() - 2);
            self.layers.push(Arc::new(merged));
        }
        self.entries = self.layers.iter().map(|layer| layer.len()).sum();
        self.bytes = self.layers.iter().map(|layer| layer.bytes()).sum();
    }

    /// Newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Arc<Layer>> {
        self.layers.iter().rev()
    }

    /// Entries of all layers, a key counted once for each layer that has it.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// About the memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
