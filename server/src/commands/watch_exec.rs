//! A command for each event of `agentpm watch`.

use crate::failure::{Failure, exit};
use std::process::{ExitStatus, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs `argv` (no shell reads it) with the event on its standard input, and waits for its end. What it prints goes
/// where ours would.
///
/// # Errors
/// When it cannot be started, or says that it failed.
pub(super) async fn run(argv: &[String], event: &str) -> Result<(), Failure> {
    let [program, arguments @ ..] = argv else {
        return Err(Failure::usage("--exec needs a program"));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::usage(format!("--exec {program}: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read it has a pipe that breaks: that is its own affair.
        let _ = stdin.write_all(event.as_bytes()).await;
        let _ = stdin.write_all(b"\n").await;
    }
    let status =
        child.wait().await.map_err(|error| Failure::internal(format!("--exec {program}: {error}")))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::new(exit::INTERNAL, format!("{program} {}", how(status)))),
    }
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with code {code}"),
        None => format!("was ended: {status}"),
    }
}
