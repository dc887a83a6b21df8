//! The clauses of SELECT.

use crate::check;

#[test]
fn select_list() {
    check("SELECT * FROM t", "(select [*] (from t))");
    check("SELECT *, t.*, a, b AS c FROM t", "(select [*, t.*, a, b as c] (from t))");
    check("SELECT a * b FROM t", "(select [(Multiply a b)] (from t))");
    check("SELECT DISTINCT a, b FROM t", "(select distinct [a, b] (from t))");
    check("SELECT \"T\".* FROM \"T\"", "(select [\"T\".*] (from \"T\"))");
}

#[test]
fn every_clause_in_its_place() {
    check(
        "SELECT a FROM t WHERE b GROUP BY c, d HAVING e ORDER BY f, g DESC LIMIT 1 OFFSET 2 AS OF POSITION 3",
        "(select [a] (from t) (where b) group_by [c, d] (having e) (order_by [f, g desc]) (limit 1) (offset 2) (as_of position 3))",
    );
    check("SELECT a FROM t OFFSET $skip", r#"(select [a] (from t) (offset Named("skip")))"#);
    check(
        "SELECT a FROM t LIMIT $1 OFFSET $2",
        "(select [a] (from t) (limit Numbered(1)) (offset Numbered(2)))",
    );
    check(
        "SELECT count(*) FROM t HAVING count(*) > 1",
        "(select [(count() *)] (from t) (having (Greater (count() *) 1)))",
    );
}

#[test]
fn order_by() {
    check(
        "SELECT a FROM t ORDER BY a ASC, b DESC, c NULLS FIRST, d DESC NULLS LAST, e ASC NULLS FIRST, f + 1",
        "(select [a] (from t) (order_by [a, b desc, c nulls_first, d desc nulls_last, e nulls_first, (Add f 1)]))",
    );
}

#[test]
fn joins() {
    check(
        "SELECT * FROM a JOIN b ON x INNER JOIN c ON y LEFT JOIN d ON z",
        "(select [*] (from a (inner b (on x)) (inner c (on y)) (left d (on z))))",
    );
    check(
        "SELECT * FROM a one JOIN b AS two ON one.x = two.x",
        "(select [*] (from a as one (inner b as two (on (Equal (path one .x) (path two .x))))))",
    );
    check(
        "SELECT * FROM a JOIN (SELECT x FROM b) s ON s.x = a.x",
        "(select [*] (from a (inner (select [x] (from b)) as s (on (Equal (path s .x) (path a .x))))))",
    );
}

#[test]
fn sources() {
    check("SELECT * FROM (SELECT a FROM t) s", "(select [*] (from (select [a] (from t)) as s))");
    check(
        "SELECT * FROM (SELECT a FROM t LIMIT 1) AS s",
        "(select [*] (from (select [a] (from t) (limit 1)) as s))",
    );
    check("SELECT * FROM tasks t", "(select [*] (from tasks as t))");
    check("SELECT * FROM tasks AS \"T\"", "(select [*] (from tasks as \"T\"))");
}

#[test]
fn versions_are_read_before_aliases() {
    check("SELECT * FROM t HISTORY", "(select [*] (from (history t)))");
    check("SELECT * FROM t HISTORY h", "(select [*] (from (history t) as h))");
    check("SELECT * FROM t history AS h WHERE a", "(select [*] (from (history t) as h) (where a))");
    check("SELECT * FROM t AS OF now() h", "(select [*] (from (as_of t now) as h))");
    check("SELECT * FROM t AS OF 5m AGO AS h", "(select [*] (from (as_of t ago 300s) as h))");
    check("SELECT * FROM history", "(select [*] (from history))");
    check("SELECT * FROM history HISTORY", "(select [*] (from (history history)))");
}

#[test]
fn the_trailing_moment_is_the_statements() {
    check("SELECT * FROM t h AS OF now()", "(select [*] (from t as h) (as_of now))");
    check("SELECT * FROM t WHERE a AS OF now()", "(select [*] (from t) (where a) (as_of now))");
    check(
        "SELECT * FROM (SELECT a FROM t AS OF POSITION 1) s",
        "(select [*] (from (select [a] (from (as_of t position 1))) as s))",
    );
    check(
        "SELECT * FROM t AS OF POSITION 1 JOIN u AS OF POSITION 2 ON a",
        "(select [*] (from (as_of t position 1) (inner (as_of u position 2) (on a))))",
    );
}
