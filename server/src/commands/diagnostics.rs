//! `agentpm diagnostics export`: what somebody who looks into a problem needs, as one archive.

use super::Connected;
use super::export::Out;
use crate::client::At;
use crate::failure::{Failure, exit};
use clap::{Args, Subcommand};
use futures::StreamExt;
use reqwest::Method;
use serde_json::json;
use std::path::PathBuf;

/// What helps to look into a problem.
#[derive(Debug, Subcommand)]
pub(crate) enum Diagnostics {
    /// Write an archive (.tar.gz) with versions, settings, figures, newest events and log lines; no secrets
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Where it goes
    #[arg(long, value_name = "FILE", default_value = "agentpm-diagnostics.tar.gz")]
    file: PathBuf,
    /// How many of the newest events, up to 10,000 [default: 1000]
    #[arg(long)]
    events: Option<u64>,
    /// Put the events' data in too, which are left out otherwise
    #[arg(long)]
    data: bool,
}

pub(super) async fn run(diagnostics: Diagnostics, to: Connected) -> Result<(), Failure> {
    let Diagnostics::Export(export) = diagnostics;
    let at = At::path(&["diagnostics", "bundle"])
        .with("events", export.events)
        .with("data", export.data.then_some(true));
    let mut parts = to.client.send(to.client.request(Method::GET, &at)).await?.bytes_stream();
    let mut out = Out::to(Some(&export.file))?;
    let mut bytes = 0;
    while let Some(part) = parts.next().await {
        let part =
            part.map_err(|error| Failure::new(exit::UNREACHABLE, format!("the answer broke off: {error}")))?;
        bytes += part.len();
        out.write(&part)?;
    }
    out.finish()?;
    to.print(&json!({ "file": export.file.display().to_string(), "bytes": bytes }))
}
