//! Calls of the API through a socket.

use super::frame;
use crate::error::{Code, Error};
use crate::http::Gone;
use crate::http::front::Front;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use axum::response::{IntoResponse, Response};
use store::Text;
use tokio_util::sync::CancellationToken;

/// Calls of one socket that are under way; the next is read when one of them is answered.
pub(super) const IN_FLIGHT_MAX: usize = 256;

/// Largest answer through a socket: a JSON document of the largest query fits well.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Paths that make no sense inside a socket, or whose answers are no JSON.
const NOT_HERE: [&str; 5] = ["/ws", "/subscribe", "/tickets", "/metrics", "/diagnostics/bundle"];

/// Headers of the socket's own request that hold for every call made through it.
const IDENTITY: [&str; 5] =
    ["agentpm-agent", "agentpm-session", "agentpm-correlation-id", "agentpm-plan-id", "traceparent"];

/// Headers a call may set for itself. The rest is of connections, and those are not the call's.
const OWN: [&str; 7] = [
    "agentpm-agent",
    "agentpm-session",
    "agentpm-correlation-id",
    "agentpm-plan-id",
    "agentpm-min-position",
    "idempotency-key",
    "traceparent",
];

/// Who speaks through the socket.
pub(super) fn identity(headers: &HeaderMap) -> HeaderMap {
    IDENTITY
        .into_iter()
        .filter_map(|name| Some((HeaderName::from_static(name), headers.get(name)?.clone())))
        .collect()
}

/// A call as it came in a frame.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) req: Text,
    pub(super) method: Text,
    pub(super) path: Text,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Text>,
}

/// Carries out a call and gives the frame that answers it.
/// When `gone` is cancelled, what only waits stops waiting.
pub(super) async fn answer(
    front: &Front,
    identity: &HeaderMap,
    call: Call,
    gone: CancellationToken,
) -> Vec<u8> {
    let req = call.req.clone();
    let response = match request(identity, call) {
        Ok(mut request) => {
            request.extensions_mut().insert(Gone(gone));
            front.call(&req, request).await
        }
        Err(error) => error.into_response(),
    };
    match whole(response).await {
        Ok((status, body)) => frame::response(&req, status, &body),
        Err(error) => refused(&req, error).await,
    }
}

/// The frame that answers a call with an error.
pub(super) async fn refused(req: &str, error: Error) -> Vec<u8> {
    match whole(error.into_response()).await {
        Ok((status, body)) => frame::response(req, status, &body),
        Err(_) => frame::response(req, Code::Internal.status().as_u16(), b""),
    }
}

async fn whole(response: Response) -> Result<(u16, axum::body::Bytes), Error> {
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.map_err(|error| {
        Error::new(Code::PayloadTooLarge, format!("the answer is too large for a frame: {error}"))
            .hint("ask over HTTP, where rows can be streamed")
    })?;
    Ok((status, body))
}

fn request(identity: &HeaderMap, call: Call) -> Result<Request<Body>, Error> {
    let method = Method::from_bytes(call.method.as_bytes())
        .map_err(|_| Error::problem("/method", format!("`{}` is no method", call.method)))?;
    let uri: Uri = call
        .path
        .parse()
        .map_err(|error| Error::problem("/path", format!("`{}` is no path: {error}", call.path)))?;
    if !call.path.starts_with('/') {
        return Err(Error::problem("/path", "begins with a slash"));
    }
    if NOT_HERE.contains(&uri.path()) {
        return Err(Error::problem("/path", format!("`{}` cannot be called through a socket", uri.path())));
    }
    let mut request = Request::new(call.body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.extend(identity.clone());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in call.headers {
        let at = || format!("/headers/{name}");
        let name = name.to_ascii_lowercase();
        if !OWN.contains(&name.as_str()) {
            let message = format!("cannot be set here; those that can are {}", OWN.join(", "));
            return Err(Error::problem(at(), message));
        }
        let value = HeaderValue::from_str(&value).map_err(|_| Error::problem(at(), "is no header value"))?;
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| Error::problem(at(), "is no header"))?;
        headers.insert(name, value);
    }
    Ok(request)
}

#[cfg(test)]
mod test {
    use super::*;

    fn call(path: &str, headers: &[(&str, &str)]) -> Result<Request<Body>, Error> {
        let mut socket = HeaderMap::new();
        socket.insert("agentpm-agent", "of-the-socket".parse().unwrap());
        socket.insert("authorization", "Bearer x".parse().unwrap());
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        request(
            &identity(&socket),
            Call {
                req: "r".into(),
                method: "POST".into(),
                path: path.into(),
                headers: headers.collect(),
                body: None,
            },
        )
    }

    #[test]
    fn a_call_speaks_under_the_sockets_identity() {
        assert_eq!(call("/append", &[]).unwrap().headers()["agentpm-agent"], "of-the-socket");
        assert_eq!(call("/append", &[("Agentpm-Agent", "own")]).unwrap().headers()["agentpm-agent"], "own");
        assert!(!call("/append", &[]).unwrap().headers().contains_key("authorization"));
        assert!(call("/append", &[("authorization", "Bearer y")]).is_err());
    }

    #[test]
    fn some_paths_are_not_for_sockets() {
        for path in ["/ws", "/ws?ticket=1", "/subscribe?pql=x", "/tickets", "append", ""] {
            assert!(call(path, &[]).is_err(), "{path}");
        }
        assert!(call("/tasks/a%20b?include=runs", &[]).is_ok());
    }
}
