use super::*;
use std::fmt::Write;

#[test]
fn names_and_tables_agree() {
    let names: Vec<&str> = ALL.iter().map(|schema| schema.name).collect();
    assert_eq!(names, NAMES);
    assert!(names.is_sorted());
}

#[test]
fn no_column_is_named_twice_and_aliases_lead_to_columns() {
    for table in ALL {
        for (place, column) in table.columns.iter().enumerate() {
            assert_eq!(table.position(column.name), Some(place), "{}.{}", table.name, column.name);
        }
        for (alias, column) in table.aliases {
            assert_eq!(table.position(alias), table.position(column), "{}.{alias}", table.name);
        }
    }
}

#[test]
fn the_places_that_code_knows_are_those_of_the_columns() {
    let column = |table: &TableSchema, place: usize| table.columns[place].name;
    let columns = |places: std::ops::RangeInclusive<usize>| {
        places.map(|place| column(&tasks::SCHEMA, place)).collect::<Vec<_>>()
    };
    assert_eq!(columns(tasks::COUNTS), ["blocked_by_count", "child_count", "child_done_count"]);
    assert_eq!(columns(tasks::DEEP), ["dependency_depth", "score"]);
    assert_eq!(column(&events::SCHEMA, events::POSITION), "position");
    assert_eq!(column(&events::SCHEMA, events::TIME), "time");
    for table in ALL.into_iter().filter(|table| kept(table).is_some()) {
        assert_eq!(column(table, 0), "id", "{}", table.name);
    }
}

#[test]
fn columns_read_out_of_metadata_and_tags() {
    let event = |metadata: &str, tags: &[&str]| store::Event {
        position: store::Position(1),
        id: store::EventId(1),
        stream: "s".into(),
        revision: store::Revision(1),
        kind: "K".into(),
        time: store::Timestamp(0),
        data: "null".into(),
        metadata: metadata.into(),
        tags: tags.iter().map(|&tag| tag.into()).collect(),
    };
    let read = |event: &store::Event, column: &str| {
        format!("{:?}", EventFields::new(event).field(events::SCHEMA.position(column).unwrap()))
    };
    let whole = event(
        r#"{"agent_id":"a\"b","session_id":"s","correlation_id":"c","lamport":7,"other":[1]}"#,
        &["project:p", "task:t1", "task:t2"],
    );
    assert_eq!(read(&whole, "agent_id"), r#"Text("a\"b")"#);
    assert_eq!(read(&whole, "session_id"), r#"Text("s")"#);
    assert_eq!(read(&whole, "correlation_id"), r#"Text("c")"#);
    assert_eq!(read(&whole, "lamport"), "Int(7)");
    assert_eq!(read(&whole, "task_id"), r#"Text("t1")"#);
    assert_eq!(read(&whole, "payload"), "Null");
    // What is of another kind than its column is as if it were not there, and does not spoil the others.
    let odd = event(r#"{"agent_id":5,"session_id":null,"correlation_id":"c","lamport":1.5}"#, &[]);
    assert_eq!(read(&odd, "agent_id"), "Null");
    assert_eq!(read(&odd, "session_id"), "Null");
    assert_eq!(read(&odd, "correlation_id"), r#"Text("c")"#);
    assert_eq!(read(&odd, "lamport"), format!("Int({})", odd.position));
    assert_eq!(read(&odd, "task_id"), "Null");
}

/// `AGENTPM_UPDATE=1 cargo test -p agentpm-query reference` writes the page anew.
#[test]
fn the_reference_is_what_the_definitions_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tables.md");
    let page = reference();
    if std::env::var_os("AGENTPM_UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/tables.md is not what query/src/tables says; AGENTPM_UPDATE=1 writes it anew"
    );
}

fn reference() -> String {
    let mut page = String::from(
        "# Tables\n\n\
         What `SELECT` reads. This page is written from the definitions in `query/src/tables`; a test holds the\n\
         two equal. Columns stand in the order of `SELECT *`. Types are those of [PQL](pql/grammar.md): a `set`\n\
         is text without order or repetition, `json` any JSON value, a `time` has microseconds and is UTC.\n\n\
         Every table but `events` and `next_task` has `HISTORY`, which gives each version of each row and adds\n\
         the columns at the end of this page. Every table has `AS OF`. `snapshots`, `schema_migrations` and\n\
         `subscriptions` have neither: they tell of the system as it is now.\n\n\
         Columns that are computed are part of no version: in `HISTORY` they are as of a version's beginning, and\n\
         a change of nothing else makes no version.\n",
    );
    for table in ALL {
        write!(page, "\n## {}\n\n{}\n\n", table.name, table.doc).unwrap();
        if table.name == next_task::SCHEMA.name {
            page.push_str("Its columns are those of [tasks](#tasks).\n");
            continue;
        }
        columns(table.columns, &mut page);
    }
    page.push_str("\n## Columns of HISTORY\n\n");
    columns(HISTORY_COLUMNS, &mut page);
    write!(page, "\n## What EXPLAIN next_task gives\n\n{}\n\n", left_out::SCHEMA.doc).unwrap();
    columns(left_out::SCHEMA.columns, &mut page);
    page
}

fn columns(columns: &[Column], page: &mut String) {
    page.push_str("| column | type | |\n|---|---|---|\n");
    for column in columns {
        writeln!(page, "| {} | {} | {} |", column.name, column.ty.as_str(), column.doc).unwrap();
    }
}
