//! `import beads --git REPO` gives the log that the same history gives as a file.

use agentpm_tests::beads::{self, Change, check_moments};
use agentpm_tests::cli::{Ran, run};
use agentpm_tests::git::{self, Repo};
use agentpm_tests::server::command;
use agentpm_tests::{Client, Server};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

const BEGAN: i64 = 1_760_000_000;
const ISSUES: &str = ".beads/issues.jsonl";
const BEADS: &str = ".beads/beads.jsonl";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn import_git(repo: &Path, data: &Path) -> Ran {
    run(&["import", "beads", "--git", text(repo), "--offline", "--data", text(data)])
}

fn issue(id: &str, title: &str, status: &str) -> String {
    format!("{}\n", json!({ "id": id, "title": title, "status": status, "priority": 1 }))
}

/// Everything that can happen to a file of issues.
fn eventful(dir: &Path) -> Repo {
    let repo = Repo::new(dir);
    let (a, b) = (issue("bd-1", "First", "open"), issue("bd-2", "Zweitens: ÄÖ, 日本語, 🪵", "open"));
    repo.write("README", "nothing to do with it").commit(BEGAN);
    repo.write(BEADS, format!("{a}{b}")).commit(BEGAN + 10);
    // Another order of lines and members and other white space say nothing new; then one issue changes, at the
    // same second as the commit after.
    let turned = r#"  {"title":"First", "status":"open","priority":1 , "id":"bd-1"}"#;
    repo.write(BEADS, format!("{b}\r\n{turned}\r\n\n")).commit(BEGAN + 20);
    let a = issue("bd-1", "First, changed", "in_progress");
    repo.write(BEADS, format!("{a}{b}")).commit(BEGAN + 30);
    let nul = r#"{"id":"bd-3","title":"NUL \u0000 and \ud83e\udeb5","status":"open","dependencies":[{"issue_id":"bd-3","depends_on_id":"bd-1","type":"blocks"},{"issue_id":"bd-3","depends_on_id":"bd-9","type":"parent-child"}]}"#;
    repo.write(BEADS, format!("{a}{b}{nul}")).commit(BEGAN + 30);
    // A side branch that both sides go on from: of its commits only what the merge brings counts.
    repo.git(0, &["checkout", "--quiet", "-b", "side"]);
    repo.write(BEADS, format!("{a}{b}{}", issue("bd-side", "Never on the main line", "open")))
        .commit(BEGAN + 40);
    let side = format!("{a}{b}{}", issue("bd-4", "From the side", "blocked"));
    repo.write(BEADS, &side).commit(BEGAN + 50);
    repo.git(0, &["checkout", "--quiet", "main"]);
    repo.write(BEADS, format!("{a}{}{nul}", issue("bd-2", "On the main line", "closed"))).commit(BEGAN + 60);
    repo.git(BEGAN + 70, &["merge", "--quiet", "--no-ff", "--no-commit", "--strategy", "ours", "side"]);
    repo.write(BEADS, format!("{a}{b}{}", issue("bd-4", "Merged", "open"))).commit(BEGAN + 70);
    // A merge that takes the other side as it is, though the main line has moved on.
    repo.git(0, &["checkout", "--quiet", "-b", "theirs"]);
    let theirs = format!("{a}{}", issue("bd-5", "As the other side has it", "deferred"));
    repo.write(BEADS, &theirs).commit(BEGAN + 80);
    repo.git(0, &["checkout", "--quiet", "main"]);
    repo.write(BEADS, format!("{a}{}", issue("bd-6", "Lost in the merge", "open"))).commit(BEGAN + 90);
    repo.git(BEGAN + 95, &["merge", "--quiet", "--no-ff", "--no-commit", "--strategy", "ours", "theirs"]);
    repo.write(BEADS, &theirs).commit(BEGAN + 95);
    // One that takes nothing of it.
    repo.git(0, &["checkout", "--quiet", "-b", "nothing"]);
    repo.write(BEADS, issue("bd-7", "Given up", "open")).commit(BEGAN + 96);
    repo.git(0, &["checkout", "--quiet", "main"]);
    repo.git(
        BEGAN + 97,
        &["merge", "--quiet", "--no-ff", "--strategy", "ours", "--message", "no", "nothing"],
    );
    // A conflict that somebody committed, and somebody else went on from.
    repo.write(BEADS, format!("<<<<<<< HEAD\n{a}=======\n{b}>>>>>>> side\n")).commit(BEGAN + 100);
    repo.write(BEADS, format!("{b}{{\"id\":\"bd-8\",\"tit")).commit(BEGAN + 110);
    let twice = format!("{a}{}{a}{b}", issue("bd-1", "Overruled by a later line", "closed"));
    repo.write(BEADS, &twice).commit(BEGAN + 120);
    // The new name, and a change with it; a clock that is behind.
    repo.remove(BEADS)
        .write(ISSUES, format!("{twice}{}", issue("bd-10", "Renamed", "open")))
        .commit(BEGAN + 130);
    repo.write(ISSUES, issue("bd-10", "A slow clock", "open")).commit(BEGAN + 125);
    // Emptied, restored, gone, restored; a file of the old name does not count beside the new one.
    repo.write(ISSUES, "").commit(BEGAN + 140);
    repo.write(ISSUES, format!("{a}{b}")).commit(BEGAN + 150);
    repo.remove(ISSUES).write("README", "gone").commit(BEGAN + 160);
    repo.write(ISSUES, format!("{a}{}", issue("bd-2", "Back", "tombstone"))).commit(BEGAN + 170);
    repo.write(BEADS, issue("bd-old", "Stale", "open")).commit(BEGAN + 180);
    repo.remove(ISSUES).commit(BEGAN + 190);
    repo.write(ISSUES, format!("{b}{nul}")).commit(BEGAN + 200);
    repo
}

