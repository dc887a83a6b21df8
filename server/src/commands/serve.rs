use crate::auth::{Browsers, Policy, Token};
use crate::config::{Layer, Settings};
use crate::failure::Failure;
use crate::server::{Config, Server};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Run the daemon.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The data directory [env: AGENTPM_DB] [default: ~/.agentpm/data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Listen on TCP too; port 0 takes a free one [env: AGENTPM_LISTEN]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Let web pages of this origin in; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Accept that the token travels beyond this machine in clear text
    #[arg(long)]
    insecure: bool,
}

impl Serve {
    pub(super) fn layer(&self) -> Layer {
        Layer {
            data: self.data.clone(),
            listen: self.listen.clone(),
            allow_origin: (!self.allow_origin.is_empty()).then(|| self.allow_origin.clone()),
            insecure: self.insecure.then_some(true),
            ..Layer::default()
        }
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

fn config(settings: &Settings) -> Result<Config, Failure> {
    let listen = settings.listen_address()?;
    let token = settings.token.as_deref().map(Token::new).transpose().map_err(Failure::usage)?;
    let browsers = Browsers {
        allowed_origins: settings.allow_origins.clone(),
        any_host: listen.is_some_and(|address| !address.ip().is_loopback()),
    };
    Ok(Config {
        data: settings.data.clone(),
        socket: settings.socket.clone(),
        listen,
        policy: Policy { token, browsers },
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
