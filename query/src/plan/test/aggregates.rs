use super::check;

#[test]
fn over_all_rows() {
    check(
        "SELECT count(*), count(duration_ms), count(DISTINCT agent_id), sum(duration_ms), avg(duration_ms), min(duration_ms), max(duration_ms) FROM runs",
        "count(*) | count(duration_ms) | count(DISTINCT agent_id) | sum(duration_ms) | avg(duration_ms) | min(duration_ms) | max(duration_ms)
         4 | 3 | 2 | 6000 | 2000.0 | 1000 | 3000",
    );
    check(
        "SELECT median(duration_ms) AS m, quantile(duration_ms, 0.5) AS q, quantile(duration_ms, 0.95) AS p, quantile(duration_ms, 0) AS lo, quantile(duration_ms, 1) AS hi, stddev(duration_ms) AS s FROM runs",
        "m | q | p | lo | hi | s\n2000.0 | 2000.0 | 2900.0 | 1000.0 | 3000.0 | 1000.0",
    );
    check(
        "SELECT sum(cost), avg(cost), stddev(cost), median(tokens) FROM runs WHERE cost > 0.3",
        "sum(cost) | avg(cost) | stddev(cost) | median(tokens)\n0.5 | 0.5 | null | 10.0",
    );
    check(
        "SELECT min(status), max(status), min(created_at), max(created_at) FROM tasks",
        "min(status) | max(status) | min(created_at) | max(created_at)
        'blocked' | 'open' | 2026-01-01T00:00:00Z | 2026-01-04T00:00:00Z",
    );
    check(
        "SELECT collect(status) AS s, collect(caps) AS c FROM tasks",
        "s | c\n{blocked,completed,open} | {c++,rust,sql}",
    );
}

#[test]
fn of_nothing() {
    check(
        "SELECT count(*), count(id), sum(tokens), avg(cost), min(id), median(cost), stddev(cost), any(id), first(id), collect(id) FROM runs WHERE id = 'none'",
        "count(*) | count(id) | sum(tokens) | avg(cost) | min(id) | median(cost) | stddev(cost) | any(id) | first(id) | collect(id)
         0 | 0 | null | null | null | null | null | null | null | {}",
    );
}

#[test]
fn by_group() {
    check(
        "SELECT agent_id AS agent, count(*) AS failures, quantile(data.duration_ms, 0.95) AS p95 FROM events WHERE type = 'RunFailed' GROUP BY agent ORDER BY failures DESC LIMIT 10",
        "agent | failures | p95\n'agent-0' | 2 | 117.0\n'agent-1' | 2 | 87.0",
    );
    check(
        "SELECT type, sum(data.duration_ms) AS s, max(time) AS latest FROM events GROUP BY type",
        "type | s | latest
        'RunFailed' | 300.0 | 2026-01-19T12:11:00Z\n'TaskUpdated' | 480.0 | 2026-01-19T12:10:00Z",
    );
}

#[test]
fn first_and_last_go_by_position() {
    check(
        "SELECT first(position) AS f, last(position) AS l, first(data.who) AS w, any(stream) AS a FROM events WHERE position > 3",
        "f | l | w | a\n4 | 12 | json \"even\" | 'task-0'",
    );
    check(
        "SELECT type, last(data.duration_ms) AS l FROM events GROUP BY type",
        "type | l\n'RunFailed' | json 120\n'TaskUpdated' | json 110",
    );
    check(
        "SELECT id, first(status) AS f, last(status) AS l FROM tasks HISTORY GROUP BY id",
        "id | f | l\n'a' | 'open' | 'completed'\n'b' | 'open' | 'open'",
    );
    // Nulls are passed over, as by every aggregate.
    check("SELECT first(owner_agent_id) AS f FROM tasks", "f\n'agent-1'");
}

#[test]
fn distinct_values() {
    check(
        "SELECT sum(DISTINCT priority) AS s, avg(DISTINCT priority) AS a, median(DISTINCT priority) AS m, count(DISTINCT priority) AS c FROM tasks",
        "s | a | m | c\n-1 | -0.3333333333333333 | 0.0 | 3",
    );
    check("SELECT count(DISTINCT data.who) AS n, count(DISTINCT tags) AS t FROM events", "n | t\n7 | 4");
    check("SELECT sum(DISTINCT data.duration_ms - data.duration_ms) AS s FROM events", "s\n0.0");
}

#[test]
fn json_and_times() {
    check("SELECT min(data.who) AS a, max(data.who) AS b FROM events", "a | b\njson 1 | json \"even\"");
    check(
        "SELECT avg(completed_at - created_at) AS a, sum(age(created_at) - age(created_at)) AS s FROM tasks",
        "a | s\n131400s | 0s",
    );
    check("SELECT avg(metadata.s) AS a, sum(metadata.n) AS s FROM tasks", "a | s\nnull | 3.5");
}

#[test]
fn nested_in_expressions() {
    check(
        "SELECT round(avg(duration_ms) / 7, 2) AS r, count(*) > 3 AS many FROM runs",
        "r | many\n285.71 | true",
    );
    check(
        "SELECT agent_id, CASE WHEN sum(tokens) > 30 THEN 'much' ELSE 'little' END AS c FROM runs GROUP BY agent_id",
        "agent_id | c\n'x' | 'much'\n'y' | 'little'",
    );
    check(
        "SELECT task_id, count(*) AS n FROM runs GROUP BY task_id HAVING count(*) > 1 AND any(status) IS NOT NULL",
        "task_id | n\n'a' | 2",
    );
    check(
        "SELECT task_id FROM runs GROUP BY task_id ORDER BY count(*) DESC, task_id DESC",
        "task_id\n'a'\n'c'\n'b'",
    );
}
