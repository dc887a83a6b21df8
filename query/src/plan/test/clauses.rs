use super::{check, check_with};
use serde_json::json;

#[test]
fn rows_come_by_key_and_columns_as_asked() {
    check(
        "SELECT id, status FROM tasks",
        "id | status\n'a' | 'completed'\n'b' | 'open'\n'c' | 'open'\n'd' | 'blocked'",
    );
    check("SELECT position FROM events WHERE position < 4", "position\n1\n2\n3");
    check("SELECT id, from_position FROM tasks HISTORY", "id | from_position\n'a' | 2\n'a' | 6\n'b' | 3");
}

#[test]
fn columns_are_named_as_written_and_numbered_when_repeated() {
    check(
        "SELECT t.id, T.ID, id, id, count(*) FROM tasks t WHERE id = 'a' GROUP BY id",
        "t.id | T.ID | id | id_2 | count(*)\n'a' | 'a' | 'a' | 'a' | 1",
    );
    check("SELECT priority+1, priority AS p FROM tasks WHERE id = 'a'", "priority+1 | p\n2 | 1");
    check(
        "SELECT r.*, r.id FROM relationships r LIMIT 1",
        "id | from_task_id | to_task_id | type | metadata | created_at | r.id
        'r1' | 'a' | 'd' | 'blocks' | null | null | 'r1'",
    );
    check(
        "SELECT payload.duration_ms AS d, event_type FROM events LIMIT 1",
        "d | event_type\njson 10 | 'TaskUpdated'",
    );
}

#[test]
fn where_keeps_what_is_true() {
    check("SELECT id FROM tasks WHERE owner_agent_id = 'agent-1'", "id\n'a'");
    check("SELECT id FROM tasks WHERE NOT owner_agent_id = 'agent-1'", "id");
    check("SELECT id FROM tasks WHERE owner_agent_id IS NULL AND priority = 0", "id\n'b'\n'd'");
    check("SELECT id FROM tasks WHERE metadata.b", "id\n'b'");
}

#[test]
fn group_by_having() {
    check(
        "SELECT status, count(*) AS n FROM tasks GROUP BY status ORDER BY n DESC",
        "status | n\n'open' | 2\n'blocked' | 1\n'completed' | 1",
    );
    check("SELECT status FROM tasks GROUP BY status HAVING count(*) > 1", "status\n'open'");
    check("SELECT count(*) FROM tasks WHERE id = 'none'", "count(*)\n0");
    check("SELECT status FROM tasks WHERE id = 'none' GROUP BY status", "status");
    check(
        "SELECT upper(status) AS s, sum(priority) FROM tasks GROUP BY s",
        "s | sum(priority)\n'BLOCKED' | 0\n'COMPLETED' | 1\n'OPEN' | -2",
    );
    // A name is a column first, then an alias.
    check(
        "SELECT lower(class) AS status, count(*) AS n FROM tasks GROUP BY status, class HAVING n > 1",
        "status | n",
    );
    check(
        "SELECT metadata.n AS n, count(*) AS c FROM tasks GROUP BY n",
        "n | c\njson 1 | 1\njson 2.5 | 1\njson \"1\" | 1\nnull | 1",
    );
    check(
        "SELECT caps, count(*) AS c FROM tasks GROUP BY caps ORDER BY caps LIMIT 2",
        "caps | c\n{} | 1\n{c++,rust} | 1",
    );
    check(
        "SELECT bucket(5m, time) AS b, type, count(*) AS n FROM events WHERE time > ago(7d) GROUP BY b, type ORDER BY b",
        "b | type | n
         2026-01-19T12:00:00Z | 'RunFailed' | 1
         2026-01-19T12:00:00Z | 'TaskUpdated' | 4
         2026-01-19T12:05:00Z | 'RunFailed' | 2
         2026-01-19T12:05:00Z | 'TaskUpdated' | 3
         2026-01-19T12:10:00Z | 'RunFailed' | 1
         2026-01-19T12:10:00Z | 'TaskUpdated' | 1",
    );
    check(
        "SELECT CASE WHEN count(*) = 0 THEN null ELSE 10 / count(*) END AS x FROM tasks WHERE id = 'none'",
        "x\nnull",
    );
    check("SELECT count(*) * 2 + sum(priority) AS x FROM tasks", "x\n7");
}

