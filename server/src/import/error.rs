use store::Timestamp;

/// Why an import stopped. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The input could not be read or decompressed.
    #[error("the input cannot be read after line {line}: {source}")]
    Read {
        /// Lines read before.
        line: u64,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A line is longer than any may be.
    #[error("line {line} is longer than {} bytes", super::LINE_BYTES_MAX)]
    LineTooLong {
        /// Its number.
        line: u64,
    },
    /// No line was an issue or a change.
    #[error("none of the {lines} lines is a beads issue or change; the first says: {first}")]
    NothingUsable {
        /// How many there were.
        lines: u64,
        /// What is wrong with the first.
        first: String,
    },
    /// The changes are not in order.
    #[error("line {line} is of an earlier moment than the line before")]
    OutOfOrder {
        /// Its number.
        line: u64,
    },
    /// A change that has not happened yet.
    #[error("line {line} is of a moment past the server's clock")]
    InFuture {
        /// Its number.
        line: u64,
    },
    /// The log has moved past the first change.
    #[error(
        "the log's head is of {}, later than line {line} ({}); import into an empty log, or restamp",
        domain::time::format(*head),
        domain::time::format(*at)
    )]
    HeadIsLater {
        /// The line.
        line: u64,
        /// Its moment.
        at: Timestamp,
        /// The head's.
        head: Timestamp,
    },
    /// It begins like an import that was interrupted, and goes on otherwise.
    #[error(
        "up to line {line} the input is not the one that was imported before: it cannot go on from there"
    )]
    InputDiffers {
        /// The line up to which they should be equal.
        line: u64,
    },
    /// The writer did not take it.
    #[error("the log refused: {0}")]
    Refused(String),
    /// A defect of ours.
    #[error("{0}")]
    Internal(String),
}
