//! Mistakes in the clauses of a select: what stands in them, and in which order.

use crate::refuse;

#[test]
fn the_select_list() {
    refuse("SELECT", "expected an expression after SELECT, found the end", "", "");
    refuse(
        "SELECT id",
        "expected FROM after the select list, found the end",
        "",
        "every select reads a table: SELECT id FROM tasks",
    );
    refuse(
        "SELECT FROM tasks",
        "expected an expression after SELECT, found `FROM`",
        "FROM",
        "`*` gives every column: SELECT * FROM …",
    );
    refuse(
        "SELECT id, FROM tasks",
        "expected an expression after `,`, found `FROM`",
        "FROM",
        "no comma stands at the end of a list",
    );
    refuse(
        "SELECT id FORM tasks",
        "expected FROM after the select list, found `FORM`",
        "FORM",
        "did you mean FROM?",
    );
    refuse(
        "SELECT id n FROM tasks",
        "expected FROM after the select list, found `n`",
        "n",
        "a column is named with AS: AS n",
    );
    refuse(
        "SELECT count(*) n, id FROM tasks",
        "expected FROM after the select list, found `n`",
        "n",
        "a column is named with AS: AS n",
    );
    refuse(
        "SELECT id \"N\" FROM tasks",
        "expected FROM after the select list, found `\"N\"`",
        "\"N\"",
        "a column is named with AS: AS \"N\"",
    );
    refuse(
        "SELECT id AS FROM tasks",
        "expected FROM after the select list, found `tasks`",
        "tasks",
        "`FROM` was read as the name after AS",
    );
    refuse("SELECT id AS 'n' FROM tasks", "expected a name after AS, found `'n'`", "'n'", "");
    refuse(
        "SELECT * AS x FROM t",
        "expected FROM after the select list, found `AS`",
        "AS",
        "`*` has no name of its own",
    );
    refuse(
        "SELECT a.* AS x FROM t",
        "expected FROM after the select list, found `AS`",
        "AS",
        "`*` has no name of its own",
    );
    refuse("SELECT a.b.* FROM t", "only the name of a table stands before `.*`", "a.b.*", "");
    refuse("SELECT f(a).* FROM t", "only the name of a table stands before `.*`", "f(a).*", "");
    refuse(
        "SELECT a, * b FROM t",
        "expected FROM after the select list, found `b`",
        "b",
        "`*` has no name of its own",
    );
    refuse(
        "SELECT TOP 5 a FROM t",
        "expected FROM after the select list, found `5`",
        "5",
        "write LIMIT n at the end",
    );
    refuse(
        "SELECT ALL a FROM t",
        "expected FROM after the select list, found `a`",
        "a",
        "leave ALL out: every row is given unless DISTINCT says otherwise",
    );
    refuse(
        "SELECT a over (PARTITION BY x) FROM t",
        "expected FROM after the select list, found `over`",
        "over",
        "windows are left to plain SQL",
    );
    refuse(
        "SELECT count(*) OVER () FROM t",
        "expected FROM after the select list, found `OVER`",
        "OVER",
        "windows are left to plain SQL",
    );
    refuse(
        "SELECT interval '5 days' FROM t",
        "expected FROM after the select list, found `'5 days'`",
        "'5 days'",
        "a duration is written like 5d",
    );
    refuse("SELECT DISTINCT FROM t", "expected an expression after DISTINCT, found `FROM`", "FROM", "");
    refuse("SELECT a b c FROM t", "expected FROM after the select list, found `b`", "b", "");
}