/// The log with what is made afresh by each import taken out: ids of the server's own are numbered as they come.
async fn log(client: &Client) -> Vec<String> {
    let mut names: HashMap<String, usize> = HashMap::new();
    let events = client.events().await;
    assert!(!events.is_empty());
    let mut log = Vec::new();
    for mut event in events {
        // Two texts that mean the same have their own digests.
        let import = &mut event["metadata"]["import"];
        assert!(import["digest"].is_string() && import["input"].is_string(), "{event}");
        (import["digest"], import["input"]) = (Value::Null, Value::Null);
        let mut line = String::new();
        for word in event.to_string().split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let plain = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let is_ulid = plain.len() == 26 && !plain.contains(|c: char| c.is_ascii_lowercase());
            if is_ulid {
                let next = names.len();
                let number = names.entry(plain.to_owned()).or_insert(next);
                line += &format!("#{number}{}", &word[plain.len()..]);
            } else {
                line += word;
            }
        }
        log.push(line);
    }
    log
}

#[track_caller]
fn same(git: &[String], file: &[String], what: &str) {
    for (git, file) in git.iter().zip(file) {
        assert_eq!(git, file, "{what}");
    }
    assert_eq!(git.len(), file.len(), "{what}");
}

/// Imports a repository in both ways, and as a file, and compares.
async fn equals_the_file(repo: &Path, dir: &Path) -> Server {
    let changes = git::changes(repo);
    let file = dir.join("changes.ndjson");
    std::fs::write(&file, &changes.text).unwrap();
    println!("{} changes of {} commits, {} skipped", changes.count, changes.commits, changes.skipped);

    let of_file = dir.join("file");
    let report = beads::offline(&of_file, &file).json();
    assert_eq!(
        report["upserts"].as_u64().unwrap() + report["deletes"].as_u64().unwrap(),
        changes.count as u64
    );
    let of_file = log(&Server::start(&of_file).client()).await;

    let of_git = dir.join("git");
    let report_of_git = import_git(repo, &of_git.join("data")).json();
    let git_part = &report_of_git["git"];
    assert_eq!(git_part["skipped_commits"]["count"], changes.skipped);
    assert!(git_part["commits"].as_u64().unwrap() >= changes.commits as u64, "{git_part}");
    for (name, value) in report.as_object().unwrap() {
        if !matches!(&**name, "elapsed_ms" | "changes_per_second") {
            assert_eq!(&report_of_git[name], value, "{name}");
        }
    }
    let server = Server::start(&of_git);
    same(&log(&server.client()).await, &of_file, "offline");

    let through = Server::start(&dir.join("through"));
    let socket = through.socket_path();
    let ran = run(&["import", "beads", "--git", text(repo), "--socket", text(&socket)]);
    assert_eq!(ran.json()["git"], *git_part);
    same(&log(&through.client()).await, &of_file, "through a server");
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_equals_the_file_of_its_changes() {
    let dir = tempfile::tempdir().unwrap();
    let repo = eventful(&dir.path().join("repo"));
    let changes = git::changes(repo.path());
    assert_eq!(changes.skipped, 2, "the repository holds what it should");
    for what in ["bd-side", "bd-7", "Overruled"] {
        assert!(!changes.text.contains(what), "{what} was never on the main line");
    }
    for what in ["日本語", "Merged", "As the other side has it", "Lost in the merge", "Back", "Stale"] {
        assert!(changes.text.contains(what), "{what} was");
    }
    let server = equals_the_file(repo.path(), dir.path()).await;

    // And the file at each moment is what the tables say.
    let said: Vec<Change> = changes.text.lines().map(Change::read).collect();
    let moments = beads::moments(&said, (0..22).map(|n| BEGAN + 10 * n - 5).collect());
    check_moments(&server.client(), &moments, "git").await;
    drop(server);

    // Again: nothing new. Grown: what is new.
    let data = dir.path().join("git/data");
    let again = import_git(repo.path(), &data).json();
    assert_eq!(again["events"], 0, "{again}");
    repo.write(ISSUES, issue("bd-11", "Later", "open")).commit(BEGAN + 300);
    let grown = import_git(repo.path(), &data).json();
    assert_eq!(grown["tasks_created"], 1, "{grown}");
}

/// `AGENTPM_REAL_GIT=REPO`: a repository that people and agents made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_repository_equals_the_file_of_its_changes() {
    let Some(repo) = std::env::var_os("AGENTPM_REAL_GIT") else {
        println!("skipped: AGENTPM_REAL_GIT names no repository");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    equals_the_file(Path::new(&repo), dir.path()).await;
}

#[test]
fn a_repository_in_every_place() {
    let dir = tempfile::tempdir().unwrap();
    let repo = eventful(&dir.path().join("repo"));
    let import = |repo: &Path, data: &str| {
        let mut report = import_git(repo, &dir.path().join(data)).json();
        let members = report.as_object_mut().unwrap();
        members.remove("elapsed_ms");
        members.remove("changes_per_second");
        report
    };
    let whole = import(repo.path(), "whole");

    let bare = dir.path().join("bare.git");
    let cloned = git::git(dir.path(), &["clone", "--quiet", "--bare", text(repo.path()), text(&bare)], 0);
    assert!(cloned.status.success());
    assert_eq!(import(&bare, "bare"), whole, "without a working tree");

    let worktree = dir.path().join("worktree");
    repo.git(0, &["worktree", "add", "--quiet", "--detach", text(&worktree)]);
    assert_eq!(import(&worktree, "worktree"), whole, "in a second working tree");

    let mono = Repo::new(&dir.path().join("mono"));
    mono.write(ISSUES, issue("top", "Of the whole", "open")).commit(BEGAN);
    mono.write("päcks/[a] b/.beads/issues.jsonl", issue("part", "Of a part", "open")).commit(BEGAN + 10);
    mono.write(ISSUES, issue("top", "Of the whole, changed", "open")).commit(BEGAN + 20);
    let part = import(&mono.path().join("päcks/[a] b"), "part");
    assert_eq!((&part["upserts"], &part["git"]["commits"]), (&json!(1), &json!(1)), "{part}");

    // A hook finds these set, and they mean its own repository.
    let elsewhere = command()
        .args(["import", "beads", "--offline", "--data", text(&dir.path().join("hook"))])
        .args(["--git", text(repo.path())])
        .env("GIT_DIR", mono.path().join(".git"))
        .env("GIT_WORK_TREE", mono.path())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&elsewhere.stdout).unwrap();
    assert_eq!(report["git"], whole["git"]);
}

