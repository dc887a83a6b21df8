//! How far named readers of the log are: a little durable state beside the log that is no fact of the work.
//!
//! It has a database of its own, `DATA/cursors`, made when the first is written. One thread writes it: what waits
//! goes down together, with one fsync, and only then is anybody told.

mod keys;
#[cfg(test)]
mod test;
mod writer;

use crate::{EventId, OpenError, Position, Text, Timestamp};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// Writes that wait for the thread. Each is a few hundred bytes at most, but a definition.
const QUEUE_WRITES_MAX: usize = 4_096;

/// What is kept under one name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// What its owner says of it, as the owner wrote it; none when there is no such name.
    pub definition: Option<Arc<[u8]>>,
    /// Everything up to here is done with.
    pub floor: Position,
    /// What is done with above the floor.
    pub done: BTreeSet<Position>,
    /// What was tried and is not done with.
    pub tried: BTreeMap<Position, Tried>,
    /// What was put aside.
    pub parked: BTreeMap<Position, Parked>,
}

/// An event that was delivered and is not done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// How often.
    pub attempts: u32,
    /// Not again before then.
    pub not_before: Option<Timestamp>,
}

/// An event that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The event.
    pub id: EventId,
    /// Its stream.
    pub stream: Text,
    /// How often it was delivered.
    pub attempts: u32,
    /// Since when.
    pub since: Timestamp,
    /// Why, for people.
    pub reason: Text,
    /// Whether it is being delivered again.
    pub again: bool,
}

/// One change of what is kept under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It is this from now on.
    Define(Arc<[u8]>),
    /// Everything up to here is done with.
    Floor(Position),
    /// This is done with, above the floor.
    Done(Position),
    /// That need not be known any more.
    Undone(Position),
    /// This was tried.
    Tried(Position, Tried),
    /// That need not be known any more.
    Untried(Position),
    /// This was put aside.
    Parked(Position, Parked),
    /// It no longer is.
    Unparked(Position),
    /// Nothing is kept under the name any more. It stands alone.
    Forget,
}

/// Why nothing can be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CursorsError {
    /// Too many writes wait.
    #[error("{QUEUE_WRITES_MAX} changes wait to be written already")]
    QueueFull,
    /// A write failed, so that what is on disk is behind what was said; or it was closed.
    #[error("the state of subscriptions is not written any more: {0}")]
    Stopped(Arc<str>),
}

/// Everything that is kept, by name.
pub type AllKept = BTreeMap<Text, Kept>;

/// A handle: clones are the same.
#[derive(Clone)]
pub struct Cursors(Arc<Inner>);

struct Inner {
    queue: Mutex<Option<mpsc::Sender<Write>>>,
    stopped: Arc<OnceLock<Arc<str>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread is given.
struct Write {
    name: Text,
    notes: Vec<Note>,
    answer: oneshot::Sender<Result<(), CursorsError>>,
}

/// A place in the queue.
pub struct Slot {
    place: mpsc::OwnedPermit<Write>,
    stopped: Arc<OnceLock<Arc<str>>>,
}

/// A write that is on its way; dropped, it is carried out all the same.
#[must_use]
pub struct Writing {
    answer: oneshot::Receiver<Result<(), CursorsError>>,
    stopped: Arc<OnceLock<Arc<str>>>,
}

impl Cursors {
    /// Opens what is kept in a data directory whose lock is held.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(data: &Path) -> Result<(Self, AllKept), OpenError> {
        let (mut disk, kept) = writer::Disk::open(data)?;
        let (queue, writes) = mpsc::channel(QUEUE_WRITES_MAX);
        let stopped = Arc::new(OnceLock::new());
        let told = Arc::clone(&stopped);
        let thread = std::thread::Builder::new()
            .name("agentpm-cursors".into())
            .spawn(move || disk.serve(writes, &told))
            .map_err(|error| OpenError::Io(error.to_string().into()))?;
        let inner = Inner { queue: Mutex::new(Some(queue)), stopped, thread: Mutex::new(Some(thread)) };
        Ok((Self(Arc::new(inner)), kept))
    }

    /// Takes a place in the queue. Whoever changes what it keeps in memory takes it before, so that nothing is
    /// changed that cannot be written.
    ///
    /// # Errors
    /// When there is none, or nothing is written any more.
    pub fn reserve(&self) -> Result<Slot, CursorsError> {
        let stopped = Arc::clone(&self.0.stopped);
        if let Some(why) = stopped.get() {
            return Err(CursorsError::Stopped(Arc::clone(why)));
        }
        let Some(queue) = self.0.queue.lock().clone() else { return Err(closed()) };
        match queue.try_reserve_owned() {
            Ok(place) => Ok(Slot { place, stopped }),
            Err(mpsc::error::TrySendError::Full(_)) => Err(CursorsError::QueueFull),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(gone(&stopped)),
        }
    }

    /// Why nothing is written any more, if a write failed.
    #[must_use]
    pub fn stopped(&self) -> Option<Arc<str>> {
        self.0.stopped.get().cloned()
    }

    /// Writes what waits, and ends. What comes after is refused. It blocks.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn close(&self) {
        drop(self.queue.lock().take());
        let thread = self.thread.lock().take();
        // It panicked: that was told where it happened, and nothing more is to be done here.
        let _ = thread.map(JoinHandle::join);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Slot {
    /// Queues changes under a name; those of one call are all on disk or none of them.
    pub fn write(self, name: &Text, notes: Vec<Note>) -> Writing {
        let (answer, told) = oneshot::channel();
        self.place.send(Write { name: Arc::clone(name), notes, answer });
        Writing { answer: told, stopped: self.stopped }
    }
}

impl Future for Writing {
    type Output = Result<(), CursorsError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let told = ready!(Pin::new(&mut self.answer).poll(cx));
        Poll::Ready(told.unwrap_or_else(|_| Err(gone(&self.stopped))))
    }
}

fn gone(stopped: &OnceLock<Arc<str>>) -> CursorsError {
    stopped.get().map_or_else(closed, |why| CursorsError::Stopped(Arc::clone(why)))
}

fn closed() -> CursorsError {
    CursorsError::Stopped("it was closed".into())
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursors").field("stopped", &self.0.stopped.get()).finish_non_exhaustive()
    }
}
