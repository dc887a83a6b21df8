use super::model::{Both, Fault, Op};
use super::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn terms(max_in_flight: usize, max_attempts: u32, by_stream: bool) -> Terms {
    Terms { max_in_flight, ack_timeout_ms: 100, max_attempts, by_stream }
}

fn some_terms(by_stream: impl Strategy<Value = bool>) -> impl Strategy<Value = Terms> {
    (1..6_usize, 1..4_u32, by_stream)
        .prop_map(|(flight, attempts, by_stream)| terms(flight, attempts, by_stream))
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..3_u8, prop::bool::weighted(0.8)).prop_map(|(stream, matches)| Op::Arrive { stream, matches }),
        4 => Just(Op::Scan),
        6 => (1..5_usize, 0..3_u8).prop_map(|(n, holder)| Op::Fetch { n, holder }),
        5 => (0..12_usize).prop_map(|back| Op::Ack { back }),
        4 => (0..12_usize, 0..4_u8, 0..3_u8).prop_map(|(back, refusal, by)| Op::Nack { back, refusal, by }),
        1 => Just(Op::PutBack),
        2 => (1..150_i64).prop_map(|ms| Op::Pass { ms }),
        1 => Just(Op::Replay),
        1 => Just(Op::Crash),
    ];
    prop::collection::vec(op, 1..120)
}

