//! A sorted map in chunks that is copied on write.
//!
//! A clone shares everything. A change to a shared map copies the list of chunks and the one chunk it
//! touches; a change to a map nobody shares happens in place. Beside its entries a chunk keeps something
//! derived from them (`C`), which every change of the chunk forgets.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Most entries of a chunk. A copy of one costs some ten microseconds, and a scan takes a chunk as one
/// batch, which wants a thousand rows and more.
pub(crate) const CHUNK_ENTRIES_MAX: usize = 2_048;

#[derive(Debug)]
pub(crate) struct Chunked<K, V, C = ()> {
    chunks: Vec<Arc<Chunk<K, V, C>>>,
    len: usize,
}

#[derive(Debug)]
pub(crate) struct Chunk<K, V, C = ()> {
    entries: Vec<(K, V)>,
    derived: C,
}

impl<K, V, C> Chunk<K, V, C> {
    pub(crate) fn entries(&self) -> &[(K, V)] {
        &self.entries
    }

    pub(crate) fn derived(&self) -> &C {
        &self.derived
    }
}

impl<K: Clone, V: Clone, C: Default> Clone for Chunk<K, V, C> {
    fn clone(&self) -> Self {
        let mut entries = Vec::with_capacity(CHUNK_ENTRIES_MAX);
        entries.extend_from_slice(&self.entries);
        Self { entries, derived: C::default() }
    }
}

impl<K, V, C> Clone for Chunked<K, V, C> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<K, V, C> Default for Chunked<K, V, C> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<K, V, C> Chunked<K, V, C> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn chunks(&self) -> &[Arc<Chunk<K, V, C>>] {
        &self.chunks
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.entries.iter().map(|(key, value)| (key, value)))
    }

    /// Chunk and place of the first key that `below` does not hold of; `below` is true of a prefix.
    fn first_not(&self, below: impl Fn(&K) -> bool) -> (usize, usize) {
        let chunk =
            self.chunks.partition_point(|chunk| chunk.entries.last().is_some_and(|(last, _)| below(last)));
        let place =
            self.chunks.get(chunk).map_or(0, |chunk| chunk.entries.partition_point(|(key, _)| below(key)));
        (chunk, place)
    }

    /// The value of the key that `ordering` calls equal; it compares a key with the one looked for.
    pub(crate) fn get(&self, ordering: impl Fn(&K) -> Ordering) -> Option<(&K, &V)> {
        let (chunk, place) = self.first_not(|key| ordering(key) == Ordering::Less);
        let (key, value) = self.chunks.get(chunk)?.entries.get(place)?;
        (ordering(key) == Ordering::Equal).then_some((key, value))
    }

    /// The entries whose keys `ordering` calls equal: a stretch, such as all keys with one prefix.
    pub(crate) fn range(&self, ordering: impl Fn(&K) -> Ordering) -> impl Iterator<Item = (&K, &V)> {
        let (chunk, place) = self.first_not(|key| ordering(key) == Ordering::Less);
        self.chunks
            .iter()
            .skip(chunk)
            .enumerate()
            .flat_map(move |(nth, chunk)| &chunk.entries[if nth == 0 { place } else { 0 }..])
            .take_while(move |(key, _)| ordering(key) == Ordering::Equal)
            .map(|(key, value)| (key, value))
    }
}

impl<K: Ord + Clone, V: Clone, C: Default> Chunked<K, V, C> {
    /// From entries in ascending order of distinct keys.
    pub(crate) fn from_sorted(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut map = Self::default();
        for (key, value) in entries {
            debug_assert!(map.last_key().is_none_or(|last| *last < key), "keys ascend");
            map.push(key, value);
        }
        map
    }

    fn last_key(&self) -> Option<&K> {
        self.chunks.last()?.entries.last().map(|(key, _)| key)
    }

