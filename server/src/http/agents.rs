//! Agents: who works.

use super::carry::carry_out;
use super::list::{Page, columns, one};
use super::{Answer, Call};
use crate::app::Shared;
use crate::wire::args::{self, Args};
use crate::wire::work::register_agent;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::{get, post};
use domain::Command;
use domain::rows::{Role, Row, Table};
use query::tables::{RowFields, agents};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/agents/register", post(register))
        .route("/agents", get(list))
        .route("/agents/{id}", get(show))
}

async fn register(State(app): State<Shared>, call: Call) -> Answer {
    let command = call.decode(register_agent)?;
    carry_out(&app, call, Command::RegisterAgent(command)).await
}

async fn show(State(app): State<Shared>, Path(id): Path<String>, uri: Uri) -> Answer {
    args::none(&uri)?;
    let pinned = app.engine.pin();
    let agent = pinned.agent(&id);
    one(pinned.head().position, "agent", &id, agent.as_deref().map(RowFields::Agent))
}

async fn list(State(app): State<Shared>, uri: Uri) -> Answer {
    let (roles, cap, page, columns) = Args::decode(&uri, |args| {
        (
            args.among("role", Role::ALL),
            args.text("cap"),
            Page::of(args),
            columns(args, &agents::SCHEMA, &["metadata"]),
        )
    })?;
    let pinned = app.engine.pin();
    let rows = pinned.iter(Table::Agents).filter_map(|(_, version)| match &version.row {
        Row::Agent(agent) => Some(agent),
        _ => None,
    });
    let rows = rows.filter(|agent| roles.is_empty() || roles.contains(&agent.role));
    let rows = rows.filter(|agent| cap.as_deref().is_none_or(|cap| agent.caps.contains(cap)));
    Ok(page.answer(pinned.head().position, "agents", rows, |out, agent| {
        columns.push(out, &RowFields::Agent(agent));
    }))
}
