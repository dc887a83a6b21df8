//! fjall, and what we ask of it: one durable insert a commit, sorted runs, snapshots.
//!
//! Two databases, so that neither waits for the other and views can be thrown away as a directory: `log`
//! with the keyspaces `log` and `meta`, which is the truth, and `views` with the keyspace `derived`.
//!
//! Read in the source of fjall 3.1: a batch with a durability syncs the journal before it inserts and
//! publishes. `Ingestion::finish` syncs each table, their folder and the manifest before it returns; it holds
//! the database's journal lock meanwhile, so commits of the same database would wait for it. A clear is
//! replayed from the journal over later ingestions, and the sequence numbers of fjall's list of keyspaces
//! are not recovered, so that a keyspace made after a restart can be undone: neither is used here.

#[cfg(all(feature = "planted-faults", debug_assertions))]
mod planted;

use crate::journal;
use crate::keys::{self, KeyRange};
use crate::lock::{Lock, LockError};
use crate::read::Times;
use crate::{Damage, Direction, EventId, OpenError, Options, Position, ReadError, Timestamp};
use fjall::compaction::Leveled;
use fjall::{Database, Guard, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Slice, Snapshot};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Directory of the log's database, in the data directory.
const LOG: &str = "log";
/// The same while it is made: renamed when it is whole.
const LOG_NEW: &str = "log.new";
/// Directory of the views' database.
const VIEWS: &str = "views";
/// The same while it is made beside another: by `rebuild`, which puts it in its place, and by `verify`.
const VIEWS_NEW: &str = "views.new";
/// Keyspace of everything that can be folded again.
const DERIVED: &str = "derived";
/// Most files fjall keeps open for each database.
const OPEN_FILES_MAX: usize = 256;
/// Runs of the views from which on they are compacted. A read asks each; twice fjall's usual number halves
/// what a bulk import compacts.
const RUNS_MAX: u8 = 8;
/// Threads that compact the views. Nothing ever waits for them.
const VIEWS_THREADS: usize = 1;

/// The open databases. The lock is let go of last.
pub(crate) struct Disk {
    log: Keyspace,
    log_database: Database,
    views: ViewsDatabase,
    node: EventId,
    /// As far as somebody met them.
    pub(crate) times: Times,
    #[cfg(test)]
    pub(crate) faults: crate::fault::Faults,
    _lock: Lock,
}

/// See [`Disk`].
pub(crate) struct ViewsDatabase {
    derived: Keyspace,
    database: Database,
    dir: PathBuf,
}

