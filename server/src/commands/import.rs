//! `agentpm import`: bring a history in, through a server or into a data directory that no server holds.

use super::output::{self, Form};
use crate::client::{At, Client, ClientError};
use crate::config::{Layer, Settings};
use crate::failure::Failure;
use crate::import::git::GitHistory;
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
    /// A beads history: NDJSON of issues or of changes, plain or .xz, .gz, .zst; or a git repository's
    Beads(Beads),
}

#[derive(Debug, Args)]
pub(crate) struct Beads {
    #[command(flatten)]
    source: Source,
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

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The file, or - for stdin
    file: Option<PathBuf>,
    /// The folder that holds .beads in a git repository: what each commit changed there, along first parents
    #[arg(long, value_name = "REPO")]
    git: Option<PathBuf>,
}

impl Import {
    pub(super) fn layer(&self) -> Layer {
        let Self::Beads(beads) = self;
        Layer::flags().with_data(beads.data.as_deref())
    }
}

pub(super) fn run(import: Import, settings: &Settings, form: Option<Form>) -> Result<(), Failure> {
    let Import::Beads(beads) = import;
    let report = match (&beads.source.file, &beads.source.git) {
        (_, Some(repo)) => from_git(repo, settings, &beads),
        (Some(file), None) => from_file(file, settings, &beads),
        (None, None) => Err(Failure::usage("expected a file, - for stdin, or --git REPO")),
    };
    output::print(&report?, Form::or_fitting(form))
}

fn from_file(file: &Path, settings: &Settings, beads: &Beads) -> Result<Value, Failure> {
    let unreadable = |error: io::Error| Failure::usage(format!("{}: {error}", file.display()));
    let (raw, size) = open::open(file).map_err(unreadable)?;
    let bar = progress_bar(size);
    let input = open::decompress(file, bar.wrap_read(raw)).map_err(unreadable)?;
    let (report, _) = carry_out(input, file, settings, beads, &bar)?;
    Ok(report)
}

/// What the importer reports, and `git`: what was read of the repository.
fn from_git(repo: &Path, settings: &Settings, beads: &Beads) -> Result<Value, Failure> {
    let history = GitHistory::open(repo).map_err(|error| Failure::usage(error.to_string()))?;
    let bar = progress_bar(None);
    let input = Shown { history, bar: bar.clone() };
    let (mut report, Shown { history, .. }) = carry_out(input, repo, settings, beads, &bar)?;
    let read =
        serde_json::to_value(history.report()).map_err(|error| Failure::internal(error.to_string()))?;
    report["git"] = read;
    Ok(report)
}

/// A repository's history with its commits counted on the progress line.
struct Shown {
    history: GitHistory,
    bar: ProgressBar,
}

impl Read for Shown {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.history.read(into)?;
        self.bar.inc(read as u64);
        self.bar.set_prefix(format!("{} commits ", self.history.report().commits));
        Ok(read)
    }
}

/// Imports, and gives the report and the input back. `source` is its name for errors.
fn carry_out<R: Read + Send + 'static>(
    mut input: R,
    source: &Path,
    settings: &Settings,
    beads: &Beads,
    bar: &ProgressBar,
) -> Result<(Value, R), Failure> {
    let done = match beads.offline {
        true => offline(&settings.data, &mut input, beads, bar).map(|report| (report, input)),
        false => online(settings, input, source, beads),
    };
    bar.finish_and_clear();
    done
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

fn online<R: Read + Send + 'static>(
    settings: &Settings,
    mut input: R,
    source: &Path,
    beads: &Beads,
) -> Result<(Value, R), Failure> {
    let client = Client::new(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    runtime.block_on(async {
        let (parts, body) = mpsc::channel(PARTS_IN_FLIGHT_MAX);
        let reader = tokio::task::spawn_blocking(move || {
            let sent = send_parts(&mut input, &parts);
            (sent, input)
        });
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
        let (read, input) = reader.await.map_err(|error| Failure::internal(error.to_string()))?;
        read.map_err(|error| Failure::usage(format!("{}: {error}", source.display())))?;
        let mut envelope: Value = answer?
            .json()
            .await
            .map_err(|error| Failure::from(ClientError::Answer(format!("the answer broke off: {error}"))))?;
        Ok((envelope["data"].take(), input))
    })
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
        None => "importing {spinner} {prefix}{bytes} {elapsed}  {msg}",
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is right, see above"));
    bar.enable_steady_tick(TICK);
    bar
}