#[test]
fn order_by() {
    check("SELECT id FROM tasks ORDER BY priority DESC, id DESC", "id\n'a'\n'd'\n'b'\n'c'");
    // The default order settles ties.
    check("SELECT id FROM tasks ORDER BY priority DESC", "id\n'a'\n'b'\n'd'\n'c'");
    check("SELECT id FROM tasks ORDER BY due_at", "id\n'a'\n'b'\n'c'\n'd'");
    check("SELECT id FROM tasks ORDER BY due_at DESC", "id\n'b'\n'c'\n'd'\n'a'");
    check("SELECT id FROM tasks ORDER BY due_at NULLS FIRST", "id\n'b'\n'c'\n'd'\n'a'");
    check("SELECT id FROM tasks ORDER BY due_at DESC NULLS LAST", "id\n'a'\n'b'\n'c'\n'd'");
    // An alias comes before a column of that name.
    check("SELECT id AS priority FROM tasks ORDER BY priority", "priority\n'a'\n'b'\n'c'\n'd'");
    check("SELECT id FROM tasks ORDER BY metadata.n", "id\n'a'\n'c'\n'b'\n'd'");
    check("SELECT id FROM tasks ORDER BY -priority", "id\n'a'\n'b'\n'd'\n'c'");
    check("SELECT id FROM tasks ORDER BY caps DESC", "id\n'c'\n'a'\n'd'\n'b'");
}

#[test]
fn limit_and_offset() {
    check("SELECT id FROM tasks LIMIT 2", "id\n'a'\n'b'");
    check("SELECT id FROM tasks LIMIT 2 OFFSET 3", "id\n'd'");
    check("SELECT id FROM tasks OFFSET 3", "id\n'd'");
    check("SELECT id FROM tasks LIMIT 0", "id");
    check_with("SELECT id FROM tasks LIMIT $1 OFFSET $2", &json!([1, 1]), "id\n'b'");
}

#[test]
fn distinct() {
    check("SELECT DISTINCT status FROM tasks", "status\n'blocked'\n'completed'\n'open'");
    check("SELECT DISTINCT status FROM tasks ORDER BY status DESC LIMIT 1", "status\n'open'");
    check("SELECT DISTINCT metadata.deep FROM tasks", "metadata.deep\njson {\"k\":[10,{\"x\":true}]}\nnull");
    check("SELECT DISTINCT data.who AS w FROM events WHERE position IN (2,4,5)", "w\njson 5\njson \"even\"");
}

#[test]
fn joins() {
    check(
        "SELECT t.id, b.id AS blocker FROM tasks t JOIN relationships r ON r.to_task_id = t.id AND r.type = 'blocks' \
         JOIN tasks b ON b.id = r.from_task_id WHERE t.status = 'blocked'",
        "t.id | blocker\n'd' | 'a'\n'd' | 'b'",
    );
    check(
        "SELECT t.id, r.id FROM tasks t LEFT JOIN relationships r ON r.to_task_id = t.id",
        "t.id | r.id\n'a' | null\n'b' | null\n'c' | 'r3'\n'd' | 'r1'\n'd' | 'r2'",
    );
    check(
        "SELECT t.id, e.position FROM tasks t JOIN events e ON e.data.duration_ms = t.attempts * 10",
        "t.id | e.position\n'b' | 1\n'c' | 3",
    );
    check(
        "SELECT a.id, b.id FROM tasks a JOIN tasks b ON a.priority < b.priority AND b.id = 'a'",
        "a.id | b.id\n'b' | 'a'\n'c' | 'a'\n'd' | 'a'",
    );
}

#[test]
fn with_and_sub_selects_in_from() {
    check(
        "WITH o AS (SELECT id, priority FROM tasks WHERE status = 'open'), p AS (SELECT id FROM o WHERE priority < 0) \
         SELECT p.id, o.priority FROM p JOIN o ON o.id = p.id",
        "p.id | o.priority\n'c' | -2",
    );
    check("SELECT x.id FROM (SELECT id FROM tasks ORDER BY priority) x", "x.id\n'c'\n'b'\n'd'\n'a'");
    check(
        "SELECT id FROM (SELECT id, priority FROM tasks ORDER BY priority LIMIT 2) x ORDER BY id",
        "id\n'b'\n'c'",
    );
    check(
        "SELECT s, n FROM (SELECT status AS s, count(*) AS n FROM tasks GROUP BY s) g WHERE n > 1",
        "s | n\n'open' | 2",
    );
    check(
        "SELECT * FROM (SELECT DISTINCT metadata.n AS n FROM tasks) g",
        "n\njson 1\njson 2.5\njson \"1\"\nnull",
    );
    check(
        "SELECT n.a FROM (SELECT metadata AS n FROM tasks WHERE id = 'a') q JOIN (SELECT id AS a FROM tasks) n ON n.a = 'b'",
        "n.a\n'b'",
    );
}

