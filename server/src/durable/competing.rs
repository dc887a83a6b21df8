//! Several consumers of one subscription: who has which event, what is done with, what comes again.
//!
//! No clock, no disk: time comes in, and what must be kept comes out as [`Note`]s. What is in somebody's hands is not
//! kept: after a restart it is delivered again.
//!
//! The **floor** is the position up to which everything that matches is done with or parked. Above it is the window:
//! events that were found and are open, and the positions of those that are done with out of turn.

#[cfg(test)]
mod model;
mod terms;
#[cfg(test)]
mod test;

pub(crate) use terms::{Delivery, Found, Refusal, Settled, Standing, Terms};

use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use store::{EventId, Kept, Note, Parked, Position, Text, Timestamp, Tried};

/// Events above the floor that are open or done with out of turn. While the oldest is not settled, delivery runs so
/// far ahead of it and no further: it bounds the memory of a subscription, and what is kept of it.
pub(crate) const AHEAD_EVENTS_MAX: usize = 4_096;

/// Events that are parked or delivered again from there. When it is full, an event that is due to be parked stays in the
/// window, and in the end delivery stops: nothing is dropped.
pub(crate) const PARKED_EVENTS_MAX: usize = 4_096;

/// Events that are looked up before anybody asks for them.
const LOOKAHEAD_EVENTS: usize = 64;

/// The floor is noted at least whenever it has moved so far over what does not match: what a start looks at again.
const FLOOR_NOTED_EVERY: u64 = 10_000;

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// To be given to whoever asks next.
    Ready,
    /// Not before that time.
    Delayed(Timestamp),
    /// Given to somebody, until that time.
    InHand { until: Timestamp, holder: Option<Text> },
    /// Due to be parked, for that reason, where there is no room.
    Held(Text),
}

#[derive(Debug, Clone)]
struct Item {
    id: EventId,
    stream: Text,
    attempts: u32,
    state: State,
    /// It comes from what is parked, and is no part of the window.
    again: bool,
    /// That it was tried is noted.
    noted: bool,
}

/// The events of one stream, where they come one after another.
#[derive(Debug, Default)]
struct Line {
    /// Those that are to be given out, now or later.
    waiting: BTreeSet<Position>,
    in_hand: usize,
}

/// The state of one subscription.
#[derive(Debug)]
pub(crate) struct Competing {
    terms: Terms,
    floor: Position,
    /// The floor that was noted last.
    noted_floor: Position,
    /// Everything up to here was looked at.
    scanned: Position,
    items: BTreeMap<Position, Item>,
    /// The items of the window: those that do not come from what is parked.
    open: BTreeSet<Position>,
    /// Done with above the floor, and whether that is noted.
    done: BTreeMap<Position, bool>,
    /// Those of them for which that is not so.
    unnoted: Vec<Position>,
    parked: BTreeMap<Position, Parked>,
    /// What is known of events that are yet to be found again.
    tried: BTreeMap<Position, Tried>,
    /// Of items and of what is parked.
    ids: FxHashMap<EventId, Position>,
    ready: BTreeSet<Position>,
    delayed: BTreeSet<(Timestamp, Position)>,
    deadlines: BTreeSet<(Timestamp, Position)>,
    held: BTreeSet<Position>,
    lines: FxHashMap<Text, Line>,
    /// Events that somebody asked for at once.
    wanted: usize,
}

impl Competing {
    /// One that begins after a position.
    pub(crate) fn new(terms: Terms, after: Position) -> Self {
        Self {
            terms,
            floor: after,
            noted_floor: after,
            scanned: after,
            items: BTreeMap::new(),
            open: BTreeSet::new(),
            done: BTreeMap::new(),
            unnoted: Vec::new(),
            parked: BTreeMap::new(),
            tried: BTreeMap::new(),
            ids: FxHashMap::default(),
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            held: BTreeSet::new(),
            lines: FxHashMap::default(),
            wanted: LOOKAHEAD_EVENTS,
        }
    }

    /// As it was kept, in a log that ends at `head`. What is kept of positions that the log has not is let go of.
    pub(crate) fn restored(terms: Terms, kept: Kept, head: Position) -> (Self, Vec<Note>) {
        let mut all = Self::new(terms, kept.floor.min(head));
        let mut notes = Vec::new();
        if kept.floor > head {
            notes.push(Note::Floor(head));
        }
        for position in kept.done {
            match position > all.floor && position <= head {
                true => drop(all.done.insert(position, true)),
                false => notes.push(Note::Undone(position)),
            }
        }
        for (position, tried) in kept.tried {
            match position > all.floor && position <= head {
                true => drop(all.tried.insert(position, tried)),
                false => notes.push(Note::Untried(position)),
            }
        }
        for (position, parked) in kept.parked {
            if position > head {
                notes.push(Note::Unparked(position));
                continue;
            }
            all.ids.insert(parked.id, position);
            if parked.again {
                all.deliver_again(position, &parked, parked.attempts);
            }
            all.parked.insert(position, parked);
        }
        (all, notes)
    }

