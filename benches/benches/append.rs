//! Durable appends by one caller in this process, beside what the disk itself does in the same run.

use agentpm_benches::{append, context, empty_store};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::io::Write;

fn raw(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut file = std::fs::File::create(dir.path().join("raw")).expect("a new file");
    let block = [7; 300];
    c.bench_function("write 300 bytes + fdatasync, growing file", |b| {
        b.iter(|| {
            file.write_all(&block).expect("the disk has room");
            file.sync_data().expect("the disk works");
        });
    });
}

fn durable_append(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = empty_store(dir.path());
    let mut group = c.benchmark_group("append");
    let mut n = 0;
    for events in [1, 64, 256] {
        group.throughput(Throughput::Elements(events));
        group.bench_function(format!("{events} events of 300 bytes"), |b| {
            b.iter(|| {
                n += events;
                store.append_blocking(context(n), append(n, events)).expect("it is written")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, raw, durable_append);
criterion_main!(benches);
