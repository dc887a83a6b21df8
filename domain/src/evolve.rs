//! Folding events into the state, and noting what each did to the tables.
//!
//! **Invariant**: total. Every event is accepted, whatever a command would say of it; what is not of the
//! model, not in its stream or cannot be read changes nothing.

pub(crate) mod agent;
pub(crate) mod context;
mod lease;
pub(crate) mod progress;
pub(crate) mod relationship;
mod run;
mod session;
pub(crate) mod task;

pub(crate) use lease::ended as ended_lease;
pub(crate) use run::ended as ended_run;
pub(crate) use task::made as made_task;

use crate::event::kind;
use crate::merge::{Merged, Sum};
use crate::rows::{Clock, Relationship, Row, Table};
use crate::state::Work;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use store::{Event, RowChange, Stamp, Text, Timestamp, Version};

/// One event on its way into the state.
pub(crate) struct Fold<'a> {
    event: &'a Event,
    /// When it happened: the event's time, or for one of another node the time there.
    time: Timestamp,
    /// It is of another node.
    merged: bool,
    /// No event says what follows for tasks whose blockers it changes: the fold settles it.
    pub(crate) settles_blocked: bool,
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
pub(crate) fn actor(metadata: &str) -> Option<Text> {
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
        let fold = &mut Fold {
            event,
            time: event.time,
            merged: false,
            settles_blocked: false,
            changes,
            stamp: None,
        };
        if let Some(merged) = Merged::of(event)
            && self.merged(&merged, fold)
        {
            return;
        }
        let Some((prefix, suffix)) = event.stream.split_once('-') else { return };
        // `None` from any of these: the event was odd and changed nothing.
        let _ = match (prefix, &*event.kind) {
            ("task", _) => self.task_event(suffix, fold),
            ("relationship", _) => self.relationship_event(suffix, fold),
            ("progress", _) => self.progress_event(suffix, fold),
            ("context", _) => self.context_event(suffix, fold),
            ("agent", _) => self.agent_event(suffix, fold),
            ("session", kind::SESSION_STARTED) => self.session_started(suffix, fold),
            ("session", kind::SESSION_HEARTBEAT) => self.session_heartbeat(suffix, fold),
            ("session", kind::SESSION_ENDED) => self.session_ended(suffix, fold),
            ("lease", kind::LEASE_ACQUIRED) => self.lease_acquired(suffix, fold),
            ("lease", kind::LEASE_RENEWED) => self.lease_renewed(suffix, fold),
            ("lease", kind::LEASE_RELEASED | kind::LEASE_TRANSFERRED | kind::LEASE_EXPIRED) => {
                self.lease_ended(suffix, fold)
            }
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

    /// An event of another node: its Lamport number counts here from now on. True when nothing is left to fold,
    /// as what has become of the row was found out before the event was written.
    fn merged(&mut self, merged: &Merged<'_>, fold: &mut Fold<'_>) -> bool {
        (fold.time, fold.merged, fold.settles_blocked) = (merged.origin.time, true, true);
        self.heard(merged.origin.lamport, fold);
        let Some(merge) = merged.merge else { return false };
        let (Ok(sum), Some((prefix, suffix))) =
            (serde_json::from_str::<Sum>(merge.get()), fold.event.stream.split_once('-'))
        else {
            return true;
        };
        match (prefix, sum) {
            ("task", Sum::Task(sum)) => self.task_sum(suffix, *sum, fold),
            ("relationship", Sum::Gone) => self.relationship_is(suffix, None, fold),
            ("relationship", Sum::Relationship(sum)) => {
                let row = Relationship { id: suffix.into(), ..sum.into_row() };
                self.relationship_is(suffix, Some(row), fold);
            }
            ("progress", Sum::Progress(sum)) => self.progress_sum(suffix, sum.into_row(), fold),
            ("context", Sum::Context(sum)) => self.context_sum(suffix, sum.into_row(), fold),
            ("agent", Sum::Agent(sum)) => self.agent_sum(suffix, sum.into_row(), fold),
            _ => {}
        }
        true
    }

    /// Another node has counted so far: what is made here from now on counts on from there.
    fn heard(&mut self, lamport: u64, fold: &mut Fold<'_>) {
        let skew = lamport.saturating_sub(fold.event.position.0);
        if skew > self.skew() {
            let version = Version { row: Clock { skew }, from: fold.stamp() };
            let before = self.clock.replace(version);
            let before = before.map(|Version { row, from }| Version { row: Row::Clock(row), from });
            fold.note(Table::Clock, CLOCK_KEY.into(), before, Some(Row::Clock(Clock { skew })));
        }
    }

    /// How far the Lamport number of an event made here is ahead of its position.
    pub(crate) fn skew(&self) -> u64 {
        self.clock.as_ref().map_or(0, |version| version.row.skew)
    }
}

/// Key of the one row of [`Table::Clock`].
const CLOCK_KEY: &str = "skew";

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