#[test]
fn from_and_joins() {
    refuse("SELECT id FROM", "expected a table or a select in parentheses after FROM, found the end", "", "");
    refuse(
        "SELECT id FROM WHERE x = 1",
        "expected a table or a select in parentheses after FROM, found `WHERE`",
        "WHERE",
        "",
    );
    refuse("SELECT id FROM a, b", "tables are joined with JOIN", ",", "FROM a JOIN b ON b.id = a.b_id");
    refuse("SELECT id FROM t.b", "a table's name has one part", ".", "SHOW TABLES lists the tables");
    refuse(
        "SELECT id FROM 'tasks'",
        "expected a table or a select in parentheses after FROM, found `'tasks'`",
        "'tasks'",
        "a table's name stands without quotes, or in double ones",
    );
    refuse(
        "SELECT id FROM order",
        "`order` is a reserved word",
        "order",
        "as a name it is quoted: \"order\"",
    );
    refuse(
        "SELECT id FROM order WHERE x = 1",
        "`order` is a reserved word",
        "order",
        "as a name it is quoted: \"order\"",
    );
    refuse(
        "SELECT id FROM a JOIN",
        "expected a table or a select in parentheses after JOIN, found the end",
        "",
        "",
    );
    refuse(
        "SELECT id FROM a JOIN b",
        "expected ON and a condition after the joined table, found the end",
        "",
        "JOIN b ON b.id = a.b_id",
    );
    refuse(
        "SELECT id FROM a JOIN b WHERE a.x = b.x",
        "expected ON and a condition after the joined table, found `WHERE`",
        "WHERE",
        "JOIN b ON b.id = a.b_id",
    );
    refuse(
        "SELECT id FROM a JOIN b USING (id)",
        "a join says its condition with ON",
        "USING",
        "JOIN b ON b.id = a.b_id",
    );
    refuse(
        "SELECT id FROM a JOIN b ONN a.x = b.x",
        "expected ON and a condition after the joined table, found `a`",
        "a",
        "did you mean ON?",
    );
    refuse("SELECT id FROM a JOIN b ON", "expected an expression after ON, found the end", "", "");
    refuse(
        "SELECT id FROM a RIGHT JOIN b ON a.x = b.x",
        "there is no RIGHT JOIN",
        "RIGHT JOIN",
        "only INNER JOIN and LEFT JOIN are known: swap the two sides; a table is named so with AS",
    );
    refuse(
        "SELECT id FROM a FULL JOIN b ON a.x = b.x",
        "there is no FULL JOIN",
        "FULL JOIN",
        "only INNER JOIN and LEFT JOIN are known; a table is named so with AS",
    );
    refuse(
        "SELECT id FROM a FULL OUTER JOIN b ON a.x = b.x",
        "there is no FULL JOIN",
        "FULL OUTER",
        "only INNER JOIN and LEFT JOIN are known; a table is named so with AS",
    );
    refuse(
        "SELECT id FROM a CROSS JOIN b",
        "there is no CROSS JOIN",
        "CROSS JOIN",
        "only INNER JOIN and LEFT JOIN are known: JOIN b ON TRUE; a table is named so with AS",
    );
    // Behind an alias as well.
    refuse(
        "SELECT a.id FROM a x RIGHT JOIN b ON b.id = x.b_id",
        "there is no RIGHT JOIN",
        "RIGHT JOIN",
        "only INNER JOIN and LEFT JOIN are known: swap the two sides; a table is named so with AS",
    );
    refuse(
        "SELECT id FROM a NATURAL JOIN b",
        "there is no NATURAL JOIN",
        "NATURAL JOIN",
        "only INNER JOIN and LEFT JOIN are known; a table is named so with AS",
    );
    refuse(
        "SELECT id FROM a LEFT OUTER JOIN b ON a.x = b.x",
        "expected JOIN after LEFT, found `OUTER`",
        "OUTER",
        "write LEFT JOIN",
    );
    refuse("SELECT id FROM a LEFT b ON a.x = b.x", "expected JOIN after LEFT, found `b`", "b", "");
    refuse(
        "SELECT id FROM a LEFT JOIN b LEFT JOIN c ON d",
        "expected ON and a condition after the joined table, found `LEFT`",
        "LEFT",
        "JOIN b ON b.id = a.b_id",
    );
    refuse(
        "SELECT a FROM t o JOIN t left ON o.a = left.a",
        "`left` is a reserved word",
        "left",
        "as a name it is quoted: \"left\"",
    );
    refuse(
        "SELECT a FROM (SELECT a FROM t)",
        "expected a name after a select in FROM, found the end",
        "",
        "(SELECT …) AS s",
    );
    refuse(
        "SELECT a FROM (SELECT a FROM t) WHERE a",
        "expected a name after a select in FROM, found `WHERE`",
        "WHERE",
        "(SELECT …) AS s",
    );
    refuse("SELECT a FROM (tasks) t", "expected SELECT after `(`, found `tasks`", "tasks", "");
    refuse(
        "SELECT a FROM (SELECT a FROM t s",
        "this `(` is never closed",
        "(",
        "expected `)` before the end",
    );
    refuse(
        "SELECT a FROM f(1)",
        "expected JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF, HISTORY or the end, found `(`",
        "(",
        "",
    );
    refuse(
        "SELECT a FROM t u v",
        "expected JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF or the end, found `v`",
        "v",
        "",
    );
}

