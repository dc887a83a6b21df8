//! The same as a list: every event that matches and where it is. Slow, and sharing no idea with what it is held
//! against.

use super::{Competing, Delivery, Found, Refusal, Settled, Terms};
use std::collections::BTreeMap;
use store::{EventId, Kept, Note, Position, Text, Timestamp};

/// Where an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// To be given out, not before that time.
    Waiting(i64),
    /// In a hand until that time, given to whom.
    InHand {
        until: i64,
        holder: u8,
    },
    Done,
    Parked,
}

#[derive(Debug, Clone)]
struct Entry {
    stream: u8,
    attempts: u32,
    place: Place,
    again: bool,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// An event comes, which matches or not.
    Arrive {
        stream: u8,
        matches: bool,
    },
    /// The log is looked at up to its end.
    Scan,
    Fetch {
        n: usize,
        holder: u8,
    },
    /// Something is said about the event that is so far from the newest.
    Ack {
        back: usize,
    },
    Nack {
        back: usize,
        refusal: u8,
        by: u8,
    },
    PutBack,
    Pass {
        ms: i64,
    },
    Replay,
    Crash,
}

/// A fault that is planted into what is tested, for the comparison to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// An event in a hand is given out again.
    TwoHands,
    /// An event is done with that nobody acknowledged.
    Lost,
    /// One delivery more than may be.
    OneTooMany,
    /// The events of a stream are not held back.
    NoOrder,
    /// What was acknowledged is not kept.
    AckNotKept,
    /// Attempts are not kept.
    AttemptsNotKept,
    /// What is parked is not kept.
    ParkedNotKept,
}

/// Both of them.
pub(super) struct Both {
    terms: Terms,
    fault: Fault,
    tested: Competing,
    kept: Kept,
    log: Vec<(u8, bool)>,
    scanned: u64,
    entries: BTreeMap<u64, Entry>,
    now: i64,
    last: Vec<Delivery>,
}

fn stream(number: u8) -> Text {
    format!("s{number}").into()
}

fn holder(number: u8) -> Option<Text> {
    // One says nothing of who they are.
    (number > 0).then(|| format!("h{number}").into())
}

impl Both {
    pub(super) fn new(terms: Terms, fault: Fault) -> Self {
        let mut tested = terms;
        match fault {
            Fault::OneTooMany => tested.max_attempts += 1,
            Fault::NoOrder => tested.by_stream = false,
            _ => {}
        }
        Self {
            terms,
            fault,
            tested: Competing::new(tested, Position::ZERO),
            kept: Kept::default(),
            log: Vec::new(),
            scanned: 0,
            entries: BTreeMap::new(),
            now: 1_000_000,
            last: Vec::new(),
        }
    }

    /// Carries out what happens in both.
    ///
    /// # Errors
    /// Where they differ.
    pub(super) fn step(&mut self, op: &Op) -> Result<(), String> {
        self.tick();
        match op {
            Op::Arrive { stream, matches } => self.log.push((*stream, *matches)),
            Op::Scan => self.scan(),
            Op::Fetch { n, holder } => self.fetch(*n, *holder)?,
            Op::Ack { back } => {
                if let Some(at) = self.at(*back) {
                    self.ack(at)?;
                }
            }
            Op::Nack { back, refusal, by } => {
                if let Some(at) = self.at(*back) {
                    self.nack(at, *refusal, *by)?;
                }
            }
            Op::PutBack => self.put_back(),
            Op::Pass { ms } => self.now += ms * 1_000,
            Op::Replay => self.replay()?,
            Op::Crash => self.crash(),
        }
        self.compare()
    }

    fn at(&self, back: usize) -> Option<u64> {
        (self.log.len() as u64).checked_sub(back as u64).filter(|at| *at > 0)
    }

    fn keep(&mut self, notes: Vec<Note>) {
        for note in notes {
            let kept = &mut self.kept;
            match note {
                Note::Floor(_) | Note::Done(_) if self.fault == Fault::AckNotKept => {}
                Note::Tried(..) if self.fault == Fault::AttemptsNotKept => {}
                Note::Parked(..) if self.fault == Fault::ParkedNotKept => {}
                Note::Floor(floor) => kept.floor = floor,
                Note::Done(at) => drop(kept.done.insert(at)),
                Note::Undone(at) => drop(kept.done.remove(&at)),
                Note::Tried(at, tried) => drop(kept.tried.insert(at, tried)),
                Note::Untried(at) => drop(kept.tried.remove(&at)),
                Note::Parked(at, parked) => drop(kept.parked.insert(at, parked)),
                Note::Unparked(at) => drop(kept.parked.remove(&at)),
                Note::Define(_) | Note::Forget => unreachable!("not its to say"),
            }
        }
    }

    fn tick(&mut self) {
        let notes = self.tested.tick(Timestamp(self.now));
        self.keep(notes);
        let (now, max) = (self.now, self.terms.max_attempts);
        for entry in self.entries.values_mut() {
            if matches!(entry.place, Place::InHand { until, .. } if until <= now) {
                entry.fail(0, max);
            }
        }
    }

