use super::values;
use crate::resolve::{AGGREGATES, SCALARS};
use std::collections::BTreeSet;

/// What is written in the first cells of a page's tables, each without what it gives.
fn written(page: &str) -> BTreeSet<&str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let calls = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    calls.filter(|call| call.contains('(')).collect()
}

#[test]
fn the_page_is_the_code() {
    let page = include_str!("../../../../docs/pql/functions.md");
    let usages = SCALARS.iter().chain(&AGGREGATES).flat_map(|(_, usage)| usage.split(" or "));
    let known: BTreeSet<&str> = usages.flat_map(|usage| usage.split("), ")).collect();
    let known: BTreeSet<String> =
        known.into_iter().map(|usage| format!("{})", usage.trim_end_matches(')'))).collect();
    let found: BTreeSet<String> = written(page).into_iter().map(str::to_owned).collect();
    assert_eq!(found, known);
}

#[test]
fn texts() {
    values(
        "lower('ÄB') => 'äb'
         upper('äb') => 'ÄB'
         trim('  a b ') => 'a b'
         length('äöü') => 3
         length(metadata.s) => 4
         substr('Straße', 2) => 'traße'
         substr('Straße', 5, 2) => 'ße'
         substr('abc', 0, 2) => 'a'
         substr('abc', -5, 2) => ''
         substr('abc', 2, -1) => ''
         substr('abc', 9) => ''
         replace('aXbX', 'X', '--') => 'a--b--'
         replace('abc', '', 'x') => 'abc'
         split('b,a,b', ',') => {a,b}
         split('abc', '') => {abc}
         split(title, 'p') => {Al,ha}
         starts_with(title, 'Al') => true
         starts_with(title, 'x') => false
         contains(title, 'ph') => true
         contains(title, null) => null
         lower(project_id) => null
         upper(metadata.s) => 'EINS'
         concat('a', 'b') => unknown_function «concat» no function `concat` (texts are joined with ||)",
    );
}

#[test]
fn numbers() {
    values(
        "abs(-3) => 3
         abs(-2.5) => 2.5
         abs(-1h) => 3600s
         round(2.5) => 3.0
         round(-2.5) => -3.0
         round(2.345, 2) => 2.35
         round(1234, -2) => 1200
         round(1250, -2) => 1300
         round(1234.5, -2) => 1200.0
         round(3) => 3
         floor(-1.5) => -2.0
         ceil(1.2) => 2.0
         ceil(-0.5) => 0.0
         floor(3) => 3
         round(metadata.n) => 1.0
         abs(project_id) => type_mismatch «project_id» `abs` takes a number or a duration, found a text",
    );
}

#[test]
fn choices() {
    values(
        "coalesce(project_id, owner_agent_id, 'none') => 'agent-1'
         coalesce(null, null) => null
         coalesce(project_id, metadata.s) => 'eins'
         coalesce(null, 1, 2.5) => 1.0
         nullif(1, 1) => null
         nullif(1, 2) => 1
         nullif(status, 'completed') => null
         greatest(1, 3, 2) => 3
         least(1, 3.5, 2) => 1.0
         greatest('a', 'b') => 'b'
         greatest(null, 2) => 2
         greatest(null, null) => null
         least(created_at, due_at) => 2026-01-01T00:00:00Z
         greatest(1h, 30m) => 3600s",
    );
}

#[test]
fn times() {
    values(
        "now() => 2026-01-19T12:12:00Z
         ago(1h) => 2026-01-19T11:12:00Z
         age('2026-01-19T12:00:00Z') => 720s
         age(created_at) > 7d => true
         bucket(1h, '2026-01-19T12:12:00Z') => 2026-01-19T12:00:00Z
         bucket(1d, '1969-12-31T23:00:00Z') => 1969-12-31T00:00:00Z
         bucket(10m, completed_at) => 2026-01-02T12:30:00Z
         bucket(null, completed_at) => null
         date_trunc('second', '2026-01-19T12:12:13.5Z') => 2026-01-19T12:12:13Z
         date_trunc('minute', '2026-01-19T12:12:13Z') => 2026-01-19T12:12:00Z
         date_trunc('HOUR', '2026-01-19T12:12:13Z') => 2026-01-19T12:00:00Z
         date_trunc('day', completed_at) => 2026-01-02T00:00:00Z
         date_trunc('week', completed_at) => 2025-12-29T00:00:00Z
         date_trunc('month', '2026-05-19T12:12:13Z') => 2026-05-01T00:00:00Z
         date_trunc('quarter', '2026-05-19T12:12:13Z') => 2026-04-01T00:00:00Z
         date_trunc('year', '2026-05-19T12:12:13Z') => 2026-01-01T00:00:00Z
         date_trunc('millisecond', created_at) => 2026-01-01T00:00:00Z
         date_trunc('dya', created_at) => type_mismatch «'dya'» `date_trunc` takes the name of a unit as first (did you mean 'day'?)
         bucket(0s, created_at) => type_mismatch «0s» the width of a bucket is a duration longer than nothing, given as a constant (write bucket(10m, time))",
    );
}

#[test]
fn casts() {
    values(
        "CAST('12' AS int) => 12
         CAST(' 12 ' AS integer) => 12
         CAST('1.5' AS float) => 1.5
         CAST('TRUE' AS bool) => true
         CAST('2026-01-19T12:00:00Z' AS time) => 2026-01-19T12:00:00Z
         CAST(12 AS text) => '12'
         CAST(1.5 AS text) => '1.5'
         CAST(2.9 AS int) => 2
         CAST(-2.9 AS int) => -2
         CAST(3 AS float) => 3.0
         CAST(0 AS bool) => false
         CAST(true AS int) => 1
         CAST(true AS text) => 'true'
         CAST(created_at AS text) => '2026-01-01T00:00:00.000000Z'
         CAST(null AS int) => null
         CAST(metadata.n AS text) => '1'
         CAST(metadata.s AS text) => 'eins'
         CAST(metadata.n AS int) => 1
         CAST(metadata.deep AS text) => '{\"k\":[10,{\"x\":true}]}'
         CAST(caps AS json) => json [\"rust\",\"sql\"]
         CAST(12 AS json) => json 12
         CAST('x' AS int) => cast_failed «CAST('x' AS int)» 'x' is no int in `CAST('x' AS int)`
         CAST(title AS float) => cast_failed «CAST(title AS float)» 'Alpha' is no float in `CAST(title AS float)`
         CAST('inf' AS float) => cast_failed «CAST('inf' AS float)» 'inf' is no float in `CAST('inf' AS float)`
         CAST(1e19 AS int) => cast_failed «CAST(1e19 AS int)» 10000000000000000000 is no int in `CAST(1e19 AS int)`
         CAST(metadata.s AS int) => cast_failed «CAST(metadata.s AS int)» \"eins\" is no int in `CAST(metadata.s AS int)`
         CAST(metadata.deep AS set) => cast_failed «CAST(metadata.deep AS set)» {\"k\":[10,{\"x\":true}]} is no set in `CAST(metadata.deep AS set)`
         CAST(caps AS int) => type_mismatch «CAST(caps AS int)» set cannot be cast to int
         CAST(1 AS itn) => type_mismatch «itn» there is no type `itn` (did you mean `int`?)",
    );
}
