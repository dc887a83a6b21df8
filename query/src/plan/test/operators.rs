use super::{check, values};

#[test]
fn comparisons() {
    values(
        "1 = 1 => true
         1 != 1 => false
         1 <> 2 => true
         1 ≠ 2 => true
         priority < 2 => true
         priority <= 1 => true
         priority ≥ 1 => true
         priority > 1 => false
         'a' < 'b' => true
         'B' < 'a' => true
         true > false => true
         1 < 1.5 => true
         priority = 1.0 => true
         null = 1 => null
         null = null => null
         priority = null => null
         created_at < '2026-01-01T01:00:00+02:00' => false
         created_at = '2026-01-01T02:00:00+02:00' => true
         1h = 60m => true
         1h < 59m => false",
    );
}

#[test]
fn logic_has_three_values() {
    values(
        "true AND null => null
         false AND null => false
         null AND false => false
         true OR null => true
         null OR false => null
         NOT null => null
         NOT true => false
         null IS NULL => true
         priority IS NOT NULL => true
         due_at IS NULL => false
         project_id IS NULL => true
         project_id = 'p' AND priority = 1 => null
         project_id = 'p' AND priority = 2 => false
         project_id = 'p' OR priority = 1 => true",
    );
}

#[test]
fn arithmetic() {
    values(
        "1 + 2 * 3 => 7
         (1 + 2) * 3 => 9
         7 / 2 => 3
         -7 / 2 => -3
         7 % 3 => 1
         -7 % 3 => -1
         7.0 / 2 => 3.5
         1 - 2.5 => -1.5
         -priority => -1
         - -3 => 3
         1 + null => null
         priority + project_id.x => type_mismatch «project_id.x» `.x` is a step into json, but this is a text
         2 * 1h => 7200s
         1h / 2 => 1800s
         1h * 0.5 => 1800s
         1h / 15m => 4.0
         1h + 1s => 3601s
         -1h => -3600s
         due_at - created_at => 2678400s
         created_at + 1d => 2026-01-02T00:00:00Z
         1d + created_at => 2026-01-02T00:00:00Z
         created_at - 1d => 2025-12-31T00:00:00Z
         metadata.n + 1 => 2.0
         metadata.s + 1 => null",
    );
}

#[test]
fn arithmetic_never_gives_a_wrong_number() {
    values(
        "1 / 0 => division_by_zero «1 / 0» division by zero in `1 / 0` (guard it: CASE WHEN divisor = 0 THEN null ELSE … END, or nullif(divisor, 0))
         1 % 0 => division_by_zero «1 % 0» division by zero in `1 % 0` (guard it: CASE WHEN divisor = 0 THEN null ELSE … END, or nullif(divisor, 0))
         1.0 / 0 => division_by_zero «1.0 / 0» division by zero in `1.0 / 0` (guard it: CASE WHEN divisor = 0 THEN null ELSE … END, or nullif(divisor, 0))
         priority / attempts => division_by_zero «priority / attempts» division by zero in `priority / attempts` (guard it: CASE WHEN divisor = 0 THEN null ELSE … END, or nullif(divisor, 0))
         9223372036854775807 + priority => overflow «9223372036854775807 + priority» the result does not fit an int in `9223372036854775807 + priority`
         -9223372036854775808 - priority => overflow «-9223372036854775808 - priority» the result does not fit an int in `-9223372036854775808 - priority`
         -9223372036854775808 / -priority => overflow «-9223372036854775808 / -priority» the result does not fit an int in `-9223372036854775808 / -priority`
         -9223372036854775808 % -priority => 0
         -(-9223372036854775807 - priority) => overflow «-(-9223372036854775807 - priority)» the result does not fit an int in `-(-9223372036854775807 - priority)`
         4611686018427387904 * 2 => overflow «4611686018427387904 * 2» the result does not fit an int in `4611686018427387904 * 2`
         1e308 * 10 => overflow «1e308 * 10» the result does not fit a float in `1e308 * 10`
         1d * 9223372036854775807 => overflow «1d * 9223372036854775807» the result does not fit a duration in `1d * 9223372036854775807`
         abs(-9223372036854775808) => overflow «abs(-9223372036854775808)» the result does not fit an int in `abs(-9223372036854775808)`",
    );
    // Of no row, nothing fails.
    check("SELECT 1 / 0 FROM tasks WHERE id = 'none'", "1 / 0");
    check(
        "SELECT sum(9223372036854775807 - 0 * priority) FROM tasks",
        "overflow «sum(9223372036854775807 - 0 * priority)» the result does not fit an int in `sum(9223372036854775807 - 0 * priority)`",
    );
}