    /// Everything up to here was looked at.
    pub(crate) fn scanned(&self) -> Position {
        self.scanned
    }

    /// Whether more events are to be looked up: as many as are asked for, and where the events of a stream wait for each
    /// other, those of other streams.
    pub(crate) fn wants_more(&self) -> bool {
        let is_short = self.ready.len() < self.wanted || (self.terms.by_stream && !self.deadlines.is_empty());
        is_short && self.has_room()
    }

    /// Whether more events may be looked up.
    pub(crate) fn has_room(&self) -> bool {
        self.open.len() + self.done.len() < AHEAD_EVENTS_MAX
    }

    /// So many events are asked for at once.
    pub(crate) fn want(&mut self, events: usize) {
        self.wanted = events.max(LOOKAHEAD_EVENTS);
    }

    /// These events match, of those after what was looked at and up to `upto`.
    pub(crate) fn add(&mut self, found: Vec<Found>, upto: Position, now: Timestamp) -> Vec<Note> {
        let mut notes = Vec::new();
        for Found { position, id, stream, fault } in found {
            let tried = self.tried.remove(&position);
            if position <= self.scanned
                || self.done.contains_key(&position)
                || self.parked.contains_key(&position)
            {
                continue;
            }
            let attempts = tried.map_or(0, |tried| tried.attempts);
            let state = match tried.and_then(|tried| tried.not_before).filter(|at| *at > now) {
                Some(at) => State::Delayed(at),
                None => State::Ready,
            };
            self.open.insert(position);
            let noted = tried.is_some();
            self.insert(position, Item { id, stream, attempts, state, again: false, noted });
            if let Some(fault) = fault {
                self.park(position, fault, now, &mut notes);
            } else if attempts >= self.terms.max_attempts {
                self.park(position, spent(attempts), now, &mut notes);
            }
        }
        self.scanned = self.scanned.max(upto);
        self.sweep(false, &mut notes);
        notes
    }

    /// What time brings about: hands that kept an event for too long, events whose time has come.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Vec<Note> {
        let mut notes = Vec::new();
        while let Some(&(at, position)) = self.delayed.first()
            && at <= now
        {
            self.set(position, State::Ready);
        }
        while let Some(&(until, position)) = self.deadlines.first()
            && until <= now
        {
            self.failed(position, None, "it was not acknowledged in time", now, &mut notes);
        }
        self.sweep(false, &mut notes);
        notes
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(crate) fn next_time(&self) -> Option<Timestamp> {
        let (deadline, delay) = (self.deadlines.first(), self.delayed.first());
        deadline.into_iter().chain(delay).map(|(at, _)| *at).min()
    }

    /// Whether somebody who asks may be given something.
    pub(crate) fn may_deliver(&self) -> bool {
        !self.ready.is_empty() && self.deadlines.len() < self.terms.max_in_flight
    }

    /// Gives out up to `n` events, the oldest first.
    pub(crate) fn fetch(&mut self, n: usize, holder: Option<&Text>, now: Timestamp) -> Vec<Delivery> {
        let n = n.min(self.terms.max_in_flight.saturating_sub(self.deadlines.len()));
        let picked = if self.terms.by_stream {
            self.pick_by_stream(n)
        } else {
            self.ready.iter().take(n).copied().collect()
        };
        let until = now.plus_ms(self.terms.ack_timeout_ms);
        let mut given = Vec::with_capacity(picked.len());
        for position in picked {
            self.set(position, State::InHand { until, holder: holder.cloned() });
            if let Some(item) = self.items.get_mut(&position) {
                item.attempts += 1;
                given.push(Delivery { position, attempt: item.attempts });
            }
        }
        given
    }

    /// Events of streams that are in nobody's hands; of each the first that wait, without a gap.
    fn pick_by_stream(&self, n: usize) -> Vec<Position> {
        let mut picked = Vec::new();
        let mut last: FxHashMap<&Text, Position> = FxHashMap::default();
        for &position in &self.ready {
            if picked.len() == n {
                break;
            }
            let Some((stream, line)) =
                self.items.get(&position).and_then(|item| self.lines.get_key_value(&item.stream))
            else {
                continue;
            };
            if line.in_hand > 0 {
                continue;
            }
            let next = match last.get(stream) {
                None => line.waiting.first(),
                Some(last) => line.waiting.range(last.next()..).next(),
            };
            if next == Some(&position) {
                last.insert(stream, position);
                picked.push(position);
            }
        }
        picked
    }

