//! What may be done to a task: the one place that knows where a task may go, who may write to it, and which
//! refusal comes first. A function of a few words, so that a test can try all of them; `docs/transitions.md` is
//! written from it.

use crate::rows::{Task, TaskStatus};

/// Where a task may go from a status at somebody's word.
const fn reachable(from: TaskStatus) -> &'static [TaskStatus] {
    use TaskStatus::{Blocked, Cancelled, Completed, InProgress, Open};
    match from {
        Open => &[InProgress, Blocked, Cancelled],
        InProgress => &[Open, Blocked, Completed, Cancelled],
        Blocked => &[Open, InProgress, Cancelled],
        Completed | Cancelled => &[],
    }
}

/// What an archived task is, whatever its status.
pub(crate) const ARCHIVED: &str = "archived";

/// What is asked of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Go to that status.
    Transition(TaskStatus),
    /// Other fields.
    Update,
    AddProgress,
    CompleteProgress,
    Complete,
    Fail,
    Release,
    Archive,
    Restore,
    /// A lease for one task that is named.
    Acquire,
    /// A lease for whatever is on offer.
    Claim,
}

impl Step {
    /// The command's name, as in a batch.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Transition(_) => "transition_task",
            Self::Update => "update_task",
            Self::AddProgress => "add_progress",
            Self::CompleteProgress => "complete_progress",
            Self::Complete => "complete_task",
            Self::Fail => "fail_task",
            Self::Release => "release_task",
            Self::Archive => "archive_task",
            Self::Restore => "restore_task",
            Self::Acquire => "acquire_lease",
            Self::Claim => "claim",
        }
    }

    /// Where it would take a task of that status, for the refusal to say.
    pub(crate) const fn target(self, status: TaskStatus) -> &'static str {
        match self {
            Self::Transition(to) => to.as_str(),
            Self::Complete => TaskStatus::Completed.as_str(),
            Self::Fail => "failed",
            Self::Release => TaskStatus::Open.as_str(),
            Self::Update | Self::AddProgress | Self::CompleteProgress | Self::Archive => ARCHIVED,
            Self::Restore => status.as_str(),
            Self::Acquire | Self::Claim => TaskStatus::InProgress.as_str(),
        }
    }
}

/// How a task stands, as far as rules ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) status: TaskStatus,
    pub(crate) archived: bool,
    /// It was blocked because of its blockers, not for a reason of its own.
    pub(crate) by_rule: bool,
    /// An unfinished task blocks it.
    pub(crate) waits: bool,
}

impl Stand {
    pub(crate) fn of(task: &Task, blocked_by_count: u32) -> Self {
        Self {
            status: task.status,
            archived: task.archived_at.is_some(),
            by_rule: task.blocked_by_rule,
            waits: blocked_by_count > 0,
        }
    }

    /// Whether the task, as it stands, can be given that step at all, by whomever.
    pub(crate) fn permits(self, step: Step) -> bool {
        match step {
            Step::AddProgress | Step::CompleteProgress => true,
            Step::Restore => self.archived,
            _ if self.archived => false,
            Step::Update => true,
            Step::Transition(TaskStatus::Open) if self.is_kept_blocked() => false,
            Step::Transition(to) => reachable(self.status).contains(&to),
            Step::Complete | Step::Fail | Step::Release => self.status == TaskStatus::InProgress,
            Step::Archive => self.status.is_final(),
            Step::Acquire => matches!(self.status, TaskStatus::Open | TaskStatus::InProgress),
            Step::Claim => self.status == TaskStatus::Open && !self.waits,
        }
    }

    /// The statuses it can be given by a transition.
    pub(crate) fn targets(self) -> impl Iterator<Item = TaskStatus> {
        reachable(self.status).iter().copied().filter(move |to| self.permits(Step::Transition(*to)))
    }

    /// Whether it would be blocked again at once, were it opened: its blockers have to end, or their relationships
    /// to go.
    fn is_kept_blocked(self) -> bool {
        self.status == TaskStatus::Blocked && self.by_rule && self.waits
    }
}

/// Whether somebody holds the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    Nobody,
    /// By a lease that is good now.
    Somebody,
    /// By a lease whose time has passed, but whose end is not in the log yet.
    Overdue,
}

/// Something the caller shows, held against what is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Nothing,
    Right,
    Wrong,
}

/// What the caller shows for itself, and whether somebody holds the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Title {
    pub(crate) hold: Hold,
    /// Right: that which holds the task now. Wrong: another, one that is over, one that was handed over.
    pub(crate) lease: Shown,
    /// Of the lease that holds the task now.
    pub(crate) fence: Shown,
    /// The version expected of the task.
    pub(crate) version: Shown,
    /// "Do it without the lease."
    pub(crate) override_lease: bool,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    /// Allowed, and on record as `LeaseOverride`.
    Overridden,
    Refused(Refusal),
}

/// Which refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    VersionConflict,
    LeaseExpired,
    LeaseRequired,
    LeaseHeld,
    InvalidState,
}

/// What comes of a step.
///
/// A version or a fence that differs is told first: the caller's picture is old. Then a lease that is over, as it
/// was taken from the caller; then that the task's state forbids it; and only then that a lease is needed, as
/// getting one would not help before.
pub(crate) fn verdict(stand: Stand, step: Step, title: Title) -> Verdict {
    use Verdict::{Allowed, Overridden, Refused};
    let is_free = match step {
        // Lists are made elsewhere, before the clock has told the log.
        Step::Claim => title.hold == Hold::Nobody,
        Step::Acquire => title.hold != Hold::Somebody,
        _ => true,
    };
    if !is_free {
        return Refused(Refusal::LeaseHeld);
    }
    let state = if stand.permits(step) { Allowed } else { Refused(Refusal::InvalidState) };
    let entitled = match step {
        Step::Archive | Step::Restore | Step::Acquire | Step::Claim => return state,
        _ if title.version == Shown::Wrong => return Refused(Refusal::VersionConflict),
        _ if title.fence == Shown::Wrong => return Refused(Refusal::LeaseExpired),
        _ if title.lease == Shown::Wrong && !title.override_lease => return Refused(Refusal::LeaseExpired),
        // Who begins takes a lease; to begin without one is an override, whatever else is shown.
        Step::Transition(TaskStatus::InProgress) => false,
        _ if title.hold == Hold::Somebody => title.lease == Shown::Right,
        _ => title.lease == Shown::Nothing && title.version == Shown::Right,
    };
    match (state, entitled) {
        (Refused(_), _) | (_, true) => state,
        (_, false) if title.override_lease => Overridden,
        (_, false) => Refused(Refusal::LeaseRequired),
    }
}
