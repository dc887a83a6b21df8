//! What can be asked of the work model. Fields that the caller left out are `None`; defaults are applied
//! by `decide`, so that HTTP, CLI and PQL agree on them.

use crate::TextSet;
use crate::beads;
use crate::rejection::PredicateFault;
use crate::rows::{
    Agent, Class, Context, ContextType, FailureClass, Lease, ProgressItem, Relationship, RelationshipType,
    Role, Run, Session, Task, TaskGraph, TaskStatus,
};
use std::sync::Arc;
use store::{Text, Timestamp};

/// A request to change something.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Command {
    RegisterAgent(RegisterAgent),
    CreateTask(CreateTask),
    UpdateTask(UpdateTask),
    TransitionTask(TransitionTask),
    /// Archive a final task.
    ArchiveTask {
        task_id: Text,
    },
    RestoreTask {
        task_id: Text,
    },
    AddRelationship(AddRelationship),
    RemoveRelationship {
        relationship_id: Text,
    },
    AddProgress {
        task_id: Text,
        items: Vec<Text>,
        guard: Guard,
    },
    CompleteProgress {
        item_id: Text,
        completed: bool,
        guard: Guard,
    },
    AddContext(AddContext),
    StartSession(StartSession),
    Heartbeat(Heartbeat),
    /// The session is alive, as its agent asks for something; written down when half of its time has gone.
    HearSession {
        session_id: Text,
    },
    /// Ends a session and gives back what it holds.
    EndSession {
        session_id: Text,
    },
    AcquireLease(AcquireLease),
    RenewLease {
        lease_id: Text,
        ttl_ms: Option<i64>,
    },
    TransferLease(TransferLease),
    /// Gives the task back, as [`Command::ReleaseTask`] does, by its lease.
    ReleaseLease {
        lease_id: Text,
    },
    Claim(Claim),
    CompleteTask(CompleteTask),
    FailTask(FailTask),
    ReleaseTask {
        task_id: Text,
        guard: Guard,
        note: Option<Text>,
    },
    /// Adds the caller's own events to a run's stream.
    AppendRunEvents {
        run_id: Text,
        lease_id: Text,
        events: Vec<RunEvent>,
    },
    /// Ends every lease and session whose time has passed; the server's timer asks for it.
    Expire,
    /// A stretch of a beads history.
    ImportBeads(beads::Batch),
}

impl Command {
    /// The lease it names to be let through.
    #[must_use]
    pub fn lease_id(&self) -> Option<&Text> {
        match self {
            Self::UpdateTask(UpdateTask { guard, .. })
            | Self::TransitionTask(TransitionTask { guard, .. })
            | Self::AddProgress { guard, .. }
            | Self::CompleteProgress { guard, .. }
            | Self::CompleteTask(CompleteTask { guard, .. })
            | Self::FailTask(FailTask { guard, .. })
            | Self::ReleaseTask { guard, .. } => guard.lease_id.as_ref(),
            Self::RenewLease { lease_id, .. }
            | Self::TransferLease(TransferLease { lease_id, .. })
            | Self::ReleaseLease { lease_id }
            | Self::AppendRunEvents { lease_id, .. } => Some(lease_id),
            _ => None,
        }
    }

    /// The agent it says it is for.
    #[must_use]
    pub fn agent_id(&self) -> Option<&Text> {
        match self {
            Self::RegisterAgent(command) => command.id.as_ref(),
            Self::AcquireLease(command) => Some(&command.agent_id),
            Self::Claim(command) => Some(&command.agent_id),
            Self::StartSession(command) => Some(&command.agent_id),
            _ => None,
        }
    }

    /// The session it says it is in.
    #[must_use]
    pub fn session_id(&self) -> Option<&Text> {
        match self {
            Self::AcquireLease(command) => command.session_id.as_ref(),
            Self::Claim(command) => command.session_id.as_ref(),
            Self::StartSession(command) => command.id.as_ref(),
            Self::Heartbeat(command) => Some(&command.session_id),
            Self::HearSession { session_id } | Self::EndSession { session_id } => Some(session_id),
            _ => None,
        }
    }
}

/// What entitles a caller to write to a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// The lease it holds.
    pub lease_id: Option<Text>,
    /// If given, must be the lease's.
    pub fence: Option<u64>,
    /// If given, must be the task's version.
    pub expected_version: Option<u64>,
    /// Do it without the lease; recorded as `LeaseOverride`.
    pub override_lease: bool,
}

/// A field that may be left alone, emptied or set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// Not mentioned.
    #[default]
    Keep,
    /// `null`
    Clear,
    /// A value.
    Set(T),
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct RegisterAgent {
    pub id: Option<Text>,
    pub name: Text,
    pub role: Option<Role>,
    pub caps: TextSet,
    pub metadata: Option<Text>,
}

#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct CreateTask {
    pub id: Option<Text>,
    pub title: Text,
    pub intent: Option<Text>,
    pub kind: Option<Text>,
    pub project_id: Option<Text>,
    pub parent_id: Option<Text>,
    pub priority: Option<i64>,
    pub class: Option<Class>,
    pub caps: TextSet,
    pub labels: TextSet,
    pub metadata: Option<Text>,
    pub due_at: Option<Timestamp>,
    pub not_before: Option<Timestamp>,
    pub max_attempts: Option<i64>,
    pub owner_agent_id: Option<Text>,
    pub progress: Vec<Text>,
    pub contexts: Vec<NewContext>,
    pub blocked_by: Vec<Text>,
    pub blocks: Vec<Text>,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct NewContext {
    pub kind: ContextType,
    pub content: Text,
    pub metadata: Option<Text>,
}

