//! The work model: commands in, events out, rows folded from events.
//!
//! Pure: no clock, no randomness, no I/O, no async. The writer in `store` calls it through
//! [`store::Decider`].

pub mod beads;
mod caps;
pub mod command;
pub mod event;
mod rejection;
pub mod reserved;
pub mod rows;
mod score;

pub use caps::TextSet;
pub use command::{Command, Outcome};
pub use rejection::{Holder, Problem, Rejection};
pub use score::{order_key, score};
