//! `GET /metrics`: figures for Prometheus.

use super::Answer;
use crate::app::Shared;
use crate::metrics::CONTENT_TYPE;
use crate::schema::Operation;
use crate::wire::args;
use axum::Router;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/metrics", get(metrics))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/metrics", "metrics", "Figures, in the text format of Prometheus.")
            .gives_plain("text/plain", json!({ "type": "string" })),
    ]
}

async fn metrics(State(app): State<Shared>, uri: Uri) -> Answer {
    args::none(&uri)?;
    let text = super::blocking({
        let app = app.clone();
        move || app.metrics.text(&app)
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
