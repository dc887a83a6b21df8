//! The handle.

use crate::open::{self, Opened, Started};
use crate::recent::Recent;
use crate::storage::{self, Formats, Storage};
use crate::writer::{AppendResult, CommandResult, GroupResult, Refused, Request, Role, Writer};
use crate::{
    Append, AppendError, Appended, CheckpointError, Condition, Context, Decider, Done, EventId, ExecuteError,
    Group, GroupError, Head, Meter, Observer, ObserverError, OpenError, Options, Reader, Timestamp, Told,
};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{oneshot, watch};

/// The log, its single writer, and the views beside it. A handle: clones are the same store.
///
/// When the last handle is dropped the store is closed as by [`Store::close`], on that thread; readers and
/// iterators that still live keep the directory locked until they are dropped.
pub struct Store<D: Decider>(Arc<Inner<D>>);

impl<D: Decider> Clone for Store<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Commands that wait to be decided. Dropped, they are carried out all the same.
#[must_use]
pub struct Pending<D: Decider> {
    store: Store<D>,
    answers: Vec<oneshot::Receiver<CommandResult<D>>>,
}

impl<D: Decider> Pending<D> {
    /// Waits for all answers, in the order of the commands; what one was rejected for did not stop the next.
    ///
    /// # Panics
    /// When called from async code: it blocks.
    #[allow(clippy::type_complexity, reason = "the answer of execute_blocking, many times")]
    pub fn wait(self) -> Vec<Result<Done<D::Outcome>, ExecuteError<D::Rejection>>> {
        let Self { store, answers } = self;
        let answer =
            |answer: oneshot::Receiver<_>| answer.blocking_recv().unwrap_or_else(|_| Err(store.gone()));
        answers.into_iter().map(answer).collect()
    }

    /// How many have been answered.
    #[cfg(test)]
    pub(crate) fn answered(&self) -> usize {
        self.answers.iter().filter(|answer| !answer.is_empty()).count()
    }
}

struct Inner<D: Decider> {
    writer: Arc<Writer<D>>,
    /// The writer's thread and the flushing thread; none after closing.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl<D: Decider> Store<D> {
    /// Opens the store in `dir`, or makes one; `decider` is the model in its first state.
    ///
    /// Reads the checkpoint and replays the log after it: with the default options well under a second,
    /// whatever the log's length. Without a usable checkpoint the whole log is folded again.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing that was acknowledged is changed.
    pub fn open(dir: &Path, decider: D, options: Options) -> Result<(Self, Opened), OpenError> {
        let Started { disk, views, core, chain, opened } = open::open(dir, decider, &options)?;
        let recent = Arc::new(Recent::new(&options));
        let inner = Inner {
            writer: Arc::new(Writer::new(core, chain, disk, views, recent, &options)),
            threads: Mutex::default(),
        };
        inner.spawn("agentpm-write", Writer::lead_when_handed)?;
        inner.spawn("agentpm-flush", Writer::flush_when_frozen)?;
        Ok((Self(Arc::new(inner)), opened))
    }

    /// Sets what is called with every commit from now on; once, before the first write. It must not call
    /// back into the writer, nor hold a handle of this store.
    ///
    /// # Errors
    /// When there is an observer.
    pub fn set_observer(&self, observer: Observer<D::Row>) -> Result<(), ObserverError> {
        self.0.writer.observer.set(observer).map_err(|_| ObserverError::Taken)
    }

    /// Sets what is told of every commit and flush what it cost; once.
    ///
    /// # Errors
    /// When there is one.
    pub fn set_meter(&self, meter: Meter) -> Result<(), ObserverError> {
        self.0.writer.meter.set(meter).map_err(|_| ObserverError::Taken)
    }

    /// What is on disk. Asks the file system.
    #[must_use]
    pub fn storage(&self) -> Storage {
        let (views, disk) = (&self.0.writer.views, &self.0.writer.disk);
        Storage {
            formats: Formats {
                log: crate::keys::meta::FORMAT,
                views: crate::keys::checkpoint::FORMAT,
                fold: views.fold(),
            },
            checkpoint: views.checkpoint(),
            views_bytes: disk.views_bytes(),
            log_made: storage::made(disk.node()),
            views_made: disk.views_made(),
        }
    }

    /// Requests that wait for the writer, and how many may.
    #[must_use]
    pub fn queue_depth(&self) -> (usize, usize) {
        self.0.writer.queue.depth()
    }

