//! Several requests in one, and answers that are kept.

use super::*;
use crate::model::{COUNTERS, No};
use crate::{
    AppendError, Digest, ExecuteError, Group, GroupError, Once, Revision, Step, StepDone, StepError, Told,
    rebuild, verify,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

type Result = std::result::Result<Told<Counters>, ExecuteError<GroupError<No>>>;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

fn command(ask: Ask) -> Step<Counters> {
    Step::Command(ask)
}

fn append(stream: &str, expected: ExpectedRevision) -> Step<Counters> {
    Step::Append(append_one(stream, expected, note("1")), None)
}

fn group(steps: Vec<Step<Counters>>, atomic: bool, once: Option<Once<Counters>>) -> Group<Counters> {
    let steps = steps.into_iter().map(|step| (context(NOON), step)).collect();
    Group { steps, needs: Vec::new(), atomic, once }
}

fn carry_out(store: &Store<Counters>, group: Group<Counters>) -> Result {
    runtime().block_on(store.execute_group(group))
}

/// What each step came to in words: the counter's value, the last position, or that it failed.
fn words(steps: &[crate::StepResult<Counters>]) -> Vec<String> {
    let word = |step: &crate::StepResult<Counters>| match step {
        Ok(StepDone::Command(done)) => format!("{:?} at {}", done.outcome, done.position),
        Ok(StepDone::Append(appended)) => format!("upto {}", appended.last),
        Err(error) => error.to_string(),
    };
    steps.iter().map(word).collect()
}

fn now(result: Result) -> Vec<String> {
    match result {
        Ok(Told::Now(steps)) => words(&steps),
        Ok(Told::Kept { .. }) => panic!("nothing was to be kept"),
        Err(error) => panic!("{error}"),
    }
}

fn kept(result: Result) -> (Arc<[u8]>, bool) {
    match result {
        Ok(Told::Kept { answer, again }) => (answer, again),
        Ok(Told::Now(steps)) => panic!("not kept: {:?}", words(&steps)),
        Err(error) => panic!("{error}"),
    }
}

/// Keyed by a byte, for a request of that byte, valid for answers since then.
fn once(key: u8, request: u8, since: i64) -> Option<Once<Counters>> {
    Some(Once {
        key: Digest([key; 16]),
        request: Digest([request; 16]),
        since: Timestamp(since),
        render: Box::new(|steps| Some(words(steps).join(", ").into_bytes())),
    })
}

fn counters(store: &Store<Counters>) -> BTreeMap<String, i64> {
    let rows = store.reader().rows(COUNTERS).map(std::result::Result::unwrap);
    rows.map(|(key, version)| (key.to_string(), version.row.0)).collect()
}

#[test]
fn an_atomic_group_is_carried_out_whole_in_one_commit() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let steps = vec![command(add("a", 2)), append("s", ExpectedRevision::NoStream), command(add("a", 3))];
    assert_eq!(now(carry_out(&store, group(steps, true, None))), ["Some(2) at 1", "upto 2", "Some(5) at 3"]);
    let commits: Vec<_> = all_events(&store.reader()).iter().map(|event| event.position.0).collect();
    assert_eq!(commits, [1, 2, 3]);
}

#[test]
fn an_atomic_group_that_fails_leaves_no_trace() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    store.execute_blocking(context(NOON), add("a", 1)).unwrap();
    let steps = vec![
        command(add("a", 4)),
        command(Ask::Remove { counter: "a".into() }),
        command(add("b", 1)),
        append("s", ExpectedRevision::NoStream),
        command(add("b", -9)),
        command(add("c", 1)),
    ];
    let error = carry_out(&store, group(steps, true, None)).err().unwrap();
    let step = StepError::Command(ExecuteError::Rejected(No::Negative));
    assert_eq!(error, ExecuteError::Rejected(GroupError::Step { index: 4, error: step }));
    assert_eq!(store.head().position, Position(1));
    // What is decided next goes by the state and the streams as they were.
    let steps = vec![
        command(Ask::Read { counter: "b".into() }),
        command(Ask::Read { counter: "a".into() }),
        append("s", ExpectedRevision::NoStream),
        append("s", ExpectedRevision::Exact(Revision(1))),
    ];
    let answers = now(carry_out(&store, group(steps, false, None)));
    assert_eq!(answers, ["rejected", "Some(1) at 1", "upto 2", "upto 3"]);
    assert_eq!(all_events(&store.reader()).len(), 3);
}