impl Disk {
    /// Opens the databases in `dir`, or makes them.
    pub(crate) fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        fs::create_dir_all(dir).map_err(|error| open_io(&error))?;
        let lock = take_lock(dir)?;
        if !has_log(dir)? {
            create_log(dir, options)?;
        }
        remove_directory(&dir.join(VIEWS_NEW))?;
        Self::with_log(dir, lock, options, || {
            ViewsDatabase::open(&dir.join(VIEWS), options).or_else(|why| {
                tracing::warn!(%why, "the views cannot be opened and are made anew");
                ViewsDatabase::create(&dir.join(VIEWS), options)
            })
        })
    }

    /// Opens the log in `dir`, with empty views aside: those that are kept stay as they are.
    pub(crate) fn open_aside(dir: &Path, lock: Lock, options: &Options) -> Result<Self, OpenError> {
        Self::with_log(dir, lock, options, || ViewsDatabase::create(&dir.join(VIEWS_NEW), options))
    }

    /// Puts the views that were made aside into the place of those that are kept. A crash on the way leaves a
    /// log without views, which the next start folds again.
    pub(crate) fn keep_views(self) -> Result<(), OpenError> {
        let (made, _lock) = self.close();
        let kept = made.with_file_name(VIEWS);
        remove_directory(&kept)?;
        fs::rename(&made, &kept).map_err(|error| open_io(&error))?;
        kept.parent().map_or(Ok(()), sync_directory).map_err(|error| open_io(&error))
    }

    /// Throws the views away that were made aside.
    pub(crate) fn drop_aside(self) -> Result<(), OpenError> {
        let (made, _lock) = self.close();
        remove_directory(&made)
    }

    /// Closes both databases; gives the directory of the views, and the lock.
    fn close(self) -> (PathBuf, Lock) {
        let Self { log, log_database, views, _lock: lock, .. } = self;
        drop((log, log_database));
        let ViewsDatabase { derived, database, dir } = views;
        drop((derived, database));
        (dir, lock)
    }

    fn with_log(
        dir: &Path,
        lock: Lock,
        options: &Options,
        views: impl FnOnce() -> Result<ViewsDatabase, OpenError>,
    ) -> Result<Self, OpenError> {
        let path = dir.join(LOG);
        let last = journal::mend(&path, || kept_checkpoint(dir, options))?;
        let log_database = open_log(&path, options).map_err(open_fjall)?;
        let meta = log_database.keyspace(keys::meta::KEYSPACE, by_ingestion).map_err(open_fjall)?;
        let node = check_meta(&meta)?;
        let log = log_database.keyspace(keys::log::KEYSPACE, || by_insert(options)).map_err(open_fjall)?;
        let disk = Self {
            log,
            log_database,
            views: views()?,
            node,
            times: Times::default(),
            #[cfg(test)]
            faults: crate::fault::Faults::default(),
            _lock: lock,
        };
        // fjall leaves out of a journal what it takes to be in its tables.
        if let Some(last) = last
            && disk.record_at(last)?.is_none()
        {
            let why = "a journal has a commit here, but the log does not".into();
            return Err(OpenError::Damaged(Damage { what: "log", position: last, why }));
        }
        Ok(disk)
    }

    /// Throws the views away and makes empty ones.
    pub(crate) fn drop_views(self, options: &Options) -> Result<Self, OpenError> {
        let ViewsDatabase { derived, database, dir } = self.views;
        drop(derived);
        drop(database);
        let views = ViewsDatabase::create(&dir, options)?;
        Ok(Self { views, ..self })
    }

    /// Id of the data directory, made with it.
    pub(crate) fn node(&self) -> EventId {
        self.node
    }

    /// Bytes of the views on disk.
    pub(crate) fn views_bytes(&self) -> u64 {
        self.views.derived.disk_space()
    }

    /// When the views' directory was made, if the file system tells.
    pub(crate) fn views_made(&self) -> Option<Timestamp> {
        crate::storage::timestamp(fs::metadata(&self.views.dir).ok()?.created().ok()?)
    }

    /// Writes a commit record. On return it is on the disk.
    pub(crate) fn commit(&self, first: Position, record: Vec<u8>) -> Result<(), Arc<str>> {
        #[cfg(test)]
        self.faults.before_commit()?;
        #[cfg(all(feature = "planted-faults", debug_assertions))]
        if planted::reply_before_sync() {
            self.log_database.persist(PersistMode::SyncData).map_err(text)?;
            let mut batch = self.log_database.batch().durability(Some(PersistMode::Buffer));
            batch.insert(&self.log, keys::log::key(first), record);
            return batch.commit().map_err(text);
        }
        let mut batch = self.log_database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.log, keys::log::key(first), record);
        batch.commit().map_err(text)?;
        #[cfg(test)]
        self.faults.after_commit()?;
        Ok(())
    }

    /// Writes keys in ascending order into the derived keyspace: all or, after a crash, none. On return they
    /// are on the disk.
    pub(crate) fn ingest(
        &self,
        entries: impl Iterator<Item = Result<crate::delta::Entry, ReadError>>,
    ) -> Result<(), Arc<str>> {
        let mut ingestion = self.views.derived.start_ingestion().map_err(text)?;
        for entry in entries {
            match entry.map_err(|error| error.to_string())? {
                (key, Some(value)) => ingestion.write(key, value),
                (key, None) => ingestion.write_tombstone(key),
            }
            .map_err(text)?;
        }
        #[cfg(test)]
        self.faults.before_flush()?;
        ingestion.finish().map_err(text)
    }

    /// The derived keyspace as it is now.
    pub(crate) fn snapshot(&self) -> DerivedSnapshot {
        self.views.snapshot()
    }

    fn record_at(&self, first: Position) -> Result<Option<Slice>, OpenError> {
        self.log.get(keys::log::key(first)).map_err(open_fjall)
    }

    /// The last record that begins at or before that position.
    pub(crate) fn record_before(&self, position: Position) -> Result<Option<(Position, Slice)>, ReadError> {
        self.log.range(..=keys::log::key(position)).next_back().map(log_entry).transpose()
    }

    /// Records that begin from one position to another, both included, one after the other. Records are
    /// never changed, so none of this needs a snapshot; whoever reads stops at a head.
    pub(crate) fn records(&self, from: Position, to: Position, direction: Direction) -> Records {
        let iter = self.log.range(keys::log::key(from)..=keys::log::key(to));
        Records { iter, direction }
    }
}

/// Records in order. See [`Disk::records`].
pub(crate) struct Records {
    iter: fjall::Iter,
    direction: Direction,
}

