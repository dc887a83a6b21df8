//! Many callers at once.

use super::*;
use crate::{AppendError, Commit, ExecuteError, Observer, Revision, model::Count};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

/// Sets an observer that checks the order of commits and keeps the last position it saw, and their sizes.
fn observe(store: &Store<Counters>) -> (Arc<AtomicU64>, Arc<Mutex<Vec<usize>>>) {
    let seen = Arc::new(AtomicU64::new(store.head().position.0));
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let (last, all) = (Arc::clone(&seen), Arc::clone(&sizes));
    let observer: Observer<Count> = Arc::new(move |commit: &Arc<Commit<Count>>| {
        assert_eq!(commit.first.0, last.load(SeqCst) + 1, "commits come in order and without gaps");
        assert_eq!(commit.last.0 - commit.first.0 + 1, commit.events.len() as u64);
        all.lock().push(commit.events.len());
        last.store(commit.last.0, SeqCst);
    });
    store.set_observer(observer).unwrap();
    (seen, sizes)
}

fn check_log(store: &Store<Counters>, events: usize) {
    let all = all_events(&store.reader());
    assert_eq!(all.len(), events);
    for (event, position) in all.iter().zip(1..) {
        assert_eq!(event.position, Position(position));
    }
}

/// Waits until that many requests stand in the queue.
fn wait_for_queue(store: &Store<Counters>, requests: usize) {
    while store.writer().queue.waiting() < requests {
        thread::yield_now();
    }
}

#[test]
fn threads_and_tasks_get_gapless_positions_after_the_observer() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let (seen, _) = observe(&store);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let positions = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for n in 0..4 {
            let (store, seen, positions) = (&store, &seen, &positions);
            scope.spawn(move || {
                for _ in 0..60 {
                    let append = append_one(&format!("thread-{n}"), ExpectedRevision::Any, note("1"));
                    let appended = store.append_blocking(context(NOON), append).unwrap();
                    assert!(seen.load(SeqCst) >= appended.last.0, "an answer came before the observer");
                    assert!(store.head().position >= appended.last);
                    positions.lock().push(appended.first.0);
                }
            });
        }
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (store, seen) = (store.clone(), Arc::clone(&seen));
                runtime.spawn(async move {
                    let mut positions = Vec::new();
                    for _ in 0..30 {
                        let done = store.execute(context(NOON), add(&format!("task-{n}"), 1)).await.unwrap();
                        assert!(seen.load(SeqCst) >= done.position.0, "an answer came before the observer");
                        positions.push(done.position.0);
                    }
                    positions
                })
            })
            .collect();
        for task in tasks {
            let own = runtime.block_on(task).unwrap();
            positions.lock().extend(own);
        }
    });
    let mut positions = positions.into_inner();
    positions.sort_unstable();
    assert_eq!(positions, (1..=480).collect::<Vec<_>>());
    check_log(&store, 480);
    for n in 0..8 {
        let row = store.reader().row(crate::model::COUNTERS, &format!("task-{n}")).unwrap().unwrap();
        assert_eq!(row.row, Count(30));
    }
}

#[test]
fn an_expected_revision_has_one_winner() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    for round in 0..20 {
        let barrier = Barrier::new(6);
        let won = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let expected = ExpectedRevision::Exact(Revision(round));
                    let append = append_one("s", expected, note("1"));
                    barrier.wait();
                    match store.append_blocking(context(NOON), append) {
                        Ok(_) => drop(won.fetch_add(1, SeqCst)),
                        Err(ExecuteError::Rejected(AppendError::RevisionConflict { actual, .. })) => {
                            assert_eq!(actual, Revision(round + 1));
                        }
                        Err(error) => panic!("{error}"),
                    }
                });
            }
        });
        assert_eq!(won.into_inner(), 1);
    }
    check_log(&store, 20);
}

#[test]
fn a_full_queue_refuses_and_recovers() {
    let dir = scratch();
    let options = Options { queue_requests_max: 5, ..Options::default() };
    let (store, _) = open(dir.path(), &options);
    let gate = &store.writer().disk.faults.commit_gate;
    gate.shut();
    thread::scope(|scope| {
        for waiting in 0..6 {
            let store = &store;
            scope.spawn(move || store.execute_blocking(context(NOON), add("a", 1)).unwrap());
            if waiting == 0 {
                gate.wait_for_somebody();
            } else {
                wait_for_queue(store, waiting);
            }
        }
        assert_eq!(store.execute_blocking(context(NOON), add("a", 1)), Err(ExecuteError::QueueFull));
        gate.open();
    });
    assert_eq!(store.execute_blocking(context(NOON), add("a", 1)).unwrap().outcome, Some(7));
}

