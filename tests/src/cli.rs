//! The command line as a person or a script uses it.

use crate::server::{Server, command};
use serde_json::Value;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

/// A command of a debug build, the longest of them `demo`, has ended by then.
const COMMAND_LIMIT: Duration = Duration::from_secs(180);

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// The command line, for messages.
    pub line: String,
    /// Its exit code; −1 when a signal ended it.
    pub code: i32,
    /// Its one document.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Ran {
    /// Says what went wrong, when something did.
    ///
    /// # Panics
    /// When the command failed.
    #[track_caller]
    pub fn succeeded(&self) {
        assert_eq!(self.code, 0, "{} should succeed:\n{}\n{}", self.line, self.stdout, self.stderr);
    }

    /// The document, as JSON.
    ///
    /// # Panics
    /// When it is not one JSON document, or the command failed.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        self.succeeded();
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{} prints one JSON document: {error}: {}", self.line, self.stdout)
        })
    }
}

/// Runs `agentpm ARGUMENTS`.
///
/// # Panics
/// When it does not end in time.
#[must_use]
pub fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, None)
}

/// Runs `agentpm ARGUMENTS` against that server's socket.
#[must_use]
pub fn run_at(server: &Server, arguments: &[&str]) -> Ran {
    run_at_with(server, arguments, &[])
}

/// The same with more in the environment.
#[must_use]
pub fn run_at_with(server: &Server, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let socket = server.socket_path();
    let socket = socket.to_str().expect("the test's directory is UTF-8");
    let mut all = arguments.to_vec();
    all.extend(["--socket", socket]);
    run_in(&all, environment, None)
}

/// Runs `agentpm ARGUMENTS` with something on its standard input.
///
/// # Panics
/// When it does not end in time.
#[must_use]
pub fn run_with(arguments: &[&str], input: Option<&[u8]>) -> Ran {
    run_in(arguments, &[], input)
}

fn run_in(arguments: &[&str], environment: &[(&str, &str)], input: Option<&[u8]>) -> Ran {
    let mut child = command()
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program under test can be started");
    let writer = child.stdin.take().zip(input.map(<[u8]>::to_vec)).map(|(mut stdin, bytes)| {
        // A command may end without reading all of it.
        std::thread::spawn(move || drop(std::io::Write::write_all(&mut stdin, &bytes)))
    });
    let line = format!("agentpm {}", arguments.join(" "));
    let pid = child.id();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || drop(sender.send(child.wait_with_output())));
    let started = Instant::now();
    let Ok(output) = receiver.recv_timeout(COMMAND_LIMIT) else {
        let _ = std::process::Command::new("sh").args(["-c", &format!("kill -KILL {pid}")]).status();
        panic!("{line} has not ended within {:?}", started.elapsed());
    };
    if let Some(writer) = writer {
        writer.join().expect("the writer of standard input does not panic");
    }
    let Output { status, stdout, stderr } = output.expect("its output can be read");
    Ran {
        line,
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}
