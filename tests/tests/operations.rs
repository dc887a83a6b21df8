//! What an operator sees and sets: figures, logs, limits, configuration.

use agentpm_tests::prometheus::Page;
use agentpm_tests::{Client, Options, Server, wait};
use serde_json::{Value, json};
use std::time::Duration;

/// The figures of a server.
async fn figures(client: &Client) -> Page {
    let answer = client.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.headers.contains_key("x-request-id") && answer.headers.contains_key("agentpm-position"));
    let text = answer.body.as_str().expect("figures are text");
    Page::read(text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

/// Waits for what comes soon.
async fn eventually<T, F: Future<Output = Option<T>>>(look: impl FnMut() -> F) -> T {
    wait::until("what was done shows", Duration::from_secs(60), look).await
}

fn with(arguments: &[&str]) -> Options {
    Options { arguments: arguments.iter().map(|&argument| argument.into()).collect(), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_tell_what_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let before = figures(&client).await;
    for (name, labels) in [
        ("agentpm_position", &[][..]),
        ("agentpm_events_total", &[]),
        ("agentpm_commit_duration_seconds_count", &[]),
        ("agentpm_tasks_ready", &[]),
        ("agentpm_tasks", &[("status", "open")]),
        ("agentpm_leases_active", &[]),
        ("agentpm_lease_expiries_total", &[]),
        ("agentpm_sessions_lost_total", &[]),
        ("agentpm_subscriptions", &[]),
        ("agentpm_websocket_connections", &[]),
        ("agentpm_query_errors_total", &[]),
        ("agentpm_rate_limited_total", &[("scope", "agent")]),
        ("agentpm_writer_queue_requests", &[]),
    ] {
        assert_eq!(before.value(name, labels), 0.0, "{name} of an empty server");
    }

    client.post("/agents/register", json!({ "id": "ada", "name": "Ada" })).await.data();
    for id in ["a", "b", "c", "d"] {
        client.post("/tasks", json!({ "id": id, "title": id })).await.data();
    }
    client.post("/tasks", json!({ "id": "e", "title": "e", "blocked_by": ["a"] })).await.data();
    client
        .post("/tasks", json!({ "id": "f", "title": "f", "not_before": "2999-01-01T00:00:00Z" }))
        .await
        .data();
    let claim = json!({ "agent_id": "ada", "limit": 1, "lease_s": 600 });
    client.post("/tasks/claim", claim).await.data();
    client.query("SELECT id FROM tasks").await;
    assert_eq!(client.post("/query", json!({ "pql": "SELECT nothing FROM nowhere" })).await.status, 400);
    assert_eq!(client.get("/tasks/nobody").await.status, 404);
    assert_eq!(client.get("/nowhere").await.status, 404);
    let mut socket = server.connect().await;
    socket.send_text(r#"{"op":"subscribe","sub":"s","pql":"SUBSCRIBE events FROM START"}"#).await;
    while socket.next().await.expect("the socket is open")["op"] != "caught_up" {}

    let page = eventually(|| async {
        let page = figures(&client).await;
        (page.value("agentpm_subscription_lag_events", &[]) == 0.0).then_some(page)
    })
    .await;
    let events = client.head().await as f64;
    assert_eq!(page.value("agentpm_position", &[]), events);
    assert_eq!(page.value("agentpm_events_total", &[]), events);
    assert_eq!(page.value("agentpm_commit_events_sum", &[]), events);
    let commits = page.value("agentpm_commit_duration_seconds_count", &[]);
    assert!((1.0..=8.0).contains(&commits), "eight writes: {commits}");
    assert_eq!(page.value("agentpm_log_fsync_duration_seconds_count", &[]), commits);
    assert_eq!(page.value("agentpm_commit_events_count", &[]), commits);
    assert!(page.value("agentpm_log_fsync_duration_seconds_sum", &[]) > 0.0);
    assert!(page.value("agentpm_log_written_bytes_total", &[]) > 500.0);
    assert_eq!(page.value("agentpm_write_duration_seconds_count", &[("kind", "command")]), 8.0);
    assert_eq!(page.value("agentpm_snapshot_lag_events", &[]), events, "none was written yet");
    let tasks = |status: &str| page.value("agentpm_tasks", &[("status", status)]);
    assert_eq!((tasks("open"), tasks("in_progress"), tasks("blocked")), (4.0, 1.0, 1.0));
    assert_eq!((tasks("completed"), tasks("cancelled"), tasks("archived")), (0.0, 0.0, 0.0));
    assert_eq!(page.value("agentpm_tasks_ready", &[]), 3.0);
    assert_eq!(page.value("agentpm_leases_active", &[]), 1.0);
    assert_eq!(page.value("agentpm_table_rows", &[("table", "tasks")]), 6.0);
    assert_eq!(page.value("agentpm_table_rows", &[("table", "agents")]), 1.0);
    assert_eq!(page.value("agentpm_subscriptions", &[]), 1.0);
    assert_eq!(page.value("agentpm_websocket_connections", &[]), 1.0);
    assert!(page.value("agentpm_connections", &[("transport", "tcp")]) >= 1.0);
    assert_eq!(page.value("agentpm_query_duration_seconds_count", &[("statement", "query")]), 1.0);
    assert_eq!(page.value("agentpm_query_errors_total", &[]), 1.0);
    let asked = |route: &str, method: &str, status: &str| {
        let labels = [("route", route), ("method", method), ("status", status)];
        page.sum("agentpm_http_request_duration_seconds_count", &labels)
    };
    assert_eq!(asked("/tasks", "POST", "2xx"), 6.0);
    assert_eq!(asked("/tasks/{id}", "GET", "4xx"), 1.0, "a route, not a path");
    assert_eq!(asked("none", "GET", "4xx"), 1.0);
    assert_eq!(asked("/tasks/claim", "POST", "2xx"), 1.0);
    assert_eq!(page.value("agentpm_ready", &[]), 1.0);
    assert_eq!(page.value("agentpm_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    if cfg!(target_os = "linux") {
        assert!(page.value("process_resident_memory_bytes", &[]) > 1e6);
        assert!(page.value("process_cpu_seconds_total", &[]) > 0.0);
        assert!(page.value("process_open_fds", &[]) > 5.0);
    }
    drop(socket);
    eventually(|| async {
        let page = figures(&client).await;
        let gone =
            page.value("agentpm_subscriptions", &[]) + page.value("agentpm_websocket_connections", &[]);
        (gone == 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_count_leases_that_ran_out_and_are_for_those_who_are_let_in() {
    let dir = tempfile::tempdir().unwrap();
    let token = "s3cret-and-long-enough";
    let options = Options {
        environment: vec![("AGENTPM_TOKEN".into(), token.into())],
        token: Some(token.into()),
        ..Options::default()
    };
    let server = Server::start_with(dir.path(), options);
    let client = server.client();
    assert_eq!(client.with_token(None).get("/metrics").await.status, 401);
    client.post("/agents/register", json!({ "id": "ada", "name": "Ada" })).await.data();
    client.post("/tasks", json!({ "id": "a", "title": "a" })).await.data();
    client.post("/tasks/claim", json!({ "agent_id": "ada", "lease_s": 1 })).await.data();
    let page = eventually(|| async {
        let page = figures(&client).await;
        (page.value("agentpm_lease_expiries_total", &[]) == 1.0).then_some(page)
    })
    .await;
    assert_eq!(page.value("agentpm_leases_active", &[]), 0.0);
    assert_eq!(page.value("agentpm_tasks_ready", &[]), 1.0);
    let refused = [("route", "none"), ("status", "4xx")];
    assert_eq!(
        page.sum("agentpm_http_request_duration_seconds_count", &refused),
        1.0,
        "the one without a token"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let dir = tempfile::tempdir().unwrap();
    // One a second, so that a slow machine does not make it another test.
    let server = Server::start_with(dir.path(), with(&["--rate-limit-per-agent", "1:3"]));
    let client = server.client();
    let ask = |agent: &str| client.send(client.request("GET", "/tasks").header("agentpm-agent", agent));
    let mut last = ask("ada").await;
    for _ in 0..20 {
        if last.status == 429 {
            break;
        }
        last = ask("ada").await;
    }
    assert_eq!((last.status, last.code()), (429, "ERR_RATE_LIMIT"), "{}", last.body);
    let error = last.error();
    assert_eq!(error["retryable"], true);
    let details = &error["details"];
    assert_eq!(
        (&details["scope"], &details["limit"], &details["burst"]),
        (&json!("agent"), &json!(1), &json!(3))
    );
    assert!((1..=1_000).contains(&details["retry_after_ms"].as_u64().unwrap()), "{details}");
    assert_eq!(last.headers["retry-after"], "1");
    assert!(last.headers.contains_key("agentpm-position"));
    assert_eq!(ask("bob").await.status, 200, "another agent has its own");

    // The same through a socket, where calls come under its agent.
    let mut socket = server.connect().await;
    let mut refused = Value::Null;
    for _ in 0..20 {
        let call = json!({ "op": "request", "req": "r", "method": "GET", "path": "/tasks",
            "headers": { "Agentpm-Agent": "eve" } });
        socket.send_text(&call.to_string()).await;
        let frame = socket.expect("response").await;
        if frame["status"] == 429 {
            refused = frame;
            break;
        }
    }
    assert_eq!(refused["body"]["error"]["code"], "ERR_RATE_LIMIT", "{refused}");

    // The Unix socket is free of it, and so is who watches over the server.
    let unix = server.unix_client();
    for _ in 0..10 {
        unix.send(unix.request("GET", "/tasks").header("agentpm-agent", "ada")).await.data();
        client.get("/healthz").await.data();
    }
    let page = figures(&client).await;
    assert_eq!(page.value("agentpm_rate_limited_total", &[("scope", "agent")]), 2.0);
    assert_eq!(page.value("agentpm_rate_limited_total", &[("scope", "connection")]), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_has_a_limit_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let options = with(&["--rate-limit-per-connection", "1:2", "--rate-limit-unix"]);
    let server = Server::start_with(dir.path(), options);
    for client in [server.client(), server.unix_client()] {
        let mut seen = Vec::new();
        for n in 0..8 {
            let request = client.request("GET", "/healthz").header("agentpm-agent", format!("agent-{n}"));
            seen.push(client.send(request).await.status);
        }
        assert!(seen.starts_with(&[200, 200]) && seen.contains(&429), "whoever it says it is: {seen:?}");
    }
    let mut socket = server.connect().await;
    for _ in 0..8 {
        socket.send_text(r#"{"op":"request","req":"r","method":"GET","path":"/tasks"}"#).await;
    }
    let mut limited = 0;
    for _ in 0..8 {
        limited += i32::from(socket.expect("response").await["status"] == 429);
    }
    assert!(limited > 0, "a socket is a connection");
}

/// The lines of a server's log, as JSON.
fn log(dir: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join("server.log")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("a line of JSON: {line}")))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_one_line_of_the_log_and_its_trace_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir.path(), with(&["--log-level", "debug"]));
    let client = server.client();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let request = client
        .request("POST", "/tasks")
        .header("x-request-id", "my-request-1")
        .header("agentpm-agent", "ada")
        .header("agentpm-correlation-id", "cor-1")
        .header("agentpm-plan-id", "plan-1")
        .header("traceparent", &parent)
        .json(&json!({ "id": "a", "title": "a" }));
    let answer = client.send(request).await;
    assert_eq!(answer.headers["x-request-id"], "my-request-1");
    let position = answer.position();
    answer.data();
    // One that does not hold is as none, and no error.
    let wrong =
        client.request("POST", "/tasks").header("traceparent", "00-xyz").header("x-request-id", "other");
    client.send(wrong.json(&json!({ "id": "b", "title": "b" }))).await.data();
    let events = client.events().await;
    let metadata = |id: &str| &events.iter().find(|event| event["data"]["id"] == id).unwrap()["metadata"];
    assert_eq!(
        *metadata("a"),
        json!({ "agent_id": "ada", "correlation_id": "cor-1", "plan_id": "plan-1", "traceparent": parent })
    );
    assert_eq!(*metadata("b"), json!({}));
    let traced = format!("SELECT data.id AS id FROM events WHERE metadata.traceparent LIKE '00-{trace}-%'");
    assert_eq!(client.query(&traced).await.column("id"), [json!("a")]);

    let of = |lines: &[Value], id: &str| -> Vec<Value> {
        lines.iter().filter(|line| line["request_id"] == id).cloned().collect()
    };
    let lines =
        eventually(|| async { Some(log(dir.path())).filter(|lines| !of(lines, "other").is_empty()) }).await;
    let mine = of(&lines, "my-request-1");
    assert_eq!(mine.len(), 1, "{mine:?}");
    let line = &mine[0];
    for (name, value) in [
        ("level", json!("DEBUG")),
        ("method", json!("POST")),
        ("route", json!("/tasks")),
        ("path", json!("/tasks")),
        ("status", json!(200)),
        ("position", json!(position)),
        ("agent_id", json!("ada")),
        ("correlation_id", json!("cor-1")),
        ("plan_id", json!("plan-1")),
        ("trace_id", json!(trace)),
    ] {
        assert_eq!(line[name], value, "{name}: {line}");
    }
    assert!(line["duration_us"].as_u64().is_some_and(|took| took > 0), "{line}");
    let other = &of(&lines, "other")[0];
    assert!(other.get("trace_id").is_none() && other.get("agent_id").is_none(), "{other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_slow_or_broken_is_told_at_info() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir.path(), with(&["--slow-request-ms", "3000"]));
    let client = server.client();
    client.get("/tasks").await.data();
    // A position that does not come is waited for five seconds, and is then the server's error.
    let late =
        client.request("GET", "/tasks").header("agentpm-min-position", "99").header("x-request-id", "late");
    assert_eq!(client.send(late).await.status, 503);
    let lines = eventually(|| async {
        let lines: Vec<Value> =
            log(dir.path()).into_iter().filter(|line| line.get("request_id").is_some()).collect();
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["request_id"], &lines[0]["level"]), (&json!("late"), &json!("INFO")));
}

/// A certificate for this machine and its key, as files: `(certificate, key)`.
fn certificate(dir: &std::path::Path, name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let path = |kind: &str| dir.join(format!("{name}.{kind}.pem")).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert"), path("key"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_with_the_certificate_that_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(dir.path(), "own");
    let token = "s3cret-and-long-enough";
    let mut options = with(&["--tls-cert", &cert, "--tls-key", &key]);
    options.environment = vec![("AGENTPM_TOKEN".into(), token.into())];
    let server = Server::start_with(dir.path(), options);
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    let url = format!("https://127.0.0.1:{port}");
    let pem = std::fs::read_to_string(&cert).unwrap();
    let client = Client::tls(&url, &pem, Some(token));
    client.post("/tasks", json!({ "id": "a", "title": "a" })).await.data();
    assert_eq!(client.get("/tasks/a").await.data()["title"], "a");
    assert_eq!(client.with_token(None).get("/tasks").await.status, 401);

    // Who trusts another certificate gets nowhere, and who speaks no TLS neither.
    let (other, _) = certificate(dir.path(), "other");
    let stranger = Client::tls(&url, &std::fs::read_to_string(&other).unwrap(), Some(token));
    assert!(stranger.try_send(stranger.request("GET", "/tasks")).await.is_none());
    let plain = Client::new(&format!("http://127.0.0.1:{port}"), Some(token));
    assert!(plain.try_send(plain.request("GET", "/tasks")).await.is_none());

    let ask = |ca: &str| {
        let mut command = agentpm_tests::server::command();
        command
            .env("AGENTPM_TOKEN", token)
            .args(["task", "get", "a", "--json", "--url", &url, "--tls-ca", ca]);
        command.output().unwrap()
    };
    let asked = ask(&cert);
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&asked.stdout).unwrap()["title"], "a");
    let refused = ask(&other);
    assert_eq!(refused.status.code(), Some(7), "{}", String::from_utf8_lossy(&refused.stderr));
    let missing = ask(&key);
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert_eq!(missing.status.code(), Some(2), "{said}");
    assert!(said.contains("no certificate"), "{said}");
    // Figures count the connections that came about.
    assert!(figures(&client).await.value("agentpm_connections", &[("transport", "tcp")]) >= 1.0);
}

/// The command of the documentation makes a certificate that the command line and curl take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_of_the_documentation_holds() {
    let runs = |program: &str| std::process::Command::new(program).arg("--help").output().is_ok();
    if !runs("openssl") {
        println!("skipped: there is no openssl");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let page = include_str!("../../docs/operations/tls.md");
    let block = page.split("```sh\n").find(|block| block.starts_with("openssl ")).expect("the page has it");
    let command = block.split("```").next().unwrap();
    let made =
        std::process::Command::new("sh").args(["-ec", command]).current_dir(dir.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let token = "s3cret-and-long-enough";
    let mut options = with(&["--tls-cert", &cert, "--tls-key", &key]);
    options.environment = vec![("AGENTPM_TOKEN".into(), token.into())];
    let server = Server::start_with(&dir.path().join("server"), options);
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{port}");
        let client = Client::tls(&url, &std::fs::read_to_string(&cert).unwrap(), Some(token));
        assert_eq!(client.get("/tasks").await.data()["total"], 0);
        let mut command = agentpm_tests::server::command();
        command
            .env("AGENTPM_TOKEN", token)
            .args(["task", "list", "--json", "--url", &url, "--tls-ca", &cert]);
        let listed = command.output().unwrap();
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        if runs("curl") {
            let asked = std::process::Command::new("curl")
                .args(["--silent", "--show-error", "--fail", "--cacert", &cert, "--header"])
                .args([format!("authorization: Bearer {token}"), format!("{url}/tasks")])
                .output()
                .unwrap();
            assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        }
    }
}

#[test]
fn a_certificate_that_does_not_hold_is_refused_at_the_start_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(dir.path(), "own");
    let (_, foreign) = certificate(dir.path(), "other");
    let empty = dir.path().join("empty.pem").to_str().unwrap().to_owned();
    std::fs::write(&empty, "").unwrap();
    for (cert, key, words) in [
        (&*cert, &*foreign, "the key is not that of the first certificate"),
        (&cert, "/nowhere/key.pem", "/nowhere/key.pem: No such file"),
        (&cert, &cert, "there is no private key in it"),
        (&empty, &key, "there is no certificate in it"),
        (&key, &key, "there is no certificate in it"),
    ] {
        let options = with(&["--tls-cert", cert, "--tls-key", key]);
        // Exit 2: a setting does not hold.
        let why = Server::try_start(&dir.path().join("server"), &options).err().expect("it does not start");
        assert!(why.contains("unix_wait_status(512)") && why.contains(words), "{words}: {why}");
    }
    let why = Server::try_start(&dir.path().join("server"), &with(&["--tls-cert", &cert])).err().unwrap();
    assert!(why.contains("--tls-key"), "{why}");
}

#[test]
fn config_tells_what_holds_and_who_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "slow_request_ms = 50\nrate_limit_per_agent = 9\nsnapshot_every_s = 5\n").unwrap();
    let file = file.to_str().unwrap();
    let output = agentpm_tests::server::command()
        .args(["config", "--json", "--config", file, "--slow-request-ms", "70", "--insecure"])
        .env("AGENTPM_TOKEN", "s3cret-and-long-enough")
        .env("AGENTPM_SNAPSHOT_EVERY_S", "6")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !said.contains("s3cret"), "{said}");
    let settings = serde_json::from_str::<Value>(&said).unwrap()["settings"].clone();
    let of = |name: &str| {
        let one = settings.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        (one["value"].clone(), one["source"].clone(), one["from"].clone())
    };
    assert_eq!(of("slow_request_ms"), (json!(70), json!("flag"), json!("--slow-request-ms")));
    assert_eq!(of("insecure"), (json!(true), json!("flag"), json!("--insecure")));
    assert_eq!(of("snapshot_every_s"), (json!(6), json!("environment"), json!("AGENTPM_SNAPSHOT_EVERY_S")));
    assert_eq!(of("rate_limit_per_agent"), (json!("9:9"), json!("file"), json!(file)));
    assert_eq!(of("snapshot_every_events"), (json!(10_000), json!("default"), Value::Null));
    assert_eq!(of("token"), (json!("set"), json!("environment"), json!("AGENTPM_TOKEN")));
    assert_eq!(of("token_file"), (Value::Null, json!("default"), Value::Null));
    std::fs::write(file, "slow_request = 50\n").unwrap();
    let refused = agentpm_tests::cli::run(&["config", "--config", file]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("slow_request_ms"), "it says which there are: {}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_written_as_often_as_it_is_set() {
    for arguments in [["--snapshot-every-events", "5"], ["--snapshot-every-s", "1"]] {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start_with(dir.path(), with(&arguments));
        let client = server.client();
        for id in 0..6 {
            client.post("/tasks", json!({ "id": id.to_string(), "title": "t" })).await.data();
        }
        eventually(|| async {
            let page = figures(&client).await;
            let written = page.value("agentpm_snapshot_duration_seconds_count", &[]) >= 1.0;
            (written && page.value("agentpm_snapshot_position", &[]) >= 5.0).then_some(())
        })
        .await;
    }
}

/// The page about figures names every family that there is, with its kind, and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_about_figures_has_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    client.post("/tasks", json!({ "id": "a", "title": "a" })).await.data();
    client.query("SELECT id FROM tasks").await;
    let subscription = json!({ "pql": "SUBSCRIBE events" });
    client.call("PUT", "/subscriptions/s", &subscription).await.data();
    let page = figures(&client).await;
    let mut is: Vec<String> =
        page.0.iter().map(|(name, family)| format!("| `{name}` | {} |", family.kind)).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `agentpm_") || line.starts_with("| `process_"));
    let mut told: Vec<String> =
        rows.map(|line| line.split('|').take(3).collect::<Vec<_>>().join("|") + "|").collect();
    told.sort();
    is.sort();
    assert_eq!(told, is);
}

/// The files of an archive, by name.
fn unpacked(archive: &[u8]) -> std::collections::BTreeMap<String, String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        (name.strip_prefix("agentpm-diagnostics/").expect("one folder").to_owned(), text)
    });
    entries.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_has_what_helps_and_no_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let token = "s3cret-and-long-enough";
    let options = Options {
        environment: vec![("AGENTPM_TOKEN".into(), token.into())],
        token: Some(token.into()),
        ..with(&["--log-level", "debug", "--slow-request-ms", "77"])
    };
    let server = Server::start_with(dir.path(), options);
    let client = server.client();
    for id in ["a", "b", "c"] {
        client.post("/tasks", json!({ "id": id, "title": "what nobody else should read" })).await.data();
    }
    client.with_token(Some("s0me-wrong-token")).get("/tasks").await;
    let fetch = async |query: &str| {
        let request = client.request("GET", &format!("/diagnostics/bundle{query}"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "application/gzip");
        unpacked(&response.bytes().await.unwrap())
    };
    let files = fetch("").await;
    let json = |name: &str| serde_json::from_str::<Value>(&files[name]).unwrap();
    let manifest = json("manifest.json");
    assert_eq!((&manifest["format"], &manifest["position"]), (&json!(1), &json!(3)));
    assert_eq!(manifest["events"], json!({ "first_position": 1, "data": false }));
    let told: Vec<&str> =
        manifest["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let mut there: Vec<&str> =
        files.keys().map(String::as_str).filter(|name| *name != "manifest.json").collect();
    there.sort_by_key(|name| told.iter().position(|known| known == name));
    assert_eq!(told, there);
    assert_eq!(json("versions.json")["agentpm"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json("tables.json")["tasks"], 3);
    assert_eq!((&json("health.json")["ready"], &json("health.json")["position"]), (&json!(true), &json!(3)));
    let page = Page::read(&files["metrics.txt"]).unwrap();
    assert_eq!(page.value("agentpm_events_total", &[]), 3.0);
    let settings = json("config.json")["settings"].clone();
    let slow = settings.as_array().unwrap().iter().find(|one| one["name"] == "slow_request_ms").unwrap();
    assert_eq!((&slow["value"], &slow["source"]), (&json!(77), &json!("flag")));
    let lines =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let events = lines(&files["events.ndjson"]);
    assert_eq!(events.iter().map(|event| &event["position"]).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(events.iter().all(|event| event["data"].is_null()));
    assert!(
        lines(&files["log.ndjson"]).iter().any(|line| line["route"] == "/tasks"),
        "{}",
        files["log.ndjson"]
    );
    for (name, text) in &files {
        for secret in [token, "s0me-wrong-token", "what nobody else should read"] {
            assert!(!text.contains(secret), "{name} tells {secret}");
        }
    }
    let files = fetch("?data=true&events=2").await;
    let events = lines(&files["events.ndjson"]);
    assert_eq!(events.iter().map(|event| &event["data"]["id"]).collect::<Vec<_>>(), ["b", "c"]);
    assert!(files.values().all(|text| !text.contains(token)));

    let file = dir.path().join("bundle.tar.gz");
    let ran =
        agentpm_tests::cli::run_at(&server, &["diagnostics", "export", "--file", file.to_str().unwrap()]);
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(ran.json(), json!({ "file": file.to_str().unwrap(), "bytes": bytes.len() }));
    assert!(unpacked(&bytes).contains_key("manifest.json"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_about_the_store_tell_what_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    assert!(client.query("SELECT * FROM snapshots").await.rows.is_empty(), "none was written yet");
    for id in ["a", "b"] {
        client.post("/tasks", json!({ "id": id, "title": id })).await.data();
    }
    // Closing writes one.
    let server = server.restart();
    let client = server.client();
    let last = client.query("SELECT time FROM events WHERE position = 2").await.column("time")[0].clone();
    let snapshots = client.query("SELECT position, time, events_since, bytes FROM snapshots").await;
    let row = |rows: &agentpm_tests::Rows, name: &str| rows.column(name)[0].clone();
    assert_eq!(snapshots.rows.len(), 1);
    assert_eq!((row(&snapshots, "position"), row(&snapshots, "time")), (json!(2), last));
    assert_eq!(row(&snapshots, "events_since"), json!(0));
    assert!(row(&snapshots, "bytes").as_u64().unwrap() > 100);
    client.post("/tasks", json!({ "id": "c", "title": "c" })).await.data();
    let one = client.query("SELECT events_since FROM snapshots WHERE position = 2").await;
    assert_eq!(row(&one, "events_since"), json!(1));

    let formats = client.query("SELECT name, version, applied_at FROM schema_migrations ORDER BY name").await;
    assert_eq!(formats.texts("name"), ["fold", "log", "views"]);
    assert!(formats.column("version").iter().all(|version| version.as_u64() >= Some(1)));
    // The log was made before its first event, and not long before.
    let made = client
        .query("SELECT m.applied_at <= e.time AND m.applied_at > e.time - 1h AS held FROM schema_migrations m JOIN events e ON e.position = 1 WHERE m.name = 'log'")
        .await;
    assert_eq!(made.column("held"), [json!(true)]);
    for table in ["snapshots", "schema_migrations", "subscriptions"] {
        let past =
            client.post("/query", json!({ "pql": format!("SELECT * FROM {table} AS OF POSITION 1") })).await;
        assert_eq!(past.code(), "ERR_PQL");
        assert!(past.body["error"]["message"].as_str().unwrap().contains("no past"), "{}", past.body);
        let history = client.post("/query", json!({ "pql": format!("SELECT * FROM {table} HISTORY") })).await;
        assert!(
            history.body["error"]["message"].as_str().unwrap().contains("no HISTORY"),
            "{}",
            history.body
        );
    }
}
