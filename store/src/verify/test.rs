//! Damage of every kind, and what is said of it.

use super::*;
use crate::disk::{all_derived, remove_derived, set_derived, set_record};
use crate::journal;
use crate::keys::{event_id, history, row, stream, stream_head, tag};
use crate::model::{COUNTERS, Count, Counters};
use crate::test::{NOON, add, all_events, context, note, open, scratch, tiny};
use crate::{
    Append, Event, EventId, ExpectedRevision, Revision, Stamp, Store, StreamWrite, Text, Timestamp, Version,
    record,
};
use fjall::Slice;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;

/// Small enough that the log has tables, too.
fn options() -> Options {
    Options { memtable_bytes: 8_192, ..tiny() }
}

fn check(dir: &Path) -> Report {
    verify(dir, Counters::default(), &options(), None, &mut |_| {}).unwrap()
}

/// What is found, in words.
fn found(report: &Report) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn finds(dir: &Path, words: &[&str]) {
    let report = check(dir);
    let found = found(&report).join("\n");
    assert!(!report.is_whole(), "nothing found");
    for words in words {
        assert!(found.contains(words), "no {words:?} in:\n{found}");
    }
}

/// A store with rows that are, rows that were and rows that are gone, in several runs and with a tail that
/// is not in the checkpoint.
fn lived_in() -> TempDir {
    let dir = scratch();
    let (store, _) = Store::open(dir.path(), Counters::default(), options()).unwrap();
    for n in 0..120 {
        let counter = ["a", "b", "c", "d"][n as usize % 4];
        store.execute_blocking(context(NOON + n), add(counter, n)).unwrap();
        if n % 9 == 8 {
            let remove = crate::model::Ask::Remove { counter: counter.into() };
            store.execute_blocking(context(NOON + n), remove).unwrap();
        }
    }
    let noise: String = (0..300_u32).map(|n| blake3::hash(&n.to_be_bytes()).to_hex().to_string()).collect();
    let events = vec![note(&noise), note("x")];
    let write = StreamWrite { stream: "s".into(), expected: ExpectedRevision::Any, events };
    store.append_blocking(context(NOON + 500), Append { writes: vec![write] }).unwrap();
    store.close().unwrap();
    let (store, _) = open(dir.path(), &options());
    for n in 0..5 {
        store.execute_blocking(context(NOON + 1_000 + n), add("e", n)).unwrap();
    }
    store.crash();
    dir
}

/// The same, closed.
fn closed() -> TempDir {
    let dir = lived_in();
    open(dir.path(), &options()).0.close().unwrap();
    dir
}

fn log_of(dir: &Path) -> Vec<Event> {
    let (store, _) = open(dir, &options());
    let events = all_events(&store.reader());
    drop(store);
    events
}

#[test]
fn a_whole_store_is_whole() {
    for (case, dir) in [("crashed", lived_in()), ("closed", closed())] {
        let mut stages = BTreeSet::new();
        let mut progress = |progress: Progress| {
            stages.insert(format!("{:?}", progress.stage));
        };
        let report = verify(dir.path(), Counters::default(), &options(), None, &mut progress).unwrap();
        assert_eq!(found(&report), [""; 0], "{case}");
        let (head, chain) = report.head.unwrap();
        let checkpoint = report.checkpoint.unwrap();
        assert_eq!(checkpoint < head.position, case == "crashed", "{report:?}");
        assert_eq!((report.events, report.records), (head.position.0, head.position.0 - 1), "{case}");
        assert!(report.entries > 4 * checkpoint.0, "{case}: {report:?}");
        assert_eq!(report.notes, [""; 0], "{case}");
        assert_eq!(stages.len(), 3, "{case}: {stages:?}");
        // Twice is as once, and the store goes on; whoever kept the hash finds it again.
        assert_eq!(check(dir.path()), report, "{case}");
        assert_eq!(log_of(dir.path()).len() as u64, head.position.0, "{case}");
        let expected = |expect| verify(dir.path(), Counters::default(), &options(), expect, &mut |_| {});
        assert!(expected(Some(chain)).unwrap().is_whole(), "{case}");
        assert!(expected(Some(chain.to_string().parse().unwrap())).unwrap().is_whole());
        let (store, _) = open(dir.path(), &options());
        store.execute_blocking(context(NOON), add("a", 1)).unwrap();
        drop(store);
        let report = expected(Some(chain)).unwrap();
        assert_eq!(
            found(&report),
            [format!("log: the expected chain hash is that of position {}", head.position)]
        );
        let report = expected(Some(Chain::START)).unwrap();
        assert!(found(&report)[0].contains("no position has the expected chain hash 0000"), "{report:?}");
        assert!(!dir.path().join("views.new").exists());
    }
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let dir = scratch();
    let refused = |dir: &Path| verify(dir, Counters::default(), &options(), None, &mut |_| {}).unwrap_err();
    assert!(matches!(refused(dir.path()), OpenError::NoLog { .. }));
    assert!(matches!(
        crate::rebuild(dir.path(), Counters::default(), &options(), |_, _| {}),
        Err(OpenError::NoLog { .. })
    ));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "it was made a data directory");
    let (store, _) = open(dir.path(), &options());
    assert!(matches!(refused(dir.path()), OpenError::Held { .. }));
    let held = crate::rebuild(dir.path(), Counters::default(), &options(), |_, _| {});
    assert!(matches!(held, Err(OpenError::Held { .. })));
    drop(store);
    assert!(check(dir.path()).is_whole());
    crate::disk::set_format(dir.path(), 7);
    assert!(matches!(refused(dir.path()), OpenError::UnknownFormat { found: 7, .. }));
}

