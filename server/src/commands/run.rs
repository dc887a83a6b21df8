use super::{Connected, Id};
use crate::client::At;
use crate::failure::Failure;
use clap::{Args, Subcommand};

/// Runs: attempts at tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum Run {
    /// List runs
    List(List),
    /// Show a run
    Get(Id),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this task
    #[arg(long)]
    task_id: Option<String>,
    /// Only those of this agent
    #[arg(long, alias = "owner")]
    agent_id: Option<String>,
    /// Only these, with commas between
    #[arg(long)]
    status: Option<String>,
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

pub(super) async fn run(run: Run, to: Connected) -> Result<(), Failure> {
    let data = match run {
        Run::List(list) => {
            let at = At::path(&["runs"]).with("task_id", list.task_id).with("agent_id", list.agent_id);
            let at = at.with("status", list.status).with("fields", list.fields).with("limit", list.limit);
            to.client.get(&at.with("offset", list.offset)).await?
        }
        Run::Get(id) => to.client.get(&At::path(&["runs", id.as_str()])).await?,
    };
    to.print(&data)
}
