//! The work model: commands in, events out, rows folded from events.
//!
//! Pure: no clock, no randomness, no I/O, no async. The writer in `store` calls it through
//! [`store::Decider`].

mod answer;
pub mod beads;
mod caps;
pub mod command;
mod decide;
mod decider;
pub mod depth;
pub mod event;
mod evolve;
pub mod merge;
pub mod offer;
mod rejection;
pub mod reserved;
mod restore;
pub mod rows;
mod score;
mod state;
#[cfg(test)]
mod test;
pub mod time;
mod undo;

pub use answer::{Pending, PendingClaim};
pub use caps::TextSet;
pub use command::{Command, Outcome};
pub use decide::{
    ATTEMPTS_MAX, BACKOFF_BASE_MS, BACKOFF_MAX_MS, CLAIM_LIMIT_MAX, DRAFT_IDS_MAX, EXAMINED_MAX, EXPIRED_MAX,
    HEARTBEAT_PROGRESS_MAX, ID_CHARS_MAX, ITEMS_MAX, PRIORITY_MAX, RELATED_MAX, RENEWAL_MIN_MS,
    RETRY_AFTER_MAX_MS, RUN_EVENTS_MAX, SESSION_LEASES_MAX, SESSION_TIMEOUT_MAX_MS, SESSION_TIMEOUT_MIN_MS,
    TTL_DEFAULT_MS, TTL_MAX_MS, TTL_MIN_MS, WORD_CHARS_MAX, WORDS_MAX, check_session, is_id,
};
pub use depth::DEPTH_MAX;
pub use rejection::{Holder, PredicateFault, Problem, Rejection};
pub use score::{order_key, score, score_of};
pub use state::Work;
