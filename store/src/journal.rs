//! A look at fjall's journals before fjall opens them.
//!
//! Every commit is synced before the next is begun, so a crash can tear the last one only: its end may be
//! missing, and after a power cut any of its sectors. fjall 3.1 cuts a tail that ends early, but refuses to
//! open when a page inside is missing and the end is there; and where it cuts, it does not look whether whole
//! batches follow. So we look first:
//!
//! - a last batch of which something is missing is *torn*. It goes: nobody was told of it.
//! - a last batch that is all there and yet does not fit its checksum was *changed* after it was written. It
//!   may have been acknowledged, so it is damage, and so is a torn batch with a whole one after it.
//!
//! The sequence number of a batch is under no checksum. fjall leaves a batch out whose number is not past that
//! of its tables; so numbers must ascend, and the last record of the journals must be in the log when it is
//! open (see [`crate::disk`]).
//!
//! The layout, as fjall 3.1 writes it (integers little-endian): a batch is a start (`1`, items as u32,
//! sequence number as u64), items (`2`, value type, compression, keyspace as u64, lengths of key as u16, of
//! the value as u32 and as stored as u32, key, stored value) or clears (`4`, keyspace as u64), and an end
//! (`3`, xxh3 of the items as u64, `FJL` and 3). A new journal is zeros to 64 MiB.

#[cfg(test)]
mod test;

use crate::little_endian::Cursor;
use crate::{Damage, OpenError, Position, keys};
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

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;
/// Bytes of an end: its tag, its checksum, [`TRAILER`].
const END_BYTES: usize = 1 + 8 + TRAILER.len();
/// How far a batch's sequence number can be past the position of its record. Each commit takes one number and
/// at least one position; beyond those, only flushes, compactions and keyspaces take numbers.
const NUMBERS_BESIDE_MAX: u64 = 1 << 20;

/// What there is behind the last whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Nothing, or zeros.
    Clean,
    /// Part of a batch, from here on.
    Torn { at: usize },
    /// A batch of which nothing is missing, and which is not what was written.
    Changed { at: usize },
    /// Something that is no batch, and whole batches after it.
    Broken { at: usize },
}

/// What is wrong with a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
}

/// A batch of which something is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) path: PathBuf,
    /// Where it begins.
    pub(crate) at: usize,
    /// First position of its record, when that much is there.
    pub(crate) record: Option<Position>,
}

impl Torn {
    /// Whether a checkpoint has it: then it was whole once, and acknowledged.
    pub(crate) fn is_behind(&self, checkpoint: Position) -> bool {
        self.record.is_some_and(|first| first <= checkpoint)
    }
}

/// What the journals of a database hold.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// What was acknowledged and is not whole.
    pub(crate) faults: Vec<Fault>,
    /// The last batch, when a crash tore it.
    pub(crate) torn: Option<Torn>,
    /// First position of the last commit in them.
    pub(crate) last: Option<Position>,
}

/// Looks through the journals in `dir`; changes nothing.
pub(crate) fn survey(dir: &Path) -> io::Result<Survey> {
    let mut survey = Survey::default();
    let mut number = None;
    let journals = journals(dir)?;
    let newest = journals.last().map(|(id, _)| *id);
    if newest.is_none() {
        // fjall makes one with the database, and the next before it lets go of one.
        survey.faults.push(Fault { path: dir.into(), why: "it has no journal".into() });
    }
    for (id, path) in journals {
        let held = read(&path)?;
        let mut at = 0;
        let mut fault = |why: String| survey.faults.push(Fault { path: path.clone(), why });
        while let Some(batch) = batch(&held[at..]) {
            let too_far = |first: Position| batch.number > first.0.saturating_add(NUMBERS_BESIDE_MAX);
            if number.is_some_and(|before| batch.number <= before) || batch.record.is_some_and(too_far) {
                fault(format!("the batch at byte {at} has sequence number {}, out of order", batch.number));
            }
            number = Some(batch.number);
            survey.last = batch.record.max(survey.last);
            at += batch.len;
        }
        match tail(&held, at) {
            Tail::Clean => {}
            Tail::Torn { at } if Some(id) == newest => {
                // What is missing of it may be where its position was.
                let record = first_record(&held[at..]).filter(|first| Some(*first) > survey.last);
                survey.torn = Some(Torn { path, at, record });
            }
            Tail::Torn { at } | Tail::Broken { at } => {
                fault(format!("there is no whole batch at byte {at}, but later ones follow"));
            }
            Tail::Changed { at } => {
                fault(format!(
                    "the last batch, at byte {at}, is not what was written, though all of it is there"
                ));
            }
        }
    }
    Ok(survey)
}

