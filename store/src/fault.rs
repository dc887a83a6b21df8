//! Faults that tests inject. Nothing of it is in a build that is not a test.

use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Switches of one open store.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// The next commit fails before anything is written.
    pub(crate) fail_commit: AtomicBool,
    /// The next commit is written, and then said to have failed.
    pub(crate) lose_commit_answer: AtomicBool,
    /// The next flush fails before it is registered.
    pub(crate) fail_flush: AtomicBool,
    /// Commits wait while it is shut.
    pub(crate) commit_gate: Gate,
    /// Flushes wait while it is shut.
    pub(crate) flush_gate: Gate,
}

impl Faults {
    pub(crate) fn before_commit(&self) -> Result<(), Arc<str>> {
        self.commit_gate.pass();
        trip(&self.fail_commit, "injected: the commit failed")
    }

    pub(crate) fn after_commit(&self) -> Result<(), Arc<str>> {
        trip(&self.lose_commit_answer, "injected: the answer to the commit was lost")
    }

    pub(crate) fn before_flush(&self) -> Result<(), Arc<str>> {
        self.flush_gate.pass();
        trip(&self.fail_flush, "injected: the flush failed")
    }
}

fn trip(switch: &AtomicBool, why: &str) -> Result<(), Arc<str>> {
    if switch.swap(false, SeqCst) { Err(why.into()) } else { Ok(()) }
}

/// Open at first. Shut, it holds whoever comes until it is opened or lets one pass.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    shut: bool,
    passes: usize,
    waiting: usize,
}

impl Gate {
    pub(crate) fn shut(&self) {
        self.state.lock().shut = true;
    }

    pub(crate) fn open(&self) {
        self.state.lock().shut = false;
        self.changed.notify_all();
    }

    /// Lets one pass, who stands there or who comes next.
    pub(crate) fn let_one_pass(&self) {
        self.state.lock().passes += 1;
        self.changed.notify_all();
    }

    /// Returns when somebody stands before the shut gate.
    pub(crate) fn wait_for_somebody(&self) {
        let mut state = self.state.lock();
        while state.waiting == 0 {
            self.changed.wait(&mut state);
        }
    }

    fn pass(&self) {
        let mut state = self.state.lock();
        state.waiting += 1;
        self.changed.notify_all();
        while state.shut && state.passes == 0 {
            self.changed.wait(&mut state);
        }
        state.waiting -= 1;
        if state.shut {
            state.passes -= 1;
        }
    }
}
