//! The bounded queue before the writer, and who leads.
//!
//! **Invariant**: whenever a request waits, somebody leads. Whoever puts a request into an idle queue becomes
//! the leader in the same step; a leader stops leading only in the step that finds the queue empty, or hands
//! over to the writer's thread, which cannot be cancelled.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Leadership was handed to the writer's thread, or the thread is to end.
    handed: Condvar,
    /// Nobody leads any more.
    idle: Condvar,
    requests_max: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    leading: bool,
    handed: bool,
    /// Takes no more requests, and why.
    refuses: Option<Refused>,
    ending: bool,
}

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
    Poisoned,
}

/// What whoever put a request in does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Role {
    /// Lead: nobody else does.
    Lead,
    /// Wait for the answer.
    Wait,
}

impl<T> Queue<T> {
    pub(crate) fn new(requests_max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                leading: false,
                handed: false,
                refuses: None,
                ending: false,
            }),
            handed: Condvar::new(),
            idle: Condvar::new(),
            requests_max,
        }
    }

    /// Puts a request in.
    pub(crate) fn put(&self, request: T) -> Result<Role, Refused> {
        self.put_many([request])
    }

    /// Puts requests in, all or none, with no other between them.
    pub(crate) fn put_many<I>(&self, requests: I) -> Result<Role, Refused>
    where
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        let requests = requests.into_iter();
        let mut state = self.state.lock();
        if let Some(refused) = state.refuses {
            return Err(refused);
        }
        if state.waiting.len() + requests.len() > self.requests_max {
            return Err(Refused::Full);
        }
        state.waiting.extend(requests);
        Ok(if std::mem::replace(&mut state.leading, true) { Role::Wait } else { Role::Lead })
    }

    /// The leader takes the oldest request.
    pub(crate) fn take(&self) -> Option<T> {
        self.state.lock().waiting.pop_front()
    }

    /// Whether something waits.
    pub(crate) fn waits(&self) -> bool {
        !self.state.lock().waiting.is_empty()
    }

    /// The leader stops leading if nothing waits; says whether it did.
    pub(crate) fn rest(&self) -> bool {
        let mut state = self.state.lock();
        if state.waiting.is_empty() {
            state.leading = false;
            self.idle.notify_all();
        }
        !state.leading
    }

    /// The leader stops leading; if something waits, the writer's thread leads on.
    pub(crate) fn hand_over(&self) {
        if !self.rest() {
            self.state.lock().handed = true;
            self.handed.notify_one();
        }
    }

    /// The writer's thread waits to lead. False when it is to end.
    pub(crate) fn wait_to_lead(&self) -> bool {
        let mut state = self.state.lock();
        loop {
            if std::mem::take(&mut state.handed) {
                return true;
            }
            if state.ending {
                return false;
            }
            self.handed.wait(&mut state);
        }
    }

    /// Takes no more requests, and returns when all that wait have been answered.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.refuses.get_or_insert(Refused::Closed);
        while state.leading {
            self.idle.wait(&mut state);
        }
    }

    /// Takes no more requests and gives those that wait, for the leader to drop.
    pub(crate) fn poison(&self) -> VecDeque<T> {
        let mut state = self.state.lock();
        state.refuses = Some(Refused::Poisoned);
        std::mem::take(&mut state.waiting)
    }

    /// Lets the writer's thread end.
    pub(crate) fn end(&self) {
        self.state.lock().ending = true;
        self.handed.notify_all();
    }

    #[cfg(test)]
    pub(crate) fn refuses(&self) -> Option<Refused> {
        self.state.lock().refuses
    }

    /// Requests that wait, and how many may.
    pub(crate) fn depth(&self) -> (usize, usize) {
        (self.state.lock().waiting.len(), self.requests_max)
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.depth().0
    }
}
