use domain::beads::{BatchReport, LeftOut, LeftOutReason};
use rustc_hash::FxHashSet;
use serde::Serialize;
use std::collections::BTreeMap;
use store::Text;

/// Entries kept of each list; the counts beside them are of all.
const LISTED_MAX: usize = 100;

/// What came of an import.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub(crate) struct Report {
    /// Lines of the input that hold something.
    pub(crate) lines: u64,
    pub(crate) upserts: u64,
    pub(crate) deletes: u64,
    /// Commits (groups of changes) of the input.
    pub(crate) commits: u64,
    /// The line an interrupted import went on after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resumed_after_line: Option<u64>,
    pub(crate) events: u64,
    pub(crate) tasks_created: u64,
    pub(crate) tasks_changed: u64,
    pub(crate) tasks_archived: u64,
    pub(crate) tasks_restored: u64,
    pub(crate) contexts_added: u64,
    pub(crate) relationships_added: u64,
    pub(crate) relationships_removed: u64,
    /// Edges left out because they would have closed a cycle.
    pub(crate) cycles: Listed<LeftOut>,
    /// Edges left out because the child had a parent already.
    pub(crate) second_parents: Listed<LeftOut>,
    /// Edges to ids that were never seen.
    pub(crate) missing_ends: Listed<LeftOut>,
    /// Lines that are not a beads issue or change.
    pub(crate) skipped_lines: Listed<SkippedLine>,
    /// Fields cut at their bound: (issue, field).
    pub(crate) cut_fields: Listed<(Text, Text)>,
    /// Statuses taken as `open` because no mapping is known, with how often each was seen.
    pub(crate) unknown_statuses: BTreeMap<Text, u64>,
    /// Head of the log after it.
    pub(crate) position: u64,
    pub(crate) elapsed_ms: u64,
    pub(crate) changes_per_second: u64,
    /// Edges that are listed already: (issue, end, type).
    #[serde(skip)]
    pub(super) left_out: FxHashSet<(Text, Text, Text)>,
}

/// How many there were, and the first of them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Listed<T> {
    /// All.
    pub(crate) count: u64,
    /// The first ones.
    pub(crate) first: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T> Listed<T> {
    pub(super) fn add(&mut self, item: T) {
        self.count += 1;
        if self.first.len() < LISTED_MAX {
            self.first.push(item);
        }
    }
}

/// A line that was not taken, and why.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub(crate) struct SkippedLine {
    pub(crate) line: u64,
    pub(crate) reason: String,
}

impl Report {
    /// Adds what came of one batch; edges with a missing end are for the end of the import to count.
    pub(super) fn add(&mut self, batch: BatchReport) {
        self.events += batch.events;
        self.tasks_created += batch.tasks_created;
        self.tasks_changed += batch.tasks_changed;
        self.tasks_archived += batch.tasks_archived;
        self.tasks_restored += batch.tasks_restored;
        self.contexts_added += batch.contexts_added;
        self.relationships_added += batch.edges_added;
        self.relationships_removed += batch.edges_removed;
        for cut in batch.cut_fields {
            self.cut_fields.add(cut);
        }
        for (_, status) in batch.unknown_statuses {
            *self.unknown_statuses.entry(status).or_default() += 1;
        }
        for edge in batch.left_out {
            let list = match edge.reason {
                LeftOutReason::Cycle => &mut self.cycles,
                LeftOutReason::SecondParent => &mut self.second_parents,
                LeftOutReason::MissingEnd => continue,
            };
            // An issue names its edges again whenever one of them changes; tell each once.
            let name = (edge.issue.clone(), edge.depends_on.clone(), edge.kind.clone());
            if self.left_out.insert(name) {
                list.add(edge);
            }
        }
    }
}