/// Makes the journals in `dir` fit for fjall: cuts a torn batch off the newest, unless the checkpoint of the
/// views has it. Gives the first position of the last commit in them.
///
/// # Errors
/// When what is missing was acknowledged; nothing is changed then.
pub(crate) fn mend(
    dir: &Path,
    checkpoint: impl FnOnce() -> Option<Position>,
) -> Result<Option<Position>, OpenError> {
    let io = |error: io::Error| OpenError::Io(format!("journal: {error}").into());
    let survey = survey(dir).map_err(io)?;
    if let Some(Fault { path, why }) = survey.faults.first() {
        let why = format!("{}: {why}", path.display()).into();
        return Err(OpenError::Damaged(Damage { what: "journal", position: Position::ZERO, why }));
    }
    if let Some(torn) = survey.torn {
        if let Some(checkpoint) = checkpoint().filter(|checkpoint| torn.is_behind(*checkpoint)) {
            let head = Position(torn.record.map_or(0, |first| first.0 - 1));
            return Err(OpenError::LogBehindCheckpoint { head, checkpoint });
        }
        let Torn { path, at, .. } = torn;
        tracing::warn!(journal = %path.display(), at, "the last commit was torn by a crash and is cut off");
        cut(&path, at).map_err(io)?;
    }
    Ok(survey.last)
}

/// What a journal holds, without the zeros at its end but for less than [`PIECE`] of them.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
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

/// What is behind the whole batches, which end at `at`.
fn tail(journal: &[u8], at: usize) -> Tail {
    let rest = &journal[at..];
    let end = without_zeros(rest);
    if end == 0 {
        return Tail::Clean;
    }
    if (1..end).any(|from| rest[from] == START && batch(&rest[from..]).is_some()) {
        return Tail::Broken { at };
    }
    if is_all_there(rest, at) { Tail::Changed { at } } else { Tail::Torn { at } }
}

/// Whether the batch at the beginning of `rest`, which lies at `at`, was written to its end and no sector of
/// it is missing.
fn is_all_there(rest: &[u8], at: usize) -> bool {
    let written = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let batch = &rest[..written];
    // One of the two also says so when the other was changed.
    let ended = batch.ends_with(TRAILER) || frame(rest).is_some_and(|frame| frame.len == written);
    let first_sector = (SECTOR - at % SECTOR).min(written);
    let (first, others) = batch.split_at(first_sector);
    ended && !is_zero(first) && !others.chunks(SECTOR).any(is_zero)
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

/// A batch by its own lengths; whether it is what was written is another question.
struct Frame<'a> {
    number: u64,
    /// What its checksum is of.
    items: &'a [u8],
    /// Key of the last item, when it is that of a commit record.
    record: Option<Position>,
    /// Bytes with the end, which may be cut short.
    len: usize,
}

fn frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let mut cursor = Cursor(bytes);
    if cursor.u8()? != START {
        return None;
    }
    let count = cursor.u32()?;
    let number = cursor.u64()?;
    let before = cursor.0;
    let mut record = None;
    for _ in 0..count {
        match cursor.u8()? {
            ITEM => {
                cursor.take(1 + 1 + 8)?;
                let key = cursor.u16()?;
                cursor.take(4)?;
                let stored = cursor.u32()?;
                record = keys::log::decode(cursor.take(usize::from(key))?).ok();
                cursor.take(stored as usize)?;
            }
            CLEAR => drop(cursor.take(8)?),
            _ => return None,
        }
    }
    let items = &before[..before.len() - cursor.0.len()];
    Some(Frame { number, items, record, len: bytes.len() - cursor.0.len() + END_BYTES })
}

/// First position of the record in the batch that begins here, of which not all need be there.
fn first_record(bytes: &[u8]) -> Option<Position> {
    let mut cursor = Cursor(bytes);
    (cursor.u8()? == START).then_some(())?;
    cursor.take(4 + 8)?;
    (cursor.u8()? == ITEM).then_some(())?;
    cursor.take(1 + 1 + 8)?;
    let key = cursor.u16()?;
    cursor.take(4 + 4)?;
    keys::log::decode(cursor.take(usize::from(key))?).ok()
}

/// The whole batch at the beginning of `bytes`, if there is one.
fn batch(bytes: &[u8]) -> Option<Frame<'_>> {
    let frame = frame(bytes)?;
    let mut end = Cursor(bytes.get(frame.len - END_BYTES..frame.len)?);
    let whole = end.u8()? == END && end.u64()? == xxh3_64(frame.items) && end.0 == TRAILER;
    whole.then_some(frame)
}

/// Where the whole batches of a journal begin and the last one ends.
#[cfg(test)]
pub(crate) fn batch_bounds(journal: &[u8]) -> Vec<usize> {
    let mut bounds = vec![0];
    while let Some(batch) = batch(&journal[bounds[bounds.len() - 1]..]) {
        bounds.push(bounds[bounds.len() - 1] + batch.len);
    }
    bounds
}
