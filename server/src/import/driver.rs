//! Groups parsed lines by commit and sends them to the writer, three steps a commit.

use super::read::Numbered;
use super::report::SkippedLine;
use super::{ImportError, Options, Progress, Report};
use crate::clock;
use domain::beads::{
    Batch, Change, Dependency, Issue, LeftOut, LeftOutReason, Op, Parsed, Source, Step, TAG, Wanted,
};
use domain::{Command, Outcome, Work};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::mpsc::Receiver;
use std::time::Instant;
use store::{Context, Direction, Pending, Position, Store, Text, Timestamp};

/// Changes or edge lists in one command.
const COMMAND_ITEMS: usize = 256;

/// Items in the commands sent to the writer at once, and commands at most: a small commit of the input is one.
const SEND_ITEMS: usize = 4_096;
const SEND_COMMANDS: usize = 512;

/// Sends under way. The writer decides one while it commits another, so it must not wait for us in between; and
/// all their commands together take half of its queue.
const SENDS_MAX: usize = 4;

/// Where an earlier import of the same input stopped: the metadata of its last event.
#[derive(Deserialize)]
struct Mark {
    input: String,
    line: u64,
    digest: String,
}

#[derive(Deserialize)]
struct MarkedMetadata {
    import: Mark,
}

struct Driver<'a, P> {
    store: &'a Store<Work>,
    options: &'a Options,
    progress: P,
    report: Report,
    /// Digest of the first line.
    input: Option<u64>,
    mark: Option<Mark>,
    /// Lines up to here are in the log already.
    skip_through: u64,
    group: Option<Group>,
    last_at: Option<Timestamp>,
    /// The last line that could be used.
    last_line: u64,
    outgoing: Vec<(Context, Command)>,
    outgoing_items: usize,
    sent: VecDeque<Pending<Work>>,
    edges: Edges,
}

/// The commit that is being read.
struct Group {
    source: Source,
    last_line: u64,
    last_digest: u64,
    changes: Vec<Change>,
    ids_in_batch: FxHashSet<Text>,
    /// Issues whose edges differ from what they named before.
    wanted: Vec<Wanted>,
    /// Issues first seen in this commit.
    fresh: Vec<Text>,
}

/// What the input has said of edges so far.
#[derive(Default)]
struct Edges {
    seen: FxHashSet<Text>,
    /// The edges each issue named last.
    named: FxHashMap<Text, Vec<Dependency>>,
    /// By the missing end: who names it.
    pending: FxHashMap<Text, Vec<(Text, Dependency)>>,
}

pub(super) fn drive(
    store: &Store<Work>,
    chunks: Receiver<Vec<Numbered>>,
    options: &Options,
    progress: impl FnMut(Progress),
) -> Result<Report, ImportError> {
    let started = Instant::now();
    let mut driver = Driver {
        store,
        options,
        progress,
        report: Report::default(),
        input: None,
        mark: last_mark(store)?,
        skip_through: 0,
        group: None,
        last_at: None,
        last_line: 0,
        outgoing: Vec::new(),
        outgoing_items: 0,
        sent: VecDeque::new(),
        edges: Edges::default(),
    };
    let sent = driver.send_all(chunks);
    // Also when something went wrong: what was sent is carried out, and an import that has ended has ended.
    let settled = driver.settle(0);
    sent.and(settled)?;
    driver.finish(started)
}

fn last_mark(store: &Store<Work>) -> Result<Option<Mark>, ImportError> {
    let reader = store.reader();
    let head = reader.head().position;
    let last = reader.tagged(TAG, Position::ZERO, head, Direction::Backward).next().transpose();
    let last = last.map_err(|error| ImportError::Internal(error.to_string()))?;
    Ok(last
        .and_then(|event| serde_json::from_str::<MarkedMetadata>(&event.metadata).ok())
        .map(|found| found.import))
}

