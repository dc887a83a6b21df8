//! Tasks: the work.

mod brief;
mod change;
pub(crate) mod claim;
mod create;
mod end;
mod history;
mod list;
mod show;

use crate::app::Shared;
use axum::Router;
use axum::routing::{get, post};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/tasks", get(list::list).post(create::create))
        .route("/tasks/claim", post(claim::claim))
        .route("/tasks/{id}", get(show::show).patch(change::update))
        .route("/tasks/{id}/transition", post(change::transition))
        .route("/tasks/{id}/archive", post(change::archive))
        .route("/tasks/{id}/restore", post(change::restore))
        .route("/tasks/{id}/complete", post(end::complete))
        .route("/tasks/{id}/fail", post(end::fail))
        .route("/tasks/{id}/release", post(end::release))
        .route("/tasks/{id}/brief", get(brief::brief))
        .route("/tasks/{id}/history", get(history::history))
}
