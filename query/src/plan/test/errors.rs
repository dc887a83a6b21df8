use super::{check, check_with};
use serde_json::json;

#[test]
fn names() {
    check(
        "SELECT id FROM tasks WHERE statsu = 'open'",
        "unknown_column «statsu» no column `statsu` in `tasks` (did you mean `status`?)",
    );
    check("SELECT id FROM task", "unknown_table «task» no table `task` (did you mean `tasks`?)");
    check(
        "SELECT t.ttle FROM tasks t",
        "unknown_column «ttle» no column `ttle` in `t` (did you mean `title`?)",
    );
    check(
        "SELECT x.id FROM tasks t",
        "unknown_column «x» no source or column is called `x` (the sources are t)",
    );
    check(
        "SELECT id FROM tasks t JOIN relationships r ON r.to_task_id = t.id",
        "ambiguous_column «id» `id` is a column of more than one source (write t.id or r.id)",
    );
    check(
        "SELECT t.id FROM tasks t JOIN tasks t ON t.id = t.id",
        "ambiguous_column «t» two sources are called `t` (give each a name of its own: t AS other)",
    );
    check(
        "SELECT foo FROM tasks t JOIN relationships r ON r.to_task_id = t.id",
        "unknown_column «foo» no column `foo` in `t` or `r`",
    );
    check("SELECT q.* FROM tasks t", "unknown_table «q» no source is called `q` (the sources are t)");
    check(
        "SELECT id FROM (SELECT t.id FROM tasks t) x",
        "unknown_column «id» no column `id` in `x` (the column is named as written; name it where it is selected: t.id AS id)",
    );
    check(
        "SELECT lowr(title) FROM tasks",
        "unknown_function «lowr» no function `lowr` (did you mean `lower`?)",
    );
    check(
        "SELECT mean(priority) FROM tasks",
        "unknown_function «mean» no function `mean` (did you mean `avg`?)",
    );
    check(
        "SELECT t FROM tasks t",
        "unknown_column «t» no column `t` in `t` (`t` is a source; name a column of it: t.id)",
    );
}

#[test]
fn independent_errors_are_told_together() {
    check(
        "SELECT statsu, lowr(title), priority + 'x' FROM tasks WHERE pririty > 1 ORDER BY iddd",
        "unknown_column «statsu» no column `statsu` in `tasks` (did you mean `status`?)
         unknown_function «lowr» no function `lowr` (did you mean `lower`?)
         type_mismatch «priority + 'x'» int + text means nothing (texts are joined with ||)
         unknown_column «pririty» no column `pririty` in `tasks` (did you mean `priority`?)
         unknown_column «iddd» no column `iddd` in `tasks`",
    );
    // What can be told beside a table that is not there, and beside columns that are not grouped.
    check(
        "SELECT r.x, lenght(t.title), y FROM tasks t JOIN relationshps r ON r.y = t.idd WHERE t.caps = 'a'",
        "unknown_function «lenght» no function `lenght` (did you mean `length`?)
         unknown_table «relationshps» no table `relationshps` (did you mean `relationships`?)
         unknown_column «idd» no column `idd` in `t` (did you mean `id`?)
         type_mismatch «t.caps = 'a'» set = text: these two types do not compare (write a set: {a})",
    );
    check(
        "SELECT title, statsu, id || class, count(*) FROM tasks",
        "not_grouped «title» `title` is neither in GROUP BY nor inside an aggregate (add `title` to GROUP BY, or take any(title))
         unknown_column «statsu» no column `statsu` in `tasks` (did you mean `status`?)
         not_grouped «id» `id` is neither in GROUP BY nor inside an aggregate (add `id` to GROUP BY, or take any(id))
         not_grouped «class» `class` is neither in GROUP BY nor inside an aggregate (add `class` to GROUP BY, or take any(class))",
    );
    // What follows from a wrong item is not told again.
    check(
        "SELECT statsu AS s FROM tasks GROUP BY s ORDER BY s",
        "unknown_column «statsu» no column `statsu` in `tasks` (did you mean `status`?)",
    );
}

