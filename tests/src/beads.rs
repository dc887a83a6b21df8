//! Beads histories: how the tests write and import them, and what the file said at any moment, from the file
//! alone.

use crate::cli::{self, Ran};
use crate::{Client, time};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// One change of a history.
#[derive(Debug, Clone)]
pub struct Change {
    /// Commit time, in seconds since 1970.
    pub at: i64,
    /// The issue's id.
    pub id: String,
    /// Status and title as they shall be found; `None` when the issue left the file or is a tombstone.
    pub live: Option<(&'static str, String)>,
}

/// What our status is for theirs; `None` for a tombstone.
#[must_use]
pub fn status(theirs: &str) -> Option<&'static str> {
    match theirs {
        "in_progress" | "hooked" => Some("in_progress"),
        "blocked" => Some("blocked"),
        "closed" | "done" => Some("completed"),
        "tombstone" => None,
        _ => Some("open"),
    }
}

impl Change {
    /// Reads one line of a history.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn read(line: &str) -> Self {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let issue = &line["issue"];
        let id =
            line.get("id").unwrap_or(&issue["id"]).as_str().expect("a change names its issue").to_owned();
        let title = issue["title"].as_str().unwrap_or_default().to_owned();
        let live = issue["status"].as_str().and_then(status).map(|status| (status, title));
        Self { at: line["at"].as_i64().expect("a change has a time"), id, live }
    }
}

/// How many issues were live at a moment, and the digest of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970.
    pub at: i64,
    /// Live issues.
    pub live: usize,
    /// See [`digest`].
    pub sha256: String,
}

/// What the file said after the last commit at or before each of the moments, in order of time.
#[must_use]
pub fn moments(changes: &[Change], mut at: Vec<i64>) -> Vec<Moment> {
    at.sort_unstable();
    let mut live: BTreeMap<&str, &(&str, String)> = BTreeMap::new();
    let mut changes = changes.iter().peekable();
    let mut moments = Vec::new();
    for at in at {
        while let Some(change) = changes.next_if(|change| change.at <= at) {
            match &change.live {
                Some(said) => drop(live.insert(&change.id, said)),
                None => drop(live.remove(change.id.as_str())),
            }
        }
        let lines = live.iter().map(|(id, (status, title))| (*id, *status, title.as_str()));
        moments.push(Moment { at, live: live.len(), sha256: digest(lines) });
    }
    moments
}

/// SHA-256 over lines `id TAB status TAB title LF`, ids in byte order.
pub fn digest<'a>(lines: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let mut hasher = Sha256::new();
    for (id, status, title) in lines {
        hasher.update(format!("{id}\t{status}\t{title}\n"));
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A history being written.
#[derive(Debug, Default)]
pub struct History {
    lines: Vec<Value>,
}

impl History {
    /// An issue as it stands in the file from the commit at `at` on. `issue` needs an `id`; a title and a status
    /// are supplied.
    ///
    /// # Panics
    /// When `issue` is no object.
    pub fn upsert(&mut self, at: i64, issue: Value) -> &mut Self {
        let mut whole =
            json!({ "title": format!("Title of {}", issue["id"]), "status": "open", "priority": 2 });
        for (key, value) in issue.as_object().expect("an issue is an object") {
            whole[key] = value.clone();
        }
        self.lines.push(json!({ "at": at, "commit": format!("{at:012x}"), "op": "upsert", "issue": whole }));
        self
    }

    /// An issue is gone from the file.
    pub fn delete(&mut self, at: i64, id: &str) -> &mut Self {
        self.lines.push(json!({ "at": at, "commit": format!("{at:012x}"), "op": "delete", "id": id }));
        self
    }

    /// Its changes, as they are read.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.text().lines().map(Change::read).collect()
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Writes the file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.text()).expect("the history can be written");
    }
}

/// A `depends_on` entry of an issue.
#[must_use]
pub fn depends_on(issue: &str, on: &str, kind: &str) -> Value {
    json!({ "issue_id": issue, "depends_on_id": on, "type": kind })
}

/// `agentpm import beads FILE --offline` into `dir/data`.
///
/// # Panics
/// When a path is not UTF-8.
#[must_use]
pub fn offline(dir: &Path, file: &Path) -> Ran {
    let data = dir.join("data");
    let (file, data) = (file.to_str().expect("UTF-8"), data.to_str().expect("UTF-8"));
    cli::run(&["import", "beads", file, "--offline", "--data", data])
}

/// `agentpm import beads FILE` through a server at that socket.
///
/// # Panics
/// When a path is not UTF-8.
#[must_use]
pub fn online(socket: &Path, file: &Path) -> Ran {
    let (file, socket) = (file.to_str().expect("UTF-8"), socket.to_str().expect("UTF-8"));
    cli::run(&["import", "beads", file, "--socket", socket])
}

/// The tasks that are live in the server `AS OF` that second, digested as the file is.
pub async fn moment_at(client: &Client, at: i64) -> Moment {
    let time = time::text(at * 1_000_000);
    let pql = format!("SELECT id, status, title FROM tasks WHERE archived_at IS NULL AS OF '{time}'");
    let rows = client.query(&pql).await;
    let columns = [rows.texts("id"), rows.texts("status"), rows.texts("title")];
    let line = |n: usize| (columns[0][n].as_str(), columns[1][n].as_str(), columns[2][n].as_str());
    let mut lines: Vec<(&str, &str, &str)> = (0..rows.rows.len()).map(line).collect();
    lines.sort_unstable();
    Moment { at, live: lines.len(), sha256: digest(lines.into_iter()) }
}

/// Holds the server against the file at each moment.
///
/// # Panics
/// When they differ.
pub async fn check_moments(client: &Client, moments: &[Moment], what: &str) {
    for moment in moments {
        assert_eq!(&moment_at(client, moment.at).await, moment, "{what}");
    }
}
