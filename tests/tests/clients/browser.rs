//! A page in a headless browser.
//!
//! A tiny HTTP server serves it, and holds back one picture until the page says that it is done: then loading
//! ends, and the browser prints what the page has become. Nothing waits for a while.

use crate::{TOKEN, is_there, run, server};
use agentpm_tests::client::escape;
use agentpm_tests::wait;
use serde_json::json;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Names under which the browser is known.
const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Longer than a browser takes to start.
const PAGE_LIMIT: Duration = Duration::from_secs(60);

/// The page of the documentation, which knows nothing of tests, and the end of loading once it has five lines.
const LIVE: &str = concat!(
    include_str!("../../../docs/examples/live.html"),
    r#"<script>
        new MutationObserver((_, seen) => {
            if (document.querySelectorAll("li").length === 5) { seen.disconnect(); fetch("/release") }
        }).observe(document.getElementById("events"), { childList: true });
    </script><img src="/held" alt="">"#
);

/// The browser that is there.
fn browser() -> Option<&'static str> {
    let there = NAMES.iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let browser = there.copied().unwrap_or(NAMES[0]);
    is_there(browser, &["--version"], "AGENTPM_CHROMIUM").then_some(browser)
}

/// A server of the page, and its origin.
async fn pages() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let done = Arc::new(Semaphore::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let done = done.clone();
            // A browser that has gone does not matter.
            tokio::spawn(async move { serve(stream, &done).await.unwrap_or_default() });
        }
    });
    origin
}

async fn serve(stream: TcpStream, done: &Semaphore) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let (kind, body) = match first.split(' ').nth(1).unwrap_or_default() {
        "/held" => {
            // Each page releases its own picture.
            done.acquire().await.expect("it is never closed").forget();
            ("image/gif", "")
        }
        "/release" => {
            done.add_permits(1);
            ("text/plain", "")
        }
        "/page" => ("text/html; charset=utf-8", include_str!("page.html")),
        "/live" => ("text/html; charset=utf-8", LIVE),
        _ => ("text/plain", ""),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// What the page has become, as the browser prints it.
async fn open(browser: &str, url: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(browser);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"])
        .args(["--no-first-run", "--disable-extensions", "--disable-background-networking", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url);
    let ran = run(command).await;
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let dom = String::from_utf8(ran.stdout).unwrap();
    // The page's own source is not what is asked about.
    let (before, rest) = dom.split_once("<script>").unwrap_or((&dom, ""));
    format!("{before}{}", rest.split_once("</script>").map_or("", |(_, after)| after))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_connects_with_a_ticket() {
    let Some(browser) = browser() else { return };
    let (invited, foreign) = (pages().await, pages().await);
    let (_dir, server, client) = server(std::slice::from_ref(&invited)).await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let ticket =
        async || client.post("/tickets", json!({})).await.data()["ticket"].as_str().unwrap().to_owned();
    let page = |origin: &str, given: &str| format!("{origin}/page#server={}&{given}", escape(&address));
    let events = "<li>1 One</li><li>2 Two</li><li>3 Three</li>";

    // Given a ticket, and given a token that it gets one for.
    for given in [format!("ticket={}", ticket().await), format!("token={TOKEN}")] {
        let dom = open(browser, &page(&invited, &given)).await;
        assert!(dom.contains("<title>caught up 3</title>"), "{given}: {dom}");
        assert!(dom.contains(events), "{given}: {dom}");
    }
    // Without a ticket; with one that is used up; from elsewhere, whatever it has.
    let used = ticket().await;
    let path = format!("/ws?ticket={used}");
    assert!(agentpm_tests::Socket::try_connect(&server.url(), &path, None).await.is_ok());
    for (origin, given, told) in [
        (&invited, "ticket=".to_owned(), "refused"),
        (&invited, format!("ticket={used}"), "refused"),
        (&foreign, format!("ticket={}", ticket().await), "refused"),
        (&foreign, format!("token={TOKEN}"), "failed TypeError"),
    ] {
        let dom = open(browser, &page(origin, &given)).await;
        assert!(dom.contains(&format!("<title>{told}</title>")), "{origin} {given}: {dom}");
        assert!(!dom.contains("<li>"), "nothing was told: {dom}");
        // An invited page may read that it needs a token; a foreign one reads nothing at all.
        let read = if *origin == invited { "ERR_UNAUTHORIZED" } else { "TypeError" };
        assert!(dom.contains(read) && !dom.contains("\"ok\":true"), "{dom}");
    }
    assert_eq!(client.head().await, 3, "no page planted anything");
}

/// A way to the server that can be cut: every connection ends when `cut` changes. Its address.
async fn cable(server: String, cut: &watch::Sender<u32>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let cut = cut.subscribe();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (server, mut cut) = (server.clone(), cut.clone());
            cut.mark_unchanged();
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect(server).await else { return };
                tokio::select! {
                    // Whoever ends first ends both.
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = cut.changed() => {}
                }
            });
        }
    });
    address
}

/// The example of the documentation shows events as they come, and goes on where it was when its
/// connection has broken: what came meanwhile is there, and nothing is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_shows_events_live() {
    let Some(browser) = browser() else { return };
    let origin = pages().await;
    let (_dir, server, client) = server(std::slice::from_ref(&origin)).await;
    let cut = watch::Sender::new(0);
    let cable = cable(server.url().trim_start_matches("http://").to_owned(), &cut).await;
    let url = format!(
        "{origin}/live#server={}&token={TOKEN}&pql={}",
        escape(&cable),
        escape("SUBSCRIBE events FROM START")
    );
    let page = tokio::spawn(async move { open(browser, &url).await });

    let followed = async || {
        let page = client.get("/metrics").await.body;
        page.as_str().is_some_and(|page| page.contains("agentpm_subscriptions 1\n")).then_some(())
    };
    wait::until("the page follows", PAGE_LIMIT, followed).await;
    let append = async |kind: &str| {
        let events = json!([{ "type": kind, "data": { "from": "a test" } }]);
        client.post("/append", json!({ "appends": [{ "stream": "s", "events": events }] })).await.data();
    };
    append("Four").await;
    cut.send_modify(|cuts| *cuts += 1);
    append("Five").await;

    let dom = page.await.unwrap();
    let lines: Vec<_> = dom.split("<li>").skip(1).collect();
    let kinds = ["5 Five", "4 Four", "3 Three", "2 Two", "1 One"];
    assert_eq!(lines.len(), kinds.len(), "{dom}");
    for (line, kind) in lines.iter().zip(kinds) {
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(format!("{} {}", words[0], words[2]), kind, "{dom}");
    }
    assert!(lines[0].contains(r#" s {"from":"a test"}"#), "{dom}");
}
