//! `verify`: every byte of a data directory against its checksums, the log against its own rules, and the
//! views against a fold of the log.
//!
//! In this order, because each step trusts the one before: fjall opens only what is whole, for it cuts,
//! forgets or panics where it is not; and only a sound log is folded. What is kept is not changed, but for
//! what opening does in any case: a torn last commit, which was never acknowledged, is cut off, and told as a
//! note.

mod compare;
mod files;
mod finding;
mod log;
#[cfg(test)]
mod test;

pub use finding::{FINDINGS_MAX, Finding, Place};

use self::finding::Findings;
use self::log::Log;
use crate::disk::{self, DATABASES, Disk, ViewsDatabase};
use crate::journal::Torn;
use crate::keys::checkpoint::{self, Checkpoint};
use crate::keys::{KeyRange, Kind};
use crate::lock::Lock;
use crate::record::{Chain, Record};
use crate::refold::Refold;
use crate::{Damage, Decider, Direction, Head, OpenError, Options, Position};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Where the log ends, and its chain hash there; none when the log cannot be read to its end.
    pub head: Option<(Head, Chain)>,
    /// Where the checkpoint of the views is.
    pub checkpoint: Option<Position>,
    /// Commit records read.
    pub records: u64,
    /// Events read.
    pub events: u64,
    /// Entries of the views compared: rows, versions that ended, index entries.
    pub entries: u64,
    /// What is wrong: the first [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub findings_count: u64,
    /// What is worth knowing and no damage.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether all is as it should be.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.findings_count == 0
    }
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is at.
    pub stage: Stage,
    /// How much of it is done.
    pub done: u64,
    /// How much there is; zero when that is not known.
    pub total: u64,
}

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The bytes of files.
    Files,
    /// The events of the log.
    Log,
    /// The entries of the views.
    Views,
}

/// Checks the store in `dir`, which nobody else may hold; `decider` is the model in its first state. With
/// `expect`, the chain hash of the head must be that.
///
/// It makes views of its own beside those that are kept, in `dir`, and removes them: there must be room.
///
/// # Errors
/// When it cannot be checked at all; damage is no error, but in the report.
pub fn verify<D: Decider>(
    dir: &Path,
    decider: D,
    options: &Options,
    expect: Option<Chain>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, OpenError> {
    options.check()?;
    let databases = DATABASES.map(|name| dir.join(name));
    if !databases.iter().any(|database| database.is_dir()) {
        return Err(OpenError::NoLog { dir: dir.into() });
    }
    let lock = disk::take_lock(dir)?;
    let mut check = Check {
        dir,
        options,
        expect,
        progress,
        findings: Findings::default(),
        report: Report::default(),
        torn: None,
    };
    let whole = check.files(&databases)?;
    if whole[0] != Whole::No {
        let contents = AssertUnwindSafe(|| check.contents(lock, decider, whole));
        match catch_unwind(contents) {
            Ok(checked) => checked?,
            Err(_) => {
                let why = "what is there made the check panic; its message is on stderr";
                check.findings.add(Place::Log, None, why);
            }
        }
    }
    let Findings { first, count } = check.findings;
    Ok(Report { findings: first, findings_count: count, ..check.report })
}

/// What the bytes of a database are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    /// What was written.
    Yes,
    /// But for some tables, which fjall can read around.
    ButForTables,
    /// Not fit to be opened.
    No,
}

/// The views that are kept, and how far they have come.
struct Kept {
    database: ViewsDatabase,
    checkpoint: Checkpoint,
}

/// Whether every byte of the log's files is what was written.
///
/// # Errors
/// The first file that is not.
pub(crate) fn log_files(dir: &Path) -> Result<(), OpenError> {
    let checked = files::check(&dir.join(DATABASES[0]), &mut |_| {});
    let (faults, _) = checked.map_err(|error| OpenError::Io(error.to_string().into()))?;
    let Some(fault) = faults.first() else { return Ok(()) };
    let why = format!("{}: {}", fault.path.display(), fault.why).into();
    Err(OpenError::Damaged(Damage { what: "file", position: Position::ZERO, why }))
}

