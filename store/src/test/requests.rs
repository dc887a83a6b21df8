//! What single requests come to.

use super::*;
use crate::model::{ADDED, COUNTERS, Count, No};
use crate::{
    AppendError, Direction, ExecuteError, KIND_BYTES_MAX, Revision, STREAM_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX,
};

fn refused(store: &Store<Counters>, event: NewEvent) -> AppendError {
    let append = append_one("s", ExpectedRevision::Any, event);
    match store.append_blocking(context(NOON), append) {
        Err(ExecuteError::Rejected(error)) => error,
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn commands_are_decided_folded_and_answered() {
    let dir = scratch();
    let (store, opened) = open(dir.path(), &Options::default());
    assert_eq!((opened.head.position, opened.replayed_events), (Position::ZERO, 0));

    let done = store.execute_blocking(context(NOON), add("a", 5)).unwrap();
    assert_eq!((done.outcome, done.position), (Some(5), Position(1)));
    let twice = Ask::Add { counter: "a".into(), number: 4, times: 2 };
    let done = store.execute_blocking(context(NOON - 7), twice).unwrap();
    assert_eq!((done.outcome, done.position), (Some(13), Position(3)));
    assert_eq!(store.next_deadline(), Some(Timestamp(NOON).plus_ms(3_600_000)));
    let rejected = store.execute_blocking(context(NOON), add("a", -14));
    assert_eq!(rejected, Err(ExecuteError::Rejected(No::Negative)));
    let read = store.execute_blocking(context(NOON), Ask::Read { counter: "a".into() }).unwrap();
    assert_eq!((read.outcome, read.position), (Some(13), Position(3)));
    store.execute_blocking(context(NOON + 9), Ask::Remove { counter: "a".into() }).unwrap();
    assert_eq!(store.next_deadline(), None);

    let reader = store.reader();
    let events = all_events(&reader);
    assert_eq!(events.len(), 4);
    assert_eq!(events.iter().map(|event| event.time.0 - NOON).collect::<Vec<_>>(), [0, 0, 0, 9]);
    assert_eq!(&*events[0].metadata, r#"{"agent_id":"tester"}"#);
    assert_eq!(events[2].id, events[1].id.plus(1));
    assert_eq!(reader.row(COUNTERS, "a").unwrap(), None);
    let history: Vec<_> = reader.history(COUNTERS, Position::ZERO).map(Result::unwrap).collect();
    assert_eq!(
        history.iter().map(|closed| closed.version.row).collect::<Vec<_>>(),
        [Count(5), Count(9), Count(13)]
    );
    assert_eq!(history.iter().map(|closed| closed.to_position.0).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(history[2].to_time, Timestamp(NOON + 9));
    for closed in &history {
        let found = reader.version(COUNTERS, "a", closed.to_position).unwrap();
        assert_eq!(found.as_ref(), Some(closed));
    }
    assert_eq!(reader.version(COUNTERS, "b", Position(2)).unwrap(), None);
    assert_eq!(reader.version(COUNTERS, "a", Position(5)).unwrap(), None);
    let added =
        reader.tagged(&format!("$type:{ADDED}"), Position::ZERO, Position(u64::MAX), Direction::Backward);
    assert_eq!(added.map(|event| event.unwrap().position.0).collect::<Vec<_>>(), [3, 2, 1]);
}

#[test]
fn many_commands_at_once_are_decided_in_order() {
    let dir = scratch();
    let options = Options { queue_requests_max: 4, ..Options::default() };
    let (store, _) = open(dir.path(), &options);
    let many = |numbers: &[i64]| {
        let commands = numbers.iter().map(|number| (context(NOON), add("a", *number))).collect();
        store.enqueue_many(commands).map(Pending::wait)
    };
    let done = many(&[3, -4, 2]).unwrap();
    let sums: Vec<_> = done.iter().map(|done| done.as_ref().map(|done| done.outcome)).collect();
    assert_eq!(sums, [Ok(Some(3)), Err(&ExecuteError::Rejected(No::Negative)), Ok(Some(5))]);
    assert_eq!(done[2].as_ref().unwrap().position, Position(2));
    assert_eq!(many(&[1; 5]), Err(ExecuteError::QueueFull));
    assert_eq!(many(&[]), Ok(Vec::new()));
    assert_eq!(store.head().position, Position(2));
}

#[test]
fn a_reader_stays_at_its_head() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    store.execute_blocking(context(NOON), add("a", 1)).unwrap();
    let reader = store.reader();
    let mut iterator = reader.events(Position::ZERO, Position(u64::MAX), Direction::Forward);
    for _ in 0..100 {
        store.execute_blocking(context(NOON), add("a", 1)).unwrap();
    }
    assert!(store.checkpoint() > Position(1), "views went to disk meanwhile");
    assert_eq!(reader.head().position, Position(1));
    assert_eq!(iterator.next().unwrap().unwrap().position, Position(1));
    assert!(iterator.next().is_none());
    assert_eq!(reader.event(Position(2)).unwrap(), None);
    assert_eq!(reader.row(COUNTERS, "a").unwrap().unwrap().row, Count(1));
    assert_eq!(reader.stream_revision("a").unwrap(), Revision(1));
    assert_eq!(reader.stream("a", Revision::ZERO, Direction::Forward).count(), 1);
    assert_eq!(reader.history(COUNTERS, Position::ZERO).count(), 0);
    assert_eq!(reader.tagged("counter:a", Position::ZERO, Position(u64::MAX), Direction::Forward).count(), 1);
    assert_eq!(store.reader().stream_revision("a").unwrap(), Revision(101));
}

#[test]
fn bounds_of_names_and_tags() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &Options::default());
    let long = |bytes: usize| "x".repeat(bytes);

    let append = |stream: &str| append_one(stream, ExpectedRevision::Any, note("1"));
    for bytes in [0, STREAM_BYTES_MAX + 1] {
        let error = store.append_blocking(context(NOON), append(&long(bytes))).unwrap_err();
        let expected = AppendError::StreamLength { bytes, bytes_max: STREAM_BYTES_MAX };
        assert_eq!(error, ExecuteError::Rejected(expected));
        let error = refused(&store, NewEvent { kind: long(bytes).into(), ..note("1") });
        assert_eq!(error, AppendError::KindLength { bytes, bytes_max: KIND_BYTES_MAX });
        let error = refused(&store, NewEvent { tags: vec![long(bytes).into()], ..note("1") });
        assert_eq!(error, AppendError::TagLength { bytes, bytes_max: TAG_BYTES_MAX });
    }
    let tags = |count: usize| (0..count).map(|n| format!("t:{n}").into()).collect();
    let error = refused(&store, NewEvent { tags: tags(TAGS_MAX + 1), ..note("1") });
    assert_eq!(error, AppendError::TooManyTags { tags: TAGS_MAX + 1, tags_max: TAGS_MAX });
    let error = refused(&store, NewEvent { tags: vec!["$type:Added".into()], ..note("1") });
    assert_eq!(error, AppendError::TagReserved { tag: "$type:Added".into() });

    let widest = NewEvent { kind: long(KIND_BYTES_MAX).into(), tags: tags(TAGS_MAX), ..note("1") };
    let append = append_one(&long(STREAM_BYTES_MAX), ExpectedRevision::NoStream, widest);
    store.append_blocking(context(NOON), append).unwrap();
    let longest = NewEvent { tags: vec![long(TAG_BYTES_MAX).into()], ..note("1") };
    store.append_blocking(context(NOON), append_one("s", ExpectedRevision::NoStream, longest)).unwrap();
    store.checkpoint_blocking().unwrap();
    assert_eq!(store.reader().stream_revision(&long(STREAM_BYTES_MAX)).unwrap(), Revision(1));
}

#[test]
fn bound_of_a_request() {
    let dir = scratch();
    let options = Options { request_bytes_max: 1_000, ..Options::default() };
    let (store, _) = open(dir.path(), &options);
    let append = |bytes: usize| append_one("s", ExpectedRevision::Any, note(&"1".repeat(bytes)));
    let Err(ExecuteError::TooLarge { bytes, bytes_max: 1_000 }) =
        store.append_blocking(context(NOON), append(1_000))
    else {
        panic!("too large, and taken");
    };
    let most = 2_000 - bytes;
    store.append_blocking(context(NOON), append(most)).unwrap();
    assert!(store.append_blocking(context(NOON), append(most + 1)).is_err());
    let many = Ask::Add { counter: "a".into(), number: 1, times: 20 };
    let error = store.execute_blocking(context(NOON), many).unwrap_err();
    assert!(matches!(error, ExecuteError::TooLarge { .. }), "{error}");
    assert_eq!(store.head().position, Position(1));
}

#[test]
fn times_that_are_given() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &Options::default());
    let at = |time: i64| NewEvent { time: Some(Timestamp(time)), ..note("1") };
    let append = |time| append_one("s", ExpectedRevision::Any, at(time));
    store.append_blocking(context(NOON), append(5)).unwrap();
    store.append_blocking(context(NOON), append(7)).unwrap();
    assert_eq!(
        refused(&store, at(6)),
        AppendError::TimeBeforeHead { event: 0, time: Timestamp(6), head: Timestamp(7) }
    );
    assert_eq!(
        refused(&store, at(NOON + 1)),
        AppendError::TimeAfterNow { event: 0, time: Timestamp(NOON + 1), now: Timestamp(NOON) }
    );
    let command = Ask::Write(Box::new(at(6)));
    let error = store.execute_blocking(context(NOON), command).unwrap_err();
    assert!(matches!(error, ExecuteError::Refused(AppendError::TimeBeforeHead { .. })), "{error}");
    // A clock that runs behind the log is raised to it.
    store.append_blocking(context(3), append_one("s", ExpectedRevision::Any, note("1"))).unwrap();
    let times: Vec<_> = all_events(&store.reader()).iter().map(|event| event.time.0).collect();
    assert_eq!(times, [5, 7, 7]);
    let reader = store.reader();
    for (time, position) in [(4, 0), (5, 1), (6, 1), (7, 3), (8, 3)] {
        assert_eq!(reader.position_at(Timestamp(time)).unwrap(), Position(position), "at {time}");
    }
}

