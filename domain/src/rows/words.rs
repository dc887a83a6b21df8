//! The closed vocabularies of the work model, each with its word on the wire.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The one with that word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

words! {
    /// Where a task stands. `completed` and `cancelled` are final.
    TaskStatus {
        /// Waits to be claimed.
        Open = "open",
        /// Somebody works on it.
        InProgress = "in_progress",
        /// Waits for another task, or for a reason a context tells.
        Blocked = "blocked",
        /// Done.
        Completed = "completed",
        /// Given up.
        Cancelled = "cancelled",
    }
}

impl TaskStatus {
    /// Whether nothing more will happen to the task (but archiving).
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

words! {
    /// How urgent a task is, before any score. Offers come in this order.
    Class {
        /// Before all else.
        Critical = "critical",
        /// Before normal.
        High = "high",
        /// When nothing is said.
        Normal = "normal",
        /// After the rest.
        Low = "low",
    }
}

words! {
    /// What a relationship says of two tasks.
    RelationshipType {
        /// `from` contains `to`; a task has one parent; no cycle.
        ParentOf = "parent_of",
        /// `to` waits until `from` has ended; no cycle.
        Blocks = "blocks",
        /// They have to do with each other.
        RelatesTo = "relates_to",
        /// `from` says the same as `to`.
        Duplicates = "duplicates",
    }
}

words! {
    /// What a context is.
    ContextType {
        /// What was decided.
        Decision = "decision",
        /// Why.
        Rationale = "rationale",
        /// What was tried.
        Attempt = "attempt",
        /// What came of it.
        Outcome = "outcome",
        /// What stands in the way.
        Blocker = "blocker",
        /// Anything else worth keeping.
        Note = "note",
        /// A file, a link.
        Reference = "reference",
        /// What a person said.
        UserInput = "user_input",
    }
}

words! {
    /// What an agent is for.
    Role {
        /// Makes tasks.
        Planner = "planner",
        /// Does them.
        Executor = "executor",
        /// Looks at what was done.
        Reviewer = "reviewer",
        /// Sees that it all fits.
        Coordinator = "coordinator",
    }
}

words! {
    /// Where a session stands.
    SessionStatus {
        /// Its agent is there.
        Active = "active",
        /// Ended, or lost.
        Closed = "closed",
    }
}

words! {
    /// Where a lease stands.
    LeaseStatus {
        /// Holds its task until `expires_at`.
        Active = "active",
        /// Given back, or ended with its work.
        Released = "released",
        /// Not renewed in time.
        Expired = "expired",
    }
}

words! {
    /// How an attempt went.
    RunStatus {
        /// Still going.
        Running = "running",
        /// Done.
        Completed = "completed",
        /// Not done; `failure_class` says how.
        Failed = "failed",
        /// Its task was cancelled.
        Cancelled = "cancelled",
        /// Its agent gave the task back.
        Released = "released",
        /// Its lease ran out.
        Expired = "expired",
    }
}

words! {
    /// Why an attempt failed. Transient and capacity failures are tried again.
    FailureClass {
        /// May work next time.
        Transient = "transient",
        /// Will never work.
        Terminal = "terminal",
        /// A policy forbade it.
        Policy = "policy",
        /// The result did not hold.
        Validation = "validation",
        /// Something it needs is missing.
        Dependency = "dependency",
        /// No room now.
        Capacity = "capacity",
    }
}

impl FailureClass {
    /// Whether the task goes back to `open` after a wait, while attempts are left.
    #[must_use]
    pub const fn is_retried(self) -> bool {
        matches!(self, Self::Transient | Self::Capacity)
    }
}
