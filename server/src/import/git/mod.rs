//! A beads history as git kept it: the changes of the issue file from commit to commit, as the NDJSON that the
//! importer reads from a file.
//!
//! Commits are walked along first parents, the oldest first; those that touch the file are compared with the
//! one before. `at` is the committer's time, or that of the commit before where a clock went backwards: an
//! import needs changes in order. A commit with a line that is not JSON, a merge conflict somebody committed,
//! is skipped; the next one is compared with the last that could be read. A commit without the file has no
//! issues.
//!
//! **Invariant**: the changes are a function of the commits, so an interrupted import goes on where it was, and
//! one of a repository that has grown goes on after what it had.

mod command;
mod version;

#[cfg(test)]
mod test;

pub(crate) use command::GitError;

use super::LINE_BYTES_MAX;
use super::report::Listed;
use command::{Objects, Walk};
use serde::Serialize;
use std::io::{self, Read, Write};
use std::path::Path;
use version::{Change, Version};

/// Where the issue file is, and where it was before; the first that a commit has counts.
const FILES: [&str; 2] = [".beads/issues.jsonl", ".beads/beads.jsonl"];

/// Largest issue file of one commit, in bytes. One such file, its changes and a digest of each of its lines are
/// held at a time.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Digits of a commit's name that are kept: enough to find it, and what change files have.
const COMMIT_DIGITS: usize = 12;

/// What was read of a repository.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct GitReport {
    /// Commits that touch the file.
    pub(crate) commits: u64,
    /// Those of them that were left out.
    pub(crate) skipped_commits: Listed<SkippedCommit>,
}

/// A commit that was left out, and why.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SkippedCommit {
    commit: String,
    /// The line of the file that is not JSON.
    line: u64,
    reason: String,
}

/// The changes of a repository's issue file, read like a file.
#[derive(Debug)]
pub(crate) struct GitHistory {
    walk: Walk,
    objects: Objects,
    /// The file as the commit has it that is being read.
    file: Vec<u8>,
    /// The file as of the last commit that could be read, and the name of the object that it is; none when
    /// there was no file.
    version: Version,
    object: Option<String>,
    last_at: i64,
    /// Changes that nobody has taken yet, from `taken` on.
    changes: Vec<u8>,
    taken: usize,
    report: GitReport,
}

impl GitHistory {
    /// The history of the repository that `repo` is, or is in: of `repo`'s own `.beads`, on the commit that is
    /// checked out.
    ///
    /// # Errors
    /// When git is not there, or there is no repository, no commit or no issue file.
    pub(crate) fn open(repo: &Path) -> Result<Self, GitError> {
        let walk = Walk::start(repo, &FILES)?;
        let objects = Objects::start(repo)?;
        Ok(Self {
            walk,
            objects,
            file: Vec::new(),
            version: Version::default(),
            object: None,
            last_at: i64::MIN,
            changes: Vec::new(),
            taken: 0,
            report: GitReport::default(),
        })
    }

    /// What was read so far.
    pub(crate) const fn report(&self) -> &GitReport {
        &self.report
    }

    /// Works out the changes of the next commit; `false` after the last.
    fn next_commit(&mut self) -> io::Result<bool> {
        self.changes.clear();
        self.taken = 0;
        let Some(commit) = self.walk.next()? else { return Ok(false) };
        self.report.commits += 1;
        let object = self.read_file(&commit.name)?;
        if object == self.object {
            return Ok(true);
        }
        let name = &commit.name[..COMMIT_DIGITS.min(commit.name.len())];
        let next = match Version::read(&self.file, &self.version) {
            Ok(next) => next,
            Err(not_json) => {
                self.report.skipped_commits.add(SkippedCommit {
                    commit: name.to_owned(),
                    line: not_json.line,
                    reason: not_json.reason,
                });
                return Ok(true);
            }
        };
        self.last_at = self.last_at.max(commit.at);
        for change in next.changes_since(&self.version) {
            let start = self.changes.len();
            write!(self.changes, r#"{{"at":{},"commit":"{name}","#, self.last_at)?;
            match change {
                Change::Upsert(line) => {
                    self.changes.extend_from_slice(br#""op":"upsert","issue":"#);
                    self.changes.extend_from_slice(&self.file[line]);
                }
                Change::Delete(id) => {
                    self.changes.extend_from_slice(br#""op":"delete","id":"#);
                    serde_json::to_writer(&mut self.changes, id)?;
                }
            }
            self.changes.push(b'}');
            if self.changes.len() - start > LINE_BYTES_MAX {
                return Err(io::Error::other(format!(
                    "commit {name} has an issue of more than {LINE_BYTES_MAX} bytes, more than is taken"
                )));
            }
            self.changes.push(b'\n');
        }
        (self.version, self.object) = (next, object);
        Ok(true)
    }

    /// Makes `file` what that commit has, and gives the object's name.
    fn read_file(&mut self, commit: &str) -> io::Result<Option<String>> {
        self.file.clear();
        for path in FILES {
            let name = format!("{commit}:{}{path}", self.walk.prefix());
            if let Some(object) = self.objects.read(&name, FILE_BYTES_MAX, &mut self.file)? {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }
}

impl Read for GitHistory {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.changes.len() {
            if !self.next_commit()? {
                return Ok(0);
            }
        }
        let read = (&self.changes[self.taken..]).read(into)?;
        self.taken += read;
        Ok(read)
    }
}