fn run(terms: Terms, ops: &[Op], fault: Fault) -> Result<(), String> {
    let mut both = Both::new(terms, fault);
    for (place, op) in ops.iter().enumerate() {
        both.step(op).map_err(|why| format!("step {place}, {op:?}: {why}"))?;
    }
    both.drain()
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn it_is_what_the_list_says(terms in some_terms(any::<bool>()), ops in ops()) {
        run(terms, &ops, Fault::None).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn a_planted_fault_is_seen() {
    for fault in [
        Fault::TwoHands,
        Fault::Lost,
        Fault::OneTooMany,
        Fault::NoOrder,
        Fault::AckNotKept,
        Fault::AttemptsNotKept,
        Fault::ParkedNotKept,
    ] {
        let mut runner =
            TestRunner::new(Config { cases: 1_000, failure_persistence: None, ..Config::default() });
        let case = (some_terms(Just(fault == Fault::NoOrder)), ops());
        let seen = runner.run(&case, |(terms, ops)| run(terms, &ops, fault).map_err(TestCaseError::fail));
        assert!(seen.is_err(), "{fault:?} is not seen");
    }
}

const NOW: Timestamp = Timestamp(1_000_000);

fn found(position: u64, stream: &str) -> Found {
    let id = EventId(u128::from(position));
    Found { position: Position(position), id, stream: stream.into(), fault: None }
}

/// With so many events, each of a stream of its own.
fn with(terms: Terms, events: u64) -> Competing {
    let mut all = Competing::new(terms, Position::ZERO);
    all.add((1..=events).map(|at| found(at, &at.to_string())).collect(), Position(events), NOW);
    all
}

fn positions(given: &[Delivery]) -> Vec<u64> {
    given.iter().map(|delivery| delivery.position.0).collect()
}

#[test]
fn a_hand_may_hold_several_of_a_stream_in_order_and_no_other_does() {
    let mut all = Competing::new(terms(10, 3, true), Position::ZERO);
    all.add(vec![found(1, "a"), found(2, "a"), found(3, "b"), found(4, "a")], Position(4), NOW);
    assert_eq!(positions(&all.fetch(2, None, NOW)), [1, 2]);
    assert_eq!(positions(&all.fetch(9, None, NOW)), [3], "the stream is in a hand");
    all.ack(&[Position(1)], NOW);
    assert!(all.fetch(9, None, NOW).is_empty(), "and stays there until all of it is settled");
    // What comes again holds back what comes after it.
    all.nack(&[Position(2)], Refusal::Retry(Some(NOW.plus_ms(50))), None, "refused", NOW);
    assert!(all.fetch(9, None, NOW).is_empty());
    let later = NOW.plus_ms(50);
    all.tick(later);
    assert_eq!(positions(&all.fetch(9, None, later)), [2, 4]);
    // What is parked does not.
    all.nack(&[Position(2)], Refusal::Park, None, "refused", later);
    all.ack(&[Position(4)], later);
    assert_eq!(all.standing(), Standing { floor: Position(2), in_flight: 1, parked: 1 });
}

#[test]
fn the_window_to_its_bound_and_no_further() {
    let window = AHEAD_EVENTS_MAX as u64;
    let mut all = Competing::new(terms(2, 3, false), Position::ZERO);
    all.want(usize::MAX);
    for at in 1..=window {
        assert!(all.wants_more());
        all.add(vec![found(at, "s")], Position(at), NOW);
    }
    assert!(!all.wants_more() && !all.has_room());
    // The first is kept; all others are done with, and nothing more is looked up.
    assert_eq!(positions(&all.fetch(1, None, NOW)), [1]);
    let others: Vec<Position> = (2..=window).map(Position).collect();
    let (_, notes) = all.ack(&others, NOW);
    assert_eq!(notes.len(), others.len());
    assert!(!all.has_room());
    let (_, notes) = all.ack(&[Position(1)], NOW);
    assert!(all.has_room());
    assert_eq!(notes.last(), Some(&Note::Floor(Position(window))));
}

#[test]
fn nothing_is_looked_up_before_it_is_asked_for_but_a_little() {
    let mut all = with(terms(1_000, 3, false), LOOKAHEAD_EVENTS as u64);
    assert!(!all.wants_more());
    all.want(500);
    assert!(all.wants_more());
}

#[test]
fn what_is_parked_to_its_bound_and_then_it_waits() {
    let parked = PARKED_EVENTS_MAX as u64;
    let mut all = Competing::new(terms(1, 1, false), Position::ZERO);
    for at in 1..=parked + 2 {
        all.add(vec![found(at, "s")], Position(at), NOW);
        assert_eq!(positions(&all.fetch(1, None, NOW)), [at]);
        all.nack(&[Position(at)], Refusal::Retry(None), None, "refused", NOW);
    }
    let standing = Standing { floor: Position(parked), in_flight: 0, parked: PARKED_EVENTS_MAX + 2 };
    assert_eq!(all.standing(), standing, "two wait for room, and the floor with them");
    assert_eq!(all.parked().count(), PARKED_EVENTS_MAX);
    let (settled, _) = all.nack(&[Position(7)], Refusal::Skip, None, "refused", NOW);
    assert_eq!(settled, [Settled::Done]);
    assert_eq!(all.standing().floor, Position(parked + 1), "one found room");
    assert_eq!(all.parked().count(), PARKED_EVENTS_MAX);
}

#[test]
fn a_log_that_is_shorter_than_what_is_kept() {
    let parked = |at: u64| Parked {
        id: EventId(u128::from(at)),
        stream: "s".into(),
        attempts: 1,
        since: NOW,
        reason: "".into(),
        again: false,
    };
    let tried = Tried { attempts: 1, not_before: None };
    let kept = Kept {
        definition: None,
        floor: Position(50),
        done: [Position(60)].into(),
        tried: [(Position(55), tried)].into(),
        parked: [(Position(10), parked(10)), (Position(40), parked(40))].into(),
    };
    let (all, notes) = Competing::restored(terms(1, 1, false), kept, Position(30));
    assert_eq!(all.standing(), Standing { floor: Position(30), in_flight: 0, parked: 1 });
    let expected = [
        Note::Floor(Position(30)),
        Note::Undone(Position(60)),
        Note::Untried(Position(55)),
        Note::Unparked(Position(40)),
    ];
    assert_eq!(notes, expected);
}

#[test]
fn an_event_that_cannot_be_judged_is_parked_with_the_reason() {
    let mut all = Competing::new(terms(1, 1, false), Position::ZERO);
    let odd = Found { fault: Some("overflow".into()), ..found(1, "s") };
    let notes = all.add(vec![odd], Position(1), NOW);
    assert!(matches!(&notes[..], [Note::Parked(_, parked), Note::Floor(_)] if &*parked.reason == "overflow"));
    assert_eq!(all.standing(), Standing { floor: Position(1), in_flight: 0, parked: 1 });
}

#[test]
fn fewer_attempts_than_were_made_parks() {
    let mut all = with(terms(5, 9, false), 2);
    all.fetch(1, None, NOW);
    all.nack(&[Position(1)], Refusal::Retry(None), None, "refused", NOW);
    let notes = all.set_terms(terms(5, 1, false), NOW);
    assert!(notes.iter().any(|note| matches!(note, Note::Parked(Position(1), _))), "{notes:?}");
    assert_eq!(positions(&all.fetch(5, None, NOW)), [2]);
}

#[test]
fn the_floor_is_noted_now_and_then_where_nothing_matches() {
    let mut all = Competing::new(terms(1, 1, false), Position::ZERO);
    assert_eq!(all.add(Vec::new(), Position(FLOOR_NOTED_EVERY - 1), NOW), []);
    let floor = Position(FLOOR_NOTED_EVERY);
    assert_eq!(all.add(Vec::new(), floor, NOW), [Note::Floor(floor)]);
    all.add(Vec::new(), floor.next(), NOW);
    assert_eq!(all.unnoted_floor(), Some(Note::Floor(floor.next())));
    assert_eq!(all.unnoted_floor(), None);
}
