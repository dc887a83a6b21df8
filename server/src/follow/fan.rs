//! From the log to all who are live: each event is read once, looked up by what is asked for, tested once per distinct
//! predicate, and put into the mailboxes of those who follow with it.
//!
//! The invariant that followers stand on: a [`Seat`] taken at position *p* gets, in order, every event after *p* that
//! its predicate holds for and that was dealt, until its mailbox closes; it closes before an event, never over one.
//! Who takes a seat therefore reads the log up to *p* by itself, and a mailbox that has closed after *q* is left for
//! the log after *q*: there is no position between that nobody looks at.

use super::mailbox::Mailbox;
use super::shown::Shown;
use crate::app::Shared;
use crate::error::Error;
use crate::http::blocking;
use parking_lot::Mutex;
use query::{EventPredicate, Interests};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Direction, Event, Position};

/// Events dealt in one go. Whoever takes or leaves a seat waits that long.
const DEAL_EVENTS: u64 = 128;

/// A stretch this short is what was committed just now; the store still has it in memory, and reading it at
/// once is cheaper than handing it to a thread that may block.
pub(super) const INLINE_EVENTS: u64 = 128;

/// After the log could not be read it is tried again so late; followers that need it are told when they read themselves.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Everybody who is live.
#[derive(Debug, Default)]
pub(crate) struct Fan {
    seats: Mutex<Seats>,
    /// Everything up to here was dealt. Written with the seats locked, after the mailboxes.
    dealt: AtomicU64,
    /// A fault of ours: the checker has to find it.
    #[cfg(test)]
    pub(super) planted: Mutex<Option<super::test::Fault>>,
}

#[derive(Debug, Default)]
struct Seats {
    groups: FxHashMap<u64, Group>,
    by_predicate: FxHashMap<EventPredicate, u64>,
    interests: Interests,
    next_group: u64,
}

/// All who follow with one predicate.
#[derive(Debug)]
struct Group {
    predicate: EventPredicate,
    members: Vec<Arc<Mailbox>>,
}

/// A place among those who are live, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    fan: Arc<Fan>,
    group: u64,
    mailbox: Arc<Mailbox>,
    /// It gets what comes after this.
    after: Position,
}

impl Fan {
    /// With nobody there, at the head of the log.
    pub(crate) fn at(head: Position) -> Self {
        Self { dealt: AtomicU64::new(head.0), ..Self::default() }
    }

    /// Takes a seat: see the invariant above.
    pub(super) fn sit(self: &Arc<Self>, predicate: &EventPredicate) -> Seat {
        let mailbox = Arc::new(Mailbox::default());
        let mut seats = self.seats.lock();
        let after = self.dealt();
        let group = match seats.by_predicate.get(predicate) {
            Some(group) => *group,
            None => seats.found(predicate),
        };
        if let Some(group) = seats.groups.get_mut(&group) {
            group.members.push(Arc::clone(&mailbox));
        }
        drop(seats);
        Seat { fan: Arc::clone(self), group, mailbox, after }
    }

    /// Everything up to here was dealt.
    pub(super) fn dealt(&self) -> Position {
        Position(self.dealt.load(Ordering::Acquire))
    }

    /// How many distinct predicates are followed live.
    pub(crate) fn groups(&self) -> usize {
        self.seats.lock().groups.len()
    }

    /// Deals nothing, up to `upto`, if there is nobody to deal to.
    fn pass_over(&self, upto: Position) -> bool {
        let seats = self.seats.lock();
        let is_nobody_there = seats.groups.is_empty();
        if is_nobody_there {
            self.dealt.store(upto.0, Ordering::Release);
        }
        is_nobody_there
    }

    /// Deals events that follow those dealt before, in order, up to `upto`.
    fn deal(&self, events: Vec<Event>, upto: Position) {
        let mut seats = self.seats.lock();
        let mut wanting = Vec::new();
        for event in events {
            seats.interests.of(&event, |group| wanting.push(group));
            if wanting.is_empty() {
                continue;
            }
            #[cfg(test)]
            if *self.planted.lock() == Some(super::test::Fault::LosesSome) && event.position.0 % 50 == 0 {
                wanting.clear();
            }
            let shown = Shown::new(event);
            for group in wanting.drain(..) {
                seats.give(group, &shown);
            }
        }
        self.dealt.store(upto.0, Ordering::Release);
    }
}

impl Seats {
    /// A group of a predicate's own.
    fn found(&mut self, predicate: &EventPredicate) -> u64 {
        let id = self.next_group;
        self.next_group += 1;
        self.groups.insert(id, Group { predicate: predicate.clone(), members: Vec::new() });
        self.by_predicate.insert(predicate.clone(), id);
        self.interests.add(&predicate.sought, id);
        id
    }

    /// Gives an event to a group, if it wants it.
    fn give(&mut self, id: u64, shown: &Arc<Shown>) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        match group.predicate.holds(shown.event()) {
            Ok(false) => {}
            Ok(true) => group.members.retain(|mailbox| mailbox.put(shown)),
            // Each reads the log up to there by itself, and finds the error with its own words.
            Err(_) => group.members.drain(..).for_each(|mailbox| mailbox.close_before(shown.position())),
        }
        self.forget_empty(id);
    }

    fn leave(&mut self, id: u64, mailbox: &Arc<Mailbox>) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        if let Some(place) = group.members.iter().position(|other| Arc::ptr_eq(other, mailbox)) {
            group.members.swap_remove(place);
        }
        self.forget_empty(id);
    }

    fn forget_empty(&mut self, id: u64) {
        if self.groups.get(&id).is_some_and(|group| group.members.is_empty())
            && let Some(group) = self.groups.remove(&id)
        {
            self.by_predicate.remove(&group.predicate);
            self.interests.remove(&group.predicate.sought, id);
        }
    }
}

impl Seat {
    /// It gets what comes after this.
    pub(super) fn after(&self) -> Position {
        self.after
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.fan.seats.lock().leave(self.group, &self.mailbox);
    }
}

/// Deals what is committed, until the server stops.
pub(crate) async fn deal(app: Shared) {
    let mut heads = app.store().watch();
    loop {
        let head = heads.borrow_and_update().position;
        if let Err(error) = deal_up_to(&app, head).await {
            tracing::error!(%error, "what was committed cannot be read to be delivered");
            tokio::select! {
                () = app.stop.cancelled() => return,
                () = tokio::time::sleep(READ_AGAIN_AFTER) => continue,
            }
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            changed = heads.changed() => if changed.is_err() { return },
        }
    }
}

async fn deal_up_to(app: &Shared, head: Position) -> Result<(), Error> {
    let fan = &app.fan;
    loop {
        let after = fan.dealt();
        if after >= head {
            return Ok(());
        }
        if fan.pass_over(head) {
            return Ok(());
        }
        let upto = head.min(Position(after.0 + DEAL_EVENTS));
        let reader = app.store().reader();
        let read = move || reader.events(after, upto, Direction::Forward).collect::<Result<Vec<_>, _>>();
        let events = match head.0 - after.0 <= INLINE_EVENTS {
            true => read()?,
            false => blocking(read).await??,
        };
        fan.deal(events, upto);
    }
}