#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct UpdateTask {
    pub task_id: Text,
    pub guard: Guard,
    pub title: Option<Text>,
    pub intent: Change<Text>,
    pub kind: Change<Text>,
    pub project_id: Change<Text>,
    pub parent_id: Change<Text>,
    pub priority: Option<i64>,
    pub class: Option<Class>,
    pub caps: Option<TextSet>,
    pub labels: Option<TextSet>,
    pub metadata: Option<Text>,
    pub due_at: Change<Timestamp>,
    pub not_before: Change<Timestamp>,
    pub max_attempts: Option<i64>,
    pub owner_agent_id: Change<Text>,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct TransitionTask {
    pub task_id: Text,
    pub status: TaskStatus,
    pub guard: Guard,
    pub reason: Option<Text>,
    /// Tasks that block it from now on; with status `blocked`.
    pub blocked_by: Vec<Text>,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct AddRelationship {
    pub from_task_id: Text,
    pub to_task_id: Text,
    pub kind: RelationshipType,
    pub metadata: Option<Text>,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct AddContext {
    pub task_id: Text,
    pub context: NewContext,
    /// The context this one takes the place of.
    pub supersedes: Option<Text>,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct StartSession {
    pub id: Option<Text>,
    pub agent_id: Text,
    pub metadata: Option<Text>,
    /// How long it may be silent before it is lost.
    pub timeout_ms: i64,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Heartbeat {
    pub session_id: Text,
    /// The leases the agent believes it holds; when it does not say, all of the session's, with those that were taken from
    /// it since it was last told.
    pub leases: Option<Vec<Text>>,
    /// What was done meanwhile, on tasks the session holds.
    pub progress: Vec<Progress>,
}

/// What a heartbeat says of a task's list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Progress {
    Complete { item_id: Text, completed: bool },
    Add { task_id: Text, items: Vec<Text> },
}

/// What an agent is to do next; the later the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Directive {
    /// Go on.
    Continue,
    /// The task has an unfinished blocker now: wait until it has none.
    Pause,
    /// Stop: the work is no longer the agent's.
    Cancel,
}

impl Directive {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Pause => "pause",
            Self::Cancel => "cancel",
        }
    }
}

/// How a lease stands that a heartbeat was about.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseDirective {
    /// The lease.
    pub id: Text,
    /// The lease after the heartbeat; of one that is over, what is still known of it here.
    pub lease: Option<Arc<Lease>>,
    /// What to do.
    pub directive: Directive,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct TransferLease {
    pub lease_id: Text,
    /// The holder from now on.
    pub agent_id: Text,
    pub session_id: Option<Text>,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct AcquireLease {
    pub task_id: Text,
    pub agent_id: Text,
    pub session_id: Option<Text>,
    pub ttl_ms: Option<i64>,
}

/// What a claim's WHERE looks at.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Candidate<'a> {
    pub task: &'a Task,
    pub graph: &'a TaskGraph,
    /// How deep work is stacked on it: see [`crate::depth`].
    pub depth: u32,
    pub now: Timestamp,
}

/// What tells whether a claim wants a candidate: true, false or null, or why it cannot be told.
pub type CandidateTest = dyn Fn(&Candidate<'_>) -> Result<Option<bool>, PredicateFault> + Send + Sync;

/// A row predicate over candidates.
#[derive(Clone)]
pub struct CandidateFilter(pub Arc<CandidateTest>);

impl std::fmt::Debug for CandidateFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CandidateFilter(…)")
    }
}

#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Claim {
    pub agent_id: Text,
    pub session_id: Option<Text>,
    pub filter: Option<CandidateFilter>,
    pub ttl_ms: Option<i64>,
    /// At least 1.
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct CompleteTask {
    pub task_id: Text,
    pub guard: Guard,
    /// JSON.
    pub output: Option<Text>,
    /// JSON.
    pub evidence: Option<Text>,
    pub cost: Option<f64>,
    pub tokens: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct FailTask {
    pub task_id: Text,
    pub guard: Guard,
    pub class: FailureClass,
    pub message: Text,
    pub retry_after_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct RunEvent {
    pub kind: Text,
    /// JSON.
    pub data: Text,
}

/// What came of a command: rows as they stand right after its own events.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Outcome {
    Agent(Arc<Agent>),
    Task(TaskView),
    Relationship(Arc<Relationship>),
    /// It is gone; this is what it was.
    RelationshipRemoved(Arc<Relationship>),
    ProgressItem(Arc<ProgressItem>),
    ProgressItems(Vec<Arc<ProgressItem>>),
    Context(Arc<Context>),
    Lease(Arc<Lease>),
    Session(Arc<Session>),
    Heartbeat {
        session: Arc<Session>,
        leases: Vec<LeaseDirective>,
    },
    /// Best first; empty when there is no work for this agent.
    Claims {
        claims: Vec<Claimed>,
        /// The bound on examined candidates was reached before the limit of tasks was.
        stopped_early: bool,
    },
    /// The task after it, and the run it ended.
    Ended {
        task: TaskView,
        run: Arc<Run>,
    },
    /// Positions and ids are in the events; this is how many.
    Appended {
        count: usize,
    },
    /// So many ended because their time had passed.
    Expired {
        leases: usize,
        sessions: usize,
    },
    Imported(beads::BatchReport),
}

/// A task with what the relationships say of it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct TaskView {
    pub task: Arc<Task>,
    pub graph: TaskGraph,
    /// How deep work is stacked on it: see [`crate::depth`].
    pub depth: u32,
    /// For the score.
    pub now: Timestamp,
}

/// One claimed task.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Claimed {
    pub task: TaskView,
    pub lease: Arc<Lease>,
    pub run: Arc<Run>,
    /// The task's contexts that were not superseded, oldest first.
    pub contexts: Vec<Arc<Context>>,
}