impl Iterator for Records {
    type Item = Result<(Position, Slice), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let guard = match self.direction {
            Direction::Forward => self.iter.next(),
            Direction::Backward => self.iter.next_back(),
        };
        guard.map(log_entry)
    }
}

fn log_entry(guard: Guard) -> Result<(Position, Slice), ReadError> {
    let (key, value) = guard.into_inner().map_err(read_error)?;
    Ok((keys::log::decode(&key)?, value))
}

/// The derived keyspace at one moment. Cheap to clone.
#[derive(Clone)]
pub(crate) struct DerivedSnapshot(Arc<(Snapshot, Keyspace)>);

impl DerivedSnapshot {
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Slice>, ReadError> {
        let (snapshot, derived) = &*self.0;
        snapshot.get(derived, key).map_err(read_error)
    }

    pub(crate) fn range(&self, range: &KeyRange, direction: Direction) -> crate::delta::Base {
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let (snapshot, derived) = &*self.0;
        let iter = snapshot.range(derived, &*range.start..&*range.end);
        let entry = |guard: Guard| guard.into_inner().map_err(read_error);
        match direction {
            Direction::Forward => Box::new(iter.map(entry)),
            Direction::Backward => Box::new(iter.rev().map(entry)),
        }
    }
}

impl ViewsDatabase {
    /// Opens the views that are kept in a data directory whose lock is held.
    pub(crate) fn kept(data: &Path, options: &Options) -> Result<Self, OpenError> {
        Self::open(&data.join(VIEWS), options)
    }

    pub(crate) fn snapshot(&self) -> DerivedSnapshot {
        DerivedSnapshot(Arc::new((self.database.snapshot(), self.derived.clone())))
    }

    fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let database = Database::builder(dir)
            .cache_size(options.views_cache_bytes)
            .worker_threads(VIEWS_THREADS)
            .max_cached_files(Some(OPEN_FILES_MAX))
            .open()
            .map_err(open_fjall)?;
        let derived = database.keyspace(DERIVED, by_ingestion).map_err(open_fjall)?;
        Ok(Self { derived, database, dir: dir.into() })
    }

    /// Whatever is there is thrown away first.
    fn create(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        remove_directory(dir)?;
        Self::open(dir, options)
    }
}

/// Where the checkpoint of the views is that are kept in `dir`, if there are any that can be read.
fn kept_checkpoint(dir: &Path, options: &Options) -> Option<Position> {
    dir.join(VIEWS).is_dir().then_some(())?;
    let views = ViewsDatabase::kept(dir, options).ok()?;
    let value = views.snapshot().get(&keys::checkpoint::key()).ok()??;
    keys::checkpoint::decode(&value).ok().map(|checkpoint| checkpoint.head.position)
}

/// Takes the lock of a data directory.
pub(crate) fn take_lock(dir: &Path) -> Result<Lock, OpenError> {
    Lock::take(dir).map_err(|error| match error {
        LockError::Held(holder) => OpenError::Held { dir: dir.into(), holder },
        LockError::Io(error) => open_io(&error),
    })
}

/// Whether a data directory has a log.
pub(crate) fn has_log(dir: &Path) -> Result<bool, OpenError> {
    dir.join(LOG).try_exists().map_err(|error| open_io(&error))
}

/// The databases of a data directory that are there, by their names: of the log, and of the views.
pub(crate) const DATABASES: [&str; 2] = [LOG, VIEWS];

fn open_log(dir: &Path, options: &Options) -> fjall::Result<Database> {
    Database::builder(dir)
        .cache_size(options.log_cache_bytes)
        .max_journaling_size(options.journal_bytes_max)
        .worker_threads(options.disk_threads)
        .max_cached_files(Some(OPEN_FILES_MAX))
        .open()
}

/// Makes the log's database aside and moves it into place when it is whole: a crash here leaves nothing that
/// would have to be told from a log that lost its files.
fn create_log(dir: &Path, options: &Options) -> Result<(), OpenError> {
    let new = dir.join(LOG_NEW);
    remove_directory(&new)?;
    let made = (|| {
        let database = open_log(&new, options)?;
        database.keyspace(keys::log::KEYSPACE, || by_insert(options))?;
        let meta = database.keyspace(keys::meta::KEYSPACE, by_ingestion)?;
        // By ingestion, because then it is in no journal, and no journal is kept for its sake.
        let mut ingestion = meta.start_ingestion()?;
        ingestion.write(keys::meta::FORMAT_KEY, keys::meta::FORMAT.to_be_bytes())?;
        ingestion.write(keys::meta::NODE_KEY, ulid::Ulid::generate().0.to_be_bytes())?;
        ingestion.finish()
    })();
    made.map_err(open_fjall)?;
    fs::rename(&new, dir.join(LOG)).map_err(|error| open_io(&error))?;
    sync_directory(dir).map_err(|error| open_io(&error))?;
    // The data directory may be new itself.
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_directory(parent).map_err(|error| open_io(&error))
}

