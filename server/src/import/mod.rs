//! Loading beads histories: lines in, commands to the writer, a report out.
//!
//! Two threads: one reads, digests and parses lines ([`read`]), the other groups them by commit and sends
//! them to the writer in batches ([`driver`]). The same path serves `--offline` and `POST /import`.
//!
//! **Invariant**: every event carries the number of its line and a digest of all lines up to it. Given the
//! same input again, lines up to that of the last event are skipped, and the commit that it belongs to is
//! carried out once more, which changes nothing that was done (see [`domain::beads`]).

mod driver;
mod error;
pub(crate) mod git;
mod lines;
pub(crate) mod open;
mod read;
mod report;

#[cfg(test)]
mod test;

pub(crate) use error::ImportError;
pub(crate) use lines::LINE_BYTES_MAX;
pub(crate) use report::Report;

use domain::Work;
use std::io::Read;
use std::sync::mpsc::sync_channel;
use store::Store;

/// Parsed chunks that may wait for the writer: enough that the reader works on through a commit. At most
/// 32 MiB of lines.
const CHUNKS_IN_FLIGHT_MAX: usize = 32;

/// How to import.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// The project of every task.
    pub(crate) project_id: Option<store::Text>,
    /// Stamp events with the present and keep the change's own time in `metadata.origin_time`.
    pub(crate) restamp: bool,
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    /// Lines carried out or skipped so far.
    pub(crate) lines: u64,
    /// Events written so far.
    pub(crate) events: u64,
}

/// Carries out a whole history. Blocks; call it on a thread of its own.
///
/// # Errors
/// When the input cannot be read or does not fit the log; what was committed before stays, and the same
/// input goes on from there.
pub(crate) fn run(
    store: &Store<Work>,
    input: impl Read + Send,
    options: &Options,
    progress: impl FnMut(Progress),
) -> Result<Report, ImportError> {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(CHUNKS_IN_FLIGHT_MAX);
        let reader = scope.spawn(move || read::parse_lines(input, &sender));
        let driven = driver::drive(store, receiver, options, progress);
        let read = reader.join().unwrap_or_else(|_| Err(ImportError::Internal("the reader panicked".into())));
        // The driver's own error is the cause when both stopped: the reader then only lost its partner.
        let report = driven?;
        read?;
        Ok(report)
    })
}
