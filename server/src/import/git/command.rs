//! The git program, asked by its plumbing: what it prints there does not change with anybody's settings.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Variables that name a repository, as a hook finds them set: the one that was asked for counts.
const ELSEWHERE: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// Why a repository cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    /// There is no git program.
    #[error("git is needed to read a repository's history, and cannot be started: {0}")]
    NoGit(io::Error),
    /// Git does not take it for a repository.
    #[error("{repo} is no git repository that can be read: {reason}")]
    NoRepository {
        /// What was asked for.
        repo: String,
        /// What git says.
        reason: String,
    },
    /// The branch that is checked out has no commit.
    #[error("{repo} has no commit yet")]
    NoCommit {
        /// What was asked for.
        repo: String,
    },
    /// No commit has the file.
    #[error(
        "no commit on the first-parent history of {repo} touches {}; is it the folder that holds .beads, with its branch checked out?",
        files.join(" or ")
    )]
    NoFile {
        /// What was asked for.
        repo: String,
        /// What was looked for.
        files: Vec<&'static str>,
    },
    /// It stopped answering.
    #[error("git: {0}")]
    Broken(#[from] io::Error),
}

/// A commit on the way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// Committer's time, in seconds since 1970.
    pub(super) at: i64,
    /// Its whole name, in hexadecimal.
    pub(super) name: String,
}

/// The commits that touch the file, the oldest first.
#[derive(Debug)]
pub(super) struct Walk {
    git: Running,
    lines: BufReader<ChildStdout>,
    /// The first commit: read at once, so that a repository without one is told before anything begins.
    first: Option<Commit>,
    prefix: String,
}

impl Walk {
    /// # Errors
    /// See [`GitError`].
    pub(super) fn start(repo: &Path, files: &[&'static str]) -> Result<Self, GitError> {
        let shown = || repo.display().to_string();
        let prefix = asked(repo, &["rev-parse", "--show-prefix"])?
            .map_err(|reason| GitError::NoRepository { repo: shown(), reason })?;
        // Names of objects go to git line by line, as text.
        if prefix.contains(['\n', char::REPLACEMENT_CHARACTER]) {
            let reason = "the name of its folder has a line break, or is not UTF-8".to_owned();
            return Err(GitError::NoRepository { repo: shown(), reason });
        }
        if asked(repo, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?.is_err() {
            return Err(GitError::NoCommit { repo: shown() });
        }
        let arguments = ["rev-list", "--first-parent", "--reverse", "--timestamp", "HEAD", "--"];
        let mut child = git(repo, arguments.iter().chain(files))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(GitError::NoGit)?;
        let lines = BufReader::new(child.stdout.take().expect("it was piped"));
        let mut walk = Self { git: Running(child), lines, first: None, prefix };
        walk.first = walk.next()?;
        if walk.first.is_none() {
            return Err(GitError::NoFile { repo: shown(), files: files.to_vec() });
        }
        Ok(walk)
    }

    /// The folder within the repository, empty or with a slash at its end.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The next commit; none after the last.
    ///
    /// # Errors
    /// When git failed, so that what it told is not all.
    pub(super) fn next(&mut self) -> io::Result<Option<Commit>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            self.git.ended_well("rev-list")?;
            return Ok(None);
        }
        let commit = line
            .trim_end()
            .split_once(' ')
            .and_then(|(at, name)| Some(Commit { at: at.parse().ok()?, name: name.to_owned() }));
        commit.map(Some).ok_or_else(|| unexpected("rev-list", &line))
    }
}

/// The contents of objects, asked one by one of one process.
#[derive(Debug)]
pub(super) struct Objects {
    /// Ends the process when dropped, before it is waited for.
    names: ChildStdin,
    answers: BufReader<ChildStdout>,
    git: Running,
}

impl Objects {
    /// # Errors
    /// See [`GitError`].
    pub(super) fn start(repo: &Path) -> Result<Self, GitError> {
        let mut child = git(repo, ["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(GitError::NoGit)?;
        let names = child.stdin.take().expect("it was piped");
        let answers = BufReader::new(child.stdout.take().expect("it was piped"));
        Ok(Self { names, answers, git: Running(child) })
    }

    /// Appends the contents of the file `name` (`commit:path`) to `into` and gives the object's name; none when
    /// there is no such file.
    ///
    /// # Errors
    /// When it is larger than `bytes_max`, or git failed.
    pub(super) fn read(
        &mut self,
        name: &str,
        bytes_max: u64,
        into: &mut Vec<u8>,
    ) -> io::Result<Option<String>> {
        writeln!(self.names, "{name}")?;
        self.names.flush()?;
        let mut head = String::new();
        if self.answers.read_line(&mut head)? == 0 {
            self.git.ended_well("cat-file")?;
            return Err(unexpected("cat-file", ""));
        }
        let head = head.trim_end();
        if head == format!("{name} missing") {
            return Ok(None);
        }
        let mut parts = head.split(' ');
        let (Some(object), Some(kind), Some(size)) =
            (parts.next(), parts.next(), parts.next().and_then(|size| size.parse::<u64>().ok()))
        else {
            return Err(unexpected("cat-file", head));
        };
        if size > bytes_max {
            return Err(io::Error::other(format!("{name} has {size} bytes; at most {bytes_max} are taken")));
        }
        let is_file = kind == "blob";
        let mut contents = (&mut self.answers).take(size);
        let read = match is_file {
            true => contents.read_to_end(into)? as u64,
            // A folder of that name.
            false => io::copy(&mut contents, &mut io::sink())?,
        };
        let mut end = [0];
        self.answers.read_exact(&mut end)?;
        if read != size || end != *b"\n" {
            return Err(unexpected("cat-file", head));
        }
        Ok(is_file.then(|| object.to_owned()))
    }
}

/// A git that is ended when nobody needs it any more.
#[derive(Debug)]
struct Running(Child);

impl Running {
    /// Waits for its end, which has come when its output has ended.
    fn ended_well(&mut self, what: &str) -> io::Result<()> {
        let status = self.0.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("git {what} failed ({status})"))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A git command in that folder; its standard error is ours.
fn git(repo: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new("git");
    command.arg("--no-pager").arg("--literal-pathspecs").arg("-C").arg(repo).args(arguments);
    for variable in ELSEWHERE {
        command.env_remove(variable);
    }
    // Reading a history writes nothing and asks nobody.
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
    command
}

/// What a short command says, its line break left out, or what it complains of.
fn asked(repo: &Path, arguments: &[&str]) -> Result<Result<String, String>, GitError> {
    let output = git(repo, arguments).stdin(Stdio::null()).output().map_err(GitError::NoGit)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(match output.status.success() {
        true => {
            let said = text(&output.stdout);
            Ok(said.strip_suffix('\n').unwrap_or(&said).to_owned())
        }
        false => Err(text(&output.stderr).trim().to_owned()),
    })
}

fn unexpected(what: &str, said: &str) -> io::Error {
    io::Error::other(format!("git {what} answered with `{}`, which is not understood", said.trim_end()))
}
