//! What a power cut can leave of the journal: the last commit, which was not synced yet, with any of its
//! pages missing.

use super::*;
use crate::OpenError;
use crate::journal::batch_bounds;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

const PAGE: usize = 4_096;
/// Not so regular that compression would leave less than a page of it.
const EVENTS_OF_LAST: usize = 400;

struct Before {
    dir: TempDir,
    journal: Vec<u8>,
    /// Where each commit lies in the journal.
    commits: Vec<Range<usize>>,
}

fn journal_path(dir: &Path) -> PathBuf {
    dir.join("log/0.jnl")
}

/// A store that crashed: nine small commits, then a large one.
fn before() -> Before {
    let dir = scratch();
    let (store, _) = open(dir.path(), &Options::default());
    for n in 0..9 {
        store.execute_blocking(context(NOON), add("a", n)).unwrap();
    }
    let events = (0..EVENTS_OF_LAST).map(|n| note(&blake3::hash(&n.to_be_bytes()).to_hex())).collect();
    let write = StreamWrite { stream: "s".into(), expected: ExpectedRevision::Any, events };
    store.append_blocking(context(NOON), Append { writes: vec![write] }).unwrap();
    store.crash();
    let journal = fs::read(journal_path(dir.path())).unwrap();
    let bounds = batch_bounds(&journal);
    let commits: Vec<_> = bounds.windows(2).map(|bounds| bounds[0]..bounds[1]).collect();
    assert_eq!(commits.len(), 10);
    assert!(commits[9].len() > 8 * PAGE, "the last commit lies on several pages: {:?}", commits[9]);
    Before { dir, journal, commits }
}

impl Before {
    /// The store with another journal.
    fn with_journal(&self, journal: &[u8]) -> TempDir {
        let copy = scratch();
        copy_directory(self.dir.path(), copy.path());
        fs::write(journal_path(copy.path()), journal).unwrap();
        copy
    }

    /// Opens it and checks that exactly the last commit is missing and that the log goes on from there.
    fn check_cut(&self, journal: &[u8], case: &str) {
        let copy = self.with_journal(journal);
        for start in 0..2 {
            let (store, opened) = Store::open(copy.path(), Counters::default(), tiny()).expect(case);
            assert_eq!(opened.head.position, Position(9 + start), "{case}");
            assert_eq!(all_events(&store.reader()).len() as u64, 9 + start, "{case}");
            store.execute_blocking(context(NOON), add("a", 1)).unwrap();
        }
    }
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The pages that a commit touches, and of each what is the commit's.
fn pages(commit: &Range<usize>) -> Vec<Range<usize>> {
    (commit.start / PAGE..commit.end.div_ceil(PAGE))
        .map(|page| (page * PAGE).max(commit.start)..((page + 1) * PAGE).min(commit.end))
        .collect()
}

#[test]
fn any_page_of_the_last_commit_may_be_lost() {
    let before = before();
    let last = &before.commits[9];
    let pages = pages(last);
    for (n, lost) in pages.iter().enumerate() {
        let mut journal = before.journal.clone();
        journal[lost.clone()].fill(0);
        before.check_cut(&journal, &format!("page {n} of {} lost", pages.len()));
    }
    // All but one, and the file's new length, too.
    for kept in [0, pages.len() / 2, pages.len() - 1] {
        let mut journal = before.journal.clone();
        pages
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != kept)
            .for_each(|(_, lost)| journal[lost.clone()].fill(0));
        before.check_cut(&journal, &format!("only page {kept} kept"));
        before.check_cut(&journal[..last.end - 1], &format!("only page {kept} kept, and the file cut"));
    }
    for cut in [last.start, last.start + 1, last.start + 13, last.start + PAGE, last.end - 1] {
        before.check_cut(&before.journal[..cut], &format!("cut at {cut}"));
    }
}

#[test]
fn what_was_acknowledged_is_never_cut_silently() {
    let before = before();
    for commit in &before.commits[..9] {
        for at in [commit.start, commit.start + 1, commit.start + 13, commit.end - 1] {
            let mut journal = before.journal.clone();
            journal[at] ^= 0xFF;
            let copy = before.with_journal(&journal);
            match Store::open(copy.path(), Counters::default(), tiny()) {
                Err(OpenError::Damaged(damage)) => assert_eq!(damage.what, "journal"),
                Err(error) => panic!("byte {at}: {error}"),
                Ok((_, opened)) => panic!("byte {at}: opened at {}", opened.head.position),
            }
        }
    }
}

