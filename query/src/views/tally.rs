//! Numbers of tasks and leases by what they are, kept up with the rows: telling them costs nothing, however many
//! there are.

use super::chunked::Chunked;
use domain::offer;
use domain::rows::{LeaseStatus, Row, TaskGraph, TaskStatus};
use std::cmp::Ordering;
use std::sync::Arc;
use store::{Text, Timestamp};

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks that are not archived, by status, in the order of [`TaskStatus::ALL`].
    pub tasks: [usize; TaskStatus::ALL.len()],
    /// Archived tasks, whatever their status.
    pub archived: usize,
    /// Tasks that wait for nothing but somebody to take them: see [`offer::is_ready`].
    pub ready: usize,
    /// Leases that have not ended.
    pub leases: usize,
}

/// Counts as rows come and go.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Ready ones that have no `not_before` among them.
    counts: Counts,
    /// Ready but for `not_before`, by when it passes.
    delayed: Arc<Chunked<(Timestamp, Text), ()>>,
}

/// Later than any `not_before`.
const FOR_EVER: Timestamp = Timestamp(i64::MAX);

impl Tally {
    /// As of `now`.
    pub(super) fn counts(&self, now: Timestamp) -> Counts {
        let passed = |(until, _): &(Timestamp, Text)| match *until <= now {
            true => Ordering::Equal,
            false => Ordering::Greater,
        };
        Counts { ready: self.counts.ready + self.delayed.range(passed).count(), ..self.counts }
    }

    pub(super) fn add(&mut self, row: &Row, graph: &TaskGraph) {
        self.change(row, graph, |count| *count += 1);
        if let Some(key) = delayed(row, graph) {
            Arc::make_mut(&mut self.delayed).insert(key, ());
        }
    }

    pub(super) fn take(&mut self, row: &Row, graph: &TaskGraph) {
        self.change(row, graph, |count| *count -= 1);
        if let Some(key) = delayed(row, graph) {
            Arc::make_mut(&mut self.delayed).remove(|other| other.cmp(&key));
        }
    }

    fn change(&mut self, row: &Row, graph: &TaskGraph, by_one: impl Fn(&mut usize)) {
        let counts = &mut self.counts;
        match row {
            Row::Task(task) if task.archived_at.is_some() => by_one(&mut counts.archived),
            Row::Task(task) => {
                by_one(&mut counts.tasks[place(task.status)]);
                if task.not_before.is_none() && offer::is_ready(task, graph, FOR_EVER) {
                    by_one(&mut counts.ready);
                }
            }
            Row::Lease(lease) if lease.status == LeaseStatus::Active => by_one(&mut counts.leases),
            _ => {}
        }
    }
}

fn place(status: TaskStatus) -> usize {
    TaskStatus::ALL.iter().position(|known| *known == status).expect("all are there")
}

fn delayed(row: &Row, graph: &TaskGraph) -> Option<(Timestamp, Text)> {
    match row {
        Row::Task(task) if offer::is_ready(task, graph, FOR_EVER) => {
            Some((task.not_before?, task.id.clone()))
        }
        _ => None,
    }
}