    /// These were given out and never left: it is as if they had not been.
    pub(crate) fn put_back(&mut self, given: &[Delivery]) {
        for Delivery { position, attempt } in given {
            if let Some(item) = self.items.get_mut(position)
                && item.attempts == *attempt
                && matches!(item.state, State::InHand { .. })
            {
                item.attempts -= 1;
                self.set(*position, State::Ready);
            }
        }
    }

    /// Where an event is, if it is open or parked.
    pub(crate) fn find(&self, id: EventId) -> Option<Position> {
        self.ids.get(&id).copied()
    }

    /// Whether something may be said about the event there: it matches, as far as that is still known.
    pub(crate) fn knows(&self, position: Position) -> bool {
        position <= self.floor
            || self.done.contains_key(&position)
            || self.items.contains_key(&position)
            || self.parked.contains_key(&position)
    }

    /// These are done with, whoever says so, and however late.
    pub(crate) fn ack(&mut self, at: &[Position], now: Timestamp) -> (Vec<Settled>, Vec<Note>) {
        self.each(at, now, |all, position, notes| all.settle(position, notes))
    }

    /// These could not be dealt with, for a reason that is told when they are parked with it.
    pub(crate) fn nack(
        &mut self,
        at: &[Position],
        refusal: Refusal,
        by: Option<&Text>,
        why: &str,
        now: Timestamp,
    ) -> (Vec<Settled>, Vec<Note>) {
        self.each(at, now, |all, position, notes| all.refuse(position, refusal, by, why, now, notes))
    }

    /// Everything that is parked is delivered again, as if for the first time.
    pub(crate) fn replay_parked(&mut self, now: Timestamp) -> (usize, Vec<Note>) {
        let parked: Vec<Position> =
            self.parked.iter().filter(|(_, parked)| !parked.again).map(|(at, _)| *at).collect();
        let mut notes = Vec::new();
        for position in &parked {
            self.replay(*position, None, now, &mut notes);
        }
        (parked.len(), notes)
    }

    /// Other terms from now on. What is in somebody's hands keeps its deadline.
    pub(crate) fn set_terms(&mut self, terms: Terms, now: Timestamp) -> Vec<Note> {
        self.terms = terms;
        let waiting: Vec<Position> =
            self.ready.iter().copied().chain(self.delayed.iter().map(|(_, position)| *position)).collect();
        let mut notes = Vec::new();
        for position in waiting {
            let attempts = self.items.get(&position).map_or(0, |item| item.attempts);
            if attempts >= terms.max_attempts {
                self.park(position, spent(attempts), now, &mut notes);
            }
        }
        self.sweep(false, &mut notes);
        notes
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        let again = self.items.len() - self.open.len();
        Standing {
            floor: self.floor,
            in_flight: self.deadlines.len(),
            parked: self.parked.len() - again + self.held.len(),
        }
    }

    /// What is parked and is not being delivered again, the oldest first.
    pub(crate) fn parked(&self) -> impl Iterator<Item = (Position, &Parked)> {
        self.parked.iter().filter(|(_, parked)| !parked.again).map(|(at, parked)| (*at, parked))
    }

    /// The floor, when it was not noted where it is.
    pub(crate) fn unnoted_floor(&mut self) -> Option<Note> {
        let is_noted = self.floor == self.noted_floor;
        self.noted_floor = self.floor;
        (!is_noted).then_some(Note::Floor(self.floor))
    }

    fn each(
        &mut self,
        at: &[Position],
        now: Timestamp,
        mut change: impl FnMut(&mut Self, Position, &mut Vec<Note>) -> Settled,
    ) -> (Vec<Settled>, Vec<Note>) {
        let mut notes = Vec::new();
        let settled: Vec<Settled> = at.iter().map(|position| change(self, *position, &mut notes)).collect();
        self.park_held(now, &mut notes);
        self.sweep(true, &mut notes);
        (settled, notes)
    }

    /// What it is when nothing is to be done about it.
    fn elsewhere(&self, position: Position) -> Settled {
        match position <= self.floor || self.done.contains_key(&position) {
            true => Settled::Already,
            false => Settled::Unknown,
        }
    }