#[test]
fn the_same_append_again_has_the_first_answer() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &tiny());
    let event = |id: u128, data: &str| NewEvent { id: Some(EventId(id)), ..note(data) };
    let write = |stream: &str, expected, events| StreamWrite { stream: stream.into(), expected, events };
    let append = Append {
        writes: vec![
            write("a", ExpectedRevision::NoStream, vec![event(1, "1"), event(2, "2")]),
            write("b", ExpectedRevision::Any, vec![event(3, "3")]),
        ],
    };
    let first = store.append_blocking(context(NOON), append.clone()).unwrap();
    assert_eq!(first.streams, [("a".into(), Revision(2)), ("b".into(), Revision(1))]);
    for flushed in [false, true] {
        if flushed {
            store.checkpoint_blocking().unwrap();
        }
        assert_eq!(store.append_blocking(context(NOON), append.clone()).unwrap(), first);
        let exists = |id| ExecuteError::Rejected(AppendError::EventExists { id: EventId(id) });
        let mut other = append.clone();
        other.writes[0].events[1].data = "other".into();
        assert_eq!(store.append_blocking(context(NOON), other), Err(exists(1)));
        let more = append_one("c", ExpectedRevision::Any, event(3, "3"));
        assert_eq!(store.append_blocking(context(NOON), more), Err(exists(3)));
        let mut half = append.clone();
        half.writes[1].events.push(event(9, "9"));
        assert_eq!(store.append_blocking(context(NOON), half), Err(exists(1)));
        let double =
            Append { writes: vec![write("c", ExpectedRevision::Any, vec![event(7, "7"), event(7, "7")])] };
        assert_eq!(store.append_blocking(context(NOON), double), Err(exists(7)));
        let command = Ask::Write(Box::new(event(2, "2")));
        let error = store.execute_blocking(context(NOON), command).unwrap_err();
        assert_eq!(error, ExecuteError::Refused(AppendError::EventExists { id: EventId(2) }));
    }
    assert_eq!(store.head().position, Position(3));
}