/// Where the checkpoint of the views that are kept is, if they are whole and say so.
pub(crate) fn kept_checkpoint(dir: &Path, options: &Options) -> Option<Position> {
    let (faults, _) = files::check(&dir.join(DATABASES[1]), &mut |_| {}).ok()?;
    let views = faults.is_empty().then(|| ViewsDatabase::kept(dir, options))?.ok()?;
    let value = views.snapshot().get(&checkpoint::key()).ok()??;
    Some(checkpoint::decode(&value).ok()?.head.position)
}

struct Check<'a> {
    dir: &'a Path,
    options: &'a Options,
    expect: Option<Chain>,
    progress: &'a mut dyn FnMut(Progress),
    findings: Findings,
    report: Report,
    /// The log's journal that ends with a torn commit, and where that begins.
    torn: Option<(PathBuf, usize)>,
}

impl Check<'_> {
    /// Looks at the bytes of both databases. Tells of each whether it is whole.
    fn files(&mut self, databases: &[PathBuf; 2]) -> Result<[Whole; 2], OpenError> {
        let mut whole = [Whole::No; 2];
        let mut done = 0;
        for (database, whole) in databases.iter().zip(&mut whole) {
            let name = self.shown(database);
            if !database.is_dir() {
                if name.starts_with("views") {
                    self.report
                        .notes
                        .push("there are no views; the next start folds them from the log".into());
                } else {
                    self.findings.add(Place::File { path: name }, None, "it is missing");
                }
                continue;
            }
            let mut progress = |bytes| {
                done += bytes;
                (self.progress)(Progress { stage: Stage::Files, done, total: 0 });
            };
            let checked = files::check(database, &mut progress);
            let (faults, survey) = checked.map_err(|error| OpenError::Io(error.to_string().into()))?;
            *whole = match faults.iter().all(|fault| fault.readable) {
                true if faults.is_empty() => Whole::Yes,
                true => Whole::ButForTables,
                false => Whole::No,
            };
            for fault in faults {
                let place = Place::File { path: self.shown(&fault.path) };
                self.findings.add(place, None, fault.why);
            }
            if let Some(Torn { path, at, .. }) = survey.torn {
                let journal = self.shown(&path);
                if journal.starts_with("views") {
                    // Views are written by ingestion, which no journal has.
                    let what = "that is no batch, and says nothing";
                    let note = format!("{}: there is something at byte {at} {what}", journal.display());
                    self.report.notes.push(note);
                } else {
                    self.torn = Some((journal, at));
                }
            }
        }
        Ok(whole)
    }

    /// Checks what the databases hold.
    fn contents<D: Decider>(
        &mut self,
        lock: Lock,
        decider: D,
        [log, views]: [Whole; 2],
    ) -> Result<(), OpenError> {
        let fold = decider.fold_version();
        let disk = match Disk::open_aside(self.dir, lock, self.options) {
            Ok(disk) => disk,
            Err(OpenError::Damaged(damage)) => {
                self.findings.add(Place::Log, Some(damage.position), damage.to_string());
                return Ok(());
            }
            Err(OpenError::LogBehindCheckpoint { head, checkpoint }) => {
                self.log_ends_early(head, checkpoint);
                return Ok(());
            }
            // What fjall stumbles over has been named.
            Err(OpenError::Io(_)) if log == Whole::ButForTables => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some((journal, at)) = self.torn.take() {
            let what = "was torn by a crash and is cut off";
            let note = format!("{}: the last commit, at byte {at}, {what}", journal.display());
            self.report.notes.push(note);
        }
        if log == Whole::ButForTables {
            self.unreadable(&disk);
            return disk.drop_aside();
        }
        let kept = if views == Whole::Yes { self.kept(fold)? } else { None };
        let refold = Refold::new(disk, decider, self.options);
        self.walk(refold, kept)?.drop_aside()
    }

    /// Names the positions that tables are damaged at: from where the log cannot be read on, to where it can be
    /// read from.
    fn unreadable(&mut self, disk: &Disk) {
        let records = |direction| {
            let records = disk.records(Position::ZERO, Position(u64::MAX), direction);
            let records =
                records.map_while(|entry| Record::parse(entry.as_ref().ok()?.0, entry.ok()?.1).ok());
            records.last()
        };
        let from = records(Direction::Forward).map_or(Position(1), |record| record.last().next());
        let why = match records(Direction::Backward).map(|record| record.first().0) {
            Some(after) if after > from.0 => format!("positions {from} to {} cannot be read", after - 1),
            Some(_) => return,
            None => format!("positions from {from} on cannot be read"),
        };
        self.findings.add(Place::Log, Some(from), why);
    }

    /// The views that are kept, if they can be compared, and how far they have come.
    fn kept(&mut self, fold: u32) -> Result<Option<Kept>, OpenError> {
        let database = match ViewsDatabase::kept(self.dir, self.options) {
            Ok(database) => database,
            Err(error) => {
                let place = Place::File { path: "views".into() };
                self.findings.add(place, None, format!("it cannot be opened: {error}"));
                return Ok(None);
            }
        };
        let views = database.snapshot();
        let value = match views.get(&checkpoint::key())? {
            Some(value) => value,
            None if views.range(&everything(), Direction::Forward).next().is_none() => {
                self.report
                    .notes
                    .push("there are no views yet; the next start folds them from the log".into());
                return Ok(None);
            }
            None => {
                self.findings.add(Place::Checkpoint, None, "it is missing");
                return Ok(None);
            }
        };
        let checkpoint = match checkpoint::decode(&value) {
            Ok(checkpoint) => checkpoint,
            Err(damage) => {
                self.findings.add(Place::Checkpoint, None, &*damage.why);
                return Ok(None);
            }
        };
        self.report.checkpoint = Some(checkpoint.head.position);
        if (checkpoint.format, checkpoint.fold) != (checkpoint::FORMAT, fold) {
            self.report.notes.push(
                "the views were made by another version, and not compared; the next start folds them from the log"
                    .into(),
            );
            return Ok(None);
        }
        Ok(Some(Kept { database, checkpoint }))
    }

    /// Goes through the log, and compares the views where their checkpoint is.
    fn walk<D: Decider>(&mut self, mut refold: Refold<D>, mut kept: Option<Kept>) -> Result<Disk, OpenError> {
        let total = end(refold.disk());
        let mut log = Log::new();
        let mut expected_at = None;
        self.compare_at(&log, &refold, &mut kept)?;
        for entry in refold.disk().records(Position::ZERO, Position(u64::MAX), Direction::Forward) {
            let (first, bytes) = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.findings.add(Place::Log, Some(log.head.position.next()), error.to_string());
                    return Ok(refold.abandon());
                }
            };
            let contents = log.record(first, bytes, &mut self.findings);
            if self.expect == Some(log.chain) {
                expected_at = Some(log.head.position);
            }
            if let Some(contents) = contents {
                refold.fold(contents, log.chain)?;
                self.compare_at(&log, &refold, &mut kept)?;
            }
            self.report.records = log.records;
            self.report.events = log.events;
            (self.progress)(Progress { stage: Stage::Log, done: log.head.position.0, total });
        }
        if log.sound {
            self.unique_ids(&log, &refold)?;
            if let Some(Kept { checkpoint, .. }) = kept {
                self.checkpoint_passed(&log, &checkpoint);
            }
        }
        self.report.head = Some((log.head, log.chain));
        if let Some(expect) = self.expect
            && expect != log.chain
        {
            let why = match expected_at {
                Some(position) => format!("the expected chain hash is that of position {position}"),
                None => format!("no position has the expected chain hash {expect}"),
            };
            self.findings.add(Place::Log, Some(log.head.position), why);
        }
        Ok(refold.abandon())
    }

    /// Compares the kept views with those just folded, when both are at the same position.
    fn compare_at<D: Decider>(
        &mut self,
        log: &Log,
        refold: &Refold<D>,
        kept: &mut Option<Kept>,
    ) -> Result<(), OpenError> {
        let met = kept.take_if(|kept| kept.checkpoint.head.position == log.head.position);
        let Some(Kept { database, checkpoint }) = met else { return Ok(()) };
        let position = Some(log.head.position);
        if checkpoint.chain != log.chain {
            self.findings.add(Place::Checkpoint, position, "its chain hash is not that of the log");
        }
        if checkpoint.head.time != log.head.time {
            self.findings.add(Place::Checkpoint, position, "its time is not that of the log");
        }
        let is = database.snapshot().range(&everything(), Direction::Forward);
        let is = is.filter(|entry| !matches!(entry, Ok((key, _)) if *key == checkpoint::key()));
        let should = refold.view();
        let should = should.range(&everything(), Direction::Forward);
        let should = should.filter(|entry| !matches!(entry, Ok((key, _)) if *key == checkpoint::key()));
        let progress = |done| (self.progress)(Progress { stage: Stage::Views, done, total: 0 });
        match compare::compare(is, should, &mut self.findings, progress) {
            Ok(entries) => self.report.entries = entries,
            Err(error) => {
                let place = Place::File { path: "views".into() };
                self.findings.add(place, position, error.to_string());
            }
        }
        Ok(())
    }

    /// The walk came to the end of the log and the checkpoint was not met.
    fn checkpoint_passed(&mut self, log: &Log, checkpoint: &Checkpoint) {
        let at = checkpoint.head.position;
        let head = log.head.position;
        if at > head {
            self.log_ends_early(head, at);
        } else {
            let why = format!("it is at position {at}, where no commit ends");
            self.findings.add(Place::Checkpoint, Some(at), why);
        }
    }

    fn log_ends_early(&mut self, head: Position, checkpoint: Position) {
        let why = format!(
            "it ends at position {head}, but the checkpoint was taken at {checkpoint}: acknowledged events are missing"
        );
        self.findings.add(Place::Log, Some(head), why);
    }

    /// Finds events whose ids are those of others: the index has one entry for both.
    fn unique_ids<D: Decider>(&mut self, log: &Log, refold: &Refold<D>) -> Result<(), OpenError> {
        let view = refold.view();
        let ids = KeyRange::with_prefix(&[Kind::EventId as u8]);
        let ids = view.range(&ids, Direction::Forward).try_fold(0_u64, |ids, entry| entry.map(|_| ids + 1));
        if ids? == log.events {
            return Ok(());
        }
        let mut texts = crate::texts::Texts::new();
        for entry in refold.disk().records(Position::ZERO, Position(u64::MAX), Direction::Forward) {
            let (first, bytes) = entry?;
            let record = Record::parse(first, bytes).map_err(OpenError::Damaged)?;
            for event in crate::refold::contents(&record, &mut texts).map_err(OpenError::Damaged)?.events {
                let position = event.position;
                let last = view.position_of(event.id)?;
                if let Some(last) = last.filter(|last| *last != position) {
                    let why = format!("its id {} is also that of the event at position {last}", event.id);
                    self.findings.add(Place::Event { position }, Some(position), why);
                }
            }
        }
        Ok(())
    }

    /// A path as it is told: in the data directory.
    fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.dir).unwrap_or(path).into()
    }
}

/// Every key of the derived keyspace; no key begins with 255.
fn everything() -> KeyRange {
    KeyRange { start: [0].into(), end: [u8::MAX].into() }
}

/// The last position of the log, for the eyes only: zero when it cannot be read.
fn end(disk: &Disk) -> u64 {
    let last = disk.record_before(Position(u64::MAX)).ok().flatten();
    last.and_then(|(first, bytes)| Record::parse(first, bytes).ok()).map_or(0, |record| record.last().0)
}