#[test]
fn views_that_are_not_there_are_no_damage() {
    let dir = closed();
    fs::remove_dir_all(dir.path().join("views")).unwrap();
    let report = check(dir.path());
    assert!(report.is_whole() && report.notes[0].contains("there are no views"), "{report:?}");
    fs::remove_dir_all(dir.path().join("log")).unwrap();
    fs::create_dir(dir.path().join("views")).unwrap();
    finds(dir.path(), &["file log: it is missing"]);
}

/// Each entry of the views, of every kind: taken away, changed, and one too many.
#[test]
fn a_derived_entry_changed_by_hand_is_named_and_mended() {
    let dir = closed();
    let events = log_of(dir.path());
    let event = &events[70];
    let removed = events.iter().find(|event| &*event.kind == "Removed").unwrap();
    let before = all_derived(dir.path());
    let value_of =
        |key: &Slice| before.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    let stream_name = &*event.stream;
    let row_key = row::key(COUNTERS, "e");
    let version_key = history::key(COUNTERS, removed.position, &removed.stream);
    let places: [(Slice, String); 7] = [
        (stream_head::key(stream_name), format!("head of stream {stream_name}: ")),
        (
            stream::key(stream_name, event.revision),
            format!("index of stream {stream_name} at revision {}: ", event.revision.0),
        ),
        (
            tag::key("$type:Added", event.position),
            format!("index of tag $type:Added at position {}: ", event.position),
        ),
        (
            tag::key(&format!("counter:{stream_name}"), event.position),
            format!("index of tag counter:{stream_name} at position {}: ", event.position),
        ),
        (event_id::key(event.id), format!("index of event id {}: ", event.id)),
        (row_key.clone(), "row e of table 1: ".into()),
        (
            version_key,
            format!(
                "version of row {} of table 1 that ended at position {}: ",
                removed.stream, removed.position
            ),
        ),
    ];
    for (key, place) in &places {
        let value = value_of(key).unwrap_or_else(|| panic!("{place}there is no such entry"));
        remove_derived(dir.path(), key.clone());
        let report = check(dir.path());
        assert_eq!(found(&report), [format!("{place}it is missing")]);
        assert!(report.findings[0].place.is_derived());
        let mut other = value.to_vec();
        match &mut other[..] {
            [_, .., last] => *last ^= 1,
            _ => other.push(9),
        }
        set_derived(dir.path(), key.clone(), other.into());
        let report = check(dir.path());
        assert_eq!(report.findings_count, 1, "{report:?}");
        assert!(found(&report)[0].starts_with(place), "{report:?}");
        crate::rebuild(dir.path(), Counters::default(), &options(), |_, _| {}).unwrap();
        assert_eq!(found(&check(dir.path())), [""; 0]);
        assert_eq!(all_derived(dir.path()), before);
    }
    let too_many: [(Slice, &str); 7] = [
        (stream_head::key("ghost"), "head of stream ghost: the log gives no such entry"),
        (stream::key("ghost", Revision(4)), "index of stream ghost at revision 4: the log gives"),
        (tag::key("ghost", Position(3)), "index of tag ghost at position 3: the log gives"),
        (event_id::key(EventId(5)), "the log gives no such entry"),
        (row::key(COUNTERS, "ghost"), "row ghost of table 1: the log gives no such entry"),
        (history::key(COUNTERS, Position(3), "ghost"), "row ghost of table 1 that ended at position 3: "),
        ([200, 1, 2].into(), "unknown key c80102 of the views: the log gives no such entry"),
    ];
    for (key, words) in too_many {
        set_derived(dir.path(), key.clone(), stream::encode(Position(7)));
        finds(dir.path(), &[words]);
        remove_derived(dir.path(), key);
    }
    // A row that can be read, and is not what the log gives.
    let stamp = Stamp {
        position: Position(2),
        time: Timestamp(NOON),
        event_id: EventId(1),
        kind: "Added".into(),
        actor: None,
    };
    set_derived(dir.path(), row_key, row::encode(&stamp, &Count(1)));
    finds(dir.path(), &["row e of table 1: it is of the event at position 2, the log gives"]);
}