#[test]
fn arguments() {
    check(
        "SELECT lower() FROM tasks",
        "wrong_argument_count «lower()» `lower` takes one argument, found 0 (write lower(text))",
    );
    check(
        "SELECT substr('a') FROM tasks",
        "wrong_argument_count «substr('a')» `substr` takes 2 or 3 arguments, found 1 (write substr(text, from) or substr(text, from, length))",
    );
    check(
        "SELECT now(1) FROM tasks",
        "wrong_argument_count «now(1)» `now` takes no argument, found 1 (write now())",
    );
    check(
        "SELECT sum(*) FROM tasks",
        "wrong_argument_count «sum(*)» only count takes *, `sum` does not (write sum(number))",
    );
    check(
        "SELECT lower(*) FROM tasks",
        "wrong_argument_count «lower(*)» `lower` does not take *: only aggregates do (write lower(text))",
    );
    check(
        "SELECT quantile(priority) FROM tasks",
        "wrong_argument_count «quantile(priority)» `quantile` takes 2 arguments, found 1 (write quantile(number, 0.95))",
    );
    check(
        "SELECT quantile(priority, 2) FROM tasks",
        "type_mismatch «2» the second argument of `quantile` is a constant from 0 to 1 (write quantile(e, 0.95))",
    );
    check(
        "SELECT id FROM tasks WHERE id IN (SELECT id, status FROM tasks)",
        "wrong_argument_count «SELECT id, status FROM tasks» the select after IN gives one column, this one gives 2",
    );
}

#[test]
fn grouping() {
    check(
        "SELECT id, count(*) FROM tasks",
        "not_grouped «id» `id` is neither in GROUP BY nor inside an aggregate (add `id` to GROUP BY, or take any(id))",
    );
    check(
        "SELECT status, id FROM tasks GROUP BY status",
        "not_grouped «id» `id` is neither in GROUP BY nor inside an aggregate (add `id` to GROUP BY, or take any(id))",
    );
    check(
        "SELECT status FROM tasks GROUP BY status ORDER BY id",
        "not_grouped «id» `id` is neither in GROUP BY nor inside an aggregate (add `id` to GROUP BY, or take any(id))",
    );
    check(
        "SELECT status FROM tasks GROUP BY status HAVING id = 'a'",
        "not_grouped «id» `id` is neither in GROUP BY nor inside an aggregate (add `id` to GROUP BY, or take any(id))",
    );
    check(
        "SELECT id FROM tasks WHERE count(*) > 1",
        "not_allowed «count(*)» the aggregate `count` cannot stand in WHERE (conditions on aggregates belong in HAVING)",
    );
    check(
        "SELECT sum(count(*)) FROM tasks",
        "not_allowed «count(*)» the aggregate `count` cannot stand in another aggregate",
    );
    check(
        "SELECT count(*) AS n FROM tasks GROUP BY n",
        "not_allowed «n» `n` stands for an aggregate, and aggregates cannot stand in GROUP BY",
    );
    check(
        "SELECT status FROM tasks GROUP BY 1",
        "not_allowed «1» GROUP BY takes expressions; a constant is the same for every row (write the name of the column)",
    );
    check(
        "SELECT status FROM tasks ORDER BY 1",
        "not_allowed «1» ORDER BY takes expressions; a constant is the same for every row (write the name of the column)",
    );
    check(
        "SELECT DISTINCT status FROM tasks ORDER BY id",
        "not_allowed «id» with DISTINCT, rows can be ordered only by what is selected",
    );
}