#[test]
fn the_order_of_clauses() {
    refuse(
        "SELECT id FROM tasks GROUP BY id WHERE x = 1",
        "WHERE comes before GROUP BY",
        "WHERE",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "SELECT id FROM tasks ORDER BY id GROUP BY id",
        "GROUP BY comes before ORDER BY",
        "GROUP",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "SELECT id FROM tasks HAVING x GROUP BY id",
        "GROUP BY comes before HAVING",
        "GROUP",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "SELECT id FROM tasks LIMIT 5 ORDER BY id",
        "ORDER BY comes before LIMIT",
        "ORDER",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "SELECT id FROM tasks OFFSET 5 LIMIT 10",
        "LIMIT comes before OFFSET",
        "LIMIT",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "SELECT id FROM tasks WHERE x JOIN b ON c",
        "JOIN comes before WHERE",
        "JOIN",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "SELECT id FROM tasks WHERE x LEFT JOIN b ON c",
        "JOIN comes before WHERE",
        "LEFT",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "SELECT id FROM tasks WHERE x AS OF now() LIMIT 1",
        "LIMIT comes before AS OF",
        "LIMIT",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "SELECT id FROM tasks WHERE a = 1 WHERE b = 2",
        "WHERE stands here a second time",
        "WHERE",
        "join conditions with AND",
    );
    refuse(
        "SELECT id FROM tasks GROUP BY a GROUP BY b",
        "GROUP BY stands here a second time",
        "GROUP",
        "separate several keys with commas",
    );
    refuse(
        "SELECT id FROM tasks ORDER BY a ORDER BY b",
        "ORDER BY stands here a second time",
        "ORDER",
        "separate several keys with commas",
    );
    refuse("SELECT id FROM tasks LIMIT 1 LIMIT 2", "LIMIT stands here a second time", "LIMIT", "");
    refuse(
        "SELECT id FROM (SELECT a FROM b LIMIT 1 WHERE c) s",
        "WHERE comes before LIMIT",
        "WHERE",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "SELECT id FROM tasks WHERE x IN (SELECT a FROM b ORDER BY a GROUP BY a)",
        "GROUP BY comes before ORDER BY",
        "GROUP",
        "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF",
    );
    refuse(
        "WHERE x = 1 SELECT id FROM tasks",
        "expected a statement, found `WHERE`",
        "WHERE",
        "statements begin with SELECT, WITH, CLAIM, SUBSCRIBE, CREATE PROJECTION, DROP PROJECTION, EXPLAIN, SHOW or DESCRIBE",
    );
    refuse(
        "SELECT id WHERE x = 1 FROM tasks",
        "expected FROM after the select list, found `WHERE`",
        "WHERE",
        "FROM comes before WHERE",
    );
}

#[test]
fn misspelt_clauses() {
    refuse("SELECT id FROM tasks WERE x = 1", "`WERE` is no clause", "WERE", "did you mean WHERE?");
    refuse(
        "SELECT id FROM tasks t WERE x = 1",
        "expected JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF or the end, found `WERE`",
        "WERE",
        "did you mean WHERE?",
    );
    refuse("SELECT id FROM tasks ODER BY id", "`ODER` is no clause", "ODER", "did you mean ORDER BY?");
    refuse("SELECT id FROM tasks GROUPBY id", "`GROUPBY` is no clause", "GROUPBY", "did you mean GROUP BY?");
    refuse("SELECT id FROM tasks LIMT 5", "`LIMT` is no clause", "LIMT", "did you mean LIMIT?");
    refuse(
        "SELECT id FROM tasks WHERE a GRUOP BY id",
        "expected an operator, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF, AND, OR or the end, found `GRUOP`",
        "GRUOP",
        "did you mean GROUP BY?",
    );
    refuse("SELECT id FROM tasks JION b ON c", "`JION` is no clause", "JION", "did you mean JOIN?");
    refuse("SELECT id FROM tasks GROUP id", "expected BY after GROUP, found `id`", "id", "");
    refuse("SELECT id FROM tasks ORDER id", "expected BY after ORDER, found `id`", "id", "");
    refuse(
        "SELECT a FROM t GROUP BY a HAVNG b",
        "expected an operator, `,`, HAVING, ORDER BY, LIMIT, OFFSET, AS OF, AND, OR or the end, found `HAVNG`",
        "HAVNG",
        "did you mean HAVING?",
    );
    refuse(
        "SELECT a FROM t ORDER BY a DESCENDING",
        "expected an operator after `a`, found `DESCENDING`",
        "DESCENDING",
        "write DESC",
    );
    refuse(
        "SELECT a FROM t ORDER BY a DECS",
        "expected an operator, `,`, LIMIT, OFFSET, AS OF, AND, OR, ASC, DESC, NULLS or the end, found `DECS`",
        "DECS",
        "did you mean DESC?",
    );
    refuse("SELECT a FROM t ORDER BY a NULLS", "expected FIRST or LAST, found the end", "", "");
    refuse(
        "SELECT a FROM t ORDER BY a NULLS FRIST",
        "expected FIRST or LAST, found `FRIST`",
        "FRIST",
        "did you mean FIRST?",
    );
    refuse(
        "SELECT a FROM t ORDER BY a NULLS LAST DESC",
        "expected `,`, LIMIT, OFFSET, AS OF or the end, found `DESC`",
        "DESC",
        "",
    );
}

