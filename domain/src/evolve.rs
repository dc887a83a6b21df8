//! Folding events into the state, and noting what each did to the tables.
//!
//! **Invariant**: total. Every event is accepted, whatever a command would say of it; what is not of the
//! model, not in its stream or cannot be read changes nothing.

mod agent;
mod context;
mod lease;
mod progress;
mod relationship;
mod run;
mod task;

pub(crate) use run::ended as ended_run;
pub(crate) use task::made as made_task;

use crate::event::kind;
use crate::rows::{Row, Table};
use crate::state::Work;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use store::{Event, RowChange, Stamp, Text, Timestamp, Version};

/// One event on its way into the state.
pub(crate) struct Fold<'a> {
    event: &'a Event,
    changes: &'a mut Vec<RowChange<Row>>,
    /// Made when the first change is noted: most events of other people's streams change nothing.
    stamp: Option<Arc<Stamp>>,
}

impl Fold<'_> {
    /// The event as rows remember it.
    pub(crate) fn stamp(&mut self) -> Arc<Stamp> {
        self.stamp
            .get_or_insert_with(|| {
                Arc::new(Stamp {
                    position: self.event.position,
                    time: self.event.time,
                    event_id: self.event.id,
                    kind: self.event.kind.clone(),
                    actor: actor(&self.event.metadata),
                })
            })
            .clone()
    }

    /// The event made this of a row.
    pub(crate) fn note(&mut self, table: Table, key: Text, before: Option<Version<Row>>, after: Option<Row>) {
        let at = self.stamp();
        self.changes.push(RowChange { table: table.id(), key, before, after, at });
    }

    /// A new version of a row.
    fn version<T>(&mut self, row: T) -> Version<Arc<T>> {
        Version { row: Arc::new(row), from: self.stamp() }
    }

    fn time(&self) -> Timestamp {
        self.event.time
    }

    /// The event's data, if it can be read.
    fn data<'d, T: Deserialize<'d>>(&'d self) -> Option<T> {
        read(self.event)
    }
}

/// An event's data, if it can be read as such.
fn read<'d, T: Deserialize<'d>>(event: &'d Event) -> Option<T> {
    serde_json::from_str(&event.data).ok()
}

/// A version as the tables know it.
fn row<T>(version: Version<Arc<T>>, wrap: fn(Arc<T>) -> Row) -> Version<Row> {
    Version { row: wrap(version.row), from: version.from }
}

/// `metadata.agent_id`.
fn actor(metadata: &str) -> Option<Text> {
    #[derive(Deserialize)]
    struct Who<'a> {
        #[serde(borrow, default)]
        agent_id: Option<Cow<'a, str>>,
    }
    // Most imported events name nobody: see that without reading JSON. A key may be written with escapes.
    if !metadata.contains("agent_id") && !metadata.contains('\\') {
        return None;
    }
    serde_json::from_str::<Who<'_>>(metadata).ok()?.agent_id.map(|id| Text::from(&*id))
}

/// The id in the name of an entity's stream; given back as `known` if that is the same text, to share it.
fn id(suffix: &str, known: &Text) -> Text {
    if &**known == suffix { known.clone() } else { suffix.into() }
}

impl Work {
    pub(crate) fn fold(&mut self, event: &Event, changes: &mut Vec<RowChange<Row>>) {
        self.advance(event.time);
        let Some((prefix, suffix)) = event.stream.split_once('-') else { return };
        let fold = &mut Fold { event, changes, stamp: None };
        // `None` from any of these: the event was odd and changed nothing.
        let _ = match (prefix, &*event.kind) {
            ("task", kind::TASK_CREATED) => self.task_created(suffix, fold),
            ("task", kind::TASK_UPDATED) => self.task_updated(suffix, fold),
            ("task", kind::TASK_STATUS_CHANGED) => self.task_status_changed(suffix, fold),
            ("task", kind::TASK_ARCHIVED) => self.task_archived(suffix, fold),
            ("task", kind::TASK_RESTORED) => self.task_restored(suffix, fold),
            ("relationship", kind::RELATIONSHIP_ADDED) => self.relationship_added(suffix, fold),
            ("relationship", kind::RELATIONSHIP_REMOVED) => self.relationship_removed(suffix, fold),
            ("progress", kind::PROGRESS_ITEM_ADDED) => self.progress_added(suffix, fold),
            ("progress", kind::PROGRESS_ITEM_COMPLETED) => self.progress_completed(suffix, fold),
            ("context", kind::CONTEXT_ADDED) => self.context_added(suffix, fold),
            ("context", kind::CONTEXT_SUPERSEDED) => self.context_superseded(suffix, fold),
            ("agent", kind::AGENT_REGISTERED) => self.agent_registered(suffix, fold),
            ("agent", kind::AGENT_UPDATED) => self.agent_updated(suffix, fold),
            ("lease", kind::LEASE_ACQUIRED) => self.lease_acquired(suffix, fold),
            ("lease", kind::LEASE_RENEWED) => self.lease_renewed(suffix, fold),
            ("lease", kind::LEASE_RELEASED | kind::LEASE_EXPIRED) => self.lease_ended(suffix, fold),
            ("run", kind::RUN_STARTED) => self.run_started(suffix, fold),
            (
                "run",
                kind::RUN_COMPLETED
                | kind::RUN_FAILED
                | kind::RUN_CANCELLED
                | kind::RUN_RELEASED
                | kind::RUN_EXPIRED,
            ) => self.run_ended(suffix, fold),
            _ => None,
        };
    }
}

#[cfg(test)]
mod test {
    use super::actor;

    #[test]
    fn who_did_it() {
        assert_eq!(actor("{}"), None);
        assert_eq!(actor(r#"{"import":{"line":1}}"#), None);
        assert_eq!(actor(r#"{"agent_id":"a1","x":{"agent_id":2}}"#).as_deref(), Some("a1"));
        assert_eq!(actor(r#"{"agent_id":"a\"1"}"#).as_deref(), Some("a\"1"));
        assert_eq!(actor(r#"{"\u0061gent_id":"a1"}"#).as_deref(), Some("a1"));
        assert_eq!(actor(r#"{"agent_id":null}"#), None);
        assert_eq!(actor(r#"{"agent_id":7}"#), None);
        assert_eq!(actor("not json, agent_id"), None);
    }
}
