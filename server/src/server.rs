//! A running server: opened, serving, brought down in order.

use crate::app::{App, Shared};
use crate::auth::Policy;
use crate::config::Rate;
use crate::durable::{self, Durable};
use crate::failure::{Failure, exit};
use crate::follow::deal;
use crate::http::front::Front;
use crate::listen::{UnixSocket, serve_tcp, serve_unix};
use crate::metrics::{Metrics, WriterMetrics};
use crate::timers::{expire, write_snapshots};
use crate::waiting::dispatch;
use domain::Work;
use query::Engine;
use serde::Serialize;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{Cursors, OpenError, Store};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Longest wait for what was accepted when the server stops: below the ten seconds after which supervisors
/// kill. Who is not done by then has a connection that takes nothing.
const STOP_TIME_MAX: Duration = Duration::from_secs(8);

/// What a server is started with.
#[derive(Clone)]
pub(crate) struct Config {
    /// The data directory; made when there is none.
    pub(crate) data: PathBuf,
    /// The Unix socket.
    pub(crate) socket: PathBuf,
    /// The TCP address, if any.
    pub(crate) listen: Option<SocketAddr>,
    /// Who is let in over TCP.
    pub(crate) policy: Policy,
    /// The certificate and key of TLS on that address.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Every setting as it holds, without secrets.
    pub(crate) settings: serde_json::Value,
    /// Requests of one connection, and of one agent.
    pub(crate) rate_per_connection: Rate,
    /// See there.
    pub(crate) rate_per_agent: Rate,
    /// Whether those hold on the Unix socket too.
    pub(crate) rate_limit_unix: bool,
    /// Subscriptions that may be open.
    pub(crate) subscriptions_max: usize,
    /// Subscriptions of one WebSocket.
    pub(crate) subscriptions_per_connection_max: usize,
    /// Whether webhooks may lead anywhere.
    pub(crate) webhook_allow_private: bool,
    /// From when on a request is slow.
    pub(crate) slow_request: Duration,
    /// Events that the views on disk may be behind the log.
    pub(crate) snapshot_every_events: u64,
    /// Bounds of queries.
    pub(crate) query: query::Options,
    /// Time that the views on disk may be behind the log.
    pub(crate) snapshot_every: Duration,
    /// How long a session may be silent before it is lost.
    pub(crate) session_timeout_ms: i64,
}

#[cfg(test)]
impl Config {
    /// A server of a test's own, in that directory.
    pub(crate) fn at(dir: &std::path::Path) -> Self {
        use crate::config::{Layer, Settings};
        let settings = Settings::resolve(&[Layer::flags()], Some(dir)).unwrap();
        crate::commands::serve_config(&settings).unwrap()
    }
}

/// Where queries put what does not fit their memory, in the data directory; made anew at every start.
const SPILL: &str = "tmp/query";

/// A server that is ready.
#[derive(Debug)]
pub(crate) struct Server {
    app: Shared,
    socket: PathBuf,
    listen: Option<SocketAddr>,
}

/// The one line on stdout that says that the server is ready.
#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    socket: &'a str,
    listen: Option<String>,
    position: u64,
}

impl Server {
    /// Opens the data directory and begins to serve. Must be called in a runtime.
    ///
    /// # Errors
    /// When another holds the directory, it cannot be opened, or a socket cannot be made.
    pub(crate) async fn start(config: Config) -> Result<Self, Failure> {
        let data = config.data.clone();
        let options =
            store::Options { tail_events_max: config.snapshot_every_events, ..store::Options::default() };
        let metrics = Metrics::default();
        let writer = metrics.writer.clone();
        let query = query::Options { spill_dir: Some(data.join(SPILL)), ..config.query.clone() };
        let anywhere = config.webhook_allow_private;
        let opened = tokio::task::spawn_blocking(move || open(&data, options, query, writer, anywhere));
        let (engine, durable) = opened.await.map_err(|error| Failure::internal(error.to_string()))??;
        let app = App::new(engine, durable, metrics, &config);
        let unix = UnixSocket::bind(&config.socket)?;
        let tcp = match config.listen {
            None => None,
            Some(address) => Some(
                TcpListener::bind(address)
                    .await
                    .map_err(|error| Failure::internal(format!("listen on {address}: {error}")))?,
            ),
        };
        let listen = tcp.as_ref().and_then(|listener| listener.local_addr().ok());
        let front = Front::new(app.clone());
        app.open.spawn(serve_unix(front.clone(), unix));
        if let Some(listener) = tcp {
            app.open.spawn(serve_tcp(front, listener, config.tls));
        }
        app.open.spawn(expire(app.clone()));
        app.open.spawn(dispatch(app.clone()));
        app.open.spawn(deal(app.clone()));
        app.open.spawn(durable::dispatch::dispatch(app.clone()));
        app.durable.start_posting(&app);
        app.open.spawn(write_snapshots(app.clone(), config.snapshot_every));
        Ok(Self { app, socket: config.socket, listen })
    }

