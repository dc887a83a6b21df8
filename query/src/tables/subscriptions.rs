//! `subscriptions`: the durable ones, and how they stand.

use super::define::table;
use crate::value::Value;
use std::borrow::Cow;
use store::{Position, Text, Timestamp};

/// A durable subscription.
#[derive(Debug, Clone)]
pub struct DurableSubscription {
    /// Its name.
    pub name: Text,
    /// The statement.
    pub pql: Text,
    /// Its parameters: JSON.
    pub params: Option<Text>,
    /// Where it began: JSON.
    pub from: Text,
    /// Events in all hands together, at most.
    pub max_in_flight: usize,
    /// Milliseconds that a hand may keep one.
    pub ack_timeout_ms: i64,
    /// Deliveries of one event, at most.
    pub max_attempts: u32,
    /// Whether the events of a stream come one after another.
    pub by_stream: bool,
    /// Everything up to here is done with.
    pub floor: Position,
    /// Events of the log after that.
    pub lag: u64,
    /// Events in hands.
    pub in_flight: usize,
    /// Events put aside.
    pub parked: usize,
    /// Where its events are posted.
    pub webhook: Option<Text>,
    /// Whether nothing is posted there any more.
    pub is_off: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

table! {
    /// Durable subscriptions, and how they stand. What consumers have done with is no event: of the present only.
    "subscriptions", DurableSubscription, history: false, aliases: &[];

    /// What it is called.
    "name": Text = |row| text(&row.name);
    /// Its statement: which events it delivers.
    "pql": Text = |row| text(&row.pql);
    /// The statement's parameters.
    "params": Json = |row| row.params.as_ref().map_or(Value::Null, |params| Value::Json(Cow::Borrowed(params)));
    /// Where it began: `"start"`, `"now"`, or the position it began after. Written `"from"` in a statement.
    "from": Json = |row| Value::Json(Cow::Borrowed(&row.from));
    /// How many events its consumers together hold at most.
    "max_in_flight": Int = |row| int(row.max_in_flight as u64);
    /// How long, in seconds, a consumer may hold an event before it is delivered again.
    "ack_timeout_s": Float = |row| Value::Float(row.ack_timeout_ms as f64 / 1_000.0);
    /// How often an event is delivered before it is parked.
    "max_attempts": Int = |row| int(row.max_attempts.into());
    /// `stream` when the events of a stream come one after another; null when nothing is held back.
    "order_by": Text = |row| match row.by_stream {
        true => Value::Text(Cow::Borrowed("stream")),
        false => Value::Null,
    };
    /// Everything up to this position is done with, or parked.
    "position": Int = |row| int(row.floor.0);
    /// Events of the log after that position, those that do not match included.
    "lag": Int = |row| int(row.lag);
    /// Events that consumers hold.
    "in_flight": Int = |row| int(row.in_flight as u64);
    /// Events that were put aside.
    "parked": Int = |row| int(row.parked as u64);
    /// The URL its events are posted to; null when consumers fetch them.
    "webhook": Text = |row| Value::text(row.webhook.as_deref());
    /// `active`; `off` when the webhook answered that it wants no more (410).
    "status": Text = |row| Value::Text(Cow::Borrowed(if row.is_off { "off" } else { "active" }));
    /// When it was made.
    "created_at": Time = |row| Value::Time(row.created_at.0);
}

fn text(text: &Text) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn int(number: u64) -> Value<'static> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
