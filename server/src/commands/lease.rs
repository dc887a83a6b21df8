use super::{Connected, Id, body};
use crate::client::At;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Serialize;

/// Leases: who may write to a task.
#[derive(Debug, Subcommand)]
pub(crate) enum Lease {
    /// Take a task by its id
    Acquire(Acquire),
    /// Keep a lease for longer
    Renew(Renew),
    /// Give a task back
    Release(Id),
    /// Hand a task over to another agent
    Transfer(Transfer),
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Acquire {
    /// The task
    #[arg(long)]
    task_id: String,
    /// Who takes it
    #[arg(long, alias = "owner")]
    agent_id: String,
    /// In which session
    #[arg(long)]
    session_id: Option<String>,
    /// How long, in seconds
    #[arg(long, alias = "ttl")]
    ttl_s: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Renew {
    #[command(flatten)]
    id: Id,
    /// How long from now, in seconds; as long as before when not said
    #[arg(long, alias = "ttl")]
    ttl_s: Option<f64>,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Transfer {
    #[command(flatten)]
    #[serde(skip)]
    id: Id,
    /// Who has it from now on
    #[arg(long, alias = "to", alias = "owner")]
    agent_id: String,
    /// In which session of theirs
    #[arg(long)]
    session_id: Option<String>,
}

pub(super) async fn run(lease: Lease, to: Connected) -> Result<(), Failure> {
    let data = match lease {
        Lease::Acquire(acquire) => to.client.post(&At::path(&["leases"]), &body(&acquire)).await?,
        Lease::Renew(renew) => {
            let at = At::path(&["leases", renew.id.as_str(), "renew"]);
            let fields = body(&serde_json::json!({"ttl_s": renew.ttl_s}));
            to.client.call(Method::PATCH, &at, Some(&fields)).await?
        }
        Lease::Transfer(transfer) => {
            let at = At::path(&["leases", transfer.id.as_str(), "transfer"]);
            to.client.post(&at, &body(&transfer)).await?
        }
        Lease::Release(id) => {
            to.client.call(Method::DELETE, &At::path(&["leases", id.as_str()]), None).await?
        }
    };
    to.print(&data)
}
