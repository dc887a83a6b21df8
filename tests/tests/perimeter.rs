//! Who is let in, and what an answer may be told to wait for.

use agentpm_tests::Server;
use agentpm_tests::fixture::small as fixture;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_web_page_reaches_a_local_server() {
    let dir = tempfile::tempdir().unwrap();
    let (server, client) = fixture(&dir).await;
    let get = |name: &str, value: &str| client.request("GET", "/tasks").header(name, value);
    for (name, value) in [
        ("host", "evil.example"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let answer = client.send(get(name, value)).await;
        assert_eq!((answer.status, answer.code()), (401, "ERR_UNAUTHORIZED"), "{name}: {value}");
    }
    for (name, value) in [("sec-fetch-site", "none"), ("host", &server.url()["http://".len()..])] {
        assert_eq!(client.send(get(name, value)).await.status, 200, "{name}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_asked_of_every_request() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "s3cret-and-long-enough\n").unwrap();
    let options = agentpm_tests::Options {
        arguments: vec!["--token-file".into(), token.to_str().unwrap().into()],
        token: Some("s3cret-and-long-enough".into()),
        ..Default::default()
    };
    let server = Server::start_with(dir.path(), options);
    server.client().get("/tasks").await.data();
    for wrong in [None, Some("s3cret"), Some("")] {
        let answer = server.client().with_token(wrong).get("/tasks").await;
        assert_eq!((answer.status, answer.code()), (401, "ERR_UNAUTHORIZED"), "{wrong:?}");
    }
    server.connect().await;
    let refused = agentpm_tests::Socket::try_connect(&server.url(), "/ws", None).await;
    assert!(refused.is_err(), "the WebSocket asks for it too");
}

#[test]
fn listening_beyond_loopback_needs_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let ran = agentpm_tests::cli::run(&[
        "serve",
        "--data",
        &path("d"),
        "--socket",
        &path("s"),
        "--listen",
        "0.0.0.0:0",
    ]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("token"), "it says what is missing: {}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_waits_for_the_position_it_must_reflect() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = fixture(&dir).await;
    let head = client.head().await;
    let at = |position: u64| {
        client.request("GET", "/tasks/late").header("agentpm-min-position", position.to_string())
    };
    assert_eq!(client.send(at(head)).await.status, 404, "what is reflected already needs no waiting");
    // The reader asks before the writer writes, and sees what was written.
    let reader = tokio::spawn({
        let (client, request) = (client.clone(), at(head + 1));
        async move { client.send(request).await }
    });
    client.post("/tasks", json!({ "id": "late", "title": "late" })).await.data();
    let answer = reader.await.unwrap();
    assert!(answer.position() > head);
    assert_eq!(answer.data()["id"], "late");
    let never = client.send(at(head + 1_000_000)).await;
    assert_eq!((never.status, never.code()), (503, "ERR_UNAVAILABLE"));
    assert!(never.headers.contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_stands_for_the_token_once() {
    // Browsers cannot set the header of a WebSocket.
    let dir = tempfile::tempdir().unwrap();
    let token = "s3cret-and-long-enough";
    let options = agentpm_tests::Options {
        environment: vec![("AGENTPM_TOKEN".into(), token.into())],
        token: Some(token.into()),
        ..Default::default()
    };
    let server = Server::start_with(dir.path(), options);
    let ticket =
        server.client().post("/tickets", json!({})).await.data()["ticket"].as_str().unwrap().to_owned();
    let path = format!("/ws?ticket={ticket}");
    assert!(agentpm_tests::Socket::try_connect(&server.url(), &path, None).await.is_ok());
    assert!(agentpm_tests::Socket::try_connect(&server.url(), &path, None).await.is_err(), "once");
    let used = server.client().with_token(None).get(&format!("/subscribe?ticket={ticket}")).await;
    assert_eq!((used.status, &used.error()["details"]["rule"]), (401, &json!("ticket")), "{}", used.body);
}
