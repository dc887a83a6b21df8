//! What is said of a journal, whatever a crash or a bit has done to it.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::ops::Range;

/// Bytes between the tag of a batch and its items: count and sequence number.
const NUMBER_AT: Range<usize> = 5..13;

/// As fjall writes one commit: a record under its first position, not compressed.
fn write_batch(out: &mut Vec<u8>, number: u64, first: Position, record: &[u8]) {
    let key = keys::log::key(first);
    out.push(START);
    out.extend_from_slice(&1_u32.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    let items = out.len();
    out.extend_from_slice(&[ITEM, 0, 0]);
    out.extend_from_slice(&1_u64.to_le_bytes());
    out.extend_from_slice(&(key.len() as u16).to_le_bytes());
    out.extend_from_slice(&(record.len() as u32).to_le_bytes());
    out.extend_from_slice(&(record.len() as u32).to_le_bytes());
    out.extend_from_slice(&key);
    out.extend_from_slice(record);
    let checksum = xxh3_64(&out[items..]);
    out.push(END);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(TRAILER);
}

/// A journal of records of these sizes, and where its batches lie.
fn journal(records: &[usize]) -> (Vec<u8>, Vec<Range<usize>>) {
    let (mut bytes, mut batches) = (Vec::new(), Vec::new());
    for (n, len) in records.iter().enumerate() {
        let start = bytes.len();
        // No sector of a record is zeros.
        let record: Vec<u8> = (0..*len).map(|at| ((at * 7 + n) % 251) as u8 + 1).collect();
        write_batch(&mut bytes, n as u64 + 3, Position(n as u64 + 1), &record);
        batches.push(start..bytes.len());
    }
    (bytes, batches)
}

/// What is behind the whole batches.
fn behind(journal: &[u8]) -> Tail {
    let mut at = 0;
    while let Some(batch) = batch(&journal[at..]) {
        at += batch.len;
    }
    tail(journal, at)
}

/// The parts of a range in each sector.
fn sectors(range: &Range<usize>) -> Vec<Range<usize>> {
    let sectors = range.start / SECTOR..range.end.div_ceil(SECTOR);
    sectors.map(|n| (n * SECTOR).max(range.start)..((n + 1) * SECTOR).min(range.end)).collect()
}

proptest! {
    /// Wherever the writing of the last batch stopped, and whatever zeros follow, it is torn there.
    #[test]
    fn a_batch_that_ends_early_is_torn(
        records in vec(0..2_000_usize, 1..5),
        cut: prop::sample::Index,
        zeros in 0..9_000_usize,
    ) {
        let (mut bytes, batches) = journal(&records);
        prop_assert_eq!(behind(&bytes), Tail::Clean);
        let last = batches.last().unwrap();
        bytes.truncate(last.start + cut.index(last.len()));
        let clean = bytes.len() == last.start;
        bytes.resize(bytes.len() + zeros, 0);
        prop_assert_eq!(behind(&bytes), if clean { Tail::Clean } else { Tail::Torn { at: last.start } });
    }

    /// Whatever sectors of the last batch a power cut left out, it is torn.
    #[test]
    fn a_batch_that_lacks_sectors_is_torn(
        records in vec(0..4_000_usize, 1..5),
        lost in vec(any::<bool>(), 10),
        zeros in 0..9_000_usize,
    ) {
        let (mut bytes, batches) = journal(&records);
        let last = batches.last().unwrap();
        let sectors = sectors(last);
        let lost: Vec<_> = sectors.iter().zip(lost.iter().cycle()).filter(|(_, lost)| **lost).collect();
        prop_assume!(!lost.is_empty());
        for (sector, _) in &lost {
            bytes[(*sector).clone()].fill(0);
        }
        bytes.resize(bytes.len() + zeros, 0);
        let expected = if lost.len() == sectors.len() { Tail::Clean } else { Tail::Torn { at: last.start } };
        prop_assert_eq!(behind(&bytes), expected);
    }

    /// A bit of a batch is never taken for a tear, but in the number, which has a check of its own.
    #[test]
    fn a_changed_bit_is_never_taken_for_a_tear(
        records in vec(0..2_000_usize, 1..5),
        at: prop::sample::Index,
        bit in 0..8_u32,
        zeros in 0..9_000_usize,
    ) {
        let (mut bytes, batches) = journal(&records);
        let at = at.index(bytes.len());
        let batch = batches.iter().find(|batch| batch.contains(&at)).unwrap();
        prop_assume!(!NUMBER_AT.contains(&(at - batch.start)));
        // A batch that begins with the last byte of a sector, and that byte gone: the sector may be missing.
        prop_assume!(at != batch.start || at % SECTOR != SECTOR - 1);
        bytes[at] ^= 1 << bit;
        bytes.resize(bytes.len() + zeros, 0);
        let is_last = batch.end == batches.last().unwrap().end;
        let at = batch.start;
        prop_assert_eq!(behind(&bytes), if is_last { Tail::Changed { at } } else { Tail::Broken { at } });
    }
}

/// Numbers must ascend, from journal to journal, and stay near the positions.
#[test]
fn sequence_numbers_have_an_order() {
    let faults = |journals: &[&[(u64, u64)]]| {
        let dir = tempfile::tempdir().unwrap();
        for (id, batches) in journals.iter().enumerate() {
            let mut bytes = Vec::new();
            for (number, first) in *batches {
                write_batch(&mut bytes, *number, Position(*first), b"record");
            }
            fs::write(dir.path().join(format!("{id}.jnl")), bytes).unwrap();
        }
        let survey = survey(dir.path()).unwrap();
        let faults: Vec<_> = survey.faults.into_iter().map(|fault| fault.why).collect();
        (faults, survey.last.map(|last| last.0))
    };
    assert_eq!(faults(&[&[(3, 1), (4, 2)], &[(9, 5)]]), (Vec::new(), Some(5)));
    let (out_of_order, last) = faults(&[&[(3, 1), (4, 2)], &[(4, 5)]]);
    assert_eq!((out_of_order.len(), last), (1, Some(5)));
    assert!(out_of_order[0].contains("sequence number 4, out of order"), "{out_of_order:?}");
    let (too_far, _) = faults(&[&[(NUMBERS_BESIDE_MAX + 3, 2)]]);
    assert_eq!(too_far.len(), 1);
    assert_eq!(faults(&[]).0, ["it has no journal"]);
}