    fn push(&mut self, key: K, value: V) {
        self.len += 1;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.entries.len() < CHUNK_ENTRIES_MAX => {
                let chunk = Arc::make_mut(chunk);
                chunk.derived = C::default();
                chunk.entries.push((key, value));
            }
            _ => self.chunks.push(Arc::new(Chunk { entries: vec![(key, value)], derived: C::default() })),
        }
    }

    /// Sets the value of a key; gives the one it had.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        // Ids are made in ascending order, so the end is where most new keys go: full chunks stay full.
        if self.last_key().is_none_or(|last| *last < key) {
            self.push(key, value);
            return None;
        }
        let (at, place) = self.first_not(|other| *other < key);
        let chunk = Arc::make_mut(&mut self.chunks[at]);
        chunk.derived = C::default();
        if chunk.entries[place].0 == key {
            return Some(std::mem::replace(&mut chunk.entries[place].1, value));
        }
        chunk.entries.insert(place, (key, value));
        self.len += 1;
        if chunk.entries.len() > CHUNK_ENTRIES_MAX {
            let upper = chunk.entries.split_off(CHUNK_ENTRIES_MAX / 2);
            self.chunks.insert(at + 1, Arc::new(Chunk { entries: upper, derived: C::default() }));
        }
        None
    }

    /// Changes the value of a key in place, if it is there.
    pub(crate) fn update(&mut self, ordering: impl Fn(&K) -> Ordering, change: impl FnOnce(&mut V)) {
        let (at, place) = self.first_not(|key| ordering(key) == Ordering::Less);
        let found = self.chunks.get(at).and_then(|chunk| chunk.entries.get(place));
        if found.is_some_and(|(key, _)| ordering(key) == Ordering::Equal) {
            let chunk = Arc::make_mut(&mut self.chunks[at]);
            chunk.derived = C::default();
            change(&mut chunk.entries[place].1);
        }
    }

    /// Takes a key out; gives the value it had.
    pub(crate) fn remove(&mut self, ordering: impl Fn(&K) -> Ordering) -> Option<V> {
        let (at, place) = self.first_not(|key| ordering(key) == Ordering::Less);
        let (key, _) = self.chunks.get(at)?.entries.get(place)?;
        if ordering(key) != Ordering::Equal {
            return None;
        }
        let chunk = Arc::make_mut(&mut self.chunks[at]);
        chunk.derived = C::default();
        let (_, value) = chunk.entries.remove(place);
        self.len -= 1;
        self.close_gap(at);
        Some(value)
    }

    /// Drops an empty chunk and joins small neighbours, so that chunks stay at least a quarter full on average.
    fn close_gap(&mut self, at: usize) {
        if self.chunks[at].entries.is_empty() {
            self.chunks.remove(at);
            return;
        }
        let pair: Range<usize> =
            if at + 1 < self.chunks.len() { at..at + 2 } else { at.saturating_sub(1)..at + 1 };
        let together: usize = self.chunks[pair.clone()].iter().map(|chunk| chunk.entries.len()).sum();
        if pair.len() == 2 && together <= CHUNK_ENTRIES_MAX / 2 {
            let upper = self.chunks.remove(pair.start + 1);
            let lower = Arc::make_mut(&mut self.chunks[pair.start]);
            lower.derived = C::default();
            lower.entries.extend_from_slice(&upper.entries);
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use std::collections::BTreeMap;

    /// A small generator, so that the order of operations is the same in every run (xorshift64).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }

    type Map = Chunked<u64, u64, Option<u64>>;

    fn check(map: &Map, model: &BTreeMap<u64, u64>) {
        assert!(map.iter().eq(model.iter()));
        assert_eq!(map.len(), model.len());
        assert!(map.chunks().iter().all(|chunk| {
            !chunk.entries().is_empty()
                && chunk.entries().len() <= CHUNK_ENTRIES_MAX
                && chunk.derived().is_none()
        }));
    }

    #[test]
    fn it_is_a_sorted_map_and_snapshots_do_not_change() {
        let mut numbers = Numbers(42);
        let mut map = Map::default();
        let mut model = BTreeMap::new();
        let mut kept = Vec::new();
        for step in 0..60_000u64 {
            let key = numbers.below(9_000);
            match numbers.below(10) {
                0..=5 => assert_eq!(map.insert(key, step), model.insert(key, step)),
                6..=8 => assert_eq!(map.remove(|other| other.cmp(&key)), model.remove(&key)),
                _ => {
                    map.update(|other| other.cmp(&key), |value| *value += 1);
                    model.entry(key).and_modify(|value| *value += 1);
                }
            }
            let found = map.get(|other| other.cmp(&key)).map(|(_, value)| value);
            assert_eq!(found, model.get(&key));
            if step % 10_000 == 0 {
                kept.push((map.clone(), model.clone()));
            }
        }
        check(&map, &model);
        for (map, model) in &kept {
            check(map, model);
        }
        // Emptying it leaves no chunk behind.
        for key in model.keys() {
            map.remove(|other| other.cmp(key));
        }
        assert_eq!((map.len(), map.chunks().len()), (0, 0));
    }

    #[test]
    fn ascending_keys_fill_chunks_to_the_bound() {
        let map = Map::from_sorted((0..CHUNK_ENTRIES_MAX as u64 * 3 + 1).map(|key| (key, key)));
        let sizes: Vec<usize> = map.chunks().iter().map(|chunk| chunk.entries().len()).collect();
        assert_eq!(sizes, [CHUNK_ENTRIES_MAX, CHUNK_ENTRIES_MAX, CHUNK_ENTRIES_MAX, 1]);
    }

    #[test]
    fn a_range_crosses_chunks() {
        let pairs = (0..3u64).flat_map(|task| (0..3_000u64).map(move |item| ((task, item), ())));
        let map = Chunked::<(u64, u64), ()>::from_sorted(pairs);
        assert!(map.chunks().len() > 3);
        for task in 0..3 {
            let items: Vec<u64> = map.range(|key| key.0.cmp(&task)).map(|(key, ())| key.1).collect();
            assert!(items.into_iter().eq(0..3_000), "task {task}");
        }
        assert_eq!(map.range(|key| key.0.cmp(&9)).count(), 0);
    }
}
