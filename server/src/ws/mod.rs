//! `GET /ws`, subprotocol `agentpm.v1`: subscriptions and calls of the API over one connection.
//!
//! Three kinds of tasks serve a socket: one reads frames and starts the others, one per subscription follows
//! the log, one writes what they all put into the [`outbox`]. The outbox is bounded in bytes; who cannot put
//! a frame there waits, so a client that does not read costs a bounded amount and nothing else.

mod frame;
mod outbox;
mod requests;
mod session;
mod subscription;

use crate::app::Shared;
use crate::context::Provenance;
use crate::error::Error;
use crate::http::Answer;
use crate::http::front::{BODY_BYTES_MAX, Front, SOCKET};
use crate::schema::Operation;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::{Router, routing::get};

/// The subprotocol.
const PROTOCOL: &str = "agentpm.v1";

/// Largest message of a client: a request's body and what is around it.
const MESSAGE_BYTES_MAX: usize = BODY_BYTES_MAX + (64 << 10);

/// What is read from, and gathered to be written to, a socket at once: most frames are smaller, and an idle socket
/// keeps hardly more than this.
const BUFFER_BYTES: usize = 8 << 10;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(SOCKET, get(upgrade))
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(SOCKET, "open_socket", "A WebSocket of the subprotocol `agentpm.v1`.")
            .query(|args| args.text("ticket"))
            .succeeds(101)
            .refuses(426),
    ]
}

async fn upgrade(
    State(app): State<Shared>,
    Extension(front): Extension<Front>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer {
    let upgrade = upgrade.map_err(|rejection| {
        Error::problem("", format!("this path takes WebSockets only: {rejection}"))
            .status(StatusCode::UPGRADE_REQUIRED)
    })?;
    // What the socket says of itself holds for every call made through it.
    Provenance::of(&headers)?;
    let identity = requests::identity(&headers);
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES);
    if upgrade.selected_protocol().is_none() && upgrade.requested_protocols().next().is_some() {
        return Err(Error::problem("", format!("the subprotocol here is `{PROTOCOL}`")));
    }
    let open = app.open.clone();
    Ok(upgrade
        .on_upgrade(move |socket| open.track_future(session::run(front, identity, socket)))
        .into_response())
}
