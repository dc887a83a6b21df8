//! Statements and what they give, on a small world in memory.

mod aggregates;
mod clauses;
mod coercion;
mod errors;
mod functions;
mod operators;
mod time;

use super::{AsOf, Catalog, Command, TableVersion};
use crate::eval::{Datum, Members};
use crate::functions::time as times;
use crate::lower::{Builder, Reader};
use crate::params::Params;
use crate::tables::{self, TableSchema};
use crate::types::Type;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use grammar::ast::{Moment, MomentKind};
use grammar::{Code, Error};
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::sync::Arc;
use store::{Position, Timestamp};

/// The head of the world: 12 events, one a minute until 12:11 of this day.
const NOW: &str = "2026-01-19T12:12:00Z";

/// A few tasks, relationships, agents, runs and events.
struct World;

fn world(table: &str, version: TableVersion) -> Json {
    match (table, version) {
        ("tasks", TableVersion::At(at)) if at.position.0 < 5 => json!([
            {"id": "a", "title": "Alpha", "status": "open", "priority": 1},
            {"id": "b", "title": "Beta", "status": "open", "priority": 0},
        ]),
        ("tasks", TableVersion::At(_)) => json!([
            // Not in key order: the order of answers is the plan's to make.
            {"id": "c", "title": "Gamma ray", "status": "open", "priority": -2, "caps": ["sql"],
             "labels": ["x"], "attempts": 3, "max_attempts": 3, "version": 5, "score": 1.5, "class": "low",
             "created_at": "2026-01-03T00:00:00Z", "metadata": {"n": 2.5, "s": "zwei", "list": ["p", "q"]}},
            {"id": "a", "title": "Alpha", "status": "completed", "priority": 1, "caps": ["rust", "sql"],
             "labels": [], "attempts": 0, "max_attempts": 3, "version": 7, "score": 4.0, "class": "normal",
             "owner_agent_id": "agent-1", "created_at": "2026-01-01T00:00:00Z", "due_at": "2026-02-01T00:00:00Z",
             "completed_at": "2026-01-02T12:30:00Z", "metadata": {"n": 1, "s": "eins", "deep": {"k": [10, {"x": true}]}}},
            {"id": "b", "title": "beta_50%", "status": "open", "priority": 0, "caps": [],
             "labels": ["x", "y"], "attempts": 1, "max_attempts": 3, "version": 1, "score": 2.0, "class": "critical",
             "created_at": "2026-01-02T00:00:00Z", "metadata": {"n": "1", "s": null, "b": true, "t": "2026-01-19T12:00:00+01:00"}},
            {"id": "d", "title": "", "status": "blocked", "priority": 0, "caps": ["c++", "rust"],
             "labels": ["y"], "attempts": 0, "max_attempts": 1, "version": 2, "score": 2.0, "class": "high",
             "created_at": "2026-01-04T00:00:00Z", "metadata": {}},
        ]),
        ("tasks", TableVersion::History { .. }) => json!([
            {"id": "b", "status": "open", "from_position": 3, "to_position": null, "valid_from": "2026-01-19T12:02:00Z", "actor": "x"},
            {"id": "a", "status": "completed", "from_position": 6, "to_position": null, "valid_from": "2026-01-19T12:05:00Z", "actor": "y"},
            {"id": "a", "status": "open", "from_position": 2, "to_position": 6, "valid_from": "2026-01-19T12:01:00Z",
             "valid_to": "2026-01-19T12:05:00Z", "actor": "x"},
        ]),
        ("next_task", _) => json!([
            {"id": "n2", "class": "critical", "score": 1.0, "created_at": "2026-01-01T00:00:00Z", "caps": ["rust"]},
            {"id": "n3", "class": "normal", "score": 9.5, "created_at": "2026-01-01T00:00:00Z", "caps": ["sql", "rust"]},
            {"id": "n1", "class": "normal", "score": 9.0, "created_at": "2026-01-01T00:00:00Z", "caps": []},
        ]),
        ("relationships", _) => json!([
            {"id": "r1", "from_task_id": "a", "to_task_id": "d", "type": "blocks"},
            {"id": "r2", "from_task_id": "b", "to_task_id": "d", "type": "blocks"},
            {"id": "r3", "from_task_id": "b", "to_task_id": "c", "type": "parent_of"},
            {"id": "r4", "from_task_id": null, "to_task_id": "zz", "type": "relates_to"},
        ]),
        ("runs", _) => json!([
            {"id": "u1", "task_id": "a", "agent_id": "x", "status": "completed", "duration_ms": 1000, "cost": 0.5, "tokens": 10},
            {"id": "u2", "task_id": "a", "agent_id": "x", "status": "failed", "duration_ms": 3000, "cost": 0.25, "tokens": 30},
            {"id": "u3", "task_id": "b", "agent_id": "y", "status": "failed", "duration_ms": 2000, "tokens": 20},
            {"id": "u4", "task_id": "c", "agent_id": "y", "status": "running"},
        ]),
        ("events", _) => Json::Array(
            (1..=12)
                .map(|n: i64| {
                    let kind = if n % 3 == 0 { "RunFailed" } else { "TaskUpdated" };
                    json!({"position": n, "id": format!("E{n}"), "stream": format!("task-{}", n % 2), "revision": n,
                        "type": kind, "time": format!("2026-01-19T12:{:02}:00Z", n - 1), "agent_id": format!("agent-{}", n % 2),
                        "tags": [format!("n:{}", n % 4), "project:p1"],
                        "data": {"duration_ms": n * 10, "who": if n % 2 == 0 { json!("even") } else { json!(n) }}})
                })
                .collect(),
        ),
        _ => json!([]),
    }
}

