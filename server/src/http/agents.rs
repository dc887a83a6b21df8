//! Agents: who works.

use super::carry::carry_out;
use super::list::{Page, columns, one};
use super::{Answer, Call};
use crate::app::Shared;
use crate::error::Code;
use crate::schema::Operation;
use crate::wire::args::{self, Args};
use crate::wire::rows::Columns;
use crate::wire::work::register_agent;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::{get, post};
use domain::Command;
use domain::rows::{Role, Row, Table};
use query::tables::{RowFields, agents};
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/agents/register", post(register))
        .route("/agents", get(list))
        .route("/agents/{id}", get(show))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            "/agents/register",
            "register_agent",
            "Say who you are and what you can do.",
            register_agent,
        )
        .example(json!({ "id": "ada", "name": "Ada", "role": "executor", "caps": ["rust"] }))
        .gives("Agent")
        .fails(&[Code::NotFound, Code::Conflict]),
        Operation::get("/agents", "list_agents", "Agents, in order of id.").query(Wanted::of).gives("Agents"),
        Operation::get("/agents/{id}", "get_agent", "One agent.").gives("Agent").fails(&[Code::NotFound]),
    ]
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

/// Which agents are asked for.
#[derive(Debug)]
struct Wanted {
    roles: Vec<Role>,
    cap: Option<String>,
    page: Page,
    columns: Columns,
}

impl Wanted {
    fn of(args: &mut Args) -> Self {
        Self {
            roles: args.among("role", Role::ALL),
            cap: args.text("cap"),
            page: Page::of(args),
            columns: columns(args, &agents::SCHEMA, &["metadata"]),
        }
    }
}

async fn list(State(app): State<Shared>, uri: Uri) -> Answer {
    let Wanted { roles, cap, page, columns } = Args::decode(&uri, Wanted::of)?;
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
