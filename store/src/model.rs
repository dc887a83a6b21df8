//! A second model for this crate's own tests: counters that are added to. Small, and it uses all of the seam.

use crate::{
    Context, Decider, Decision, Event, NewEvent, Position, RowChange, Stamp, StoredRow, TableId, Text,
    Timestamp, Version,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Table of the counters, by stream.
pub(crate) const COUNTERS: TableId = 1;
/// Type of the events that count.
pub(crate) const ADDED: &str = "Added";
/// Type of the event that removes a counter.
pub(crate) const REMOVED: &str = "Removed";

/// A counter's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) i64);

impl StoredRow for Count {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        out.extend_from_slice(&self.0.to_be_bytes());
    }

    fn decode(table: TableId, bytes: &[u8]) -> Result<Self, String> {
        let [1, number @ ..] = bytes else { return Err("not format 1".into()) };
        let number = number.try_into().map_err(|_| format!("table {table} has numbers of 8 bytes"))?;
        Ok(Self(i64::from_be_bytes(number)))
    }
}

/// What can be asked.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// Add to a counter, that many times by one event each. A counter never goes below zero.
    Add { counter: Text, number: i64, times: usize },
    /// Remove a counter.
    Remove { counter: Text },
    /// Read one: writes nothing.
    Read { counter: Text },
    /// Write this event, whatever it is.
    Write(Box<NewEvent>),
    /// Be broken.
    Panic,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum No {
    Negative,
    Absent,
}

/// The state.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) rows: BTreeMap<Text, Version<Count>>,
    pub(crate) version: u32,
}

impl Counters {
    fn value(&self, counter: &str) -> Option<i64> {
        self.rows.get(counter).map(|version| version.row.0)
    }
}

pub(crate) fn new_event(stream: &str, kind: &str, data: &str) -> NewEvent {
    NewEvent {
        id: None,
        stream: stream.into(),
        kind: kind.into(),
        data: data.into(),
        metadata: "{}".into(),
        tags: vec![format!("counter:{stream}").into()],
        time: None,
    }
}

impl Decider for Counters {
    type Command = Ask;
    type Pending = Text;
    type Outcome = Option<i64>;
    type Rejection = No;
    type Row = Count;

    fn decide(&mut self, context: &Context, command: Ask) -> Result<Decision<Text>, No> {
        match command {
            Ask::Add { counter, number, times } => {
                let sum = self.value(&counter).unwrap_or_default() + number * times as i64;
                if sum < 0 {
                    return Err(No::Negative);
                }
                let mut event = new_event(&counter, ADDED, &number.to_string());
                event.metadata = Text::clone(&context.metadata);
                Ok(Decision { events: vec![event; times], pending: counter })
            }
            Ask::Remove { counter } => {
                self.value(&counter).ok_or(No::Absent)?;
                let event = new_event(&counter, REMOVED, "null");
                Ok(Decision { events: vec![event], pending: counter })
            }
            Ask::Read { counter } => {
                self.value(&counter).ok_or(No::Absent)?;
                Ok(Decision { events: Vec::new(), pending: counter })
            }
            Ask::Write(event) => {
                let pending = Text::clone(&event.stream);
                Ok(Decision { events: vec![*event], pending })
            }
            Ask::Panic => panic!("asked to"),
        }
    }

    fn answer(&mut self, counter: Text, _events: &[Event]) -> Option<i64> {
        self.value(&counter)
    }

    fn evolve(&mut self, event: &Event, changes: &mut Vec<RowChange<Count>>) {
        let number = match &*event.kind {
            ADDED => event.data.parse::<i64>().ok(),
            REMOVED => None,
            _ => return,
        };
        let at = Arc::new(Stamp {
            position: event.position,
            time: event.time,
            event_id: event.id,
            kind: Text::clone(&event.kind),
            actor: None,
        });
        let before = self.rows.remove(&event.stream);
        let after = number.map(|number| Count(before.as_ref().map_or(0, |before| before.row.0) + number));
        if let Some(row) = after {
            self.rows.insert(Text::clone(&event.stream), Version { row, from: Arc::clone(&at) });
        }
        if before.is_some() || after.is_some() {
            changes.push(RowChange { table: COUNTERS, key: Text::clone(&event.stream), before, after, at });
        }
    }

    fn undo(&mut self, changes: &[RowChange<Count>]) {
        for change in changes.iter().rev() {
            match &change.before {
                Some(before) => drop(self.rows.insert(Text::clone(&change.key), before.clone())),
                None => drop(self.rows.remove(&change.key)),
            }
        }
    }

    fn restore(&mut self, table: TableId, key: Text, version: Version<Count>) {
        assert_eq!(table, COUNTERS);
        assert!(version.from.position > Position::ZERO);
        self.rows.insert(key, version);
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        // Counters that stand at 13 want something an hour after they came there.
        let due = self.rows.values().filter(|version| version.row == Count(13));
        due.map(|version| version.from.time.plus_ms(3_600_000)).min()
    }

    fn fold_version(&self) -> u32 {
        self.version
    }
}
