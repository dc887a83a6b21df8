//! `relationships`: what one task is to another.

use super::define::table;
use crate::value::Value;
use domain::rows::Relationship;
use std::borrow::Cow;

/// Place of `from_task_id`.
pub(crate) const FROM: usize = 1;
/// Place of `to_task_id`.
pub(crate) const TO: usize = 2;
/// Place of `type`.
pub(crate) const TYPE: usize = 3;

table! {
    /// Directed edges between two tasks.
    "relationships", Relationship, history: true, aliases: &[];

    /// Its name.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.id));
    /// The blocker, the parent, the duplicate.
    "from_task_id": Text = |row| Value::Text(Cow::Borrowed(&row.from_task_id));
    /// The blocked, the child, the original.
    "to_task_id": Text = |row| Value::Text(Cow::Borrowed(&row.to_task_id));
    /// `parent_of`, `blocks`, `relates_to` or `duplicates`.
    "type": Text = |row| Value::Text(Cow::Borrowed(row.kind.as_str()));
    /// A JSON object of the caller's own.
    "metadata": Json = |row| Value::json(Some(&row.metadata));
    /// When it was added.
    "created_at": Time = |row| Value::Time(row.created_at.0);
}
