//! The coercion table of docs/pql/coercion.md, cell by cell.

use super::{check_with, values};
use serde_json::json;

#[test]
fn json_against_a_type_is_read_as_it() {
    values(
        "metadata.n = 1 => true
         metadata.n < 2 => true
         2 > metadata.n => true
         metadata.n = 1.0 => true
         metadata.s = 'eins' => true
         metadata.s = 1 => null
         metadata.n = '1' => null
         metadata.n = true => null
         metadata.deep.k[1].x = true => true
         metadata.deep.k[1].x => json true
         metadata.s = created_at => null
         metadata.s < created_at => null
         metadata.none = 1 => null
         {eins} ⊇ metadata.s => null
         metadata.deep = 'x' => null",
    );
    super::check("SELECT id FROM tasks WHERE metadata.n > 2", "id\n'c'");
    super::check("SELECT id FROM tasks WHERE metadata.n = '1'", "id\n'b'");
    super::check("SELECT id FROM tasks WHERE metadata.t > created_at", "id\n'b'");
    super::check("SELECT id FROM tasks WHERE metadata.t = '2026-01-19T11:00:00Z'", "id");
    super::check("SELECT id FROM tasks WHERE metadata.list ⊆ {p, q, r}", "id\n'c'");
    super::check("SELECT id FROM tasks WHERE 'p' IN metadata.list AND metadata.s IN {zwei}", "id\n'c'");
    super::check("SELECT id FROM tasks WHERE metadata.list = {q, p}", "id\n'c'");
}

#[test]
fn json_against_json_compares_equal_kinds() {
    values(
        "metadata.n = metadata.n => true
         metadata.n = metadata.s => null
         metadata.n < metadata.deep.k[0] => true
         metadata.deep = metadata.deep => true
         metadata.deep < metadata.deep => null
         metadata.deep != metadata.deep => false
         metadata.s = metadata.none => null",
    );
    super::check(
        "SELECT a.id, b.id FROM tasks a JOIN tasks b ON a.metadata.n < b.metadata.n",
        "a.id | b.id\n'a' | 'c'",
    );
}

#[test]
fn whole_numbers_are_compared_exactly() {
    check_with(
        "SELECT CAST($big AS json) = 9007199254740993 AS a, CAST($big AS json) = 9007199254740992 AS b FROM tasks LIMIT 1",
        &json!({"big": 9_007_199_254_740_993_i64}),
        "a | b\ntrue | false",
    );
}

#[test]
fn parameters_are_values() {
    check_with(
        "SELECT id FROM tasks WHERE status = $1 AND created_at < $2",
        &json!(["open", "2026-01-03T00:00:00Z"]),
        "id\n'b'",
    );
    check_with("SELECT id FROM tasks WHERE caps ⊆ $caps", &json!({"caps": ["sql"]}), "id\n'b'\n'c'");
    check_with("SELECT id FROM tasks WHERE status = $s", &json!({"s": null}), "id");
    check_with(
        "SELECT $a AS a, $b AS b, $c AS c FROM tasks LIMIT 1",
        &json!({"a": 1.5, "b": true, "c": "'; DROP"}),
        "a | b | c\n1.5 | true | ''; DROP'",
    );
    check_with("SELECT id FROM tasks WHERE title MATCHES $p", &json!({"p": "^G"}), "id\n'c'");
}