#[test]
fn guards_hold() {
    values(
        "CASE WHEN attempts = 0 THEN null ELSE 1 / attempts END => null
         CASE attempts WHEN 0 THEN -1 ELSE 1 / attempts END => -1
         coalesce(null, 1, 1 / attempts) => 1
         attempts != 0 AND 1 / attempts > 0 => false
         attempts = 0 OR 1 / attempts > 0 => true
         1 / nullif(attempts, 0) => null
         CASE WHEN true THEN 1 ELSE 1 / 0 END => 1",
    );
    check("SELECT id FROM tasks WHERE attempts != 0 AND 6 / attempts = 2", "id\n'c'");
    check(
        "SELECT id FROM tasks WHERE attempts != 0 AND status = 'open' AND 6 / attempts > 2 AND 6 / attempts < 9",
        "id\n'b'",
    );
    check("SELECT sum(CASE WHEN attempts = 0 THEN 0 ELSE 6 / attempts END) AS s FROM tasks", "s\n8");
    check(
        "SELECT id FROM tasks ORDER BY CASE WHEN attempts = 0 THEN 9 ELSE 6 / attempts END",
        "id\n'c'\n'b'\n'a'\n'd'",
    );
    check(
        "SELECT count(*) FROM tasks WHERE CASE WHEN attempts = 0 THEN false ELSE 6 / attempts > 2 END",
        "count(*)\n1",
    );
    check(
        "SELECT t.id FROM tasks t JOIN runs r ON r.task_id = t.id WHERE r.duration_ms > 0 AND 10 / (r.duration_ms - 500) < 1 AND t.id = 'a'",
        "t.id\n'a'\n'a'",
    );
}

#[test]
fn sets() {
    values(
        "{} => {}
         {rust, sql, rust} => {rust,sql}
         {'c++', b} => {b,c++}
         caps ⊆ {rust, sql, go} => true
         caps <@ {rust} => false
         caps ⊇ {sql} => true
         caps @> {go} => false
         caps SUBSET OF {rust, sql} => true
         caps SUPERSET OF {} => true
         caps ⊂ {rust, sql} => false
         caps ⊂ {rust, sql, x} => true
         caps PROPER SUPERSET OF {sql} => true
         caps ⊃ {rust, sql} => false
         {} ⊆ caps => true
         labels ⊆ {} => true
         caps OVERLAPS {x, sql} => true
         caps && {x} => false
         {} && {} => false
         'sql' ∈ caps => true
         'go' ∉ caps => true
         'sql' IN caps => true
         'sql' NOT IN caps => false
         caps ∩ {sql, x} => {sql}
         caps & {x} => {}
         caps ∪ {go} => {go,rust,sql}
         caps | {go} ∩ {x} => {rust,sql}
         caps ∖ {sql} => {rust}
         caps \\ {rust, sql} => {}
         caps = {sql, rust} => true
         caps != {sql} => true
         size(caps) => 2
         size({}) => 0
         null ⊆ caps => null
         caps ∩ null => null
         project_id IN caps => null",
    );
}

#[test]
fn lists() {
    values(
        "status IN ('open', 'completed') => true
         status NOT IN ('open', 'blocked') => true
         status IN ('open', null) => null
         status IN ('completed', null) => true
         status NOT IN ('open', null) => null
         project_id IN ('p') => null
         priority IN (1, 2.5) => true
         attempts IN (1, 2.5) => false
         created_at IN ('2026-01-01T00:00:00Z') => true
         metadata.n IN (1, 'x') => true
         metadata.s IN ('eins', 'zwei') => true
         caps IN ({rust}, {rust, sql}) => true
         priority BETWEEN 0 AND 1 => true
         priority NOT BETWEEN 0 AND 1 => false
         priority BETWEEN null AND 0 => false
         priority BETWEEN null AND 1 => null
         created_at BETWEEN '2025-01-01T00:00:00Z' AND now() => true",
    );
}

