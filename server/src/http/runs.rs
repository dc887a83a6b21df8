//! Runs: attempts at tasks.

use super::carry::carry_out;
use super::list::{Page, columns, one};
use super::{Answer, Call};
use crate::app::Shared;
use crate::error::Code;
use crate::schema::Operation;
use crate::wire::args::{self, Args};
use crate::wire::rows::Columns;
use crate::wire::work::run_events;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::{get, post};
use domain::rows::{Row, RunStatus, Table};
use query::tables::{RowFields, runs};
use serde_json::json;
use store::Text;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/runs", get(list))
        .route("/runs/{id}", get(show))
        .route("/runs/{id}/events", post(append_events))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/runs", "list_runs", "Runs, in order of id.").query(Wanted::of).gives("Runs"),
        Operation::get("/runs/{id}", "get_run", "One run.").gives("Run").fails(&[Code::NotFound]),
        Operation::post(
            "/runs/{id}/events",
            "append_run_events",
            "Tell what happens in a run, under its lease.",
            |fields| run_events(Text::default(), fields),
        )
        .example(json!({ "lease_id": "$lease", "events": [{ "type": "ToolInvoked", "data": { "tool": "cargo" } }] }))
        .gives("Count")
        .changes_work()
        .fails(&[Code::Forbidden]),
    ]
}

async fn show(State(app): State<Shared>, Path(id): Path<String>, uri: Uri) -> Answer {
    args::none(&uri)?;
    let pinned = app.engine.pin();
    let run = pinned.run(&id);
    one(pinned.head().position, "run", &id, run.as_deref().map(RowFields::Run))
}

/// Which runs are asked for.
#[derive(Debug)]
struct Wanted {
    task: Option<String>,
    agent: Option<String>,
    status: Vec<RunStatus>,
    page: Page,
    columns: Columns,
}

impl Wanted {
    fn of(args: &mut Args) -> Self {
        Self {
            task: args.text("task_id"),
            agent: args.text("agent_id"),
            status: args.among("status", RunStatus::ALL),
            page: Page::of(args),
            columns: columns(args, &runs::SCHEMA, &["output"]),
        }
    }
}

async fn list(State(app): State<Shared>, uri: Uri) -> Answer {
    let Wanted { task, agent, status, page, columns } = Args::decode(&uri, Wanted::of)?;
    let pinned = app.engine.pin();
    let position = pinned.head().position;
    let holds = |run: &domain::rows::Run| {
        agent.as_deref().is_none_or(|agent| agent == &*run.agent_id)
            && (status.is_empty() || status.contains(&run.status))
    };
    let write = |out: &mut Vec<u8>, run: std::sync::Arc<domain::rows::Run>| {
        columns.push(out, &RowFields::Run(&run));
    };
    Ok(match task {
        Some(task) => {
            let rows = pinned.runs_of(&task).into_iter().filter(|run| holds(run));
            page.answer(position, "runs", rows, write)
        }
        None => {
            let rows = pinned.iter(Table::Runs).filter_map(|(_, version)| match &version.row {
                Row::Run(run) if holds(run) => Some(run.clone()),
                _ => None,
            });
            page.answer(position, "runs", rows, write)
        }
    })
}

async fn append_events(State(app): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    let command = call.decode(|fields| run_events(id.into(), fields))?;
    carry_out(&app, call, command).await
}
