//! Mistakes in what a statement is and what it may say.

use crate::{check, check_predicate, refuse};

#[test]
fn nothing_and_nonsense() {
    refuse(
        "",
        "expected a statement, found nothing",
        "",
        "for example SELECT id, title FROM tasks WHERE status = 'open'",
    );
    refuse(
        "-- only a comment",
        "expected a statement, found nothing",
        "",
        "for example SELECT id, title FROM tasks WHERE status = 'open'",
    );
    refuse(
        ";",
        "expected a statement, found `;`",
        ";",
        "statements begin with SELECT, WITH, CLAIM, SUBSCRIBE, CREATE PROJECTION, DROP PROJECTION, EXPLAIN, SHOW or DESCRIBE",
    );
    refuse(
        "foo",
        "expected a statement, found `foo`",
        "foo",
        "statements begin with SELECT, WITH, CLAIM, SUBSCRIBE, CREATE PROJECTION, DROP PROJECTION, EXPLAIN, SHOW or DESCRIBE",
    );
    refuse(
        "'text'",
        "expected a statement, found `'text'`",
        "'text'",
        "statements begin with SELECT, WITH, CLAIM, SUBSCRIBE, CREATE PROJECTION, DROP PROJECTION, EXPLAIN, SHOW or DESCRIBE",
    );
    refuse(
        "( SELECT a FROM t )",
        "expected a statement, found `(`",
        "(",
        "statements begin with SELECT, WITH, CLAIM, SUBSCRIBE, CREATE PROJECTION, DROP PROJECTION, EXPLAIN, SHOW or DESCRIBE",
    );
}

#[test]
fn misspelt_and_foreign_statements() {
    refuse("SELCT id FROM tasks", "expected a statement, found `SELCT`", "SELCT", "did you mean SELECT?");
    refuse("selekt id FROM tasks", "expected a statement, found `selekt`", "selekt", "did you mean SELECT?");
    refuse(
        "SUBSCRIB events",
        "expected a statement, found `SUBSCRIB`",
        "SUBSCRIB",
        "did you mean SUBSCRIBE?",
    );
    refuse(
        "EXPLIAN SELECT a FROM t",
        "expected a statement, found `EXPLIAN`",
        "EXPLIAN",
        "did you mean EXPLAIN?",
    );
    refuse("DESCRIPE tasks", "expected a statement, found `DESCRIPE`", "DESCRIPE", "did you mean DESCRIBE?");
    refuse(
        "INSERT INTO t VALUES (1)",
        "expected a statement, found `INSERT`",
        "INSERT",
        "tables are views of the log: they change when events are appended",
    );
    refuse(
        "UPDATE t SET x = 1",
        "expected a statement, found `UPDATE`",
        "UPDATE",
        "tables are views of the log: they change when events are appended",
    );
    refuse(
        "DELETE FROM t",
        "expected a statement, found `DELETE`",
        "DELETE",
        "tables are views of the log: they change when events are appended",
    );
}

#[test]
fn one_statement_per_request() {
    refuse(
        "SHOW TABLES; SHOW TABLES",
        "expected the end after `;`, found `SHOW`",
        "SHOW",
        "one statement per request",
    );
    refuse("SHOW TABLES;;", "expected the end after `;`, found `;`", ";", "one statement per request");
    refuse("SELECT a FROM t; ;", "expected the end after `;`, found `;`", ";", "one statement per request");
    refuse(
        "SELECT a FROM t WHERE a = 1; SELECT 1",
        "expected the end after `;`, found `SELECT`",
        "SELECT",
        "one statement per request",
    );
    refuse("SHOW TABLES tasks", "expected the end after `TABLES`, found `tasks`", "tasks", "");
    refuse("DESCRIBE tasks events", "expected the end after `tasks`, found `events`", "events", "");
}

