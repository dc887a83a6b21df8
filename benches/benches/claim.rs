//! Durable claims by one caller in this process. A claimed task is given back outside of the measured time, so
//! that the plan stays as large as it was.

use agentpm_benches::{claim, context, store_of_tasks};
use criterion::{Criterion, criterion_group, criterion_main};
use domain::{Command, Outcome};
use std::time::{Duration, Instant};

fn durable_claim(c: &mut Criterion) {
    let mut group = c.benchmark_group("claim, durable");
    for ready in [1_000, 10_000] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = store_of_tasks(dir.path(), ready);
        let mut n = ready;
        group.bench_function(format!("{ready} ready"), |b| {
            b.iter_custom(|rounds| {
                let mut measured = Duration::ZERO;
                for _ in 0..rounds {
                    n += 2;
                    let begun = Instant::now();
                    let done = store.execute_blocking(context(n), claim()).expect("it is decided");
                    measured += begun.elapsed();
                    let Outcome::Claims { claims, .. } = done.outcome else { panic!("{:?}", done.outcome) };
                    let lease_id = claims.first().expect("there is work").lease.id.clone();
                    let release = Command::ReleaseLease { lease_id };
                    store.execute_blocking(context(n + 1), release).expect("the lease is held");
                }
                measured
            });
        });
    }
    group.finish();
}

criterion_group!(benches, durable_claim);
criterion_main!(benches);
