//! What consumers saw, and whether it may be so.

use std::collections::{BTreeMap, BTreeSet};

/// What is promised of a subscription.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// In microseconds, as all times here.
    pub(crate) ack_timeout: u64,
    pub(crate) max_attempts: u64,
    pub(crate) by_stream: bool,
}

/// One event in one answer to a fetch.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) id: String,
    pub(crate) stream: String,
    pub(crate) position: u64,
    pub(crate) attempt: u64,
    /// Which fetch.
    pub(crate) fetch: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Ack,
    Retry,
    Park,
}

/// What a consumer said of an event that it was given.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) id: String,
    pub(crate) word: Word,
    pub(crate) sent: u64,
    /// None when the server was killed before it answered.
    pub(crate) answered: Option<u64>,
}

/// Everything that was seen of one subscription.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) terms: Terms,
    pub(crate) given: Vec<Given>,
    pub(crate) said: Vec<Said>,
    /// When the server was killed.
    pub(crate) kills: Vec<u64>,
    /// Events that the log has and the subscription wants: of each its stream.
    pub(crate) wanted: BTreeMap<String, String>,
    /// Those that were parked in the end.
    pub(crate) parked: BTreeSet<String>,
}

impl History {
    fn of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Said> {
        self.said.iter().filter(move |said| said.id == id)
    }

    /// Until when an event was in that hand, for sure.
    pub(crate) fn held_until(&self, given: &Given) -> u64 {
        let said = self.of(&given.id).filter(|said| said.sent >= given.received).map(|said| said.sent);
        let kills = self.kills.iter().copied().filter(|at| *at >= given.sent);
        said.chain(kills).chain([given.sent + self.terms.ack_timeout]).min().unwrap_or(given.received)
    }

    /// Whether the server knew of the delivery that it was said of: no kill came between.
    fn is_of_a_hand(&self, said: &Said, answered: u64) -> bool {
        let given = self.given.iter().filter(|given| given.id == said.id && given.received <= said.sent);
        let last = given.map(|given| given.sent).max();
        last.is_some_and(|sent| !self.kills.iter().any(|at| (sent..=answered).contains(at)))
    }

    /// Everything that must not be.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        self.nothing_is_lost(&mut wrong);
        self.nothing_comes_after_its_end(&mut wrong);
        self.attempts_are_counted(&mut wrong);
        self.nothing_is_in_two_hands(&mut wrong);
        if self.terms.by_stream {
            self.streams_are_in_order(&mut wrong);
        }
        wrong
    }

    fn nothing_is_lost(&self, wrong: &mut Vec<String>) {
        for id in self.wanted.keys() {
            let is_done = self.of(id).any(|said| said.word == Word::Ack);
            if !is_done && !self.parked.contains(id) {
                wrong.push(format!("{id} is lost: nobody is done with it, and it is not parked"));
            }
        }
        for given in &self.given {
            if !self.wanted.contains_key(&given.id) {
                wrong.push(format!("{} is not wanted", given.id));
            }
        }
    }

    fn nothing_comes_after_its_end(&self, wrong: &mut Vec<String>) {
        for given in &self.given {
            let ended = self.of(&given.id).any(|said| {
                said.word != Word::Retry && said.answered.is_some_and(|answered| answered < given.sent)
            });
            if ended {
                wrong.push(format!("{} came again after its end was answered", given.id));
            }
        }
    }

    fn attempts_are_counted(&self, wrong: &mut Vec<String>) {
        let mut last: BTreeMap<&str, &Given> = BTreeMap::new();
        let mut given: Vec<&Given> = self.given.iter().collect();
        given.sort_by_key(|given| given.received);
        for now in given {
            let Given { id, attempt, .. } = now;
            if *attempt > self.terms.max_attempts {
                wrong.push(format!("{id} was given {attempt} times"));
            }
            let refused = self.of(id).filter(|said| {
                said.word == Word::Retry
                    && said
                        .answered
                        .is_some_and(|answered| answered < now.sent && self.is_of_a_hand(said, answered))
            });
            let refused = refused.count() as u64;
            if *attempt <= refused {
                wrong.push(format!("{id}: attempt {attempt} after {refused} refusals"));
            }
            if let Some(before) = last.insert(id, now)
                // A delivery that a kill ended is not counted.
                && !self.kills.iter().any(|at| (before.sent..=now.received).contains(at))
                && *attempt != before.attempt + 1
            {
                wrong.push(format!("{id}: attempt {attempt} after attempt {}", before.attempt));
            }
        }
    }

    fn nothing_is_in_two_hands(&self, wrong: &mut Vec<String>) {
        let key = |given: &Given| match self.terms.by_stream {
            true => given.stream.clone(),
            false => given.id.clone(),
        };
        let mut by_key: BTreeMap<String, Vec<&Given>> = BTreeMap::new();
        for given in &self.given {
            by_key.entry(key(given)).or_default().push(given);
        }
        for (key, all) in by_key {
            for one in &all {
                let until = self.held_until(one);
                let during = |other: &&&Given| {
                    other.fetch != one.fetch && one.received <= other.sent && other.received <= until
                };
                if let Some(other) = all.iter().find(during) {
                    wrong.push(format!("{key} is in two hands: {one:?} and {other:?}"));
                }
            }
        }
    }

    /// What comes before an event in its stream was settled, is in the same hand, or was parked.
    fn streams_are_in_order(&self, wrong: &mut Vec<String>) {
        let mut positions: BTreeMap<&str, BTreeMap<u64, &str>> = BTreeMap::new();
        for Given { id, stream, position, .. } in &self.given {
            positions.entry(stream).or_default().insert(*position, id);
        }
        for now in &self.given {
            for (position, id) in positions[&*now.stream].range(..now.position) {
                let is_with_it =
                    || self.given.iter().any(|given| given.fetch == now.fetch && given.position == *position);
                let is_settled =
                    || self.of(id).any(|said| said.word != Word::Retry && said.sent <= now.received);
                let is_spent = || {
                    let mut given = self.given.iter().filter(|given| given.id == **id);
                    given.any(|given| given.attempt >= self.terms.max_attempts)
                };
                if !is_settled() && !is_spent() && !is_with_it() {
                    wrong.push(format!("{} came before {id}, which is before it in {}", now.id, now.stream));
                }
            }
        }
    }
}