fn remove_directory(dir: &Path) -> Result<(), OpenError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(open_io(&error)),
        _ => Ok(()),
    }
}

fn sync_directory(dir: &Path) -> io::Result<()> {
    // Windows cannot sync a directory.
    if cfg!(windows) { Ok(()) } else { fs::File::open(dir)?.sync_all() }
}

fn check_meta(meta: &Keyspace) -> Result<EventId, OpenError> {
    let missing = |what| Damage { what, position: Position::ZERO, why: "missing".into() };
    let get = |key: &[u8], what| {
        let value = meta.get(key).map_err(open_fjall)?;
        value.ok_or_else(|| OpenError::Damaged(missing(what)))
    };
    let format = keys::meta::format(&get(keys::meta::FORMAT_KEY, "format")?).map_err(OpenError::Damaged)?;
    if format != keys::meta::FORMAT {
        return Err(OpenError::UnknownFormat { found: format, supported: keys::meta::FORMAT });
    }
    keys::meta::node(&get(keys::meta::NODE_KEY, "node id")?).map_err(OpenError::Damaged)
}

fn by_insert(options: &Options) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes)
}

/// For a keyspace that is written by ingestion only, so its memtable stays empty.
fn by_ingestion() -> KeyspaceCreateOptions {
    let compaction = Leveled::default().with_l0_threshold(RUNS_MAX);
    KeyspaceCreateOptions::default().compaction_strategy(Arc::new(compaction))
}

fn text(error: fjall::Error) -> Arc<str> {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
            error.to_string().into()
        }
        error => error.to_string().into(),
    }
}

fn read_error(error: fjall::Error) -> ReadError {
    ReadError::Io(text(error))
}

fn open_fjall(error: fjall::Error) -> OpenError {
    OpenError::Io(text(error))
}

fn open_io(error: &io::Error) -> OpenError {
    OpenError::Io(error.to_string().into())
}

/// Overwrites the format of a closed store, as a newer version would have written it.
#[cfg(test)]
pub(crate) fn set_format(dir: &Path, format: u32) {
    let database = open_log(&dir.join(LOG), &Options::default()).unwrap();
    let meta = database.keyspace(keys::meta::KEYSPACE, by_ingestion).unwrap();
    let mut ingestion = meta.start_ingestion().unwrap();
    ingestion.write(keys::meta::FORMAT_KEY, format.to_be_bytes()).unwrap();
    ingestion.finish().unwrap();
}

/// Puts a value into the derived keyspace of a closed store.
#[cfg(test)]
pub(crate) fn set_derived(dir: &Path, key: Slice, value: Slice) {
    let views = ViewsDatabase::open(&dir.join(VIEWS), &Options::default()).unwrap();
    let mut ingestion = views.derived.start_ingestion().unwrap();
    ingestion.write(key, value).unwrap();
    ingestion.finish().unwrap();
}

/// Takes a key out of the derived keyspace of a closed store.
#[cfg(test)]
pub(crate) fn remove_derived(dir: &Path, key: Slice) {
    let views = ViewsDatabase::open(&dir.join(VIEWS), &Options::default()).unwrap();
    let mut ingestion = views.derived.start_ingestion().unwrap();
    ingestion.write_tombstone(key).unwrap();
    ingestion.finish().unwrap();
}

/// The derived keyspace of a closed store.
#[cfg(test)]
pub(crate) fn all_derived(dir: &Path) -> Vec<(Slice, Slice)> {
    let views = ViewsDatabase::open(&dir.join(VIEWS), &Options::default()).unwrap();
    views.derived.iter().map(|guard| guard.into_inner().unwrap()).collect()
}

/// Puts a record into the log of a closed store.
#[cfg(test)]
pub(crate) fn set_record(dir: &Path, first: Position, record: Vec<u8>) {
    let database = open_log(&dir.join(LOG), &Options::default()).unwrap();
    let log = database.keyspace(keys::log::KEYSPACE, || by_insert(&Options::default())).unwrap();
    let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
    batch.insert(&log, keys::log::key(first), record);
    batch.commit().unwrap();
}