#[test]
fn a_checkpoint_that_is_not_that_of_its_views_is_named() {
    let dir = closed();
    let (head, chain) = check(dir.path()).head.unwrap();
    let right = Checkpoint { format: checkpoint::FORMAT, fold: 0, head, chain };
    let later = Head { position: Position(head.position.0 + 1), ..head };
    let long_ago = Head { position: Position(20), ..head };
    let within = Head { position: Position(head.position.0 - 6), ..head };
    let cases: [(Option<Checkpoint>, &str); 5] = [
        (Some(Checkpoint { chain: Chain([7; 32]), ..right }), "checkpoint: its chain hash is not that"),
        (Some(Checkpoint { head: later, ..right }), "acknowledged events are missing"),
        (Some(Checkpoint { head: long_ago, ..right }), "the log gives no such entry"),
        (Some(Checkpoint { head: within, ..right }), "where no commit ends"),
        (None, "checkpoint: it is missing"),
    ];
    for (put, words) in cases {
        match put {
            Some(checkpoint) => set_derived(dir.path(), checkpoint::key(), checkpoint::encode(&checkpoint)),
            None => remove_derived(dir.path(), checkpoint::key()),
        }
        finds(dir.path(), &[words]);
    }
    crate::rebuild(dir.path(), Counters::default(), &options(), |_, _| {}).unwrap();
    assert!(check(dir.path()).is_whole());
    let other = Checkpoint { fold: 9, ..right };
    set_derived(dir.path(), checkpoint::key(), checkpoint::encode(&other));
    let report = check(dir.path());
    assert!(report.is_whole() && report.notes[0].contains("another version"), "{report:?}");
}

/// Records that keep their own checksums, and not the rules of the log.
#[test]
fn a_log_that_breaks_its_rules_is_named() {
    let base = closed();
    let events = log_of(base.path());
    drop(base);
    let last = events.last().unwrap().clone();
    let next = |change: fn(&mut Event)| {
        let mut event = last.clone();
        event.position = event.position.next();
        event.revision = event.revision.next();
        event.id = EventId(77);
        change(&mut event);
        event
    };
    let append = |event: Event, chain: Option<Chain>| {
        let dir = closed();
        let (_, at) = check(dir.path()).head.unwrap();
        let first = event.position;
        set_record(dir.path(), first, record::encode(chain.unwrap_or(at), &[event], &[]).bytes);
        found(&check(dir.path()))
    };
    let position = last.position.next();
    assert_eq!(append(next(|_| {}), None), [""; 0]);
    let gap = append(next(|event| event.position = Position(event.position.0 + 2)), None);
    assert_eq!(
        gap[0],
        format!(
            "log: the log should go on at position {position}, the next record begins at {}",
            position.0 + 2
        )
    );
    let chain = append(next(|_| {}), Some(Chain([1; 32])));
    assert_eq!(
        chain,
        [format!(
            "commit record at position {position}: it does not continue the chain of the record before"
        )]
    );
    let time = append(next(|event| event.time = Timestamp(0)), None);
    assert!(
        time[0].starts_with(&format!("event at position {position}: its time is 0 us, before")),
        "{time:?}"
    );
    let revision = append(next(|event| event.revision = Revision(99)), None);
    assert!(revision[0].contains("it is revision 99 of stream e, which was at 5"), "{revision:?}");

    let dir = closed();
    let (_, at) = check(dir.path()).head.unwrap();
    let events = log_of(dir.path());
    let twin = Event { id: events[3].id, ..next(|_| {}) };
    set_record(dir.path(), position, record::encode(at, &[twin], &[]).bytes);
    finds(
        dir.path(),
        &[&format!(
            "event at position 4: its id {} is also that of the event at position {position}",
            events[3].id
        )],
    );
}

