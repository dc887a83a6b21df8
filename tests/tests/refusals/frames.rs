//! The frames of `agentpm.v1`, asked badly; and what a connection bears.

use crate::row::{Door, HTTP, Row};
use agentpm_tests::{Server, Socket};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

/// Calls of one socket that are under way at once, by the contract.
const IN_FLIGHT: usize = 256;

/// Subscriptions of one socket, by the documentation.
const SUBSCRIPTIONS: usize = 1_024;

pub(crate) fn rows() -> Vec<Row> {
    let events = "SUBSCRIBE events WHERE type = 'NeverAppended'";
    let request = |path: &str| json!({ "op": "request", "req": "r", "method": "GET", "path": path });
    let with = |mut frame: Value, name: &str, value: Value| {
        frame[name] = value;
        frame
    };
    let subscribe = json!({ "op": "subscribe", "sub": "s", "pql": events });
    vec![
        Row::frame("no json").invalid(&[""]),
        Row::frame("").invalid(&[""]),
        Row::frame("[]").invalid(&[""]),
        Row::frame("null").invalid(&[""]),
        Row::frame(r#"{"op":"ping","op":"ping"}"#).invalid(&["/op"]),
        Row::frame(format!(r#"{{"op":"ping","x":{}{}}}"#, "[".repeat(300), "]".repeat(300)))
            .is(400, "ERR_VALIDATION")
            .says("nested deeper"),
        Row::frame(json!({})).invalid(&["/op"]),
        Row::frame(json!({ "op": null })).invalid(&["/op"]),
        Row::frame(json!({ "op": 7 })).invalid(&["/op"]),
        Row::frame(json!({ "op": "" })).invalid(&["/op"]),
        Row::frame(json!({ "op": "Ping" })).invalid(&["/op"]).says("did you mean `ping`"),
        Row::frame(json!({ "op": "subscrbe", "sub": "s" }))
            .invalid(&["/op"])
            .says("did you mean `subscribe`"),
        // ping
        Row::frame(json!({ "op": "ping", "extra": 1 })).invalid(&["/extra"]),
        // subscribe
        Row::frame(json!({ "op": "subscribe" })).invalid(&["/sub", "/pql"]),
        Row::frame(with(subscribe.clone(), "sub", json!(""))).invalid(&["/sub"]),
        Row::frame(with(subscribe.clone(), "sub", json!("x".repeat(129)))).invalid(&["/sub"]),
        Row::frame(with(subscribe.clone(), "credit", json!(-1))).invalid(&["/credit"]),
        Row::frame(with(subscribe.clone(), "credit", json!(1_u64 << 60))).invalid(&["/credit"]),
        Row::frame(with(subscribe.clone(), "credit", json!("many"))).invalid(&["/credit"]),
        Row::frame(with(subscribe.clone(), "credit", json!(1.5))).invalid(&["/credit"]),
        Row::frame(with(subscribe.clone(), "params", json!(7))).invalid(&["/params"]),
        Row::frame(with(subscribe.clone(), "params", json!([1]))).is(400, "ERR_PQL").says("unused_parameter"),
        Row::frame(with(subscribe.clone(), "crdit", json!(1)))
            .invalid(&["/crdit"])
            .says("did you mean `credit`"),
        // credit
        Row::frame(json!({ "op": "credit" })).invalid(&["/sub", "/n"]),
        Row::frame(json!({ "op": "credit", "sub": "none", "n": 1 })).is(404, "ERR_NOT_FOUND").says("none"),
        Row::frame(json!({ "op": "credit", "sub": "none", "n": 0 })).invalid(&["/n"]),
        Row::frame(json!({ "op": "credit", "sub": "none", "n": -1 })).invalid(&["/n"]),
        Row::frame(json!({ "op": "credit", "sub": "none", "n": 1_u64 << 60 })).invalid(&["/n"]),
        // unsubscribe
        Row::frame(json!({ "op": "unsubscribe" })).invalid(&["/sub"]),
        Row::frame(json!({ "op": "unsubscribe", "sub": "none" })).is(404, "ERR_NOT_FOUND").says("none"),
        // request
        Row::frame(json!({ "op": "request" })).invalid(&["/req", "/method", "/path"]),
        Row::frame(with(request("/tasks"), "req", json!(""))).invalid(&["/req"]),
        Row::frame(with(request("/tasks"), "method", json!("GE T"))).invalid(&["/method"]),
        Row::frame(with(request("/tasks"), "method", json!("BREW"))).is(405, "ERR_VALIDATION"),
        Row::frame(with(request("/tasks"), "method", json!("CONNECT"))).is(405, "ERR_VALIDATION"),
        Row::frame(with(with(request("/tasks"), "method", json!("POST")), "body", json!([])))
            .is(400, "ERR_VALIDATION"),
        Row::frame(request("tasks")).invalid(&["/path"]),
        Row::frame(request("")).invalid(&["/path"]),
        Row::frame(request("http://evil.example/tasks")).invalid(&["/path"]),
        Row::frame(request("//evil.example/tasks")).is(404, "ERR_NOT_FOUND"),
        Row::frame(request("/tasks /x")).invalid(&["/path"]),
        Row::frame(request("/tasks?status=\u{0}")).invalid(&["/path"]),
        Row::frame(request("/ws")).invalid(&["/path"]),
        Row::frame(request("/subscribe?pql=x")).invalid(&["/path"]),
        Row::frame(with(request("/tickets"), "method", json!("POST"))).invalid(&["/path"]),
        Row::frame(with(request("/tasks"), "headers", json!({ "authorization": "Bearer x" })))
            .invalid(&["/headers/authorization"]),
        Row::frame(with(request("/tasks"), "headers", json!({ "agentpm-agent": "a\nb" })))
            .invalid(&["/headers/agentpm-agent"]),
        Row::frame(with(request("/tasks"), "headers", json!({ "agentpm-min-position": 7 })))
            .invalid(&["/headers/agentpm-min-position"]),
        Row::frame(with(request("/tasks"), "headers", json!([]))).invalid(&["/headers"]),
        Row::frame(with(request("/tasks"), "headers", json!({ "agentpm-min-position": "-1" })))
            .is(400, "ERR_VALIDATION"),
        // The upgrade itself.
        Row::call("GET", "/ws", Value::Null).through(HTTP).is(426, "ERR_VALIDATION"),
        Row::call("POST", "/ws", json!({})).through(HTTP).is(405, "ERR_VALIDATION"),
        Row::call("GET", "/ws", Value::Null)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "chat")
            .through(&[Door::Tcp])
            .is(400, "ERR_VALIDATION")
            .says("agentpm.v1"),
    ]
}

/// A server and a socket into it.
async fn connected() -> (tempfile::TempDir, Server, Socket) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let socket = server.connect().await;
    (dir, server, socket)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_text_and_what_comes_in_pieces() {
    let (_dir, server, mut socket) = connected().await;
    socket.send_message(Message::binary(vec![0xff, 0x00])).await;
    assert_eq!(socket.expect("error").await["error"]["code"], "ERR_VALIDATION");
    // One message in three frames, a ping between them.
    let piece = |text: &str, op: Data, is_final: bool| {
        let header = FrameHeader { is_final, opcode: OpCode::Data(op), ..FrameHeader::default() };
        Message::Frame(Frame::from_payload(header, text.to_owned().into()))
    };
    socket.send_message(piece(r#"{"op":"#, Data::Text, false)).await;
    socket.send_message(piece(r#""pi"#, Data::Continue, false)).await;
    socket.send_message(Message::Ping("between".into())).await;
    socket.send_message(piece(r#"ng"}"#, Data::Continue, true)).await;
    socket.expect("pong").await;
    // Text that is no UTF-8 breaks the protocol, and the connection with it; the server goes on.
    let header = FrameHeader { is_final: true, opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    socket.send_message(Message::Frame(Frame::from_payload(header, vec![0xff, 0xfe].into()))).await;
    assert_eq!(socket.next().await, None);
    assert_eq!(server.client().head().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_to_the_bound_of_a_body_and_beyond_that_of_a_message() {
    let (_dir, server, mut socket) = connected().await;
    let append = |bytes: usize| {
        // Two events of which each is small enough.
        let event = || json!({ "type": "X", "data": "x".repeat(bytes / 2) });
        json!({ "op": "request", "req": "r", "method": "POST", "path": "/append",
                "body": { "appends": [{ "stream": "s", "events": [event(), event()] }] } })
    };
    socket.send(append(1 << 20)).await;
    assert_eq!(socket.expect("response").await["status"], 200);
    let head = server.client().head().await;
    socket.send(append((8 << 20) + 1)).await;
    let refused = socket.expect("response").await;
    assert_eq!(
        (&refused["status"], &refused["body"]["error"]["code"]),
        (&json!(413), &json!("ERR_PAYLOAD_TOO_LARGE"))
    );
    // Nobody reads 9 MiB of a message: the connection ends, and nothing was appended.
    let _ = socket.try_send(append(9 << 20)).await;
    assert_eq!(socket.next().await, None);
    assert_eq!(server.client().head().await, head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_calls_than_may_be_under_way_are_all_answered() {
    let (_dir, server, mut socket) = connected().await;
    // Each waits for a position that only the last of them makes. When 256 wait, the next is not read: it is
    // the first of those that wait, given up after its time, that lets it in.
    let waiting = |n: usize| {
        json!({ "op": "request", "req": format!("r{n}"), "method": "GET", "path": "/tasks",
                "headers": { "agentpm-min-position": "1" } })
    };
    for n in 0..IN_FLIGHT {
        socket.send(waiting(n)).await;
    }
    let event = json!({ "stream": "s", "events": [{ "type": "X" }] });
    socket
        .send(json!({ "op": "request", "req": "last", "method": "POST", "path": "/append", "body": { "appends": [event] } }))
        .await;
    let mut answered = BTreeSet::new();
    let mut first = None;
    for _ in 0..=IN_FLIGHT {
        let frame = socket.expect("response").await;
        first.get_or_insert((frame["req"].clone(), frame["status"].clone()));
        answered.insert(frame["req"].as_str().unwrap().to_owned());
    }
    assert_eq!(answered.len(), IN_FLIGHT + 1, "each is answered once");
    let (req, status) = first.unwrap();
    assert_ne!(req, "last", "the one beyond the bound waited for its turn");
    assert_eq!(status, 503, "what waited in vain says so");
    assert_eq!(server.client().head().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_to_their_bound_and_one_beyond() {
    let (_dir, server, mut socket) = connected().await;
    let subscribe = |sub: String| json!({ "op": "subscribe", "sub": sub, "pql": "SUBSCRIBE events" });
    for n in 0..SUBSCRIPTIONS {
        socket.send(subscribe(format!("s{n}"))).await;
    }
    // A name that is taken, and one too many.
    socket.send(subscribe("s7".to_owned())).await;
    socket.send(subscribe("beyond".to_owned())).await;
    let (mut made, mut refused) = (0, Vec::new());
    while made < SUBSCRIPTIONS || refused.len() < 2 {
        let frame = socket.next().await.unwrap();
        match frame["op"].as_str().unwrap() {
            "subscribed" => made += 1,
            "error" => refused.push((frame["sub"].clone(), frame["error"]["code"].clone())),
            _ => {}
        }
    }
    assert_eq!(refused, [(json!("s7"), json!("ERR_CONFLICT")), (json!("beyond"), json!("ERR_RATE_LIMIT"))]);
    // Room is made by one that ends.
    socket.send(json!({ "op": "unsubscribe", "sub": "s7" })).await;
    while socket.next().await.unwrap()["op"] != "closed" {}
    socket.send(subscribe("beyond".to_owned())).await;
    while socket.next().await.unwrap()["op"] != "subscribed" {}
    assert_eq!(server.client().head().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credit_is_what_is_sent() {
    let (_dir, server, mut socket) = connected().await;
    let events: Vec<Value> = (0..10).map(|_| json!({ "type": "X" })).collect();
    let append = json!({ "appends": [{ "stream": "s", "events": events }] });
    server.client().post("/append", append).await.data();
    socket
        .send(json!({ "op": "subscribe", "sub": "s", "pql": "SUBSCRIBE events FROM START", "credit": 0 }))
        .await;
    socket.expect("subscribed").await;
    // Nothing is sent: the next answer is that to the ping.
    socket.send(json!({ "op": "ping" })).await;
    socket.expect("pong").await;
    socket.send(json!({ "op": "credit", "sub": "s", "n": 3 })).await;
    for position in 1..=3 {
        assert_eq!(socket.expect("event").await["event"]["position"], position);
    }
    socket.send(json!({ "op": "ping" })).await;
    socket.expect("pong").await;
    // More than can ever be counted, in steps that are each allowed.
    for _ in 0..3 {
        socket.send(json!({ "op": "credit", "sub": "s", "n": 1_000_000_000 })).await;
    }
    for position in 4..=10 {
        assert_eq!(socket.expect("event").await["event"]["position"], position);
    }
    socket.expect("caught_up").await;
    // Without credit there is nothing to add to.
    socket.subscribe("free", "SUBSCRIBE events").await;
    socket.expect("caught_up").await;
    socket.send(json!({ "op": "credit", "sub": "free", "n": 1 })).await;
    assert_eq!(socket.expect("error").await["error"]["code"], "ERR_VALIDATION");
}
