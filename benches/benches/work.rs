//! The work model alone, without a log: what a claim costs, and that it does not grow with what is ready.

use agentpm_benches::{carry_out, claim, context, plan, task};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use domain::Work;
use std::hint::black_box;
use store::{Decider, Position};

fn decide_claim(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide a claim");
    for ready in [1_000, 10_000, 100_000] {
        let (mut work, _) = plan(ready);
        group.bench_function(format!("{ready} ready"), |b| {
            b.iter(|| work.decide(&context(ready), black_box(claim())).expect("there is work"));
        });
    }
    group.finish();
}

fn fold(c: &mut Criterion) {
    c.bench_function("decide and fold 1,000 new tasks", |b| {
        b.iter_batched_ref(
            Work::new,
            |work| (1..=1_000).fold(Position::ZERO, |head, n| carry_out(work, n, head, task(n))),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, decide_claim, fold);
criterion_main!(benches);
