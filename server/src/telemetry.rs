//! Logs: one JSON object a line on stderr, so that stdout stays for answers. The newest lines are kept in memory
//! too, for a diagnostics bundle.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io::{self, Write};
use tracing_subscriber::EnvFilter;

/// Lines that are kept, and their bytes together.
const LINES_MAX: usize = 2_000;
const BYTES_MAX: usize = 1 << 20;

/// The newest lines of this process.
static RECENT: Mutex<Recent> = Mutex::new(Recent { lines: VecDeque::new(), bytes: 0 });

/// See [`RECENT`].
#[derive(Debug, Default)]
struct Recent {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
}

impl Recent {
    fn push(&mut self, line: &[u8]) {
        if line.len() > BYTES_MAX {
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line.into());
        while self.bytes > BYTES_MAX || self.lines.len() > LINES_MAX {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.len();
        }
    }
}

/// The newest lines, oldest first.
pub(crate) fn recent() -> Vec<u8> {
    RECENT.lock().lines.iter().flat_map(|line| line.iter().copied()).collect()
}

/// Writes to stderr, and keeps what it writes: the formatter gives a line at a time.
#[derive(Debug, Clone, Copy)]
struct Kept;

impl Write for Kept {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        RECENT.lock().push(line);
        io::stderr().write_all(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Starts logging at `level`: a level (`info`) or directives (`info,agentpm=debug`). Does nothing when
/// logging has been started before.
///
/// # Errors
/// When `level` is neither.
pub(crate) fn start(level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        format!(
            "log level `{level}`: {error}; it is one of error, warn, info, debug, trace, or directives like info,agentpm=debug"
        )
    })?;
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(|| Kept)
        .with_env_filter(filter)
        .try_init();
    Ok(())
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_within_bounds() {
        let mut recent = Recent::default();
        for n in 0..2 * LINES_MAX {
            recent.push(format!("{n}\n").as_bytes());
        }
        assert_eq!(recent.lines.len(), LINES_MAX);
        assert_eq!(&**recent.lines.back().unwrap(), format!("{}\n", 2 * LINES_MAX - 1).as_bytes());
        let long = vec![b'x'; BYTES_MAX / 4];
        for _ in 0..9 {
            recent.push(&long);
        }
        assert_eq!((recent.lines.len(), recent.bytes), (4, BYTES_MAX));
        recent.push(&vec![b'x'; BYTES_MAX + 1]);
        assert_eq!(recent.lines.len(), 4, "one that is longer than all may be is not kept");
        assert_eq!(recent.bytes, recent.lines.iter().map(|line| line.len()).sum::<usize>());
    }
}
