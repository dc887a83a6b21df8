//! A server of this run's own.

use crate::Failure;
use crate::connection::Place;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What Linux counts time on processors in, for everybody.
const TICKS_PER_SECOND: f64 = 100.0;

/// That program, or the `agentpm` beside this one.
pub(crate) fn program(given: Option<&Path>) -> Result<PathBuf, Failure> {
    Ok(match given {
        Some(program) => program.to_owned(),
        None => std::env::current_exe()?.with_file_name("agentpm"),
    })
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    socket: PathBuf,
    ready: serde_json::Value,
}

impl Server {
    /// Starts `program` (or the `agentpm` beside this one) on an empty directory, and waits until it is ready.
    pub(crate) fn start(program: Option<&Path>, dir: &Path) -> Result<Self, Failure> {
        let program = self::program(program)?;
        let log = dir.join("server.log");
        let socket = dir.join("s.sock");
        let mut child = Command::new(&program)
            .arg("serve")
            .arg("--data")
            .arg(dir.join("data"))
            .arg("--socket")
            .arg(&socket)
            .args(["--listen", "127.0.0.1:0"])
            .env("AGENTPM_CONFIG", "/dev/null")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let server = Self { child, socket, ready: serde_json::from_str(&line).unwrap_or_default() };
        if server.ready["ready"] != true {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            return Err(format!("{} does not get ready: {log}", program.display()).into());
        }
        Ok(server)
    }

    /// Bytes of memory that are its own now (Linux: `VmRSS`).
    pub(crate) fn memory(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes << 10)
    }

    /// Seconds on processors until now, of the user and the system (Linux: `utime` and `stime`).
    pub(crate) fn cpu(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field, a name in parentheses, may hold anything.
        let fields = stat.rsplit_once(')').ok_or("no fields")?.1;
        let ticks =
            fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        let listen = self.ready["listen"].as_str().ok_or("the ready line names no address")?;
        Place::new(listen, &self.socket)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
