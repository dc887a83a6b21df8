//! EXPLAIN in words, and with ANALYZE what each step cost.

use super::fixture::{Fixture, create};
use serde_json::{Value, json};

fn explained(fixture: &Fixture, pql: &str) -> Vec<Value> {
    fixture.query(pql).iter().map(|row| serde_json::from_str(row).unwrap()).collect()
}

/// The lines that a person sees.
fn lines(fixture: &Fixture, pql: &str) -> String {
    let rows = explained(fixture, pql);
    rows.iter().map(|row| format!("{}\n", row["step"].as_str().unwrap())).collect()
}

fn populated() -> Fixture {
    let fixture = Fixture::new();
    fixture.story();
    for nth in 0..20 {
        fixture.run(create(&format!("n{nth}"), |task| {
            task.parent_id = (nth > 0).then(|| "n0".into());
            task.priority = Some(nth % 5);
        }));
    }
    fixture
}

#[test]
fn a_line_a_step_in_words() {
    let fixture = populated();
    let head = fixture.head();
    let check = |pql: &str, expected: &str| {
        let expected = expected.replace("HEAD", &head.to_string());
        assert_eq!(lines(&fixture, &format!("EXPLAIN {pql}")), expected, "{pql}");
    };
    check(
        "SELECT status, count(*) AS n FROM tasks WHERE priority > 1 AND caps ⊆ {rust} GROUP BY status ORDER BY n DESC LIMIT 3",
        "give status, count(*) AS n\n  sort by count(*) DESC, status, the first 3\n    group by status: count(*)\n      \
         keep rows where priority > 1 AND caps ⊆ {rust}\n        read tasks at HEAD\n",
    );
    check(
        "SELECT t.id, r.type FROM tasks t JOIN relationships r ON r.to_task_id = t.id",
        "give t.id, r.type\n  join on to_task_id = id, one side in memory\n    read relationships at HEAD\n    read tasks at HEAD\n",
    );
    check(
        "SELECT id, title FROM tasks WHERE parent_id = 'n0' AND lower(title) LIKE '%1' ORDER BY priority DESC, lower(title) LIMIT 2",
        "give id, title\n  take at most 2\n    sort by priority DESC, lower(title), id\n      \
         keep rows where parent_id = 'n0' AND lower(title) LIKE '%1'\n        look up tasks by parent_id = 'n0'\n",
    );
    check(
        "SELECT id FROM tasks WHERE id IN ('t1', 't''2')",
        "give id\n  keep rows where id IN ('t1', 't''2')\n    look up tasks by its key id IN ('t''2', 't1')\n",
    );
    check(
        "SELECT id, 10 / (priority + 1) AS x FROM tasks WHERE 6 / (priority - 9) < 0 OFFSET 2",
        "give id, 10 / (priority + 1) AS x\n  take all but the first 2\n    keep rows where 6 / (priority - 9) < 0\n      \
         give id, priority\n        read tasks at HEAD\n",
    );
}

#[test]
fn what_each_step_cost() {
    let fixture = populated();
    let pql =
        "EXPLAIN ANALYZE SELECT parent_id, count(*) AS n FROM tasks WHERE priority >= 2 GROUP BY parent_id";
    let steps = explained(&fixture, pql);
    let operations: Vec<&str> = steps.iter().map(|step| step["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["give", "sort", "group", "keep", "read"]);
    let depths: Vec<u64> = steps.iter().map(|step| step["depth"].as_u64().unwrap()).collect();
    assert_eq!(depths, [0, 1, 2, 3, 4]);
    let rows = |pql: &str| fixture.query(pql).len() as u64;
    let counted: Vec<u64> = steps.iter().map(|step| step["rows"].as_u64().unwrap()).collect();
    let groups = rows("SELECT parent_id FROM tasks WHERE priority >= 2 GROUP BY parent_id");
    let kept = rows("SELECT id FROM tasks WHERE priority >= 2 AND true");
    assert_eq!(counted, [groups, groups, groups, kept, rows("SELECT id FROM tasks")]);
    assert_eq!(steps[4]["of_rows"], steps[4]["rows"]);
    assert!(steps.iter().all(|step| step["time_us"].is_u64()), "{steps:?}");
    assert!(steps[4]["bytes"].as_u64().unwrap() > 0, "{steps:?}");

    let looked_up =
        explained(&fixture, "EXPLAIN ANALYZE SELECT id FROM tasks WHERE parent_id = 'n0' AND priority = 4");
    let counted: Vec<&Value> = looked_up.iter().map(|step| &step["rows"]).collect();
    assert_eq!(counted, [&json!(4), &json!(null), &json!(19)]);
    assert_eq!(looked_up[2]["of_rows"], fixture.query("SELECT id FROM tasks").len());
    let by_type = explained(&fixture, "EXPLAIN ANALYZE SELECT position FROM events WHERE type = 'Noted'");
    let read = by_type.last().unwrap();
    assert_eq!((&read["rows"], &read["of_rows"]), (&json!(1), &json!(fixture.head().0)));
    // Without ANALYZE nothing is counted, so nothing is said of it.
    assert_eq!(explained(&fixture, "EXPLAIN SELECT id FROM tasks")[0].as_object().unwrap().len(), 3);
}