#[test]
fn in_and_exists_with_selects() {
    check(
        "SELECT id FROM tasks WHERE id IN (SELECT to_task_id FROM relationships WHERE type = 'blocks')",
        "id\n'd'",
    );
    check("SELECT id FROM tasks WHERE id NOT IN (SELECT to_task_id FROM relationships)", "id\n'a'\n'b'");
    // A null in the list: nothing is known not to be in it.
    check("SELECT id FROM tasks WHERE id NOT IN (SELECT from_task_id FROM relationships)", "id");
    check(
        "SELECT id FROM tasks WHERE id = 'a' OR id NOT IN (SELECT from_task_id FROM relationships)",
        "id\n'a'",
    );
    check(
        "SELECT id FROM tasks WHERE id = 'b' OR id NOT IN (SELECT from_task_id FROM relationships WHERE id < 'r4')",
        "id\n'b'\n'c'\n'd'",
    );
    check(
        "SELECT id FROM tasks WHERE NOT (id = 'c' OR id IN (SELECT from_task_id FROM relationships WHERE id < 'r4'))",
        "id\n'd'",
    );
    check("SELECT id FROM tasks WHERE owner_agent_id NOT IN (SELECT id FROM relationships)", "id\n'a'");
    check(
        "SELECT id FROM tasks WHERE owner_agent_id NOT IN (SELECT id FROM relationships WHERE false)",
        "id\n'a'\n'b'\n'c'\n'd'",
    );
    check(
        "SELECT id FROM tasks WHERE EXISTS (SELECT id FROM relationships WHERE type = 'blocks')",
        "id\n'a'\n'b'\n'c'\n'd'",
    );
    check("SELECT id FROM tasks WHERE NOT EXISTS (SELECT id FROM relationships WHERE type = 'blocks')", "id");
    check(
        "SELECT id FROM tasks t WHERE EXISTS (SELECT r.id FROM relationships r WHERE r.to_task_id = t.id)",
        "id\n'c'\n'd'",
    );
    check(
        "SELECT id FROM tasks t WHERE id = 'a' OR NOT EXISTS (SELECT r.id FROM relationships r WHERE r.to_task_id = t.id)",
        "id\n'a'\n'b'",
    );
    check(
        "SELECT id FROM tasks t WHERE id IN (SELECT r.to_task_id FROM relationships r WHERE r.from_task_id = 'a' AND t.priority = 0)",
        "id\n'd'",
    );
    check(
        "SELECT id FROM tasks t WHERE id NOT IN (SELECT r.to_task_id FROM relationships r WHERE t.priority = 0)",
        "id\n'a'\n'b'\n'c'",
    );
    check(
        "SELECT id FROM tasks WHERE metadata.s IN (SELECT metadata.s FROM tasks WHERE id < 'b')",
        "id\n'a'",
    );
    check("SELECT id FROM tasks WHERE id IN (SELECT id FROM tasks ORDER BY priority LIMIT 1)", "id\n'c'");
    check(
        "SELECT status FROM tasks GROUP BY status HAVING status IN (SELECT 'open' AS s FROM tasks)",
        "status\n'open'",
    );
}

#[test]
fn next_task_comes_best_first() {
    check("SELECT id, score FROM next_task", "id | score\n'n2' | 1.0\n'n3' | 9.5\n'n1' | 9.0");
    let first = super::answer("SELECT next_task WHERE caps ⊆ {rust, sql}", &serde_json::Value::Null);
    assert!(first.lines().nth(1).unwrap().starts_with("'n2' |"), "{first}");
    assert_eq!(first.lines().count(), 2);
    let all = super::answer(
        "SELECT next_task FOR 'agent-7' WHERE class != 'critical' LIMIT 9",
        &serde_json::Value::Null,
    );
    assert_eq!(all.lines().count(), 3, "{all}");
}

#[test]
fn claims() {
    check_with(
        "CLAIM next_task FOR 'agent-7' WHERE project_id = 'p1' AND caps <@ $caps LEASE 15m",
        &json!({"caps": ["rust"]}),
        "agent-7 Some(900000) 1",
    );
    check("CLAIM next_task FOR 'x' LIMIT 5", "x None 5");
    check(
        "CLAIM next_task FOR 'x' LEASE 1ms LIMIT 500",
        "not_allowed «1ms» a lease lasts from 1s to 24h\nnot_allowed «500» a claim takes from 1 to 100 tasks",
    );
    check(
        "CLAIM next_task FOR 'x' WHERE created_at < now()",
        "not_allowed «now()» a row predicate does not know the time: it means the same whenever it is asked (pass the moment as a parameter)",
    );
    check(
        "CLAIM next_task FOR 'x' WHERE count(*) > 1",
        "not_allowed «count(*)» the aggregate `count` cannot stand in a row predicate",
    );
    check(
        "CLAIM next_task FOR 'x' WHERE id IN (SELECT id FROM tasks)",
        "not_allowed «id IN (SELECT id FROM tasks)» a row predicate looks at one row: it cannot hold a sub-select",
    );
}