#[test]
fn claim() {
    refuse(
        "CLAIM",
        "expected next_task after CLAIM, found the end",
        "",
        "CLAIM next_task FOR 'agent-7' WHERE …",
    );
    refuse(
        "CLAIM tasks FOR 'a'",
        "expected next_task after CLAIM, found `tasks`",
        "tasks",
        "CLAIM next_task FOR 'agent-7' WHERE …",
    );
    refuse(
        "CLAIM next_task",
        "expected FOR after CLAIM next_task, found the end",
        "",
        "CLAIM next_task FOR 'agent-7'",
    );
    refuse(
        "CLAIM next_task WHERE x = 1",
        "expected FOR after CLAIM next_task, found `WHERE`",
        "WHERE",
        "CLAIM next_task FOR 'agent-7'",
    );
    refuse(
        "CLAIM next_task FOR",
        "expected the id of an agent after FOR, found the end",
        "",
        "a text like 'agent-7', or a parameter",
    );
    refuse(
        "CLAIM next_task FOR agent7",
        "expected the id of an agent after FOR, found `agent7`",
        "agent7",
        "a text stands in quotes: 'agent7'",
    );
    refuse(
        "CLAIM next_task FOR \"agent-7\"",
        "expected the id of an agent after FOR, found `\"agent-7\"`",
        "\"agent-7\"",
        "a text stands in single quotes: 'agent-7'",
    );
    refuse(
        "CLAIM next_task FOR \"it's\"",
        "expected the id of an agent after FOR, found `\"it's\"`",
        "\"it's\"",
        "a text stands in single quotes: 'it''s'",
    );
    refuse(
        "CLAIM next_task FOR 7",
        "expected the id of an agent after FOR, found `7`",
        "7",
        "a text like 'agent-7', or a parameter",
    );
    refuse(
        "CLAIM next_task FOR 'a' LEASE",
        "expected a duration like 15m after LEASE, found the end",
        "",
        "",
    );
    refuse(
        "CLAIM next_task FOR 'a' LEASE 5",
        "expected a duration like 15m after LEASE, found `5`",
        "5",
        "add a unit: 5s or 5m",
    );
    refuse(
        "CLAIM next_task FOR 'a' LEASE '15m'",
        "expected a duration like 15m after LEASE, found `'15m'`",
        "'15m'",
        "a duration stands without quotes",
    );
    refuse(
        "CLAIM next_task FOR 'a' LEASE $d",
        "expected a duration like 15m after LEASE, found `$d`",
        "$d",
        "the lease is written out, it is no parameter",
    );
    refuse(
        "CLAIM next_task FOR 'a' LEASE 15 m",
        "expected a duration like 15m after LEASE, found `15`",
        "15",
        "a duration is one word: 15m",
    );
    refuse(
        "CLAIM next_task FOR 'a' LIMIT 5 LEASE 15m",
        "LEASE comes before LIMIT",
        "LEASE",
        "the order is FOR, WHERE, LEASE, LIMIT",
    );
    refuse(
        "CLAIM next_task FOR 'a' LEASE 15m WHERE x",
        "WHERE comes before LEASE",
        "WHERE",
        "the order is FOR, WHERE, LEASE, LIMIT",
    );
    refuse("CLAIM next_task FOR 'a' LEASE 15m LEASE 15m", "LEASE stands here a second time", "LEASE", "");
    refuse(
        "CLAIM next_task FOR 'a' WHERE x AS OF now()",
        "CLAIM has no AS OF: what it takes, it takes now",
        "AS",
        "",
    );
    refuse(
        "CLAIM next_task FOR 'a' LIMITS 5",
        "expected WHERE, LIMIT, LEASE or the end, found `LIMITS`",
        "LIMITS",
        "did you mean LIMIT?",
    );
}

#[test]
fn next_task() {
    refuse(
        "SELECT next_task LIMIT 5 WHERE x = 1",
        "WHERE comes before LIMIT",
        "WHERE",
        "the order is FOR, WHERE, LIMIT, AS OF",
    );
    refuse(
        "SELECT next_task WHERE x = 1 FOR 'a'",
        "FOR comes before WHERE",
        "FOR",
        "the order is FOR, WHERE, LIMIT, AS OF",
    );
    refuse(
        "SELECT next_task AS OF now() LIMIT 1",
        "LIMIT comes before AS OF",
        "LIMIT",
        "the order is FOR, WHERE, LIMIT, AS OF",
    );
    refuse(
        "SELECT next_task ORDER BY x",
        "expected FOR, WHERE, LIMIT, AS OF or the end after SELECT next_task, found `ORDER`",
        "ORDER",
        "the best task comes first; for another order write SELECT * FROM next_task ORDER BY …",
    );
    refuse(
        "SELECT next_task WERE x = 1",
        "expected FOR, WHERE, LIMIT, AS OF or the end after SELECT next_task, found `WERE`",
        "WERE",
        "did you mean WHERE?",
    );
    refuse(
        "SELECT next_task OFFSET 5",
        "expected FOR, WHERE, LIMIT, AS OF or the end after SELECT next_task, found `OFFSET`",
        "OFFSET",
        "",
    );
}

