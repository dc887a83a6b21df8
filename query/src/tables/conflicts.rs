//! `conflicts`: what merging the work of several nodes left out.

use super::define::table;
use crate::value::Value;
use domain::rows::Conflict;
use std::borrow::Cow;
use store::Text;

table! {
    /// Relationships that do not hold, because together with older ones they would close a cycle: only a merge brings such.
    "conflicts", Conflict, history: true, aliases: &[];

    /// The relationship that is left out.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.relationship.id));
    /// `cycle`.
    "kind": Text = |_| Value::Text(Cow::Borrowed(Conflict::KIND));
    /// The tasks it is between; never null.
    "subject_ids": Set = |row| {
        let mut ids: Vec<Text> = row.subject_ids().map(Text::clone).into();
        ids.sort_unstable();
        ids.dedup();
        Value::Set(Cow::Owned(ids))
    };
    /// What happened, for people.
    "reason": Text = |row| Value::Text(Cow::Owned(row.reason()));
    /// When the relationship was added, on the node that did it.
    "since": Time = |row| Value::Time(row.relationship.created_at.0);
}
