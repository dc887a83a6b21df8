//! Moments: what `AS OF` names, as a position and a time.

use crate::plan::AsOf;
use crate::scan::World;
use grammar::ast::{Moment, MomentKind};
use grammar::{Code, Error, Span};
use std::time::Duration;
use store::{EventId, Position, ReadError, Timestamp};

/// The statement's own moment: its head and its now.
pub(crate) fn present(world: &World) -> AsOf {
    AsOf { position: world.current.head.position, time: world.now, is_head: true }
}

/// The moment a statement names: after the last event with time ≤ it, or after an event.
pub(crate) fn of(world: &World, moment: &Moment) -> Result<AsOf, Error> {
    let head = world.current.head.position;
    let unreadable = |error: ReadError| {
        Error::new(Code::NotAllowed, moment.span, format!("the log cannot be read: {error}"))
    };
    let after_head = |what: String| {
        Error::new(Code::MomentAfterHead, moment.span, what).hint(format!("the head is at POSITION {head}"))
    };
    let at_time = |time: Timestamp| {
        let position = world.reader.position_at(time).map_err(unreadable)?.min(head);
        Ok(AsOf { position, time, is_head: position == head })
    };
    let at_position = |position: Position| {
        let time = world.reader.time(position).map_err(unreadable)?.unwrap_or_default();
        Ok(AsOf { position, time, is_head: position == head })
    };
    match &moment.kind {
        MomentKind::Now => Ok(present(world)),
        MomentKind::Time(time) if *time > world.now.0 => {
            Err(after_head(format!("this time is after the server's clock, {}", clock(world.now))))
        }
        MomentKind::Time(time) => at_time(Timestamp(*time)),
        MomentKind::Ago(ago) => at_time(Timestamp(world.now.0.saturating_sub(micros(*ago)))),
        MomentKind::Position(position) if *position > head.0 => {
            Err(after_head(format!("there is no POSITION {position} yet")))
        }
        MomentKind::Position(position) => at_position(Position(*position)),
        MomentKind::Event(id) => match event(world, id, moment.span)? {
            Some(position) if position <= head => at_position(position),
            _ => Err(after_head(format!("there is no event `{id}`"))),
        },
    }
}

fn event(world: &World, id: &str, span: Span) -> Result<Option<Position>, Error> {
    let id = EventId::parse(id).map_err(|error| {
        Error::new(Code::MomentAfterHead, span, format!("`{id}` is no event id: {error}"))
            .hint("an event id is a ULID: 26 characters of 0-9 and A-Z without I, L, O and U")
    })?;
    world
        .reader
        .position_of(id)
        .map_err(|error| Error::new(Code::NotAllowed, span, format!("the log cannot be read: {error}")))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn clock(time: Timestamp) -> String {
    let mut text = Vec::new();
    crate::json::write_time(time.0, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
