//! Drains that are decided while the commit before them is written.

use super::*;
use crate::{Appended, ExecuteError, Revision};
use proptest::collection::vec;
use proptest::prelude::*;
use std::future::Future;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::thread;

/// Every commit is worth a thread of its own, and takes two events.
fn beside() -> Options {
    Options { beside_events_min: 1, drain_events_max: 2, ..tiny() }
}

fn adds(store: &Store<Counters>, counts: usize) -> Pending<Counters> {
    store.enqueue_many((0..counts).map(|_| (context(NOON), add("a", 1))).collect()).unwrap()
}

/// Waits until no more than that many requests stand in the queue.
fn wait_for_queue(store: &Store<Counters>, requests: usize) {
    while store.writer().queue.waiting() > requests {
        thread::yield_now();
    }
}

#[test]
fn no_answer_leaves_before_the_commit_in_flight() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &beside());
    let gate = &store.writer().disk.faults.commit_gate;
    gate.shut();
    let pending = adds(&store, 2);
    gate.wait_for_somebody();
    // Two that write, then two that are refused: they have no commit of their own.
    let refused: Vec<_> = (0..2).map(|_| (context(NOON), add("a", -99))).collect();
    let later = [adds(&store, 2), store.enqueue_many(refused).unwrap()];
    gate.let_one_pass();
    while store.head().position < Position(2) {
        thread::yield_now();
    }
    assert!(pending.wait().iter().all(Result::is_ok));
    gate.wait_for_somebody();
    // The second commit stands at the gate; the refusals are decided beside it.
    wait_for_queue(&store, 0);
    assert_eq!(store.head().position, Position(2));
    let unanswered = later.iter().all(|pending| pending.answered() == 0);
    assert!(unanswered, "an answer left before what it was decided by was durable");
    gate.open();
    let [second, refused] = later.map(Pending::wait);
    assert_eq!(second.last().unwrap().as_ref().unwrap().position, Position(4));
    assert!(refused.iter().all(|answer| matches!(answer, Err(ExecuteError::Rejected(_)))));
}

#[test]
fn what_was_decided_by_a_commit_that_failed_is_neither_written_nor_answered() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &beside());
    assert!(adds(&store, 4).wait().iter().all(Result::is_ok));
    let faults = &store.writer().disk.faults;
    faults.commit_gate.shut();
    faults.fail_commit.store(true, SeqCst);
    let pending = adds(&store, 6);
    faults.commit_gate.wait_for_somebody();
    wait_for_queue(&store, 2);
    faults.commit_gate.open();
    for answer in pending.wait() {
        assert!(matches!(answer, Err(ExecuteError::Poisoned(_))), "{answer:?}");
    }
    assert_eq!(store.head().position, Position(4));
    drop(store);
    let (store, opened) = open(dir.path(), &beside());
    assert_eq!(opened.head.position, Position(4));
    assert_eq!(all_events(&store.reader()).len(), 4);
}

#[test]
fn closing_waits_for_the_commit_in_flight() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &beside());
    let other = store.clone();
    let gate = &other.writer().disk.faults.commit_gate;
    gate.shut();
    let pending = adds(&store, 4);
    gate.wait_for_somebody();
    thread::scope(|scope| {
        let closes = scope.spawn(|| store.close());
        wait_for_queue(&other, 0);
        assert!(!closes.is_finished());
        gate.open();
        closes.join().unwrap().unwrap();
    });
    assert!(pending.wait().iter().all(Result::is_ok));
    assert_eq!(other.head().position, Position(4));
}

/// Polls all in turn until all are done: on a runtime of one thread, so that they are queued in this order.
fn in_order<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
        let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
        std::future::poll_fn(|context| {
            let mut all = true;
            for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *done = Some(output),
                    Poll::Pending => all = false,
                }
            }
            if all { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        done.into_iter().map(Option::unwrap).collect()
    })
}

type Answers = Vec<Result<Appended, ExecuteError<crate::AppendError>>>;

/// Stream, expected revision (of those a short history can have), and the id of the event, often one that
/// another append has, too.
fn any_append() -> impl Strategy<Value = Append> {
    let expected = prop_oneof![
        3 => Just(ExpectedRevision::Any),
        1 => Just(ExpectedRevision::NoStream),
        1 => Just(ExpectedRevision::Exists),
        4 => (0..6_u64).prop_map(|revision| ExpectedRevision::Exact(Revision(revision))),
    ];
    (0..4_u8, expected, 0..12_u8).prop_map(|(stream, expected, id)| {
        let event = NewEvent { id: Some(EventId(1 + u128::from(id))), ..note("1") };
        append_one(&format!("s{stream}"), expected, event)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is asked of it at once, the writer answers as if each had waited for the one before.
    #[test]
    fn the_same_as_one_after_another(appends in vec(any_append(), 1..60)) {
        let run = |together: bool| -> (Answers, Vec<Event>) {
            let dir = scratch();
            let (store, _) = open(dir.path(), &beside());
            let made = |append: &Append| store.append(context(NOON), append.clone());
            let answers = if together {
                in_order(appends.iter().map(made).collect())
            } else {
                appends.iter().flat_map(|append| in_order(vec![made(append)])).collect()
            };
            (answers, all_events(&store.reader()))
        };
        let (together, alone) = (run(true), run(false));
        prop_assert_eq!(together.0, alone.0);
        prop_assert_eq!(together.1, alone.1);
    }
}
