//! What a part of a brief is worth: the order in which parts are given up.

use domain::rows::ContextType;

/// Kinds of parts, the least useful first: in this order they are given up when there is no room. Who takes a task
/// up needs to know what stands in the way, what was decided and what is left to do before how it came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Worth {
    /// An event of late.
    RecentEvent,
    /// A context of type note.
    Note,
    /// A step that is done.
    FinishedStep,
    /// What was tried.
    Attempt,
    /// An attempt that is over.
    EndedRun,
    /// A child that is completed or cancelled.
    FinishedChild,
    /// A context of type reference.
    Reference,
    /// What came of an attempt.
    Outcome,
    /// Why something was decided.
    Rationale,
    /// The task that contains it.
    Parent,
    /// A child that is not finished.
    Child,
    /// What was decided.
    Decision,
    /// A step that is to be done.
    OpenStep,
    /// What a person said.
    UserInput,
    /// The attempt that is going on.
    Running,
    /// What stands in the way, in words.
    Blocker,
    /// A task that must end first.
    BlockedBy,
    /// Who holds it.
    Lease,
}

impl Worth {
    /// Every kind, the least useful first.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 18] = [
        Self::RecentEvent,
        Self::Note,
        Self::FinishedStep,
        Self::Attempt,
        Self::EndedRun,
        Self::FinishedChild,
        Self::Reference,
        Self::Outcome,
        Self::Rationale,
        Self::Parent,
        Self::Child,
        Self::Decision,
        Self::OpenStep,
        Self::UserInput,
        Self::Running,
        Self::Blocker,
        Self::BlockedBy,
        Self::Lease,
    ];

    /// What a context of that type is worth.
    pub(crate) const fn of_context(kind: ContextType) -> Self {
        match kind {
            ContextType::Decision => Self::Decision,
            ContextType::Rationale => Self::Rationale,
            ContextType::Attempt => Self::Attempt,
            ContextType::Outcome => Self::Outcome,
            ContextType::Blocker => Self::Blocker,
            ContextType::Note => Self::Note,
            ContextType::Reference => Self::Reference,
            ContextType::UserInput => Self::UserInput,
        }
    }

    /// The member of the brief it is in.
    pub(crate) const fn member(self) -> &'static str {
        match self {
            Self::RecentEvent => "recent_events",
            Self::Note
            | Self::Attempt
            | Self::Reference
            | Self::Outcome
            | Self::Rationale
            | Self::Decision
            | Self::UserInput
            | Self::Blocker => "context",
            Self::FinishedStep | Self::OpenStep => "progress",
            Self::EndedRun | Self::Running => "runs",
            Self::FinishedChild | Self::Child => "children",
            Self::Parent => "parent",
            Self::BlockedBy => "blocked_by",
            Self::Lease => "leases",
        }
    }

    /// Its name among what was dropped: contexts by their type, the others by their member.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Attempt => "attempt",
            Self::Reference => "reference",
            Self::Outcome => "outcome",
            Self::Rationale => "rationale",
            Self::Decision => "decision",
            Self::UserInput => "user_input",
            Self::Blocker => "blocker",
            other => other.member(),
        }
    }

    /// Whether the first of its kind is the most useful: the next step, the first child. Of all others the newest is.
    pub(crate) const fn begins_with_the_best(self) -> bool {
        matches!(self, Self::OpenStep | Self::Child | Self::BlockedBy)
    }
}
