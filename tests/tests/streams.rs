//! Answers that stream cost the server a bounded amount of memory, however many rows there are and however slowly
//! they are read; an answer that is one document is bounded, and says so.

use agentpm_tests::{Client, Server, full, size};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::fs;

/// Events of one append: its body stays below what a body may be.
const APPEND_EVENTS: usize = 5_000;

/// Text in each event: a row of it is as long as one of real work.
const TEXT_BYTES: usize = 900;

/// What an answer may add to the memory of the server. Some batches of rows are on their way at once, each of
/// some MiB, and are there more than once on it: as events, as columns, as text. It does not depend on how many
/// follow; the answers are nearly twice as large.
const GROWTH_BYTES_MAX: u64 = 128 << 20;

/// The formats that stream.
const STREAMED: &[&str] = &["application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"];

/// Memory of a process in bytes: one line of its status.
fn memory(server: &Server, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|found| found.strip_prefix(line)).expect("Linux tells it");
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Its resident memory now; from now on its peak is counted anew.
fn begin(server: &Server) -> u64 {
    fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
    memory(server, "VmRSS")
}

/// How far it has been above that since.
fn growth(server: &Server, before: u64) -> u64 {
    memory(server, "VmHWM").saturating_sub(before)
}

/// A server with so many events, and something of each of its caches in memory.
async fn filled(events: usize) -> (tempfile::TempDir, Server, Client) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let text = "x".repeat(TEXT_BYTES);
    for from in (0..events).step_by(APPEND_EVENTS) {
        let some: Vec<Value> = (from..events.min(from + APPEND_EVENTS))
            .map(|n| json!({ "type": "Filler", "data": { "n": n, "text": text } }))
            .collect();
        client.post("/append", json!({ "appends": [{ "stream": "filler", "events": some }] })).await.data();
    }
    let counted = client.query("SELECT count(data.n) AS n FROM events").await;
    assert_eq!(counted.column("n"), [json!(events)]);
    drain(ask(&client, STREAMED[0], "SELECT position, data FROM events").await).await;
    (dir, server, client)
}

/// An answer, not yet read.
async fn ask(client: &Client, accept: &str, pql: &str) -> reqwest::Response {
    let request = client.request("POST", "/query").header("accept", accept).json(&json!({ "pql": pql }));
    let response = request.send().await.unwrap();
    if response.status() != 200 {
        panic!("{accept} {pql}: {}", response.text().await.unwrap_or_default());
    }
    assert_eq!(response.headers()["content-type"], accept);
    response
}

/// Reads it to its end and keeps nothing; its bytes and its lines.
async fn drain(response: reqwest::Response) -> (u64, u64) {
    let mut chunks = response.bytes_stream();
    let (mut bytes, mut lines) = (0, 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.expect("the answer comes whole");
        bytes += chunk.len() as u64;
        lines += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    (bytes, lines)
}

fn events() -> usize {
    size("AGENTPM_STREAMED", if full() { 400_000 } else { 250_000 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_stream_in_constant_memory() {
    let events = events();
    let (_dir, server, client) = filled(events).await;
    let least = (events * TEXT_BYTES) as u64;
    for pql in ["SELECT position, data FROM events", "SELECT position, data FROM events WHERE data.n >= 0"] {
        for accept in STREAMED {
            let before = begin(&server);
            let (bytes, lines) = drain(ask(&client, accept, pql).await).await;
            let growth = growth(&server, before);
            println!("{accept} {pql}: {} MiB read, {} MiB more in memory", bytes >> 20, growth >> 20);
            assert!(bytes >= least, "{accept}: {bytes} bytes are not all of it");
            match *accept {
                "application/x-ndjson" => assert_eq!(lines, events as u64),
                "text/csv" => assert_eq!(lines, events as u64 + 1),
                _ => {}
            }
            assert!(
                growth < GROWTH_BYTES_MAX,
                "{accept} {pql}: an answer of {bytes} bytes made the server grow by {growth}"
            );
        }
    }
    let before = begin(&server);
    let response =
        client.request("GET", "/events").header("accept", "application/x-ndjson").send().await.unwrap();
    assert_eq!(drain(response).await.1, events as u64);
    assert!(growth(&server, before) < GROWTH_BYTES_MAX, "GET /events: {}", growth(&server, before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_does_not_make_the_server_gather() {
    let events = events();
    let (_dir, server, client) = filled(events).await;
    let pql = "SELECT position, data FROM events";
    for accept in STREAMED {
        let before = begin(&server);
        let slow = [ask(&client, accept, pql).await, ask(&client, accept, pql).await];
        // While these two read nothing, another reads everything: as long as that takes, a server that gathered
        // for them would have gathered all of theirs.
        let (bytes, _) = drain(ask(&client, accept, pql).await).await;
        let growth = growth(&server, before);
        println!("{accept}: {} MiB more in memory with two that read nothing", growth >> 20);
        // Three answers are under way; what could be gathered for two of them is all of both.
        assert!(
            growth < 4 * bytes / 3,
            "{accept}: {growth} bytes were gathered for readers that do not read"
        );
        // And what waited is all there. One that leaves in the middle leaves nothing behind.
        let [first, second] = slow;
        drop(second);
        assert_eq!(drain(first).await.0, bytes, "{accept}: the slow one has the same answer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_document_is_bounded_in_rows_and_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let text = "x".repeat(1_000_000);
    for _ in 0..20 {
        let events: Vec<Value> = (0..7).map(|_| json!({ "type": "Large", "data": text })).collect();
        client.post("/append", json!({ "appends": [{ "stream": "s", "events": events }] })).await.data();
    }
    let answer = client.post("/query", json!({ "pql": "SELECT data FROM events" })).await;
    assert_eq!((answer.status, answer.code()), (400, "ERR_PQL"));
    assert_eq!(answer.error()["details"]["pql_code"], "memory_limit");
    assert!(answer.body.to_string().contains("ndjson"), "it says what to do instead: {}", answer.body);
    // What it asks for instead works, and so does less.
    let (bytes, lines) = drain(ask(&client, "application/x-ndjson", "SELECT data FROM events").await).await;
    assert_eq!((bytes > 140_000_000, lines), (true, 140));
    assert_eq!(client.query("SELECT data FROM events LIMIT 20").await.rows.len(), 20);
}
