use crate::app::Shared;
use crate::error::Error;
use crate::http::event_page::EventPage;
use crate::http::list::Page;
use crate::http::{Answer, blocking};
use crate::wire::args::Args;
use axum::extract::{Path, State};
use axum::http::Uri;
use domain::rows::{Row, Table};
use query::Sought;
use store::{Direction, Event, Position, ReadError, Reader, Text, Timestamp};

/// Which of a task's events are asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    agent_id: Option<String>,
    from_time: Option<Timestamp>,
    to_time: Option<Timestamp>,
    types: Option<Vec<String>>,
    after: Position,
    page: Page,
}

impl Wanted {
    pub(super) fn of(args: &mut Args) -> Self {
        Self {
            agent_id: args.text("agent_id"),
            from_time: args.time("from_time"),
            to_time: args.time("to_time"),
            types: args.words("type"),
            after: Position(args.int_in("after", 0..=u64::MAX).unwrap_or(0)),
            page: Page::of(args),
        }
    }

    fn sought(&self, task: &str) -> Sought {
        let tag = format!("task:{task}");
        Sought::named(None, None, Some(&tag), self.agent_id.as_deref())
    }

    fn is_of_type(&self, event: &Event) -> bool {
        self.types.as_ref().is_none_or(|types| types.iter().any(|kind| **kind == *event.kind))
    }

    /// The stretch of the log that the times leave.
    fn stretch(&self, reader: &Reader<Row>) -> Result<(Position, Position), ReadError> {
        let mut after = self.after;
        if let Some(from) = self.from_time {
            after = after.max(reader.position_at(Timestamp(from.0.saturating_sub(1)))?);
        }
        let mut upto = reader.head().position;
        if let Some(to) = self.to_time {
            upto = upto.min(reader.position_at(to)?);
        }
        Ok((after, upto))
    }
}

/// `GET /tasks/{id}/history`: every event about the task that is wanted, oldest first, by the index of its tag.
pub(super) async fn history(State(app): State<Shared>, Path(id): Path<String>, uri: Uri) -> Answer {
    let wanted = Args::decode(&uri, Wanted::of)?;
    let reader = app.store().reader();
    let position = reader.head().position;
    let task = Text::from(id.as_str());
    let offset = wanted.page.offset();
    let found = blocking(move || {
        reader.row(Table::Tasks.id(), &task)?.map(|_| find(&wanted, &reader, &task)).transpose()
    })
    .await??;
    let (events, total) = found.ok_or_else(|| Error::not_found("task", &id))?;
    let shown = offset + events.len();
    let next_offset = (shown < total && events.len() > 0).then_some(shown as u64);
    let next_after = next_offset.and(events.last().map(|event| event.position.0));
    let others = [("total", Some(total as u64)), ("next_offset", next_offset), ("next_after", next_after)];
    Ok(events.answer(position, others))
}

/// A page of a history, and how many match, in this page or not. All of the task's events in that time are looked at.
fn find(wanted: &Wanted, reader: &Reader<Row>, task: &str) -> Result<(EventPage, usize), ReadError> {
    let (after, upto) = wanted.stretch(reader)?;
    let sought = wanted.sought(task);
    let (mut page, mut total) = (EventPage::of(wanted.page.limit()), 0);
    for event in sought.events(reader, after, upto, Direction::Forward) {
        let event = event?;
        if !sought.holds(&event) || !wanted.is_of_type(&event) {
            continue;
        }
        if total >= wanted.page.offset() && !page.is_full() {
            page.push(event);
        }
        total += 1;
    }
    Ok((page, total))
}
