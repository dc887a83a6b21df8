//! Taking the state up again from rows of a checkpoint. What follows from rows (who is beside whom, what is
//! on offer, what ends next) is not stored but made anew.

use crate::rows::{LeaseStatus, Row, RunStatus, SessionStatus};
use crate::state::Work;
use store::{Position, Text, Version};

impl Work {
    pub(crate) fn put_row(&mut self, key: &Text, version: Version<Row>) {
        let Version { row, from } = version;
        self.note_time(from.time);
        match row {
            Row::Task(row) => {
                let node = self.intern(key);
                self.at_mut(node).task = Some(Version { row, from });
            }
            Row::TaskGraph(graph) => {
                let node = self.intern(key);
                self.set_graph(node, graph, from);
            }
            Row::Run(row) => {
                if row.status == RunStatus::Running {
                    self.put_run(Version { row, from });
                }
            }
            Row::Relationship(row) => {
                let (a, b) = (self.intern(&row.from_task_id), self.intern(&row.to_task_id));
                self.insert_link(a, b, Version { row, from });
            }
            Row::ProgressItem(row) => {
                self.progress.insert(key.clone(), Version { row, from });
            }
            Row::Context(row) => {
                let node = self.intern(&row.task_id);
                self.list_context(node, &row);
                self.put_context(Version { row, from });
            }
            Row::Agent(row) => {
                self.agents.insert(key.clone(), Version { row, from });
            }
            Row::Conflict(row) => self.leave_out(Version { row, from }),
            Row::Clock(row) => self.clock = Some(Version { row, from }),
            Row::Session(row) => {
                self.sessions.put(Version { row, from });
            }
            Row::Lease(row) => {
                let node = self.intern(&row.task_id);
                // One that has ended says how far the fences have come, and what its session is to be told.
                self.list_lease(node, &row);
                if row.status == LeaseStatus::Active {
                    self.leases.put(Version { row, from });
                } else if row.taken {
                    self.leases.put_taken(from.position, row);
                }
            }
        }
    }

    pub(crate) fn rows_are_in(&mut self) {
        // Nobody pays for depths at the start: whoever needs one first does.
        self.forget_depths();
        let sessions = &self.sessions;
        self.leases.drop_told(|id| {
            let session = sessions.get(id).filter(|session| session.status == SessionStatus::Active);
            session.map(|session| Position(session.told))
        });
        for node in self.nodes() {
            self.place(node);
        }
    }
}