impl<P: FnMut(Progress)> Driver<'_, P> {
    fn send_all(&mut self, chunks: Receiver<Vec<Numbered>>) -> Result<(), ImportError> {
        for chunk in chunks {
            for line in chunk {
                self.line(line)?;
            }
            (self.progress)(Progress { lines: self.report.lines, events: self.report.events });
        }
        self.finish_group()?;
        self.flush()
    }

    fn line(&mut self, line: Numbered) -> Result<(), ImportError> {
        self.begin(&line);
        self.report.lines += 1;
        if line.line == self.skip_through
            && let Some(mark) = &self.mark
            && mark.digest != format!("{:016x}", line.digest)
        {
            return Err(ImportError::InputDiffers { line: line.line });
        }
        let (at, commit, op) = match line.parsed {
            Ok(Parsed::Upsert { at, commit, issue }) => (seconds(at), commit, Op::Upsert(issue)),
            Ok(Parsed::Delete { at, commit, id }) => (seconds(at), commit, Op::Delete(id)),
            Ok(Parsed::Snapshot(issue)) => (None, None, Op::Upsert(issue)),
            Err(error) => {
                self.report.skipped_lines.add(SkippedLine { line: line.line, reason: error.to_string() });
                return Ok(());
            }
        };
        self.enter_group(line.line, at, commit)?;
        match &op {
            Op::Upsert(issue) => {
                self.report.upserts += 1;
                self.note_edges(line.line, line.digest, issue);
            }
            Op::Delete(_) => self.report.deletes += 1,
        }
        let group = self.group.as_mut().expect("entered above");
        (group.last_line, group.last_digest) = (line.line, line.digest);
        self.last_line = line.line;
        if line.line <= self.skip_through {
            return Ok(());
        }
        let id = match &op {
            Op::Upsert(issue) => issue.id.clone(),
            Op::Delete(id) => id.clone(),
        };
        let repeated = !group.ids_in_batch.insert(id.clone());
        if repeated || group.changes.len() == COMMAND_ITEMS {
            self.send_changes()?;
        }
        let group = self.group.as_mut().expect("sending keeps the group");
        group.ids_in_batch.insert(id);
        group.changes.push(Change { line: line.line, digest: line.digest, op });
        Ok(())
    }

    /// At the first line: whether this input was imported before, and how far.
    fn begin(&mut self, line: &Numbered) {
        if self.input.is_some() {
            return;
        }
        self.input = Some(line.digest);
        if matches!(line.parsed, Ok(Parsed::Snapshot(_))) {
            // A snapshot is compared with what is, whatever was imported before.
            self.mark = None;
            return;
        }
        if let Some(mark) = self.mark.take_if(|mark| mark.input == format!("{:016x}", line.digest)) {
            self.skip_through = mark.line;
            self.report.resumed_after_line = Some(mark.line);
            self.mark = Some(mark);
        } else {
            self.mark = None;
        }
    }

    /// Makes the line's commit the current one, finishing the one before. A snapshot is one commit of now.
    fn enter_group(
        &mut self,
        line: u64,
        at: Option<Timestamp>,
        commit: Option<Text>,
    ) -> Result<(), ImportError> {
        let at = at.unwrap_or_else(|| {
            let running = self.group.as_ref().map(|group| group.source.at);
            running.unwrap_or_else(|| clock::now().max(self.store.head().time))
        });
        if let Some(group) = &self.group
            && group.source.at == at
            && group.source.commit == commit
        {
            return Ok(());
        }
        self.finish_group()?;
        if self.last_at.is_some_and(|last| at < last) {
            return Err(ImportError::OutOfOrder { line });
        }
        self.last_at = Some(at);
        if line > self.skip_through && !self.options.restamp {
            let head = self.store.head();
            if head.time > at {
                return Err(ImportError::HeadIsLater { line, at, head: head.time });
            }
            if at > clock::now().max(head.time) {
                return Err(ImportError::InFuture { line });
            }
        }
        self.report.commits += 1;
        let source = Source {
            at,
            restamp: self.options.restamp,
            commit,
            project_id: self.options.project_id.clone(),
            input: self.input.expect("set at the first line"),
        };
        self.group = Some(Group {
            source,
            last_line: line,
            last_digest: 0,
            changes: Vec::new(),
            ids_in_batch: FxHashSet::default(),
            wanted: Vec::new(),
            fresh: Vec::new(),
        });
        Ok(())
    }

    fn note_edges(&mut self, line: u64, digest: u64, issue: &Issue) {
        let group = self.group.as_mut().expect("entered before");
        if self.edges.seen.insert(issue.id.clone()) {
            group.fresh.push(issue.id.clone());
        }
        let named = self.edges.named.get(&issue.id).map_or(&[][..], Vec::as_slice);
        if named == issue.dependencies {
            return;
        }
        if issue.dependencies.is_empty() {
            self.edges.named.remove(&issue.id);
        } else {
            self.edges.named.insert(issue.id.clone(), issue.dependencies.clone());
        }
        group.wanted.push(Wanted {
            line,
            digest,
            issue: issue.id.clone(),
            edges: issue.dependencies.clone(),
        });
    }

    fn send_changes(&mut self) -> Result<(), ImportError> {
        let group = self.group.as_mut().expect("only within a group");
        let changes = std::mem::take(&mut group.changes);
        group.ids_in_batch.clear();
        if changes.is_empty() {
            return Ok(());
        }
        let items = changes.len();
        let source = group.source.clone();
        self.send(Batch { source, step: Step::Changes(changes) }, items)
    }

    fn finish_group(&mut self) -> Result<(), ImportError> {
        if self.group.is_none() {
            return Ok(());
        }
        self.send_changes()?;
        let group = self.group.take().expect("checked above");
        let mut link = group.wanted.clone();
        // Edges that waited for an id of this commit.
        for id in &group.fresh {
            for (issue, dependency) in self.edges.pending.remove(id).unwrap_or_default() {
                let named = self.edges.named.get(&issue);
                if named.is_some_and(|edges| edges.contains(&dependency)) {
                    let (line, digest) = (group.last_line, group.last_digest);
                    link.push(Wanted { line, digest, issue, edges: vec![dependency] });
                }
            }
        }
        for wanted in &group.wanted {
            for dependency in &wanted.edges {
                if !self.edges.seen.contains(&dependency.depends_on) {
                    let waiting = self.edges.pending.entry(dependency.depends_on.clone()).or_default();
                    let entry = (wanted.issue.clone(), dependency.clone());
                    if !waiting.contains(&entry) {
                        waiting.push(entry);
                    }
                }
            }
        }
        if group.last_line < self.skip_through {
            return Ok(());
        }
        for chunk in group.wanted.chunks(COMMAND_ITEMS) {
            self.send(
                Batch { source: group.source.clone(), step: Step::Unlink(chunk.to_vec()) },
                chunk.len(),
            )?;
        }
        for chunk in link.chunks(COMMAND_ITEMS) {
            self.send(Batch { source: group.source.clone(), step: Step::Link(chunk.to_vec()) }, chunk.len())?;
        }
        Ok(())
    }

    fn send(&mut self, batch: Batch, items: usize) -> Result<(), ImportError> {
        let context =
            Context { now: clock::now(), seed: clock::fresh_id(), metadata: "{}".into(), actor: None };
        self.outgoing.push((context, Command::ImportBeads(batch)));
        self.outgoing_items += items;
        if self.outgoing_items < SEND_ITEMS && self.outgoing.len() < SEND_COMMANDS {
            return Ok(());
        }
        self.settle(SENDS_MAX - 1)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        self.outgoing_items = 0;
        let sent = self.store.enqueue_many(std::mem::take(&mut self.outgoing));
        self.sent.push_back(sent.map_err(|error| ImportError::Refused(error.to_string()))?);
        Ok(())
    }

    /// Waits for the oldest sends until no more than so many are under way.
    ///
    /// # Errors
    /// What the first that failed did so by.
    fn settle(&mut self, under_way: usize) -> Result<(), ImportError> {
        let mut settled = Ok(());
        while self.sent.len() > under_way {
            let answers = self.sent.pop_front().into_iter().flat_map(Pending::wait);
            for answer in answers {
                match answer.map(|done| done.outcome) {
                    Ok(Outcome::Imported(batch)) => self.report.add(batch),
                    Ok(other) => {
                        let why = format!("an import was answered with {other:?}");
                        settled = settled.and(Err(ImportError::Internal(why)));
                    }
                    Err(error) => settled = settled.and(Err(ImportError::Refused(error.to_string()))),
                }
            }
        }
        settled
    }

    fn finish(self, started: Instant) -> Result<Report, ImportError> {
        let last_line = self.last_line;
        if last_line < self.skip_through {
            return Err(ImportError::InputDiffers { line: self.skip_through });
        }
        let mut report = self.report;
        if report.lines > 0 && report.skipped_lines.count == report.lines {
            let first = report.skipped_lines.first.first().map(|skipped| skipped.reason.clone());
            return Err(ImportError::NothingUsable { lines: report.lines, first: first.unwrap_or_default() });
        }
        let mut missing: Vec<_> = self.edges.pending.into_iter().collect();
        missing.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let reader = self.store.reader();
        for (depends_on, waiting) in missing {
            // An id the input never named may still be a task the log had before.
            let known = reader.row(domain::rows::Table::Tasks.id(), &depends_on);
            if known.map_err(|error| ImportError::Internal(error.to_string()))?.is_some() {
                continue;
            }
            for (issue, Dependency { depends_on, kind }) in waiting {
                let reason = LeftOutReason::MissingEnd;
                report.missing_ends.add(LeftOut { issue, depends_on, kind, line: last_line, reason });
            }
        }
        report.position = self.store.head().position.0;
        report.elapsed_ms = started.elapsed().as_millis() as u64;
        let seconds = started.elapsed().as_secs_f64().max(1e-6);
        report.changes_per_second = ((report.upserts + report.deletes) as f64 / seconds) as u64;
        Ok(report)
    }
}

/// Seconds as a moment; one that does not fit lies past any clock and is refused as such.
fn seconds(at: i64) -> Option<Timestamp> {
    Some(Timestamp(at.saturating_mul(1_000_000)))
}