#[test]
fn explain() {
    refuse("EXPLAIN", "expected SELECT, next_task or ANALYZE, found the end", "", "");
    refuse("EXPLAIN CLAIM next_task", "expected SELECT, next_task or ANALYZE, found `CLAIM`", "CLAIM", "");
    refuse(
        "EXPLAIN SELECT next_task FOR 'a'",
        "the offer is explained without SELECT",
        "SELECT",
        "EXPLAIN next_task FOR 'agent-7'",
    );
    refuse("EXPLAIN next_task LIMIT 5", "expected WHERE, AS OF, FOR or the end, found `LIMIT`", "LIMIT", "");
    refuse(
        "EXPLAIN ANALYZE next_task",
        "the offer is explained without ANALYZE",
        "next_task",
        "EXPLAIN next_task FOR 'agent-7'",
    );
    refuse(
        "EXPLAIN ANALYSE SELECT a FROM t",
        "expected SELECT, next_task or ANALYZE, found `ANALYSE`",
        "ANALYSE",
        "did you mean ANALYZE?",
    );
}

#[test]
fn subscribe() {
    refuse(
        "SUBSCRIBE",
        "expected events, a table or a select in parentheses after SUBSCRIBE, found the end",
        "",
        "",
    );
    refuse(
        "SUBSCRIBE SELECT a FROM t",
        "expected events, a table or a select in parentheses after SUBSCRIBE, found `SELECT`",
        "SELECT",
        "SUBSCRIBE (SELECT …)",
    );
    refuse(
        "SUBSCRIBE 'events'",
        "expected events, a table or a select in parentheses after SUBSCRIBE, found `'events'`",
        "'events'",
        "",
    );
    refuse(
        "SUBSCRIBE tasks FROM",
        "expected START or NOW after FROM, found the end",
        "",
        "a subscription begins FROM START, FROM NOW or AFTER POSITION n",
    );
    refuse(
        "SUBSCRIBE tasks FROM POSITION 5",
        "expected START or NOW after FROM, found `POSITION`",
        "POSITION",
        "a subscription begins FROM START, FROM NOW or AFTER POSITION n",
    );
    refuse("SUBSCRIBE tasks AFTER 5", "expected POSITION after AFTER, found `5`", "5", "AFTER POSITION 1200");
    refuse(
        "SUBSCRIBE tasks AFTER POSITION now",
        "expected a whole number or a parameter after POSITION, found `now`",
        "now",
        "",
    );
    refuse("SUBSCRIBE tasks AFTER POSITION -1", "POSITION is never negative", "-", "");
    refuse(
        "SUBSCRIBE tasks FROM START WHERE x = 1",
        "WHERE comes before FROM and AFTER",
        "WHERE",
        "SUBSCRIBE table [WHERE …] [FROM START, FROM NOW or AFTER POSITION n]",
    );
    refuse("SUBSCRIBE tasks FROM START FROM NOW", "FROM stands here a second time", "FROM", "");
    refuse(
        "SUBSCRIBE tasks WHERE x FORM START",
        "expected an operator, FROM, AFTER, AND, OR or the end, found `FORM`",
        "FORM",
        "did you mean FROM?",
    );
    refuse("SUBSCRIBE tasks LIMIT 5", "expected FROM, AFTER, WHERE or the end, found `LIMIT`", "LIMIT", "");
    refuse(
        "SUBSCRIBE (SELECT a FROM t WHERE b AS OF now())",
        "AS OF for the whole statement stands at its end, outside of sub-selects",
        "AS",
        "AS OF right after a table's name is for that table alone",
    );
}

#[test]
fn projections() {
    refuse(
        "CREATE",
        "expected PROJECTION after CREATE, found the end",
        "",
        "only projections can be created: CREATE PROJECTION name AS SELECT …",
    );
    refuse("CREATE PROJECTION", "expected a name after PROJECTION, found the end", "", "");
    refuse("CREATE PROJECTION x", "expected AS after `x`, found the end", "", "");
    refuse(
        "CREATE PROJECTION order AS SELECT a FROM t",
        "`order` is a reserved word",
        "order",
        "as a name it is quoted: \"order\"",
    );
    refuse(
        "CREATE PROJECTION 'x' AS SELECT a FROM t",
        "expected a name after PROJECTION, found `'x'`",
        "'x'",
        "a name stands without quotes, or in double ones",
    );
    refuse("CREATE PROJECTION x SELECT a FROM t", "expected AS after `x`, found `SELECT`", "SELECT", "");
    refuse(
        "CREATE PROJECTION x AS (SELECT a FROM t)",
        "expected SELECT after AS, found `(`",
        "(",
        "the select of a projection stands without parentheses",
    );
    refuse(
        "CREATE PROJECTION x AS WITH w AS (SELECT a FROM t) SELECT a FROM w",
        "expected SELECT after AS, found `WITH`",
        "WITH",
        "the select of a projection has no WITH",
    );
    refuse(
        "CREATE PROJECTION x AS SELECT a FROM t WHERE b AS OF now()",
        "a projection has no AS OF: it is kept up to date",
        "AS",
        "write AS OF in the query that reads it",
    );
    refuse(
        "CREATE TABLE x",
        "expected PROJECTION after CREATE, found `TABLE`",
        "TABLE",
        "only projections can be created: CREATE PROJECTION name AS SELECT …",
    );
    refuse(
        "CREATE VIEW x AS SELECT a FROM t",
        "expected PROJECTION after CREATE, found `VIEW`",
        "VIEW",
        "only projections can be created: CREATE PROJECTION name AS SELECT …",
    );
    refuse(
        "DROP TABLE x",
        "expected PROJECTION after DROP, found `TABLE`",
        "TABLE",
        "only projections can be dropped: DROP PROJECTION name",
    );
    refuse("DROP PROJECTION", "expected a name after PROJECTION, found the end", "", "");
    refuse("DROP PROJECTION x, y", "expected the end after `x`, found `,`", ",", "");
}

