//! `/healthz` and `/readyz`.

use super::Answer;
use crate::app::Shared;
use crate::schema::Operation;
use crate::wire::args;
use crate::wire::envelope::answer_value;
use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/healthz", "healthz", "The process answers.").gives("Health"),
        Operation::get("/readyz", "readyz", "Reads and writes are taken.").gives("Ready"),
    ]
}

/// The process lives and answers; which node it is.
async fn healthz(State(app): State<Shared>, uri: Uri) -> Answer {
    args::none(&uri)?;
    let node = app.store().node_id().to_string();
    Ok(answer_value(app.store().head().position, &json!({"status": "ok", "node": node})))
}

/// Reads and writes are taken.
async fn readyz(State(app): State<Shared>, uri: Uri) -> Answer {
    args::none(&uri)?;
    if let Some(why) = app.unready() {
        return Err(why);
    }
    let head = app.store().head();
    Ok(answer_value(head.position, &json!({"status": "ready", "position": head.position})))
}
