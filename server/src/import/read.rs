use super::ImportError;
use super::lines::Lines;
use domain::beads::{ParseError, Parsed, parse_line};
use std::io::Read;
use std::sync::mpsc::SyncSender;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A line, parsed.
pub(super) struct Numbered {
    pub(super) line: u64,
    /// Digest of all lines up to this one: the XXH3 of the line, seeded with the digest before.
    pub(super) digest: u64,
    pub(super) parsed: Result<Parsed, ParseError>,
}

/// Lines and bytes of a chunk: enough to make the hand-over cheap, few enough to bound memory.
const CHUNK_LINES: usize = 256;
const CHUNK_BYTES: usize = 1 << 20;

/// Reads to the end, handing chunks over; stops early without error when nobody takes them any more.
pub(super) fn parse_lines(input: impl Read, chunks: &SyncSender<Vec<Numbered>>) -> Result<(), ImportError> {
    let mut lines = Lines::new(input);
    let mut digest = 0;
    let mut chunk = Vec::with_capacity(CHUNK_LINES);
    let mut bytes = 0;
    while let Some((number, line)) = lines.next()? {
        digest = xxh3_64_with_seed(line, digest);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        chunk.push(Numbered { line: number, digest, parsed: parse_line(line) });
        bytes += line.len();
        if chunk.len() == CHUNK_LINES || bytes >= CHUNK_BYTES {
            bytes = 0;
            if chunks.send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_LINES))).is_err() {
                return Ok(());
            }
        }
    }
    // A lost receiver means the other side has stopped with an error of its own.
    let _ = chunks.send(chunk);
    Ok(())
}
