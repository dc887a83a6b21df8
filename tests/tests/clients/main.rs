//! Clients that we did not write: Python's `websockets`, `curl`, a page in a browser.
//!
//! Each is skipped, and says so, where its program is missing; `AGENTPM_CLIENTS=1` makes the first two, and
//! `AGENTPM_CHROMIUM=1` the browser, a must.

mod browser;
mod schemathesis;

use agentpm_tests::{Client, Options, Server};
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};

/// The bearer token of every server here.
const TOKEN: &str = "s3cret-and-long-enough";

/// A server with a token, a page that it lets in, and three events.
async fn server(allow_origin: &[String]) -> (tempfile::TempDir, Server, Client) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        environment: vec![("AGENTPM_TOKEN".into(), TOKEN.into())],
        arguments: allow_origin
            .iter()
            .flat_map(|origin| ["--allow-origin".to_owned(), origin.clone()])
            .collect(),
        token: Some(TOKEN.into()),
        ..Options::default()
    };
    let server = Server::start_with(dir.path(), options);
    let client = server.client();
    let events: Vec<Value> = ["One", "Two", "Three"].iter().map(|kind| json!({ "type": kind })).collect();
    client.post("/append", json!({ "appends": [{ "stream": "s", "events": events }] })).await.data();
    (dir, server, client)
}

/// Whether a program is there: it ends well with these arguments. When it must be, and is not, the test fails.
fn is_there(program: &str, arguments: &[&str], must: &str) -> bool {
    let ran = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let is_there = ran.is_ok_and(|ran| ran.status.success());
    let is_must = std::env::var_os(must).is_some_and(|value| value != "0");
    assert!(is_there || !is_must, "{must} is set, and `{program} {}` does not work", arguments.join(" "));
    if !is_there {
        eprintln!("skipped: `{program} {}` does not work here", arguments.join(" "));
    }
    is_there
}

/// Runs a program off the threads that serve the test.
async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_websockets() {
    if !is_there("python3", &["-c", "import websockets.sync.client"], "AGENTPM_CLIENTS") {
        return;
    }
    let (_dir, server, client) = server(&[]).await;
    let url = format!("{}/ws", server.url().replacen("http", "ws", 1));
    let mut python = Command::new("python3");
    python.args(["-c", include_str!("socket.py"), &url, TOKEN]);
    let ran = run(python).await;
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let expected = json!({
        "without_token": 401,
        "foreign_origin": 401,
        "other_subprotocol": 400,
        "subprotocol": "agentpm.v1",
        "subscribed": 0,
        "first": [1, 2],
        "caught_up": 3,
        "answered": 300,
        "positions": (4..=303).collect::<Vec<u64>>(),
        "agents": ["python"],
        "unknown": "ERR_VALIDATION",
        "binary": "ERR_VALIDATION",
        "closed": "unsubscribed",
    });
    assert_eq!(told, expected);
    assert_eq!(client.head().await, 303);
}

/// What `curl` wrote: the body, and the status after it.
async fn curl(arguments: &[&str]) -> (u16, String) {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}"])
        .args(arguments);
    let ran = run(command).await;
    assert!(ran.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8(ran.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_over_both_sockets() {
    if !is_there("curl", &["--version"], "AGENTPM_CLIENTS") {
        return;
    }
    let (_dir, server, client) = server(&[]).await;
    let socket = server.socket_path();
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let (local, remote) = ("http://localhost".to_owned(), server.url());
    let unix: &[&str] = &["--unix-socket", socket.to_str().unwrap()];
    let tcp: &[&str] = &["--header", &bearer];
    for (base, how, id) in [(&local, unix, "unix"), (&remote, tcp, "tcp")] {
        let at = |path: &str| format!("{base}{path}");
        let ask = async |more: &[&str]| curl(&[how, more].concat()).await;
        let json = ["--header", "Content-Type: application/json"];
        let task = json!({ "id": id, "title": "made by curl" }).to_string();
        let (status, body) = ask(&[&json[..], &["--data", &task, &at("/tasks")]].concat()).await;
        assert_eq!(status, 200, "{body}");
        let made: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(made["data"]["title"], "made by curl");
        // `--data` alone says that it is a form.
        let (status, body) = ask(&["--data", &task, &at("/tasks")]).await;
        assert_eq!(status, 415, "{body}");
        let (status, body) = ask(&[&at("/tasks/none")]).await;
        assert_eq!((status, body.contains("ERR_NOT_FOUND")), (404, true), "{body}");
        let pql = json!({ "pql": "SELECT position, type FROM events WHERE position <= 3 ORDER BY position" })
            .to_string();
        let query = at("/query");
        let csv = [&json[..], &["--header", "Accept: text/csv", "--data", &pql, &query]].concat();
        let (status, body) = ask(&csv).await;
        assert_eq!(
            (status, body.replace("\r\n", "\n")),
            (200, "position,type\n1,One\n2,Two\n3,Three\n".to_owned())
        );
        let (_, lines) = ask(&["--header", "Accept: application/x-ndjson", &at("/events?limit=2")]).await;
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.iter().map(|event| &event["type"]).collect::<Vec<_>>(), ["One", "Two"]);
        // A body that comes in pieces, its length not said; and one that asks for leave to come.
        let chunked =
            [&json[..], &["--header", "Transfer-Encoding: chunked", "--data", &pql, &query]].concat();
        assert_eq!(ask(&chunked).await.0, 200);
        let expect = [&json[..], &["--header", "Expect: 100-continue", "--data", &pql, &query]].concat();
        assert_eq!(ask(&expect).await.0, 200);
        // Server-Sent Events: curl is cut off by its own clock once it has heard of what was there.
        let mut follow = Command::new("curl");
        let pql = "pql=SUBSCRIBE events FROM START";
        follow.args(["--silent", "--no-buffer", "--noproxy", "*", "--get", "--data-urlencode", pql]);
        follow.args(how).arg(at("/subscribe"));
        let heard = tokio::task::spawn_blocking(move || {
            use std::io::BufRead as _;
            let mut curl = follow.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
            let lines = std::io::BufReader::new(curl.stdout.take().unwrap()).lines().map(Result::unwrap);
            let heard: Vec<String> = lines.take_while(|line| line != "event: caught_up").collect();
            curl.kill().unwrap();
            curl.wait().unwrap();
            heard
        });
        let heard = heard.await.unwrap();
        assert!(heard.iter().any(|line| line == "id: 3"), "{heard:?}");
    }
    // Over TCP the token is asked for; over the Unix socket its file mode is what guards.
    let (status, body) = curl(&[&format!("{remote}/tasks")]).await;
    assert_eq!((status, body.contains("made by curl")), (401, false), "{body}");
    let tasks = client.query("SELECT id FROM tasks ORDER BY id").await.texts("id");
    assert_eq!(tasks, ["tcp", "unix"]);
}
