//! One request from its head to its answer's: what is logged and counted of it.

use crate::app::App;
use crate::metrics::NO_ROUTE;
use crate::trace::TraceParent;
use crate::wire::envelope::POSITION;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;

/// Headers that say who asks and why.
const WHO: [&str; 4] = ["agentpm-agent", "agentpm-session", "agentpm-correlation-id", "agentpm-plan-id"];

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Asked {
    begun: Instant,
    method: Method,
    uri: Uri,
    who: [Option<HeaderValue>; WHO.len()],
    trace: Option<TraceParent>,
}

impl Asked {
    /// Begins with its head.
    pub(super) fn new(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        Self {
            begun: Instant::now(),
            method: method.clone(),
            uri: uri.clone(),
            who: WHO.map(|name| headers.get(name).cloned()),
            trace: TraceParent::of(headers),
        }
    }

    /// Ends with its answer: counted always, logged at debug, and at info when the server failed or it was slow.
    pub(super) fn done(self, app: &App, request_id: &str, response: &Response) {
        let Self { begun, method, uri, who, trace } = self;
        let (took, status) = (begun.elapsed(), response.status().as_u16());
        let matched = response.extensions().get::<MatchedPath>();
        let route = matched.map_or(NO_ROUTE, MatchedPath::as_str);
        app.metrics.answered(route, method.as_str(), status, took);
        let is_info = status >= 500 || took >= app.slow_request;
        if !is_info && !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let [agent, session, correlation, plan] = who
            .each_ref()
            .map(|value| value.as_ref().and_then(|value| std::str::from_utf8(value.as_bytes()).ok()));
        let position =
            response.headers().get(POSITION).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let trace_id = trace.as_ref().map(TraceParent::trace_id);
        let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // Without the query string: a ticket may be in it.
        let path = uri.path();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id, %method, route, path, status, duration_us, position,
                    agent_id = agent, session_id = session, correlation_id = correlation, plan_id = plan, trace_id,
                    "answered"
                )
            };
        }
        if is_info { line!(info) } else { line!(debug) }
    }
}

/// Tells with the answer which route it came by.
pub(super) async fn name_route(matched: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(matched);
    response
}
