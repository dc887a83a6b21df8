//! agentpm: an event store for teams of software agents. The daemon, its HTTP and WebSocket API, and the
//! command line that talks to it.
//!
//! The only crate that knows axum and JSON on the wire. A request comes in by `http::front`, is read by
//! `wire`, becomes a `domain::Command`, a raw append or a query, and its outcome is written by `wire` again.

mod app;
mod auth;
mod brief;
mod cli;
mod client;
mod clock;
mod commands;
mod condition;
mod config;
mod context;
mod durable;
mod error;
mod failure;
mod follow;
mod group;
mod http;
mod import;
mod limits;
mod listen;
mod metrics;
mod once;
mod schema;
mod server;
mod sse;
mod sync;
mod telemetry;
mod timers;
mod tls;
mod trace;
mod waiting;
mod wire;
mod ws;

use std::process::ExitCode;

/// Runs the program with this process's arguments and environment, and gives what it exits with.
#[must_use]
pub fn main() -> ExitCode {
    cli::main()
}

/// Carries out a beads history on an open store, as `agentpm import beads --offline` does: for benches. Gives the
/// number of events it made.
///
/// # Errors
/// What is wrong with the history, or why the store does not take it.
pub fn import_beads(
    store: &store::Store<domain::Work>,
    history: impl std::io::Read + Send,
) -> Result<u64, String> {
    let report = import::run(store, history, &import::Options::default(), |_| {});
    report.map(|report| report.events).map_err(|error| error.to_string())
}
