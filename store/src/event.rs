//! What the log holds.

use crate::{EventId, Position, Revision, Text, Timestamp};

/// Ids of a context's seed that are the model's, for entities it makes: the first so many. The writer names
/// events from there on.
pub const MODEL_IDS_MAX: u128 = 1 << 16;

/// A committed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Place in the log.
    pub position: Position,
    /// Unique name.
    pub id: EventId,
    /// The stream it belongs to.
    pub stream: Text,
    /// Place in that stream.
    pub revision: Revision,
    /// What happened, in the field's word: `TaskCreated`. On the wire: `type`.
    pub kind: Text,
    /// When it was committed here; never runs backwards along positions.
    pub time: Timestamp,
    /// JSON, as it was received.
    pub data: Text,
    /// A JSON object: who, in which session, why.
    pub metadata: Text,
    /// Words it can be found by, `kind:value`, sorted, without repetition.
    pub tags: Vec<Text>,
}

/// An event that is to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its name; the writer takes one of the context's seed when there is none.
    pub id: Option<EventId>,
    /// The stream to append to.
    pub stream: Text,
    /// What happened.
    pub kind: Text,
    /// JSON text, checked by whoever made it.
    pub data: Text,
    /// JSON object text.
    pub metadata: Text,
    /// Tags in any order; the writer sorts them and drops repetitions.
    pub tags: Vec<Text>,
    /// The time to give it instead of now: for loading history. Not before the head's time, not after now.
    pub time: Option<Timestamp>,
}

/// What a command is decided with: everything that is not in the state. Nothing below the server reads a
/// clock or makes a random number.
#[derive(Debug, Clone)]
pub struct Context {
    /// The caller's clock. The writer raises it to the time of the last event, so it never runs backwards.
    pub now: Timestamp,
    /// Fresh ULID: the nth entity id that the command needs is `seed.plus(n)` with n below
    /// [`Context::ENTITY_IDS`]; the writer names the kth event `seed.plus(ENTITY_IDS + k)`.
    pub seed: EventId,
    /// JSON object text that goes to the metadata of each event the command makes.
    pub metadata: Text,
    /// The agent that acts, if known: `metadata.agent_id`.
    pub actor: Option<Text>,
}

impl Context {
    /// How many ids of a seed are for entities; those after are for events.
    pub const ENTITY_IDS: u128 = 1 << 16;
}

/// Where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Last committed, durable position.
    pub position: Position,
    /// The time of the event there.
    pub time: Timestamp,
}
