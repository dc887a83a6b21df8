//! What every request passes, whatever its path and whether it came over HTTP or in a WebSocket frame.

use super::asked::Asked;
use crate::app::Shared;
use crate::auth::Transport;
use crate::context::Provenance;
use crate::error::{Code, Error};
use crate::limits::{Allowance, Scope};
use crate::once::IDEMPOTENCY_KEY;
use crate::wire::envelope::POSITION;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use store::Position;
use tower::ServiceExt;

/// Largest body of a request, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 8 << 20;

/// Longest wait for `Agentpm-Min-Position`.
const MIN_POSITION_WAIT_MAX: Duration = Duration::from_secs(5);

/// Longest `X-Request-Id` that is taken over from the caller, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Where WebSockets are made.
pub(crate) const SOCKET: &str = "/ws";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MIN_POSITION: HeaderName = HeaderName::from_static("agentpm-min-position");

/// The way in.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) app: Shared,
    router: Router,
    peer: Arc<Peer>,
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    transport: Transport,
    /// Of TCP.
    address: Option<IpAddr>,
    allowance: Allowance,
}

impl Front {
    /// A way in to every path of the API, as nobody has taken it yet.
    pub(crate) fn new(app: Shared) -> Self {
        let router = super::router(app.clone());
        let allowance = app.limits.connection(Transport::Unix);
        Self { app, router, peer: Arc::new(Peer { transport: Transport::Unix, address: None, allowance }) }
    }

    /// The same for one connection.
    pub(crate) fn of(&self, transport: Transport, address: Option<IpAddr>) -> Self {
        let allowance = self.app.limits.connection(transport);
        Self { peer: Arc::new(Peer { transport, address, allowance }), ..self.clone() }
    }

    /// Answers a request that arrived over the connection.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response {
        let transport = self.peer.transport;
        let (mut request, unread) = super::unread::keep(request);
        let request_id = request_id(request.headers());
        let asked = Asked::new(request.method(), request.uri(), request.headers());
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = if is_preflight(transport, &request) {
            match self.app.policy.browsers.check(request.headers()) {
                Ok(()) => StatusCode::NO_CONTENT.into_response(),
                Err(error) => error.into_response(),
            }
        } else {
            let ticket = || ticket(request.uri()).map(|ticket| self.app.tickets.take(ticket));
            let policy = &self.app.policy;
            let let_in = match is_for_nodes(&request) && policy.is_peer(request.headers()) {
                true if transport == Transport::Tcp => policy.browsers.check(request.headers()),
                _ => policy.check(transport, request.headers(), ticket),
            };
            match let_in {
                Ok(()) => {
                    request.extensions_mut().insert(transport);
                    if request.uri().path() == SOCKET {
                        // The calls that come through the socket go this way too.
                        request.extensions_mut().insert(self.clone());
                    }
                    self.dispatch(request).await
                }
                // Guesses at a token are counted too.
                Err(error) => self.peer.allowance.take().err().unwrap_or(error).into_response(),
            }
        };
        if let Some(unread) = unread {
            unread.discard().await;
        }
        if let Some(origin) = origin.filter(|origin| self.app.policy.browsers.is_allowed(origin)) {
            allow(origin, &mut response);
        }
        asked.done(&self.app, request_id.to_str().unwrap_or(""), &response);
        response.headers_mut().insert(REQUEST_ID, request_id);
        response
    }

    /// Answers a call that came through a socket.
    pub(crate) async fn call(&self, req: &str, request: Request<Body>) -> Response {
        let asked = Asked::new(request.method(), request.uri(), request.headers());
        let response = self.dispatch(request).await;
        asked.done(&self.app, req, &response);
        response
    }

    /// Refuses a request when there were too many.
    fn limit(&self, request: &Request<Body>) -> Result<(), Error> {
        let refused = |scope: Scope| {
            move |error| {
                self.app.metrics.rate_limited(scope.as_str());
                error
            }
        };
        let Peer { transport, address, allowance } = &*self.peer;
        allowance.take().map_err(refused(Scope::Connection))?;
        let agent = request.headers().get("agentpm-agent").map(HeaderValue::as_bytes);
        let path = request.uri().path();
        self.app.limits.agent(*transport, path, agent, *address).map_err(refused(Scope::Agent))
    }

    /// Answers a request of a caller who has been let in.
    async fn dispatch(&self, request: Request<Body>) -> Response {
        let named = named_session(&request);
        let answer = async {
            self.limit(&request)?;
            check_path(request.uri())?;
            refuse_key(&request)?;
            self.reach_position(request.headers()).await?;
            // The router's own error type has no values.
            Ok::<_, Error>(self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {}))
        };
        let mut response = match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => error.into_response(),
            Err(_) => {
                tracing::error!("a handler panicked");
                Error::new(Code::Internal, "something went wrong inside; the server's log says more")
                    .into_response()
            }
        };
        if let Some(by) = named.filter(|_| response.status().is_success()) {
            self.app.hear(&by).await;
        }
        if !response.headers().contains_key(POSITION) {
            response.headers_mut().insert(POSITION, HeaderValue::from(self.app.store().head().position.0));
        }
        response
    }

    /// Waits until the answer can reflect the position the caller has seen.
    async fn reach_position(&self, headers: &HeaderMap) -> Result<(), Error> {
        let Some(value) = headers.get(MIN_POSITION) else { return Ok(()) };
        let wanted =
            value.to_str().ok().and_then(|text| text.trim().parse().ok()).map(Position).ok_or_else(|| {
                Error::problem("", "header Agentpm-Min-Position: expected a position, a whole number")
            })?;
        let mut heads = self.app.store().watch();
        let reached = heads.wait_for(|head| head.position >= wanted);
        match tokio::time::timeout(MIN_POSITION_WAIT_MAX, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::unavailable("the server is shutting down")),
            Err(_) => {
                let head = self.app.store().head().position;
                Err(Error::unavailable(format!("position {wanted} was not reached; the head is {head}"))
                    .details(serde_json::json!({"wanted": wanted.0, "head": head.0})))
            }
        }
    }
}

