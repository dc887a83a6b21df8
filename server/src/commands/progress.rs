use super::{Connected, Guard, Id, body};
use crate::client::At;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Serialize;

/// Progress items: the steps of a task.
#[derive(Debug, Subcommand)]
pub(crate) enum Progress {
    /// Add steps to a task
    Add(Add),
    /// Check a step off
    Complete(Complete),
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Add {
    /// The task
    #[arg(long)]
    task_id: String,
    /// A step; give it several times for several
    #[arg(long, required = true)]
    items: Vec<String>,
    #[command(flatten)]
    #[serde(flatten)]
    guard: Guard,
}

#[derive(Debug, Args)]
pub(crate) struct Complete {
    #[command(flatten)]
    id: Id,
    /// false takes the check mark away again
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, default_value_t = true)]
    completed: bool,
    /// The same as --completed false
    #[arg(long, conflicts_with = "completed")]
    undo: bool,
    #[command(flatten)]
    guard: Guard,
}

pub(super) async fn run(progress: Progress, to: Connected) -> Result<(), Failure> {
    let data = match progress {
        Progress::Add(add) => to.client.post(&At::path(&["progress_items"]), &body(&add)).await?,
        Progress::Complete(complete) => {
            let mut fields = body(&complete.guard);
            fields["completed"] = (complete.completed && !complete.undo).into();
            let at = At::path(&["progress_items", complete.id.as_str()]);
            to.client.call(Method::PATCH, &at, Some(&fields)).await?
        }
    };
    to.print(&data)
}
