//! What each statement may say.

use crate::check;

#[test]
fn ends_with_one_semicolon_or_none() {
    for text in
        ["SHOW TABLES", "SHOW TABLES;", "  show\n\ttables\r\n ; ", "-- first\nSHOW -- then\nTABLES -- last"]
    {
        check(text, "(show_tables)");
    }
}

#[test]
fn keywords_have_no_case() {
    check("SeLeCt DiStInCt a FrOm t", "(select distinct [a] (from t))");
    check("sElEcT nExT_tAsK", "(next_task)");
}

#[test]
fn next_task_is_a_shorthand_only_before_its_own_clauses() {
    check("SELECT next_task", "(next_task)");
    check("SELECT next_task;", "(next_task)");
    check("SELECT next_task FOR 'a'", "(next_task (for 'a'))");
    check("SELECT next_task FOR $agent", r#"(next_task (for Named("agent")))"#);
    check("SELECT next_task WHERE x", "(next_task (where x))");
    check("SELECT next_task LIMIT 3", "(next_task (limit 3))");
    check("SELECT next_task AS OF now()", "(next_task (as_of now))");
    check(
        "SELECT next_task FOR $1 WHERE x = 1 LIMIT $2 AS OF POSITION 7",
        "(next_task (for Numbered(1)) (where (Equal x 1)) (limit Numbered(2)) (as_of position 7))",
    );
    check("SELECT next_task FROM t", "(select [next_task] (from t))");
    check("SELECT next_task AS n FROM t", "(select [next_task as n] (from t))");
    check("SELECT next_task, id FROM next_task", "(select [next_task, id] (from next_task))");
    check("SELECT next_task.id FROM next_task", "(select [(path next_task .id)] (from next_task))");
    check("SELECT id, score FROM next_task LIMIT 5", "(select [id, score] (from next_task) (limit 5))");
    check("SELECT next_task + 1 AS x FROM t", "(select [(Add next_task 1) as x] (from t))");
}

#[test]
fn claim() {
    check("CLAIM next_task FOR 'a'", "(claim (for 'a'))");
    check(
        "claim next_task for $1 where lease = 1 lease 90s limit 4;",
        "(claim (for Numbered(1)) (where (Equal lease 1)) (lease 90s) (limit 4))",
    );
    check("CLAIM next_task FOR 'a' LIMIT $n", r#"(claim (for 'a') (limit Named("n")))"#);
}

#[test]
fn subscribe() {
    check("SUBSCRIBE events", "(subscribe events now)");
    check("SUBSCRIBE events FROM NOW", "(subscribe events now)");
    check("SUBSCRIBE tasks FROM START", "(subscribe tasks beginning)");
    check("SUBSCRIBE tasks AFTER POSITION $p", r#"(subscribe tasks (after Named("p")))"#);
    check(
        "SUBSCRIBE tasks WHERE start = 1 FROM START",
        "(subscribe tasks (where (Equal start 1)) beginning)",
    );
    check(
        "SUBSCRIBE (SELECT * FROM t) WHERE a AFTER POSITION 0",
        "(subscribe (select [*] (from t)) (where a) (after 0))",
    );
}

#[test]
fn projections() {
    check("CREATE PROJECTION p AS SELECT a FROM events", "(create_projection p (select [a] (from events)))");
    check(
        "create projection projection as select a from events",
        "(create_projection projection (select [a] (from events)))",
    );
    check("DROP PROJECTION p;", "(drop_projection p)");
    check("DROP PROJECTION \"P\"", "(drop_projection \"P\")");
}

#[test]
fn explain() {
    check("EXPLAIN SELECT a FROM t", "(explain (select [a] (from t)))");
    check(
        "EXPLAIN ANALYZE SELECT a FROM t AS OF now()",
        "(explain analyze (select [a] (from (as_of t now))))",
    );
    check(
        "EXPLAIN WITH w AS (SELECT a FROM t) SELECT a FROM w",
        "(explain (select (with w (select [a] (from t))) [a] (from w)))",
    );
    check("EXPLAIN next_task", "(explain (next_task))");
    check(
        "EXPLAIN next_task FOR 'a' WHERE b AS OF EVENT 'x'",
        r#"(explain (next_task (for 'a') (where b) (as_of event "x")))"#,
    );
}

#[test]
fn show_and_describe() {
    check("SHOW TABLES", "(show_tables)");
    check("DESCRIBE tasks", "(describe tasks)");
    check("DESCRIBE describe", "(describe describe)");
}

#[test]
fn with_names_selects() {
    check(
        "WITH a AS (SELECT x FROM t), \"B\" AS (SELECT y FROM a WHERE y) SELECT * FROM \"B\" b LIMIT 1",
        "(select (with a (select [x] (from t))) (with \"B\" (select [y] (from a) (where y))) [*] (from \"B\" as b) (limit 1))",
    );
    check(
        "WITH a AS (SELECT x FROM t) SELECT x FROM a WHERE x AS OF now()",
        "(select (with a (select [x] (from t))) [x] (from a) (where x) (as_of now))",
    );
}
