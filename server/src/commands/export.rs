//! `agentpm export`: the log as NDJSON, event by event as the API gives them.

use super::Connected;
use super::output::{Form, stream_bytes};
use crate::client::At;
use crate::failure::{Failure, exit};
use clap::Args;
use futures::StreamExt;
use reqwest::{Method, header};
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Print the log's events, one JSON object a line, as it stands when it begins
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Only events after this position
    #[arg(long, value_name = "POSITION", conflicts_with = "since_event_id")]
    after: Option<u64>,
    /// Only events after this one
    #[arg(long, value_name = "EVENT")]
    since_event_id: Option<String>,
    /// Only those of this stream
    #[arg(long)]
    stream: Option<String>,
    /// Only those of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only those with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only those of this agent
    #[arg(long)]
    agent_id: Option<String>,
    /// Only those of this time or later
    #[arg(long, alias = "from", value_name = "TIME")]
    from_time: Option<String>,
    /// Only those of this time or earlier
    #[arg(long, alias = "to", value_name = "TIME")]
    to_time: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<u64>,
    /// Write to this file, which appears when all is in it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Whether events can be exported in the form that was asked for, if any was.
///
/// # Errors
/// When they cannot.
pub(super) fn accepts(form: Option<Form>) -> Result<(), Failure> {
    match form {
        None | Some(Form::Ndjson) => Ok(()),
        Some(Form::Table | Form::Json | Form::Csv) => Err(Failure::usage(
            "export writes NDJSON and nothing else; `agentpm query \"SELECT … FROM events\"` has every form",
        )),
    }
}

pub(super) async fn run(export: Export, to: Connected) -> Result<(), Failure> {
    let at = At::path(&["events"])
        .with("after", export.after)
        .with("since_event_id", export.since_event_id)
        .with("stream", export.stream)
        .with("type", export.kind)
        .with("tag", export.tag)
        .with("agent_id", export.agent_id)
        .with("from_time", export.from_time)
        .with("to_time", export.to_time)
        .with("limit", export.limit);
    let request = to.client.request(Method::GET, &at).header(header::ACCEPT, "application/x-ndjson");
    let mut lines = to.client.send(request).await?.bytes_stream();
    let mut out = Out::to(export.file.as_deref())?;
    while let Some(part) = lines.next().await {
        let part = part.map_err(|error| {
            Failure::new(exit::UNREACHABLE, format!("the answer broke off, events are missing: {error}"))
        })?;
        if !out.write(&part)? {
            return Ok(());
        }
    }
    out.finish()
}

/// What a file may be to whom, before the umask.
const FILE_MODE: u32 = 0o666;

/// Where an answer goes.
pub(super) enum Out<'a> {
    Stdout,
    /// Under another name beside it until all is in it.
    File(NamedTempFile, &'a Path),
}

impl<'a> Out<'a> {
    pub(super) fn to(file: Option<&'a Path>) -> Result<Self, Failure> {
        let Some(path) = file else { return Ok(Self::Stdout) };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let beside =
            tempfile::Builder::new().permissions(Permissions::from_mode(FILE_MODE)).tempfile_in(folder);
        let beside = beside.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        Ok(Self::File(beside, path))
    }

    /// Writes; `false` when nobody reads it any more.
    pub(super) fn write(&mut self, part: &[u8]) -> Result<bool, Failure> {
        match self {
            Self::Stdout => stream_bytes(part),
            Self::File(file, path) => {
                file.write_all(part).map_err(|error| unwritten(path, &error))?;
                Ok(true)
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        let Self::File(file, path) = self else { return Ok(()) };
        file.as_file().sync_all().map_err(|error| unwritten(path, &error))?;
        file.persist(path).map_err(|error| unwritten(path, &error.error))?;
        Ok(())
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::internal(format!("{}: {error}", path.display()))
}
