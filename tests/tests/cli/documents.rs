//! Every `agentpm` line of the README and of the pages on the command line and on sync, carried out by a shell as it stands.

use agentpm_tests::git::Repo;
use agentpm_tests::server::{binary, command};
use agentpm_tests::{Options, Server};
use std::io::Write as _;
use std::path::Path;

/// Those that do not end by themselves, or run elsewhere: `serve` and `demo` have suites of their own, and so have
/// the commands on a directory that no server holds.
const ELSEWHERE: &[&str] = &["serve", "demo", "verify", "rebuild"];

/// What nodes show each other.
const SYNC_TOKEN: &str = "token-of-the-nodes";

/// The lines of a document's code that begin with `agentpm`.
fn lines(document: &str) -> Vec<String> {
    let path = format!("{}/../{document}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let plain = text.lines().map(|line| line.trim_start_matches("$ "));
    plain.filter(|line| line.starts_with("agentpm ")).map(str::to_owned).collect()
}

/// What the examples name: a history, plain in git and packed in a file.
fn furnish(dir: &Path) {
    let line =
        r#"{"at":1760000000,"commit":"c","op":"upsert","issue":{"id":"bd-1","title":"T","status":"open"}}"#;
    let file = std::fs::File::create(dir.join("history.ndjson.xz")).unwrap();
    let mut packed = liblzma::write::XzEncoder::new(file, 6);
    packed.write_all(line.as_bytes()).unwrap();
    packed.finish().unwrap();
    let repo = Repo::new(&dir.join("path/to/repository"));
    repo.write(".beads/issues.jsonl", r#"{"id":"bd-1","title":"T","status":"open"}"#).commit(1_760_000_000);
}

#[test]
fn every_command_that_is_shown_works() {
    let dir = tempfile::tempdir().unwrap();
    furnish(dir.path());
    let server = Server::start(&dir.path().join("server"));
    // Who is met at `http://host:7878`.
    let options = Options {
        environment: vec![("AGENTPM_SYNC_TOKEN".to_owned(), SYNC_TOKEN.to_owned())],
        ..Options::default()
    };
    let host = Server::start_with(&dir.path().join("host"), options);
    let mut seen = Vec::new();
    for document in ["docs/api/cli.md", "README.md", "docs/api/sync.md"] {
        for line in lines(document) {
            let word = line.split_whitespace().nth(1).unwrap().to_owned();
            if ELSEWHERE.contains(&&*word) {
                continue;
            }
            // A history goes into an empty log; and a watch goes on for ever.
            let fresh =
                (word == "import").then(|| Server::start(&dir.path().join(format!("fresh{}", seen.len()))));
            let end = if word == "watch" { " --until-caught-up" } else { "" };
            let mut shell = std::process::Command::new("bash");
            for (name, value) in command().get_envs() {
                match value {
                    Some(value) => shell.env(name, value),
                    None => shell.env_remove(name),
                };
            }
            let before = line.split_once(" #").map_or(&*line, |(before, _comment)| before).trim_end();
            let before = before.strip_suffix(end).unwrap_or(before).replace("http://host:7878", &host.url());
            let output = shell
                .args(["-c", &format!("agentpm() {{ \"$AGENTPM\" \"$@\"; }}\n{before}{end}")])
                .env("AGENTPM", binary())
                .env("AGENTPM_SYNC_TOKEN", SYNC_TOKEN)
                .env("AGENTPM_SOCKET", fresh.as_ref().unwrap_or(&server).socket_path())
                .current_dir(dir.path())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{document}: {line}: {:?}: {said}", output.status.code());
            seen.push(word);
        }
    }
    for word in ["agent", "task", "query", "watch", "export", "import", "completions", "sync"] {
        assert!(seen.iter().any(|seen| seen == word), "{word} is shown nowhere");
    }
}
