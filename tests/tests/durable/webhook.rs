//! Webhooks: what a receiver is posted, and what becomes of what it does not take.

use crate::LIMIT;
use agentpm_tests::{Client, Options, Server, wait};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What events are signed with: these bytes, in base64.
const KEY: &[u8; 24] = b"twenty-four random bytes";
const SECRET: &str = "whsec_dHdlbnR5LWZvdXIgcmFuZG9tIGJ5dGVz";

/// One POST.
#[derive(Debug, Clone)]
struct Posted {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Posted {
    fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn position(&self) -> u64 {
        self.event()["data"]["position"].as_u64().unwrap()
    }
}

/// A receiver, which answers as it is told.
#[derive(Clone)]
struct Receiver {
    port: u16,
    posted: Arc<Mutex<Vec<Posted>>>,
    answer: Arc<Mutex<String>>,
}

impl Receiver {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Self { port, posted: Arc::default(), answer: Arc::new(Mutex::new("200 OK".into())) };
        let served = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served.clone().serve(stream));
            }
        });
        receiver
    }

    /// Takes one request from a connection, and answers it.
    async fn serve(self, mut stream: TcpStream) {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4_096]);
        let (head, body) = loop {
            let Ok(read @ 1..) = stream.read(&mut chunk).await else { return };
            bytes.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8(bytes.clone()).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let headers = headers(head);
            if body.len() == headers["content-length"].parse::<usize>().unwrap() {
                assert!(head.starts_with("POST /in?x=1 HTTP/1.1"), "{head}");
                break (headers, body.to_owned());
            }
        };
        self.posted.lock().unwrap().push(Posted { headers: head, body });
        let answer = self.answer.lock().unwrap().clone();
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/in?x=1", self.port)
    }

    fn answers(&self, answer: &str) {
        *self.answer.lock().unwrap() = answer.to_owned();
    }

    fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    async fn posted_at_least(&self, count: usize) -> Vec<Posted> {
        let enough = || async { Some(self.posted()).filter(|posted| posted.len() >= count) };
        wait::until("so much is posted", LIMIT, enough).await
    }
}

fn headers(head: &str) -> BTreeMap<String, String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect()
}

/// HMAC with SHA-256, as RFC 2104 has it.
fn hmac(message: &[u8]) -> Vec<u8> {
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(KEY).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |all, at| all << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let sign = char::from(SIGNS[(number >> (18 - 6 * at) & 63) as usize]);
            text.push(if at <= chunk.len() { sign } else { '=' });
        }
    }
    text
}

fn private() -> Options {
    Options { arguments: vec!["--webhook-allow-private".into()], ..Options::default() }
}

async fn put(client: &Client, name: &str, url: &str, more: Value) -> Value {
    let mut definition = json!({
        "pql": "SUBSCRIBE events WHERE type = 'Wanted'", "from": "start",
        "webhook": { "url": url, "secret": SECRET },
    });
    definition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.call("PUT", &format!("/subscriptions/{name}"), &definition).await.data()
}

async fn append(client: &Client, stream: &str, count: usize) {
    let events: Vec<Value> = (0..count).map(|n| json!({ "type": "Wanted", "data": { "n": n } })).collect();
    client.post(&format!("/streams/{stream}/events"), json!({ "events": events })).await.data();
}