impl Catalog for World {
    fn schema(&self, table: &str) -> Option<&'static TableSchema> {
        tables::schema(table)
    }

    fn table_names(&self) -> &'static [&'static str] {
        &tables::NAMES
    }

    fn moment(&self, moment: &Moment) -> Result<AsOf, Error> {
        let head = self.present();
        let (position, time) = match &moment.kind {
            MomentKind::Position(position) => (*position, Timestamp(0)),
            MomentKind::Time(time) if *time < head.time.0 => (3, Timestamp(*time)),
            MomentKind::Time(time) => (12, Timestamp(*time)),
            MomentKind::Ago(ago) => (4, Timestamp(head.time.0 - i64::try_from(ago.as_micros()).unwrap())),
            MomentKind::Event(_) => (2, Timestamp(0)),
            MomentKind::Now => return Ok(head),
        };
        if position > 12 || time > head.time {
            return Err(Error::new(Code::MomentAfterHead, moment.span, "the log ends at position 12"));
        }
        Ok(AsOf { position: Position(position), time, is_head: false })
    }

    fn present(&self) -> AsOf {
        AsOf { position: Position(12), time: Timestamp(times::parse(NOW).unwrap()), is_head: true }
    }

    fn provider(
        &self,
        table: &'static TableSchema,
        version: TableVersion,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let schema = table.arrow(matches!(version, TableVersion::History { .. }));
        let rows = world(table.name, version);
        let types = table.columns.iter().chain(tables::HISTORY_COLUMNS).map(|column| column.ty);
        let arrays = schema.fields().iter().zip(types).map(|(field, ty)| {
            let mut builder = Builder::new(ty, 0);
            for row in rows.as_array().unwrap() {
                builder.push(&datum(row.get(field.name()), ty));
            }
            builder.finish()
        });
        let batch =
            datafusion::arrow::array::RecordBatch::try_new(Arc::clone(&schema), arrays.collect()).unwrap();
        Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]]).unwrap()))
    }

    fn next_task(&self, _: Option<&str>, at: AsOf) -> Result<Arc<dyn TableProvider>, Error> {
        self.provider(&tables::next_task::SCHEMA, TableVersion::At(at))
    }

    fn left_out(
        &self,
        _: Option<&str>,
        _: Option<crate::RowPredicate>,
        _: AsOf,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        unreachable!("no statement here asks for it")
    }
}

fn datum(json: Option<&Json>, ty: Type) -> Datum<'static> {
    let owned = |text: &str| Cow::Owned(text.to_owned());
    match (ty, json.unwrap_or(&Json::Null)) {
        (_, Json::Null) => Datum::Null,
        (Type::Json, value) => Datum::Json(Cow::Owned(value.to_string())),
        (Type::Int, value) => Datum::Int(value.as_i64().unwrap()),
        (Type::Float, value) => Datum::Float(value.as_f64().unwrap()),
        (Type::Bool, value) => Datum::Bool(value.as_bool().unwrap()),
        (Type::Text, value) => Datum::Text(owned(value.as_str().unwrap())),
        (Type::Time, value) => Datum::Time(times::parse(value.as_str().unwrap()).unwrap()),
        (Type::Set, value) => {
            let members = value.as_array().unwrap().iter().map(|member| owned(member.as_str().unwrap()));
            Datum::Set(Members::of(members.collect()))
        }
        (ty, value) => panic!("{value} as {ty:?}"),
    }
}

