//! Loading a history: `POST /import?format=beads`, a body of NDJSON that is read as it comes.

use super::Answer;
use crate::app::Shared;
use crate::error::{Code, Error};
use crate::import::{self, ImportError, LINE_BYTES_MAX, Options};
use crate::schema::{NDJSON, Operation};
use crate::wire::args::Args;
use crate::wire::envelope::{answer, push};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::routing::post;
use futures::{Stream, StreamExt};
use std::io;
use std::time::Duration;
use store::Position;
use tokio::time::timeout;
use tokio_util::io::{StreamReader, SyncIoBridge};

/// Longest wait for the next part of the body: while an import runs other writers are refused, so a sender that
/// has gone must not hold them up for ever.
const BODY_IDLE_MAX: Duration = Duration::from_secs(30);

/// The formats there are.
const FORMATS: &[&str] = &["beads"];

pub(super) fn routes() -> Router<Shared> {
    // No bound on the body as a whole: it is never held, and each line has its own.
    Router::new().route("/import", post(run)).layer(DefaultBodyLimit::disable())
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post_stream("/import", "import", "Load a history, one JSON object a line.", NDJSON)
            .query(wanted)
            .gives("ImportReport")
            .keeps_no_answer()
            .fails(&[Code::Conflict]),
    ]
}

async fn run(State(app): State<Shared>, uri: Uri, headers: HeaderMap, body: Body) -> Answer {
    let options = Args::decode(&uri, wanted)?;
    is_ndjson(&headers)?;
    let stop = app.stop.clone();
    // A task of its own: it holds the gate to its end, also when the client goes away in the middle.
    let import = tokio::spawn(async move {
        let _closed = app.gate.close().await?;
        let input = SyncIoBridge::new(StreamReader::new(Box::pin(parts(body, stop))));
        let inner = app.clone();
        let done = tokio::task::spawn_blocking(move || import::run(inner.store(), input, &options, |_| {}));
        let report = done.await.map_err(|panic| ImportError::Internal(panic.to_string()));
        Ok::<_, Error>(report.and_then(|report| report)?)
    });
    let report = import.await.map_err(|panic| Error::from(ImportError::Internal(panic.to_string())))??;
    Ok(answer(Position(report.position), |out| push(out, &report)))
}

fn wanted(args: &mut Args) -> Options {
    if args.among("format", FORMATS).is_empty() {
        args.problem("format", "expected format=beads");
    }
    let project_id = args.text("project").map(Into::into);
    Options { project_id, restamp: args.flag("restamp").unwrap_or(false) }
}

fn is_ndjson(headers: &HeaderMap) -> Result<(), Error> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if given.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/x-ndjson") {
        return Ok(());
    }
    Err(Error::problem("", "expected the content type application/x-ndjson, one JSON object a line")
        .status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// The body as it comes, ended with an error when it stalls or the server stops.
fn parts(body: Body, stop: tokio_util::sync::CancellationToken) -> impl Stream<Item = io::Result<Bytes>> {
    futures::stream::unfold((body.into_data_stream(), stop), |(mut frames, stop)| async move {
        let next = tokio::select! {
            () = stop.cancelled() => Some(Err(io::Error::other("the server is shutting down"))),
            next = timeout(BODY_IDLE_MAX, frames.next()) => match next {
                Ok(frame) => frame.map(|frame| frame.map_err(io::Error::other)),
                Err(_) => Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the body stopped coming"))),
            },
        };
        next.map(|next| (next, (frames, stop)))
    })
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        let message = error.to_string();
        match error {
            ImportError::LineTooLong { .. } => Self::new(Code::PayloadTooLarge, message)
                .details(serde_json::json!({"bytes_max": LINE_BYTES_MAX})),
            ImportError::Read { .. } => {
                Self::problem("", message).hint("what was imported stays; send the same input again to go on")
            }
            ImportError::NothingUsable { .. } => {
                Self::problem("", message).hint("each line is a beads issue, or {\"at\",\"commit\",\"op\",…}")
            }
            ImportError::OutOfOrder { .. } | ImportError::InFuture { .. } => Self::problem("", message),
            ImportError::HeadIsLater { head, .. } => Self::new(Code::Conflict, message)
                .details(serde_json::json!({"head_time": domain::time::format(head)}))
                .hint("import into an empty log, or with restamp=true (--restamp)"),
            ImportError::InputDiffers { line } => Self::new(Code::Conflict, message)
                .details(serde_json::json!({"line": line}))
                .hint("give the input that was interrupted, or import into an empty log"),
            ImportError::Refused(_) => Self::unavailable(message),
            ImportError::Internal(_) => Self::new(Code::Internal, message),
        }
    }
}
