//! What a check finds: where, and what is wrong there.

use crate::codec::Cursor;
use crate::keys::{self, Kind};
use crate::{Digest, EventId, Position, Revision, TableId, Text};
use std::fmt;
use std::path::PathBuf;

/// So many findings are told one by one; the others are counted.
pub const FINDINGS_MAX: usize = 100;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// The nearest position in the log, where one is known.
    pub position: Option<Position>,
    /// What is wrong.
    pub why: String,
}

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the members say what they are")]
pub enum Place {
    /// A file, by its path in the data directory.
    File { path: PathBuf },
    /// The log, from a position on.
    Log,
    /// A commit record, by the position of its first event.
    Record { first: Position },
    /// An event.
    Event { position: Position },
    /// How far the views have come.
    Checkpoint,
    /// Where a stream is.
    StreamHead { stream: Text },
    /// A stream's index entry.
    StreamIndex { stream: Text, revision: Revision },
    /// A tag's index entry; a type is the tag `$type:TYPE`.
    TagIndex { tag: Text, position: Position },
    /// The index entry of an event's id.
    EventIdIndex { id: EventId },
    /// The index entry of an answer that is kept.
    AnswerIndex { key: Digest },
    /// A row as it is.
    Row { table: TableId, key: Text },
    /// A version of a row that has ended.
    Version { table: TableId, key: Text, ended: Position },
    /// A key of the views that is none of ours, in hexadecimal digits.
    UnknownKey { key: String },
}

impl Place {
    /// Whether it can be folded from the log again: `rebuild` mends it.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        match self {
            Self::File { path } => path.starts_with("views"),
            Self::Log | Self::Record { .. } | Self::Event { .. } => false,
            _ => true,
        }
    }

    /// What a key of the derived keyspace is about.
    pub(super) fn of_key(key: &[u8]) -> Self {
        Self::parse(key).unwrap_or_else(|| {
            let digits = key.iter().map(|byte| format!("{byte:02x}"));
            Self::UnknownKey { key: digits.collect() }
        })
    }

    fn parse(key: &[u8]) -> Option<Self> {
        let (&kind, body) = key.split_first()?;
        let mut cursor = Cursor(body);
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Text::from);
        let whole = |cursor: Cursor<'_>, place| cursor.rest().is_empty().then_some(place);
        match kind {
            kind if kind == Kind::Checkpoint as u8 => whole(cursor, Self::Checkpoint),
            kind if kind == Kind::StreamHead as u8 => Some(Self::StreamHead { stream: text(body)? }),
            kind if kind == Kind::Stream as u8 => {
                let stream = text(cursor.short_slice().ok()?)?;
                let revision = Revision(cursor.u64().ok()?);
                whole(cursor, Self::StreamIndex { stream, revision })
            }
            kind if kind == Kind::Tag as u8 => {
                let tag = text(cursor.short_slice().ok()?)?;
                let position = Position(cursor.u64().ok()?);
                whole(cursor, Self::TagIndex { tag, position })
            }
            kind if kind == Kind::EventId as u8 => {
                let id = EventId(cursor.u128().ok()?);
                whole(cursor, Self::EventIdIndex { id })
            }
            kind if kind == Kind::Answer as u8 => {
                let key = Digest(cursor.array().ok()?);
                whole(cursor, Self::AnswerIndex { key })
            }
            kind if kind == Kind::Row as u8 => {
                let (table, key) = keys::row::decode_key(key).ok()?;
                Some(Self::Row { table, key })
            }
            kind if kind == Kind::History as u8 => {
                let table = cursor.u8().ok()?;
                let ended = Position(cursor.u64().ok()?);
                Some(Self::Version { table, key: text(cursor.rest())?, ended })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "file {}", path.display()),
            Self::Log => write!(f, "log"),
            Self::Record { first } => write!(f, "commit record at position {first}"),
            Self::Event { position } => write!(f, "event at position {position}"),
            Self::Checkpoint => write!(f, "checkpoint"),
            Self::StreamHead { stream } => write!(f, "head of stream {stream}"),
            Self::StreamIndex { stream, revision } => {
                write!(f, "index of stream {stream} at revision {}", revision.0)
            }
            Self::TagIndex { tag, position } => write!(f, "index of tag {tag} at position {position}"),
            Self::EventIdIndex { id } => write!(f, "index of event id {id}"),
            Self::AnswerIndex { key } => write!(f, "index of kept answer {key}"),
            Self::Row { table, key } => write!(f, "row {key} of table {table}"),
            Self::Version { table, key, ended } => {
                write!(f, "version of row {key} of table {table} that ended at position {ended}")
            }
            Self::UnknownKey { key } => write!(f, "unknown key {key} of the views"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

/// Findings, bounded: the first [`FINDINGS_MAX`], and how many there are.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) first: Vec<Finding>,
    pub(super) count: u64,
}

impl Findings {
    pub(super) fn add(&mut self, place: Place, position: Option<Position>, why: impl Into<String>) {
        self.count += 1;
        if self.first.len() < FINDINGS_MAX {
            self.first.push(Finding { place, position, why: why.into() });
        }
    }
}
