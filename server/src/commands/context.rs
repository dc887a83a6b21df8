use super::{Connected, Json, body};
use crate::client::At;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

/// Contexts: what is worth knowing about a task.
#[derive(Debug, Subcommand)]
pub(crate) enum Context {
    /// Add a context to a task
    Add(Add),
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Add {
    /// The task
    #[arg(long)]
    task_id: String,
    /// decision, rationale, attempt, outcome, blocker, note, reference or user_input
    #[arg(long = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// The text
    #[arg(long)]
    content: String,
    /// A JSON object
    #[arg(long)]
    metadata: Option<Json>,
    /// The file it is about: metadata.path
    #[arg(long, alias = "file")]
    #[serde(skip)]
    path: Option<String>,
    /// The context it takes the place of
    #[arg(long)]
    supersedes: Option<String>,
}

pub(super) async fn run(context: Context, to: Connected) -> Result<(), Failure> {
    let Context::Add(add) = context;
    let mut fields = body(&add);
    if let Some(path) = add.path {
        match &mut fields["metadata"] {
            metadata @ (Value::Null | Value::Object(_)) => metadata["path"] = path.into(),
            _ => return Err(Failure::usage("--metadata: expected a JSON object, to hold --path")),
        }
    }
    to.print(&to.client.post(&At::path(&["contexts"]), &fields).await?)
}