#[test]
fn types_that_do_not_meet() {
    let is_refused = |expr: &str, types: &str| {
        let found = super::answer(&format!("SELECT {expr} AS v FROM tasks"), &json!(null));
        assert!(found.starts_with("type_mismatch") && found.contains(types), "{expr}: {found}");
    };
    // Every pair of types under =, but those that compare.
    let samples = [
        ("bool", "(id = 'a')"),
        ("int", "priority"),
        ("float", "score"),
        ("text", "title"),
        ("time", "created_at"),
        ("duration", "age(created_at)"),
        ("set", "caps"),
        ("json", "metadata.n"),
    ];
    for (a, left) in samples {
        for (b, right) in samples {
            let compares = a == b
                || matches!((a, b), ("int", "float") | ("float", "int"))
                || (a == "json" && b != "duration")
                || (b == "json" && a != "duration");
            let statement = format!("{left} = {right}");
            if compares {
                let found = super::answer(&format!("SELECT {statement} AS v FROM tasks"), &json!(null));
                assert!(found.starts_with("v\n"), "{statement}: {found}");
            } else {
                is_refused(&statement, &format!("{a} = {b}: these two types do not compare"));
            }
        }
    }
    is_refused("caps < caps", "sets are not ordered");
    is_refused("title + 1", "text + int means nothing (texts are joined with ||)");
    is_refused("title || 1", "text || int means nothing (write CAST(… AS text) around the int)");
    is_refused("caps + caps", "sets are joined with ∪");
    is_refused("created_at + created_at", "time + time means nothing");
    is_refused("created_at + 1", "(write a duration like 15m)");
    is_refused("priority = '1'", "(write 1 without quotes)");
    is_refused("title = 1", "(write it in quotes)");
    is_refused("caps = 'rust'", "(write a set: {rust})");
    is_refused("title = caps", "(a text is compared with a set by IN: 'x' IN set)");
    is_refused(
        "created_at > 'yesterday'",
        "'yesterday' is no time (write a time like '2026-01-19T14:25:00Z')",
    );
    is_refused("age(created_at) > '7d'", "(write a duration like 15m, without quotes)");
    is_refused("caps ⊆ 'rust'", "expected a set like {rust, sql} after ⊆");
    is_refused("priority ∈ caps", "the members of sets are texts, found an int");
    is_refused("id IN title", "IN takes a set, found a text");
    is_refused("CASE WHEN true THEN 1 ELSE 'x' END", "CASE mixes int and text");
    is_refused("coalesce(1, caps)", "coalesce mixes int and set");
    is_refused("NOT title", "expected true or false here, found a text");
    is_refused("title LIKE 1", "LIKE takes a text, found int");
    is_refused("title MATCHES id", "the pattern of MATCHES is a text or a parameter");
    is_refused("title MATCHES '('", "no regular expression: unclosed group");
    is_refused("-title", "minus takes a number or a duration, found text");
    is_refused("text(priority)", "`text` reads json, found an int (write CAST(… AS text))");
}

#[test]
fn arithmetic_by_types() {
    // What each sign gives for each pair of types; the pairs that are not here mean nothing.
    let table = [
        ("int", "+ - * / %", "int", "int"),
        ("int", "+ - * / %", "float", "float"),
        ("float", "+ - * / %", "int", "float"),
        ("float", "+ - * / %", "float", "float"),
        ("json", "+ - * / %", "int", "float"),
        ("json", "+ - * / %", "float", "float"),
        ("json", "+ - * / %", "json", "float"),
        ("int", "+ - * / %", "json", "float"),
        ("float", "+ - * / %", "json", "float"),
        ("time", "-", "time", "duration"),
        ("time", "+ -", "duration", "time"),
        ("duration", "+", "time", "time"),
        ("duration", "+ -", "duration", "duration"),
        ("duration", "/", "duration", "float"),
        ("duration", "* /", "int", "duration"),
        ("duration", "* /", "float", "duration"),
        ("duration", "* /", "json", "duration"),
        ("int", "*", "duration", "duration"),
        ("float", "*", "duration", "duration"),
        ("json", "*", "duration", "duration"),
    ];
    let samples = [
        ("bool", "(id = 'a')"),
        ("int", "priority"),
        ("float", "score"),
        ("text", "title"),
        ("time", "created_at"),
        ("duration", "age(created_at)"),
        ("set", "caps"),
        ("json", "metadata.n"),
    ];
    for (a, left) in samples {
        for (b, right) in samples {
            for sign in ["+", "-", "*", "/", "%"] {
                let gives = table.iter().find(|(l, signs, r, _)| *l == a && *r == b && signs.contains(sign));
                let statement = format!("SELECT {left} {sign} {right} AS v FROM tasks WHERE false");
                let parsed = grammar::parse(&statement).unwrap();
                let planned =
                    super::super::statement(&parsed, &statement, &super::World, &crate::Params::none());
                match (planned, gives) {
                    (Ok(super::Command::Query(planned)), Some((.., ty))) => {
                        assert_eq!(planned.columns[0].ty.as_str(), *ty, "{statement}");
                    }
                    (Err(errors), None) => {
                        assert_eq!(errors[0].code, grammar::Code::TypeMismatch, "{statement}");
                        assert!(errors[0].message.contains(a) && errors[0].message.contains(b), "{errors:?}");
                    }
                    (planned, gives) => panic!("{statement}: {planned:?}, expected {gives:?}"),
                }
            }
        }
    }
}
