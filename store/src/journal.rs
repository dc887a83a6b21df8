//! A look at fjall's journals before fjall opens them.
//!
//! Every commit is synced before the next is begun, so a power cut can tear the last one only: any of its
//! pages may be missing. fjall 3.1 cuts a tail that ends early, but refuses to open when a page inside is
//! missing and the end is there; and where it cuts, it does not look whether whole batches follow. So we cut
//! first: a torn last batch goes, which nobody was told of; a torn batch with a whole one after it is damage
//! to what was acknowledged, and is refused.
//!
//! The layout, as fjall 3.1 writes it (integers little-endian): a batch is a start (`1`, items as u32,
//! sequence number as u64), items (`2`, value type, compression, keyspace as u64, lengths of key as u16, of
//! the value as u32 and as stored as u32, key, stored value) or clears (`4`, keyspace as u64), and an end
//! (`3`, xxh3 of the items as u64, `FJL` and 3). A new journal is zeros to 64 MiB.

use crate::{Damage, OpenError, Position};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const PAGE: [u8; 4_096] = [0; 4_096];
/// A new journal, 64 MiB of zeros, is looked through in pieces of so many bytes.
const PIECE: u64 = 1 << 18;
/// What an end ends with.
const TRAILER: &[u8] = b"FJL\x03";

/// What there is behind the last whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Nothing, or zeros.
    Clean,
    /// Part of a batch, from here on.
    Torn { at: usize },
    /// Something that is no batch, and whole batches after it.
    Broken { at: usize },
}

/// Makes the journals in `dir` fit for fjall: cuts a torn batch off the newest.
///
/// # Errors
/// When what is missing was acknowledged; nothing is changed then.
pub(crate) fn mend(dir: &Path) -> Result<(), OpenError> {
    let io = |error: io::Error| OpenError::Io(format!("journal: {error}").into());
    let journals = journals(dir).map_err(io)?;
    let newest = journals.last().map(|(id, _)| *id);
    for (id, path) in journals {
        match tail(&read(&path).map_err(io)?) {
            Tail::Clean => {}
            Tail::Torn { at } if Some(id) == newest => {
                tracing::warn!(journal = %path.display(), at, "the last commit was torn by a crash and is cut off");
                cut(&path, at).map_err(io)?;
            }
            Tail::Torn { at } | Tail::Broken { at } => {
                let why =
                    format!("{} has no whole batch at byte {at}, but later ones follow", path.display());
                let damage = Damage { what: "journal", position: Position::ZERO, why: why.into() };
                return Err(OpenError::Damaged(damage));
            }
        }
    }
    Ok(())
}

/// What a journal holds, without the zeros at its end but for less than [`PIECE`] of them.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut end = file.metadata()?.len();
    let mut piece = vec![0; PIECE as usize];
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        let piece = &mut piece[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(piece)?;
        if !is_zero(piece) {
            break;
        }
        end = start;
    }
    file.seek(SeekFrom::Start(0))?;
    let mut held = vec![0; end as usize];
    file.read_exact(&mut held)?;
    Ok(held)
}

/// Oldest first.
fn journals(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".jnl"));
        if let Some(id) = id.and_then(|id| id.parse().ok()) {
            journals.push((id, path));
        }
    }
    journals.sort_unstable();
    Ok(journals)
}

fn cut(path: &Path, at: usize) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(at as u64)?;
    file.sync_all()
}

fn tail(journal: &[u8]) -> Tail {
    let mut at = 0;
    while let Some(len) = batch(&journal[at..]) {
        at += len;
    }
    let rest = &journal[at..];
    let end = without_zeros(rest);
    if end == 0 {
        return Tail::Clean;
    }
    let follows = (1..end).any(|from| rest[from] == START && batch(&rest[from..]).is_some());
    if follows { Tail::Broken { at } } else { Tail::Torn { at } }
}

/// Length of `bytes` without the zeros at their end, but for less than a page of them.
fn without_zeros(bytes: &[u8]) -> usize {
    let zeros = bytes.rchunks(PAGE.len()).take_while(|page| is_zero(page));
    bytes.len() - zeros.map(<[u8]>::len).sum::<usize>()
}

/// Compares by the page, which also a debug build does fast.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(PAGE.len()).all(|page| *page == PAGE[..page.len()])
}

/// Bytes of the whole batch at the beginning of `bytes`, if there is one.
fn batch(bytes: &[u8]) -> Option<usize> {
    let mut cursor = Cursor(bytes);
    if cursor.u8()? != START {
        return None;
    }
    let items = cursor.u32()?;
    cursor.take(8)?;
    let before = cursor.0;
    for _ in 0..items {
        match cursor.u8()? {
            ITEM => {
                cursor.take(1 + 1 + 8)?;
                let key = cursor.u16()?;
                cursor.take(4)?;
                let stored = cursor.u32()?;
                cursor.take(usize::from(key))?;
                cursor.take(stored as usize)?;
            }
            CLEAR => drop(cursor.take(8)?),
            _ => return None,
        }
    }
    let hashed = &before[..before.len() - cursor.0.len()];
    if cursor.u8()? != END || cursor.u64()? != xxh3_64(hashed) || cursor.take(TRAILER.len())? != TRAILER {
        return None;
    }
    Some(bytes.len() - cursor.0.len())
}

/// Little-endian, unlike our own.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// Where the whole batches of a journal begin and the last one ends.
#[cfg(test)]
pub(crate) fn batch_bounds(journal: &[u8]) -> Vec<usize> {
    let mut bounds = vec![0];
    while let Some(len) = batch(&journal[bounds[bounds.len() - 1]..]) {
        bounds.push(bounds[bounds.len() - 1] + len);
    }
    bounds
}
