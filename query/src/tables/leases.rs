//! `leases`: who holds, or held, which task.

use super::define::table;
use crate::value::Value;
use domain::rows::Lease;
use std::borrow::Cow;

table! {
    /// Acquisitions of tasks, those that have ended included.
    "leases", Lease, history: true, aliases: &[];

    /// Its name, unique per acquisition.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.id));
    /// The task.
    "task_id": Text = |row| Value::Text(Cow::Borrowed(&row.task_id));
    /// The holder.
    "agent_id": Text = |row| Value::Text(Cow::Borrowed(&row.agent_id));
    /// The holder's session, if it named one.
    "session_id": Text = |row| Value::text(row.session_id.as_deref());
    /// How often the task was taken so far, hand-overs included, from 1: for the holder to hand to resources outside.
    "fence": Int = |row| Value::Int(row.fence as i64);
    /// `active`, `released` or `expired`.
    "status": Text = |row| Value::Text(Cow::Borrowed(row.status.as_str()));
    /// From then on it is refused, whether or not its end is in the log yet.
    "expires_at": Time = |row| Value::Time(row.expires_at.0);
    /// When it was acquired.
    "created_at": Time = |row| Value::Time(row.created_at.0);
    /// When it was last renewed, or ended.
    "updated_at": Time = |row| Value::Time(row.updated_at.0);
}
