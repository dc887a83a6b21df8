//! Taking a push in: what is known is left out, the streams of the rest are looked through, and all that can be
//! taken is one commit. Should one of those streams move between the look and the commit, the writer says so,
//! and everything is looked at again.

use super::{HEARD, HEARD_STREAM, Item};
use crate::app::{Shared, context};
use crate::context::Provenance;
use crate::error::{Code, Error};
use crate::http::blocking;
use domain::merge;
use domain::rows::Row;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use store::{
    Append, AppendError, Condition, Direction, Event, EventId, ExecuteError, ExpectedRevision, NewEvent,
    Position, ReadError, Reader, Revision, StreamWrite, Text,
};

/// Looks at streams that moved under us. Work on them goes on meanwhile, but not a push's worth each time.
const LOOKS_MAX: usize = 16;

/// Events of another node.
#[derive(Debug)]
pub(crate) struct Push {
    /// The node whose log they are from.
    pub(crate) node: EventId,
    /// As they came.
    pub(crate) items: Vec<Item>,
    /// All of that log that is not of that node alone, after the first position and up to the second.
    pub(crate) stretch: Option<(u64, u64)>,
}

/// What came of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// It is in the log now.
    Accepted,
    /// It was before.
    Duplicate,
    /// It is none that is merged; why.
    Rejected(String),
}

/// What came of a push.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// By event, in the order of the push.
    pub(crate) results: Vec<(EventId, Status)>,
    /// How far this node has heard the other's log.
    pub(crate) heard: u64,
    /// Head that has it.
    pub(crate) position: Position,
}

/// How far another node's log was heard, as the data of [`HEARD`].
#[derive(Debug, Serialize, Deserialize)]
struct Heard {
    upto: u64,
}

/// What was found out about a push at one head.
struct Look {
    head: Position,
    results: Vec<(EventId, Status)>,
    new: Vec<NewEvent>,
    heard: u64,
    /// Streams that must not move, and ids that must not come, before the commit.
    streams: HashSet<Text>,
    ids: HashSet<EventId>,
}

/// Merges a push.
///
/// # Errors
/// When an event has the id of another one, nothing can be written, or the streams never hold still.
pub(crate) async fn push(app: &Shared, by: &Provenance, push: Push) -> Result<Outcome, Error> {
    let _entered = app.gate.enter()?;
    let push = Arc::new(push);
    for _ in 0..LOOKS_MAX {
        let (reader, looked) = (app.store().reader(), Arc::clone(&push));
        let Look { head, results, new, heard, streams, ids } =
            match blocking(move || look(&reader, &looked)).await?? {
                Ok(look) => look,
                Err(taken) => return Err(taken.into()),
            };
        if new.is_empty() {
            return Ok(Outcome { results, heard, position: head });
        }
        let writes = new.into_iter().map(|event| StreamWrite {
            stream: event.stream.clone(),
            expected: ExpectedRevision::Any,
            events: vec![event],
        });
        let test = move |event: &Event| Ok(streams.contains(&event.stream) || ids.contains(&event.id));
        let condition = Condition { found: None, looked_upto: head, test: Arc::new(test) };
        let append = Append { writes: writes.collect() };
        match app.store().append_if(context(by), append, Some(condition)).await {
            Ok(appended) => return Ok(Outcome { results, heard, position: appended.last }),
            Err(ExecuteError::Rejected(
                AppendError::ConditionFailed { .. }
                | AppendError::ConditionBehind { .. }
                | AppendError::EventExists { .. },
            )) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::unavailable("what the push is about changes faster than it can be merged")
        .hint("push again: what was merged before is a duplicate then"))
}

/// An event that is known under its id has another content.
struct IdTaken {
    index: usize,
    id: EventId,
}

impl From<IdTaken> for Error {
    fn from(IdTaken { index, id }: IdTaken) -> Self {
        Self::new(Code::Conflict, format!("event {index} of the push has the id `{id}` of another event"))
            .details(json!({"id": id.to_string(), "pointer": format!("/events/{index}/id")}))
            .hint("an event never changes: push it as its node's GET /events gives it; nothing was merged")
    }
}

/// Finds out what to write.
fn look(reader: &Reader<Row>, push: &Push) -> Result<Result<Look, IdTaken>, ReadError> {
    let (mut results, mut incoming) = (Vec::with_capacity(push.items.len()), Vec::new());
    let (mut streams, mut ids) = (HashSet::new(), HashMap::new());
    for (index, Item { id, event }) in push.items.iter().enumerate() {
        let status = match event {
            Err(why) => Status::Rejected(why.clone()),
            Ok(event) => {
                let known = reader.position_of(*id)?.map(|position| reader.event(position)).transpose()?;
                let is_it = match (known.flatten(), ids.get(id)) {
                    (Some(known), _) => Some(event.is(&known)),
                    (None, Some(&before)) => Some(event.is_again(before)),
                    (None, None) => None,
                };
                match is_it {
                    Some(true) => Status::Duplicate,
                    Some(false) => return Ok(Err(IdTaken { index, id: *id })),
                    None => {
                        ids.insert(*id, event);
                        if merge::looks_back(&event.stream) {
                            streams.insert(event.stream.clone());
                        }
                        incoming.push(event.clone());
                        Status::Accepted
                    }
                }
            }
        };
        results.push((*id, status));
    }
    let ids = ids.into_keys().collect();
    let mut known = Vec::new();
    for stream in &streams {
        for event in reader.stream(stream, Revision(1), Direction::Forward) {
            known.push(event?);
        }
    }
    let mut new = merge::plan(&known, incoming);
    let stream = Text::from(format!("{HEARD_STREAM}{}", push.node));
    let mut heard = last_heard(reader, &stream)?;
    if let Some((after, upto)) = push.stretch
        && after <= heard
        && upto > heard
    {
        heard = upto;
        // Before the others: it is an event of this node's own, and counts like one.
        new.insert(0, heard_upto(stream.clone(), upto));
    }
    streams.insert(stream);
    Ok(Ok(Look { head: reader.head().position, results, new, heard, streams, ids }))
}

fn last_heard(reader: &Reader<Row>, stream: &str) -> Result<u64, ReadError> {
    let revision = reader.stream_revision(stream)?;
    let last = reader.stream(stream, revision, Direction::Backward).next().transpose()?;
    let heard = last.and_then(|event| serde_json::from_str::<Heard>(&event.data).ok());
    Ok(heard.map_or(0, |heard| heard.upto))
}

fn heard_upto(stream: Text, upto: u64) -> NewEvent {
    NewEvent {
        id: None,
        stream,
        kind: HEARD.into(),
        data: serde_json::to_string(&Heard { upto }).expect("a number is JSON").into(),
        metadata: "{}".into(),
        tags: Vec::new(),
        time: None,
    }
}
