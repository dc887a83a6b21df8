//! `GET /openapi.json`: what this API is, for programs.

use super::Answer;
use crate::app::Shared;
use crate::schema::{self, Operation};
use crate::wire::args;
use axum::Router;
use axum::http::{HeaderValue, Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use serde_json::json;
use std::sync::LazyLock;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/openapi.json", get(show))
}

pub(super) fn operations() -> Vec<Operation> {
    let document = json!({ "type": "object", "required": ["openapi", "info", "paths", "components"] });
    vec![
        Operation::get("/openapi.json", "show_openapi", "This document, without an envelope.")
            .gives_plain("application/json", document),
    ]
}

/// The document, which is the same as long as the program runs.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| schema::openapi().to_string().into());

async fn show(uri: Uri) -> Answer {
    args::none(&uri)?;
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(([kind], DOCUMENT.clone()).into_response())
}
