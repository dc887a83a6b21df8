use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn event(position: u64, data: &str) -> Event {
    Event {
        position: Position(position),
        id: EventId(0x0199_0000_0000_0000_0000_0000_0000_0000 + u128::from(position)),
        stream: "task-1".into(),
        revision: Revision(3),
        kind: "TaskCreated".into(),
        time: Timestamp(1_700_000_000_000_000),
        data: data.into(),
        metadata: "{}".into(),
        tags: vec!["kind:bug".into(), "task:1".into()],
    }
}

fn decode(bytes: &[u8], key: Position) -> Result<Vec<Event>, Damage> {
    let record = Record::parse(key, bytes)?;
    let mut texts = Texts::new();
    (record.first().0..=record.last().0).map(|p| record.event(Position(p), &mut texts)).collect()
}

/// The bytes of format 1, frozen: this test is changed only by adding a fixture of a new format.
#[test]
fn frozen_fixture() {
    let events = [event(7, r#"{"a":1}"#), event(8, "null")];
    let encoded = encode(Chain([0xAB; 32]), &events, &[]);
    let hex: String = encoded.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, include_str!("format-1.hex").split_whitespace().collect::<String>());
    assert_eq!(decode(&encoded.bytes, Position(7)).unwrap(), events);
}

#[test]
fn refuses_other_formats_keys_and_chains() {
    let encoded = encode(Chain::START, &[event(7, "{}")], &[]);
    assert!(Record::parse(Position(8), &encoded.bytes).is_err());
    let record = Record::parse(Position(7), &encoded.bytes).unwrap();
    assert_eq!(record.chain(), encoded.chain);
    record.verify_chain(Chain::START).unwrap();
    assert!(record.verify_chain(encoded.chain).is_err());
    let mut newer = encoded.bytes.clone();
    newer[0] = FORMAT + 1;
    assert_eq!(&*Record::parse(Position(7), newer).unwrap_err().why, "the format is not known");
}

/// Data may be blanked out: the chain stays whole, and the event says that it is not what it was.
#[test]
fn chain_does_not_cover_data_itself() {
    let encoded = encode(Chain::START, &[event(1, "secret")], &[]);
    let mut bytes = encoded.bytes;
    let at = bytes.len() - "secret".len();
    bytes[at..].fill(b'x');
    let record = Record::parse(Position(1), bytes).unwrap();
    record.verify_chain(Chain::START).unwrap();
    assert!(record.event(Position(1), &mut Texts::new()).is_err());
}

prop_compose! {
    fn any_event()(
        id: u128,
        revision: u64,
        time: i64,
        (stream, kind, data, metadata) in ("\\PC{1,20}", "\\PC{1,9}", "\\PC{0,60}", "\\PC{0,20}"),
        tags in vec("\\PC{1,12}", 0..4),
    ) -> Event {
        Event {
            position: Position::ZERO,
            id: EventId(id),
            stream: stream.into(),
            revision: Revision(revision),
            kind: kind.into(),
            time: Timestamp(time),
            data: data.into(),
            metadata: metadata.into(),
            tags: tags.into_iter().map(Text::from).collect(),
        }
    }
}

prop_compose! {
    fn any_commit()(mut events in vec(any_event(), 1..6), first in 1..u64::MAX / 2) -> Vec<Event> {
        for (event, position) in events.iter_mut().zip(first..) {
            event.position = Position(position);
        }
        events
    }
}

fn any_answers() -> impl Strategy<Value = Vec<Answered>> {
    let answer = (any::<[u8; 16]>(), any::<[u8; 16]>(), vec(any::<u8>(), 0..40));
    let answer = answer.prop_map(|(key, request, answer)| Answered {
        key: Digest(key),
        request: Digest(request),
        answer: answer.into(),
    });
    vec(answer, 0..3)
}

proptest! {
    #[test]
    fn round_trip(events in any_commit(), answers in any_answers(), previous: [u8; 32]) {
        let encoded = encode(Chain(previous), &events, &answers);
        let first = events[0].position;
        prop_assert_eq!(&decode(&encoded.bytes, first).unwrap(), &events);
        let record = Record::parse(first, &encoded.bytes).unwrap();
        record.verify_chain(Chain(previous)).unwrap();
        prop_assert_eq!(record.last(), events[events.len() - 1].position);
        prop_assert_eq!(&record.answers().unwrap(), &answers);
        prop_assert_eq!(record.chain(), encode(Chain(previous), &events, &[]).chain);
        for event in &events {
            prop_assert_eq!(record.time(event.position).unwrap(), event.time);
        }
    }

    /// Whatever byte is changed, no wrong event comes out and nothing panics.
    #[test]
    fn any_flipped_byte_is_found(
        events in any_commit(),
        answers in any_answers(),
        at: prop::sample::Index,
        flip in 1..=255_u8,
    ) {
        let mut bytes = encode(Chain::START, &events, &answers).bytes;
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let answered = || Record::parse(events[0].position, &bytes)?.answers();
        prop_assert!(decode(&bytes, events[0].position).is_err() || answered().is_err());
        if let Ok(record) = Record::parse(events[0].position, &bytes) {
            for event in &events {
                if let Ok(decoded) = record.event(event.position, &mut Texts::new()) {
                    prop_assert_eq!(&decoded, event);
                }
            }
        }
    }

    #[test]
    fn any_cut_is_found(events in any_commit(), answers in any_answers(), at: prop::sample::Index) {
        let bytes = encode(Chain::START, &events, &answers).bytes;
        let cut = &bytes[..at.index(bytes.len())];
        let answered = || Record::parse(events[0].position, cut)?.answers();
        prop_assert!(decode(cut, events[0].position).is_err() || answered().is_err());
    }

    #[test]
    fn noise_never_panics(bytes in vec(any::<u8>(), 0..300), key: u64) {
        prop_assert!(decode(&bytes, Position(key)).is_err());
    }
}
