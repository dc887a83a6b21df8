//! Statements, one or more of each kind, and every code of the language.

use crate::row::{HTTP, Row};
use agentpm_tests::client::escape;
use serde_json::json;

/// Codes that no bad input may or can cheaply lead to, and the file beside the code that shows each.
pub(crate) const BESIDE: &[(&str, &str)] = &[
    ("time_limit", "query/src/test/limits.rs"),
    ("memory_limit", "query/src/test/limits.rs"),
    ("ERR_INTERNAL", "server/src/error/test.rs"),
];

pub(crate) fn rows() -> Vec<Row> {
    let with = |pql: &str, params| Row::call("POST", "/query", json!({ "pql": pql, "params": params }));
    let subscribe = |pql: &str| {
        let frame = json!({ "op": "subscribe", "sub": "refused", "pql": pql });
        let sse = Row::call("GET", format!("/subscribe?pql={}", escape(pql)), json!(null)).through(HTTP);
        [Row::frame(frame), sse]
    };
    let mut rows = vec![
        // SELECT
        Row::statement("SELEKT id FROM tasks").pql("syntax", 1, 1).says("did you mean SELECT"),
        Row::statement("").is(400, "ERR_PQL"),
        Row::statement(";").is(400, "ERR_PQL"),
        Row::statement("-- nothing").is(400, "ERR_PQL"),
        Row::statement("SELECT id FROM tasks; SELECT id FROM tasks").pql("syntax", 1, 23),
        Row::statement("SELECT id FROM tasks WHERE statsu = 'open'")
            .pql("unknown_column", 1, 28)
            .says("status"),
        Row::statement("SELECT id\nFROM taks").pql("unknown_table", 2, 6).says("tasks"),
        Row::statement("SELECT lenght(title) FROM tasks").pql("unknown_function", 1, 8),
        Row::statement("SELECT lower(title, id) FROM tasks").pql("wrong_argument_count", 1, 8),
        Row::statement("SELECT id FROM tasks a JOIN tasks b ON a.id = b.parent_id").pql(
            "ambiguous_column",
            1,
            8,
        ),
        Row::statement("SELECT id FROM tasks WHERE priority = 'high'").pql("type_mismatch", 1, 28),
        Row::statement("SELECT title, count(*) AS n FROM tasks GROUP BY status").pql("not_grouped", 1, 8),
        Row::statement("SELECT id FROM tasks WHERE id = $missing").pql("unbound_parameter", 1, 33),
        with("SELECT id FROM tasks", json!({ "unused": 1 })).is(400, "ERR_PQL").says("unused_parameter"),
        with("SELECT id FROM tasks", json!(7)).invalid(&["/params"]),
        with("SELECT id FROM tasks WHERE id = $1", json!([{ "an": "object" }])).invalid(&["/params"]),
        with("SELECT id FROM tasks WHERE priority = $1", json!([18_446_744_073_709_551_615_u64]))
            .invalid(&["/params"]),
        Row::statement("SELECT id FROM tasks AS OF POSITION 999999").pql("moment_after_head", 1, 28),
        Row::statement("SELECT id FROM tasks AS OF '2999-01-01T00:00:00Z'")
            .is(400, "ERR_PQL")
            .says("moment_after_head"),
        Row::statement("SELECT id FROM tasks AS OF EVENT '01ARZ3NDEKTSV4RRFFQ69G5FAV'")
            .is(400, "ERR_PQL")
            .says("moment_after_head"),
        Row::statement("SELECT 1 / (priority - priority) FROM tasks")
            .is(400, "ERR_PQL")
            .says("division_by_zero"),
        Row::statement("SELECT CAST(title AS int) FROM tasks").is(400, "ERR_PQL").says("cast_failed"),
        Row::statement("SELECT priority + 9223372036854775807 + 1 FROM tasks")
            .is(400, "ERR_PQL")
            .says("overflow"),
        Row::statement("SELECT 99999999999999999999 FROM tasks").is(400, "ERR_PQL"),
        Row::statement(&format!("SELECT {}1{} FROM tasks", "(".repeat(300), ")".repeat(300)))
            .is(400, "ERR_PQL")
            .says("too_complex"),
        Row::statement(&format!("SELECT '{}' FROM tasks", "x".repeat(65_536)))
            .is(400, "ERR_PQL")
            .says("too_complex"),
        Row::statement("SELECT a.position FROM events a JOIN events b ON a.position > 0 AND b.position > 0")
            .is(400, "ERR_PQL")
            .says("row_limit"),
        Row::statement("SELECT id FROM tasks HISTORY AS OF POSITION 0").pql("syntax", 1, 22),
        Row::statement("SELECT id FROM tasks WHERE title MATCHES '('").is(400, "ERR_PQL"),
        Row::statement("SELECT id FROM tasks LIMIT -1").is(400, "ERR_PQL"),
        // SELECT next_task
        Row::statement("SELECT next_task FOR").is(400, "ERR_PQL"),
        Row::statement("SELECT next_task WHERE statsu = 'open'").pql("unknown_column", 1, 24),
        Row::statement("SELECT next_task LIMIT 'x'").is(400, "ERR_PQL"),
        // CLAIM
        Row::statement("CLAIM next_task").is(400, "ERR_PQL").says("syntax"),
        Row::statement("CLAIM tasks FOR 'a1'").is(400, "ERR_PQL").says("syntax"),
        Row::statement("CLAIM next_task FOR 'a1' WHERE statsu = 'open'").pql("unknown_column", 1, 32),
        Row::statement("CLAIM next_task FOR 'a1' LEASE 5").is(400, "ERR_PQL").says("syntax"),
        Row::statement("CLAIM next_task FOR 'a1' WHERE EXISTS (SELECT id FROM runs)").is(400, "ERR_PQL"),
        Row::statement("CLAIM next_task FOR 'a1' WHERE 1 / (priority - priority) = 1").is(400, "ERR_PQL"),
        Row::statement("CLAIM next_task FOR 'a1'")
            .header("accept", "text/csv")
            .through(HTTP)
            .is(406, "ERR_VALIDATION"),
        // EXPLAIN, SHOW, DESCRIBE
        Row::statement("EXPLAIN SELECT statsu FROM tasks").pql("unknown_column", 1, 16),
        Row::statement("EXPLAIN ANALYZE SELECT id FROM taks").is(400, "ERR_PQL").says("unknown_table"),
        Row::statement("EXPLAIN next_task FOR 'a1' WHERE statsu = 'open'")
            .is(400, "ERR_PQL")
            .says("unknown_column"),
        Row::statement("SHOW").is(400, "ERR_PQL").says("syntax"),
        Row::statement("SHOW TABLES FROM x").is(400, "ERR_PQL").says("syntax"),
        Row::statement("DESCRIBE taks").pql("unknown_table", 1, 10).says("did you mean `tasks`"),
        // SUBSCRIBE has doors of its own, and none of the others.
        Row::statement("SUBSCRIBE events").pql("not_allowed", 1, 1).says("/ws"),
        Row::statement("CREATE PROJECTION p").is(400, "ERR_PQL").says("syntax"),
        Row::statement("DROP PROJECTION").is(400, "ERR_PQL").says("syntax"),
        // The route itself.
        Row::call("POST", "/query", json!({})).invalid(&["/pql"]),
        Row::call("POST", "/query", json!({ "pql": 7 })).invalid(&["/pql"]),
        Row::call("POST", "/query", json!({ "pql": "SHOW TABLES", "parms": [] }))
            .invalid(&["/parms"])
            .says("params"),
        Row::statement("SHOW TABLES")
            .header("accept", "application/pdf")
            .through(HTTP)
            .is(406, "ERR_VALIDATION"),
        Row::call("POST", "/tasks/claim", json!({ "agent_id": "a1", "where": "statsu = 1" })).pql(
            "unknown_column",
            1,
            1,
        ),
        Row::call("POST", "/tasks/claim", json!({ "agent_id": "a1", "params": [1] })).invalid(&["/params"]),
        // The command line draws the place.
        Row::cli(&["query", "SELECT statsu FROM tasks"]).is(8, "ERR_PQL").says("^^^^^^").says("status"),
        Row::cli(&["query", "SUBSCRIBE events"]).is(8, "ERR_PQL"),
        Row::cli(&["task", "get", "none"]).is(3, "ERR_NOT_FOUND").says("none"),
        Row::cli(&["task", "transition", "t1", "--status", "completed", "--override"])
            .is(4, "ERR_INVALID_STATE"),
        Row::cli(&["no-such-command"]).is(2, ""),
    ];
    for (pql, code, column) in [
        ("SUBSCRIBE", "syntax", 10),
        ("SUBSCRIBE evnts", "unknown_table", 11),
        ("SUBSCRIBE events WHERE colour = 'red'", "unknown_column", 24),
        ("SUBSCRIBE events WHERE now() > time", "not_allowed", 24),
        ("SUBSCRIBE events WHERE count(*) > 1", "not_allowed", 24),
        ("SUBSCRIBE events WHERE EXISTS (SELECT id FROM tasks)", "not_allowed", 24),
        ("SUBSCRIBE events WHERE type = $1", "unbound_parameter", 31),
        ("SUBSCRIBE events AFTER POSITION -1", "syntax", 33),
        // Rows that cannot be kept up.
        ("SUBSCRIBE tasks WHERE score > 1", "not_allowed", 23),
        ("SUBSCRIBE tasks WHERE dependency_depth > 1", "not_allowed", 23),
        ("SUBSCRIBE tasks WHERE due_at < now()", "not_allowed", 32),
        ("SUBSCRIBE tasks WHERE id IN (SELECT task_id FROM runs)", "not_allowed", 23),
        ("SUBSCRIBE tasks WHERE statsu = 'open'", "unknown_column", 23),
        ("SUBSCRIBE taks", "unknown_table", 11),
        ("SUBSCRIBE tasks AFTER POSITION 9000000000", "moment_after_head", 1),
        ("SUBSCRIBE snapshots", "not_allowed", 11),
        ("SUBSCRIBE (SELECT * FROM tasks)", "not_allowed", 19),
        ("SUBSCRIBE (SELECT id FROM tasks ORDER BY id)", "not_allowed", 42),
        ("SUBSCRIBE (SELECT id FROM tasks LIMIT 5)", "not_allowed", 39),
        ("SUBSCRIBE (SELECT id FROM tasks OFFSET 5)", "not_allowed", 40),
        ("SUBSCRIBE (SELECT id FROM tasks AS OF POSITION 1)", "not_allowed", 39),
        ("SUBSCRIBE (SELECT id FROM tasks HISTORY)", "not_allowed", 33),
        ("SUBSCRIBE (SELECT t.id FROM tasks t JOIN runs r ON r.task_id = t.id)", "not_allowed", 42),
        ("SUBSCRIBE (SELECT id FROM (SELECT id FROM tasks) AS t)", "not_allowed", 27),
        ("SUBSCRIBE (SELECT id FROM tasks WHERE EXISTS (SELECT id FROM runs))", "not_allowed", 39),
        ("SUBSCRIBE (SELECT type FROM events)", "not_allowed", 29),
        ("SUBSCRIBE (SELECT class, count(*) AS n FROM next_task GROUP BY class)", "not_allowed", 45),
        ("SUBSCRIBE (SELECT DISTINCT count(*) FROM tasks GROUP BY status)", "not_allowed", 12),
        ("SELECT id FROM tasks", "not_allowed", 1),
        ("CLAIM next_task FOR 'a1'", "not_allowed", 1),
    ] {
        rows.extend(subscribe(pql).map(|row| row.pql(code, 1, column)));
    }
    rows
}
