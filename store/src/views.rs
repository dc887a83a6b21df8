//! The current view, and the way of its layers from memory to the disk.
//!
//! Layers are *live* until there are enough of them; then they are *frozen*, all at once and at the end of a
//! commit, and written down in the background as one sorted run with the checkpoint in it. Only when that
//! is on the disk do they leave the view, for a newer snapshot. So a view is whole at any moment, and the
//! disk is only ever behind the log.

use crate::delta::{Layer, Layers, Merged};
use crate::disk::{DerivedSnapshot, Disk};
use crate::keys::checkpoint::{self, Checkpoint};
use crate::record::Chain;
use crate::view::View;
use crate::{Head, Options, Position};
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use std::sync::Arc;

/// See the module.
pub(crate) struct Views {
    current: RwLock<Arc<View>>,
    state: Mutex<State>,
    /// Something was frozen, flushed or stopped.
    changed: Condvar,
    delta_entries_max: usize,
    delta_bytes_max: usize,
    tail_events_max: u64,
    /// Writers that wait for room.
    #[cfg(test)]
    pub(crate) waiting: std::sync::atomic::AtomicUsize,
}

struct State {
    live: Layers,
    frozen: Option<Frozen>,
    base: DerivedSnapshot,
    head: Head,
    chain: Chain,
    fold: u32,
    /// Head of the checkpoint on disk.
    checkpoint: Position,
    /// Head at the last freeze.
    frozen_at: Position,
    /// Nothing more will be flushed, and why.
    stopped: Option<Arc<str>>,
    closed: bool,
}

/// Layers on their way to the disk, newest first, and the position they make the checkpoint.
#[derive(Clone)]
pub(crate) struct Frozen {
    layers: Vec<Arc<Layer>>,
    checkpoint: Position,
}

