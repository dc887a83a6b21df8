//! A real server process of this test's own.

use crate::{Client, Socket};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A debug build on a busy machine, with a log to replay, is ready well within it.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// Finishing what was accepted takes seconds.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// So much of the server's log is shown when it will not start.
const LOG_TAIL_LINES: usize = 20;

/// How the server is started, beyond its directory and addresses.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Further arguments of `agentpm serve`.
    pub arguments: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
    /// The bearer token its clients carry.
    pub token: Option<String>,
    /// A program that runs it, with its arguments; it must leave the server this process's child.
    pub under: Vec<String>,
}

/// A running server. Dropping it kills it.
pub struct Server {
    child: Child,
    dir: PathBuf,
    options: Options,
    /// What it said when it was ready.
    pub ready: Value,
}

/// The program under test: `AGENTPM_BIN`, or the one that `cargo test` built beside this test.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("AGENTPM_BIN") {
        return path.into();
    }
    // Test binaries live in `<profile>/deps`, programs in `<profile>`.
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.ancestors().nth(2).expect("a test is built inside a profile's directory");
    let path = profile.join(format!("agentpm-under-test{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "no {}: run the suites by `cargo test -p agentpm-tests`", path.display());
    path
}

/// A command of the program under test that sees none of the caller's own settings.
#[must_use]
pub fn command() -> Command {
    command_under(&[])
}

/// The same, run by another program.
fn command_under(under: &[String]) -> Command {
    let mut command = match under {
        [] => Command::new(binary()),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary());
            command
        }
    };
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AGENTPM_") {
            command.env_remove(name);
        }
    }
    // A configuration of the person who runs the tests must not leak into them either.
    command.env("AGENTPM_CONFIG", "/dev/null").env("NO_COLOR", "1");
    command
}

impl Server {
    /// Starts a server on `dir` (made when missing) with a free port, and waits until it is ready.
    #[must_use]
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, Options::default())
    }

    /// The same, with options.
    ///
    /// # Panics
    /// When it is not ready in time; the end of its log says why.
    #[must_use]
    pub fn start_with(dir: &Path, options: Options) -> Self {
        Self::try_start(dir, &options).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same, where not starting is an answer too.
    ///
    /// # Errors
    /// How it ended instead of getting ready, with the end of its log.
    ///
    /// # Panics
    /// When no process can be started at all.
    pub fn try_start(dir: &Path, options: &Options) -> Result<Self, String> {
        std::fs::create_dir_all(dir).expect("the test's directory can be made");
        let log = dir.join("server.log");
        let stderr = File::options().create(true).append(true).open(&log).expect("the log can be opened");
        let mut child = command_under(&options.under)
            .arg("serve")
            .arg("--data")
            .arg(dir.join("data"))
            .arg("--socket")
            .arg(dir.join("s.sock"))
            .args(["--listen", "127.0.0.1:0"])
            .args(&options.arguments)
            .envs(options.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program under test can be started");
        let stdout = child.stdout.take().expect("stdout was piped");
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // The receiver may have given up meanwhile.
            let _ = sender.send(read.map(|_| line));
        });
        let line = receiver.recv_timeout(READY_LIMIT).ok().and_then(Result::ok).unwrap_or_default();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let _ = child.kill();
            let status = child.wait();
            return Err(format!("no ready line ({line:?}, {status:?}); its log ends:\n{}", tail(&log)));
        };
        assert_eq!(ready["ready"], true, "the ready line says so: {line}");
        Ok(Self { child, dir: dir.to_owned(), options: options.clone(), ready })
    }

    /// `http://host:port`
    ///
    /// # Panics
    /// When the ready line names no address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.ready["listen"].as_str().expect("the ready line names the address"))
    }

    /// The Unix socket.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.dir.join("s.sock")
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A client over TCP.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.url(), self.options.token.as_deref())
    }

    /// A client over the Unix socket.
    #[must_use]
    pub fn unix_client(&self) -> Client {
        Client::unix(&self.socket_path())
    }

    /// A WebSocket, its subprotocol agreed.
    pub async fn connect(&self) -> Socket {
        Socket::connect(&self.url(), self.options.token.as_deref()).await
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as a power cut would end it: it gets no word in.
    ///
    /// # Panics
    /// When the process cannot be waited for.
    pub fn kill9(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        self.child.wait().expect("a killed process can be waited for");
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Panics
    /// When it has not ended in time.
    pub fn stop(&mut self) -> ExitStatus {
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIGTERM could not be sent");
        self.wait(STOP_LIMIT)
    }

    /// Waits until the process ends by itself.
    ///
    /// # Panics
    /// When it has not in time.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(started.elapsed() < limit, "the server has not ended within {limit:?}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Starts it again on the same directory, whether it was stopped, killed or still runs (then it is
    /// stopped in good order). The port is another one.
    ///
    /// # Panics
    /// When it does not stop or start.
    #[must_use]
    pub fn restart(mut self) -> Self {
        if self.child.try_wait().expect("a child can be waited for").is_none() {
            let status = self.stop();
            assert!(status.success(), "SIGTERM ends the server with 0, not {status}: {}", self.log_tail());
        }
        Self::start_with(&self.dir.clone(), self.options.clone())
    }

    /// The end of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.dir.join("server.log"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server's log ends:\n{}", self.log_tail());
        }
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}
