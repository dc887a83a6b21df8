//! `export`: the log as the API gives it, to stdout or into a file.

use crate::{ok, server};
use agentpm_tests::Server;
use agentpm_tests::cli::{Ran, run_at};
use serde_json::Value;

/// More than the pieces in which the server sends them.
const EVENTS: usize = 900;

fn fill(server: &Server) {
    let title = "Größe, \"quoted\"\n\u{1f4e6} ".repeat(20);
    for n in 0..3 {
        ok(&run_at(server, &["task", "create", "--id", &format!("t{n}"), "--title", &title]));
    }
    let events: Vec<Value> = (0..EVENTS)
        .map(|n| serde_json::json!({ "type": if n % 3 == 0 { "Fizz" } else { "Other" }, "data": { "n": n }, "tags": ["k:v"] }))
        .collect();
    let append = serde_json::json!({ "appends": [{ "stream": "numbers", "events": events }] });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { assert_eq!(server.client().post("/append", append).await.status, 200) });
}

/// What `GET path` answers as NDJSON, byte for byte.
fn told(server: &Server, path: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let request = server.client().request("GET", path).header("accept", "application/x-ndjson");
        request.send().await.unwrap().text().await.unwrap()
    })
}

fn positions(ran: &Ran) -> Vec<u64> {
    ran.succeeded();
    assert_eq!(ran.stderr, "", "{}", ran.line);
    let position = |line: &str| serde_json::from_str::<Value>(line).unwrap()["position"].as_u64().unwrap();
    ran.stdout.lines().map(position).collect()
}

#[test]
fn the_log_as_it_is() {
    let (_dir, server) = server();
    fill(&server);
    let head = 3 + EVENTS as u64;
    let all = run_at(&server, &["export"]);
    assert_eq!(positions(&all), (1..=head).collect::<Vec<_>>());
    assert_eq!(all.stdout, told(&server, "/events"), "line for line what the API gives");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pages = runtime.block_on(async { server.client().events().await });
    let lines: Vec<Value> = all.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, pages, "and what its pages hold");

    let export = |arguments: &[&str]| positions(&run_at(&server, &[&["export"], arguments].concat()));
    assert_eq!(export(&["--after", "900"]), [901, 902, 903]);
    assert_eq!(export(&["--since-event-id", lines[899]["id"].as_str().unwrap()]), [901, 902, 903]);
    assert_eq!(export(&["--type", "Fizz", "--limit", "2"]), [4, 7]);
    assert_eq!(export(&["--stream", "task-t1"]), [2]);
    assert_eq!(export(&["--tag", "k:v", "--after", "902", "--output", "ndjson"]), [903]);
    let time = lines[2]["time"].as_str().unwrap();
    assert_eq!(export(&["--to", time]), [1, 2, 3]);
    assert_eq!(export(&["--from-time", time, "--to-time", time]), [3]);
    assert_eq!(export(&["--after", "903"]), [] as [u64; 0]);
}

#[test]
fn into_a_file() {
    let (dir, server) = server();
    fill(&server);
    let file = dir.path().join("log.ndjson");
    std::fs::write(&file, "what was here before").unwrap();
    let ran = run_at(&server, &["export", "--file", file.to_str().unwrap()]);
    ran.succeeded();
    assert_eq!(ran.stdout, "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), told(&server, "/events"));

    let missing = dir.path().join("missing/log.ndjson");
    let ran = run_at(&server, &["export", "--file", missing.to_str().unwrap()]);
    assert!(ran.code == 2 && ran.stderr.contains("missing/log.ndjson"), "{} {}", ran.code, ran.stderr);
    let refused = run_at(&server, &["export", "--file", file.to_str().unwrap(), "--to", "yesterday"]);
    assert_eq!(refused.code, 8);
    assert!(std::fs::read_to_string(&file).unwrap().starts_with('{'), "what was there stays");
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left.iter().any(|name| name.to_string_lossy().starts_with(".tmp")),
        "nothing is left over: {left:?}"
    );
}