#[test]
fn parameters() {
    check_with("SELECT id FROM tasks WHERE status = $sttus", &json!({"status": "open"}), "unbound_parameter «$sttus» no value was given for `$sttus` (did you mean `$status`?)
         unused_parameter «SELECT id FROM tasks WHERE status = $sttus» a value was given for `$status`, which the statement does not use");
    check(
        "SELECT id FROM tasks LIMIT $1",
        "unbound_parameter «$1» no value was given for `$1` (give it in `params`: [..] for $1, {..} for $name)",
    );
    check_with(
        "SELECT id FROM tasks LIMIT $1",
        &json!([-1]),
        "type_mismatch «$1» LIMIT takes a whole number from 0, found -1",
    );
    check_with(
        "SELECT id FROM tasks LIMIT $1",
        &json!(["x"]),
        "type_mismatch «$1» LIMIT takes a whole number from 0, found text",
    );
    check_with(
        "SELECT id FROM tasks",
        &json!({"x": 1}),
        "unused_parameter «SELECT id FROM tasks» a value was given for `$x`, which the statement does not use",
    );
    check_with(
        "SELECT id FROM tasks",
        &json!([{}]),
        "type_mismatch «» parameter `$1` is an object (a parameter is null, a bool, a number, a string, or an array of strings (a set))",
    );
    check_with(
        "SELECT id FROM tasks",
        &json!("x"),
        "type_mismatch «» params are an array (for $1, $2 …) or an object (for $name)",
    );
    check_with(
        "SELECT next_task FOR $who",
        &json!({"who": 7}),
        "type_mismatch «$who» FOR takes an agent's id, found int (write FOR 'agent-7')",
    );
}

#[test]
fn sub_selects() {
    check(
        "SELECT id FROM tasks t WHERE EXISTS (SELECT count(*) FROM relationships r WHERE r.id = t.id)",
        "not_allowed «SELECT count(*) FROM relationships r WHERE r.id = t.id» a sub-select that uses columns of the select around it has only FROM and WHERE",
    );
    check(
        "SELECT id FROM tasks t WHERE priority IN (SELECT title FROM tasks)",
        "type_mismatch «priority IN (SELECT title FROM tasks)» int IN text: these two types do not compare (write CAST(… AS int))",
    );
    check(
        "SELECT id FROM tasks WHERE id IN (SELECT idd FROM tasks)",
        "unknown_column «idd» no column `idd` in `tasks` (did you mean `id`?)",
    );
    check(
        "SELECT t.id FROM tasks t JOIN tasks b ON t.id IN (SELECT from_task_id FROM relationships r WHERE r.to_task_id = b.id)",
        "not_allowed «t.id IN (SELECT from_task_id FROM relationships r WHERE r.to_task_id = b.id)» a select in ON looks at one side of the join, this one looks at both (move it to WHERE)",
    );
    check(
        "SELECT status FROM tasks t GROUP BY status HAVING EXISTS (SELECT id FROM relationships r WHERE r.to_task_id = t.id)",
        "not_grouped «EXISTS (SELECT id FROM relationships r WHERE r.to_task_id = t.id)» `id` is neither in GROUP BY nor inside an aggregate (add `id` to GROUP BY)",
    );
    check(
        "WITH a AS (SELECT idd FROM tasks) SELECT id FROM tasks",
        "unknown_column «idd» no column `idd` in `tasks` (did you mean `id`?)",
    );
    check(
        "WITH a AS (SELECT idd FROM tasks) SELECT id FROM a",
        "unknown_column «idd» no column `idd` in `tasks` (did you mean `id`?)",
    );
}

#[test]
fn what_would_grow_without_bound() {
    let mut with = String::from("WITH a0 AS (SELECT id FROM tasks)");
    for n in 1..10 {
        with += &format!(", a{n} AS (SELECT l.id AS id FROM a{0} l JOIN a{0} r ON l.id = r.id)", n - 1);
    }
    let found = super::answer(&format!("{with} SELECT id FROM a9"), &json!(null));
    assert!(found.starts_with("too_complex"), "{found}");
    let mut nested = String::from("priority");
    for _ in 0..60 {
        nested = format!("nullif({nested}, 1)");
    }
    let found = super::answer(&format!("SELECT {nested} AS x FROM tasks"), &json!(null));
    assert!(found.starts_with("too_complex"), "{found}");
}

#[test]
fn bounds_hold_where_they_are_said_to() {
    let joined = |sources: usize| {
        let mut statement = String::from("SELECT count(*) FROM tasks t0");
        for n in 1..sources {
            statement += &format!(" JOIN tasks t{n} ON t{n}.id = t0.id");
        }
        let parsed = grammar::parse(&statement).unwrap();
        super::super::statement(&parsed, &statement, &super::World, &crate::Params::none())
    };
    assert!(joined(crate::plan::from::SOURCES_MAX).is_ok());
    let errors = joined(crate::plan::from::SOURCES_MAX + 1).unwrap_err();
    assert_eq!((errors.len(), errors[0].code), (1, grammar::Code::TooComplex));
    let longest = "x".repeat(crate::functions::pattern::PATTERN_BYTES_MAX);
    check(&format!("SELECT title MATCHES '{longest}' AS m FROM tasks LIMIT 1"), "m\nfalse");
    let found = super::answer(&format!("SELECT title MATCHES '{longest}x' AS m FROM tasks"), &json!(null));
    assert!(found.contains("the pattern is 1025 bytes long, at most 1024 are taken"), "{found}");
    let found = super::answer("SELECT title MATCHES '((a{100}){100}){100}' AS m FROM tasks", &json!(null));
    assert!(found.contains("becomes too large when it is compiled"), "{found}");
}