    /// The line that says that the server is ready.
    pub(crate) fn ready_line(&self) -> String {
        let ready = Ready {
            ready: true,
            socket: &self.socket.to_string_lossy(),
            listen: self.listen.map(|address| address.to_string()),
            position: self.app.store().head().position.0,
        };
        serde_json::to_string(&ready).unwrap_or_default()
    }

    /// Serves until `stop` is done or the writer has stopped, then finishes what was accepted.
    ///
    /// # Errors
    /// When the writer stopped by itself, or the last checkpoint could not be written.
    pub(crate) async fn serve_until(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let poisoned = tokio::select! {
            () = stop => None,
            why = self.app.store().wait_poisoned() => Some(why),
        };
        tracing::info!("stopping");
        self.app.stop.cancel();
        self.app.open.close();
        if tokio::time::timeout(STOP_TIME_MAX, self.app.open.wait()).await.is_err() {
            tracing::warn!("some connections were not done in time and are cut off");
        }
        if let Some(why) = poisoned {
            tracing::error!(%why, "the writer has stopped");
            return Err(Failure::internal(format!("the writer has stopped: {why}")));
        }
        let (store, durable) = (self.app.store().clone(), self.app.durable.clone());
        let close = move || {
            durable.close();
            store.close()
        };
        tokio::task::spawn_blocking(close)
            .await
            .map_err(|error| Failure::internal(error.to_string()))?
            .map_err(|error| Failure::internal(error.to_string()))
    }
}

/// Opens a data directory for this process alone.
///
/// # Errors
/// When another process holds it, its format is unknown, or it is damaged.
pub(crate) fn open_store(data: &std::path::Path, options: store::Options) -> Result<Store<Work>, Failure> {
    let started = std::time::Instant::now();
    let (store, opened) = Store::open(data, Work::new(), options).map_err(cannot_open)?;
    tracing::info!(
        position = opened.head.position.0,
        checkpoint = opened.checkpoint.0,
        replayed_events = opened.replayed_events,
        elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "opened"
    );
    Ok(store)
}

/// How the program ends when a data directory cannot be opened.
pub(crate) fn cannot_open(error: OpenError) -> Failure {
    let code = match &error {
        OpenError::Held { .. } | OpenError::UnknownFormat { .. } => exit::CONFLICT,
        OpenError::NoLog { .. } => exit::USAGE,
        OpenError::Damaged(_)
        | OpenError::LogBehindCheckpoint { .. }
        | OpenError::Option { .. }
        | OpenError::Io(_) => exit::INTERNAL,
    };
    let what_now = match &error {
        OpenError::Damaged(_) => "; nothing was changed: `agentpm verify` names all that is damaged",
        _ => "",
    };
    Failure::new(code, format!("{error}{what_now}"))
}

fn open(
    data: &std::path::Path,
    options: store::Options,
    query: query::Options,
    counted: Arc<WriterMetrics>,
    anywhere: bool,
) -> Result<(Engine, Arc<Durable>), Failure> {
    let internal = |error: &dyn std::error::Error| Failure::internal(error.to_string());
    let store = open_store(data, options)?;
    let meter = counted.clone();
    store.set_meter(Arc::new(move |measure| meter.measure(measure))).map_err(|error| internal(&error))?;
    let engine = Engine::observed(store, query, move |commit| counted.commit(commit))
        .map_err(|error| internal(&error))?;
    let (cursors, kept) = Cursors::open(data)
        .map_err(|error| Failure::internal(format!("what durable subscriptions have done with: {error}")))?;
    let durable = Durable::new(&engine, cursors, kept, anywhere);
    Ok((engine, durable))
}
