//! Who is interested in an event: the other way round than [`Sought`], from one event to all those who seek such.
//!
//! Each interest lies under one thing that it asks for, the one that an index of the log would be asked with (see
//! [`Sought::events`]), so an event costs what may want it and not what is wanted in all. Those that ask for nothing
//! of the kind are told of every event.

use super::{Path, Sought, actor};
use rustc_hash::FxHashMap;
use store::Event;

/// Interests, each called by an id of its own.
#[derive(Debug, Default)]
pub struct Interests {
    streams: Named,
    types: Named,
    agents: Named,
    tags: Named,
    /// In any event.
    any: Vec<u64>,
}

/// Ids by a name that is asked for.
type Named = FxHashMap<Box<str>, Vec<u64>>;

impl Interests {
    /// Adds an interest.
    pub fn add(&mut self, sought: &Sought, id: u64) {
        self.places(sought, &mut |ids| ids.push(id));
    }

    /// Takes an interest away that was added with an equal `sought`.
    pub fn remove(&mut self, sought: &Sought, id: u64) {
        self.places(sought, &mut |ids| {
            if let Some(place) = ids.iter().position(|other| *other == id) {
                ids.swap_remove(place);
            }
        });
    }

    /// Tells `each` of everybody who may want the event, once: all who do, and others.
    pub fn of(&self, event: &Event, mut each: impl FnMut(u64)) {
        let mut told = |named: &Named, name: &str| {
            if let Some(ids) = named.get(name) {
                ids.iter().for_each(|id| each(*id));
            }
        };
        told(&self.streams, &event.stream);
        told(&self.types, &event.kind);
        // One tag of each interest is looked for, and an event has a tag once.
        event.tags.iter().for_each(|tag| told(&self.tags, tag));
        if !self.agents.is_empty() {
            actor(event, |name| {
                told(&self.agents, name);
                true
            });
        }
        self.any.iter().for_each(|id| each(*id));
    }

    /// Where an interest lies. A name that nobody asks for any more is forgotten.
    fn places(&mut self, sought: &Sought, change: &mut dyn FnMut(&mut Vec<u64>)) {
        let (named, names): (_, Vec<&str>) = match sought.path() {
            Path::Nothing => return,
            Path::Log => return change(&mut self.any),
            Path::Streams(names) => (&mut self.streams, names.iter().map(String::as_str).collect()),
            Path::Types(names) => (&mut self.types, names.iter().map(String::as_str).collect()),
            Path::Agents(names) => (&mut self.agents, names.iter().map(String::as_str).collect()),
            Path::Tag(tag) => (&mut self.tags, vec![tag]),
        };
        for name in names {
            let ids = named.entry(name.into()).or_default();
            change(ids);
            if ids.is_empty() {
                named.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use store::{EventId, Position, Revision, Timestamp};

    fn event(stream: &str, kind: &str, tags: &[&str], agent: &str) -> Event {
        Event {
            position: Position(1),
            id: EventId(1),
            stream: stream.into(),
            revision: Revision(1),
            kind: kind.into(),
            time: Timestamp(0),
            data: "{}".into(),
            metadata: format!(r#"{{"agent_id":"{agent}"}}"#).into(),
            tags: tags.iter().map(|tag| (*tag).into()).collect(),
        }
    }

    fn told(interests: &Interests, event: &Event) -> Vec<u64> {
        let mut ids = Vec::new();
        interests.of(event, |id| ids.push(id));
        ids.sort_unstable();
        ids
    }

    #[test]
    fn an_event_finds_those_who_may_want_it_once() {
        let mut interests = Interests::default();
        let of = Sought::named;
        let two = {
            let mut two = of(Some("a"), None, None, None);
            two.streams.as_mut().unwrap().insert("b".to_owned());
            two
        };
        let tags = {
            let mut tags = of(None, None, Some("red"), None);
            tags.tags.insert("round".to_owned());
            tags
        };
        let all = [
            Sought::default(),
            of(Some("a"), None, None, None),
            two,
            of(None, Some("Opened"), None, None),
            tags,
            of(None, None, None, Some("ada")),
            of(Some("a"), Some("Closed"), None, None),
        ];
        for (id, sought) in all.iter().enumerate() {
            interests.add(sought, id as u64);
        }
        assert_eq!(told(&interests, &event("a", "Opened", &[], "bob")), [0, 1, 2, 3, 6]);
        assert_eq!(told(&interests, &event("b", "Closed", &["red", "round"], "ada")), [0, 2, 4, 5]);
        assert_eq!(told(&interests, &event("c", "Closed", &["red"], "bob")), [0, 4], "others too");
        assert_eq!(told(&interests, &event("c", "Closed", &["blue"], "bob")), [0]);

        for (id, sought) in all.iter().enumerate().skip(1) {
            interests.remove(sought, id as u64);
        }
        assert_eq!(told(&interests, &event("a", "Opened", &["red"], "ada")), [0]);
        for named in [&interests.streams, &interests.types, &interests.agents, &interests.tags] {
            assert!(named.is_empty(), "nothing is kept of those who have gone");
        }
    }

    #[test]
    fn who_wants_what_cannot_be_is_never_told() {
        let mut interests = Interests::default();
        let mut nothing = Sought::default();
        nothing.of_types(Default::default());
        interests.add(&nothing, 1);
        assert_eq!(told(&interests, &event("a", "Opened", &[], "ada")), Vec::<u64>::new());
        interests.remove(&nothing, 1);
    }
}
