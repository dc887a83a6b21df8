use super::fixture::Fixture;
use super::refold::{TABLES, steps};
use crate::json::{write_text, write_time};

/// What HISTORY says of each version, written from the row changes of a refold.
#[test]
fn every_version_of_every_row() {
    let fixture = Fixture::new();
    fixture.story();
    let steps = steps(&fixture);
    for (schema, table) in TABLES {
        // (key, from, row, from's columns, to's columns)
        let mut versions: Vec<(String, u64, String, usize, Option<usize>)> = Vec::new();
        for (nth, step) in steps.iter().enumerate() {
            for change in step.changes.iter().filter(|change| change.table == table.id()) {
                let open =
                    versions.iter_mut().find(|version| version.0 == *change.key && version.4.is_none());
                assert_eq!(open.is_some(), change.before.is_some());
                if let Some(open) = open {
                    open.4 = Some(nth);
                }
                if change.after.is_some() {
                    let row = step.row(schema, table, &change.key);
                    versions.push((change.key.to_string(), step.event.position.0, row, nth, None));
                }
            }
        }
        versions.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        let expected: Vec<String> = versions
            .iter()
            .map(|(_, from_position, row, from, to)| {
                let (from, to) = (&steps[*from].event, to.map(|to| &steps[to].event));
                let time = |event: &store::Event| {
                    let mut out = Vec::new();
                    write_time(event.time.0, &mut out);
                    format!("\"{}\"", String::from_utf8(out).unwrap())
                };
                let mut kind = Vec::new();
                write_text(&from.kind, &mut kind);
                format!(
                    r#"{},"valid_from":{},"valid_to":{},"from_position":{from_position},"to_position":{},"event_id":"{}","event_type":{},"actor":"a1"}}"#,
                    row.strip_suffix('}').unwrap(),
                    time(from),
                    to.map_or("null".to_owned(), time),
                    to.map_or("null".to_owned(), |to| to.position.to_string()),
                    from.id,
                    String::from_utf8(kind).unwrap(),
                )
            })
            .collect();
        assert!(!expected.is_empty(), "{}", schema.name);
        assert_eq!(
            fixture.query(&format!("SELECT * FROM {} HISTORY", schema.name)),
            expected,
            "{}",
            schema.name
        );
    }
}

#[test]
fn filters_order_and_limits_over_versions() {
    let fixture = Fixture::new();
    fixture.story();
    let all = fixture.query("SELECT id, status, from_position, to_position FROM tasks HISTORY");
    let of = |needle: &str| all.iter().filter(|row| row.contains(needle)).cloned().collect::<Vec<_>>();
    let select = "SELECT id, status, from_position, to_position FROM tasks HISTORY";
    assert_eq!(fixture.query(&format!("{select} WHERE id = 't3'")), of(r#""id":"t3""#));
    assert_eq!(fixture.query(&format!("{select} WHERE status = 'blocked'")), of(r#""status":"blocked""#));
    assert_eq!(fixture.query(&format!("{select} WHERE to_position IS NULL")), of(r#""to_position":null"#));
    assert_eq!(fixture.query(&format!("{select} LIMIT 3")), all[..3]);
    let mut back = of(r#""id":"t3""#);
    back.reverse();
    assert_eq!(
        fixture.query(&format!("{select} WHERE id = 't3' ORDER BY valid_from DESC, from_position DESC")),
        back
    );
    assert_eq!(
        fixture.query("SELECT count(*) AS n FROM tasks HISTORY WHERE event_type = 'TaskCreated'"),
        [r#"{"n":5}"#]
    );
    assert_eq!(fixture.fault("SELECT * FROM events HISTORY"), "not_allowed: `events` has no HISTORY");
}
