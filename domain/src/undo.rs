//! Taking back what events did that turn out not to be written: the last member of an atomic group was refused.
//!
//! Every change is noted as a row before and after, and the state is made of rows ([`crate::restore`]). So each
//! row is put back as it was, newest first; then what follows from rows is made anew where they were touched.

use crate::rows::{Lease, Relationship, Row};
use crate::state::{NodeId, Side, Work};
use std::collections::BTreeSet;
use store::{RowChange, Text, Version};

impl Work {
    pub(crate) fn take_back(&mut self, changes: &[RowChange<Row>]) {
        let mut touched = BTreeSet::new();
        for change in changes.iter().rev() {
            match &change.before {
                Some(before) => self.put_back(&change.key, before.clone(), &mut touched),
                None => self.remove(&change.key, change.after.as_ref(), &mut touched),
            }
        }
        // Rows came and went without a word to those upstream: whose depth that may have changed is among these, or
        // upstream of one of them.
        let blockers: Vec<_> =
            touched.iter().flat_map(|&node| self.neighbours(node, Side::BlockedBy)).collect();
        touched.extend(blockers);
        for &node in &touched {
            self.forget_depth(node);
            self.place(node);
        }
    }

    /// The row was this before.
    fn put_back(&mut self, key: &Text, before: Version<Row>, touched: &mut BTreeSet<NodeId>) {
        match &before.row {
            // It changed, so it is in its task's list; a lease was the task's last.
            Row::Context(row) => {
                let row = std::sync::Arc::clone(row);
                self.put_context(Version { row, from: before.from });
                return;
            }
            Row::Lease(row) => {
                self.leases.forget_taken(row);
                self.last_lease_was(row);
            }
            Row::Task(_) | Row::TaskGraph(_) => drop(touched.insert(self.intern(key))),
            Row::Relationship(row) => {
                touched.extend([self.intern(&row.from_task_id), self.intern(&row.to_task_id)]);
            }
            Row::Conflict(row) => {
                let Relationship { from_task_id, to_task_id, .. } = &*row.relationship;
                touched.extend([self.intern(from_task_id), self.intern(to_task_id)]);
            }
            Row::Run(_) | Row::ProgressItem(_) | Row::Agent(_) | Row::Session(_) | Row::Clock(_) => {}
        }
        self.put_row(key, before);
    }

    /// The row was not there before, and `made` was.
    fn remove(&mut self, key: &Text, made: Option<&Row>, touched: &mut BTreeSet<NodeId>) {
        let Some(made) = made else { return };
        match made {
            Row::Task(_) => {
                let node = self.intern(key);
                self.at_mut(node).task = None;
                touched.insert(node);
            }
            Row::TaskGraph(_) => {
                let node = self.intern(key);
                self.clear_graph(node);
                touched.insert(node);
            }
            Row::Relationship(_) => {
                if let Some((_, from, to, _)) = self.remove_link(key) {
                    touched.extend([from, to]);
                }
            }
            Row::Context(row) => {
                let node = self.intern(&row.task_id);
                self.remove_context(node, row);
            }
            Row::Lease(row) => {
                self.leases.remove(key);
                self.last_lease_was_before(row);
            }
            Row::Run(_) => drop(self.runs.remove(key)),
            Row::ProgressItem(_) => drop(self.progress.remove(key)),
            Row::Agent(_) => drop(self.agents.remove(key)),
            Row::Conflict(_) => drop(self.take_left_out(key)),
            Row::Clock(_) => self.clock = None,
            Row::Session(_) => self.sessions.remove(key),
        }
    }

    /// The task's last lease, and its fence, were this one's.
    fn last_lease_was(&mut self, lease: &Lease) {
        let node = self.intern(&lease.task_id);
        self.set_last_lease(node, Some(lease.id.clone()), lease.fence);
    }

    /// The task's last lease was the one before this. If there was one it had ended, and it does not matter
    /// which it was; only how far the fences had come.
    fn last_lease_was_before(&mut self, lease: &Lease) {
        let node = self.intern(&lease.task_id);
        self.set_last_lease(node, None, lease.fence.saturating_sub(1));
    }
}