#[test]
fn what_was_skipped_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let repo = Repo::new(&dir.path().join("repo"));
    repo.write(ISSUES, "{\"id\":\"a\",\"title\":\"A\"}\n[\"no issue\"]\n").commit(BEGAN);
    repo.write(ISSUES, "{\"id\":\"a\",\"title\":\"A\"}\n\n=======\n").commit(BEGAN + 1);
    repo.write(ISSUES, "{\"id\":\"a\",\"title\":\"A\"}\n[\"no issue\"]\n{\"id\":\"b\"}").commit(BEGAN + 2);
    let report = import_git(repo.path(), &dir.path().join("data")).json();
    let skipped = &report["git"]["skipped_commits"];
    assert_eq!((&skipped["count"], &skipped["first"][0]["line"]), (&json!(1), &json!(3)), "{skipped}");
    assert!(skipped["first"][0]["reason"].as_str().unwrap().contains("expected value"), "{skipped}");
    assert_eq!(skipped["first"][0]["commit"].as_str().unwrap().len(), 12);
    assert_eq!(report["skipped_lines"]["count"], 1, "a line that is no issue is told once: {report}");
    assert_eq!(report["tasks_created"], 2);
}

#[test]
fn what_cannot_be_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |ran: &Ran, words: &[&str]| {
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{}: {}", ran.line, ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{}: {word}: {}", ran.line, ran.stderr);
        }
    };
    let data = dir.path().join("data");
    let plain = dir.path().join("plain");
    std::fs::create_dir(&plain).unwrap();
    // The file system above the test's directory is nobody's repository.
    refused(&import_git(&plain, &data), &["plain", "no git repository", "not a git repository"]);
    refused(&import_git(&dir.path().join("missing"), &data), &["missing", "No such file"]);
    let repo = Repo::new(&dir.path().join("repo"));
    refused(&import_git(repo.path(), &data), &["no commit yet"]);
    repo.write("README", "text").commit(BEGAN);
    refused(&import_git(repo.path(), &data), &[".beads/issues.jsonl or .beads/beads.jsonl"]);
    refused(&run(&["import", "beads"]), &["--git <REPO>"]);
    refused(&run(&["import", "beads", "-", "--git", "."]), &["cannot be used with"]);

    let no_git = command()
        .args(["import", "beads", "--offline", "--data", text(&data), "--git", text(repo.path())])
        .env("PATH", &plain)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&no_git.stderr).into_owned();
    assert!(no_git.status.code() == Some(2) && said.contains("git is needed"), "{said}");
    assert!(!data.exists(), "nothing was made for what could not be read");
}
