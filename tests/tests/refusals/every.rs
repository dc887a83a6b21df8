//! What is asked of every route alike: its method, its parameters, its body, its headers, and who may come.

use crate::row::{DOORS, Door, HTTP, Row};
use agentpm_tests::{Options, Server};
use serde_json::{Value, json};

/// A call of the contract that is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// Its path, with the names of what varies in braces.
    pub(crate) template: &'static str,
}

impl Route {
    /// Every call of the contract, built or not.
    pub(crate) fn contract() -> Vec<Self> {
        let lines = include_str!("contract.txt").lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let (method, template) = line.split_once(' ').expect("a method and a path");
                Self { method, template }
            })
            .collect()
    }

    /// Those that are built: the others have a row of [`crate::later`].
    pub(crate) fn built() -> Vec<Self> {
        let later = crate::later::rows();
        let is_later = |route: &Self| {
            later.iter().any(|row| match &row.ask {
                crate::row::Ask::Call { method, path, .. } => route.takes(method, path) && row.status == 404,
                _ => false,
            })
        };
        Self::contract().into_iter().filter(|route| !is_later(route)).collect()
    }

    /// The call of the contract that this is; what is written out goes before what varies.
    pub(crate) fn of(method: &str, path: &str) -> Option<Self> {
        let mut fitting: Vec<_> =
            Self::contract().into_iter().filter(|route| route.takes(method, path)).collect();
        fitting.sort_by_key(|route| route.template.matches('{').count());
        fitting.first().copied()
    }

    fn takes(&self, method: &str, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or_default();
        let (mut given, mut known) = (path.split('/'), self.template.split('/'));
        method == self.method
            && loop {
                match (given.next(), known.next()) {
                    (None, None) => break true,
                    (Some(given), Some(known)) if given == known || known.starts_with('{') => {}
                    _ => break false,
                }
            }
    }

    /// A path of it, about something that is there.
    pub(crate) fn path(&self) -> String {
        let id = match self.template.split('/').nth(1) {
            Some("tasks") => "t1",
            Some("runs") => "$run",
            Some("leases") => "$lease",
            Some("agents") => "a1",
            Some("sessions") => "$session",
            Some("relationships") => "$relationship",
            Some("progress_items") => "$item",
            _ => "filler",
        };
        self.template.replace("{id}", id).replace("{stream}", id).replace("{name}", id)
    }

    /// Whether its body is a JSON object.
    pub(crate) fn takes_json(&self) -> bool {
        self.method != "GET" && self.template != "/import"
    }

    /// The doors it has.
    pub(crate) fn doors(&self) -> &'static [Door] {
        if ["/ws", "/subscribe", "/tickets", "/metrics", "/diagnostics/bundle"].contains(&self.template) {
            HTTP
        } else {
            DOORS
        }
    }

    fn ask(&self, body: Value) -> Row {
        Row::call(self.method, self.path(), body).through(self.doors())
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for route in Route::built() {
        let path = route.path();
        rows.push(Row::call("BREW", &path, Value::Null).through(route.doors()).is(405, "ERR_VALIDATION"));
        // The upgrade is asked for before anything else is read.
        if route.template != "/ws" {
            let unknown = format!("{path}?zzzzzzzz=1");
            let row =
                Row::call(route.method, unknown, if route.takes_json() { json!({}) } else { Value::Null });
            rows.push(row.through(route.doors()).invalid(&["/zzzzzzzz"]));
            let bad =
                Row::call(route.method, format!("{path}?limit=%ff"), Value::Null).through(route.doors());
            rows.push(bad.is(400, "ERR_VALIDATION"));
        }
        for position in ["x", "-1", "1.5", "", "1180591620717411303424"] {
            let row = route.ask(Value::Null).header("agentpm-min-position", position);
            rows.push(row.is(400, "ERR_VALIDATION").says("Agentpm-Min-Position"));
        }
        for (name, value) in [
            ("host", "evil.example"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "same-origin"),
        ] {
            rows.push(
                route.ask(Value::Null).header(name, value).through(&[Door::Tcp]).is(401, "ERR_UNAUTHORIZED"),
            );
        }
        if route.takes_json() {
            rows.push(route.ask(json!({ "zzzzzzzz": 1 })).invalid(&["/zzzzzzzz"]));
            let raw = |kind: &str, body: &[u8]| Row::raw(route.method, &path, kind, body);
            let json = "application/json";
            rows.push(raw(json, b"{").invalid(&[""]));
            rows.push(raw(json, b"{} {}").invalid(&[""]));
            rows.push(raw(json, b"\x00").invalid(&[""]));
            rows.push(raw(json, b"{\"a\":\"\xff\xfe\"}").invalid(&[""]).says("UTF-8"));
            rows.push(raw(json, br#"{"a":"\ud800"}"#).invalid(&[""]));
            rows.push(raw(json, b"{\"a\":1e999}").invalid(&[""]));
            rows.push(raw(json, b"{\"a\":NaN}").invalid(&[""]));
            rows.push(raw(json, b"{\"a\":1,\"a\":1}").invalid(&["/a"]).says("twice"));
            rows.push(raw(json, "[".repeat(300).as_bytes()).is(400, "ERR_VALIDATION").says("nested deeper"));
            rows.push(raw(json, b"[]").invalid(&[""]));
            rows.push(raw(json, &vec![b' '; 9 << 20]).is(413, "ERR_PAYLOAD_TOO_LARGE"));
            for kind in [
                "",
                "text/plain",
                "application/x-www-form-urlencoded",
                "application/x-ndjson",
                "application/jsonx",
            ] {
                rows.push(raw(kind, b"{}").is(415, "ERR_VALIDATION"));
            }
            rows.push(raw(json, b"{}").header("content-encoding", "gzip").is(415, "ERR_VALIDATION"));
            for value in ["", " ", &"x".repeat(513)] {
                rows.push(route.ask(json!({})).header("agentpm-agent", value).is(400, "ERR_VALIDATION"));
            }
        }
        if route.method != "GET" {
            for key in ["", " ", "k\u{e9}", &"k".repeat(256)] {
                let row = route.ask(Value::Null).header("idempotency-key", key);
                rows.push(row.is(400, "ERR_VALIDATION").says("Idempotency-Key"));
            }
            let keeps_none = ["/events/push", "/import", "/tickets"].contains(&route.template);
            if keeps_none || route.template.starts_with("/subscriptions/") {
                let row = route.ask(Value::Null).header("idempotency-key", "k").is(400, "ERR_VALIDATION");
                rows.push(row.says("keeps no answer"));
            }
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_token_no_route_gives_anything() {
    let dir = tempfile::tempdir().unwrap();
    let token = "s3cret-and-long-enough";
    let options = Options {
        environment: vec![("AGENTPM_TOKEN".into(), token.into())],
        arguments: vec!["--allow-origin".into(), "https://board.example".into()],
        token: Some(token.into()),
        ..Options::default()
    };
    let server = Server::start_with(dir.path(), options);
    let client = server.client();
    client.post("/tasks", json!({ "id": "t1", "title": "kept from strangers" })).await.data();
    let ticket = client.post("/tickets", json!({})).await.data()["ticket"].as_str().unwrap().to_owned();
    let head = client.head().await;
    for route in Route::contract() {
        let path = route.path();
        for (wrong, header) in [
            (None, ("accept", "*/*")),
            (Some("s3cret-and-long-enougi"), ("accept", "*/*")),
            (Some(""), ("accept", "*/*")),
            // A page, even an invited one, needs the token as well.
            (None, ("origin", "https://board.example")),
            // With the token, but from a page that was not invited.
            (Some(token), ("origin", "https://evil.example")),
            (Some(token), ("sec-fetch-site", "cross-site")),
        ] {
            let client = client.with_token(wrong);
            let request = client.request(route.method, &path).header(header.0, header.1);
            let request = if route.takes_json() { request.json(&json!({ "title": "t" })) } else { request };
            let answer = client.send(request).await;
            assert_eq!(
                (answer.status, answer.code(), &answer.body["data"]),
                (401, "ERR_UNAUTHORIZED", &Value::Null),
                "{} {wrong:?} {header:?}",
                answer.request
            );
            assert!(
                !answer.headers.contains_key("agentpm-position"),
                "{}: not even the head",
                answer.request
            );
            let shown =
                answer.headers.get("access-control-allow-origin").and_then(|value| value.to_str().ok());
            assert_eq!(
                shown,
                (header.1 == "https://board.example").then_some(header.1),
                "{}",
                answer.request
            );
        }
        // A ticket opens what browsers open, nothing else.
        if !["/ws", "/subscribe"].contains(&route.template) {
            let client = client.with_token(None);
            let answer = client.send(client.request(route.method, &format!("{path}?ticket={ticket}"))).await;
            assert_eq!(answer.status, 401, "{}", answer.request);
        }
    }
    assert_eq!(client.head().await, head);
    let used = agentpm_tests::Socket::try_connect(&server.url(), &format!("/ws?ticket={ticket}"), None).await;
    assert!(used.is_ok(), "the ticket was not used up by those who could not use it");
}