#[test]
fn a_failing_group_takes_nothing_of_its_neighbours_in_the_commit_with_it() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let runtime = runtime();
    let adds = (0..40).map(|n| {
        let store = store.clone();
        runtime.spawn(async move {
            match n % 4 {
                0 => {
                    let steps = vec![command(add("x", 100)), command(add("none", -1))];
                    assert!(store.execute_group(group(steps, true, None)).await.is_err());
                }
                _ => drop(store.execute(context(NOON), add("x", 1)).await.unwrap()),
            }
        })
    });
    let adds: Vec<_> = adds.collect();
    runtime.block_on(async {
        for add in adds {
            add.await.unwrap();
        }
    });
    assert_eq!(counters(&store), [("x".to_owned(), 30)].into());
    let ids: std::collections::BTreeSet<_> =
        all_events(&store.reader()).into_iter().map(|event| (event.position.0, event.revision.0)).collect();
    assert_eq!(ids, (1..=30).map(|n| (n, n)).collect());
}

#[test]
fn without_atomic_each_step_stands_for_itself() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let steps = vec![command(add("a", 1)), command(add("a", -7)), append("s", ExpectedRevision::Exists)];
    let answers = now(carry_out(&store, group(steps, false, None)));
    assert_eq!(answers[0], "Some(1) at 1");
    assert!(answers[1] == "rejected" && answers[2] == "rejected", "{answers:?}");
    assert_eq!(counters(&store), [("a".to_owned(), 1)].into());
}

#[test]
fn a_keyed_request_happens_once_across_restarts_rebuilds_and_checkpoints() {
    let dir = scratch();
    let ask = |since| group(vec![command(add("a", 1))], true, once(1, 1, since));
    let (store, _) = open(dir.path(), &tiny());
    let (first, again) = kept(carry_out(&store, ask(NOON)));
    assert_eq!((&*first, again), (&b"Some(1) at 1"[..], false));
    let told = |store: &Store<Counters>| {
        let (answer, again) = kept(carry_out(store, ask(NOON)));
        assert_eq!((answer, again), (Arc::clone(&first), true));
        assert_eq!(counters(store)["a"], 1);
    };
    told(&store);
    let other = carry_out(&store, group(vec![command(add("a", 1))], true, once(1, 2, NOON)));
    assert_eq!(other.err().unwrap(), ExecuteError::Rejected(GroupError::KeyReused));
    store.crash();
    let (store, _) = open(dir.path(), &tiny());
    told(&store);
    // Its commit leaves memory, its index entry goes to disk.
    for _ in 0..100 {
        store.execute_blocking(context(NOON), add("b", 1)).unwrap();
    }
    store.checkpoint_blocking().unwrap();
    told(&store);
    store.close().unwrap();
    rebuild(dir.path(), Counters::default(), &tiny(), |_, _| {}).unwrap();
    let (store, _) = open(dir.path(), &tiny());
    told(&store);
    store.close().unwrap();
    let report = verify(dir.path(), Counters::default(), &tiny(), None, &mut |_| {}).unwrap();
    assert_eq!(report.findings, []);
    // Past its time it is another request.
    let (store, _) = open(dir.path(), &tiny());
    let (answer, again) = kept(carry_out(&store, ask(NOON + 1)));
    assert_eq!((&*answer, again), (&b"Some(2) at 102"[..], false));
}

#[test]
fn what_writes_nothing_is_not_kept() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let take = || group(vec![command(add("a", -1))], true, once(1, 1, NOON));
    assert!(carry_out(&store, take()).is_err());
    store.execute_blocking(context(NOON), add("a", 1)).unwrap();
    let read = group(vec![command(Ask::Read { counter: "a".into() })], true, once(1, 3, NOON));
    assert_eq!(now(carry_out(&store, read)), ["Some(1) at 1"]);
    assert_eq!(kept(carry_out(&store, take())), (b"Some(0) at 2"[..].into(), false));
}

#[test]
fn what_needs_a_step_that_failed_is_not_tried() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let steps = vec![command(add("a", -1)), command(add("b", 1)), command(add("c", 1)), command(add("d", 1))];
    let needs = vec![Vec::new(), vec![0], Vec::new(), vec![2, 1]];
    let told = match carry_out(&store, Group { needs, ..group(steps, false, None) }) {
        Ok(Told::Now(results)) => results,
        _ => panic!("each for itself"),
    };
    let needed: Vec<_> = told
        .iter()
        .map(|result| match result {
            Err(StepError::Needs { step }) => Some(*step),
            _ => None,
        })
        .collect();
    assert_eq!(needed, [None, Some(0), None, Some(1)]);
    assert_eq!(counters(&store), BTreeMap::from([("c".to_owned(), 1)]));
}

