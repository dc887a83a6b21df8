use super::*;
use crate::plan::OutputColumn;
use crate::tables::{self, Fields, RowFields, TaskFields};
use crate::types::Type;
use crate::value::Value;
use datafusion::arrow::array::RecordBatch;
use domain::TextSet;
use domain::command::TaskView;
use domain::rows::{Class, Lease, LeaseStatus, Row, Run, RunStatus, Task, TaskGraph, TaskStatus};
use std::borrow::Cow;
use std::sync::Arc;
use store::{Event, EventId, Position, Revision, Text, Timestamp};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn value(value: Value<'_>) -> String {
    written(|out| write_value(&value, out))
}

#[test]
fn times() {
    let time = |micros| written(|out| write_time(micros, out));
    assert_eq!(time(0), "1970-01-01T00:00:00.000000Z");
    assert_eq!(time(1_768_832_700_000_000), "2026-01-19T14:25:00.000000Z");
    assert_eq!(time(951_827_696_000_007), "2000-02-29T12:34:56.000007Z");
    assert_eq!(time(-1), "1969-12-31T23:59:59.999999Z");
    assert_eq!(time(253_402_300_799_999_999), "9999-12-31T23:59:59.999999Z");
    assert_eq!(time(253_402_300_800_000_000), "+10000-01-01T00:00:00.000000Z");
    assert_eq!(time(-62_167_219_200_000_001), "-0001-12-31T23:59:59.999999Z");
}

#[test]
fn times_agree_with_chrono_on_every_day_of_eight_centuries() {
    for day in (-200_000..100_000).map(i64::from) {
        let micros = day * 86_400_000_000 + 45_296_123_456;
        let expected = chrono::DateTime::from_timestamp_micros(micros).unwrap();
        let expected = expected.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        assert_eq!(written(|out| write_time(micros, out)), expected);
    }
}

#[test]
fn durations() {
    let duration = |micros| written(|out| write_duration(micros, out));
    assert_eq!(duration(0), "PT0S");
    assert_eq!(duration(90_000_000), "PT90S");
    assert_eq!(duration(250_000), "PT0.25S");
    assert_eq!(duration(-1_000_001), "-PT1.000001S");
    assert_eq!(duration(i64::MIN), "-PT9223372036854.775808S");
}

