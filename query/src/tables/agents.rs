//! `agents`: who works.

use super::define::table;
use crate::value::Value;
use domain::rows::Agent;
use std::borrow::Cow;

table! {
    /// Registered agents.
    "agents", Agent, history: true, aliases: &[];

    /// Its id.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.id));
    /// What people call it.
    "name": Text = |row| Value::Text(Cow::Borrowed(&row.name));
    /// `planner`, `executor`, `reviewer` or `coordinator`.
    "role": Text = |row| Value::Text(Cow::Borrowed(row.role.as_str()));
    /// What it can do; never null.
    "caps": Set = |row| Value::Set(Cow::Borrowed(row.caps.as_slice()));
    /// A JSON object of the caller's own.
    "metadata": Json = |row| Value::json(Some(&row.metadata));
    /// When it registered first.
    "created_at": Time = |row| Value::Time(row.created_at.0);
    /// When it last registered, took or renewed a lease, or was heard of in a session.
    "last_seen_at": Time = |row| Value::Time(row.last_seen_at.0);
}
