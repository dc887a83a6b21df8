//! How the program ends when it does not end well.

use std::fmt;

/// A message for stderr and the exit code.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// See the exit codes in `docs/api/cli.md`.
    pub(crate) exit: u8,
    message: String,
}

/// Exit codes that are not those of a server's error.
pub(crate) mod exit {
    /// Something went wrong inside.
    pub(crate) const INTERNAL: u8 = 1;
    /// The command line or a setting does not hold.
    pub(crate) const USAGE: u8 = 2;
    /// Nothing has that name.
    pub(crate) const NOT_FOUND: u8 = 3;
    /// Somebody else holds the data directory, or it has another format.
    pub(crate) const CONFLICT: u8 = 4;
    /// The server cannot be reached.
    pub(crate) const UNREACHABLE: u8 = 7;
}

impl Failure {
    pub(crate) fn new(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(exit::INTERNAL, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