    fn scan(&mut self) {
        let mut found = Vec::new();
        for at in self.scanned + 1..=self.log.len() as u64 {
            let (number, matches) = self.log[at as usize - 1];
            if !matches {
                continue;
            }
            let (position, id) = (Position(at), EventId(u128::from(at) << 8));
            found.push(Found { position, id, stream: stream(number), fault: None });
            let place = Place::Waiting(0);
            self.entries.entry(at).or_insert(Entry { stream: number, attempts: 0, place, again: false });
        }
        self.scanned = self.log.len() as u64;
        let notes = self.tested.add(found, Position(self.scanned), Timestamp(self.now));
        self.keep(notes);
    }

    /// Which may be given out, in order.
    fn due(&self, n: usize) -> Vec<u64> {
        let in_hand = self.entries.values().filter(|entry| entry.is_in_hand()).count();
        let n = n.min(self.terms.max_in_flight.saturating_sub(in_hand));
        let mut due: Vec<u64> = Vec::new();
        for (at, entry) in &self.entries {
            if due.len() == n {
                break;
            }
            if !matches!(entry.place, Place::Waiting(time) if time <= self.now) {
                continue;
            }
            // Nothing of its stream is in a hand, and nothing before it is left waiting.
            let is_its_turn = self.entries.iter().all(|(other, before)| {
                let is_left =
                    *other < *at && matches!(before.place, Place::Waiting(_)) && !due.contains(other);
                before.stream != entry.stream || !(before.is_in_hand() || is_left)
            });
            if !self.terms.by_stream || is_its_turn {
                due.push(*at);
            }
        }
        due
    }

    fn fetch(&mut self, n: usize, number: u8) -> Result<(), String> {
        let expected = self.due(n);
        let mut given = self.tested.fetch(n, holder(number).as_ref(), Timestamp(self.now));
        if self.fault == Fault::TwoHands
            && let Some(at) = self.entries.iter().find(|(_, entry)| entry.is_in_hand()).map(|(at, _)| *at)
        {
            given.push(Delivery { position: Position(at), attempt: 1 });
        }
        if self.fault == Fault::Lost
            && let Some(first) = given.first()
        {
            drop(self.tested.ack(&[first.position], Timestamp(self.now)));
        }
        let positions: Vec<u64> = given.iter().map(|delivery| delivery.position.0).collect();
        for Delivery { position, attempt } in &given {
            let entry = self.entries.get_mut(&position.0).ok_or(format!("{position} does not match"))?;
            match entry.place {
                Place::InHand { .. } => return Err(format!("{position} is in two hands")),
                Place::Done => return Err(format!("{position} was done with")),
                Place::Parked => return Err(format!("{position} was parked")),
                Place::Waiting(_) => {}
            }
            entry.attempts += 1;
            if entry.attempts > self.terms.max_attempts {
                return Err(format!("{position} is delivered {} times", entry.attempts));
            }
            if entry.attempts != *attempt {
                return Err(format!("{position}: attempt {attempt}, expected {}", entry.attempts));
            }
            let until = self.now + self.terms.ack_timeout_ms * 1_000;
            entry.place = Place::InHand { until, holder: number };
        }
        self.last = given;
        match positions == expected {
            true => Ok(()),
            false => Err(format!("given {positions:?}, expected {expected:?}")),
        }
    }

    fn ack(&mut self, at: u64) -> Result<(), String> {
        let (settled, notes) = self.tested.ack(&[Position(at)], Timestamp(self.now));
        self.keep(notes);
        let expected = match self.entries.get_mut(&at) {
            None => self.nothing(at),
            Some(entry) if entry.place == Place::Done => Settled::Already,
            Some(entry) => {
                (entry.place, entry.again) = (Place::Done, false);
                Settled::Done
            }
        };
        same(at, &settled, expected)
    }

    /// What is said of an event that does not match, or that was not looked at.
    fn nothing(&self, at: u64) -> Settled {
        if Position(at) <= self.floor() { Settled::Already } else { Settled::Unknown }
    }

    fn nack(&mut self, at: u64, refusal: u8, by: u8) -> Result<(), String> {
        let delay = (refusal == 1).then_some(Timestamp(self.now + 50_000));
        let said = match refusal {
            0 | 1 => Refusal::Retry(delay),
            2 => Refusal::Park,
            _ => Refusal::Skip,
        };
        let nothing = self.nothing(at);
        let (settled, notes) =
            self.tested.nack(&[Position(at)], said, holder(by).as_ref(), "refused", Timestamp(self.now));
        self.keep(notes);
        let max = self.terms.max_attempts;
        let Some(entry) = self.entries.get_mut(&at) else { return same(at, &settled, nothing) };
        let not_before = delay.map_or(0, |time| time.0);
        let expected = match (&entry.place, said) {
            (Place::Done, _) | (Place::Parked, Refusal::Park) => Settled::Already,
            (Place::InHand { holder, .. }, _) if *holder > 0 && by > 0 && *holder != by => Settled::NotYours,
            (_, Refusal::Skip) => {
                (entry.place, entry.again) = (Place::Done, false);
                Settled::Done
            }
            (_, Refusal::Park) => {
                (entry.place, entry.again) = (Place::Parked, false);
                Settled::Parked
            }
            (Place::InHand { .. }, _) => match entry.fail(not_before, max) {
                true => Settled::Parked,
                false => Settled::Again,
            },
            (Place::Waiting(_), _) => {
                entry.place = Place::Waiting(not_before);
                Settled::Again
            }
            (Place::Parked, _) => {
                *entry =
                    Entry { attempts: 0, place: Place::Waiting(not_before), again: true, ..entry.clone() };
                Settled::Again
            }
        };
        same(at, &settled, expected)
    }

