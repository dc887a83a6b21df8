//! The thread that writes, and the database.

use super::{AllKept, CursorsError, Note, Write, keys};
use crate::{Damage, OpenError, Position};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

/// Directory of the database, in the data directory.
const DIR: &str = "cursors";
/// The same while it is made: renamed when it is whole.
const NEW: &str = "cursors.new";
/// Writes that go down with one fsync.
const GROUP_WRITES_MAX: usize = 1_024;
/// fjall's block cache: what is read is read once, at the start.
const CACHE_BYTES: u64 = 1 << 20;
/// fjall's memtable. What is kept is small and overwritten all the time.
const MEMTABLE_BYTES: u64 = 4 << 20;
/// Least that fjall takes for its journals.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// Most files fjall keeps open.
const OPEN_FILES_MAX: usize = 32;

/// The database, once there is one.
pub(super) struct Disk {
    data: PathBuf,
    open: Option<Open>,
}

struct Open {
    database: Database,
    cursors: Keyspace,
}

impl Disk {
    /// Opens it if it is there, and reads all of it.
    pub(super) fn open(data: &Path) -> Result<(Self, AllKept), OpenError> {
        let mut all = AllKept::new();
        let open = match data.join(DIR).try_exists().map_err(|error| open_io(&error))? {
            false => None,
            true => Some(Open::at(&data.join(DIR)).map_err(|error| OpenError::Io(text(error)))?),
        };
        for guard in open.iter().flat_map(|open| open.cursors.iter()) {
            let (key, value) = guard.into_inner().map_err(|error| OpenError::Io(text(error)))?;
            keys::gather(&mut all, &key, &value).map_err(|why| {
                OpenError::Damaged(Damage { what: "cursors", position: Position::ZERO, why: why.into() })
            })?;
        }
        Ok((Self { data: data.into(), open }, all))
    }

    /// Writes what comes, in groups, until nobody can send any more. After a failure nothing is written: what was
    /// said since is in memory only, and a later write over it would leave a hole.
    pub(super) fn serve(&mut self, mut writes: mpsc::Receiver<Write>, stopped: &OnceLock<Arc<str>>) {
        let mut group = Vec::new();
        while let Some(first) = writes.blocking_recv() {
            group.push(first);
            while group.len() < GROUP_WRITES_MAX
                && let Ok(next) = writes.try_recv()
            {
                group.push(next);
            }
            let written = match stopped.get() {
                Some(why) => Err(Arc::clone(why)),
                None => self.write(&group),
            };
            if let Err(why) = &written {
                tracing::error!(%why, "the state of subscriptions cannot be written; nothing more of it is");
                let _ = stopped.set(Arc::clone(why));
            }
            let told = written.map_err(CursorsError::Stopped);
            for write in group.drain(..) {
                // Whoever does not wait does not hear.
                let _ = write.answer.send(told.clone());
            }
        }
    }

    /// Writes a group. On return it is on the disk.
    fn write(&mut self, group: &[Write]) -> Result<(), Arc<str>> {
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::make(&self.data)?),
        };
        let mut batch = open.database.batch();
        for Write { name, notes, .. } in group {
            for note in notes {
                if *note == Note::Forget {
                    // What is gathered for the name must be there to be found.
                    batch.commit().map_err(text)?;
                    batch = open.database.batch();
                    for guard in open.cursors.prefix(keys::of_name(name)) {
                        batch.remove(&open.cursors, guard.key().map_err(text)?);
                    }
                    continue;
                }
                match keys::entry(name, note) {
                    (key, Some(value)) => batch.insert(&open.cursors, key, value),
                    (key, None) => batch.remove(&open.cursors, key),
                }
            }
        }
        batch.durability(Some(PersistMode::SyncData)).commit().map_err(text)
    }
}

impl Open {
    fn at(dir: &Path) -> fjall::Result<Self> {
        let database = Database::builder(dir)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(1)
            .max_cached_files(Some(OPEN_FILES_MAX))
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let cursors = database.keyspace(keys::KEYSPACE, options)?;
        Ok(Self { database, cursors })
    }

    /// Makes it aside and moves it into place when it is whole.
    fn make(data: &Path) -> Result<Self, Arc<str>> {
        let told = |error: io::Error| Arc::from(error.to_string());
        let (new, dir) = (data.join(NEW), data.join(DIR));
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(told(error)),
            _ => {}
        }
        drop(Self::at(&new).map_err(text)?);
        fs::rename(&new, &dir).map_err(told)?;
        // Windows cannot sync a directory.
        if !cfg!(windows) {
            fs::File::open(data).and_then(|data| data.sync_all()).map_err(told)?;
        }
        Self::at(&dir).map_err(text)
    }
}

fn text(error: fjall::Error) -> Arc<str> {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
            error.to_string().into()
        }
        error => error.to_string().into(),
    }
}

fn open_io(error: &io::Error) -> OpenError {
    OpenError::Io(error.to_string().into())
}
