use super::{Connected, Id, Json, body};
use crate::client::At;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde::Serialize;

/// Agents: who works.
#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// Make an agent known, or change what is known of it
    Register(Register),
    /// List agents
    List(List),
    /// Show an agent
    Get(Id),
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Register {
    /// Its id; made by the server when there is none
    #[arg(long)]
    id: Option<String>,
    /// What people call it
    #[arg(long)]
    name: String,
    /// planner, executor, reviewer or coordinator
    #[arg(long)]
    role: Option<String>,
    /// What it can do, with commas between
    #[arg(long, value_delimiter = ',')]
    caps: Vec<String>,
    /// A JSON object
    #[arg(long)]
    metadata: Option<Json>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those with this role
    #[arg(long)]
    role: Option<String>,
    /// Only those that can do this
    #[arg(long)]
    cap: Option<String>,
    /// Columns to show, with commas between
    #[arg(long)]
    fields: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<u32>,
    /// Leave so many out first
    #[arg(long)]
    offset: Option<u32>,
}

pub(super) async fn run(agent: Agent, to: Connected) -> Result<(), Failure> {
    let data = match agent {
        Agent::Register(register) => {
            to.client.post(&At::path(&["agents", "register"]), &body(&register)).await?
        }
        Agent::List(list) => {
            let at = At::path(&["agents"]).with("role", list.role).with("cap", list.cap);
            let at = at.with("fields", list.fields);
            to.client.get(&at.with("limit", list.limit).with("offset", list.offset)).await?
        }
        Agent::Get(id) => to.client.get(&At::path(&["agents", id.as_str()])).await?,
    };
    to.print(&data)
}
