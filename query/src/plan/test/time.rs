//! AS OF, HISTORY and now().

use super::check;

#[test]
fn one_moment_for_the_whole_statement() {
    check(
        "SELECT status, count(*) AS n FROM tasks GROUP BY status ORDER BY n DESC AS OF '2025-12-01T00:00:00Z'",
        "status | n\n'open' | 2",
    );
    check(
        "SELECT id FROM tasks WHERE id IN (SELECT id FROM tasks WHERE status = 'completed') AS OF POSITION 3",
        "id",
    );
    check("SELECT id FROM tasks AS OF POSITION 3", "id\n'a'\n'b'");
    check("SELECT now() AS n FROM tasks LIMIT 1 AS OF '2026-01-19T12:00:00Z'", "n\n2026-01-19T12:00:00Z");
    check("SELECT now() AS n FROM tasks AS OF '2026-01-19T12:00:00Z' LIMIT 1", "n\n2026-01-19T12:00:00Z");
    check("SELECT id FROM tasks LIMIT 1 AS OF now()", "id\n'a'");
}

#[test]
fn a_moment_for_one_table() {
    check(
        "SELECT n.status AS now, o.status AS was, count(*) AS n FROM tasks n LEFT JOIN tasks AS OF 24h AGO o ON o.id = n.id GROUP BY now, was",
        "now | was | n\n'blocked' | null | 1\n'completed' | 'open' | 1\n'open' | 'open' | 1\n'open' | null | 1",
    );
}

#[test]
fn history() {
    check(
        "SELECT id, status, valid_from, valid_to, actor FROM tasks HISTORY WHERE id = 'a' ORDER BY valid_from",
        "id | status | valid_from | valid_to | actor
         'a' | 'open' | 2026-01-19T12:01:00Z | 2026-01-19T12:05:00Z | 'x'
         'a' | 'completed' | 2026-01-19T12:05:00Z | null | 'y'",
    );
}

#[test]
fn moments_that_cannot_be() {
    check(
        "SELECT id FROM tasks WHERE id = 'a' AS OF POSITION 13",
        "moment_after_head «POSITION 13» the log ends at position 12",
    );
    check(
        "SELECT t.id FROM tasks t JOIN tasks AS OF POSITION 13 o ON o.id = t.id",
        "moment_after_head «POSITION 13» the log ends at position 12",
    );
    check(
        "SELECT t.id FROM tasks AS OF POSITION 3 t WHERE t.id = 'a' AS OF POSITION 4",
        "syntax «AS OF POSITION 3» the statement has an AS OF for all its tables, so this one can have none of its own (drop this one, or give every table its own and drop the last)",
    );
    check(
        "SELECT t.id FROM tasks HISTORY t WHERE t.id = 'a' AS OF POSITION 4",
        "syntax «HISTORY» the statement has an AS OF for all its tables, so this one can have none of its own (drop this one, or give every table its own and drop the last)",
    );
    check(
        "SELECT id FROM events HISTORY",
        "not_allowed «HISTORY» `events` has no HISTORY (events never change: every one is there)",
    );
    check(
        "SELECT id FROM next_task HISTORY",
        "not_allowed «HISTORY» `next_task` has no HISTORY (ask for the offer of a moment: next_task AS OF …)",
    );
    check(
        "WITH w AS (SELECT id FROM tasks) SELECT id FROM w AS OF POSITION 3",
        "not_allowed «POSITION 3» `w` is a WITH name: AS OF and HISTORY belong to tables",
    );
}

#[test]
fn an_answer_says_of_which_moment_it_is() {
    let position = |text: &str| {
        let parsed = grammar::parse(text).unwrap();
        match super::super::statement(&parsed, text, &super::World, &crate::Params::none()) {
            Ok(super::Command::Query(planned)) => planned.at.position.0,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(position("SELECT id FROM tasks"), 12);
    assert_eq!(position("SELECT id FROM tasks WHERE true AS OF POSITION 3"), 3);
    assert_eq!(position("SELECT id FROM tasks AS OF POSITION 3 WHERE true"), 3);
    assert_eq!(position("SELECT a.id FROM tasks AS OF POSITION 3 a JOIN tasks b ON a.id = b.id"), 12);
    assert_eq!(position("SELECT next_task AS OF POSITION 5"), 5);
}