/// Whether verify names the file, and only names what has to do with it.
fn names(report: &Report, path: &Path) -> bool {
    report
        .findings
        .iter()
        .any(|finding| matches!(&finding.place, Place::File { path: named } if named == path))
}

/// Whether anything leads to a file: it would be missed. fjall removes those that nothing leads to later.
fn is_of_use(database: &Path, path: &Path) -> bool {
    let aside = path.with_extension("aside");
    fs::rename(path, &aside).unwrap();
    let (faults, _) = files::check(database, &mut |_| {}).unwrap();
    fs::rename(&aside, path).unwrap();
    !faults.is_empty()
}

fn files_in(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_in(&path, found) } else { found.push(path) }
    }
    found.sort();
}

/// Every byte that is somewhere below fjall, but for the zeros of journals and for locks, which say nothing.
#[test]
fn a_flipped_byte_in_any_file_is_named() {
    let dir = closed();
    assert!(check(dir.path()).is_whole());
    let mut files = Vec::new();
    files_in(dir.path(), &mut files);
    let mut kinds = BTreeSet::new();
    for path in files {
        let shown = path.strip_prefix(dir.path()).unwrap();
        let name = shown.file_name().unwrap().to_str().unwrap();
        let database = dir.path().join(shown.components().next().unwrap());
        if name.eq_ignore_ascii_case("lock") {
            continue;
        }
        if !is_of_use(&database, &path) {
            continue;
        }
        let parent = shown.parent().unwrap().file_name().unwrap().to_str().unwrap();
        kinds.insert(
            match name {
                _ if parent == "tables" => "table",
                _ if name.ends_with(".jnl") => "journal",
                _ if name.starts_with('v') && name != "version" => "manifest",
                _ => name,
            }
            .to_owned(),
        );
        let whole = fs::read(&path).unwrap();
        let held = if name.ends_with(".jnl") { journal::read(&path).unwrap() } else { whole.clone() };
        let len = held.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let step = (len / 400).max(1);
        for at in (0..len).step_by(step).chain(len.checked_sub(1)) {
            let mut flipped = held.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&path, &flipped).unwrap();
            let (faults, _) = files::check(&database, &mut |_| {}).unwrap();
            let journal_number = name.ends_with(".jnl") && faults.is_empty();
            assert!(
                faults.iter().any(|fault| fault.path == path) || journal_number || name == "current",
                "byte {at} of {}: {faults:?}",
                shown.display()
            );
            assert!(!faults.is_empty() || journal_number, "byte {at} of {}", shown.display());
        }
        // One of them the whole way.
        let mut flipped = held.clone();
        if let Some(byte) = flipped.get_mut(len / 2) {
            *byte ^= 4;
            fs::write(&path, &flipped).unwrap();
            let report = check(dir.path());
            assert!(names(&report, shown) || name == "current", "{}: {report:?}", shown.display());
            assert!(!report.is_whole(), "{}", shown.display());
        }
        fs::write(&path, &whole).unwrap();
    }
    let expected = ["current", "journal", "manifest", "table", "version"];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    let report = check(dir.path());
    assert_eq!(found(&report), [""; 0]);
}

