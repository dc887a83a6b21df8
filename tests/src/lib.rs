//! What the black-box suites in `tests/` share: a real server process, its clients, an independent model of
//! the work, a second evaluator of PQL, and seeded randomness. Nothing here links the product (`pql` alone has the
//! parser of it): a suite sees what a client sees.

pub mod beads;
pub mod cli;
pub mod client;
pub mod compare;
pub mod contract;
pub mod fixture;
pub mod git;
pub mod history;
pub mod model;
pub mod pql;
pub mod prometheus;
pub mod schema;
pub mod seed;
pub mod server;
pub mod slt;
pub mod socket;
pub mod time;
pub mod trace;
pub mod wait;
pub mod workload;

pub use client::{Answer, Client, Rows};
pub use seed::Seed;
pub use server::{Options, Server};
pub use socket::Socket;

/// A size that the environment may set, for long runs: `AGENTPM_…=N`.
///
/// # Panics
/// When the variable is set to something that is no number.
#[must_use]
pub fn size(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
        Err(_) => default,
    }
}

/// Whether the full sizes were asked for: `AGENTPM_FULL=1`.
#[must_use]
pub fn full() -> bool {
    std::env::var_os("AGENTPM_FULL").is_some_and(|value| value != "0")
}
