//! `GET /diagnostics/bundle`: what somebody who looks into a problem needs, in one archive, without secrets.

use super::{Answer, blocking};
use crate::app::Shared;
use crate::clock;
use crate::error::{Code, Error};
use crate::schema::Operation;
use crate::telemetry;
use crate::wire::args::Args;
use crate::wire::time::rfc3339;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use domain::rows::{Row, Table};
use flate2::Compression;
use flate2::write::GzEncoder;
use query::json as wire;
use serde_json::{Value, json};
use std::io;
use store::{Direction, Position, ReadError, Reader};
use tar::{Builder, Header};

/// Format of the archive: its files and what is in them. Raised when one changes its meaning.
const FORMAT: u32 = 1;

/// Events in a bundle when nobody says how many, and at most.
const EVENTS_DEFAULT: u64 = 1_000;
const EVENTS_MAX: u64 = 10_000;

/// Bytes of events after which older ones are left out: a bundle is sent by mail.
const EVENTS_BYTES_MAX: usize = 32 << 20;

/// Folder of the files in the archive.
const FOLDER: &str = "agentpm-diagnostics";

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/diagnostics/bundle", get(bundle))
}

pub(super) fn operations() -> Vec<Operation> {
    let what = "What is needed to look into a problem, in one archive.";
    vec![
        Operation::get("/diagnostics/bundle", "bundle_diagnostics", what)
            .query(Wanted::of)
            .gives_plain("application/gzip", json!({ "type": "string" })),
    ]
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    events: u64,
    /// Whether events come with their data.
    data: bool,
}

impl Wanted {
    fn of(args: &mut Args) -> Self {
        Self {
            events: args.int_in("events", 0..=EVENTS_MAX).unwrap_or(EVENTS_DEFAULT),
            data: args.flag("data").unwrap_or(false),
        }
    }
}

async fn bundle(State(app): State<Shared>, uri: Uri) -> Answer {
    let wanted = Args::decode(&uri, Wanted::of)?;
    let archive =
        blocking(move || Bundle::of(&app, wanted).map_err(Error::from).and_then(Bundle::pack)).await??;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/gzip")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"agentpm-diagnostics.tar.gz\""),
        ),
    ];
    Ok((headers, archive).into_response())
}

/// The files of a bundle, the manifest last to be made and first to be read.
struct Bundle {
    made_at_s: u64,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Bundle {
    fn of(app: &Shared, wanted: Wanted) -> Result<Self, ReadError> {
        let now = clock::now();
        let reader = app.store().reader();
        let head = reader.head().position;
        let (events, first) = events(&reader, head, wanted)?;
        let pinned = app.engine.pin();
        let rows = Table::ALL.iter().map(|table| (table.name().to_owned(), json!(pinned.count(*table))));
        let unready = app.unready();
        let health = json!({
            "alive": true,
            "ready": unready.is_none(),
            "why_not": unready.map(|error| error.message().to_owned()),
            "writer_stopped": app.store().poisoned().map(|why| why.to_string()),
            "position": head.0,
            "snapshot_position": app.store().checkpoint().0,
        });
        let formats = app.store().storage().formats;
        let versions = json!({
            "agentpm": env!("CARGO_PKG_VERSION"),
            "log_format": formats.log,
            "views_format": formats.views,
            "fold_version": formats.fold,
            "os": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
        });
        let mut files = vec![
            ("versions.json", pretty(&versions)),
            ("health.json", pretty(&health)),
            ("config.json", pretty(&json!({ "settings": app.settings }))),
            ("tables.json", pretty(&Value::Object(rows.collect()))),
            ("metrics.txt", app.metrics.text(app)),
            ("events.ndjson", events),
            ("log.ndjson", telemetry::recent()),
        ];
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let manifest = json!({
            "format": FORMAT,
            "made_at": rfc3339(now),
            "node": app.store().node_id().to_string(),
            "position": head.0,
            "files": names,
            "events": { "first_position": first.map(|first| first.0), "data": wanted.data },
        });
        files.insert(0, ("manifest.json", pretty(&manifest)));
        Ok(Self { made_at_s: u64::try_from(now.as_ms() / 1_000).unwrap_or(0), files })
    }

    fn pack(self) -> Result<Vec<u8>, Error> {
        self.write().map_err(|error| {
            tracing::error!(%error, "a bundle could not be packed");
            Error::new(Code::Internal, "the bundle could not be packed; the server's log says more")
        })
    }

    fn write(self) -> io::Result<Vec<u8>> {
        let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        for (name, bytes) in &self.files {
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(self.made_at_s);
            archive.append_data(&mut header, format!("{FOLDER}/{name}"), bytes.as_slice())?;
        }
        archive.into_inner()?.finish()
    }
}

/// The newest events, oldest first, a line each; and where they begin.
fn events(
    reader: &Reader<Row>,
    head: Position,
    wanted: Wanted,
) -> Result<(Vec<u8>, Option<Position>), ReadError> {
    let (mut lines, mut bytes, mut first) = (Vec::new(), 0, None);
    let newest = reader.events(Position::ZERO, head, Direction::Backward);
    for event in newest.take(usize::try_from(wanted.events).unwrap_or(usize::MAX)) {
        let mut event = event?;
        if !wanted.data {
            event.data = "null".into();
        }
        let mut line = Vec::new();
        wire::event(&event, &mut line);
        line.push(b'\n');
        bytes += line.len();
        if bytes > EVENTS_BYTES_MAX {
            break;
        }
        first = Some(event.position);
        lines.push(line);
    }
    lines.reverse();
    Ok((lines.concat(), first))
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
