use crate::app::Shared;
use crate::error::Error;
use crate::http::events::{PAGE_BYTES_MAX, is_by, size};
use crate::http::list::Page;
use crate::http::{Answer, blocking};
use crate::wire::args::Args;
use crate::wire::envelope::{answer, push, push_list, push_name};
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

    fn matches(&self, event: &Event) -> bool {
        self.agent_id.as_ref().is_none_or(|agent| is_by(event, agent))
            && self.types.as_ref().is_none_or(|types| types.iter().any(|kind| **kind == *event.kind))
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

/// A page of a history.
#[derive(Debug, Default)]
struct Found {
    events: Vec<Event>,
    /// How many match, in this page or not.
    total: usize,
}

/// `GET /tasks/{id}/history`: every event about the task that is wanted, oldest first, by the index of its tag.
pub(super) async fn history(State(app): State<Shared>, Path(id): Path<String>, uri: Uri) -> Answer {
    let wanted = Args::decode(&uri, Wanted::of)?;
    let reader = app.store().reader();
    let position = reader.head().position;
    let task = Text::from(id.as_str());
    let (page, offset) = (wanted.page, wanted.page.offset());
    let found = blocking(move || {
        reader.row(Table::Tasks.id(), &task)?.map(|_| find(&wanted, &reader, &task)).transpose()
    })
    .await??;
    let Found { events, total } = found.ok_or_else(|| Error::not_found("task", &id))?;
    let shown = offset + events.len();
    let next_offset = (shown < total && !events.is_empty()).then_some(shown);
    debug_assert!(events.len() <= page.limit());
    Ok(answer(position, |out| {
        out.extend_from_slice(b"{\"events\":");
        push_list(out, &events, |out, event| query::json::event(event, out));
        push_name(out, "total");
        push(out, &total);
        push_name(out, "next_offset");
        push(out, &next_offset);
        push_name(out, "next_after");
        push(out, &next_offset.and(events.last().map(|event| event.position)));
        out.push(b'}');
    }))
}

fn find(wanted: &Wanted, reader: &Reader<Row>, task: &str) -> Result<Found, ReadError> {
    let (after, upto) = wanted.stretch(reader)?;
    let sought = Sought::named(None, None, Some(&format!("task:{task}")));
    let mut found = Found::default();
    let mut bytes = 0;
    for event in sought.events(reader, after, upto, Direction::Forward) {
        let event = event?;
        if !wanted.matches(&event) {
            continue;
        }
        let has_room = found.events.len() < wanted.page.limit() && bytes < PAGE_BYTES_MAX;
        if found.total >= wanted.page.offset() && has_room {
            bytes += size(&event);
            found.events.push(event);
        }
        found.total += 1;
    }
    Ok(found)
}
