//! HTTP as a client of the API sees it: the envelope opened, nothing else interpreted. Every answer is held against
//! the published contract first.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// Longer than the server's own limits, so that a time-out seen here is a server that hangs.
const REQUEST_LIMIT: Duration = Duration::from_secs(90);
/// The most that one page of `GET /events` gives.
const EVENTS_PAGE: u64 = 10_000;

/// A client of one server. Cloning shares its connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// What all clients have. The server's client brings TLS into this one too, which then wants to know by whom.
fn builder() -> reqwest::ClientBuilder {
    // Another test of the process may have said so before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(REQUEST_LIMIT).no_proxy().tls_certs_only([])
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The request, for messages.
    pub request: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, when it is JSON; else the text.
    pub body: Value,
}

/// The answer to a query.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Names and types, in order.
    pub columns: Vec<(String, String)>,
    /// The rows, in order.
    pub rows: Vec<Map<String, Value>>,
    /// The head that the answer reflects.
    pub position: u64,
}

impl Client {
    /// Over TCP.
    ///
    /// # Panics
    /// When no HTTP client can be built.
    #[must_use]
    pub fn new(base: &str, token: Option<&str>) -> Self {
        let http = builder().build();
        Self {
            http: http.expect("an HTTP client can be built"),
            base: base.to_owned(),
            token: token.map(str::to_owned),
        }
    }

    /// Over TLS, trusting that certificate alone.
    ///
    /// # Panics
    /// When it is no certificate.
    #[must_use]
    pub fn tls(base: &str, certificate: &str, token: Option<&str>) -> Self {
        let trusted = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
        let http = builder().tls_certs_only([trusted]).build();
        Self {
            http: http.expect("an HTTP client can be built"),
            base: base.to_owned(),
            token: token.map(str::to_owned),
        }
    }

    /// Over a Unix socket.
    ///
    /// # Panics
    /// When no HTTP client can be built.
    #[must_use]
    pub fn unix(path: &Path) -> Self {
        let http = builder().unix_socket(path).build();
        Self {
            http: http.expect("an HTTP client can be built"),
            base: "http://localhost".to_owned(),
            token: None,
        }
    }

    /// The same, with another token or none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// A request of which everything is the caller's choice.
    ///
    /// # Panics
    /// When the method is none.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method's name");
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends it; `None` when the connection broke before the whole answer was here.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        let request = request.build().expect("a request can be built");
        let name = format!("{} {}", request.method(), request.url());
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.http.execute(request).await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.ok()?;
        crate::contract::check(method.as_str(), &path, status, &headers, &bytes);
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Some(Answer { request: name, status, headers, body })
    }

    /// Sends it.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.expect("the server answers")
    }

    /// A request with a JSON body.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let mut answer = self.send(self.request(method, path).json(body)).await;
        answer.request = format!("{} {body}", answer.request);
        answer
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// `POST`
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &body).await
    }

    /// `PATCH`
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, &body).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    /// `POST /query` that must succeed.
    pub async fn query(&self, pql: &str) -> Rows {
        self.post("/query", json!({ "pql": pql })).await.rows()
    }

    /// `POST /query` with parameters, that must succeed.
    pub async fn query_with(&self, pql: &str, params: Value) -> Rows {
        self.post("/query", json!({ "pql": pql, "params": params })).await.rows()
    }

    /// Every event after that position, to head.
    ///
    /// # Panics
    /// When an answer has not the shape of `GET /events`.
    pub async fn events_after(&self, after: u64) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = after;
        loop {
            let data = self.get(&format!("/events?after={after}&limit={EVENTS_PAGE}")).await.data();
            let page = data["events"].as_array().expect("events are a list");
            let Some(last) = page.last() else { return all };
            after = last["position"].as_u64().expect("an event has a position");
            all.extend(page.iter().cloned());
        }
    }

    /// Every event.
    pub async fn events(&self) -> Vec<Value> {
        self.events_after(0).await
    }

    /// The last committed position.
    ///
    /// # Panics
    /// When `GET /events` does not tell it.
    pub async fn head(&self) -> u64 {
        self.get("/events?limit=1").await.data()["head"].as_u64().expect("a page of events names the head")
    }
}

/// Text as it stands in a URL's path or query: every byte but the plain ones is escaped.
#[must_use]
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

impl Answer {
    /// What was asked for.
    ///
    /// # Panics
    /// When the answer is an error, or its envelope is not the contract's.
    #[track_caller]
    pub fn data(self) -> Value {
        assert!(
            (200..300).contains(&self.status) && self.body["ok"] == true && self.body["error"].is_null(),
            "{} should succeed: {} {}",
            self.request,
            self.status,
            self.body
        );
        self.body["data"].clone()
    }

    /// The rows of a query.
    ///
    /// # Panics
    /// When it failed, or has not the shape of a query's answer.
    #[must_use]
    #[track_caller]
    pub fn rows(self) -> Rows {
        let data = self.data();
        let text = |value: &Value| value.as_str().expect("a column has a name and a type").to_owned();
        let columns = data["columns"].as_array().expect("columns are a list");
        let rows = data["rows"].as_array().expect("rows are a list");
        assert_eq!(data["row_count"], rows.len(), "row_count counts the rows");
        assert!(data["elapsed_us"].is_u64(), "elapsed_us is a number: {}", data["elapsed_us"]);
        Rows {
            columns: columns.iter().map(|column| (text(&column["name"]), text(&column["type"]))).collect(),
            rows: rows.iter().map(|row| row.as_object().expect("a row is an object").clone()).collect(),
            position: data["position"].as_u64().expect("a query's answer has a position"),
        }
    }

    /// Whether it succeeded.
    #[must_use]
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The error, its envelope checked against the contract.
    ///
    /// # Panics
    /// When it succeeded, or the envelope is not the contract's.
    #[must_use]
    #[track_caller]
    pub fn error(&self) -> &Value {
        assert!(
            !self.ok() && self.body["ok"] == false && self.body["data"].is_null(),
            "{} should fail: {} {}",
            self.request,
            self.status,
            self.body
        );
        let error = &self.body["error"];
        for key in ["code", "message", "hint", "next", "retryable", "details"] {
            assert!(error.get(key).is_some(), "{}: an error has `{key}`: {}", self.request, self.body);
        }
        let hint = error["hint"].as_str().unwrap_or_default();
        assert!(!hint.is_empty(), "{}: an error says what to do: {}", self.request, self.body);
        error
    }

    /// The error's code, empty when there is none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// `Agentpm-Position`
    ///
    /// # Panics
    /// When it is missing or no number.
    #[must_use]
    pub fn position(&self) -> u64 {
        let header = self.headers.get("agentpm-position");
        let header = header.unwrap_or_else(|| panic!("{} carries Agentpm-Position", self.request));
        header.to_str().ok().and_then(|text| text.parse().ok()).expect("Agentpm-Position is a number")
    }
}

impl Rows {
    /// The values of a column, as JSON.
    #[must_use]
    pub fn column(&self, name: &str) -> Vec<Value> {
        self.rows.iter().map(|row| row.get(name).cloned().unwrap_or_default()).collect()
    }

    /// The values of a text column.
    ///
    /// # Panics
    /// When one is not text.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().expect("a text column").to_owned();
        self.column(name).iter().map(text).collect()
    }
}
