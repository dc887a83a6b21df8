use super::fixture::{Fixture, SECOND, START, agent, create};
use super::refold::{TABLES, steps};
use crate::Options;

#[test]
fn every_table_at_every_position_is_what_a_refold_says() {
    let fixture = Fixture::new();
    fixture.story();
    every_moment_is_right(&fixture);
}

/// The past is read on from wherever it stood, and columns stand where they were last asked for.
#[test]
fn so_it_is_when_somebody_asked_all_along() {
    let fixture = Fixture::new();
    fixture.asked.set(&[
        "SELECT status FROM tasks",
        "SELECT * FROM leases",
        "SELECT id, type FROM relationships",
        "SELECT score FROM tasks WHERE id = 't1'",
        "SELECT count(*) AS n FROM runs",
        "SELECT * FROM tasks WHERE status = 'open' LIMIT 1",
    ]);
    fixture.story();
    every_moment_is_right(&fixture);
}

/// Nothing is kept longer than a statement needs it.
#[test]
fn so_it_is_when_there_is_no_room_to_keep_anything() {
    let fixture = Fixture::with(Options { past_bytes_max: 1, ..Options::default() });
    fixture.asked.set(&["SELECT title FROM tasks", "SELECT owner_agent_id, score FROM tasks"]);
    fixture.story();
    every_moment_is_right(&fixture);
}

fn every_moment_is_right(fixture: &Fixture) {
    let steps = steps(fixture);
    assert!(steps.len() > 40, "the story is long enough to tell: {}", steps.len());
    for (nth, step) in steps.iter().enumerate() {
        for (schema, table) in TABLES {
            let at = format!("AS OF POSITION {}", step.event.position);
            let rows = fixture.query(&format!("SELECT * FROM {} {at}", schema.name));
            let expected = step.rows(schema, table);
            assert_eq!(rows, expected, "{} {at}", schema.name);
            if nth % 8 != 0 {
                continue;
            }
            // One by one, and from the last to the first.
            for (key, row) in step.after.rows(table).iter().map(|(key, _)| key).zip(&expected) {
                let found = fixture.query(&format!("SELECT * FROM {} WHERE id = '{key}' {at}", schema.name));
                assert_eq!(found, std::slice::from_ref(row), "{} {key} {at}", schema.name);
            }
            let backwards = fixture.query(&format!("SELECT * FROM {} ORDER BY id DESC {at}", schema.name));
            assert!(backwards.iter().eq(expected.iter().rev()), "{} {at}", schema.name);
        }
    }
    for (schema, table) in TABLES {
        assert!(!steps.last().unwrap().rows(schema, table).is_empty());
        assert_eq!(fixture.query(&format!("SELECT * FROM {} AS OF POSITION 0", schema.name)), [""; 0]);
    }
}

#[test]
fn a_kept_moment_stays_what_it_was_while_the_log_goes_on() {
    let fixture = Fixture::new();
    fixture.run(create("t1", |_| {}));
    fixture.run(create("t2", |_| {}));
    let pql = "SELECT id, status FROM tasks AS OF POSITION 1";
    let before = fixture.query(pql);
    assert_eq!(before, [r#"{"id":"t1","status":"open"}"#]);
    fixture.run(agent("a", &[]));
    fixture.claim("a", 2);
    assert_eq!(fixture.query(pql), before);
    assert_eq!(fixture.query("SELECT count(*) AS n FROM tasks WHERE status = 'in_progress'"), [r#"{"n":2}"#]);
}

#[test]
fn moments_by_time_event_and_age() {
    let fixture = Fixture::new();
    fixture.run(create("t1", |_| {}));
    fixture.run(create("t2", |_| {}));
    fixture.pass(58 * SECOND);
    let count =
        |moment: &str| fixture.query(&format!("SELECT count(*) AS n FROM tasks AS OF {moment}")).remove(0);
    assert_eq!(fixture.now().0, START + 60 * SECOND);
    assert_eq!(count("'2026-01-19T14:25:00Z'"), r#"{"n":0}"#);
    assert_eq!(count("'2026-01-19T14:25:01Z'"), r#"{"n":1}"#);
    assert_eq!(count("'2026-01-19T15:25:01.999999+01:00'"), r#"{"n":1}"#);
    assert_eq!(count("'2026-01-19T14:26:00Z'"), r#"{"n":2}"#);
    assert_eq!(count("now()"), r#"{"n":2}"#);
    assert_eq!(count("58s AGO"), r#"{"n":2}"#);
    assert_eq!(count("59s AGO"), r#"{"n":1}"#);
    assert_eq!(count("1d AGO"), r#"{"n":0}"#);
    let events = fixture.query("SELECT id FROM events ORDER BY position LIMIT 1");
    let id = &events[0][7..33];
    assert_eq!(count(&format!("EVENT '{id}'")), r#"{"n":1}"#);
    // now() under AS OF is that moment.
    assert_eq!(
        fixture.query("SELECT now() AS t FROM tasks AS OF '2026-01-19T14:25:01Z'"),
        [r#"{"t":"2026-01-19T14:25:01.000000Z"}"#]
    );
    assert_eq!(
        fixture.query("SELECT now() AS t FROM tasks AS OF POSITION 1"),
        [r#"{"t":"2026-01-19T14:25:01.000000Z"}"#]
    );
    // Scores are of the moment too: both tasks were younger then.
    let score = |moment: &str| fixture.query(&format!("SELECT score FROM tasks WHERE id = 't1' {moment}"));
    assert_ne!(score("AS OF '2026-01-19T14:25:30Z'"), score(""));
}

#[test]
fn moments_past_the_head() {
    let fixture = Fixture::new();
    fixture.run(create("t1", |_| {}));
    let head = fixture.head();
    let past = |moment: &str| {
        let error = fixture.error(&format!("SELECT * FROM tasks AS OF {moment}"));
        let first = &error.errors[0];
        assert_eq!(first.code.as_str(), "moment_after_head", "{error}");
        (first.message.clone(), first.hint.clone().unwrap_or_default())
    };
    let (message, hint) = past(&format!("POSITION {}", head.0 + 1));
    assert_eq!(
        (message, hint),
        (format!("there is no POSITION {} yet", head.0 + 1), format!("the head is at POSITION {head}"))
    );
    let (message, _) = past("'2026-01-19T14:25:02Z'");
    assert_eq!(message, "this time is after the server's clock, 2026-01-19T14:25:01.000000Z");
    let (message, _) = past("EVENT '01J00000000000000000000000'");
    assert_eq!(message, "there is no event `01J00000000000000000000000`");
    let (message, hint) = past("EVENT 'yesterday'");
    assert!(message.starts_with("`yesterday` is no event id"), "{message}");
    assert!(hint.contains("26 characters"), "{hint}");
}

#[test]
fn tables_of_two_moments_in_one_statement() {
    let fixture = Fixture::new();
    fixture.run(create("t1", |_| {}));
    let then = fixture.head();
    fixture.run(agent("a", &[]));
    fixture.claim("a", 1);
    let rows = fixture.query(&format!(
        "SELECT n.id AS id, n.status AS now, o.status AS was FROM tasks n JOIN tasks AS OF POSITION {then} o ON o.id = n.id"
    ));
    assert_eq!(rows, [r#"{"id":"t1","now":"in_progress","was":"open"}"#]);
}
