//! The HTTP API: one file per area, put together here.

mod agents;
mod asked;
mod batch;
mod call;
mod carry;
mod contexts;
mod diagnostics;
mod event_page;
mod events;
pub(crate) mod front;
mod health;
mod import;
mod leases;
mod list;
mod metrics;
mod openapi;
mod outflow;
mod progress_items;
pub(crate) mod query;
mod relationships;
mod room;
mod runs;
mod sessions;
mod streams;
mod subscriptions;
mod sync;
mod tasks;
mod tickets;
mod unread;

pub(crate) use call::Call;
pub(crate) use room::Room;
pub(crate) use tasks::claim::Gone;

use crate::app::Shared;
use crate::error::{Code, Error};
use crate::schema::Operation;
use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn;

/// What a handler gives.
pub(crate) type Answer = Result<axum::response::Response, Error>;

/// Every call of the API, described. Each area describes its own, beside its routes.
pub(crate) fn operations() -> Vec<Operation> {
    [
        health::operations(),
        metrics::operations(),
        diagnostics::operations(),
        openapi::operations(),
        tickets::operations(),
        events::operations(),
        streams::operations(),
        query::operations(),
        crate::ws::operations(),
        crate::sse::operations(),
        agents::operations(),
        tasks::operations(),
        runs::operations(),
        relationships::operations(),
        contexts::operations(),
        progress_items::operations(),
        leases::operations(),
        sessions::operations(),
        import::operations(),
        batch::operations(),
        sync::operations(),
        subscriptions::operations(),
    ]
    .concat()
}

/// Every path of the API.
pub(crate) fn router(app: Shared) -> Router {
    Router::new()
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(diagnostics::routes())
        .merge(openapi::routes())
        .merge(tickets::routes())
        .merge(events::routes())
        .merge(streams::routes())
        .merge(sync::routes())
        .merge(subscriptions::routes())
        .merge(query::routes())
        .merge(agents::routes())
        .merge(tasks::routes())
        .merge(runs::routes())
        .merge(relationships::routes())
        .merge(contexts::routes())
        .merge(progress_items::routes())
        .merge(leases::routes())
        .merge(batch::routes())
        .merge(sessions::routes())
        .merge(import::routes())
        .merge(crate::ws::routes())
        .merge(crate::sse::routes())
        .route_layer(from_fn(asked::name_route))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(app)
}

async fn no_such_path(uri: Uri) -> Error {
    Error::new(Code::NotFound, format!("no path `{}` in this API", crate::wire::fields::short(uri.path())))
        .hint("GET /openapi.json lists the paths")
}

async fn no_such_method(method: Method, uri: Uri) -> Error {
    Error::problem("", format!("`{}` does not take {method}", uri.path()))
        .status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Runs what reads the disk where it may block.
///
/// # Errors
/// `ERR_INTERNAL` when it panicked.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a read panicked");
        Error::new(Code::Internal, "something went wrong inside; the server's log says more")
    })
}