#[test]
fn subscriptions() {
    check(
        "SUBSCRIBE events WHERE type IN ('TaskStatusChanged','LeaseExpired') AND tags ⊇ {'project:p1'} AFTER POSITION 1200",
        "After(Position(1200)) types Some({\"LeaseExpired\", \"TaskStatusChanged\"}) streams None tags {\"project:p1\"}",
    );
    check("SUBSCRIBE events", "Now types None streams None tags {}");
    check(
        "SUBSCRIBE events WHERE stream = 's' AND 'x' IN tags FROM START",
        "Beginning types None streams Some({\"s\"}) tags {\"x\"}",
    );
    check("SUBSCRIBE events WHERE type = 'a' OR stream = 's'", "Now types None streams None tags {}");
}

#[test]
fn subscriptions_to_rows() {
    check(
        "SUBSCRIBE (SELECT id, title AS t, upper(status) FROM tasks WHERE priority > 1) WHERE t <> '' AFTER POSITION 7",
        "After(Position(7)) id | t | upper(status)",
    );
    check(
        "SUBSCRIBE (SELECT status, count(*) AS n FROM tasks GROUP BY status HAVING count(*) > 1) FROM START",
        "Beginning status | n",
    );
    check("SUBSCRIBE relationships", "Now id | from_task_id | to_task_id | type | metadata | created_at");
}

#[test]
fn what_cannot_be_kept_up_is_refused_with_the_reason() {
    for (subscribed, place, why) in [
        ("tasks WHERE score > 1", "score", "`score` changes with time alone: no event tells of it"),
        (
            "(SELECT id, dependency_depth FROM tasks)",
            "dependency_depth",
            "`dependency_depth` changes with tasks far away: no event of this one tells of it",
        ),
        ("(SELECT max(score) FROM tasks)", "score", "`score` changes with time alone: no event tells of it"),
        ("tasks WHERE due_at < now()", "now()", "a row predicate does not know the time"),
        (
            "(SELECT id, age(created_at) AS a FROM tasks)",
            "age(created_at)",
            "a row predicate does not know the time",
        ),
        ("(SELECT id FROM tasks ORDER BY id)", "id", "the rows of a subscription have no order"),
        ("(SELECT id FROM tasks LIMIT 5)", "5", "LIMIT is not kept up"),
        ("(SELECT id FROM tasks OFFSET 5)", "5", "OFFSET is not kept up"),
        ("(SELECT t.id FROM tasks t JOIN runs r ON r.task_id = t.id)", "runs r", "a join is not kept up"),
        (
            "(SELECT id FROM (SELECT id FROM tasks) AS t)",
            "(SELECT id FROM tasks) AS t",
            "a subscription is to a table",
        ),
        ("(SELECT id FROM tasks WHERE id IN (SELECT task_id FROM runs))", "", "it cannot hold a sub-select"),
        ("(SELECT id FROM tasks WHERE EXISTS (SELECT id FROM runs))", "", "it cannot hold a sub-select"),
        ("tasks WHERE id IN (SELECT task_id FROM runs)", "", "it cannot hold a sub-select"),
        ("(SELECT id FROM tasks AS OF POSITION 3)", "", "AS OF speaks of the past"),
        ("(SELECT id FROM tasks HISTORY)", "HISTORY", "HISTORY speaks of the past"),
        ("(SELECT type, count(*) FROM events GROUP BY type)", "events", "events only come"),
        ("snapshots", "snapshots", "`snapshots` tells of the server itself"),
        (
            "(SELECT id FROM schema_migrations)",
            "schema_migrations",
            "`schema_migrations` tells of the server itself",
        ),
        ("(SELECT DISTINCT count(*) FROM tasks GROUP BY status)", "", "DISTINCT over groups is not kept up"),
        (
            "(SELECT class, count(*) FROM next_task GROUP BY class)",
            "next_task",
            "task by task, not in groups",
        ),
    ] {
        let statement = format!("SUBSCRIBE {subscribed}");
        let found = super::answer(&statement, &serde_json::Value::Null);
        let code = format!("not_allowed «{place}");
        assert!(found.starts_with(&code) && found.contains(why), "{statement}: {found}");
    }
}

#[test]
fn tables_and_columns_are_described() {
    let tables = super::answer("SHOW TABLES", &serde_json::Value::Null);
    assert!(tables.starts_with("table | description\n'agents' | "), "{tables}");
    let columns = super::answer("DESCRIBE events", &serde_json::Value::Null);
    assert!(columns.starts_with("column | type | description\n'position' | 'int' | "), "{columns}");
    check("DESCRIBE event", "unknown_table «event» no table `event` (did you mean `events`?)");
}

#[test]
fn what_comes_later_is_refused_plainly() {
    check(
        "CREATE PROJECTION p AS SELECT type FROM events",
        "not_allowed «CREATE PROJECTION p AS SELECT type FROM events» CREATE PROJECTION is not part of this version",
    );
    check("DROP PROJECTION p", "not_allowed «DROP PROJECTION p» DROP PROJECTION is not part of this version");
}
