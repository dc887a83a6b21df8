//! Moments of AS OF.

use crate::{check, refuse};

#[track_caller]
fn time(text: &str, micros: i64) {
    check(&format!("SELECT next_task AS OF '{text}'"), &format!("(next_task (as_of time {micros}))"));
}

#[test]
fn times_of_any_offset() {
    time("1970-01-01T00:00:00Z", 0);
    time("2026-01-19T14:25:00Z", 1_768_832_700_000_000);
    time("2026-01-19t14:25:00z", 1_768_832_700_000_000);
    time("2026-01-19T15:25:00+01:00", 1_768_832_700_000_000);
    time("2026-01-19T08:55:00-05:30", 1_768_832_700_000_000);
    time("2026-01-19T14:25:00.000001Z", 1_768_832_700_000_001);
    time("2026-01-19T14:25:00.5Z", 1_768_832_700_500_000);
    time("1969-12-31T23:59:59.999999Z", -1);
    time("2024-02-29T00:00:00Z", 1_709_164_800_000_000);
    time("0000-01-01T00:00:00Z", -62_167_219_200_000_000);
    time("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999);
}

#[test]
fn what_is_finer_than_a_microsecond_is_cut_off() {
    time("2026-01-19T14:25:00.000000999Z", 1_768_832_700_000_000);
    time("1969-12-31T23:59:59.9999999Z", -1);
}

#[test]
fn a_leap_second_is_the_next_minutes_first() {
    time("2016-12-31T23:59:60Z", 1_483_228_800_000_000);
}

#[test]
fn the_other_moments() {
    check("SELECT next_task AS OF POSITION 0", "(next_task (as_of position 0))");
    check(
        "SELECT next_task AS OF POSITION 18446744073709551615",
        "(next_task (as_of position 18446744073709551615))",
    );
    check("SELECT next_task AS OF EVENT '01ARZ'", r#"(next_task (as_of event "01ARZ"))"#);
    check("SELECT next_task AS OF 24h AGO", "(next_task (as_of ago 86400s))");
    check("SELECT next_task AS OF 250ms ago", "(next_task (as_of ago 250ms))");
    check("SELECT next_task AS OF NOW ( )", "(next_task (as_of now))");
}

#[test]
fn times_that_are_none() {
    let hint = "a date, a time and an offset, like '2026-01-19T14:25:00Z' or '2026-01-19T15:25:00+01:00'";
    for time in [
        "",
        "yesterday",
        "2026-01-19",
        "2026-01-19T14:25:00",
        "2026-01-19T14:25Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00+2500",
        " 2026-01-01T00:00:00Z",
        "26-01-01T00:00:00Z",
    ] {
        let text = format!("SELECT next_task AS OF '{time}'");
        refuse(&text, &format!("'{time}' is no RFC 3339 time"), &format!("'{time}'"), hint);
    }
    refuse(
        "SELECT next_task AS OF '0000-01-01T00:00:00+01:00'",
        "'0000-01-01T00:00:00+01:00' is outside of the years 0000 to 9999 UTC",
        "'0000-01-01T00:00:00+01:00'",
        "",
    );
    refuse(
        "SELECT next_task AS OF '9999-12-31T23:59:59-01:00'",
        "'9999-12-31T23:59:59-01:00' is outside of the years 0000 to 9999 UTC",
        "'9999-12-31T23:59:59-01:00'",
        "",
    );
}

#[test]
fn one_statement_has_one_moment() {
    let message = "the statement has an AS OF for all its tables, so this one can have none of its own";
    let hint = "drop this one, or give every table its own and drop the last";
    refuse("SELECT * FROM t HISTORY WHERE a AS OF now()", message, "HISTORY", hint);
    refuse("SELECT * FROM t AS OF now() u WHERE a AS OF now()", message, "AS OF now()", hint);
    refuse("SELECT * FROM t JOIN u AS OF 5m AGO ON a AS OF now()", message, "AS OF 5m AGO", hint);
    refuse("SELECT * FROM (SELECT a FROM t HISTORY) s AS OF now()", message, "HISTORY", hint);
    refuse("SELECT * FROM t WHERE a IN (SELECT a FROM u HISTORY) AS OF now()", message, "HISTORY", hint);
    refuse("WITH w AS (SELECT a FROM t HISTORY) SELECT * FROM w x AS OF now()", message, "HISTORY", hint);
    refuse("SELECT next_task WHERE EXISTS (SELECT a FROM t HISTORY) AS OF now()", message, "HISTORY", hint);
}