/// Who asks, if it is in a session and of a call that may change something: whatever the call is, that session is alive.
fn named_session(request: &Request<Body>) -> Option<Provenance> {
    let headers = request.headers();
    let names_one = request.method() != Method::GET && headers.contains_key("agentpm-session");
    names_one.then(|| Provenance::of(headers).ok()).flatten()
}

/// Refuses a path whose escapes make no text: every id is text.
fn check_path(uri: &Uri) -> Result<(), Error> {
    let digit =
        |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let path = uri.path().as_bytes();
    let mut bytes = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(byte) = path.get(at) {
        match (byte, digit(path.get(at + 1)), digit(path.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                at += 3;
            }
            (byte, ..) => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    match std::str::from_utf8(&bytes) {
        Ok(_) => Ok(()),
        Err(_) => {
            let path = crate::wire::fields::short(uri.path());
            Err(Error::problem("", format!("the path `{path}` is not UTF-8 once its escapes are read")))
        }
    }
}

/// Calls that keep no answer, each with what makes it safe to send again.
const KEEP_NO_ANSWER: [(&str, &str); 3] = [
    (super::sync::PATH, "an event that is known is a duplicate and changes nothing: push again"),
    ("/import", "an import goes on where it was when it is given the same input again"),
    ("/tickets", "a ticket that is not used is gone after 30 s: take another"),
];

/// Refuses `Idempotency-Key` where no answer is kept: a key that is taken and not kept would let a retry happen
/// twice.
fn refuse_key(request: &Request<Body>) -> Result<(), Error> {
    let path = request.uri().path();
    let fixed = KEEP_NO_ANSWER.iter().find(|(known, _)| *known == path).map(|(_, instead)| *instead);
    let keeps_none = fixed.or_else(|| super::subscriptions::instead_of_a_key(path));
    match keeps_none.filter(|_| request.headers().contains_key(IDEMPOTENCY_KEY)) {
        None => Ok(()),
        Some(instead) => {
            Err(Error::problem("", "header Idempotency-Key: this call keeps no answer").hint(instead))
        }
    }
}

/// Whether it is one of the calls that one node makes to another.
fn is_for_nodes(request: &Request<Body>) -> bool {
    match request.uri().path() {
        super::sync::PATH => true,
        "/events" | "/healthz" => request.method() == Method::GET,
        _ => false,
    }
}

/// Whether a page asks what it may send. It carries no token yet.
fn is_preflight(transport: Transport, request: &Request<Body>) -> bool {
    transport == Transport::Tcp
        && request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The ticket in the query string, on the paths where one stands for the token.
fn ticket(uri: &Uri) -> Option<&str> {
    if !matches!(uri.path(), SOCKET | "/subscribe") {
        return None;
    }
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("ticket="))
}

/// The caller's id for the request when it is fit to be repeated, else a fresh one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(&REQUEST_ID).filter(|value| {
        let bytes = value.as_bytes();
        (1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    });
    given.cloned().unwrap_or_else(|| {
        let id = crate::clock::fresh_id().to_string();
        HeaderValue::from_str(&id).expect("a ULID is letters and digits")
    })
}

/// Lets an invited page read the answer.
fn allow(origin: HeaderValue, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    let fixed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, PUT, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, accept, agentpm-agent, agentpm-session, agentpm-correlation-id, \
             agentpm-plan-id, agentpm-min-position, idempotency-key, last-event-id, x-request-id, traceparent",
        ),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "agentpm-position, x-request-id, retry-after"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