#[test]
fn values() {
    assert_eq!(value(Value::Null), "null");
    assert_eq!(value(Value::Bool(true)), "true");
    assert_eq!(value(Value::Int(i64::MIN)), "-9223372036854775808");
    assert_eq!(value(Value::Float(0.1)), "0.1");
    assert_eq!(value(Value::Float(2.0)), "2.0");
    assert_eq!(value(Value::Float(f64::NAN)), "null");
    assert_eq!(value(Value::Text("a\"\n\u{1}é".into())), r#""a\"\n\u0001é""#);
    assert_eq!(value(Value::Time(0)), r#""1970-01-01T00:00:00.000000Z""#);
    let words: Vec<Text> = vec!["a".into(), "b\\".into()];
    assert_eq!(value(Value::Set(Cow::Owned(words))), r#"["a","b\\"]"#);
    assert_eq!(value(Value::Set(Cow::Borrowed(&[]))), "[]");
    assert_eq!(value(Value::Json("{\r\n \"a\": 1\n}".into())), "{   \"a\": 1 }");
}

#[test]
fn an_event() {
    let event = Event {
        position: Position(7),
        id: EventId(1),
        stream: "task-1".into(),
        revision: Revision(2),
        kind: "TaskCreated".into(),
        time: Timestamp(1),
        data: r#"{"id":"1"}"#.into(),
        metadata: r#"{"agent_id":"a"}"#.into(),
        tags: vec!["task:1".into()],
    };
    assert_eq!(
        written(|out| super::event(&event, out)),
        r#"{"position":7,"id":"00000000000000000000000001","stream":"task-1","revision":2,"type":"TaskCreated","#
            .to_owned()
            + r#""time":"1970-01-01T00:00:00.000001Z","data":{"id":"1"},"metadata":{"agent_id":"a"},"tags":["task:1"]}"#
    );
}

fn a_task() -> TaskView {
    let task = Task {
        id: "t1".into(),
        project_id: Some("p".into()),
        parent_id: None,
        title: "say \"hi\"".into(),
        intent: None,
        kind: Some("docs".into()),
        status: TaskStatus::Open,
        owner_agent_id: None,
        priority: -2,
        class: Class::High,
        caps: TextSet::from_iter(["rust", "sql"]),
        labels: TextSet::default(),
        metadata: r#"{"a":[1,2]}"#.into(),
        version: 3,
        attempts: 1,
        max_attempts: 3,
        not_before: None,
        due_at: Some(Timestamp(5)),
        created_at: Timestamp(1_000_000),
        updated_at: Timestamp(2_000_000),
        completed_at: None,
        cancelled_at: None,
        archived_at: None,
        blocked_by_rule: false,
        elsewhere: false,
    };
    let graph = TaskGraph { blocked_by_count: 0, child_count: 4, child_done_count: 1, held: false };
    TaskView { task: Arc::new(task), graph, depth: 2, now: Timestamp(3_600_000_000) }
}

#[test]
fn a_task_whole() {
    let view = a_task();
    let written = written(|out| task(&view, out));
    let json: serde_json::Value = serde_json::from_str(&written).unwrap();
    let names: Vec<&str> = tables::tasks::SCHEMA.columns.iter().map(|column| column.name).collect();
    let mut at = 0;
    for name in &names {
        let place =
            written[at..].find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name} in its place"));
        at += place + 1;
    }
    assert_eq!(json.as_object().unwrap().len(), names.len());
    assert_eq!(json["caps"], serde_json::json!(["rust", "sql"]));
    assert_eq!(json["labels"], serde_json::json!([]));
    assert_eq!(json["metadata"], serde_json::json!({"a": [1, 2]}));
    assert_eq!(json["due_at"], "1970-01-01T00:00:00.000005Z");
    assert_eq!(json["child_done_count"], 1);
    assert_eq!(json["score"], domain::score(&view.task, view.depth, view.now));
}

/// What a lookup writes and what a query of the same row writes is the same, to the byte.
fn same_both_ways<F: Fields>(table: &tables::TableSchema, rows: &[F]) {
    let columns: Vec<OutputColumn> = table
        .columns
        .iter()
        .map(|column| OutputColumn { name: column.name.to_owned(), ty: column.ty })
        .collect();
    let arrays =
        table.columns.iter().enumerate().map(|(place, column)| tables::array(column.ty, place, rows));
    let batch = RecordBatch::try_new(table.arrow(false), arrays.collect()).unwrap();
    let mut from_batch = Vec::new();
    write_rows(&batch, &columns, |row| from_batch.push(String::from_utf8(row.to_vec()).unwrap()));
    let from_rows: Vec<String> =
        rows.iter().map(|row| written(|out| fields(table, row, |_| true, out))).collect();
    assert_eq!(from_batch, from_rows);
}

#[test]
fn queries_and_lookups_write_the_same() {
    let view = a_task();
    same_both_ways(&tables::tasks::SCHEMA, &[TaskFields::of(&view)]);
    let run = Run {
        id: "r".into(),
        task_id: "t1".into(),
        agent_id: "a".into(),
        session_id: None,
        lease_id: "l".into(),
        attempt: 1,
        status: RunStatus::Completed,
        failure_class: None,
        failure_message: None,
        started_at: Timestamp(1),
        ended_at: Some(Timestamp(2_500_001)),
        cost: Some(0.25),
        tokens: Some(12),
        output: Some("\"text\"".into()),
    };
    let lease = Lease {
        id: "l".into(),
        task_id: "t1".into(),
        agent_id: "a".into(),
        session_id: None,
        fence: 1,
        status: LeaseStatus::Active,
        ttl_ms: 1,
        expires_at: Timestamp(9),
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
        taken: false,
    };
    for row in [Row::Run(Arc::new(run)), Row::Lease(Arc::new(lease))] {
        let none = TaskGraph::default();
        let fields = RowFields::of(&row, &none, 0, Timestamp(0)).unwrap();
        same_both_ways(fields.schema(), &[fields]);
        assert_eq!(
            written(|out| super::row(&row, out)),
            written(|out| super::fields(fields.schema(), &fields, |_| true, out))
        );
    }
}

#[test]
fn rows_of_every_type_with_nulls() {
    struct Cells(Vec<Value<'static>>);
    impl Fields for Cells {
        fn field(&self, column: usize) -> Value<'_> {
            self.0[column].clone()
        }
    }
    let types = Type::ALL;
    let full = [
        Value::Null,
        Value::Bool(false),
        Value::Int(1),
        Value::Float(1e300),
        Value::Text("x,y".into()),
        Value::Time(1),
        Value::Duration(1),
        Value::Set(Cow::Owned(vec!["a".into()])),
        Value::Json("[null]".into()),
    ];
    let rows = [Cells(full.to_vec()), Cells(vec![Value::Null; types.len()])];
    let columns: Vec<OutputColumn> =
        types.iter().map(|&ty| OutputColumn { name: ty.as_str().to_owned(), ty }).collect();
    let arrays = types.iter().enumerate().map(|(place, &ty)| tables::array(ty, place, &rows)).collect();
    let batch = RecordBatch::try_new(crate::output::schema(&columns), arrays).unwrap();
    let mut lines = Vec::new();
    write_rows(&batch, &columns, |row| lines.push(String::from_utf8(row.to_vec()).unwrap()));
    assert_eq!(
        lines,
        [
            r#"{"null":null,"bool":false,"int":1,"float":1e+300,"text":"x,y","time":"1970-01-01T00:00:00.000001Z","#
                .to_owned()
                + r#""duration":"PT0.000001S","set":["a"],"json":[null]}"#,
            r#"{"null":null,"bool":null,"int":null,"float":null,"text":null,"time":null,"#.to_owned()
                + r#""duration":null,"set":null,"json":null}"#,
        ]
    );
    let mut csv = Vec::new();
    crate::csv::write_header(&columns, &mut csv);
    crate::csv::write_rows(&batch, &columns, &mut csv);
    assert_eq!(
        String::from_utf8(csv).unwrap(),
        "null,bool,int,float,text,time,duration,set,json\r\n\
         ,false,1,1e+300,\"x,y\",1970-01-01T00:00:00.000001Z,PT0.000001S,\"[\"\"a\"\"]\",[null]\r\n\
         ,,,,,,,,\r\n"
    );
    let mut stream = crate::ArrowStream::new(&columns).unwrap();
    let mut bytes = stream.batch(&batch).unwrap();
    bytes.extend(stream.finish().unwrap());
    let mut back = datafusion::arrow::ipc::reader::StreamReader::try_new(&bytes[..], None).unwrap();
    assert_eq!(back.next().unwrap().unwrap(), batch);
    assert!(back.next().is_none());
}
