use crate::app::Shared;
use crate::error::Error;
use crate::http::list::Page;
use crate::http::{Answer, blocking};
use crate::wire::args::Args;
use axum::extract::{Path, State};
use axum::http::Uri;
use domain::rows::Table;
use store::{Direction, Position};

/// `GET /tasks/{id}/history`: every event about the task, oldest first.
pub(super) async fn history(State(app): State<Shared>, Path(id): Path<String>, uri: Uri) -> Answer {
    let page = Args::decode(&uri, Page::of)?;
    let reader = app.store().reader();
    let position = reader.head().position;
    let task = id.clone();
    let events = blocking(move || {
        if reader.row(Table::Tasks.id(), &task)?.is_none() {
            return Ok(None);
        }
        let events = reader.tagged(&format!("task:{task}"), Position::ZERO, position, Direction::Forward);
        events.collect::<Result<Vec<_>, store::ReadError>>().map(Some)
    })
    .await??;
    let events = events.ok_or_else(|| Error::not_found("task", &id))?;
    Ok(page.answer(position, "events", events.iter(), |out, event| query::json::event(event, out)))
}