async fn until(client: &Client, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let look = || async {
        let shown = client.get(&format!("/subscriptions/{name}")).await.data();
        holds(&shown).then_some(shown)
    };
    wait::until(what, LIMIT, look).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_posted_signed_and_none_is_forgotten_over_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start_with(dir.path(), private());
    let client = server.client();
    let receiver = Receiver::listen().await;
    append(&client, "a", 3).await;
    client.post("/streams/a/events", json!({ "events": [{ "type": "Other" }] })).await.data();
    let made = put(&client, "hook", &receiver.url("127.0.0.1"), json!({})).await;
    assert_eq!((&made["webhook"], &made["status"]), (&json!(receiver.url("127.0.0.1")), &json!("active")));
    let shown = until(&client, "hook", "all is taken", |shown| shown["lag"] == 0).await;
    assert!(!shown.to_string().contains(&SECRET[6..]), "{shown}");

    let node = client.get("/healthz").await.data()["node"].as_str().unwrap().to_owned();
    let log = client.events().await;
    let mut posted = receiver.posted();
    posted.sort_by_key(Posted::position);
    assert_eq!(posted.iter().map(Posted::position).collect::<Vec<_>>(), [1, 2, 3]);
    for (posted, event) in posted.iter().zip(&log) {
        let Posted { headers, body } = posted;
        let cloud = posted.event();
        assert_eq!(headers["content-type"], "application/cloudevents+json; charset=utf-8");
        assert_eq!((&cloud["specversion"], &cloud["data"]), (&json!("1.0"), event));
        assert_eq!(cloud["source"], format!("urn:agentpm:{node}"));
        for (name, of_the_event) in [("id", "id"), ("type", "type"), ("subject", "stream"), ("time", "time")]
        {
            assert_eq!(cloud[name], event[of_the_event], "{name}");
        }
        let (id, at) = (&headers["webhook-id"], &headers["webhook-timestamp"]);
        assert_eq!(*id, event["id"].as_str().unwrap());
        let signature = base64(&hmac(format!("{id}.{at}.{body}").as_bytes()));
        assert_eq!(headers["webhook-signature"], format!("v1,{signature}"));
    }

    // What is not taken when the server is killed is posted when it is back.
    receiver.answers("503 Service Unavailable");
    append(&client, "b", 2).await;
    receiver.posted_at_least(5).await;
    server.kill9();
    receiver.answers("204 No Content");
    let server = Server::start_with(dir.path(), private());
    let client = server.client();
    until(&client, "hook", "all is taken", |shown| shown["lag"] == 0 && shown["parked"] == 0).await;
    assert!(receiver.posted().iter().any(|posted| posted.position() == 6));
    let log = std::fs::read_to_string(dir.path().join("server.log")).unwrap();
    assert!(!log.contains(&SECRET[6..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_comes_again_and_is_parked_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir.path(), private());
    let client = server.client();
    let receiver = Receiver::listen().await;
    receiver.answers("500 Internal Server Error");
    put(&client, "hook", &receiver.url("localhost"), json!({ "max_attempts": 2 })).await;
    append(&client, "a", 1).await;
    let shown = until(&client, "hook", "it is parked", |shown| shown["parked"] == 1).await;
    assert_eq!(receiver.posted().len(), 2);
    let parked = &shown["parked_events"][0];
    assert_eq!(parked["attempts"], 2);
    assert!(parked["reason"].as_str().unwrap().ends_with("the webhook answered 500"), "{parked}");
    receiver.answers("202 Accepted");
    client.post("/subscriptions/hook/replay_parked", json!({})).await.data();
    until(&client, "hook", "it is taken", |shown| shown["parked"] == 0 && shown["in_flight"] == 0).await;
    assert_eq!(receiver.posted().len(), 3);

    // Where it is sent on to, it does not go.
    let elsewhere = Receiver::listen().await;
    receiver.answers(&format!("307 Temporary Redirect\r\nlocation: {}", elsewhere.url("127.0.0.1")));
    put(&client, "hook", &receiver.url("localhost"), json!({ "max_attempts": 1 })).await;
    append(&client, "a", 1).await;
    let shown = until(&client, "hook", "it is parked", |shown| shown["parked"] == 1).await;
    assert!(shown["parked_events"][0]["reason"].as_str().unwrap().ends_with("answered 307"), "{shown}");
    assert!(elsewhere.posted().is_empty());

    // Nobody is there.
    drop(
        client
            .post(
                "/subscriptions/hook/nack",
                json!({ "ids": [shown["parked_events"][0]["id"]], "action": "skip" }),
            )
            .await
            .data(),
    );
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    put(&client, "hook", &format!("http://{nobody}/"), json!({ "max_attempts": 1 })).await;
    append(&client, "a", 1).await;
    let shown = until(&client, "hook", "it is parked", |shown| shown["parked"] == 1).await;
    assert!(
        shown["parked_events"][0]["reason"].as_str().unwrap().contains("could not be reached"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_no_more_gets_no_more_until_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start_with(dir.path(), private());
    let client = server.client();
    let receiver = Receiver::listen().await;
    receiver.answers("410 Gone");
    put(&client, "hook", &receiver.url("127.0.0.1"), json!({ "order_by": "stream" })).await;
    append(&client, "a", 5).await;
    let shown = until(&client, "hook", "it is off", |shown| shown["status"] == "off").await;
    assert_eq!((&shown["parked"], &shown["lag"]), (&json!(0), &json!(5)), "nothing of it is lost");
    assert_eq!(receiver.posted().len(), 1);
    server.kill9();
    let server = Server::start_with(dir.path(), private());
    let client = server.client();
    receiver.answers("200 OK");
    until(&client, "hook", "it is off still", |shown| shown["status"] == "off").await;
    assert_eq!(receiver.posted().len(), 1);
    let on = put(&client, "hook", &receiver.url("127.0.0.1"), json!({ "order_by": "stream" })).await;
    assert_eq!(on["status"], "active");
    until(&client, "hook", "all is taken", |shown| shown["lag"] == 0).await;
    let order: Vec<u64> = receiver.posted().iter().skip(1).map(Posted::position).collect();
    assert_eq!(order, [1, 2, 3, 4, 5], "one after another");
    // Without a webhook it is fetched again.
    let pulled =
        json!({ "pql": "SUBSCRIBE events WHERE type = 'Wanted'", "from": "start", "order_by": "stream" });
    let pulled = client.call("PUT", "/subscriptions/hook", &pulled).await.data();
    assert_eq!(pulled["webhook"], Value::Null);
    append(&client, "a", 1).await;
    let fetched = client.post("/subscriptions/hook/fetch", json!({ "wait_ms": 30_000 })).await.data();
    assert_eq!(fetched["events"][0]["position"], 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_posted_into_the_network_the_server_stands_in() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let receiver = Receiver::listen().await;
    for host in
        ["127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "100.64.0.1"]
    {
        let webhook = json!({ "url": receiver.url(host), "secret": SECRET });
        let definition = json!({ "pql": "SUBSCRIBE events", "webhook": webhook });
        let refused = client.call("PUT", "/subscriptions/hook", &definition).await;
        assert_eq!(refused.error()["details"][0]["pointer"], "/webhook/url", "{host}");
    }
    // What a name means is known when it is looked up.
    put(&client, "hook", &receiver.url("localhost"), json!({ "max_attempts": 1 })).await;
    append(&client, "a", 1).await;
    let shown = until(&client, "hook", "it is parked", |shown| shown["parked"] == 1).await;
    let reason = shown["parked_events"][0]["reason"].as_str().unwrap();
    assert!(reason.ends_with("is not an address of the public internet"), "{reason}");
    assert!(receiver.posted().is_empty());
}
