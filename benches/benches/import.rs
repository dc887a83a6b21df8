//! Importing a made-up beads history into an empty store, as `agentpm import beads --offline` does.

use agentpm_benches::{beads_history, empty_store};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const CHANGES: u64 = 10_000;

fn import(c: &mut Criterion) {
    let history = beads_history(CHANGES);
    let mut group = c.benchmark_group("import");
    group.throughput(Throughput::Elements(CHANGES)).sample_size(20);
    group.bench_function(format!("{CHANGES} changes to {} issues", CHANGES / 10), |b| {
        b.iter_batched_ref(
            || {
                let dir = tempfile::tempdir().expect("a temporary directory");
                (empty_store(dir.path()), dir)
            },
            |(store, _)| server::import_beads(store, history.as_bytes()).expect("it is a history"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, import);
criterion_main!(benches);
