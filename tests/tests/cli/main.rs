//! The command line, as its help and the documents say: what it takes, what it prints where, and how it ends.

mod asked;
mod documents;
mod exit;
mod export;
mod flags;
mod forms;
mod life;
mod prime;
mod shell;
mod shells;
mod watch;

use agentpm_tests::Server;
use agentpm_tests::cli::Ran;
use serde_json::Value;

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    (dir, server)
}

#[track_caller]
fn ok(ran: &Ran) -> Value {
    ran.json()
}
