//! Reading the log in this process: in order, by stream, by tag, one event by its position or its id.

use agentpm_benches::store_of_events;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use store::{Direction, Event, Position, ReadError, Revision};

/// Far more than the store keeps in memory of what was committed last.
const EVENTS: u64 = 200_000;
/// What one read takes.
const TAKEN: usize = 2_000;
/// A step that visits every event before it comes back: it is prime.
const STRIDE: u64 = 7_919;

/// Looks at so many events, as a reader would.
fn take(events: impl Iterator<Item = Result<Event, ReadError>>) -> usize {
    let read = events.take(TAKEN).map(|event| event.expect("the log is whole").data.len()).sum();
    assert!(read > TAKEN, "all of them were there");
    black_box(read)
}

fn read(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = store_of_events(dir.path(), EVENTS);
    let reader = store.reader();
    let head = reader.head().position;
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(TAKEN as u64));
    group.bench_function(format!("catch-up, {TAKEN} events"), |b| {
        b.iter(|| take(reader.events(Position::ZERO, head, Direction::Forward)));
    });
    group.bench_function(format!("a stream, {TAKEN} of its events"), |b| {
        b.iter(|| take(reader.stream("build-7", Revision(1), Direction::Forward)));
    });
    group.bench_function(format!("a tag, {TAKEN} of its events"), |b| {
        b.iter(|| take(reader.tagged("host:one", Position::ZERO, head, Direction::Forward)));
    });
    group.throughput(Throughput::Elements(1));
    let mut at = 0;
    group.bench_function("an event by its position", |b| {
        b.iter(|| {
            at = (at + STRIDE) % EVENTS;
            reader.event(Position(at + 1)).expect("the log is whole").expect("it is there")
        });
    });
    let ids: Vec<_> = (0..1_000)
        .map(|n| Position(n * STRIDE % EVENTS + 1))
        .map(|position| reader.event(position).expect("the log is whole").expect("it is there").id)
        .collect();
    let mut ids = ids.iter().cycle();
    group.bench_function("a position by an event's id", |b| {
        b.iter(|| reader.position_of(*ids.next().expect("it goes round")).expect("it is read"));
    });
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