#[test]
fn an_answer_that_is_none_to_keep_is_not_kept() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let ask = |answer: Option<&'static [u8]>| {
        let render = Box::new(move |_: &[_]| answer.map(<[u8]>::to_vec));
        let once = Once { render, ..once(1, 1, NOON).unwrap() };
        carry_out(&store, group(vec![command(add("a", 1))], true, Some(once)))
    };
    assert_eq!(now(ask(None)), ["Some(1) at 1"]);
    assert_eq!(kept(ask(Some(b"two"))), (b"two"[..].into(), false));
    assert_eq!(kept(ask(None)), (b"two"[..].into(), true));
}

#[test]
fn an_answer_too_large_to_keep_undoes_its_request() {
    let dir = scratch();
    let options = Options { request_bytes_max: 1_000, ..tiny() };
    let (store, _) = open(dir.path(), &options);
    let ask = |bytes: usize| {
        let render = Box::new(move |_: &[_]| Some(vec![b'x'; bytes]));
        let once = Once { render, ..once(1, 1, NOON).unwrap() };
        carry_out(&store, group(vec![command(add("a", 1))], true, Some(once)))
    };
    let (bytes, bytes_max) = (1_001, 1_000);
    assert_eq!(ask(1_001).err().unwrap(), ExecuteError::TooLarge { bytes, bytes_max });
    assert_eq!(counters(&store), BTreeMap::new());
    assert_eq!(kept(ask(1_000)).0.len(), 1_000);
}

#[test]
fn the_same_key_at_once_is_one_request() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let runtime = runtime();
    let asked: Vec<_> = (0..32)
        .map(|_| {
            let store = store.clone();
            let ask = move || group(vec![command(add("a", 1))], true, once(1, 1, NOON));
            runtime.spawn(async move { kept(store.execute_group(ask()).await) })
        })
        .collect();
    let answers = runtime.block_on(async {
        let mut answers = Vec::new();
        for ask in asked {
            answers.push(ask.await.unwrap());
        }
        answers
    });
    assert_eq!(answers.iter().filter(|(_, again)| !again).count(), 1);
    assert!(answers.iter().all(|(answer, _)| &**answer == b"Some(1) at 1"));
    assert_eq!(store.head().position, Position(1));
}

#[test]
fn a_group_over_the_bound_of_an_event_id_fails_whole() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let twin = || NewEvent { id: Some(EventId(7)), ..note("2") };
    let steps = vec![
        Step::Append(append_one("s", ExpectedRevision::Any, twin()), None),
        Step::Append(append_one("t", ExpectedRevision::Any, twin()), None),
    ];
    let error = carry_out(&store, group(steps, true, None)).err().unwrap();
    let exists = StepError::Append(ExecuteError::Rejected(AppendError::EventExists { id: EventId(7) }));
    assert_eq!(error, ExecuteError::Rejected(GroupError::Step { index: 1, error: exists }));
    // The id is free again.
    store.append_blocking(context(NOON), append_one("t", ExpectedRevision::Any, twin())).unwrap();
}

proptest! {
    /// Groups of any steps, atomic or not, come to what a map of counters says, and the log folded again
    /// says the same.
    #[test]
    fn groups_are_like_a_map(
        groups in prop::collection::vec(
            (prop::collection::vec((0..3_usize, -3..6_i64), 1..6), any::<bool>()), 1..20),
    ) {
        let dir = scratch();
        let (store, _) = open(dir.path(), &tiny());
        let runtime = runtime();
        let mut model = BTreeMap::new();
        let mut events = 0;
        for (steps, atomic) in groups {
            let (before, events_before) = (model.clone(), events);
            let mut failed = false;
            for (counter, number) in &steps {
                let counter = format!("c{counter}");
                let sum = model.get(&counter).copied().unwrap_or(0) + number;
                if sum < 0 {
                    failed = true;
                } else {
                    model.insert(counter, sum);
                    events += 1;
                }
            }
            let steps = steps.iter().map(|(counter, number)| command(add(&format!("c{counter}"), *number)));
            let result = runtime.block_on(store.execute_group(group(steps.collect(), atomic, None)));
            prop_assert_eq!(result.is_err(), atomic && failed);
            if atomic && failed {
                (model, events) = (before, events_before);
            }
            prop_assert_eq!(&counters(&store), &model);
            prop_assert_eq!(store.head().position, Position(events));
        }
        store.close().unwrap();
        let report = verify(dir.path(), Counters::default(), &tiny(), None, &mut |_| {}).unwrap();
        prop_assert_eq!(report.findings, []);
    }
}
