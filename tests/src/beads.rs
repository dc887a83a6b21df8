//! Beads histories: how the tests write them, and what the file said at any moment, from the file alone.

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
