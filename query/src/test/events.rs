use super::fixture::Fixture;

/// A condition that a scan takes in gives the rows that looking at every event gives.
#[test]
fn a_pushed_down_filter_is_the_plain_filter() {
    let fixture = Fixture::new();
    fixture.story();
    for round in 0..300 {
        fixture.append("notes", if round % 3 == 0 { "Odd" } else { "Noted" }, "{}", &["kind:note", "n:1"]);
    }
    // What `coalesce` hides, a scan does not see.
    let pairs = [
        ("type = 'TaskCreated'", "coalesce(type, '') = 'TaskCreated'"),
        (
            "type IN ('Odd', 'TaskStatusChanged', 'Nothing')",
            "coalesce(type, '') IN ('Odd', 'TaskStatusChanged', 'Nothing')",
        ),
        ("stream = 'notes'", "coalesce(stream, '') = 'notes'"),
        ("stream IN ('notes', 'task-t1')", "coalesce(stream, '') IN ('notes', 'task-t1')"),
        ("tags ⊇ {'task:t3'}", "size(tags ∩ {'task:t3'}) = 1"),
        (
            "'task:t3' ∈ tags AND type = 'TaskStatusChanged'",
            "size(tags ∩ {'task:t3'}) = 1 AND coalesce(type, '') = 'TaskStatusChanged'",
        ),
        (
            "tags ⊇ {'kind:note', 'n:1'} AND type = 'Odd'",
            "size(tags ∩ {'kind:note', 'n:1'}) = 2 AND coalesce(type, '') = 'Odd'",
        ),
        ("position > 10 AND position <= 20", "position + 0 > 10 AND position + 0 <= 20"),
        (
            "position BETWEEN 10 AND 20 AND stream = 'task-t1'",
            "position + 0 BETWEEN 10 AND 20 AND coalesce(stream, '') = 'task-t1'",
        ),
        ("position = 7", "position + 0 = 7"),
        ("position > 7 AND position < 7", "false"),
        ("position > 999999", "false"),
        (
            "time >= CAST('2026-01-19T14:25:05Z' AS time)",
            "coalesce(time, now()) >= CAST('2026-01-19T14:25:05Z' AS time)",
        ),
        (
            "time < CAST('2026-01-19T14:25:05Z' AS time)",
            "coalesce(time, now()) < CAST('2026-01-19T14:25:05Z' AS time)",
        ),
        (
            "time > CAST('2026-01-19T14:25:05Z' AS time)",
            "coalesce(time, now()) > CAST('2026-01-19T14:25:05Z' AS time)",
        ),
        (
            "time <= CAST('2026-01-19T14:25:05Z' AS time)",
            "coalesce(time, now()) <= CAST('2026-01-19T14:25:05Z' AS time)",
        ),
        (
            "time = CAST('2026-01-19T14:25:05Z' AS time)",
            "coalesce(time, now()) = CAST('2026-01-19T14:25:05Z' AS time)",
        ),
        ("type = 'Odd' AND type = 'Noted'", "false"),
        (
            "agent_id = 'a1' AND type = 'RunStarted'",
            "coalesce(agent_id, '') = 'a1' AND coalesce(type, '') = 'RunStarted'",
        ),
    ];
    for (known, hidden) in pairs {
        for rest in ["", " ORDER BY position DESC", " LIMIT 2", " ORDER BY time DESC, position DESC LIMIT 3"]
        {
            let rows = |filter: &str| fixture.query(&format!("SELECT * FROM events WHERE {filter}{rest}"));
            assert_eq!(rows(known), rows(hidden), "{known}{rest}");
        }
    }
    for (known, _) in &pairs[..6] {
        assert!(!fixture.query(&format!("SELECT position FROM events WHERE {known}")).is_empty(), "{known}");
    }
}

