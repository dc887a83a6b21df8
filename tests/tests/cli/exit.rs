//! How the program ends, each code by the real thing where a real thing gives it.

use crate::asked::Asked;
use crate::server;
use agentpm_tests::cli::{Ran, run, run_at};
use agentpm_tests::server::{Options, command};
use agentpm_tests::{Server, cli};
use std::collections::BTreeSet;
use std::fs::File;

/// Holds an ending against what it should be, and that it says why.
#[track_caller]
fn ends(seen: &mut BTreeSet<i32>, code: i32, ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, code, "{}: {}{}", ran.line, ran.stdout, ran.stderr);
    assert_eq!(code == 0, ran.stderr.is_empty(), "{}: it says why: {}", ran.line, ran.stderr);
    assert!(code == 0 || ran.stdout.is_empty(), "{}: {}", ran.line, ran.stdout);
    for word in words {
        assert!(ran.stderr.contains(word), "{}: {word}: {}", ran.line, ran.stderr);
    }
    seen.insert(code);
}

#[test]
fn every_exit_code() {
    let (dir, server) = server();
    let mut seen = BTreeSet::new();
    let at = |arguments: &[&str]| run_at(&server, arguments);
    at(&["agent", "register", "--id", "ada", "--name", "Ada", "--role", "executor"]).succeeded();
    for (code, arguments, words) in [
        (0, &["task", "create", "--id", "t", "--title", "T"][..], &[][..]),
        (2, &["dance"], &["unrecognized subcommand"]),
        (2, &["task", "craete"], &["create"]),
        (2, &["task", "create", "--colour", "red"], &["--colour"]),
        (2, &["task", "create"], &["--title"]),
        (2, &["task", "get"], &["ID"]),
        (2, &["task", "list", "--output", "xml"], &["table", "json", "ndjson", "csv"]),
        (2, &["task", "complete", "t", "--output", "{}"], &["--result JSON"]),
        (2, &["task", "create", "--title", "T", "--metadata", "{"], &["expected JSON"]),
        (2, &["query", "SELECT 1", "--param", "2=x"], &["numbered parameters"]),
        (2, &["export", "--output", "csv"], &["NDJSON"]),
        (2, &["watch", "SUBSCRIBE events", "--output", "csv"], &["ndjson"]),
        (3, &["task", "get", "none"], &["ERR_NOT_FOUND"]),
        (3, &["export", "--since-event-id", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], &["ERR_NOT_FOUND"]),
        (4, &["task", "create", "--id", "t", "--title", "again"], &["ERR_CONFLICT"]),
        (4, &["task", "archive", "t"], &["ERR_INVALID_STATE"]),
        (4, &["task", "update", "t", "--title", "x"], &["ERR_"]),
        (4, &["task", "complete", "t", "--lease-id", "never-was"], &["ERR_"]),
        (8, &["task", "create", "--title", ""], &["/title"]),
        (8, &["task", "create", "--title", "T", "--metadata", "[]"], &["/metadata"]),
        (8, &["query", "SELECT statsu FROM tasks"], &["^^^^^^", "status"]),
        (8, &["watch", "SELECT id FROM tasks"], &["SUBSCRIBE"]),
        (8, &["export", "--to", "yesterday"], &["/to_time"]),
    ] {
        ends(&mut seen, code, &at(arguments), words);
    }

    let held = cli::run(&["serve", "--data", server.data().to_str().unwrap(), "--socket", "/nowhere/s.sock"]);
    assert_eq!(held.code, 4, "a directory that another holds: {}", held.stderr);

    let token = "s3cret-and-long-enough";
    let options = Options {
        environment: vec![("AGENTPM_TOKEN".into(), token.into())],
        token: Some(token.into()),
        ..Options::default()
    };
    let locked = Server::start_with(&dir.path().join("locked"), options);
    ends(&mut seen, 5, &run(&["task", "list", "--url", &locked.url()]), &["ERR_UNAUTHORIZED"]);

    let busy = Asked::refusing(429, "ERR_RATE_LIMIT");
    ends(&mut seen, 6, &run(&["task", "list", "--url", &busy.url]), &["ERR_RATE_LIMIT", "wait"]);

    let nowhere = dir.path().join("nowhere.sock");
    let nowhere = run(&["task", "list", "--socket", nowhere.to_str().unwrap()]);
    ends(&mut seen, 7, &nowhere, &["nowhere.sock", "agentpm serve"]);
    let away = Asked::refusing(503, "ERR_UNAVAILABLE");
    ends(&mut seen, 7, &run(&["task", "list", "--url", &away.url]), &["ERR_UNAVAILABLE"]);

    let broken = Asked::refusing(500, "ERR_INTERNAL");
    ends(&mut seen, 1, &run(&["task", "list", "--url", &broken.url]), &["ERR_INTERNAL"]);
    // A disk that is full under stdout.
    let full = command()
        .args(["task", "list", "--socket"])
        .arg(server.socket_path())
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(full.status.code(), Some(1), "{}", String::from_utf8_lossy(&full.stderr));
    assert!(String::from_utf8_lossy(&full.stderr).contains("stdout"));

    assert_eq!(seen, (0..=8).collect(), "every code was seen");
}