#[test]
fn show_describe_with() {
    refuse("SHOW", "expected TABLES after `SHOW`, found the end", "", "");
    refuse("SHOW TABLE", "expected TABLES after `SHOW`, found `TABLE`", "TABLE", "did you mean TABLES?");
    refuse("SHOW PROJECTIONS", "expected TABLES after `SHOW`, found `PROJECTIONS`", "PROJECTIONS", "");
    refuse("DESCRIBE", "expected a name after DESCRIBE, found the end", "", "");
    refuse(
        "DESCRIBE 'tasks'",
        "expected a name after DESCRIBE, found `'tasks'`",
        "'tasks'",
        "a name stands without quotes, or in double ones",
    );
    refuse("WITH", "expected a name after WITH, found the end", "", "");
    refuse("WITH a (SELECT 1 FROM t) SELECT 1 FROM a", "expected AS after `a`, found `(`", "(", "");
    refuse(
        "WITH a AS SELECT 1 FROM t SELECT 1 FROM a",
        "expected `(` after AS, found `SELECT`",
        "SELECT",
        "WITH name AS (SELECT …) SELECT …",
    );
    refuse(
        "WITH a AS (SELECT 1 FROM t)",
        "expected `,` or the SELECT that reads what WITH names, found the end",
        "",
        "",
    );
    refuse(
        "WITH a AS (SELECT 1 FROM t), SELECT 1 FROM a",
        "expected a name after `,`, found `SELECT`",
        "SELECT",
        "no comma stands before the last SELECT",
    );
    refuse(
        "WITH a AS (SELECT 1 FROM t) CLAIM next_task FOR 'a'",
        "expected `,` or the SELECT that reads what WITH names, found `CLAIM`",
        "CLAIM",
        "",
    );
    refuse(
        "WITH select AS (SELECT 1 FROM t) SELECT 1 FROM a",
        "`select` is a reserved word",
        "select",
        "as a name it is quoted: \"select\"",
    );
}

/// A predicate is refused in its own words: it has no clauses and no `;`.
#[test]
fn predicates() {
    check_predicate(
        "",
        "error[syntax]: expected an expression, found nothing\n  1 | \n    | ^ for example status = 'open'",
    );
    check_predicate(
        "WHERE status = 'open'",
        "error[syntax]: expected an expression, found `WHERE`\n  1 | WHERE status = 'open'\n    | ^^^^^ the predicate stands alone: status = 'open'",
    );
    check_predicate(
        "status = 'open' ORDER BY id",
        "error[syntax]: expected an operator or the end, found `ORDER`\n  1 | status = 'open' ORDER BY id\n    |                 ^^^^^ a predicate is one expression, without clauses",
    );
    check_predicate(
        "status = 'open';",
        "error[syntax]: expected the end, found `;`\n  1 | status = 'open';\n    |                ^ a predicate ends without `;`",
    );
    check_predicate(
        "status = 'open' AND\n  priority >",
        "error[syntax]: expected an expression after `>`, found the end\n  2 |   priority >\n    |             ^",
    );
}

/// Line and column count from 1, in characters; the line is shown and pointed at.
#[test]
fn errors_are_drawn_where_they_stand() {
    check(
        "SELECT a -- ⊆⊆⊆\nFROM t\nWHERE ⊆ = \"ü\" AND = 5",
        "error[syntax]: expected an expression after WHERE, found `⊆`\n  3 | WHERE ⊆ = \"ü\" AND = 5\n    |       ^",
    );
    check(
        "SELECT a FROM t WHERE \"ü\" == 5",
        "error[syntax]: `==` is no operator\n  1 | SELECT a FROM t WHERE \"ü\" == 5\n    |                           ^^ equality is a single `=`",
    );
}