#[test]
fn clauses_of_other_dialects() {
    refuse(
        "SELECT id FROM a UNION SELECT id FROM b",
        "there is no UNION in PQL",
        "UNION",
        "the rows of two selects are not joined; ask twice",
    );
    refuse(
        "SELECT id FROM a WHERE x UNION ALL SELECT id FROM b",
        "there is no UNION in PQL",
        "UNION",
        "the rows of two selects are not joined; ask twice",
    );
    refuse(
        "SELECT id FROM a EXCEPT SELECT id FROM b",
        "there is no EXCEPT in PQL",
        "EXCEPT",
        "the rows of two selects are not joined; ask twice",
    );
    refuse("SELECT a FROM t FETCH FIRST 5", "there is no FETCH in PQL", "FETCH", "write LIMIT n");
    refuse("SELECT a FROM t WHERE b FETCH FIRST 5", "there is no FETCH in PQL", "FETCH", "write LIMIT n");
    refuse(
        "SELECT id FROM tasks LIMIT 5, 10",
        "expected the end of LIMIT, found `,`",
        ",",
        "write LIMIT n OFFSET m",
    );
    refuse(
        "SELECT a FROM t WINDOW w AS (x)",
        "there is no WINDOW in PQL",
        "WINDOW",
        "windows are left to plain SQL",
    );
}

#[test]
fn limits() {
    refuse(
        "SELECT id FROM tasks LIMIT",
        "expected a whole number or a parameter after LIMIT, found the end",
        "",
        "",
    );
    refuse(
        "SELECT id FROM tasks LIMIT x",
        "expected a whole number or a parameter after LIMIT, found `x`",
        "x",
        "",
    );
    refuse("SELECT id FROM tasks LIMIT -1", "LIMIT is never negative", "-", "");
    refuse("SELECT id FROM tasks LIMIT −1", "LIMIT is never negative", "−", "");
    refuse("SELECT id FROM tasks OFFSET -1", "OFFSET is never negative", "-", "");
    refuse(
        "SELECT id FROM tasks LIMIT '5'",
        "expected a whole number or a parameter after LIMIT, found `'5'`",
        "'5'",
        "",
    );
    refuse("SELECT id FROM tasks LIMIT 5 + 5", "expected OFFSET, AS OF or the end, found `+`", "+", "");
    refuse(
        "SELECT id FROM tasks LIMIT ALL",
        "expected a whole number or a parameter after LIMIT, found `ALL`",
        "ALL",
        "",
    );
}

