use super::ImportError;
use std::io::{BufRead, BufReader, Read};

/// Longest line, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 8 << 20;

/// Splits input into lines without ever holding more than one.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(256 << 10, input), line: Vec::new(), number: 0 }
    }

    /// The next line with its number (1-based), its line feed left out; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, ImportError> {
        self.line.clear();
        let bound = LINE_BYTES_MAX as u64 + 2; // one past the longest line and its line feed
        let read = (&mut self.input)
            .take(bound)
            .read_until(b'\n', &mut self.line)
            .map_err(|source| ImportError::Read { line: self.number, source })?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        if self.line.len() > LINE_BYTES_MAX {
            return Err(ImportError::LineTooLong { line: self.number });
        }
        Ok(Some((self.number, &self.line)))
    }
}
