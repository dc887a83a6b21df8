//! Finding events in the log: through an index where it is known what is looked for.

mod interests;

use crate::tables::{EventFields, Fields as _, events};
use domain::rows::Row;
pub use interests::Interests;
use std::collections::BTreeSet;
use std::iter;
use store::{Direction, Event, Position, ReadError, Reader, Revision, TAG_BYTES_MAX};

/// Types or streams that are read through the index each; for more the log is read as it lies.
const INDEXED_NAMES_MAX: usize = 16;

/// Events in order of position.
pub type Events = Box<dyn Iterator<Item = Result<Event, ReadError>> + Send>;

/// What is known of the events that are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sought {
    /// The stream is one of these.
    pub(crate) streams: Option<BTreeSet<String>>,
    /// The type is one of these.
    pub(crate) types: Option<BTreeSet<String>>,
    /// Who acted (`metadata.agent_id`) is one of these.
    pub(crate) agents: Option<BTreeSet<String>>,
    /// All of these are among the tags.
    pub(crate) tags: BTreeSet<String>,
}

/// How events are found.
#[derive(Debug, PartialEq)]
enum Path<'a> {
    /// A condition that nothing meets.
    Nothing,
    /// As the log lies.
    Log,
    /// Those of a few streams, merged by position.
    Streams(&'a BTreeSet<String>),
    /// Those with one tag.
    Tag(&'a str),
    /// Those in which one of a few agents acted, merged by position.
    Agents(&'a BTreeSet<String>),
    /// Those of a few types, merged by position.
    Types(&'a BTreeSet<String>),
}

impl Sought {
    /// Events of that stream, of that type, with that tag, by that agent, as far as they are given.
    #[must_use]
    pub fn named(stream: Option<&str>, kind: Option<&str>, tag: Option<&str>, agent: Option<&str>) -> Self {
        let one = |name: &str| BTreeSet::from([name.to_owned()]);
        Self {
            streams: stream.map(one),
            types: kind.map(one),
            agents: agent.map(one),
            tags: tag.map(one).unwrap_or_default(),
        }
    }

    /// Narrows the streams to some of these names.
    pub(crate) fn of_streams(&mut self, names: BTreeSet<String>) {
        narrow(&mut self.streams, names);
    }

    /// Narrows the types to some of these names.
    pub fn of_types(&mut self, names: BTreeSet<String>) {
        narrow(&mut self.types, names);
    }

    /// Narrows who acted to some of these names.
    pub(crate) fn of_agents(&mut self, names: BTreeSet<String>) {
        narrow(&mut self.agents, names);
    }

    /// Whether nothing is known of them.
    pub(crate) fn is_anything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an index finds them, so that it costs what there is of them and not what there is in the log.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.path() != Path::Log
    }

    /// Whether an event is as is known of them.
    #[must_use]
    pub fn holds(&self, event: &Event) -> bool {
        self.streams.as_ref().is_none_or(|streams| streams.contains(&*event.stream))
            && self.types.as_ref().is_none_or(|types| types.contains(&*event.kind))
            && self.agents.as_ref().is_none_or(|agents| actor(event, |name| agents.contains(name)))
            && self.tags.iter().all(|tag| event.tags.binary_search_by(|other| (**other).cmp(tag)).is_ok())
    }

    /// The events after one position and up to another that may be meant: all that are, and others.
    #[must_use]
    pub fn events(
        &self,
        reader: &Reader<Row>,
        after: Position,
        upto: Position,
        direction: Direction,
    ) -> Events {
        let merged = |each: Vec<Events>| -> Events { Box::new(Merged::new(each, direction)) };
        match self.path() {
            _ if upto <= after => Box::new(iter::empty()),
            Path::Nothing => Box::new(iter::empty()),
            Path::Log => Box::new(reader.events(after, upto, direction)),
            Path::Streams(streams) => {
                merged(streams.iter().map(|name| stream(reader, name, after, upto, direction)).collect())
            }
            Path::Tag(tag) => Box::new(reader.tagged(tag, after, upto, direction)),
            Path::Agents(agents) => {
                let of = |name: &String| -> Events {
                    Box::new(reader.tagged(&format!("$agent:{name}"), after, upto, direction))
                };
                merged(agents.iter().map(of).collect())
            }
            Path::Types(types) => {
                let of = |kind: &String| -> Events {
                    Box::new(reader.tagged(&format!("$type:{kind}"), after, upto, direction))
                };
                merged(types.iter().map(of).collect())
            }
        }
    }

    /// How they are found, in words that follow "events".
    pub(crate) fn describe(&self) -> String {
        let names =
            |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match self.path() {
            Path::Nothing => " nothing".to_owned(),
            Path::Log => String::new(),
            Path::Streams(streams) => format!(" of stream {}", names(streams)),
            Path::Tag(tag) => format!(" with tag {tag}"),
            Path::Agents(agents) => format!(" by agent {}", names(agents)),
            Path::Types(types) => format!(" of type {}", names(types)),
        }
    }

    fn path(&self) -> Path<'_> {
        let few = |names: &&BTreeSet<String>| names.len() <= INDEXED_NAMES_MAX;
        let Self { streams, types, agents, tags } = self;
        if [streams, types, agents].into_iter().flatten().any(BTreeSet::is_empty) {
            return Path::Nothing;
        }
        // A name that is longer than a tag is in no index.
        let agents =
            agents.as_ref().filter(few).filter(|names| names.iter().all(|name| name.len() <= TAG_BYTES_MAX));
        // A stream is short, a tag names one thing; a type may be half of the log.
        match (streams.as_ref().filter(few), types.as_ref().filter(few)) {
            (Some(streams), _) => Path::Streams(streams),
            _ if !tags.is_empty() => tags.first().map_or(Path::Nothing, |tag| Path::Tag(tag)),
            // Most types are made by many agents.
            _ if let Some(agents) = agents => Path::Agents(agents),
            (_, Some(types)) => Path::Types(types),
            _ => Path::Log,
        }
    }
}

/// Whether `metadata.agent_id` is as it should be.
fn actor(event: &Event, is_it: impl FnOnce(&str) -> bool) -> bool {
    let Some(column) = events::SCHEMA.position("agent_id") else { return false };
    matches!(EventFields::new(event).field(column), crate::Value::Text(name) if is_it(name.as_ref()))
}

fn narrow(kept: &mut Option<BTreeSet<String>>, names: BTreeSet<String>) {
    *kept = Some(match kept.take() {
        Some(before) => &before & &names,
        None => names,
    });
}

/// One stream's events in a stretch of the log.
fn stream(reader: &Reader<Row>, name: &str, after: Position, upto: Position, direction: Direction) -> Events {
    let from = match direction {
        Direction::Forward => first_after(reader, name, after),
        // What lies behind the stretch is passed over: it is short where the stretch ends near the head.
        Direction::Backward => Ok(Revision(u64::MAX)),
    };
    match from {
        Ok(from) => {
            let position = |event: &Result<Event, ReadError>| event.as_ref().ok().map(|event| event.position);
            let past = move |event: &Result<Event, ReadError>| match direction {
                Direction::Forward => position(event).is_some_and(|position| position > upto),
                Direction::Backward => position(event).is_some_and(|position| position <= after),
            };
            let behind = move |event: &Result<Event, ReadError>| match direction {
                Direction::Forward => false,
                Direction::Backward => position(event).is_some_and(|position| position > upto),
            };
            let events = reader.stream(name, from, direction);
            Box::new(events.skip_while(behind).take_while(move |event| !past(event)))
        }
        Err(error) => Box::new(iter::once(Err(error))),
    }
}

/// Revision of a stream's first event after a position: they rise together, so it is found by halving.
fn first_after(reader: &Reader<Row>, stream: &str, after: Position) -> Result<Revision, ReadError> {
    let (mut low, mut high) = (1, reader.stream_revision(stream)?.0 + 1);
    while after > Position::ZERO && low < high {
        let middle = low + (high - low) / 2;
        match reader.stream(stream, Revision(middle), Direction::Forward).next().transpose()? {
            Some(event) if event.position <= after => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(Revision(low))
}

/// Several runs of events, none of which is in two, as one in order of position.
struct Merged {
    runs: Vec<(Events, Option<Result<Event, ReadError>>)>,
    direction: Direction,
}

impl Merged {
    fn new(runs: Vec<Events>, direction: Direction) -> Self {
        let runs = runs.into_iter().map(|mut run| {
            let first = run.next();
            (run, first)
        });
        Self { runs: runs.collect(), direction }
    }
}

impl Iterator for Merged {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        // A failed run comes first, whichever way: its rank is that of no position.
        let rank = |head: &Option<Result<Event, ReadError>>| match head {
            Some(Ok(event)) if self.direction == Direction::Forward => Some(event.position.0),
            Some(Ok(event)) => Some(u64::MAX - event.position.0),
            Some(Err(_)) => Some(0),
            None => None,
        };
        let (run, head) =
            self.runs.iter_mut().filter(|(_, head)| head.is_some()).min_by_key(|(_, head)| rank(head))?;
        std::mem::replace(head, run.next())
    }
}
