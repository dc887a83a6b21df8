//! What EXPLAIN next_task gives; no table that a statement can name.

use super::define::table;
use crate::value::Value;
use std::borrow::Cow;
use store::Text;

/// An unfinished task that is not offered.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// The task.
    pub id: Text,
    /// Its title.
    pub title: Text,
    /// Its status.
    pub status: &'static str,
    /// Why, in one word each: `status`, `blocked`, `lease`, `not_before`, `owner`, `caps`, `where`.
    pub reasons: Vec<Text>,
    /// Why, in words for people.
    pub why: String,
}

table! {
    /// Tasks that wait for somebody and are not offered, with every reason why.
    "left_out", LeftOut, history: false, aliases: &[];

    /// The task.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.id));
    /// Its title.
    "title": Text = |row| Value::Text(Cow::Borrowed(&row.title));
    /// Its status.
    "status": Text = |row| Value::Text(Cow::Borrowed(row.status));
    /// Why: `status`, `blocked`, `lease`, `not_before`, `owner`, `caps`, `where`.
    "reasons": Set = |row| Value::Set(Cow::Borrowed(&row.reasons));
    /// The same in words.
    "why": Text = |row| Value::Text(Cow::Borrowed(&row.why));
}