#[test]
fn conditions_see_earlier_writes_of_the_append() {
    let dir = scratch();
    let (store, _) = open(dir.path(), &Options::default());
    let write = |stream: &str, expected, count: usize| StreamWrite {
        stream: stream.into(),
        expected,
        events: vec![note("1"); count],
    };
    let writes = vec![
        write("a", ExpectedRevision::NoStream, 2),
        write("b", ExpectedRevision::NoStream, 0),
        write("a", ExpectedRevision::Exact(Revision(2)), 1),
    ];
    let appended = store.append_blocking(context(NOON), Append { writes }).unwrap();
    assert_eq!(appended.streams, [("a".into(), Revision(3)), ("b".into(), Revision::ZERO)]);
    let positions: Vec<_> =
        appended.events.iter().map(|(_, position, revision)| (position.0, revision.0)).collect();
    assert_eq!(positions, [(1, 1), (2, 2), (3, 3)]);

    let writes =
        vec![write("b", ExpectedRevision::Any, 1), write("a", ExpectedRevision::Exact(Revision(2)), 1)];
    let error = store.append_blocking(context(NOON), Append { writes }).unwrap_err();
    let expected = ExpectedRevision::Exact(Revision(2));
    let conflict = AppendError::RevisionConflict { stream: "a".into(), expected, actual: Revision(3) };
    assert_eq!(error, ExecuteError::Rejected(conflict));
    let writes = vec![write("b", ExpectedRevision::Any, 0)];
    let empty = store.append_blocking(context(NOON), Append { writes });
    assert_eq!(empty, Err(ExecuteError::Rejected(AppendError::Empty)));
    assert_eq!(store.head().position, Position(3), "nothing of a refused append is written");
}
