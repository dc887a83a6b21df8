use super::{Connected, Id, Json, body};
use crate::client::At;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

/// Sessions: agents at work, and whether they still are.
#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// Say that an agent begins to work
    Start(Start),
    /// Say that it still works; renews its leases, and answers what to do with each
    Heartbeat(Heartbeat),
    /// Say that it has stopped; gives its leases back
    End(Id),
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Start {
    /// Its id; made by the server when there is none
    #[arg(long)]
    id: Option<String>,
    /// Who works
    #[arg(long, alias = "owner")]
    agent_id: String,
    /// A JSON object
    #[arg(long)]
    metadata: Option<Json>,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Heartbeat {
    #[command(flatten)]
    #[serde(skip)]
    id: Id,
    /// Leases to renew, with commas between; all of the session's when not said
    #[arg(long, value_delimiter = ',')]
    leases: Vec<String>,
    /// Progress meanwhile: a JSON list of {id, completed} or {task_id, items}
    #[arg(long)]
    progress: Option<Json>,
}

pub(super) async fn run(session: Session, to: Connected) -> Result<(), Failure> {
    let data = match &session {
        Session::Start(start) => to.client.post(&At::path(&["sessions", "start"]), &body(start)).await?,
        Session::Heartbeat(beat) => {
            to.client.post(&At::path(&["sessions", beat.id.as_str(), "heartbeat"]), &body(beat)).await?
        }
        Session::End(id) => to.client.post(&At::path(&["sessions", id.as_str(), "end"]), &json!({})).await?,
    };
    to.print(&data)
}