    /// It is done with.
    fn settle(&mut self, position: Position, notes: &mut Vec<Note>) -> Settled {
        let item = self.remove(position);
        let parked = self.parked.remove(&position);
        if parked.is_some() {
            notes.push(Note::Unparked(position));
        }
        let id = item.as_ref().map(|item| item.id).or(parked.as_ref().map(|parked| parked.id));
        let Some(id) = id else { return self.elsewhere(position) };
        self.ids.remove(&id);
        if item.is_some_and(|item| item.noted) {
            notes.push(Note::Untried(position));
        }
        if position > self.floor {
            self.done.insert(position, false);
            self.unnoted.push(position);
        }
        Settled::Done
    }

    fn refuse(
        &mut self,
        position: Position,
        refusal: Refusal,
        by: Option<&Text>,
        why: &str,
        now: Timestamp,
        notes: &mut Vec<Note>,
    ) -> Settled {
        if refusal == Refusal::Skip {
            return match self.is_anothers(position, by) {
                true => Settled::NotYours,
                false => self.settle(position, notes),
            };
        }
        let Some(item) = self.items.get(&position) else {
            return match (self.parked.contains_key(&position), refusal) {
                (true, Refusal::Retry(not_before)) => {
                    self.replay(position, not_before, now, notes);
                    Settled::Again
                }
                (true, _) => Settled::Already,
                (false, _) => self.elsewhere(position),
            };
        };
        if self.is_anothers(position, by) {
            return Settled::NotYours;
        }
        match (refusal, &item.state) {
            (_, State::Held(_)) => Settled::Already,
            (Refusal::Park, _) => {
                self.park(position, "it was refused for good".into(), now, notes);
                Settled::Parked
            }
            (Refusal::Retry(not_before), State::InHand { .. }) => {
                self.failed(position, not_before, why, now, notes)
            }
            // Its time ran out before: that was counted.
            (Refusal::Retry(not_before), _) => {
                self.wait(position, not_before, now, notes);
                Settled::Again
            }
            (Refusal::Skip, _) => Settled::Already,
        }
    }

    /// Whether it is in the hands of somebody else, who said who they are.
    fn is_anothers(&self, position: Position, by: Option<&Text>) -> bool {
        let state = self.items.get(&position).map(|item| &item.state);
        matches!((state, by), (Some(State::InHand { holder: Some(holder), .. }), Some(by)) if holder != by)
    }

    /// A delivery came to nothing.
    fn failed(
        &mut self,
        position: Position,
        not_before: Option<Timestamp>,
        why: &str,
        now: Timestamp,
        notes: &mut Vec<Note>,
    ) -> Settled {
        let attempts = self.items.get(&position).map_or(0, |item| item.attempts);
        if attempts >= self.terms.max_attempts {
            let reason = format!("{}; the last time {why}", spent(attempts));
            self.park(position, reason.into(), now, notes);
            return Settled::Parked;
        }
        self.wait(position, not_before, now, notes);
        Settled::Again
    }

    /// It comes again, at once or later.
    fn wait(
        &mut self,
        position: Position,
        not_before: Option<Timestamp>,
        now: Timestamp,
        notes: &mut Vec<Note>,
    ) {
        let not_before = not_before.filter(|at| *at > now);
        self.set(position, not_before.map_or(State::Ready, State::Delayed));
        self.note_tried(position, not_before, notes);
    }

    fn note_tried(&mut self, position: Position, not_before: Option<Timestamp>, notes: &mut Vec<Note>) {
        let Some(item) = self.items.get_mut(&position) else { return };
        let attempts = item.attempts;
        if !item.again {
            item.noted = true;
            notes.push(Note::Tried(position, Tried { attempts, not_before }));
        } else if let Some(parked) = self.parked.get_mut(&position) {
            parked.attempts = attempts;
            notes.push(Note::Parked(position, parked.clone()));
        }
    }

    /// It is put aside, where there is room.
    fn park(&mut self, position: Position, reason: Text, now: Timestamp, notes: &mut Vec<Note>) {
        let Some(item) = self.items.get_mut(&position) else { return };
        let has_room = item.again || self.parked.len() < PARKED_EVENTS_MAX;
        if !has_room {
            // What it has after a restart, when it is found again, parks it again.
            item.attempts = item.attempts.max(self.terms.max_attempts);
            self.set(position, State::Held(reason));
            self.note_tried(position, None, notes);
            return;
        }
        let Some(Item { id, stream, attempts, noted, .. }) = self.remove(position) else { return };
        if noted {
            notes.push(Note::Untried(position));
        }
        let parked = Parked { id, stream, attempts, since: now, reason, again: false };
        notes.push(Note::Parked(position, parked.clone()));
        self.parked.insert(position, parked);
    }