    /// Carries a command out. It returns when its events, and everything it was decided by, are durable.
    ///
    /// On a multi-threaded tokio runtime the caller may do the commit itself, for all who wait; on any other
    /// the writer's thread does. A caller that stops waiting does not undo its command.
    ///
    /// # Errors
    /// See [`ExecuteError`].
    pub async fn execute(
        &self,
        context: Context,
        command: D::Command,
    ) -> Result<Done<D::Outcome>, ExecuteError<D::Rejection>> {
        let (reply, answer) = oneshot::channel::<CommandResult<D>>();
        self.put_async(Request::Command { context, command, reply })?;
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// [`Store::execute`] for threads outside of a runtime; the caller that finds the writer idle commits on
    /// its own thread.
    ///
    /// # Errors
    /// See [`ExecuteError`].
    ///
    /// # Panics
    /// When called from async code: it blocks.
    pub fn execute_blocking(
        &self,
        context: Context,
        command: D::Command,
    ) -> Result<Done<D::Outcome>, ExecuteError<D::Rejection>> {
        let (reply, answer) = oneshot::channel::<CommandResult<D>>();
        self.put_blocking(Request::Command { context, command, reply })?;
        answer.blocking_recv().unwrap_or_else(|_| Err(self.gone()))
    }

    /// Puts many commands into the queue, all or none, to be decided one after another with no other's between:
    /// in as few commits as the bounds of one allow. Who puts more in before it [waits](Pending::wait) for
    /// these keeps the writer busy: it decides the next while it commits the last.
    ///
    /// # Errors
    /// When the queue cannot take them, or the store is closed or poisoned.
    pub fn enqueue_many(
        &self,
        commands: Vec<(Context, D::Command)>,
    ) -> Result<Pending<D>, ExecuteError<D::Rejection>> {
        let (requests, answers): (Vec<_>, Vec<_>) = commands
            .into_iter()
            .map(|(context, command)| {
                let (reply, answer) = oneshot::channel::<CommandResult<D>>();
                (Request::Command { context, command, reply }, answer)
            })
            .unzip();
        let queue = &self.0.writer.queue;
        match queue.put_many(requests).map_err(|refused| self.refused(refused))? {
            Role::Wait => {}
            Role::Lead => queue.hand_over(),
        }
        Ok(Pending { store: self.clone(), answers })
    }

    /// Appends events as they are given. The model folds them, it does not decide about them. The same
    /// append made again, by the ids of its events, has the answer of the first time.
    ///
    /// # Errors
    /// See [`ExecuteError`] and [`AppendError`].
    pub async fn append(
        &self,
        context: Context,
        append: Append,
    ) -> Result<Appended, ExecuteError<AppendError>> {
        self.append_if(context, append, None).await
    }

    /// [`Store::append`], unless there is an event that the condition says must not be there. An append that
    /// was made before has its answer, whatever has happened since.
    ///
    /// # Errors
    /// See [`ExecuteError`] and [`AppendError`].
    pub async fn append_if(
        &self,
        context: Context,
        append: Append,
        condition: Option<Condition>,
    ) -> Result<Appended, ExecuteError<AppendError>> {
        let (reply, answer) = oneshot::channel::<AppendResult>();
        self.put_async(Request::Append { context, append, condition, reply })?;
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// [`Store::append`] for threads outside of a runtime.
    ///
    /// # Errors
    /// See [`ExecuteError`] and [`AppendError`].
    ///
    /// # Panics
    /// When called from async code: it blocks.
    pub fn append_blocking(
        &self,
        context: Context,
        append: Append,
    ) -> Result<Appended, ExecuteError<AppendError>> {
        let (reply, answer) = oneshot::channel::<AppendResult>();
        self.put_blocking(Request::Append { context, append, condition: None, reply })?;
        answer.blocking_recv().unwrap_or_else(|_| Err(self.gone()))
    }

    /// Carries several things out as one, and keeps the answer for when it is asked for again. See [`Group`].
    ///
    /// # Errors
    /// See [`ExecuteError`] and [`GroupError`]; nothing was written.
    pub async fn execute_group(
        &self,
        group: Group<D>,
    ) -> Result<Told<D>, ExecuteError<GroupError<D::Rejection>>> {
        let (reply, answer) = oneshot::channel::<GroupResult<D>>();
        self.put_async(Request::Group { group, reply })?;
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Reads as of the durable head of this moment.
    #[must_use]
    pub fn reader(&self) -> Reader<D::Row> {
        let writer = &self.0.writer;
        Reader::new(writer.views.current(), Arc::clone(&writer.disk), Arc::clone(&writer.recent))
    }

    /// The durable head.
    #[must_use]
    pub fn head(&self) -> Head {
        *self.0.writer.head.borrow()
    }

    /// The durable head, and when it moves. A [`Store::reader`] made after a change is at that head or past it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Head> {
        self.0.writer.head.subscribe()
    }

    /// When time alone gives the model something to do, as of the head.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        *self.0.writer.deadline.lock()
    }

    /// Position of the checkpoint on disk: what comes after it is replayed at the next start.
    #[must_use]
    pub fn checkpoint(&self) -> crate::Position {
        self.0.writer.views.checkpoint()
    }

    /// Id of this data directory, made with it.
    #[must_use]
    pub fn node_id(&self) -> EventId {
        self.0.writer.disk.node()
    }

    /// Why the writer has stopped, if it has. Reads go on; writes need the store to be opened again.
    #[must_use]
    pub fn poisoned(&self) -> Option<Arc<str>> {
        self.0.writer.poison.get()
    }

    /// Returns when the writer stops, with the reason. A server exits then, to recover by opening again.
    pub async fn wait_poisoned(&self) -> Arc<str> {
        self.0.writer.poison.wait().await
    }

    /// Writes all views down and brings the checkpoint to the head of this moment. Blocks.
    ///
    /// # Errors
    /// When the writer has stopped.
    pub fn checkpoint_blocking(&self) -> Result<(), CheckpointError> {
        self.0.writer.views.checkpoint_at_head().map_err(CheckpointError::Poisoned)
    }

    /// Closes the store for all its handles: answers what waits, refuses what comes, and brings the
    /// checkpoint to the head, so that the next start replays nothing. Blocks.
    ///
    /// # Errors
    /// When the writer has stopped; nothing acknowledged is lost, the next start replays.
    pub fn close(self) -> Result<(), CheckpointError> {
        self.0.close()
    }

    fn put_async<R>(&self, request: Request<D>) -> Result<(), ExecuteError<R>> {
        let queue = &self.0.writer.queue;
        match queue.put(request).map_err(|refused| self.refused(refused))? {
            Role::Wait => {}
            Role::Lead => match Handle::try_current().map(|handle| handle.runtime_flavor()) {
                Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| self.0.writer.lead_once()),
                // There is no other thread that could run the tasks this one would hold up.
                _ => queue.hand_over(),
            },
        }
        Ok(())
    }

