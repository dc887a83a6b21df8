//! Repositories with a beads history: how the tests make them, and what changed in one, worked out the slow way.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::Rc;

/// A repository of the test's own.
pub struct Repo {
    dir: PathBuf,
}

/// What a repository's history is as a file of changes.
#[derive(Debug)]
pub struct Changes {
    /// One change a line.
    pub text: String,
    /// How many lines.
    pub count: usize,
    /// Commits with a line that is not JSON.
    pub skipped: usize,
    /// Commits after which the file is another.
    pub commits: usize,
}

/// Runs git; nothing that the machine or its user has set shows.
///
/// # Panics
/// When git cannot be started.
pub fn git(dir: &Path, arguments: &[&str], at: i64) -> Output {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.org");
    }
    // Whoever takes the author's time for the committer's is a day off.
    command.env("GIT_AUTHOR_DATE", format!("@{} +0200", at - 86_400));
    command.env("GIT_COMMITTER_DATE", format!("@{at} -0700"));
    command.arg("-C").arg(dir).args(arguments).output().expect("git can be started")
}

impl Repo {
    /// An empty one.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        fs::create_dir_all(dir).expect("the test's directory can be made");
        let repo = Self { dir: dir.to_owned() };
        repo.git(0, &["init", "--quiet", "--initial-branch", "main"]);
        repo
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// A git command that has to succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn git(&self, at: i64, arguments: &[&str]) -> &Self {
        let output = git(&self.dir, arguments, at);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        self
    }

    /// Writes a file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
        self
    }

    /// Removes a file.
    ///
    /// # Panics
    /// When it is not there.
    pub fn remove(&self, path: &str) -> &Self {
        fs::remove_file(self.dir.join(path)).expect("the file is there");
        self
    }

    /// Commits all there is, at that second.
    pub fn commit(&self, at: i64) -> &Self {
        self.git(at, &["add", "--all"]);
        self.git(at, &["commit", "--quiet", "--allow-empty", "--message", "more"])
    }
}

/// The changes of the issue file along first parents: every commit whole, compared with the last that could be
/// read, by what its lines mean.
///
/// # Panics
/// When git fails, or a line is JSON without an id.
#[must_use]
pub fn changes(repo: &Path) -> Changes {
    let log = git(repo, &["log", "--first-parent", "--format=%H %ct"], 0);
    assert!(log.status.success(), "{}", String::from_utf8_lossy(&log.stderr));
    let log = String::from_utf8(log.stdout).expect("hashes and numbers");
    let mut changes = Changes { text: String::new(), count: 0, skipped: 0, commits: 0 };
    let (mut before, mut text_before, mut last_at) = (File::default(), Vec::new(), i64::MIN);
    for line in log.lines().rev() {
        let (hash, at) = line.split_once(' ').expect("two words");
        let show = |file: &str| {
            let output = git(repo, &["show", &format!("{hash}:./.beads/{file}")], 0);
            output.status.success().then_some(output.stdout)
        };
        let text = show("issues.jsonl").or_else(|| show("beads.jsonl")).unwrap_or_default();
        if text == text_before {
            continue;
        }
        changes.commits += 1;
        text_before.clone_from(&text);
        let Some(now) = File::read(&text, &before) else {
            changes.skipped += 1;
            continue;
        };
        last_at = last_at.max(at.parse().expect("a number"));
        let mut add = |op: &str, name: &str, what: &Value| {
            let line = json!({ "at": last_at, "commit": &hash[..12], "op": op, name: what });
            changes.text += &format!("{line}\n");
            changes.count += 1;
        };
        for (id, issue) in now.issues() {
            let same = |was: &Rc<Value>| Rc::ptr_eq(was, issue) || was == issue;
            if !before.by_id.get(id).is_some_and(|(_, was)| same(was)) {
                add("upsert", "issue", issue);
            }
        }
        for (id, _) in before.issues().iter().filter(|(id, _)| !now.by_id.contains_key(*id)) {
            add("delete", "id", &json!(id));
        }
        before = now;
    }
    changes
}

/// The file of one commit.
#[derive(Default)]
struct File {
    /// With the number of the line; of several with one id the last.
    by_id: HashMap<String, (usize, Rc<Value>)>,
    /// What each line says: most are in the next file too, and histories are long.
    lines: HashMap<Vec<u8>, Rc<Value>>,
}

impl File {
    /// None when a line is not JSON.
    fn read(text: &[u8], before: &Self) -> Option<Self> {
        let mut file = Self::default();
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let issue = match before.lines.get(line) {
                Some(known) => known.clone(),
                None => Rc::new(serde_json::from_slice::<Value>(line).ok()?),
            };
            let id = issue["id"].as_str().expect("an issue has an id");
            file.by_id.insert(id.to_owned(), (number, issue.clone()));
            file.lines.insert(line.to_owned(), issue);
        }
        Some(file)
    }

    /// In the order of their lines.
    fn issues(&self) -> Vec<(&String, &Rc<Value>)> {
        let mut issues: Vec<_> = self.by_id.iter().collect();
        issues.sort_by_key(|(_, (number, _))| *number);
        issues.into_iter().map(|(id, (_, issue))| (id, issue)).collect()
    }
}
