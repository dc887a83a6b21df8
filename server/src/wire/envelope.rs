//! The envelope every JSON answer comes in.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use store::Position;

/// Head that the answer reflects.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("agentpm-position");

/// `{"ok":true,"data":…,"error":null}` with `data` as written by `write`.
pub(crate) fn answer(position: Position, write: impl FnOnce(&mut Vec<u8>)) -> Response {
    let mut body = Vec::with_capacity(512);
    body.extend_from_slice(br#"{"ok":true,"data":"#);
    write(&mut body);
    body.extend_from_slice(br#","error":null}"#);
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(POSITION, HeaderValue::from(position.0));
    response
}

/// The same with a value that is not on a hot path.
pub(crate) fn answer_value(position: Position, data: &serde_json::Value) -> Response {
    answer(position, |out| push(out, data))
}

/// Appends any value as JSON.
pub(crate) fn push(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("plain data serializes and a Vec has room");
}

/// Appends `[…]` with each item as `write` writes it.
pub(crate) fn push_list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Appends `,"name":` for a further member of an object.
pub(crate) fn push_name(out: &mut Vec<u8>, name: &'static str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}