/// A value as answers show it.
fn show(value: &Datum<'_>) -> String {
    match value {
        Datum::Null => "null".to_owned(),
        Datum::Text(text) => format!("'{text}'"),
        Datum::Time(time) => {
            let text = times::format(*time);
            text.replace(".000000Z", "Z")
        }
        Datum::Float(number) => format!("{number:?}"),
        Datum::Duration(micros) => match micros % 1_000_000 {
            0 => format!("{}s", micros / 1_000_000),
            _ => format!("{micros}us"),
        },
        Datum::Set(members) => format!("{{{}}}", members.join(",")),
        Datum::Json(json) => format!("json {json}"),
        Datum::Int(number) => number.to_string(),
        Datum::Bool(truth) => truth.to_string(),
    }
}

/// What a statement gives: a line with the names of its columns, a line per row; or a line per error with its
/// code, the text it points at, its message and its hint.
fn answer(statement: &str, params: &Json) -> String {
    let errors = match run(statement, params) {
        Ok(lines) => return lines.join("\n"),
        Err(errors) => errors,
    };
    let lines: Vec<String> = errors
        .iter()
        .map(|error| {
            let place = statement.get(error.span.start..error.span.end).unwrap_or("?");
            let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{} «{place}» {}{hint}", error.code.as_str(), error.message)
        })
        .collect();
    lines.join("\n")
}

fn run(statement: &str, params: &Json) -> Result<Vec<String>, Vec<Error>> {
    let parsed = grammar::parse(statement).map_err(|error| vec![error])?;
    let params = Params::from_json(params)?;
    let planned = match super::statement(&parsed, statement, &World, &params)? {
        Command::Query(planned) | Command::Explain { planned, .. } => *planned,
        Command::Claim(claim) => {
            return Ok(vec![format!("{} {:?} {}", claim.agent, claim.lease_ms, claim.limit)]);
        }
        Command::Live(subscription) => {
            let names = subscription.query.columns().iter().map(|column| column.name.as_str());
            return Ok(vec![format!("{:?} {}", subscription.start, names.collect::<Vec<_>>().join(" | "))]);
        }
        Command::Subscribe(subscription) => {
            let sought = &subscription.events.sought;
            return Ok(vec![format!(
                "{:?} types {:?} streams {:?} tags {:?}",
                subscription.start, sought.types, sought.streams, sought.tags
            )]);
        }
    };
    let mut lines =
        vec![planned.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(" | ")];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let context = SessionContext::new_with_state(crate::engine::session());
    let batches =
        runtime.block_on(async { context.execute_logical_plan(planned.plan.clone()).await?.collect().await });
    let batches = batches.map_err(|error| match crate::error::runtime_error(&error) {
        Some(error) => vec![super::named(error, statement)],
        None => panic!("{statement}\n{}\n{error}", planned.plan.display_indent()),
    })?;
    for batch in batches {
        let names: Vec<&str> =
            batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(
            names,
            planned.columns.iter().map(|column| &*column.name).collect::<Vec<_>>(),
            "{statement}"
        );
        let readers: Vec<Reader> = batch
            .columns()
            .iter()
            .zip(&planned.columns)
            .map(|(array, column)| {
                assert_eq!(array.data_type(), &column.ty.arrow(), "{statement}: {}", column.name);
                Reader::new(array, column.ty).unwrap()
            })
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = readers.iter().map(|reader| show(&reader.get(row))).collect();
            lines.push(values.join(" | "));
        }
    }
    Ok(lines)
}

/// The answer to a statement, line by line; blanks around lines do not count.
#[track_caller]
fn check(statement: &str, expected: &str) {
    check_with(statement, &Json::Null, expected);
}

/// The same with parameters.
#[track_caller]
fn check_with(statement: &str, params: &Json, expected: &str) {
    let trim =
        |text: &str| text.trim().lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n");
    let (found, expected) = (trim(&answer(statement, params)), trim(expected));
    assert!(found == expected, "{statement}\n--- expected\n{expected}\n--- found\n{found}\n");
}

/// What expressions give for task `a`: one a line, `expression => value`.
#[track_caller]
fn values(lines: &str) {
    let mut wrong = Vec::new();
    for line in lines.trim().lines() {
        let (expr, expected) = line.rsplit_once("=>").unwrap_or_else(|| panic!("no => in {line}"));
        let (expr, expected) = (expr.trim(), expected.trim());
        let found = answer(&format!("SELECT {expr} AS v FROM tasks WHERE id = 'a'"), &Json::Null);
        let found = found.strip_prefix("v\n").unwrap_or(&found);
        if found != expected {
            wrong.push(format!("{expr}\n   expected {expected}\n   found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
