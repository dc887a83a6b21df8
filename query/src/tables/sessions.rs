//! `sessions`: who is, or was, there.

use super::define::table;
use crate::value::Value;
use domain::rows::Session;
use std::borrow::Cow;

table! {
    /// Stretches of agents' presence, those that have ended included.
    "sessions", Session, history: true, aliases: &[];

    /// Its name.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.id));
    /// Whose it is.
    "agent_id": Text = |row| Value::Text(Cow::Borrowed(&row.agent_id));
    /// `active` or `closed`.
    "status": Text = |row| Value::Text(Cow::Borrowed(row.status.as_str()));
    /// When it began.
    "started_at": Time = |row| Value::Time(row.started_at.0);
    /// When it ended, or was found lost.
    "ended_at": Time = |row| row.ended_at.map_or(Value::Null, |at| Value::Time(at.0));
    /// When it was last heard of.
    "last_heartbeat_at": Time = |row| Value::Time(row.last_heartbeat_at.0);
    /// A JSON object of the caller's own.
    "metadata": Json = |row| Value::json(Some(&row.metadata));
}
