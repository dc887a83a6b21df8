//! What no row can list: every field of every body, every parameter, every header, every frame, each with every
//! hostile value. The server is asked itself which fields and parameters there are, so a new one is swept from
//! its first day. No answer is 5xx, none takes long, what is refused moves nothing; what is taken is readable
//! and survives a restart.

use crate::every::Route;
use crate::row::{Door, Row};
use crate::stage::Stage;
use agentpm_tests::Answer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A debug build on a busy machine answers the largest body that it takes within it.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A value, as the bytes of JSON, and whether a field may take it.
struct Hostile {
    bytes: Vec<u8>,
    /// No field takes it, whatever its type.
    never: bool,
}

fn values() -> Vec<Hostile> {
    let never = |bytes: &[u8]| Hostile { bytes: bytes.to_vec(), never: true };
    let maybe = |text: &str| Hostile { bytes: text.as_bytes().to_vec(), never: false };
    let mut values = vec![
        never(b"\"\x00\""),
        never(b"\"\xff\xfe\""),
        never(b"\"\xed\xa0\x80\""),
        never(br#""\ud800""#),
        never(br#""\udc00\ud800""#),
        never(b"NaN"),
        never(b"Infinity"),
        never(b"1e400"),
        never(b"-1e400"),
        never(b"01"),
        never(b"+1"),
        never(b"'a'"),
        never(b"undefined"),
        never(br#"{"a":1,"a":2}"#),
        never(br#"[{"a":{"b":0,"b":0}}]"#),
        never(format!("{}{}", "[".repeat(300), "]".repeat(300)).as_bytes()),
        never(format!("{}1{}", r#"{"a":"#.repeat(300), "}".repeat(300)).as_bytes()),
    ];
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1",
        "1",
        "0.1",
        "1e308",
        "-1e308",
        "1e-400",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "[0]",
        "[\"\"]",
        r#"["\u0000"]"#,
        r#"["a","a"]"#,
        r#"{"":{"":null}}"#,
        r#"{"a/b~":1}"#,
        "\"\"",
        "\" \"",
        r#""\u0000""#,
        r#""a\u0000b""#,
        r#""\ud83d\ude00""#,
        r#""\u202e\u0007\u001b[31m""#,
        "\"NaN\"",
        "\"null\"",
        "\"../../etc/passwd\"",
        "\"'; DROP PROJECTION p; --\"",
        "\"$system\"",
        "\"task-t1\"",
        "\"t1\"",
        "\"any\"",
        "\"0000-00-00T00:00:00Z\"",
        "\"0000-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:60Z\"",
        "\"9999-12-31T23:59:59.999999999+00:01\"",
        "\"+262142-12-31T23:59:59Z\"",
        "\"2026-01-01T00:00:00+24:00\"",
    ] {
        values.push(maybe(text));
    }
    values.push(maybe(&format!("\"{}\"", "x".repeat(100_000))));
    values.push(maybe(&format!("[{}0]", "0,".repeat(99_999))));
    values.push(maybe(&format!("[{}\"z\"]", (0..99_999).map(|n| format!("\"{n}\",")).collect::<String>())));
    values.push(maybe(&format!(
        "{{{}\"z\":0}}",
        (0..20_000).map(|n| format!("\"k{n}\":0,")).collect::<String>()
    )));
    values
}

/// A body that holds, without the fields that are put in: `$` is where they go.
fn bodies(route: &Route) -> Vec<&'static str> {
    match (route.method, route.template) {
        ("POST", "/append") => vec![
            r#"{"appends":[{"stream":"s","events":[{"type":"X"}]}] $}"#,
            r#"{"appends":[{"stream":"s","events":[{"type":"X"}] $}]}"#,
            r#"{"appends":[{"stream":"s","events":[{"type":"X"}]}],"condition":{"fail_if":"type = 'None'","after":0 $}}"#,
            r#"{"appends":[{"stream":"s","events":[{"type":"X" $}]}]}"#,
        ],
        ("POST", "/streams/{stream}/events") => {
            vec![r#"{"events":[{"type":"X"}] $}"#, r#"{"events":[{"type":"X" $}]}"#]
        }
        ("POST", "/events/push") => vec![r#"{"node":"01ARZ3NDEKTSV4RRFFQ69G5FAV","events":[] $}"#],
        ("POST", "/query") => vec![r#"{"pql":"SHOW TABLES" $}"#],
        ("POST", "/agents/register") => vec![r#"{"name":"n" $}"#],
        ("POST", "/tasks") => {
            vec![r#"{"title":"t" $}"#, r#"{"title":"t","contexts":[{"type":"note","content":"c" $}]}"#]
        }
        ("PATCH", "/tasks/{id}") => vec![r#"{"override":true $}"#],
        ("POST", "/tasks/{id}/transition") => vec![r#"{"status":"open","override":true $}"#],
        ("POST", "/tasks/{id}/complete" | "/tasks/{id}/release") => vec![r#"{"lease_id":"$lease" $}"#],
        ("POST", "/tasks/{id}/fail") => vec![r#"{"lease_id":"$lease","class":"transient","message":"m" $}"#],
        ("POST", "/tasks/claim") => vec![r#"{"agent_id":"nobody","where":"id = 'none'" $}"#],
        ("POST", "/relationships") => {
            vec![r#"{"from_task_id":"t1","to_task_id":"t0","type":"relates_to" $}"#]
        }
        ("POST", "/contexts") => vec![r#"{"task_id":"t1","type":"note","content":"c" $}"#],
        ("POST", "/progress_items") => vec![r#"{"task_id":"t1","items":["i"],"override":true $}"#],
        ("PATCH", "/progress_items/{id}") => vec![r#"{"completed":true,"override":true $}"#],
        ("POST", "/sessions/start") => vec![r#"{"agent_id":"a1" $}"#],
        ("POST", "/sessions/{id}/heartbeat") => vec![
            r#"{ $}"#,
            r#"{"progress":[{"id":"$item","completed":true $}]}"#,
            r#"{"progress":[{"task_id":"t1","items":["i"] $}]}"#,
        ],
        ("POST", "/leases/{id}/transfer") => vec![r#"{"agent_id":"a2" $}"#],
        ("POST", "/leases") => vec![r#"{"task_id":"t1","agent_id":"a1" $}"#],
        ("POST", "/runs/{id}/events") => vec![
            r#"{"lease_id":"$lease","events":[{"type":"X"}] $}"#,
            r#"{"lease_id":"$lease","events":[{"type":"X" $}]}"#,
        ],
        _ => vec![r#"{ $}"#],
    }
}

/// The body with one member more, in the place of one of the same name.
fn with(body: &str, name: &str, value: &[u8]) -> Vec<u8> {
    let marker = "\u{1}";
    let body = body.replace(" $}", &format!(",\"{marker}\":0}}")).replace("{,", "{");
    let mut body = body;
    // A name twice is another matter: what the base says of the field goes.
    if let Some(at) = body.rfind(&format!("\"{name}\":")).filter(|at| {
        let marked = body.find(marker).unwrap_or(0);
        body[*at..marked.max(*at)].matches('{').count() == body[*at..marked.max(*at)].matches('}').count()
    }) {
        let rest = &body[at..];
        let (mut depth, mut in_text) = (0, false);
        let end = rest
            .find(|c: char| {
                match c {
                    '"' => in_text = !in_text,
                    '[' | '{' if !in_text => depth += 1,
                    ']' | '}' if !in_text => depth -= 1,
                    _ => {}
                }
                c == ',' && depth == 0 && !in_text
            })
            .map_or(rest.len(), |end| end + 1);
        body.replace_range(at..at + end, "");
    }
    let (before, after) = body.split_once(&format!("\"{marker}\":0")).expect("the marker stands");
    [before.as_bytes(), format!("\"{name}\":").as_bytes(), value, after.as_bytes()].concat()
}

/// The names that an answer says are known where it found an unknown one.
fn known(answer: &Value) -> Vec<String> {
    let told = answer["error"]["details"].to_string();
    if told.contains("takes none") {
        return Vec::new();
    }
    let list = told.split_once("known here: ").and_then(|(_, rest)| rest.split('"').next());
    let list = list.unwrap_or_else(|| panic!("it says which are known: {answer}"));
    list.split(", ").map(str::to_owned).collect()
}

/// Fields that hold any JSON: what they are given is kept as it is.
const ANY: &[&str] = &["data", "output", "evidence"];

/// Fields that are true or false.
const FLAGS: &[&str] = &["override", "completed"];

/// The stage, and what is known of its log.
struct Sweep {
    stage: Stage,
    head: u64,
    asked: usize,
    taken: BTreeMap<String, usize>,
    wrong: Vec<String>,
    /// Refusals after which the log was longer, and where it ended before and after.
    moved: Vec<(String, u64, u64)>,
}

/// What time alone writes: a value that was taken may have made a lease or a session short.
const BY_TIME: [&str; 6] =
    ["LeaseExpired", "RunExpired", "TaskStatusChanged", "SessionEnded", "LeaseReleased", "RunReleased"];

impl Sweep {
    async fn begin() -> Self {
        let stage = Stage::set().await;
        let head = stage.head().await;
        Self { stage, head, asked: 0, taken: BTreeMap::new(), wrong: Vec::new(), moved: Vec::new() }
    }

    /// Notes what is wrong with an answer; whether the request was taken.
    fn look(&mut self, name: &str, answer: Option<&Answer>) -> bool {
        self.asked += 1;
        let Some(answer) = answer else {
            self.wrong.push(format!("{name}: no answer"));
            return false;
        };
        let status = answer.status;
        if status >= 500 || (400..500).contains(&status) && answer.code().is_empty() {
            let body: String = answer.body.to_string().chars().take(300).collect();
            self.wrong.push(format!("{name}: {status} {body}"));
            return false;
        }
        let head = answer.headers.get("agentpm-position").and_then(|head| head.to_str().ok()?.parse().ok());
        if status >= 400 {
            if let Some(head) = head.filter(|head: &u64| *head != self.head) {
                self.moved.push((name.to_owned(), self.head, head));
                self.head = head;
            }
            return false;
        }
        self.head = head.unwrap_or(self.head);
        true
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        tokio::time::timeout(ANSWER_LIMIT, self.stage.tcp.try_send(request)).await.ok().flatten()
    }

    async fn post(&self, route: &Route, body: Vec<u8>) -> Option<Answer> {
        let path = self.stage.named(&route.path());
        let request = self.stage.tcp.request(route.method, &path).header("content-type", "application/json");
        self.send(request.body(body)).await
    }

    /// Whether what was taken can be read, also by a server that folds it anew.
    async fn end(self) {
        let Self { stage, asked, taken, mut wrong, moved, .. } = self;
        for (name, from, to) in moved {
            let events = stage.tcp.events_after(from).await;
            let since = events.iter().filter(|event| event["position"].as_u64().unwrap() <= to);
            let by_others: Vec<_> = since
                .map(|event| event["type"].as_str().unwrap())
                .filter(|kind| !BY_TIME.contains(kind))
                .collect();
            if !by_others.is_empty() {
                wrong.push(format!("{name}: refused, but head went from {from} to {to}: {by_others:?}"));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} of {asked} wrong:\n{}",
            wrong.len(),
            wrong[..wrong.len().min(60)].join("\n")
        );
        assert!(asked > 100, "the sweep asked {asked} times only");
        println!("{asked} asked, taken: {taken:?}");
        // At one position: leases may end by themselves meanwhile.
        let head = stage.head().await;
        let rows = |client: agentpm_tests::Client| async move {
            let mut rows = Vec::new();
            for table in [
                "tasks",
                "runs",
                "leases",
                "sessions",
                "agents",
                "contexts",
                "progress_items",
                "relationships",
                "events",
            ] {
                let answer = client.query(&format!("SELECT * FROM {table} AS OF POSITION {head}")).await;
                // What is worked out from the clock differs with it.
                rows.push(
                    answer
                        .rows
                        .into_iter()
                        .map(|mut row| {
                            row.remove("score");
                            row
                        })
                        .collect::<Vec<_>>(),
                );
            }
            rows
        };
        let before = rows(stage.tcp.clone()).await;
        let (server, _dir) = stage.leave();
        let server = server.restart();
        let after = rows(server.client()).await;
        for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
            assert_eq!(json!(before), json!(after), "what was taken is the same after a restart");
        }
        assert_eq!(before.len(), after.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_every_body() {
    let mut sweep = Sweep::begin().await;
    let values = values();
    let mut fields_seen = 0;
    for route in Route::built().into_iter().filter(Route::takes_json) {
        for base in bodies(&route) {
            let base = sweep.stage.named(base);
            let unknown = sweep.post(&route, with(&base, "zzzzzzzz", b"1")).await.expect("an answer");
            for field in known(&unknown.body) {
                fields_seen += 1;
                for value in &values {
                    let name = format!(
                        "{} {} {field} = {}",
                        route.method,
                        route.template,
                        String::from_utf8_lossy(&value.bytes[..value.bytes.len().min(60)])
                    );
                    let answer = sweep.post(&route, with(&base, &field, &value.bytes)).await;
                    let was_taken = sweep.look(&name, answer.as_ref());
                    let is_flag = value.bytes == b"true" || value.bytes == b"false";
                    if was_taken {
                        *sweep.taken.entry(format!("{} {}", route.method, route.template)).or_default() += 1;
                        if value.never || is_flag && !ANY.contains(&&*field) && !FLAGS.contains(&&*field) {
                            sweep.wrong.push(format!("{name}: taken, {}", answer.unwrap().body));
                        }
                    }
                }
            }
        }
        // More than a body may be, in a field of it.
        let body = with(
            &sweep.stage.named(bodies(&route)[0]),
            "zzzzzzzz",
            format!("\"{}\"", "x".repeat(9 << 20)).as_bytes(),
        );
        let answer = sweep.post(&route, body).await;
        let status = answer.as_ref().map(|answer| answer.status);
        sweep.look(&format!("{} {} 9 MiB", route.method, route.template), answer.as_ref());
        assert_eq!(status, Some(413), "{} {}", route.method, route.template);
    }
    assert!(fields_seen > 80, "{fields_seen} fields only: the server no longer says which it knows");
    sweep.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_parameter_and_every_path() {
    let mut sweep = Sweep::begin().await;
    let long = "x".repeat(10_000);
    let values = [
        "",
        "%00",
        "a%00b",
        "%ff%fe",
        "%ed%a0%80",
        "%",
        "%zz",
        "-1",
        "-0",
        "0",
        "18446744073709551616",
        "1e400",
        "NaN",
        "true",
        "null",
        "%F0%9F%98%80",
        "a,b,,c",
        ",",
        "%22",
        "%27%3B--",
        "..%2f..%2fetc",
        "%0d%0aX:%20y",
        "+",
        "{}",
        "[]",
        "0000-00-00T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "%2B262142-12-31T23:59:59Z",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        &long,
    ];
    let mut parameters_seen = 0;
    for route in Route::built() {
        let path = sweep.stage.named(&route.path());
        let is_read = route.method == "GET" && !["/ws", "/subscribe"].contains(&route.template);
        let client = sweep.stage.tcp.clone();
        let ask = |path: &str| client.request(route.method, path);
        let unknown = sweep.send(ask(&format!("{path}?zzzzzzzz=1"))).await.expect("an answer");
        if is_read && unknown.body.to_string().contains("known here") {
            for parameter in known(&unknown.body) {
                parameters_seen += 1;
                for value in values {
                    let answer = sweep.send(ask(&format!("{path}?{parameter}={value}"))).await;
                    sweep.look(&format!("{} {path}?{parameter}={value:.40}", route.method), answer.as_ref());
                }
                let answer = sweep.send(ask(&format!("{path}?{parameter}=1&{parameter}=1"))).await;
                assert_eq!(answer.as_ref().map(|answer| answer.status), Some(400), "{parameter} twice");
                sweep.look("twice", answer.as_ref());
            }
        }
        if route.template.contains('{') {
            for value in values.iter().filter(|value| !value.is_empty()) {
                let start = route.template.find('{').unwrap();
                let end = route.template.find('}').unwrap() + 1;
                let path = format!("{}{value}{}", &route.template[..start], &route.template[end..]);
                let answer = sweep.send(ask(&path)).await;
                sweep.look(&format!("{} {path:.60}", route.method), answer.as_ref());
            }
        }
    }
    assert!(parameters_seen > 20, "{parameters_seen} parameters only");
    sweep.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_header() {
    let mut sweep = Sweep::begin().await;
    let long = "x".repeat(8_000);
    let names = [
        "agentpm-min-position",
        "agentpm-agent",
        "agentpm-session",
        "agentpm-correlation-id",
        "agentpm-plan-id",
        "idempotency-key",
        "x-request-id",
        "traceparent",
        "accept",
        "content-type",
        "last-event-id",
        "authorization",
        "content-encoding",
        "range",
        "if-none-match",
        "upgrade",
    ];
    let values: [&[u8]; 14] = [
        b"",
        b" ",
        b"\t",
        b"\xff\xfe",
        b"\xc3\xa9",
        b"-1",
        b"18446744073709551616",
        b"1180591620717411303424",
        b"NaN",
        b",;,;q=",
        b"*/*;q=2",
        b"Bearer",
        b"\"",
        long.as_bytes(),
    ];
    for (method, path) in
        [("GET", "/tasks"), ("GET", "/events?limit=1"), ("POST", "/query"), ("GET", "/healthz")]
    {
        for name in names {
            for value in values {
                let value_header = reqwest::header::HeaderValue::from_bytes(value).unwrap();
                let request = sweep.stage.tcp.request(method, path).header(name, value_header);
                let request = if method == "POST" && name != "content-type" {
                    request.header("content-type", "application/json").body(r#"{"pql":"SHOW TABLES"}"#)
                } else {
                    request
                };
                let answer = sweep.send(request).await;
                let shown = String::from_utf8_lossy(&value[..value.len().min(40)]);
                sweep.look(&format!("{method} {path} {name}: {shown}"), answer.as_ref());
                if let Some(id) = answer.as_ref().and_then(|answer| answer.headers.get("x-request-id")) {
                    assert!(id.len() <= 128 && id.as_bytes().iter().all(u8::is_ascii_graphic), "{id:?}");
                }
            }
        }
    }
    sweep.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_every_frame() {
    let mut sweep = Sweep::begin().await;
    let bases = [
        r#"{"op":"subscribe","sub":"s","pql":"SUBSCRIBE events" $}"#,
        r#"{"op":"credit","sub":"s","n":1 $}"#,
        r#"{"op":"unsubscribe","sub":"s" $}"#,
        r#"{"op":"ping" $}"#,
        r#"{"op":"request","req":"r","method":"GET","path":"/healthz" $}"#,
    ];
    let values = values();
    for base in bases {
        let unknown = String::from_utf8(with(base, "zzzzzzzz", b"1")).unwrap();
        let seen = sweep.stage.ask(&Row::frame(unknown).ask, Door::Tcp).await;
        for field in known(&seen.body) {
            for value in &values {
                // What is no UTF-8 is no text frame.
                let Ok(frame) = String::from_utf8(with(base, &field, &value.bytes)) else { continue };
                let shown: String = frame.chars().take(120).collect();
                sweep.asked += 1;
                sweep.stage.socket.send_text(&frame).await;
                sweep.stage.socket.send_text(r#"{"op":"ping"}"#).await;
                // Each is answered, or carried out; the socket and its other calls go on.
                let (mut answers, mut is_alive, mut open) = (0, false, 0);
                while !is_alive || open > 0 {
                    let answer =
                        sweep.stage.socket.next().await.unwrap_or_else(|| panic!("{shown} ended the socket"));
                    answers += 1;
                    let error =
                        if answer["op"] == "response" { &answer["body"]["error"] } else { &answer["error"] };
                    let status = answer["status"].as_u64().unwrap_or(0);
                    if status >= 500 || error["code"] == "ERR_INTERNAL" {
                        sweep.wrong.push(format!("{shown}: {answer}"));
                    }
                    let is_taken = answer["op"] == "subscribed" || status == 200;
                    if is_taken && value.never {
                        sweep.wrong.push(format!("{shown}: taken"));
                    }
                    match answer["op"].as_str() {
                        Some("pong") => is_alive = true,
                        Some("closed") => open -= 1,
                        Some("subscribed") => {
                            open += 1;
                            let end = json!({ "op": "unsubscribe", "sub": answer["sub"] });
                            sweep.stage.socket.send(end).await;
                        }
                        _ => {}
                    }
                    assert!(answers < 100, "{shown}: no end of answers");
                }
            }
        }
    }
    assert_eq!(sweep.stage.head().await, sweep.head);
    sweep.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_at_all() {
    let sweep = Sweep::begin().await;
    let address = sweep.stage.server.url().trim_start_matches("http://").to_owned();
    let header = format!("GET /tasks HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET /tasks HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(1_000));
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(1 << 20));
    for bytes in [
        &b"\x00\x01\x02\xff\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /tasks HTTP/1.1\r\n\r\n",
        b"GET /tasks HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /tasks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /tasks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        header.as_bytes(),
        many.as_bytes(),
        long.as_bytes(),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        // It may refuse before it has all of it.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(ANSWER_LIMIT, stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{}: hangs", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 5") && !answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert_eq!(sweep.stage.head().await, sweep.head);
}
