use super::*;
use crate::Direction;
use crate::keys::KeyRange;
use fjall::Slice;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn slice(byte: u8) -> Slice {
    Slice::from(&[byte][..])
}

type Change = (u8, Option<u8>);

fn layer(changes: &[Change]) -> Layer {
    Layer::new(changes.iter().map(|(key, value)| (slice(*key), value.map(slice))).collect())
}

fn base(disk: &BTreeMap<u8, u8>, range: &KeyRange, direction: Direction) -> Base {
    let mut entries: Vec<_> = disk.iter().map(|(key, value)| (slice(*key), slice(*value))).collect();
    entries.retain(|(key, _)| range.contains(key));
    if direction == Direction::Backward {
        entries.reverse();
    }
    Box::new(entries.into_iter().map(Ok))
}

proptest! {
    /// Layers over a disk say what a map with the same changes says: by key and by range, both ways; and so
    /// does the disk after a flush.
    #[test]
    fn reads_as_one_map(
        disk in proptest::collection::btree_map(0..40_u8, any::<u8>(), 0..20),
        commits in vec(vec((0..40_u8, any::<Option<u8>>()), 1..6), 0..24),
        (from, to) in (0..45_u8, 0..45_u8),
    ) {
        let mut layers = Layers::default();
        let mut model = disk.clone();
        for commit in &commits {
            layers.push(layer(commit));
            for (key, value) in commit {
                match value {
                    Some(value) => model.insert(*key, *value),
                    None => model.remove(key),
                };
            }
        }
        for key in 0..40 {
            let said = layers.newest_first().find_map(|layer| layer.get(&[key])).cloned();
            let read = said.unwrap_or_else(|| disk.get(&key).copied().map(slice));
            prop_assert_eq!(read, model.get(&key).copied().map(slice));
        }
        let range = KeyRange { start: slice(from), end: slice(to) };
        let mut expected: Vec<_> = model
            .iter()
            .filter(|(key, _)| from <= **key && **key < to)
            .map(|(key, value)| (slice(*key), slice(*value)))
            .collect();
        for direction in [Direction::Forward, Direction::Backward] {
            let base = base(&disk, &range, direction);
            let read: Vec<_> = Merged::read(layers.newest_first(), Some(base), &range, direction)
                .map(Result::unwrap)
                .collect();
            prop_assert_eq!(&read, &expected);
            expected.reverse();
        }
        let mut flushed = disk.clone();
        let mut flush = Merged::flush(layers.newest_first());
        while let Some(entry) = flush.next_entry() {
            let (key, value) = entry.unwrap();
            match value {
                Some(value) => flushed.insert(key[0], value[0]),
                None => flushed.remove(&key[0]),
            };
        }
        prop_assert_eq!(flushed, model);
    }

    /// As many layers as the logarithm of the entries, however small the commits.
    #[test]
    fn layers_stay_few(sizes in vec(1..4_usize, 1..200)) {
        let mut layers = Layers::default();
        let mut next = 0_u32;
        for size in sizes {
            let changes = (0..size).map(|_| {
                next += 1;
                (Slice::from(&next.to_be_bytes()[..]), None)
            });
            layers.push(Layer::new(changes.collect()));
        }
        prop_assert_eq!(layers.entries(), next as usize);
        prop_assert!(layers.newest_first().count() <= 2 + next.ilog2() as usize);
    }
}

#[test]
fn an_error_ends_the_read() {
    let range = KeyRange { start: slice(0), end: slice(9) };
    let error = crate::ReadError::Io("gone".into());
    let base: Base =
        Box::new([Ok((slice(1), slice(1))), Err(error.clone()), Ok((slice(3), slice(3)))].into_iter());
    let layers = [Arc::new(layer(&[(2, Some(2)), (5, Some(5))]))];
    let read: Vec<_> = Merged::read(layers.iter(), Some(base), &range, Direction::Forward).collect();
    assert_eq!(read, [Ok((slice(1), slice(1))), Err(error)]);
}
