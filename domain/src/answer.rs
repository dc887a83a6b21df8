//! What a caller is told, from the state right after its own events.

use crate::beads::BatchReport;
use crate::command::{Claimed, Directive, LeaseDirective, Outcome, TaskView};
use crate::evolve::{ended_lease, ended_run};
use crate::rows::{Lease, Relationship, Run};
use crate::state::Work;
use std::sync::Arc;
use store::{Event, Position, Text, Timestamp};

/// What `decide` remembers for the answer.
#[derive(Debug)]
pub enum Pending {
    /// The agent of that id.
    Agent(Text),
    /// The task of that id, and the moment its score is told for.
    Task {
        /// The task.
        id: Text,
        /// The moment.
        now: Timestamp,
    },
    /// The relationship of that id.
    Relationship(Text),
    /// This relationship is gone.
    RelationshipRemoved(Arc<Relationship>),
    /// The item of that id.
    ProgressItem(Text),
    /// The items of those ids.
    ProgressItems(Vec<Text>),
    /// The context of that id.
    Context(Text),
    /// The active lease of that id.
    Lease(Text),
    /// The lease ended, which was this before.
    LeaseEnded(Arc<Lease>),
    /// The session of that id.
    Session(Text),
    /// A session was heard of.
    Heartbeat {
        /// The session.
        session_id: Text,
        /// What it is told of each lease.
        leases: Vec<(Text, Directive)>,
    },
    /// What was claimed, best first.
    Claims {
        /// Each of them.
        claims: Vec<PendingClaim>,
        /// The moment scores are told for.
        now: Timestamp,
        /// The bound on examined candidates was reached.
        stopped_early: bool,
    },
    /// A run ended.
    Ended {
        /// Its task.
        task_id: Text,
        /// The run as it was while it ran.
        run: Arc<Run>,
        /// The moment the task's score is told for.
        now: Timestamp,
    },
    /// That many events were added.
    Appended {
        /// How many.
        count: usize,
    },
    /// That much ended because its time had passed.
    Expired {
        /// Leases.
        leases: usize,
        /// Sessions.
        sessions: usize,
    },
    /// A stretch of an import.
    Imported(BatchReport),
}

/// One claimed task.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct PendingClaim {
    pub task_id: Text,
    pub lease_id: Text,
    pub run_id: Text,
}

/// What `decide` promised is there once its events are folded in.
const PROMISE: &str = "the command's own events have just been folded in";

impl Work {
    pub(crate) fn answer_to(&mut self, pending: Pending, events: &[Event]) -> Outcome {
        match pending {
            Pending::Agent(id) => Outcome::Agent(Arc::clone(self.agent(&id).expect(PROMISE))),
            Pending::Task { id, now } => Outcome::Task(self.view(&id, now)),
            Pending::Relationship(id) => {
                Outcome::Relationship(Arc::clone(self.relationship(&id).expect(PROMISE)))
            }
            Pending::RelationshipRemoved(relationship) => Outcome::RelationshipRemoved(relationship),
            Pending::ProgressItem(id) => {
                Outcome::ProgressItem(Arc::clone(&self.progress.get(&id).expect(PROMISE).row))
            }
            Pending::ProgressItems(ids) => Outcome::ProgressItems(
                ids.iter().map(|id| Arc::clone(&self.progress.get(id).expect(PROMISE).row)).collect(),
            ),
            Pending::Context(id) => Outcome::Context(Arc::clone(self.context(&id).expect(PROMISE))),
            Pending::Lease(id) => Outcome::Lease(Arc::clone(&self.leases.get(&id).expect(PROMISE).row)),
            Pending::LeaseEnded(lease) => {
                let event = |event: &&Event| event.stream.strip_prefix("lease-") == Some(&*lease.id);
                let ends = events.iter().filter(event).find_map(|event| ended_lease(&lease, event));
                Outcome::Lease(Arc::new(ends.expect(PROMISE)))
            }
            Pending::Session(id) => Outcome::Session(Arc::clone(self.session(&id).expect(PROMISE))),
            Pending::Heartbeat { session_id, leases } => Outcome::Heartbeat {
                session: Arc::clone(self.session(&session_id).expect(PROMISE)),
                leases: leases
                    .into_iter()
                    .map(|(id, directive)| LeaseDirective {
                        lease: self.lease_for(&session_id, &id),
                        id,
                        directive,
                    })
                    .collect(),
            },
            Pending::Claims { claims, now, stopped_early } => Outcome::Claims {
                claims: claims.iter().map(|claim| self.claimed(claim, now)).collect(),
                stopped_early,
            },
            Pending::Ended { task_id, run, now } => {
                // The state forgets ended runs; the event tells how it ended, as it told the fold.
                let run = events
                    .iter()
                    .filter(|event| event.stream.strip_prefix("run-") == Some(&*run.id))
                    .find_map(|event| ended_run(&run, event))
                    .expect(PROMISE);
                Outcome::Ended { task: self.view(&task_id, now), run: Arc::new(run) }
            }
            Pending::Appended { count } => Outcome::Appended { count },
            Pending::Expired { leases, sessions } => Outcome::Expired { leases, sessions },
            Pending::Imported(report) => Outcome::Imported(report),
        }
    }

    /// A lease that is active, or was taken from that session.
    fn lease_for(&self, session_id: &str, id: &str) -> Option<Arc<Lease>> {
        let taken = || self.leases.taken(session_id, Position::ZERO).find(|lease| *lease.id == *id);
        self.leases.get(id).map(|version| &version.row).or_else(taken).cloned()
    }

    fn view(&mut self, id: &str, now: Timestamp) -> TaskView {
        let task = Arc::clone(self.task(id).expect(PROMISE));
        TaskView { task, graph: self.graph(id), depth: self.depth(id), now }
    }

    fn claimed(&mut self, claim: &PendingClaim, now: Timestamp) -> Claimed {
        let task = self.view(&claim.task_id, now);
        let contexts = self.contexts_of(&claim.task_id);
        Claimed {
            task,
            lease: Arc::clone(&self.leases.get(&claim.lease_id).expect(PROMISE).row),
            run: Arc::clone(&self.runs.get(&claim.run_id).expect(PROMISE).row),
            contexts: contexts.filter(|context| context.superseded_by.is_none()).cloned().collect(),
        }
    }
}
