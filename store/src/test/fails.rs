//! What goes wrong, and what is left of it after the next start.

use super::*;
use crate::{CheckpointError, ExecuteError, Observer, ObserverError, model::Count};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

fn poisoned<T: std::fmt::Debug, R: std::fmt::Debug>(result: Result<T, ExecuteError<R>>, why: &str) {
    match result {
        Err(ExecuteError::Poisoned(reason)) => assert!(reason.contains(why), "{reason}"),
        other => panic!("not told that the writer has stopped: {other:?}"),
    }
}

/// Closes a poisoned store, opens it again, and says how many events there are.
fn reopened(store: Store<Counters>, dir: &Path) -> u64 {
    assert!(store.poisoned().is_some());
    drop(store);
    let (store, opened) = open(dir, &tiny());
    assert_eq!(all_events(&store.reader()).len() as u64, opened.head.position.0);
    store.execute_blocking(context(NOON), add("after", 1)).unwrap();
    opened.head.position.0
}

#[test]
fn a_failed_commit_stops_the_writer_and_tells_everybody() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    for _ in 0..20 {
        store.execute_blocking(context(NOON), add("a", 1)).unwrap();
    }
    let reader = store.reader();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let told = {
        let store = store.clone();
        runtime.spawn(async move { store.wait_poisoned().await })
    };
    let faults = &store.writer().disk.faults;
    faults.commit_gate.shut();
    faults.fail_commit.store(true, SeqCst);
    thread::scope(|scope| {
        let leads = scope.spawn(|| store.execute_blocking(context(NOON), add("a", 1)));
        faults.commit_gate.wait_for_somebody();
        let waits = {
            let store = store.clone();
            runtime
                .spawn(async move { store.execute(context(NOON), Ask::Read { counter: "a".into() }).await })
        };
        while store.writer().queue.waiting() == 0 {
            thread::yield_now();
        }
        faults.commit_gate.open();
        poisoned(leads.join().unwrap(), "injected: the commit failed");
        poisoned(runtime.block_on(waits).unwrap(), "injected: the commit failed");
    });
    poisoned(store.execute_blocking(context(NOON), add("a", 1)), "injected");
    poisoned(
        store.append_blocking(context(NOON), append_one("s", ExpectedRevision::Any, note("1"))),
        "injected",
    );
    assert!(runtime.block_on(told).unwrap().contains("injected"));
    assert_eq!(store.head().position, Position(20), "the head has not moved");
    assert_eq!(all_events(&reader).len(), 20, "reads go on");
    assert_eq!(all_events(&store.reader()).len(), 20);
    drop(reader);
    assert_eq!(reopened(store, dir.path()), 20);
}

#[test]
fn a_commit_whose_answer_is_lost_may_be_there_after_the_next_start() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    store.execute_blocking(context(NOON), add("a", 1)).unwrap();
    store.writer().disk.faults.lose_commit_answer.store(true, SeqCst);
    poisoned(store.execute_blocking(context(NOON), add("a", 1)), "answer to the commit was lost");
    assert_eq!(store.head().position, Position(1), "readers see only what is known to be durable");
    assert_eq!(all_events(&store.reader()).len(), 1);
    assert_eq!(reopened(store, dir.path()), 2);
}

#[test]
fn a_panic_in_the_model_loses_its_drain_and_nothing_else() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let gate = &store.writer().disk.faults.commit_gate;
    gate.shut();
    thread::scope(|scope| {
        let acknowledged = scope.spawn(|| store.execute_blocking(context(NOON), add("a", 1)));
        gate.wait_for_somebody();
        let spawn = |ask, waiting| {
            let store = &store;
            let caller = scope.spawn(move || store.execute_blocking(context(NOON), ask));
            while store.writer().queue.waiting() < waiting {
                thread::yield_now();
            }
            caller
        };
        let callers =
            [spawn(add("a", 1), 1), spawn(add("a", -9), 2), spawn(Ask::Panic, 3), spawn(add("a", 1), 4)];
        gate.open();
        acknowledged.join().unwrap().unwrap();
        for caller in callers {
            poisoned(caller.join().unwrap(), "panic: asked to");
        }
    });
    assert_eq!(reopened(store, dir.path()), 1);
}

#[test]
fn a_panic_in_the_observer_stops_the_writer() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let observer: Observer<Count> = Arc::new(|_| panic!("observer"));
    store.set_observer(Arc::clone(&observer)).unwrap();
    assert_eq!(store.set_observer(observer), Err(ObserverError::Taken));
    poisoned(store.execute_blocking(context(NOON), add("a", 1)), "panic: observer");
    assert_eq!(reopened(store, dir.path()), 1);
}

#[test]
fn views_that_cannot_be_written_stop_the_writer() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    store.execute_blocking(context(NOON), add("a", 1)).unwrap();
    store.writer().disk.faults.fail_flush.store(true, SeqCst);
    let Err(CheckpointError::Poisoned(why)) = store.checkpoint_blocking() else { panic!("no error") };
    assert!(why.contains("injected: the flush failed"), "{why}");
    assert!(runtime.block_on(store.wait_poisoned()).contains("views cannot be written"));
    poisoned(store.execute_blocking(context(NOON), add("a", 1)), "views cannot be written");
    assert_eq!(store.reader().row(crate::model::COUNTERS, "a").unwrap().unwrap().row, Count(1));
    assert_eq!(reopened(store, dir.path()), 1);
}

#[test]
fn closing_answers_what_waits_and_refuses_what_comes() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let other = store.clone();
    let gate = &other.writer().disk.faults.commit_gate;
    gate.shut();
    thread::scope(|scope| {
        let leads = scope.spawn(|| other.execute_blocking(context(NOON), add("a", 1)));
        gate.wait_for_somebody();
        let waits = scope.spawn(|| other.execute_blocking(context(NOON), add("a", 1)));
        while other.writer().queue.waiting() == 0 {
            thread::yield_now();
        }
        let closes = scope.spawn(|| store.close());
        while other.writer().queue.refuses().is_none() {
            thread::yield_now();
        }
        let comes = other.execute_blocking(context(NOON), Ask::Read { counter: "a".into() });
        assert_eq!(comes, Err(ExecuteError::Closed));
        gate.open();
        assert_eq!(leads.join().unwrap().unwrap().position, Position(1));
        assert_eq!(waits.join().unwrap().unwrap().position, Position(2));
        closes.join().unwrap().unwrap();
    });
    assert_eq!(other.checkpoint(), Position(2));
    assert_eq!(all_events(&other.reader()).len(), 2, "readers can still be made");
    drop(other);
    assert_eq!(open(dir.path(), &tiny()).1.replayed_events, 0);
}