/// Of a torn commit something is missing. One that is all there, but for a bit, was changed afterwards, and may
/// have been acknowledged.
#[test]
fn a_changed_last_commit_is_not_taken_for_a_torn_one() {
    let before = before();
    let last = &before.commits[9];
    let pages =
        pages(last).into_iter().flat_map(|page| [page.start, (page.start + page.end) / 2, page.end - 1]);
    // The tag, the count, lengths; the end's tag, its checksum, its trailer.
    let marks = [0, 1, 4, 13, 16, 26, 28, 31, 32].map(|at| last.start + at);
    let ends = [1, 2, 4, 5, 12, 13].map(|at| last.end - at);
    for at in pages.chain(marks).chain(ends) {
        let mut journal = before.journal.clone();
        journal[at] ^= 1 << (at % 8);
        let copy = before.with_journal(&journal);
        match Store::open(copy.path(), Counters::default(), tiny()) {
            Err(OpenError::Damaged(damage)) => {
                assert_eq!(damage.what, "journal");
                assert!(damage.why.contains("though all of it is there"), "byte {at}: {damage}");
            }
            Err(error) => panic!("byte {at}: {error}"),
            Ok((_, opened)) => panic!("byte {at}: opened at {}", opened.head.position),
        }
    }
}

/// The sequence number of a batch is under no checksum.
#[test]
fn a_changed_sequence_number_loses_nothing_silently() {
    let before = before();
    let events = 9 + EVENTS_OF_LAST as u64;
    let mut refused = 0;
    for commit in [&before.commits[4], &before.commits[9]] {
        for at in (commit.start + 5)..(commit.start + 13) {
            let mut journal = before.journal.clone();
            journal[at] ^= 1;
            let copy = before.with_journal(&journal);
            match Store::open(copy.path(), Counters::default(), tiny()) {
                Err(OpenError::Damaged(damage)) => {
                    assert!(damage.why.contains("sequence number"), "byte {at}: {damage}");
                    refused += 1;
                }
                Err(error) => panic!("byte {at}: {error}"),
                Ok((_, opened)) => assert_eq!(opened.head.position.0, events, "byte {at}"),
            }
        }
    }
    assert!(refused >= 10, "{refused}");
}

#[test]
fn a_whole_journal_is_left_as_it_is() {
    let before = before();
    let copy = before.with_journal(&before.journal);
    crate::journal::mend(&copy.path().join("log"), || None).unwrap();
    assert!(fs::read(journal_path(copy.path())).unwrap() == before.journal);
    let (_, opened) = open(copy.path(), &tiny());
    assert_eq!(opened.head.position.0, 9 + EVENTS_OF_LAST as u64);
}

/// Why we look before fjall does (docs/adr/0009). When this fails, fjall has become better: read on there.
#[test]
fn what_fjall_does_by_itself() {
    let before = before();
    let records = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut journal = before.journal.clone();
        change(&mut journal);
        let copy = before.with_journal(&journal);
        let database = fjall::Database::builder(copy.path().join("log")).open()?;
        let log = database.keyspace("log", fjall::KeyspaceCreateOptions::default)?;
        Ok::<_, fjall::Error>(log.iter().count())
    };
    let (fifth, last) = (&before.commits[4], &before.commits[9]);
    assert_eq!(records(&|_| {}).unwrap(), 10);
    // A bit of a tag or of a trailer: six acknowledged commits are cut off, and nothing is said.
    assert_eq!(records(&|journal| journal[fifth.start] ^= 2).unwrap(), 4);
    assert_eq!(records(&|journal| journal[fifth.end - 1] ^= 1).unwrap(), 4);
    // A last batch that was never whole, but for its end, keeps the database from opening.
    let refused = records(&|journal| journal[last.start + PAGE + 900..last.start + PAGE + 904].fill(0));
    assert!(matches!(refused, Err(fjall::Error::JournalRecovery(_))), "{refused:?}");
}