/// Where a table of the log is damaged, the positions are named that cannot be read.
#[test]
fn the_positions_in_a_damaged_table_are_named() {
    let dir = closed();
    let head = check(dir.path()).head.unwrap().0.position;
    let database = dir.path().join("log");
    let mut files = Vec::new();
    files_in(&database.join("keyspaces/1/tables"), &mut files);
    let mut named = BTreeSet::new();
    for path in files.into_iter().filter(|path| is_of_use(&database, path)) {
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 40) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x40;
            fs::write(&path, &flipped).unwrap();
            let report = check(dir.path());
            assert!(report.findings_count >= 1 && report.head.is_none(), "byte {at}: {report:?}");
            named.extend(found(&report).into_iter().filter(|finding| finding.starts_with("log: positions")));
            let rebuilt = crate::rebuild(dir.path(), Counters::default(), &options(), |_, _| {});
            assert!(matches!(rebuilt, Err(OpenError::Damaged(_))), "byte {at}: {rebuilt:?}");
            fs::write(&path, &whole).unwrap();
        }
    }
    assert!(named.iter().any(|words| words.contains(" to ")), "{named:?}");
    assert!(named.len() > 1, "{named:?}");
    assert_eq!(check(dir.path()).head.unwrap().0.position, head);
}

/// A missing file is named, too.
#[test]
fn a_missing_file_is_named() {
    let dir = closed();
    let mut files = Vec::new();
    files_in(dir.path(), &mut files);
    let before = check(dir.path());
    for path in files {
        let shown = path.strip_prefix(dir.path()).unwrap();
        let name = shown.file_name().unwrap().to_str().unwrap();
        let database = dir.path().join(shown.components().next().unwrap());
        if name.eq_ignore_ascii_case("lock") || !path.exists() || !is_of_use(&database, &path) {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let report = check(dir.path());
        // The last journal is missed by its folder.
        let missed = if name.ends_with(".jnl") { shown.parent().unwrap() } else { shown };
        assert!(names(&report, missed), "{}: {report:?}", shown.display());
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(check(dir.path()).head, before.head);
}

/// No checksum has the sequence number of a batch. Whatever becomes of it: it is named, or all events are
/// there.
#[test]
fn a_changed_sequence_number_is_named_or_without_effect() {
    let dir = lived_in();
    let head = check(dir.path()).head;
    let (path, held) = newest_journal(dir.path());
    let bounds = journal::batch_bounds(&held);
    assert!(bounds.len() > 3, "{bounds:?}");
    let mut named = 0;
    for start in &bounds[..bounds.len() - 1] {
        for byte in 5..13 {
            for bit in [0, 3, 7] {
                let mut journal = held.clone();
                journal[start + byte] ^= 1 << bit;
                fs::write(&path, &journal).unwrap();
                let survey = journal::survey(path.parent().unwrap()).unwrap();
                named += usize::from(!survey.faults.is_empty());
                if byte == 5 && survey.faults.is_empty() {
                    let report = check(dir.path());
                    assert!(!report.is_whole() || report.head == head, "bit {bit} of batch at {start}");
                }
            }
        }
    }
    fs::write(&path, &held).unwrap();
    assert!(named > (bounds.len() - 1) * 15, "{named} of {}", (bounds.len() - 1) * 24);
    assert_eq!(check(dir.path()).head, head);
}

fn newest_journal(dir: &Path) -> (PathBuf, Vec<u8>) {
    let mut files = Vec::new();
    files_in(&dir.join("log"), &mut files);
    let journals = files.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "jnl"));
    let number = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    let path = journals.max_by_key(number).unwrap();
    let held = journal::read(&path).unwrap();
    (path, held)
}

/// Six events that are in the journal and in no table.
fn six(then: fn(Store<Counters>)) -> TempDir {
    let dir = scratch();
    let (store, _) = open(dir.path(), &Options::default());
    for n in 0..6 {
        store.execute_blocking(context(NOON + n), add("a", n)).unwrap();
    }
    then(store);
    dir
}

#[test]
fn a_torn_commit_is_a_note_and_no_damage() {
    let dir = six(Store::crash);
    let (path, held) = newest_journal(dir.path());
    let bounds = journal::batch_bounds(&held);
    let [.., start, end] = bounds[..] else { panic!("no batch") };
    fs::write(&path, &held[..(start + end) / 2]).unwrap();
    let report = check(dir.path());
    assert_eq!(found(&report), [""; 0]);
    assert!(report.notes[0].contains(&format!("the last commit, at byte {start}, was torn")), "{report:?}");
    assert_eq!(report.head.unwrap().0.position, Position(5));
}