impl Views {
    /// The view of an opened disk whose checkpoint is at `head`.
    pub(crate) fn new(base: DerivedSnapshot, head: Head, chain: Chain, fold: u32, options: &Options) -> Self {
        let state = State {
            live: Layers::default(),
            frozen: None,
            base,
            head,
            chain,
            fold,
            checkpoint: head.position,
            frozen_at: head.position,
            stopped: None,
            closed: false,
        };
        Self {
            current: RwLock::new(state.view()),
            state: Mutex::new(state),
            changed: Condvar::new(),
            delta_entries_max: options.delta_entries_max,
            delta_bytes_max: options.delta_bytes_max,
            tail_events_max: options.tail_events_max,
            #[cfg(test)]
            waiting: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// The view at the newest durable commit.
    pub(crate) fn current(&self) -> Arc<View> {
        Arc::clone(&self.current.read())
    }

    /// Position of the checkpoint on disk.
    pub(crate) fn checkpoint(&self) -> Position {
        self.state.lock().checkpoint
    }

    /// Version of the fold that makes the views.
    pub(crate) fn fold(&self) -> u32 {
        self.state.lock().fold
    }

    /// Lays a durable commit over the view.
    pub(crate) fn push(&self, layer: Layer, head: Head, chain: Chain) {
        let mut state = self.state.lock();
        state.live.push(layer);
        state.head = head;
        state.chain = chain;
        self.publish(&state);
    }

    /// Freezes if a bound is reached and nothing is frozen. Never waits.
    pub(crate) fn freeze_if_due(&self) {
        let mut state = self.state.lock();
        if self.due(&state) && state.frozen.is_none() {
            self.freeze(&mut state);
        }
    }

    /// Waits until there is room for another commit: as much as the bounds may be live while as much again
    /// is being written down.
    ///
    /// # Errors
    /// Why nothing is written down any more.
    pub(crate) fn make_room(&self) -> Result<(), Arc<str>> {
        let mut state = self.state.lock();
        loop {
            if let Some(why) = &state.stopped {
                return Err(Arc::clone(why));
            }
            if !self.due(&state) {
                return Ok(());
            }
            if state.frozen.is_none() {
                self.freeze(&mut state);
                return Ok(());
            }
            #[cfg(test)]
            self.waiting.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            self.changed.wait(&mut state);
        }
    }

    /// Brings the checkpoint to the head of this moment and waits for it.
    ///
    /// # Errors
    /// Why nothing is written down any more.
    pub(crate) fn checkpoint_at_head(&self) -> Result<(), Arc<str>> {
        let mut state = self.state.lock();
        let wanted = state.head.position;
        loop {
            if state.checkpoint >= wanted {
                return Ok(());
            }
            if let Some(why) = &state.stopped {
                return Err(Arc::clone(why));
            }
            if state.frozen.is_none() {
                self.freeze(&mut state);
            }
            self.changed.wait(&mut state);
        }
    }

    /// Waits for something to write down. None when the store closes.
    pub(crate) fn wait_frozen(&self) -> Option<Frozen> {
        let mut state = self.state.lock();
        loop {
            if state.closed || state.stopped.is_some() {
                return None;
            }
            if let Some(frozen) = &state.frozen {
                return Some(frozen.clone());
            }
            self.changed.wait(&mut state);
        }
    }

    /// Freezes, and writes down on this thread, if a bound is reached: while opening, when no other thread
    /// does.
    pub(crate) fn flush_if_due(&self, disk: &Disk) -> Result<(), Arc<str>> {
        self.freeze_if_due();
        let frozen = self.state.lock().frozen.clone();
        frozen.map_or(Ok(()), |frozen| self.flush(disk, &frozen))
    }

    /// Writes everything down on this thread, so that the checkpoint is at the head, when no other thread does.
    pub(crate) fn flush_all(&self, disk: &Disk) -> Result<(), Arc<str>> {
        self.freeze(&mut self.state.lock());
        let frozen = self.state.lock().frozen.clone();
        frozen.map_or(Ok(()), |frozen| self.flush(disk, &frozen))
    }

    /// Writes frozen layers down, and takes them out of the view.
    pub(crate) fn flush(&self, disk: &Disk, frozen: &Frozen) -> Result<(), Arc<str>> {
        let mut entries = Merged::flush(frozen.layers.iter());
        disk.ingest(std::iter::from_fn(|| entries.next_entry()))?;
        // No other ingestion is under way, so this snapshot has that one and nothing newer.
        let base = disk.snapshot();
        let mut state = self.state.lock();
        state.base = base;
        state.frozen = None;
        state.checkpoint = frozen.checkpoint;
        self.publish(&state);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Entries in memory.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> usize {
        self.current().layers.iter().map(|layer| layer.len()).sum()
    }

    /// Nothing more is written down; who waits is told why.
    pub(crate) fn stop(&self, why: &Arc<str>) {
        self.state.lock().stopped.get_or_insert_with(|| Arc::clone(why));
        self.changed.notify_all();
    }

    /// Lets the flushing thread end.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    fn due(&self, state: &State) -> bool {
        state.live.entries() >= self.delta_entries_max
            || state.live.bytes() >= self.delta_bytes_max
            || state.head.position.0 - state.frozen_at.0 >= self.tail_events_max
    }

    fn freeze(&self, state: &mut MutexGuard<'_, State>) {
        let State { head, chain, fold, .. } = **state;
        let checkpoint = Checkpoint { format: checkpoint::FORMAT, fold, head, chain };
        let entry = (checkpoint::key(), Some(checkpoint::encode(&checkpoint)));
        let live = std::mem::take(&mut state.live);
        let mut layers = vec![Arc::new(Layer::new(vec![entry]))];
        layers.extend(live.newest_first().cloned());
        state.frozen = Some(Frozen { layers, checkpoint: head.position });
        state.frozen_at = head.position;
        self.changed.notify_all();
    }

    /// Called with the state locked, so views are published in the order they come about.
    fn publish(&self, state: &State) {
        let view = state.view();
        let before = std::mem::replace(&mut *self.current.write(), view);
        drop(before);
    }
}

impl State {
    fn view(&self) -> Arc<View> {
        let frozen = self.frozen.iter().flat_map(|frozen| &frozen.layers);
        let layers = self.live.newest_first().chain(frozen).cloned().collect();
        Arc::new(View { head: self.head, layers, base: self.base.clone() })
    }
}
