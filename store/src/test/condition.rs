//! Appends that depend on what has not happened.

use super::*;
use crate::{AppendError, Appended, CONDITION_EVENTS_MAX, Condition, ConditionFault, ExecuteError};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// No event of that data after `looked_upto`; one whose data is not a number cannot be told.
fn no(data: &'static str, looked_upto: u64) -> Condition {
    let test = move |event: &Event| match event.data.parse::<i64>() {
        Ok(_) => Ok(*event.data == *data),
        Err(_) => Err(ConditionFault),
    };
    Condition { found: None, looked_upto: Position(looked_upto), test: Arc::new(test) }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

type Answer = Result<Appended, ExecuteError<AppendError>>;

fn append_if(runtime: &Runtime, store: &Store<Counters>, event: NewEvent, condition: Condition) -> Answer {
    let append = append_one("s", ExpectedRevision::Any, event);
    runtime.block_on(store.append_if(context(NOON), append, Some(condition)))
}

fn failed(position: u64) -> Answer {
    Err(ExecuteError::Rejected(AppendError::ConditionFailed { position: Position(position) }))
}

#[test]
fn what_must_not_be_there_fails_the_append_and_nothing_is_written() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let runtime = runtime();
    for data in ["1", "2", "3"] {
        append_if(&runtime, &store, note(data), no(data, 0)).unwrap();
    }
    assert_eq!(append_if(&runtime, &store, note("4"), no("2", 0)), failed(2));
    assert_eq!(append_if(&runtime, &store, note("4"), no("2", 1)), failed(2));
    let found = Condition { found: Some(Position(1)), ..no("9", 3) };
    assert_eq!(append_if(&runtime, &store, note("4"), found), failed(1), "what its maker found counts");
    assert_eq!(store.head().position, Position(3));
    append_if(&runtime, &store, note("x"), no("2", 2)).unwrap();
    let faulty = append_if(&runtime, &store, note("5"), no("2", 2));
    let position = Position(4);
    assert_eq!(faulty, Err(ExecuteError::Rejected(AppendError::ConditionFaulty { position })));
    assert_eq!(store.head().position, Position(4));
}

#[test]
fn made_again_it_has_its_answer_whatever_has_happened_since() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let runtime = runtime();
    let mine = || NewEvent { id: Some(EventId(7)), ..note("1") };
    let first = append_if(&runtime, &store, mine(), no("1", 0)).unwrap();
    assert_eq!(append_if(&runtime, &store, note("1"), no("1", 0)), failed(1));
    assert_eq!(append_if(&runtime, &store, mine(), no("1", 0)), Ok(first), "it fails by itself, were it new");
    assert_eq!(store.head().position, Position(1));
}

#[test]
fn of_many_at_once_one_wins() {
    // Every drain takes two, and is decided beside the commit of the one before.
    let options = Options { beside_events_min: 1, drain_events_max: 2, ..tiny() };
    let dir = scratch();
    let (store, _) = open(dir.path(), &options);
    let runtime = runtime();
    for round in 1..=10 {
        let after = store.head().position.0;
        let racers: Vec<_> = (0..12)
            .map(|racer| {
                let store = store.clone();
                let (data, stream) = (if racer % 3 == 0 { "1" } else { "2" }, format!("s{racer}"));
                let append = append_one(&stream, ExpectedRevision::Any, note(data));
                runtime.spawn(async move {
                    (data, store.append_if(context(NOON), append, Some(no(data, after))).await)
                })
            })
            .collect();
        let answers: Vec<_> = racers.into_iter().map(|racer| runtime.block_on(racer).unwrap()).collect();
        for data in ["1", "2"] {
            let won = answers.iter().filter(|(of, answer)| *of == data && answer.is_ok()).count();
            assert_eq!(won, 1, "round {round}: {answers:?}");
        }
        assert_eq!(store.head().position.0, after + 2);
    }
}

#[test]
fn the_writer_looks_at_so_many_events_and_no_more() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &Options::default());
    let runtime = runtime();
    let notes = |count: u64| {
        let events = (0..count).map(|_| note("1")).collect();
        let write = StreamWrite { stream: "s".into(), expected: ExpectedRevision::Any, events };
        store.append_blocking(context(NOON), Append { writes: vec![write] }).unwrap();
    };
    notes(CONDITION_EVENTS_MAX);
    append_if(&runtime, &store, note("1"), no("2", 0)).unwrap();
    let (events, events_max) = (CONDITION_EVENTS_MAX + 1, CONDITION_EVENTS_MAX);
    let behind = AppendError::ConditionBehind { events, events_max };
    assert_eq!(append_if(&runtime, &store, note("1"), no("2", 0)), Err(ExecuteError::Rejected(behind)));
    append_if(&runtime, &store, note("1"), no("2", 1)).unwrap();
}