    /// Parks what was due to be, as far as there is room now.
    fn park_held(&mut self, now: Timestamp, notes: &mut Vec<Note>) {
        while self.parked.len() < PARKED_EVENTS_MAX
            && let Some(&position) = self.held.first()
        {
            let Some(Item { state: State::Held(reason), .. }) = self.items.get(&position) else { return };
            self.park(position, reason.clone(), now, notes);
        }
    }

    /// What is parked is delivered again, as if for the first time.
    fn replay(
        &mut self,
        position: Position,
        not_before: Option<Timestamp>,
        now: Timestamp,
        notes: &mut Vec<Note>,
    ) {
        let Some(parked) = self.parked.get_mut(&position) else { return };
        (parked.again, parked.attempts) = (true, 0);
        let parked = parked.clone();
        self.deliver_again(position, &parked, 0);
        self.wait(position, not_before, now, notes);
    }

    fn deliver_again(&mut self, position: Position, parked: &Parked, attempts: u32) {
        let Parked { id, stream, .. } = parked;
        let (id, stream) = (*id, stream.clone());
        self.insert(position, Item { id, stream, attempts, state: State::Ready, again: true, noted: false });
    }

    fn insert(&mut self, position: Position, item: Item) {
        self.ids.insert(item.id, position);
        self.enter(position, &item);
        self.items.insert(position, item);
    }

    fn remove(&mut self, position: Position) -> Option<Item> {
        let item = self.items.remove(&position)?;
        self.open.remove(&position);
        self.leave(position, &item);
        Some(item)
    }

    fn set(&mut self, position: Position, state: State) {
        let Some(mut item) = self.items.remove(&position) else { return };
        self.leave(position, &item);
        item.state = state;
        self.enter(position, &item);
        self.items.insert(position, item);
    }

    fn enter(&mut self, position: Position, item: &Item) {
        match &item.state {
            State::Ready => drop(self.ready.insert(position)),
            State::Delayed(at) => drop(self.delayed.insert((*at, position))),
            State::InHand { until, .. } => drop(self.deadlines.insert((*until, position))),
            State::Held(_) => drop(self.held.insert(position)),
        }
        if !self.terms.by_stream {
            return;
        }
        let line = self.lines.entry(item.stream.clone()).or_default();
        match &item.state {
            State::Ready | State::Delayed(_) => drop(line.waiting.insert(position)),
            State::InHand { .. } => line.in_hand += 1,
            // What is parked holds nobody up, and neither does what is due to be.
            State::Held(_) => {}
        }
    }

    fn leave(&mut self, position: Position, item: &Item) {
        match &item.state {
            State::Ready => drop(self.ready.remove(&position)),
            State::Delayed(at) => drop(self.delayed.remove(&(*at, position))),
            State::InHand { until, .. } => drop(self.deadlines.remove(&(*until, position))),
            State::Held(_) => drop(self.held.remove(&position)),
        }
        if let Some(line) = self.lines.get_mut(&item.stream) {
            match &item.state {
                State::Ready | State::Delayed(_) => drop(line.waiting.remove(&position)),
                State::InHand { .. } => line.in_hand -= 1,
                State::Held(_) => {}
            }
            if line.waiting.is_empty() && line.in_hand == 0 {
                self.lines.remove(&item.stream);
            }
        }
    }

    /// Raises the floor to below what is open, and notes what changed; the floor too when that is due, or when
    /// something is noted anyway.
    fn sweep(&mut self, is_due: bool, notes: &mut Vec<Note>) {
        let before = |position: &Position| Position(position.0 - 1);
        self.floor = self.open.first().map_or(self.scanned, before).max(self.floor);
        while let Some(entry) = self.done.first_entry()
            && *entry.key() <= self.floor
        {
            if let (position, true) = entry.remove_entry() {
                notes.push(Note::Undone(position));
            }
        }
        for position in self.unnoted.drain(..) {
            if let Some(noted) = self.done.get_mut(&position) {
                *noted = true;
                notes.push(Note::Done(position));
            }
        }
        let moved = self.floor.0 - self.noted_floor.0;
        if moved >= FLOOR_NOTED_EVERY || (moved > 0 && (is_due || !notes.is_empty())) {
            self.noted_floor = self.floor;
            notes.push(Note::Floor(self.floor));
        }
    }
}

fn spent(attempts: u32) -> Text {
    match attempts {
        1 => "it was delivered once".into(),
        attempts => format!("it was delivered {attempts} times").into(),
    }
}