#[test]
fn patterns() {
    values(
        "title LIKE 'Al%' => true
         title LIKE 'al%' => false
         title ILIKE 'aL%' => true
         title NOT LIKE '%pha' => false
         title LIKE '_lph_' => true
         title LIKE '' => false
         'a_b' LIKE 'a\\_b' => true
         'axb' LIKE 'a\\_b' => false
         '50%' LIKE '50\\%' => true
         'abcabd' LIKE '%abd' => true
         'aXbXc' LIKE 'a%b%c' => true
         'ä' LIKE '_' => true
         'Ä' ILIKE 'ä' => true
         '' LIKE '%' => true
         project_id LIKE '%' => null
         title MATCHES '^A.*a$' => true
         title MATCHES 'x' => false
         title NOT MATCHES 'x' => true
         metadata.s LIKE 'ei%' => true
         metadata.n LIKE '%' => null
         'a' || 'b' || 'c' => 'abc'
         title || null => null
         metadata.s || '!' => 'eins!'",
    );
}

#[test]
fn json_paths() {
    values(
        "metadata.s => json \"eins\"
         metadata.deep.k[0] => json 10
         metadata['deep']['k'][1].x => json true
         metadata.deep.k[2] => null
         metadata.none.k => null
         metadata.s.k => null
         metadata.s[0] => null
         metadata.deep.k => json [10,{\"x\":true}]
         metadata.none IS NULL => true
         text(metadata.s) => 'eins'
         text(metadata.n) => null
         int(metadata.n) => 1
         int(metadata.s) => null
         float(metadata.n) => 1.0
         bool(metadata.deep.k[1].x) => true
         time(metadata.s) => null",
    );
    check(
        "SELECT id, metadata.s AS s, time(metadata.t) AS t FROM tasks WHERE id IN ('b', 'c')",
        "id | s | t
        'b' | null | 2026-01-19T11:00:00Z
        'c' | json \"zwei\" | null",
    );
    check(
        "SELECT id, int(metadata.n) AS n FROM tasks",
        "id | n\n'a' | 1\n'b' | null\n'c' | null\n'd' | null",
    );
}

#[test]
fn case() {
    values(
        "CASE WHEN priority > 0 THEN 'up' WHEN priority < 0 THEN 'down' ELSE 'flat' END => 'up'
         CASE WHEN priority > 1 THEN 'up' END => null
         CASE status WHEN 'open' THEN 1 WHEN 'completed' THEN 2.5 END => 2.5
         CASE WHEN null THEN 1 ELSE 2 END => 2
         CASE WHEN false THEN created_at ELSE '2026-01-01T00:00:00Z' END => 2026-01-01T00:00:00Z
         CASE WHEN true THEN metadata.n ELSE 7 END => 1",
    );
}

#[test]
fn guards_hold_across_selects_and_joins() {
    check(
        "SELECT id FROM (SELECT id, attempts FROM tasks WHERE attempts != 0) q WHERE 6 / attempts = 2",
        "id\n'c'",
    );
    check(
        "WITH q AS (SELECT id, 6 / attempts AS x FROM tasks WHERE attempts != 0) SELECT id FROM q WHERE x = 2",
        "id\n'c'",
    );
    check(
        "SELECT id FROM (SELECT id, attempts FROM tasks WHERE attempts != 0) q ORDER BY 6 / attempts",
        "id\n'c'\n'b'",
    );
    check(
        "SELECT attempts, 6 / attempts AS x FROM tasks WHERE attempts != 0 AND status = 'open' AND title != ''",
        "attempts | x\n1 | 6\n3 | 2",
    );
    check(
        "SELECT attempts, count(*) AS n FROM tasks GROUP BY attempts HAVING attempts > 0 AND 6 / attempts > 2",
        "attempts | n\n1 | 1",
    );
    check(
        "SELECT a.id FROM tasks a JOIN relationships r ON r.to_task_id = a.id AND r.type = 'parent_of' WHERE 6 / a.attempts = 2",
        "a.id\n'c'",
    );
    check(
        "SELECT a.id FROM tasks a JOIN relationships r ON r.to_task_id = a.id WHERE a.attempts > 0 AND 6 / a.attempts = 2",
        "a.id\n'c'",
    );
    check(
        "SELECT id FROM tasks WHERE attempts > 0 AND id IN (SELECT to_task_id FROM relationships) AND 6 / attempts = 2",
        "id\n'c'",
    );
    check(
        "SELECT id FROM (SELECT id, attempts FROM tasks ORDER BY attempts DESC LIMIT 2) q WHERE 6 / attempts = 2",
        "id\n'c'",
    );
}
