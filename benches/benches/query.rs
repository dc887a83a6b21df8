//! Statements over 100,000 tasks in this process: from text to a plan, and from a plan to rows.

use agentpm_benches::{START, store_of_tasks};
use criterion::{Criterion, criterion_group, criterion_main};
use query::{Engine, Options, Params, Prepared};
use std::hint::black_box;
use store::Timestamp;
use tokio::runtime::Runtime;

const TASKS: u64 = 100_000;
/// A step that visits every task before it comes back: it is prime.
const STRIDE: u64 = 7_919;

const POINT: &str = "SELECT id, status, title FROM tasks WHERE id = $1";
const COUNT: &str = "SELECT status, count(*) AS n FROM tasks WHERE priority > 0 GROUP BY status";
const NEXT_TASK: &str = "SELECT next_task FOR 'ada' WHERE caps <@ {rust, sql} LIMIT 10";

/// Later than everything in the store.
const NOW: Timestamp = Timestamp(START.0 + 3_600_000_000);

struct Bench {
    engine: Engine,
    runtime: Runtime,
}

impl Bench {
    fn prepare(&self, pql: &str, params: &serde_json::Value) -> Prepared {
        let params = Params::from_json(params).expect("parameters");
        self.engine.prepare(pql, params, NOW).unwrap_or_else(|error| panic!("{pql}: {error}"))
    }

    /// Runs a statement and gives the number of its rows.
    fn rows(&self, pql: &str, params: &serde_json::Value) -> usize {
        let Prepared::Query(query) = self.prepare(pql, params) else { panic!("{pql} gives no rows") };
        self.runtime.block_on(async {
            let mut stream = self.engine.run(query).await.unwrap_or_else(|error| panic!("{pql}: {error}"));
            let mut rows = 0;
            while let Some(batch) = stream.next().await {
                rows += batch.unwrap_or_else(|error| panic!("{pql}: {error}")).num_rows();
            }
            black_box(rows)
        })
    }
}

fn statements(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let engine = Engine::new(store_of_tasks(dir.path(), TASKS), Options::default()).expect("an engine");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let bench = Bench { engine, runtime };
    let none = serde_json::Value::Null;
    let one = serde_json::json!(["t77"]);
    let head = bench.engine.store().head().position.0;

    let mut group = c.benchmark_group("plan");
    for (name, pql, params) in
        [("point query", POINT, &one), ("count by status", COUNT, &none), ("next task", NEXT_TASK, &none)]
    {
        group.bench_function(name, |b| b.iter(|| bench.prepare(black_box(pql), params)));
    }
    group.finish();

    let mut group = c.benchmark_group("query");
    let mut at = 0;
    group.bench_function("point query", |b| {
        b.iter(|| {
            at = (at + STRIDE) % TASKS;
            assert_eq!(bench.rows(POINT, &serde_json::json!([format!("t{}", at + 1)])), 1);
        });
    });
    group.bench_function("count by status", |b| b.iter(|| assert_eq!(bench.rows(COUNT, &none), 1)));
    group.bench_function("next task, 10 rows", |b| b.iter(|| assert_eq!(bench.rows(NEXT_TASK, &none), 10)));
    group.finish();

    let mut group = c.benchmark_group("as of");
    let half = format!("{COUNT} AS OF POSITION {}", head / 2);
    group.bench_function("count by status, a moment asked for before", |b| {
        b.iter(|| assert_eq!(bench.rows(&half, &none), 1));
    });
    let mut position = head / 2;
    group.bench_function("count by status, each time another moment", |b| {
        b.iter(|| {
            position = head / 2 + (position + STRIDE) % (head / 2);
            assert_eq!(bench.rows(&format!("{COUNT} AS OF POSITION {position}"), &none), 1);
        });
    });
    group.bench_function("point query, each time another moment", |b| {
        b.iter(|| {
            position = head / 2 + (position + STRIDE) % (head / 2);
            bench.rows(&format!("{POINT} AS OF POSITION {position}"), &one)
        });
    });
    group.finish();
}

criterion_group!(benches, statements);
criterion_main!(benches);