    fn put_blocking<R>(&self, request: Request<D>) -> Result<(), ExecuteError<R>> {
        match self.0.writer.queue.put(request).map_err(|refused| self.refused(refused))? {
            Role::Wait => {}
            Role::Lead => self.0.writer.lead_once(),
        }
        Ok(())
    }

    fn refused<R>(&self, refused: Refused) -> ExecuteError<R> {
        match refused {
            Refused::Full => ExecuteError::QueueFull,
            Refused::Closed => ExecuteError::Closed,
            Refused::Poisoned => self.gone(),
        }
    }

    /// Why a request got no answer.
    fn gone<R>(&self) -> ExecuteError<R> {
        self.poisoned().map_or(ExecuteError::Closed, ExecuteError::Poisoned)
    }

    /// Ends as a killed process does, but for the memory: what waits is lost, no checkpoint is taken.
    #[cfg(test)]
    pub(crate) fn crash(self) {
        self.0.writer.views.stop(&"crashed".into());
        assert!(self.0.close().is_err() || self.head().position == self.checkpoint());
    }

    #[cfg(test)]
    pub(crate) fn writer(&self) -> &Writer<D> {
        &self.0.writer
    }
}

impl<D: Decider> Inner<D> {
    fn spawn(&self, name: &str, body: impl FnOnce(&Writer<D>) + Send + 'static) -> Result<(), OpenError> {
        let writer = Arc::clone(&self.writer);
        let thread = thread::Builder::new()
            .name(name.into())
            .spawn(move || body(&writer))
            .map_err(|error| OpenError::Io(error.to_string().into()))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    fn close(&self) -> Result<(), CheckpointError> {
        let threads = std::mem::take(&mut *self.threads.lock());
        if threads.is_empty() {
            return Ok(());
        }
        self.writer.queue.close();
        let checkpoint = self.writer.views.checkpoint_at_head().map_err(CheckpointError::Poisoned);
        self.writer.queue.end();
        self.writer.views.close();
        for thread in threads {
            // Its body catches panics; there is nobody to tell of another.
            let _ = thread.join();
        }
        checkpoint
    }
}

impl<D: Decider> Drop for Inner<D> {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "closed without a checkpoint: the next start replays the log's tail");
        }
    }
}
