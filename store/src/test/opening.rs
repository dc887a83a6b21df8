//! Starts, from whatever is there.

use super::*;
use crate::disk::{set_derived, set_format, set_record};
use crate::keys::checkpoint::{self, Checkpoint};
use crate::model::COUNTERS;
use crate::record::{self, Chain};
use crate::{Head, OpenError};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn refusal(dir: &Path) -> OpenError {
    Store::open(dir, Counters::default(), tiny()).map(|_| ()).unwrap_err()
}

/// A closed store of twenty events, its rows, and the checkpoint it has.
fn twenty(dir: &Path) -> Vec<(crate::Text, crate::Version<crate::model::Count>)> {
    let (store, _) = open(dir, &tiny());
    for n in 0..20 {
        store.execute_blocking(context(NOON + n), add(["a", "b", "c"][n as usize % 3], n)).unwrap();
    }
    let rows = store.reader().rows(COUNTERS).map(Result::unwrap).collect();
    store.close().unwrap();
    rows
}

#[test]
fn a_second_opener_is_refused_and_told_by_whom() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let OpenError::Held { holder, .. } = refusal(dir.path()) else { panic!("another error") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    let reader = store.reader();
    drop(store);
    assert!(matches!(refusal(dir.path()), OpenError::Held { .. }), "a reader still has it");
    drop(reader);
    open(dir.path(), &tiny());
}

#[test]
fn another_format_is_refused_by_number() {
    let dir = scratch();
    twenty(dir.path());
    set_format(dir.path(), 7);
    let refusal = refusal(dir.path());
    assert_eq!(refusal, OpenError::UnknownFormat { found: 7, supported: 1 });
    assert!(refusal.to_string().contains("format 7") && refusal.to_string().contains("format 1"));
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let dir = scratch();
    let with = |change: fn(&mut Options)| {
        let mut options = tiny();
        change(&mut options);
        Store::open(dir.path(), Counters::default(), options).map(|_| ()).unwrap_err().to_string()
    };
    assert!(with(|options| options.drain_events_max = 0).contains("drain_events_max is 0"));
    assert!(with(|options| options.request_bytes_max = 2 << 30).contains("request_bytes_max"));
    assert!(with(|options| options.journal_bytes_max = 1).contains("journal_bytes_max is 1"));
}

#[test]
fn what_a_store_is_stays() {
    let dir = scratch();
    // A crash while the store was made leaves this.
    std::fs::create_dir_all(dir.path().join("log.new/keyspaces")).unwrap();
    let (store, opened) = open(dir.path(), &tiny());
    assert_eq!(opened.head, Head::default());
    let node = store.node_id();
    store.execute_blocking(context(NOON), add("a", 13)).unwrap();
    drop(store);
    let (store, opened) = open(dir.path(), &tiny());
    assert_eq!(store.node_id(), node);
    assert_eq!(opened.head, Head { position: Position(1), time: Timestamp(NOON) });
    assert_eq!(store.head(), opened.head);
    assert_eq!(store.next_deadline(), Some(Timestamp(NOON).plus_ms(3_600_000)));
    // Streams go on where they were, and so do times.
    store.execute_blocking(context(NOON - 5), add("a", 1)).unwrap();
    let events = all_events(&store.reader());
    assert_eq!((events[1].revision.0, events[1].time), (2, Timestamp(NOON)));
}

/// Each makes the views unusable; the start after it must fold the log again and come to the same rows.
#[test]
fn unusable_views_are_folded_again() {
    let put = |head: u64, format: u32, chain: u8| {
        let head = Head { position: Position(head), time: Timestamp(NOON) };
        let checkpoint = Checkpoint { format, fold: 0, head, chain: Chain([chain; 32]) };
        move |dir: &Path| set_derived(dir, checkpoint::key(), checkpoint::encode(&checkpoint))
    };
    let junk = |dir: &Path| set_derived(dir, checkpoint::key(), (&b"junk"[..]).into());
    let row = |dir: &Path| set_derived(dir, crate::keys::row::key(COUNTERS, "b"), (&[9, 9][..]).into());
    let gone = |dir: &Path| std::fs::remove_dir_all(dir.join("views")).unwrap();
    let broken = |dir: &Path| std::fs::write(dir.join("views/version"), b"not fjall").unwrap();
    type Break = Box<dyn Fn(&Path)>;
    let cases: [(&str, Break); 6] = [
        ("another format", Box::new(put(20, checkpoint::FORMAT + 1, 0))),
        ("another log", Box::new(put(19, checkpoint::FORMAT, 9))),
        ("unreadable checkpoint", Box::new(junk)),
        ("unreadable row", Box::new(row)),
        ("no views", Box::new(gone)),
        ("views that fjall cannot open", Box::new(broken)),
    ];
    for (case, break_views) in cases {
        let dir = scratch();
        let rows = twenty(dir.path());
        break_views(dir.path());
        let (store, opened) = open(dir.path(), &tiny());
        assert_eq!((opened.checkpoint.0, opened.replayed_events), (0, 20), "{case}");
        let folded: Vec<_> = store.reader().rows(COUNTERS).map(Result::unwrap).collect();
        assert_eq!(folded, rows, "{case}");
        store.close().unwrap();
        assert_eq!(open(dir.path(), &tiny()).1.replayed_events, 0, "{case}");
    }
}

