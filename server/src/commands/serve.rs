use crate::auth::{Browsers, Policy, Token};
use crate::config::{Layer, ServerFlags, Settings};
use crate::failure::Failure;
use crate::server::{Config, Server};
use clap::Args;
use std::io::Write;
use tokio::signal::unix::{SignalKind, signal};

/// Run the daemon.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    settings: ServerFlags,
}

impl Serve {
    pub(super) fn layer(&self) -> Layer {
        self.settings.0.clone()
    }
}

pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    crate::telemetry::start(&settings.log_level).map_err(Failure::usage)?;
    let config = config(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    let served = runtime.block_on(async {
        // Before anything is opened, so that a signal that comes early ends the server in order too.
        let stop = stop_signal().map_err(|error| Failure::internal(format!("signals: {error}")))?;
        let server = Server::start(config).await?;
        let mut stdout = std::io::stdout().lock();
        // Whoever started us may not be listening; that is no reason to stop.
        let _ = writeln!(stdout, "{}", server.ready_line()).and_then(|()| stdout.flush());
        drop(stdout);
        server.serve_until(stop).await
    });
    // What was accepted has been finished or given up; a thread that still writes to somebody who does not
    // read is not waited for.
    runtime.shutdown_background();
    served
}

/// What a server is started with, by the settings.
///
/// # Errors
/// When a setting does not hold.
pub(crate) fn config(settings: &Settings) -> Result<Config, Failure> {
    let listen = settings.listen_address()?;
    let token = settings.token.as_deref().map(Token::new).transpose().map_err(Failure::usage)?;
    let sync_token = settings.sync_token.as_deref().map(Token::new).transpose().map_err(Failure::usage)?;
    let browsers = Browsers {
        allowed_origins: settings.allow_origins.clone(),
        any_host: listen.is_some_and(|address| !address.ip().is_loopback()),
    };
    Ok(Config {
        data: settings.data.clone(),
        socket: settings.socket.clone(),
        listen,
        policy: Policy { token, sync_token, browsers },
        tls: settings.tls.as_ref().map(|(cert, key)| crate::tls::acceptor(cert, key)).transpose()?,
        settings: super::config::document(&settings.effective),
        rate_per_connection: settings.rate_per_connection,
        rate_per_agent: settings.rate_per_agent,
        rate_limit_unix: settings.rate_limit_unix,
        webhook_allow_private: settings.webhook_allow_private,
        slow_request: settings.slow_request,
        snapshot_every_events: settings.snapshot_every_events,
        query: settings.query.clone(),
        snapshot_every: settings.snapshot_every,
        session_timeout_ms: settings.session_timeout_ms,
        subscriptions_max: settings.subscriptions_max,
        subscriptions_per_connection_max: settings.subscriptions_per_connection_max,
    })
}

/// Done when the process is asked to end.
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
