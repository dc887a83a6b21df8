//! `contexts`: what is worth knowing about a task.

use super::define::table;
use crate::value::Value;
use domain::rows::Context;
use std::borrow::Cow;

table! {
    /// Decisions, attempts, notes and the like, each about one task.
    "contexts", Context, history: true, aliases: &[];

    /// Its name.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.id));
    /// The task.
    "task_id": Text = |row| Value::Text(Cow::Borrowed(&row.task_id));
    /// `decision`, `rationale`, `attempt`, `outcome`, `blocker`, `note`, `reference` or `user_input`.
    "type": Text = |row| Value::Text(Cow::Borrowed(row.kind.as_str()));
    /// The text.
    "content": Text = |row| Value::Text(Cow::Borrowed(&row.content));
    /// A JSON object of the caller's own.
    "metadata": Json = |row| Value::json(Some(&row.metadata));
    /// The context that took its place.
    "superseded_by": Text = |row| Value::text(row.superseded_by.as_deref());
    /// When it was added.
    "created_at": Time = |row| Value::Time(row.created_at.0);
}