/// Lets one request lead up to the gate, puts others behind it, and says how they were committed.
fn commit_sizes(options: Options, requests: usize, events: usize) -> Vec<usize> {
    let dir = scratch();
    let (store, _) = open(dir.path(), &options);
    let (_, sizes) = observe(&store);
    let gate = &store.writer().disk.faults.commit_gate;
    gate.shut();
    thread::scope(|scope| {
        scope.spawn(|| store.execute_blocking(context(NOON), add("a", 1)).unwrap());
        gate.wait_for_somebody();
        for waiting in 1..=requests {
            let ask = Ask::Add { counter: "a".into(), number: 1, times: events };
            scope.spawn(|| store.execute_blocking(context(NOON), ask).unwrap());
            wait_for_queue(&store, waiting);
        }
        gate.open();
    });
    let sizes = sizes.lock().clone();
    check_log(&store, 1 + requests * events);
    sizes
}

#[test]
fn a_drain_keeps_its_bounds() {
    let options = Options::default();
    assert_eq!(commit_sizes(options.clone(), 7, 2), [1, 14]);
    assert_eq!(commit_sizes(Options { drain_requests_max: 3, ..options.clone() }, 7, 2), [1, 6, 6, 2]);
    // The request that reaches a bound is the last one in.
    assert_eq!(commit_sizes(Options { drain_events_max: 5, ..options.clone() }, 7, 2), [1, 6, 6, 2]);
    assert_eq!(commit_sizes(Options { drain_bytes_max: 1, ..options }, 3, 2), [1, 2, 2, 2]);
}

#[test]
fn no_caller_leads_for_others_after_its_own_drain() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &Options::default());
    let gate = &store.writer().disk.faults.commit_gate;
    gate.shut();
    thread::scope(|scope| {
        let leader = scope.spawn(|| store.execute_blocking(context(NOON), add("a", 1)).unwrap());
        gate.wait_for_somebody();
        scope.spawn(|| store.execute_blocking(context(NOON), add("a", 1)).unwrap());
        wait_for_queue(&store, 1);
        gate.let_one_pass();
        // The first caller has its answer while the commit of the second still stands before the gate.
        assert_eq!(leader.join().unwrap().position, Position(1));
        gate.wait_for_somebody();
        assert_eq!(store.head().position, Position(1));
        gate.open();
    });
    assert_eq!(store.head().position, Position(2));
}

#[test]
fn callers_that_give_up_hold_nobody_up() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &Options::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let gate = &store.writer().disk.faults.commit_gate;
    gate.shut();
    let spawn = || {
        let store = store.clone();
        runtime.spawn(async move { store.execute(context(NOON), add("a", 1)).await })
    };
    let leader = spawn();
    gate.wait_for_somebody();
    let mut tasks = Vec::new();
    for waiting in 1..=10 {
        tasks.push(spawn());
        wait_for_queue(&store, waiting);
    }
    leader.abort();
    for task in tasks.iter().step_by(2) {
        task.abort();
    }
    gate.open();
    for task in tasks.into_iter().skip(1).step_by(2) {
        runtime.block_on(task).unwrap().unwrap();
    }
    // What was given up was carried out all the same: it had been put in.
    check_log(&store, 11);
}

#[test]
fn a_runtime_of_one_thread_is_served_too() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut head = store.watch();
        for n in 1..=50 {
            let done = store.execute(context(NOON), add("a", 1)).await.unwrap();
            assert_eq!((done.outcome, done.position), (Some(n), Position(n as u64)));
            assert_eq!(head.borrow_and_update().position, Position(n as u64));
        }
    });
}

#[test]
fn the_writer_waits_when_views_cannot_go_down_fast_enough() {
    const BOUND: usize = 40;
    let dir = scratch();
    let options = Options { delta_entries_max: BOUND, tail_events_max: u64::MAX, ..tiny() };
    let (store, _) = open(dir.path(), &options);
    let gate = &store.writer().disk.faults.flush_gate;
    gate.shut();
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for n in 0..200 {
                store.execute_blocking(context(NOON), add(&format!("counter-{n}"), 1)).unwrap();
            }
        });
        while store.writer().views.waiting.load(SeqCst) == 0 {
            thread::yield_now();
        }
        // Frozen, with the checkpoint, and live: each crossed the bound by less than one commit of 6 entries.
        let entries = store.writer().views.entries();
        assert!((2 * BOUND..2 * (BOUND + 6)).contains(&entries), "{entries} entries");
        assert!(store.head().position < Position(200));
        assert_eq!(store.reader().rows(crate::model::COUNTERS).count() as u64, store.head().position.0);
        gate.open();
        writing.join().unwrap();
    });
    assert!(store.writer().views.entries() < 2 * (BOUND + 6));
    assert_eq!(store.reader().rows(crate::model::COUNTERS).count(), 200);
}
