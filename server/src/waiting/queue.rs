//! Who waits, and what is offered to whom.

use crate::app::App;
use crate::error::Error;
use domain::rows::Task;
use domain::{TextSet, offer};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Digest, Position, Text};
use tokio::sync::Notify;

/// Most claims that wait at a time.
pub(crate) const WAITERS_MAX: usize = 4_096;

/// Most tasks that are kept on offer at a time. When more become ready than this, with claims for them that are busy,
/// everybody is woken once: there is work for all.
const OFFERS_MAX: usize = 1_024;

/// The claims that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    queue: Mutex<Queue>,
    /// Somebody came while nobody waited.
    pub(super) arrived: Notify,
    tries: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    /// In the order they came.
    waiters: BTreeMap<u64, Waiter>,
    /// Ready tasks that somebody who waits has not tried since they became so.
    offers: BTreeMap<Text, Offer>,
    /// Counts offers: who began to try after one has tried it.
    tick: u64,
    /// Number of the next waiter.
    next: u64,
    /// Where the log is to be followed from; none while nobody follows it.
    from: Option<Position>,
}

#[derive(Debug)]
struct Waiter {
    agent_id: Text,
    caps: TextSet,
    /// Of the request it was made with: whoever waits with the same one waits for the first's answer.
    key: Option<Digest>,
    wake: Arc<Notify>,
    /// It was woken, and has not begun to try since.
    woken: bool,
    /// The tick when its last try that gave nothing began.
    tried: u64,
    /// What it was woken for.
    offered: Option<Text>,
}

#[derive(Debug)]
struct Offer {
    task: Arc<Task>,
    tick: u64,
    /// Who was woken for it.
    holder: Option<u64>,
}

impl Waiter {
    fn wake(&mut self) {
        if !self.woken {
            self.woken = true;
            self.wake.notify_one();
        }
    }

    fn may_try(&self, offer: &Offer) -> bool {
        self.tried < offer.tick && offer::may_take_as(&offer.task, &self.agent_id, &self.caps)
    }
}

impl Queue {
    /// A task is ready.
    fn offer(&mut self, task: &Arc<Task>) {
        self.tick += 1;
        let tick = self.tick;
        if self.offers.len() >= OFFERS_MAX && !self.offers.contains_key(&task.id) {
            self.waiters.values_mut().for_each(Waiter::wake);
            return;
        }
        let holder = self.offers.get(&task.id).and_then(|offer| offer.holder);
        // Who was woken for it may be trying already, and did not see it as it is now.
        if let Some(waiter) = holder.and_then(|holder| self.waiters.get_mut(&holder)) {
            waiter.wake();
        }
        self.offers.insert(task.id.clone(), Offer { task: task.clone(), tick, holder });
        self.assign();
    }

    /// Wakes the first who may try, for each offer that nobody was woken for; forgets those that all have tried.
    fn assign(&mut self) {
        let waiters = &mut self.waiters;
        self.offers.retain(|id, offer| {
            if offer.holder.is_some() {
                return true;
            }
            let mut is_left = false;
            for (number, waiter) in waiters.iter_mut() {
                if !waiter.may_try(offer) {
                    continue;
                }
                is_left = true;
                if waiter.offered.is_none() {
                    waiter.offered = Some(id.clone());
                    waiter.wake();
                    offer.holder = Some(*number);
                    break;
                }
            }
            is_left
        });
    }

    /// The task is nobody's to take any more; who was woken for it is free for another.
    fn withdraw(&mut self, task_id: &str) {
        if let Some(offer) = self.offers.remove(task_id)
            && let Some(waiter) = offer.holder.and_then(|holder| self.waiters.get_mut(&holder))
        {
            waiter.offered = None;
        }
    }

    /// A waiter no longer tries what it was woken for.
    fn give_up(&mut self, task_id: Option<Text>, is_ready: impl FnOnce(&str) -> bool) {
        let Some(id) = task_id else { return };
        if !is_ready(&id) {
            self.offers.remove(&id);
        } else if let Some(offer) = self.offers.get_mut(&id) {
            offer.holder = None;
        }
    }
}

