//! Runs: attempts at tasks.

use super::carry::carry_out;
use super::list::{Page, columns, one};
use super::{Answer, Call};
use crate::app::Shared;
use crate::wire::args::{self, Args};
use crate::wire::work::run_events;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::{get, post};
use domain::rows::{Row, RunStatus, Table};
use query::tables::{RowFields, runs};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/runs", get(list))
        .route("/runs/{id}", get(show))
        .route("/runs/{id}/events", post(append_events))
}

async fn show(State(app): State<Shared>, Path(id): Path<String>, uri: Uri) -> Answer {
    args::none(&uri)?;
    let pinned = app.engine.pin();
    let run = pinned.run(&id);
    one(pinned.head().position, "run", &id, run.as_deref().map(RowFields::Run))
}

async fn list(State(app): State<Shared>, uri: Uri) -> Answer {
    let (task, agent, status, page, columns) = Args::decode(&uri, |args| {
        (
            args.text("task_id"),
            args.text("agent_id"),
            args.among("status", RunStatus::ALL),
            Page::of(args),
            columns(args, &runs::SCHEMA, &["output"]),
        )
    })?;
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
