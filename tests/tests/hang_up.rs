//! A query ends when nobody takes its rows any more: real clients that hang up, and the server's own figures of it.

use agentpm_tests::prometheus::Page;
use agentpm_tests::server::Options;
use agentpm_tests::{Client, Server};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Far longer than it takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Rows that are more than what a connection holds on its way: 40 MB.
const LARGE_APPENDS: usize = 20;
const LARGE_EVENTS: usize = 1_000;
const LARGE_BYTES: usize = 2_000;

/// Rows without end, as far as a test can tell: of 60 events, 60⁶.
const ENDLESS: &str = "WITH small AS (SELECT id, position FROM events WHERE type = 'Noted') \
    SELECT count(*) AS n FROM (SELECT a.id FROM small a JOIN small b ON a.position <= b.position + 0 \
    JOIN small c ON b.position != c.position + 0 JOIN small d ON c.position != d.position + 0 \
    JOIN small e ON d.position != e.position + 0 JOIN small f ON e.position != f.position + 0) AS all_of_them";

/// What is running, and what was given up since the start.
async fn figures(client: &Client) -> (f64, f64) {
    let answer = client.get("/metrics").await;
    let page = Page::read(answer.body.as_str().expect("figures are text")).unwrap();
    (page.value("agentpm_queries_running", &[]), page.value("agentpm_queries_cancelled_total", &[]))
}

/// Asks again until it is so; each look is a request, which takes its time.
async fn until(client: &Client, wanted: (f64, f64)) {
    let begun = Instant::now();
    loop {
        let found = figures(client).await;
        if found == wanted {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "running and given up are {found:?} and not {wanted:?}");
    }
}

fn request(accept: &str, pql: &str) -> String {
    let body = json!({ "pql": pql }).to_string();
    format!(
        "POST /query HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_ends_with_its_client() {
    let dir = tempfile::tempdir().unwrap();
    // Time does not end it.
    let arguments =
        ["--query-time-max-s", "3600", "--query-concurrency-max", "2"].map(str::to_owned).to_vec();
    let server = Server::start_with(dir.path(), Options { arguments, ..Options::default() });
    let client = server.unix_client();
    let events: Vec<_> = (0..60).map(|nth| json!({ "type": "Noted", "data": { "nth": nth } })).collect();
    client
        .post(
            "/append",
            json!({ "appends": [{ "stream": "s", "expected_revision": "any", "events": events }] }),
        )
        .await
        .data();
    until(&client, (0.0, 0.0)).await;
    let mut given_up = 0.0;
    let address = server.url().trim_start_matches("http://").to_owned();

    // One document, over TCP and over the Unix socket: nothing is sent before the end.
    let mut tcp = TcpStream::connect(&address).unwrap();
    tcp.write_all(request("application/json", ENDLESS).as_bytes()).unwrap();
    until(&client, (1.0, given_up)).await;
    drop(tcp);
    given_up += 1.0;
    until(&client, (0.0, given_up)).await;
    let mut unix = UnixStream::connect(server.socket_path()).unwrap();
    unix.write_all(request("application/json", ENDLESS).as_bytes()).unwrap();
    until(&client, (1.0, given_up)).await;
    drop(unix);
    given_up += 1.0;
    until(&client, (0.0, given_up)).await;

    // Rows that stream: in the middle of them, which are more than what waits on the way.
    for _ in 0..LARGE_APPENDS {
        let large = json!({ "type": "Large", "data": { "text": "x".repeat(LARGE_BYTES) } });
        let append =
            json!({ "stream": "large", "expected_revision": "any", "events": vec![large; LARGE_EVENTS] });
        client.post("/append", json!({ "appends": [append] })).await.data();
    }
    for accept in ["application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"] {
        let mut tcp = TcpStream::connect(&address).unwrap();
        tcp.write_all(request(accept, "SELECT data FROM events WHERE type = 'Large'").as_bytes()).unwrap();
        let mut some = [0; 4_096];
        tcp.read_exact(&mut some).unwrap();
        until(&client, (1.0, given_up)).await;
        drop(tcp);
        given_up += 1.0;
        until(&client, (0.0, given_up)).await;
    }

    // A call through a WebSocket.
    let mut socket = server.connect().await;
    let call = json!({ "op": "request", "req": "r1", "method": "POST", "path": "/query", "body": { "pql": ENDLESS } });
    socket.send(call).await;
    until(&client, (1.0, given_up)).await;
    drop(socket);
    given_up += 1.0;
    until(&client, (0.0, given_up)).await;

    // Every turn is free again, and whoever waits for one needs no turn to go.
    assert_eq!(client.query("SELECT count(*) AS n FROM events WHERE type = 'Noted'").await.rows[0]["n"], 60);
    let both: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut tcp = TcpStream::connect(&address).unwrap();
            tcp.write_all(request("application/json", ENDLESS).as_bytes()).unwrap();
            tcp
        })
        .collect();
    until(&client, (2.0, given_up)).await;
    // A lookup takes no turn.
    client.post("/tasks", json!({ "id": "t1", "title": "one" })).await.data();
    assert_eq!(client.query("SELECT title FROM tasks WHERE id = 't1'").await.texts("title"), ["one"]);
    drop(both);
    until(&client, (0.0, given_up + 2.0)).await;
}