#[test]
fn conditions_reach_the_index() {
    let fixture = Fixture::new();
    fixture.story();
    let plan = |pql: &str| fixture.query(&format!("EXPLAIN {pql}")).join("\n");
    let head = fixture.head();
    let check = |pql: &str, scan: &str| {
        let plan = plan(pql);
        assert!(plan.contains(scan), "{pql}\n{plan}");
        plan
    };
    let bounds = format!("after 0 up to {head}");
    check("SELECT * FROM events WHERE type = 'X'", &format!("read events of type X {bounds}"));
    check("SELECT * FROM events WHERE type IN ('X', 'Y')", &format!("read events of type X, Y {bounds}"));
    check(
        "SELECT * FROM events WHERE stream = 's' AND type = 'X'",
        &format!("read events of stream s {bounds}"),
    );
    check("SELECT * FROM events WHERE tags ⊇ {'a:b'}", &format!("read events with tag a:b {bounds}"));
    check("SELECT * FROM events WHERE {'a:b'} ⊆ tags", &format!("read events with tag a:b {bounds}"));
    check("SELECT * FROM events WHERE 'a:b' ∈ tags", &format!("read events with tag a:b {bounds}"));
    check("SELECT * FROM events WHERE agent_id = 'ada'", &format!("read events by agent ada {bounds}"));
    check(
        "SELECT * FROM events WHERE agent_id = 'ada' AND type = 'X'",
        &format!("read events by agent ada {bounds}"),
    );
    check("SELECT * FROM events WHERE event_type = 'X'", &format!("read events of type X {bounds}"));
    check("SELECT * FROM events WHERE position > 3 AND position <= 9", "read events after 3 up to 9");
    check("SELECT * FROM events AS OF POSITION 5", "read events after 0 up to 5");
    check("SELECT * FROM events WHERE position < 0", "read events nothing");
    // The log is in order of position already, from either end.
    let newest = check("SELECT * FROM events ORDER BY position DESC LIMIT 3", "last to first, at most 3");
    assert!(!newest.contains(r#""sort""#), "{newest}");
    let oldest = check("SELECT * FROM events WHERE type = 'X' LIMIT 3", "at most 3");
    assert!(!oldest.contains(r#""sort""#) && !oldest.contains(r#""keep""#), "{oldest}");
    // A table is in order of its key.
    let by_key = check("SELECT * FROM tasks WHERE id > 't1'", &format!("read tasks at {head}"));
    assert!(!by_key.contains(r#""sort""#), "{by_key}");
}

#[test]
fn every_column_of_an_event() {
    let fixture = Fixture::new();
    fixture.append("notes", "Noted", "{\"a\": [1,\n2]}", &["task:t9", "kind:note"]);
    let rows = fixture.query("SELECT *, event_type, payload, created_at FROM events");
    let json: serde_json::Value = serde_json::from_str(&rows[0]).unwrap();
    assert!(!rows[0].contains('\n'), "a row is one line");
    assert_eq!(json["data"], serde_json::json!({"a": [1, 2]}));
    assert_eq!(json["tags"], serde_json::json!(["kind:note", "task:t9"]));
    assert_eq!((json["task_id"].as_str(), json["agent_id"].as_str()), (Some("t9"), Some("a1")));
    assert_eq!((json["position"].as_i64(), json["revision"].as_i64()), (Some(1), Some(1)));
    assert_eq!(json["time"], "2026-01-19T14:25:01.000000Z");
    assert_eq!((&json["lamport"], &json["session_id"]), (&json["position"], &serde_json::Value::Null));
    assert_eq!((&json["event_type"], &json["created_at"]), (&json["type"], &json["time"]));
}

#[test]
fn counting_reads_nothing() {
    let fixture = Fixture::new();
    fixture.story();
    let n = format!("{{\"n\":{}}}", fixture.head());
    assert_eq!(fixture.query("SELECT count(*) AS n FROM events"), [n]);
    assert_eq!(
        fixture.query("SELECT count(*) AS n FROM events WHERE position > 5 AND position <= 9"),
        [r#"{"n":4}"#]
    );
    assert_eq!(fixture.query("SELECT count(*) AS n FROM tasks"), [r#"{"n":5}"#]);
    assert_eq!(fixture.query("SELECT count(*) AS n FROM tasks WHERE id = 't1'"), [r#"{"n":1}"#]);
}