#[test]
fn another_version_of_the_fold_folds_again() {
    let dir = scratch();
    twenty(dir.path());
    let version = |version| Counters { version, ..Counters::default() };
    let replayed = |of| Store::open(dir.path(), version(of), tiny()).unwrap().1.replayed_events;
    assert_eq!(replayed(0), 0);
    assert_eq!(replayed(1), 20);
    assert_eq!(replayed(1), 0);
}

#[test]
fn a_log_behind_its_views_is_refused() {
    let dir = scratch();
    twenty(dir.path());
    let head = Head { position: Position(21), time: Timestamp(NOON) };
    let checkpoint = Checkpoint { format: checkpoint::FORMAT, fold: 0, head, chain: Chain::START };
    set_derived(dir.path(), checkpoint::key(), checkpoint::encode(&checkpoint));
    let expected = OpenError::LogBehindCheckpoint { head: Position(20), checkpoint: Position(21) };
    assert_eq!(refusal(dir.path()), expected);
}

#[test]
fn a_log_that_does_not_verify_is_refused() {
    let damage = |first: u64, previous: Option<Chain>, cut: usize| {
        let dir = scratch();
        twenty(dir.path());
        let (store, _) = open(dir.path(), &tiny());
        let mut event = store.reader().event(Position(20)).unwrap().unwrap();
        drop(store);
        event.position = Position(first);
        let mut bytes = record::encode(previous.unwrap_or(Chain::START), &[event], &[]).bytes;
        bytes.truncate(bytes.len() - cut);
        set_record(dir.path(), Position(first), bytes);
        match refusal(dir.path()) {
            OpenError::Damaged(damage) => damage.to_string(),
            other => panic!("{other}"),
        }
    };
    assert_eq!(damage(23, None, 0), "log at position 21: the next record begins at 23");
    assert!(damage(21, Some(Chain([1; 32])), 0).contains("does not continue the chain"));
    assert!(damage(21, None, 1).contains("its length does not fit"));
}

/// Not a test of its own: [`killed_at_any_moment`] runs it in a process that it kills.
#[test]
#[ignore = "run by killed_at_any_moment"]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os("AGENTPM_STORE_KILLED") else { return };
    let (store, _) = open(Path::new(&dir), &tiny());
    loop {
        let next = store.head().position.next();
        let event = note(&next.to_string());
        let appended =
            store.append_blocking(context(NOON), append_one("s", ExpectedRevision::Any, event)).unwrap();
        println!("acknowledged {}", appended.last);
    }
}

#[test]
fn killed_at_any_moment() {
    let dir = scratch();
    let mut acknowledged = 0_u64;
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "test::opening::writes_until_it_is_killed"])
            .env("AGENTPM_STORE_KILLED", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            let line = line.unwrap();
            let Some(position) = line.split("acknowledged ").nth(1) else { continue };
            acknowledged = position.parse().unwrap();
            seen += 1;
            if seen == 70 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= 70 * round, "the writing process ended by itself after {seen} events");

        let (store, opened) = open(dir.path(), &tiny());
        assert!(opened.head.position.0 >= acknowledged, "an acknowledged event is lost");
        // What was under way when it was killed is there or not: one event at most.
        assert!(opened.head.position.0 <= acknowledged + 1);
        assert!(opened.checkpoint > Position::ZERO, "no checkpoint was taken on the way");
        for event in all_events(&store.reader()) {
            assert_eq!((&*event.data, event.revision.0), (&*event.position.to_string(), event.position.0));
        }
        assert_eq!(store.reader().stream_revision("s").unwrap().0, opened.head.position.0);
        drop(store);
    }
}
