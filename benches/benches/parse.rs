//! PQL text to a tree.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const STATEMENTS: [(&str, &str); 4] = [
    ("point query", "SELECT id, status FROM tasks WHERE id = 'bd-7h7'"),
    ("next task", "SELECT next_task FOR 'agent-7' WHERE caps ⊆ {rust, sql} AND priority > 1"),
    (
        "analysis",
        "SELECT agent_id AS agent, count(*) AS failures, quantile(data.duration_ms, 0.95) AS p95 FROM events \
         WHERE type = 'RunFailed' AND time > ago(7d) GROUP BY agent HAVING count(*) > 3 ORDER BY failures DESC LIMIT 10",
    ),
    (
        "join",
        "SELECT t.id, b.id AS blocker FROM tasks t JOIN relationships r ON r.to_task_id = t.id AND r.type = 'blocks' \
         JOIN tasks b ON b.id = r.from_task_id WHERE t.status = 'blocked' AS OF 24h AGO",
    ),
];

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    for (name, statement) in STATEMENTS {
        group.throughput(Throughput::Bytes(statement.len() as u64));
        group.bench_function(name, |b| b.iter(|| grammar::parse(black_box(statement)).expect("it parses")));
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
