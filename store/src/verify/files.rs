//! The files of a database, as bytes, before fjall sees them.
//!
//! fjall 3.1 keeps a checksum of everything, but does not look at all of them: in each keyspace's folder,
//! `current` (integers little-endian: id of the version as u64, xxh3-128 of its file, `0`) names a version
//! `vID`, an archive whose section `tables` has for each table its id, the xxh3-128 of its file and a
//! sequence number. So every byte of these is under a checksum that begins in `current`; batches of a journal
//! have their own ([`crate::journal`]). Tables and versions that nothing names are left by a crash, and
//! removed by fjall at the next start.

use crate::journal::{self, Survey};
use crate::little_endian::Cursor;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

/// What fjall's file `version` holds.
const VERSION: &[u8] = b"FJL\x03";
/// The only kind of checksum there is.
const XXH3: u8 = 0;
/// A file is read in pieces of so many bytes.
const PIECE: usize = 1 << 18;
/// What an archive ends with: `SFA!`, version, kind of checksum, checksum, place and length of its contents.
const ARCHIVE_END: usize = 4 + 1 + 1 + 16 + 8 + 8;

/// Far more than the list of a table's sections takes, of which there are some ten.
const CONTENTS_BYTES_MAX: u64 = 1 << 16;

/// A file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) path: PathBuf,
    pub(super) why: String,
    /// It is a table whose contents are listed still: fjall can read around what is damaged, because blocks have
    /// checksums of their own.
    pub(super) readable: bool,
}

/// Looks at every byte of the database in `dir`; tells `progress` how many it has read. Changes nothing.
pub(super) fn check(dir: &Path, progress: &mut dyn FnMut(u64)) -> io::Result<(Vec<Fault>, Survey)> {
    let mut files = Files { faults: Vec::new(), progress };
    files.expect_bytes(&dir.join("version"), VERSION)?;
    let survey = journal::survey(dir)?;
    for fault in &survey.faults {
        files.fault(&fault.path, &*fault.why);
    }
    let keyspaces = dir.join("keyspaces");
    if !keyspaces.is_dir() {
        files.fault(&keyspaces, "it is missing");
        return Ok((files.faults, survey));
    }
    let mut folders: Vec<_> =
        fs::read_dir(&keyspaces)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    folders.sort();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        files.keyspace(folder)?;
    }
    Ok((files.faults, survey))
}

struct Files<'a> {
    faults: Vec<Fault>,
    progress: &'a mut dyn FnMut(u64),
}

impl Files<'_> {
    fn fault(&mut self, path: &Path, why: impl Into<String>) {
        self.faults.push(Fault { path: path.into(), why: why.into(), readable: false });
    }

    /// All of a small file; none when it is missing, which is a fault.
    fn bytes(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => {
                (self.progress)(bytes.len() as u64);
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.fault(path, "it is missing");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn expect_bytes(&mut self, path: &Path, expected: &[u8]) -> io::Result<()> {
        if let Some(bytes) = self.bytes(path)?
            && bytes != expected
        {
            self.fault(path, "it is not what fjall 3 writes");
        }
        Ok(())
    }

    fn keyspace(&mut self, dir: &Path) -> io::Result<()> {
        let current = dir.join("current");
        let Some(bytes) = self.bytes(&current)? else { return Ok(()) };
        let Some((version, checksum)) = current_version(&bytes) else {
            self.fault(&current, "it does not name a version");
            return Ok(());
        };
        let version = dir.join(format!("v{version}"));
        let Some(bytes) = self.bytes(&version)? else { return Ok(()) };
        if xxh3_128(&bytes) != checksum {
            self.fault(&version, "its checksum is not the one that `current` has");
            return Ok(());
        }
        let Some(tables) = section(&bytes, b"tables").and_then(tables) else {
            self.fault(&version, "it has no list of tables");
            return Ok(());
        };
        for (id, checksum) in tables {
            self.table(&dir.join("tables").join(id.to_string()), checksum)?;
        }
        Ok(())
    }

    fn table(&mut self, path: &Path, checksum: u128) -> io::Result<()> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.fault(path, "it is missing");
                return Ok(());
            }
            file => file?,
        };
        let mut hasher = Xxh3Default::new();
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hasher.update(&piece[..read]);
            (self.progress)(read as u64);
        }
        if hasher.digest128() != checksum {
            let why = "its checksum is not the one it had when it was written".into();
            self.faults.push(Fault { path: path.into(), why, readable: has_contents(&mut file)? });
        }
        Ok(())
    }
}

/// Whether the list of contents that an archive ends with is what was written: fjall makes room for as many as
/// it says before it looks at its checksum.
fn has_contents(archive: &mut File) -> io::Result<bool> {
    let len = archive.metadata()?.len();
    let Some(contents_end) = len.checked_sub(ARCHIVE_END as u64) else { return Ok(false) };
    let mut end = [0; ARCHIVE_END];
    archive.seek(SeekFrom::Start(contents_end))?;
    archive.read_exact(&mut end)?;
    let listed = (|| {
        let mut end = Cursor(&end);
        (end.take(4)? == b"SFA!" && end.take(2)? == [1, XXH3]).then_some(())?;
        let (checksum, contents_at) = (end.u128()?, end.u64()?);
        let len = contents_end.checked_sub(contents_at).filter(|len| *len <= CONTENTS_BYTES_MAX)?;
        Some((checksum, contents_at, len))
    })();
    let Some((checksum, contents_at, len)) = listed else { return Ok(false) };
    let mut contents = vec![0; len as usize];
    archive.seek(SeekFrom::Start(contents_at))?;
    archive.read_exact(&mut contents)?;
    Ok(xxh3_128(&contents) == checksum)
}

/// Id and checksum of the version that a `current` names.
fn current_version(bytes: &[u8]) -> Option<(u64, u128)> {
    let mut cursor = Cursor(bytes);
    let (version, checksum, kind) = (cursor.u64()?, cursor.u128()?, cursor.u8()?);
    (kind == XXH3 && cursor.0.is_empty()).then_some((version, checksum))
}

/// A section of an archive whose checksum has been verified.
fn section<'a>(archive: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut end = Cursor(&archive[archive.len().checked_sub(ARCHIVE_END)?..]);
    end.take(4 + 1 + 1 + 16)?;
    let mut contents = Cursor(archive.get(usize::try_from(end.u64()?).ok()?..)?);
    contents.take(4)?;
    for _ in 0..contents.u32()? {
        let (at, len) = (contents.u64()?, contents.u64()?);
        let name_len = contents.u16()?;
        if contents.take(usize::from(name_len))? == name {
            return archive.get(usize::try_from(at).ok()?..usize::try_from(at.checked_add(len)?).ok()?);
        }
    }
    None
}

/// Id and checksum of each table of a version.
fn tables(section: &[u8]) -> Option<Vec<(u64, u128)>> {
    let mut cursor = Cursor(section);
    let mut tables = Vec::new();
    for _level in 0..cursor.u8()? {
        for _run in 0..cursor.u8()? {
            for _table in 0..cursor.u32()? {
                let (id, kind, checksum) = (cursor.u64()?, cursor.u8()?, cursor.u128()?);
                let _first_sequence_number = cursor.u64()?;
                if kind != XXH3 {
                    return None;
                }
                tables.push((id, checksum));
            }
        }
    }
    Some(tables)
}
