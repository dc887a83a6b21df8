use super::{Dependency, Issue, TAG};
use crate::event::tags::Tags;
use serde::Serialize;
use std::fmt::Write as _;
use store::{Context, NewEvent, Text, Timestamp};

/// A stretch of a beads history, to be carried out as one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Where the changes come from.
    pub source: Source,
    /// What to carry out.
    pub step: Step,
}

/// What is common to the changes of one commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// When the commit was made: the time of its events.
    pub at: Timestamp,
    /// Stamp the events with the writer's time and keep `at` in `metadata.origin_time`.
    pub restamp: bool,
    /// The commit's name, if it has one.
    pub commit: Option<Text>,
    /// The project of tasks that are created.
    pub project_id: Option<Text>,
    /// Digest of the input's first line: tells one input from another.
    pub input: u64,
}

/// One of the three steps of a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Issues that came, changed or went. No id occurs twice in one batch.
    Changes(Vec<Change>),
    /// Removes the edges that these issues no longer name.
    Unlink(Vec<Wanted>),
    /// Adds the edges that these issues name and that are not there.
    Link(Vec<Wanted>),
}

/// One line of the input.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its number, from 1.
    pub line: u64,
    /// Digest of all lines up to it.
    pub digest: u64,
    /// What it says.
    pub op: Op,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The issue as it stands from now on.
    Upsert(Box<Issue>),
    /// The issue is gone.
    Delete(Text),
}

/// The edges an issue names.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The line that names them.
    pub line: u64,
    /// Digest of all lines up to it.
    pub digest: u64,
    /// The issue.
    pub issue: Text,
    /// Its edges, in the order of the file.
    pub edges: Vec<Dependency>,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[allow(missing_docs)]
pub struct BatchReport {
    pub tasks_created: u64,
    pub tasks_changed: u64,
    pub tasks_archived: u64,
    pub tasks_restored: u64,
    pub contexts_added: u64,
    pub edges_added: u64,
    pub edges_removed: u64,
    pub events: u64,
    /// Statuses no mapping is known for; taken as `open`.
    pub unknown_statuses: Vec<(Text, Text)>,
    /// Fields that were cut: (issue, field).
    pub cut_fields: Vec<(Text, Text)>,
    /// Edges that were left out.
    pub left_out: Vec<LeftOut>,
}

/// An edge that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct LeftOut {
    /// The issue that names it.
    pub issue: Text,
    /// The issue it names.
    pub depends_on: Text,
    /// Its type in the file.
    #[serde(rename = "type")]
    pub kind: Text,
    /// The line.
    pub line: u64,
    /// Why.
    pub reason: LeftOutReason,
}

/// Why an edge was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOutReason {
    /// It would have closed a cycle.
    Cycle,
    /// The child has a parent already.
    SecondParent,
    /// It names an id that was never seen (so far).
    MissingEnd,
}

/// Collects the events of a batch.
pub(super) struct Writer<'a> {
    context: &'a Context,
    source: &'a Source,
    ids: u128,
    events: Vec<NewEvent>,
    metadata: Text,
    metadata_line: u64,
    pub(super) report: BatchReport,
}

impl<'a> Writer<'a> {
    pub(super) fn new(context: &'a Context, source: &'a Source) -> Self {
        Self {
            context,
            source,
            ids: 0,
            events: Vec::new(),
            metadata: "{}".into(),
            metadata_line: 0,
            report: BatchReport::default(),
        }
    }

    /// The commit's time.
    pub(super) fn at(&self) -> Timestamp {
        self.source.at
    }

    /// Whether the events get another time than the commit's.
    pub(super) fn restamps(&self) -> bool {
        self.source.restamp
    }

    pub(super) fn project_id(&self) -> Option<&Text> {
        self.source.project_id.as_ref()
    }

    pub(super) fn fresh_id(&mut self) -> Text {
        let id = self.context.seed.plus(self.ids);
        self.ids += 1;
        id.to_text()
    }

    /// The events that follow come from this line.
    pub(super) fn line(&mut self, line: u64, digest: u64) {
        if self.metadata_line == line {
            return;
        }
        let Source { at, restamp, commit, input, .. } = self.source;
        let mut text = format!(
            r#"{{"import":{{"format":"beads","input":"{input:016x}","line":{line},"digest":"{digest:016x}""#
        );
        if let Some(commit) = commit {
            let commit = serde_json::to_string(commit).expect("text is JSON");
            write!(text, r#","commit":{commit}"#).expect("a String takes it");
        }
        text.push('}');
        if *restamp {
            write!(text, r#","origin_time":"{}""#, crate::time::format(*at)).expect("a String takes it");
        }
        text.push('}');
        self.metadata = text.into();
        self.metadata_line = line;
    }

    /// Adds an event; `data` must serialize to a JSON object.
    pub(super) fn push(&mut self, stream: String, kind: &'static str, data: &impl Serialize, tags: Tags) {
        let mut tags = tags.into_vec();
        tags.push(TAG.into());
        self.events.push(NewEvent {
            id: None,
            stream: stream.into(),
            kind: kind.into(),
            data: serde_json::to_string(data).expect("plain data is JSON").into(),
            metadata: self.metadata.clone(),
            tags,
            time: (!self.source.restamp).then_some(self.source.at),
        });
    }

    pub(super) fn finish(mut self) -> (Vec<NewEvent>, BatchReport) {
        self.report.events = self.events.len() as u64;
        (self.events, self.report)
    }
}