/// Nothing reads the zeros that a journal is made of.
#[test]
fn a_changed_zero_of_a_journal_is_a_note() {
    let dir = closed();
    let (head, chain) = check(dir.path()).head.unwrap();
    for (journal, words) in [("views/0.jnl", "that is no batch"), ("log", "was torn by a crash")] {
        let (path, held) = match journal {
            "log" => newest_journal(dir.path()),
            views => (dir.path().join(views), Vec::new()),
        };
        let at = journal::batch_bounds(&held).pop().unwrap() + 700;
        let len = fs::metadata(&path).unwrap().len();
        let mut changed = fs::read(&path).unwrap();
        changed.resize(changed.len().max(at + 1), 0);
        changed[at] = 2;
        fs::write(&path, changed).unwrap();
        let report = check(dir.path());
        assert!(report.is_whole() && report.notes[0].contains(words), "{journal}: {report:?}");
        assert_eq!(report.head, Some((head, chain)), "{journal}");
        assert_eq!(report.checkpoint, Some(head.position), "{journal}");
        assert_eq!(open(dir.path(), &options()).1.replayed_events, 0, "{journal}");
        assert!(fs::metadata(&path).map_or(0, |now| now.len()) <= len, "{journal}");
    }
}

/// A torn commit that a checkpoint has was acknowledged.
#[test]
fn a_torn_commit_that_the_views_have_is_damage() {
    let dir = six(|store| store.close().unwrap());
    let (path, held) = newest_journal(dir.path());
    let bounds = journal::batch_bounds(&held);
    fs::write(&path, &held[..bounds[bounds.len() - 1] - 20]).unwrap();
    let torn = fs::read(&path).unwrap();
    finds(dir.path(), &["log: it ends at position 5, but the checkpoint was taken at 6"]);
    assert!(check(dir.path()).notes.is_empty(), "it is not said to be cut off");
    let refused = Store::open(dir.path(), Counters::default(), options()).map(|_| ()).unwrap_err();
    assert_eq!(refused, OpenError::LogBehindCheckpoint { head: Position(5), checkpoint: Position(6) });
    let rebuilt = crate::rebuild(dir.path(), Counters::default(), &options(), |_, _| {});
    assert_eq!(rebuilt.unwrap_err(), refused);
    assert_eq!(fs::read(&path).unwrap(), torn, "nothing is cut off that was acknowledged");
    // Whoever gives them up can.
    fs::remove_dir_all(dir.path().join("views")).unwrap();
    crate::rebuild(dir.path(), Counters::default(), &options(), |_, _| {}).unwrap();
    assert_eq!(check(dir.path()).head.unwrap().0.position, Position(5));
}

#[test]
fn findings_are_bounded_and_counted() {
    let dir = closed();
    for n in 0..FINDINGS_MAX as u64 + 20 {
        set_derived(dir.path(), tag::key("ghost", Position(n + 1)), tag::encode());
        if n == 2 {
            assert_eq!(check(dir.path()).findings_count, 3);
        }
    }
    let report = check(dir.path());
    assert_eq!((report.findings.len(), report.findings_count), (FINDINGS_MAX, FINDINGS_MAX as u64 + 20));
}

#[test]
fn a_rebuild_ends_at_the_head_and_tells_how_far_it_is() {
    let dir = lived_in();
    let events = log_of(dir.path()).len() as u64;
    let (head, chain) = check(dir.path()).head.unwrap();
    // A rebuild that was killed leaves this.
    fs::create_dir_all(dir.path().join("views.new/keyspaces")).unwrap();
    let mut told = Vec::new();
    let rebuilt = crate::rebuild(dir.path(), Counters::default(), &options(), |done, end| {
        told.push((done.0, end.0));
    });
    assert_eq!(rebuilt.unwrap(), crate::Rebuilt { head, chain });
    assert_eq!(told.last(), Some(&(events, events)));
    assert!(!dir.path().join("views.new").exists());
    let (store, opened) = open(dir.path(), &options());
    assert_eq!((opened.checkpoint.0, opened.replayed_events), (events, 0));
    let rows: Vec<(Text, Version<Count>)> = store.reader().rows(COUNTERS).map(Result::unwrap).collect();
    assert!(!rows.is_empty() && rows.iter().all(|(_, row)| Arc::strong_count(&row.from) > 0));
    drop(store);
    // Between the two steps of the exchange a crash leaves no views.
    fs::remove_dir_all(dir.path().join("views")).unwrap();
    assert_eq!(open(dir.path(), &options()).1.replayed_events, events);
}
