//! `progress_items`: the steps of a task's own list.

use super::define::table;
use crate::value::Value;
use domain::rows::ProgressItem;
use std::borrow::Cow;

table! {
    /// Steps of a task, done or to be done.
    "progress_items", ProgressItem, history: true, aliases: &[];

    /// Its name.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.id));
    /// The task.
    "task_id": Text = |row| Value::Text(Cow::Borrowed(&row.task_id));
    /// What is to be done.
    "content": Text = |row| Value::Text(Cow::Borrowed(&row.content));
    /// Whether it is.
    "completed": Bool = |row| Value::Bool(row.completed);
    /// When it was added.
    "created_at": Time = |row| Value::Time(row.created_at.0);
    /// When it was completed.
    "completed_at": Time = |row| Value::time(row.completed_at);
}