impl Waiting {
    /// A place at the end of the queue.
    ///
    /// # Errors
    /// `ERR_UNAVAILABLE` when too many wait.
    pub(crate) fn enter<'a>(
        &self,
        app: &'a App,
        agent_id: &Text,
        key: Option<Digest>,
    ) -> Result<Ticket<'a>, Error> {
        let wake = Arc::new(Notify::new());
        let number = {
            let mut queue = self.queue.lock();
            if queue.waiters.len() >= WAITERS_MAX {
                return Err(Error::unavailable(format!("{WAITERS_MAX} claims wait already"))
                    .hint("claim without wait_ms, and again later"));
            }
            let number = queue.next;
            queue.next += 1;
            let waiter = Waiter {
                agent_id: agent_id.clone(),
                caps: TextSet::default(),
                key,
                wake: wake.clone(),
                woken: false,
                tried: 0,
                offered: None,
            };
            queue.waiters.insert(number, waiter);
            if queue.from.is_none() {
                queue.from = Some(app.store().head().position);
                self.arrived.notify_one();
            }
            number
        };
        let ticket = Ticket { app, number, wake };
        // After it is in the queue: what changes from now on is told to it.
        self.set_caps(app, agent_id, false);
        Ok(ticket)
    }

    /// The agent's capabilities may have changed: those who wait for it may find other work.
    pub(super) fn set_caps(&self, app: &App, agent_id: &Text, wake: bool) {
        let has_agent = |queue: &Queue| queue.waiters.values().any(|waiter| waiter.agent_id == *agent_id);
        if !has_agent(&self.queue.lock()) {
            return;
        }
        let caps = app.engine.pin().agent(agent_id).map(|agent| agent.caps.clone()).unwrap_or_default();
        let mut queue = self.queue.lock();
        for waiter in queue.waiters.values_mut().filter(|waiter| waiter.agent_id == *agent_id) {
            let is_other = waiter.caps != caps;
            waiter.caps = caps.clone();
            if wake && is_other {
                waiter.wake();
            }
        }
    }

    /// These tasks may have become ready, or ceased to be.
    pub(super) fn touched(&self, app: &App, ids: &BTreeSet<Text>) {
        let pinned = app.engine.pin();
        let now = crate::clock::now();
        let mut queue = self.queue.lock();
        for id in ids {
            match pinned.bare_task(id).filter(|(task, graph)| offer::is_ready(task, graph, now)) {
                Some((task, _)) => queue.offer(task),
                None => queue.withdraw(id),
            }
        }
        queue.assign();
    }

    /// Where to follow the log from; none when nobody waits, and then nobody follows.
    pub(super) fn from(&self) -> Option<Position> {
        let mut queue = self.queue.lock();
        if queue.waiters.is_empty() {
            queue.from = None;
            queue.offers.clear();
        }
        queue.from
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.queue.lock().waiters.len()
    }

    /// How often claims that wait were tried so far.
    #[cfg(test)]
    pub(crate) fn tries(&self) -> u64 {
        self.tries.load(Ordering::Relaxed)
    }
}

/// A place in the queue; given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    app: &'a App,
    number: u64,
    wake: Arc<Notify>,
}

/// A try that has begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try(u64);

impl Ticket<'_> {
    /// To be called before each try.
    pub(crate) fn begin(&self) -> Try {
        let waiting = &self.app.waiting;
        waiting.tries.fetch_add(1, Ordering::Relaxed);
        let mut queue = waiting.queue.lock();
        let tick = queue.tick;
        if let Some(waiter) = queue.waiters.get_mut(&self.number) {
            waiter.woken = false;
        }
        Try(tick)
    }

    /// The try gave nothing: what it was woken for goes to the next.
    pub(crate) fn in_vain(&self, Try(began): Try) {
        let mut queue = self.app.waiting.queue.lock();
        let Queue { waiters, offers, .. } = &mut *queue;
        let Some(waiter) = waiters.get_mut(&self.number) else { return };
        waiter.tried = began;
        // One that came after it began is still to be tried.
        let is_tried =
            waiter.offered.as_ref().is_some_and(|id| offers.get(id).is_none_or(|offer| offer.tick <= began));
        let offered = if is_tried { waiter.offered.take() } else { None };
        queue.give_up(offered, |id| is_ready(self.app, id));
        queue.assign();
    }

    /// The try gave these tasks: the place is free, and what it was woken for goes to the next if it is left.
    pub(crate) fn took<'t>(self, tasks: impl IntoIterator<Item = &'t Text>) {
        let mut queue = self.app.waiting.queue.lock();
        for id in tasks {
            queue.withdraw(id);
        }
        let key = queue.waiters.get(&self.number).and_then(|waiter| waiter.key);
        let same = queue.waiters.values_mut().filter(|waiter| key.is_some() && waiter.key == key);
        same.for_each(Waiter::wake);
        // Dropping it does the rest.
    }

    /// Returns when it is worth a try.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut queue = self.app.waiting.queue.lock();
        let offered = queue.waiters.remove(&self.number).and_then(|waiter| waiter.offered);
        queue.give_up(offered, |id| is_ready(self.app, id));
        queue.assign();
    }
}

fn is_ready(app: &App, task_id: &str) -> bool {
    let pinned = app.engine.pin();
    let task = pinned.bare_task(task_id);
    task.is_some_and(|(task, graph)| offer::is_ready(task, graph, crate::clock::now()))
}