    fn put_back(&mut self) {
        let last = std::mem::take(&mut self.last);
        self.tested.put_back(&last);
        for Delivery { position, attempt } in last {
            let Some(entry) = self.entries.get_mut(&position.0) else { continue };
            if entry.is_in_hand() && entry.attempts == attempt {
                entry.attempts -= 1;
                entry.place = Place::Waiting(0);
            }
        }
    }

    fn replay(&mut self) -> Result<(), String> {
        let (count, notes) = self.tested.replay_parked(Timestamp(self.now));
        self.keep(notes);
        let parked = self.entries.values_mut().filter(|entry| entry.place == Place::Parked);
        let mut expected = 0;
        for entry in parked {
            *entry = Entry { attempts: 0, place: Place::Waiting(0), again: true, ..entry.clone() };
            expected += 1;
        }
        if count == expected { Ok(()) } else { Err(format!("replayed {count}, expected {expected}")) }
    }

    /// What is in memory is lost; what was noted is there.
    fn crash(&mut self) {
        let terms = match self.fault {
            Fault::OneTooMany => Terms { max_attempts: self.terms.max_attempts + 1, ..self.terms },
            Fault::NoOrder => Terms { by_stream: false, ..self.terms },
            _ => self.terms,
        };
        let head = Position(self.log.len() as u64);
        let (tested, notes) = Competing::restored(terms, self.kept.clone(), head);
        self.tested = tested;
        self.keep(notes);
        self.last.clear();
        for entry in self.entries.values_mut() {
            // A delivery under way is not counted, nor is it kept how long what comes from what was parked has to wait.
            match entry.place {
                Place::InHand { .. } => {
                    entry.attempts -= 1;
                    entry.place = Place::Waiting(0);
                }
                Place::Waiting(_) if entry.again => entry.place = Place::Waiting(0),
                _ => {}
            }
        }
        self.scanned = self.tested.scanned().0;
        self.scan();
    }

    fn floor(&self) -> Position {
        let is_open =
            |entry: &Entry| !entry.again && matches!(entry.place, Place::Waiting(_) | Place::InHand { .. });
        let first = self.entries.iter().find(|(_, entry)| is_open(entry)).map(|(at, _)| at - 1);
        Position(first.unwrap_or(self.scanned))
    }

    fn compare(&self) -> Result<(), String> {
        let standing = self.tested.standing();
        let count = |place: fn(&Entry) -> bool| self.entries.values().filter(|entry| place(entry)).count();
        let expected = super::Standing {
            floor: self.floor(),
            in_flight: count(Entry::is_in_hand),
            parked: count(|entry| entry.place == Place::Parked),
        };
        if standing != expected {
            return Err(format!("{standing:?}, expected {expected:?}"));
        }
        let kept = &self.kept;
        let floor = kept.floor;
        let is_spare = kept.done.iter().chain(kept.tried.keys()).any(|at| *at <= floor);
        if is_spare { Err(format!("kept below the floor: {kept:?}")) } else { Ok(()) }
    }

    /// Everything that is left is delivered and acknowledged.
    ///
    /// # Errors
    /// What is left after that, or where both differ on the way.
    pub(super) fn drain(&mut self) -> Result<(), String> {
        self.step(&Op::Scan)?;
        for _ in 0..=self.log.len() {
            self.step(&Op::Pass { ms: self.terms.ack_timeout_ms + 1_000 })?;
            self.step(&Op::Fetch { n: 100, holder: 0 })?;
            for Delivery { position, .. } in self.last.clone() {
                self.ack(position.0)?;
            }
        }
        let is_left = |entry: &&Entry| !matches!(entry.place, Place::Done | Place::Parked);
        match self.entries.values().filter(is_left).count() {
            0 => self.compare(),
            left => Err(format!("{left} were never given out")),
        }
    }
}

impl Entry {
    fn is_in_hand(&self) -> bool {
        matches!(self.place, Place::InHand { .. })
    }

    /// Whether it is parked with that.
    fn fail(&mut self, not_before: i64, max_attempts: u32) -> bool {
        let is_spent = self.attempts >= max_attempts;
        (self.place, self.again) = match is_spent {
            true => (Place::Parked, false),
            false => (Place::Waiting(not_before), self.again),
        };
        is_spent
    }
}

fn same(at: u64, found: &[Settled], expected: Settled) -> Result<(), String> {
    match found == [expected] {
        true => Ok(()),
        false => Err(format!("{at} came to {found:?}, expected {expected:?}")),
    }
}
