//! Random requests against the plainest model there is: a vector of events, and a fold of it. All ways to
//! read, in both directions, at bounds so small that layers, flushes and starts fall between the requests.

use super::*;
use crate::model::{COUNTERS, Count};
use crate::{
    AppendError, ClosedVersion, Decider, Direction, ExecuteError, Revision, RowChange, Text, Version,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

const STREAMS: [&str; 5] = ["a", "b", "ba", "", "long-name-of-a-stream"];

#[derive(Debug, Clone)]
enum Step {
    /// Each: stream, expected revision, and for each event its tags.
    Append(Vec<(usize, Expected, Vec<Vec<u8>>)>),
    Add(usize, i64, usize),
    Remove(usize),
    /// Let time pass.
    Wait(i64),
    Checkpoint,
    Close,
    Crash,
    LoseViews,
}

#[derive(Debug, Clone, Copy)]
enum Expected {
    Any,
    NoStream,
    Exists,
    Right,
    Wrong,
}

fn any_step() -> impl Strategy<Value = Step> {
    let expected = prop_oneof![
        3 => Just(Expected::Any),
        1 => Just(Expected::NoStream),
        1 => Just(Expected::Exists),
        3 => Just(Expected::Right),
        1 => Just(Expected::Wrong),
    ];
    let write = (0..STREAMS.len(), expected, vec(vec(0..4_u8, 0..4), 0..4));
    prop_oneof![
        8 => vec(write, 1..4).prop_map(Step::Append),
        6 => (0..3_usize, -3..9_i64, 1..6_usize).prop_map(|(a, n, times)| Step::Add(a, n, times)),
        2 => (0..3_usize).prop_map(Step::Remove),
        3 => (1..5_i64).prop_map(Step::Wait),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
        1 => Just(Step::LoseViews),
    ]
}

/// The vector, and what folding it gives.
#[derive(Default)]
struct Plain {
    now: i64,
    events: Vec<Event>,
    fold: Counters,
    history: Vec<ClosedVersion<Count>>,
}

impl Plain {
    fn revision(&self, stream: &str) -> Revision {
        Revision(self.events.iter().filter(|event| *event.stream == *stream).count() as u64)
    }

    /// What the log must hold after `new` were written by `context`.
    fn write(&mut self, context: &Context, new: Vec<NewEvent>) {
        for (n, new) in new.into_iter().enumerate() {
            let mut tags = new.tags;
            tags.sort();
            tags.dedup();
            let event = Event {
                position: Position(self.events.len() as u64 + 1),
                id: context.seed.plus(crate::MODEL_IDS_MAX + n as u128),
                revision: self.revision(&new.stream).next(),
                stream: new.stream,
                kind: new.kind,
                time: context.now,
                data: new.data,
                metadata: new.metadata,
                tags,
            };
            let mut changes: Vec<RowChange<Count>> = Vec::new();
            self.fold.evolve(&event, &mut changes);
            for change in changes {
                self.history.extend(change.before.map(|version| ClosedVersion {
                    key: change.key,
                    version,
                    to_position: event.position,
                    to_time: event.time,
                }));
            }
            self.events.push(event);
        }
    }

    /// What an append must come to: nothing written, or its events.
    fn append(&self, append: &Append) -> Result<Vec<NewEvent>, AppendError> {
        if append.writes.iter().all(|write| write.events.is_empty()) {
            return Err(AppendError::Empty);
        }
        let mut ahead = BTreeMap::<&str, u64>::new();
        for write in &append.writes {
            let ahead = ahead.entry(&write.stream).or_default();
            let actual = Revision(self.revision(&write.stream).0 + *ahead);
            if !write.expected.holds(actual) {
                let (stream, expected) = (Text::clone(&write.stream), write.expected);
                return Err(AppendError::RevisionConflict { stream, expected, actual });
            }
            *ahead += write.events.len() as u64;
        }
        let writes = append.writes.iter();
        let events = writes.flat_map(|write| {
            write.events.iter().map(|event| NewEvent { stream: Text::clone(&write.stream), ..event.clone() })
        });
        let events: Vec<_> = events.collect();
        if events.iter().any(|event| event.stream.is_empty()) {
            return Err(AppendError::StreamLength { bytes: 0, bytes_max: crate::STREAM_BYTES_MAX });
        }
        Ok(events)
    }
}

fn read(events: impl Iterator<Item = Result<Event, crate::ReadError>>) -> Vec<Event> {
    events.map(Result::unwrap).collect()
}

/// The same forward and backward.
fn both_ways(expected: &[Event], read_it: impl Fn(Direction) -> Vec<Event>) {
    assert_eq!(read_it(Direction::Forward), expected);
    let mut backward = read_it(Direction::Backward);
    backward.reverse();
    assert_eq!(backward, expected);
}

fn check(reader: &Reader<Count>, plain: &Plain) {
    let events = &plain.events;
    let end = events.len() as u64;
    assert_eq!(reader.head().position, Position(end));
    assert_eq!(reader.head().time, events.last().map_or(Timestamp(0), |event| event.time));

    for (after, upto) in [(0, u64::MAX), (end / 3, end), (end / 2, end / 2 + 5), (end, end), (3, 2)] {
        let expected: Vec<_> = events
            .iter()
            .filter(|event| after < event.position.0 && event.position.0 <= upto)
            .cloned()
            .collect();
        both_ways(&expected, |direction| read(reader.events(Position(after), Position(upto), direction)));
        for tag in ["t:1", "t:3", "counter:a", "$type:Added", "$type:Noted", "none"] {
            let tagged: Vec<_> = expected
                .iter()
                .filter(|event| {
                    event.tags.iter().any(|own| **own == *tag) || format!("$type:{}", event.kind) == tag
                })
                .cloned()
                .collect();
            both_ways(&tagged, |direction| {
                read(reader.tagged(tag, Position(after), Position(upto), direction))
            });
        }
    }
    for event in events {
        assert_eq!(reader.event(event.position).unwrap().as_ref(), Some(event));
        assert_eq!(reader.position_of(event.id).unwrap(), Some(event.position));
        let last = events.iter().rfind(|other| other.time <= event.time).unwrap();
        assert_eq!(reader.position_at(event.time).unwrap(), last.position);
        let before = events.iter().rfind(|other| other.time < event.time);
        let before = before.map_or(Position::ZERO, |event| event.position);
        assert_eq!(reader.position_at(Timestamp(event.time.0 - 1)).unwrap(), before);
    }
    assert_eq!(reader.event(Position(end + 1)).unwrap(), None);
    assert_eq!(reader.event(Position::ZERO).unwrap(), None);
    assert_eq!(reader.position_of(EventId(u128::MAX)).unwrap(), None);

    for stream in STREAMS {
        let own: Vec<_> = events.iter().filter(|event| *event.stream == *stream).cloned().collect();
        let revision = own.len() as u64;
        assert_eq!(reader.stream_revision(stream).unwrap(), Revision(revision));
        for from in [0, 1, revision / 2, revision, revision + 1, u64::MAX] {
            let forward: Vec<_> = own.iter().filter(|event| event.revision.0 >= from).cloned().collect();
            assert_eq!(read(reader.stream(stream, Revision(from), Direction::Forward)), forward);
            let backward: Vec<_> =
                own.iter().rev().filter(|event| event.revision.0 <= from).cloned().collect();
            assert_eq!(read(reader.stream(stream, Revision(from), Direction::Backward)), backward);
        }
    }

    let rows: Vec<(Text, Version<Count>)> = reader.rows(COUNTERS).map(Result::unwrap).collect();
    assert_eq!(rows, plain.fold.rows.clone().into_iter().collect::<Vec<_>>());
    assert_eq!(reader.rows(COUNTERS + 1).count(), 0);
    for stream in STREAMS {
        assert_eq!(reader.row(COUNTERS, stream).unwrap().as_ref(), plain.fold.rows.get(stream));
    }
    for ended_after in [0, end / 2, end] {
        let expected: Vec<_> =
            plain.history.iter().filter(|closed| closed.to_position.0 > ended_after).cloned().collect();
        let history: Vec<_> = reader.history(COUNTERS, Position(ended_after)).map(Result::unwrap).collect();
        assert_eq!(history, expected);
    }
}

fn append_of(plain: &Plain, writes: Vec<(usize, Expected, Vec<Vec<u8>>)>) -> Append {
    let writes = writes.into_iter().map(|(stream, expected, events)| {
        let stream = STREAMS[stream];
        let revision = plain.revision(stream);
        let expected = match expected {
            Expected::Any => ExpectedRevision::Any,
            Expected::NoStream => ExpectedRevision::NoStream,
            Expected::Exists => ExpectedRevision::Exists,
            Expected::Right => ExpectedRevision::Exact(revision),
            Expected::Wrong => ExpectedRevision::Exact(Revision(revision.0 + 7)),
        };
        let events = events.into_iter().map(|tags| {
            let tags = tags.into_iter().map(|tag| format!("t:{tag}").into()).collect();
            NewEvent { tags, ..note(&plain.events.len().to_string()) }
        });
        StreamWrite { stream: stream.into(), expected, events: events.collect() }
    });
    Append { writes: writes.collect() }
}

fn command_of(step: &Step) -> Option<Ask> {
    match step {
        Step::Add(counter, number, times) => {
            Some(Ask::Add { counter: STREAMS[*counter].into(), number: *number, times: *times })
        }
        Step::Remove(counter) => Some(Ask::Remove { counter: STREAMS[*counter].into() }),
        _ => None,
    }
}

fn run(steps: Vec<Step>, options: &Options) {
    let dir = scratch();
    let mut plain = Plain { now: NOON, ..Plain::default() };
    let (mut store, _) = open(dir.path(), options);
    for step in steps {
        if let Some(command) = command_of(&step) {
            let context = context(plain.now);
            let expected = plain.fold.decide(&context, command.clone());
            match (store.execute_blocking(context.clone(), command), expected) {
                (Ok(done), Ok(decision)) => {
                    plain.write(&context, decision.events);
                    assert_eq!(done.outcome, plain.fold.answer(decision.pending, &[]));
                    assert_eq!(done.position.0, plain.events.len() as u64);
                }
                (done, expected) => {
                    assert_eq!(done.unwrap_err(), ExecuteError::Rejected(expected.err().unwrap()));
                }
            }
            continue;
        }
        match step {
            Step::Add(..) | Step::Remove(_) => unreachable!("commands were run above"),
            Step::Append(writes) => {
                let context = context(plain.now);
                let append = append_of(&plain, writes);
                let expected = plain.append(&append);
                match (store.append_blocking(context.clone(), append), expected) {
                    (Ok(appended), Ok(new)) => {
                        let before = plain.events.len() as u64;
                        plain.write(&context, new);
                        let after = plain.events.len() as u64;
                        assert_eq!((appended.first.0, appended.last.0), (before + 1, after));
                        for (stream, revision) in appended.streams {
                            assert_eq!(revision, plain.revision(&stream));
                        }
                    }
                    (appended, expected) => {
                        assert_eq!(appended.unwrap_err(), ExecuteError::Rejected(expected.unwrap_err()));
                    }
                }
            }
            Step::Wait(micros) => plain.now += micros,
            Step::Checkpoint => {
                store.checkpoint_blocking().unwrap();
                assert_eq!(store.checkpoint(), store.head().position);
            }
            Step::Close => {
                store.close().unwrap();
                let (opened_store, opened) = open(dir.path(), options);
                store = opened_store;
                assert_eq!(opened.replayed_events, 0);
                check(&store.reader(), &plain);
            }
            Step::Crash => {
                store.crash();
                let (opened_store, opened) = open(dir.path(), options);
                store = opened_store;
                let end = plain.events.len() as u64;
                assert_eq!(opened.checkpoint.0 + opened.replayed_events, end);
                // Twice the bound, and the commit that crossed it.
                assert!(opened.replayed_events < 2 * options.tail_events_max + 20);
                check(&store.reader(), &plain);
            }
            Step::LoseViews => {
                store.close().unwrap();
                std::fs::remove_dir_all(dir.path().join("views")).unwrap();
                let (opened_store, opened) = open(dir.path(), options);
                store = opened_store;
                assert_eq!(opened.replayed_events, plain.events.len() as u64);
                check(&store.reader(), &plain);
            }
        }
    }
    check(&store.reader(), &plain);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn at_tiny_bounds(steps in vec(any_step(), 1..40)) {
        run(steps, &tiny());
    }

    #[test]
    fn at_bounds_of_one(steps in vec(any_step(), 1..16)) {
        let options = Options { delta_entries_max: 1, tail_events_max: 1, recent_events_max: 0, ..tiny() };
        run(steps, &options);
    }

    #[test]
    fn at_default_bounds(steps in vec(any_step(), 1..40)) {
        run(steps, &Options::default());
    }
}