#[test]
fn moments() {
    refuse(
        "SELECT a FROM t AS OF",
        "expected a moment after AS OF, found the end",
        "",
        "a moment is '2026-01-19T14:25:00Z', POSITION n, EVENT 'ulid', 24h AGO or now()",
    );
    refuse(
        "SELECT a FROM t AS OF yesterday",
        "expected a moment after AS OF, found `yesterday`",
        "yesterday",
        "a moment is '2026-01-19T14:25:00Z', POSITION n, EVENT 'ulid', 24h AGO or now()",
    );
    refuse(
        "SELECT a FROM t AS OF $1",
        "expected a moment after AS OF, found `$1`",
        "$1",
        "a moment is written out, it is no parameter",
    );
    refuse(
        "SELECT a FROM t AS OF 5 m AGO",
        "expected a moment after AS OF, found `5`",
        "5",
        "a duration is one word: 5m",
    );
    refuse("SELECT a FROM t AS OF 5m", "expected AGO after 5m, found the end", "", "AS OF 5m AGO");
    refuse(
        "SELECT a FROM t AS OF 5m WHERE a",
        "expected AGO after 5m, found `WHERE`",
        "WHERE",
        "AS OF 5m AGO",
    );
    refuse("SELECT a FROM t AS OF POSITION", "expected a whole number after POSITION, found the end", "", "");
    refuse("SELECT a FROM t AS OF POSITION x", "expected a whole number after POSITION, found `x`", "x", "");
    refuse("SELECT a FROM t AS OF POSITION -1", "expected a whole number after POSITION, found `-`", "-", "");
    refuse(
        "SELECT a FROM t AS OF EVENT",
        "expected the id of an event after EVENT, found the end",
        "",
        "a text in single quotes, like '01ARZ3NDEKTSV4RRFFQ69G5FAV'",
    );
    refuse(
        "SELECT a FROM t AS OF EVENT 5",
        "expected the id of an event after EVENT, found `5`",
        "5",
        "a text in single quotes, like '01ARZ3NDEKTSV4RRFFQ69G5FAV'",
    );
    refuse(
        "SELECT a FROM t AS OF EVENT \"x\"",
        "expected the id of an event after EVENT, found `\"x\"`",
        "\"x\"",
        "a text in single quotes, like '01ARZ3NDEKTSV4RRFFQ69G5FAV'",
    );
    refuse("SELECT a FROM t AS OF now", "expected `()` after now, found the end", "", "AS OF now()");
    refuse("SELECT a FROM t AS OF now(", "this `(` is never closed", "(", "expected `)` before the end");
    refuse(
        "SELECT a FROM t AS OF \"2026-01-19T14:25:00Z\"",
        "expected a moment after AS OF, found `\"2026-01-19T14:25:00Z\"`",
        "\"2026-01-19T14:25:00Z\"",
        "a time stands in single quotes: '2026-01-19T14:25:00Z'",
    );
    refuse(
        "SELECT a FROM t AS OF 2026",
        "expected a moment after AS OF, found `2026`",
        "2026",
        "a moment is '2026-01-19T14:25:00Z', POSITION n, EVENT 'ulid', 24h AGO or now()",
    );
    refuse(
        "SELECT a FROM t AS OF WHERE x = 1",
        "expected a moment after AS OF, found `WHERE`",
        "WHERE",
        "a moment is '2026-01-19T14:25:00Z', POSITION n, EVENT 'ulid', 24h AGO or now()",
    );
    refuse(
        "SELECT a FROM (SELECT a FROM t AS OF now() WHERE x = 1 AS OF now()) s",
        "AS OF for the whole statement stands at its end, outside of sub-selects",
        "AS",
        "AS OF right after a table's name is for that table alone",
    );
    refuse(
        "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d AS OF now())",
        "AS OF for the whole statement stands at its end, outside of sub-selects",
        "AS",
        "AS OF right after a table's name is for that table alone",
    );
}

#[test]
fn a_version_after_an_alias() {
    refuse(
        "SELECT a FROM tasks t AS OF 5m AGO JOIN b ON c",
        "AS OF of one table stands right after its name",
        "AS",
        "tasks AS OF 24h AGO t",
    );
    refuse(
        "SELECT a FROM tasks t AS OF 5m AGO LEFT JOIN b ON c",
        "AS OF of one table stands right after its name",
        "AS",
        "tasks AS OF 24h AGO t",
    );
    refuse(
        "SELECT a FROM b JOIN tasks t AS OF 5m AGO ON c",
        "AS OF of one table stands right after its name",
        "AS",
        "tasks AS OF 24h AGO t",
    );
    refuse(
        "SELECT a FROM tasks t HISTORY",
        "HISTORY of one table stands right after its name",
        "HISTORY",
        "tasks HISTORY t",
    );
    refuse(
        "SELECT a FROM tasks t HISTORY WHERE b",
        "HISTORY of one table stands right after its name",
        "HISTORY",
        "tasks HISTORY t",
    );
    refuse(
        "SELECT a FROM b JOIN tasks t HISTORY ON c",
        "HISTORY of one table stands right after its name",
        "HISTORY",
        "tasks HISTORY t",
    );
    refuse(
        "SELECT a FROM t AS OF now() HISTORY h",
        "HISTORY of one table stands right after its name",
        "HISTORY",
        "tasks HISTORY t",
    );
}
