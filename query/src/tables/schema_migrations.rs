//! `schema_migrations`: the formats of what is on disk.

use super::define::table;
use crate::value::Value;
use std::borrow::Cow;
use store::Timestamp;

/// A format.
#[derive(Debug, Clone, Copy)]
pub struct SchemaMigration {
    /// Of what.
    pub name: &'static str,
    /// Its number.
    pub version: u32,
    /// Since when it holds here.
    pub applied_at: Option<Timestamp>,
}

table! {
    /// The formats of what is on disk. The log keeps the one it was made with; tables are made anew from it when theirs changes. Of the present only.
    "schema_migrations", SchemaMigration, history: false, aliases: &[];

    /// Of what: `log`, `views` (how tables are kept) or `fold` (how events become rows).
    "name": Text = |row| Value::Text(Cow::Borrowed(row.name));
    /// Its number.
    "version": Int = |row| Value::Int(i64::from(row.version));
    /// When the data directory was made with it, or its tables made anew; null when the file system does not tell.
    "applied_at": Time = |row| row.applied_at.map_or(Value::Null, |time| Value::Time(time.0));
}
