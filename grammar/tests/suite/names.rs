//! Names: which words may be one, where, and how they are written.

use crate::{check, check_predicate, refuse};
use agentpm_grammar::{RESERVED, parse};

/// Every word that is a keyword somewhere but not reserved, and a few more that other dialects reserve.
const FREE: [&str; 48] = [
    "next_task",
    "for",
    "claim",
    "lease",
    "subscribe",
    "start",
    "now",
    "after",
    "position",
    "event",
    "ago",
    "create",
    "drop",
    "projection",
    "explain",
    "analyze",
    "show",
    "tables",
    "describe",
    "history",
    "asc",
    "desc",
    "nulls",
    "first",
    "last",
    "matches",
    "overlaps",
    "subset",
    "superset",
    "proper",
    "type",
    "time",
    "data",
    "any",
    "text",
    "right",
    "full",
    "cross",
    "natural",
    "union",
    "table",
    "user",
    "all",
    "outer",
    "using",
    "interval",
    "set",
    "key",
];

#[test]
fn free_words_are_names_wherever_one_may_stand() {
    for word in FREE {
        check_predicate(word, word);
        check_predicate(&format!("{word}.{word}"), &format!("(path {word} .{word})"));
        check_predicate(&format!("{word} = {word}"), &format!("(Equal {word} {word})"));
        check_predicate(
            &format!("NOT {word} AND {word} IS NULL"),
            &format!("(And (Not {word}) (null {word}))"),
        );
        check_predicate(&format!("{word}({word})"), &format!("({word}() [{word}])"));
        check(
            &format!("SELECT {word}, {word} AS {word} FROM {word} GROUP BY {word} ORDER BY {word}"),
            &format!(
                "(select [{word}, {word} as {word}] (from {word}) group_by [{word}] (order_by [{word}]))"
            ),
        );
        check(&format!("DESCRIBE {word}"), &format!("(describe {word})"));
        check(
            &format!("CREATE PROJECTION {word} AS SELECT {word} FROM events"),
            &format!("(create_projection {word} (select [{word}] (from events)))"),
        );
        check(
            &format!("WITH {word} AS (SELECT a FROM t) SELECT a FROM {word}"),
            &format!("(select (with {word} (select [a] (from t))) [a] (from {word}))"),
        );
        if word != "history" {
            let expected = format!("(select [*] (from t as {word}))");
            check(&format!("SELECT * FROM t AS {word}"), &expected);
            check(&format!("SELECT * FROM t {word}"), &expected);
            check(
                &format!("SELECT * FROM t {word} WHERE {word}"),
                &expected.replace("))", &format!(") (where {word}))")),
            );
        }
    }
}

#[test]
fn any_word_follows_a_point_or_as() {
    for word in RESERVED.iter().chain(&FREE) {
        check_predicate(&format!("a.{word}"), &format!("(path a .{word})"));
        check(&format!("SELECT a AS {word} FROM t"), &format!("(select [a as {word}] (from t))"));
        check_predicate(&format!("CAST(a AS {word})"), &format!("(cast a {word})"));
        if !["of", "history"].contains(word) {
            check(&format!("SELECT * FROM t AS {word}"), &format!("(select [*] (from t as {word}))"));
        }
    }
}

#[test]
fn reserved_words_are_never_bare_names() {
    for word in RESERVED {
        if ["true", "false", "null"].contains(&word) {
            continue;
        }
        assert!(parse(&format!("SELECT * FROM {word}")).is_err(), "{word} as a table");
        assert!(parse(&format!("SELECT * FROM t WHERE 1 = {word}")).is_err(), "{word} as a column");
        assert!(parse(&format!("DESCRIBE {word}")).is_err(), "{word} after DESCRIBE");
        check(&format!("DESCRIBE \"{word}\""), &format!("(describe \"{word}\")"));
    }
}

#[test]
fn no_table_is_named_of_or_history() {
    refuse(
        "SELECT * FROM t AS history",
        "a table is never named history",
        "history",
        "HISTORY stands before AS: tasks HISTORY AS h",
    );
    let moments = "a moment is '2026-01-19T14:25:00Z', POSITION n, EVENT 'ulid', 24h AGO or now()";
    refuse("SELECT * FROM t AS of", "expected a moment after AS OF, found the end", "", moments);
    assert!(parse("SELECT * FROM (SELECT a FROM t) AS history").is_err());
    assert!(parse("SELECT * FROM (SELECT a FROM t) history").is_err());
}

#[test]
fn bare_names_are_folded_and_quoted_ones_kept() {
    check_predicate("Status = STATUS", "(Equal status status)");
    check_predicate("\"Status\" = \"a \"\"b\"\" c\"", r#"(Equal "Status" "a \"b\" c")"#);
    check_predicate("T.Data.CreatedAt", "(path t .Data.CreatedAt)");
    check_predicate("a.\"Odd Key\".b", r#"(path a ."Odd Key".b)"#);
    check_predicate("COUNT(A)", "(count() [a])");
    check_predicate("CAST(a AS INT)", "(cast a int)");
}

#[test]
fn a_name_is_a_call_only_before_a_parenthesis() {
    check_predicate("now", "now");
    check_predicate("now()", "(now())");
    check_predicate("now ()", "(now())");
    check_predicate("count(*)", "(count() *)");
    check_predicate("count ( * )", "(count() *)");
    check_predicate("count(DISTINCT a)", "(count() distinct [a])");
    check_predicate("greatest(a, b, 1)", "(greatest() [a, b, 1])");
    refuse("SELECT \"count\"(a) FROM t", "the name of a function is not quoted", "\"count\"", "");
}
