//! `agentpm import`: bring a history in, through a server or into a data directory that no server holds.

use super::output::{self, Form};
use crate::client::{At, Client, ClientError};
use crate::config::{Layer, Settings};
use crate::failure::Failure;
use crate::import::{self, ImportError, Options, open};
use crate::server::open_store;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::{Body, Method, header};
use serde_json::Value;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// What is read from the file at a time, and how many such parts may wait for the server: a MiB in all.
const PART_BYTES: usize = 256 << 10;
const PARTS_IN_FLIGHT_MAX: usize = 4;

/// How often the progress line is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// Bring a history in.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// A beads history: NDJSON of issues or of changes, plain or .xz, .gz, .zst
    Beads(Beads),
}

#[derive(Debug, Args)]
pub(crate) struct Beads {
    /// The file, or - for stdin
    file: PathBuf,
    /// The project of every imported task
    #[arg(long)]
    project: Option<String>,
    /// Stamp events with the present; a change's own time goes to metadata.origin_time
    #[arg(long)]
    restamp: bool,
    /// Write into the data directory itself; no server may hold it
    #[arg(long)]
    offline: bool,
    /// The data directory, with --offline [env: AGENTPM_DB] [default: ~/.agentpm/data]
    #[arg(long, value_name = "DIR", requires = "offline")]
    data: Option<PathBuf>,
}

impl Import {
    pub(super) fn layer(&self) -> Layer {
        let Self::Beads(beads) = self;
        Layer { data: beads.data.clone(), ..Layer::default() }
    }
}

pub(super) fn run(import: Import, settings: &Settings, form: Option<Form>) -> Result<(), Failure> {
    let Import::Beads(beads) = import;
    let unreadable = |error: io::Error| Failure::usage(format!("{}: {error}", beads.file.display()));
    let (raw, size) = open::open(&beads.file).map_err(unreadable)?;
    let bar = progress_bar(size);
    let input = open::decompress(&beads.file, bar.wrap_read(raw)).map_err(unreadable)?;
    let report = match beads.offline {
        true => offline(&settings.data, input, &beads, &bar),
        false => online(settings, input, &beads),
    };
    bar.finish_and_clear();
    output::print(&report?, Form::or_fitting(form))
}

fn offline(data: &Path, input: impl Read + Send, beads: &Beads, bar: &ProgressBar) -> Result<Value, Failure> {
    let store = open_store(data, bulk())?;
    let options = Options { project_id: beads.project.as_deref().map(Into::into), restamp: beads.restamp };
    let report = import::run(&store, input, &options, |progress| {
        bar.set_message(format!("{} lines, {} events", progress.lines, progress.events));
    });
    // What was committed stays, however the import ended.
    let closed = store.close().map_err(|error| Failure::internal(error.to_string()));
    let report = report.map_err(failure)?;
    closed?;
    serde_json::to_value(report).map_err(|error| Failure::internal(error.to_string()))
}

fn online(settings: &Settings, input: Box<dyn Read + Send>, beads: &Beads) -> Result<Value, Failure> {
    let client = Client::new(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    let report = runtime.block_on(async {
        let (parts, body) = mpsc::channel(PARTS_IN_FLIGHT_MAX);
        let reader = tokio::task::spawn_blocking(move || send_parts(input, &parts));
        let at = At::path(&["import"])
            .with("format", Some("beads"))
            .with("project", beads.project.as_ref())
            .with("restamp", beads.restamp.then_some(true));
        let request = client
            .request(Method::POST, &at)
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(Body::wrap_stream(ReceiverStream::new(body)));
        let answer = client.send(request).await;
        // The file's own fault goes before what the server made of a body that broke off.
        let read = reader.await.map_err(|error| Failure::internal(error.to_string()))?;
        read.map_err(|error| Failure::usage(format!("{}: {error}", beads.file.display())))?;
        let mut envelope: Value = answer?
            .json()
            .await
            .map_err(|error| Failure::from(ClientError::Answer(format!("the answer broke off: {error}"))))?;
        Ok::<_, Failure>(envelope["data"].take())
    })?;
    Ok(report)
}

/// Nobody waits for a single answer of an offline import: larger commits, fewer of them.
fn bulk() -> store::Options {
    store::Options { drain_events_max: 8_192, drain_bytes_max: 8 << 20, ..store::Options::default() }
}

/// Reads the input to its end, or until nobody takes it any more.
fn send_parts(mut input: impl Read, parts: &mpsc::Sender<io::Result<bytes::Bytes>>) -> io::Result<()> {
    loop {
        let mut part = vec![0; PART_BYTES];
        let read = match input.read(&mut part) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                // The body must not look complete to the server.
                let _ = parts.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
                return Err(error);
            }
        };
        part.truncate(read);
        if parts.blocking_send(Ok(part.into())).is_err() {
            return Ok(());
        }
    }
}

fn failure(error: ImportError) -> Failure {
    let error = crate::error::Error::from(error);
    Failure::new(error.code().exit_code(), error.message())
}

/// A bar on stderr where that is a terminal; nothing elsewhere.
fn progress_bar(size: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
    let template = match size {
        Some(_) => "importing {bar:30} {bytes}/{total_bytes} {eta} left  {msg}",
        None => "importing {spinner} {bytes} {elapsed}  {msg}",
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is right, see above"));
    bar.enable_steady_tick(TICK);
    bar
}
