//! A commit record: the events of one commit as the log keeps them. Laid out byte by byte in
//! docs/internals/disk-format.md.
//!
//! A head with an offset table, then the header of each event, then the data of each event. So one event is
//! decoded without the others, and the chain hash covers headers only: data is in it through its own hash.
//! Answers that are kept for requests made again stand behind the data; they are no part of the chain.

#[cfg(test)]
mod test;

use crate::codec::{Cursor, Short, put_long, put_short};
use crate::texts::Texts;
use crate::{Answered, Damage, Digest, Event, EventId, Position, Revision, Text, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// The only format there is so far.
const FORMAT: u8 = 1;
/// Bytes before the offset table.
const FIXED_BYTES: usize = 1 + 1 + 4 + 8 + 4 + 4 + 32 + 32;
/// Bytes of one entry of the offset table.
const ENTRY_BYTES: usize = 4 + 4 + 8;
/// Bytes of the checksum that ends the head.
const CHECKSUM_BYTES: usize = 8;
/// Flag of a record that has answers behind the data.
const HAS_ANSWERS: u8 = 1;

/// What a commit record takes of an answer besides its bytes.
pub(crate) const ANSWER_BYTES: usize = 16 + 16 + 4;

/// Where an event's header has its time.
const TIME_AT: Range<usize> = 24..32;

/// Where an event's header has the hash of its data.
const DATA_HASH_AT: Range<usize> = 36..68;

/// What a commit record takes of an event besides its texts, for bounds.
pub(crate) const EVENT_BYTES: usize = ENTRY_BYTES + 16 + 8 + 8 + 4 + 32 + 2 + 2 + 4 + 2;

/// Hash of every event header up to a commit: `blake3(previous chain hash, first position, count, headers)`.
///
/// Whoever has kept the hash of a head can tell later that the log up to there is still the same. It is
/// written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain(pub(crate) [u8; 32]);

impl Chain {
    /// Before the first commit.
    pub(crate) const START: Self = Self([0; 32]);

    fn after(self, first: Position, count: u32, headers: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(&first.0.to_be_bytes());
        hasher.update(&count.to_be_bytes());
        hasher.update(headers);
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl FromStr for Chain {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| "a chain hash is 64 hexadecimal digits")?;
        Ok(Self(*hash.as_bytes()))
    }
}

/// The bytes of a record, and the chain hash after it.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) chain: Chain,
}

/// Encodes one commit. The events are gapless from `events[0].position`.
///
/// # Panics
/// When there are no events, or more bytes than the writer's bounds allow.
pub(crate) fn encode(previous: Chain, events: &[Event], answers: &[Answered]) -> Encoded {
    let first = events.first().expect("a commit has events").position;
    let count = u32::try_from(events.len()).expect("a commit's events are bounded by the writer");

    let mut headers = Vec::with_capacity(events.len() * 192);
    let mut table = Vec::with_capacity(events.len() * ENTRY_BYTES);
    let mut data_end = 0_usize;
    for event in events {
        let start = headers.len();
        let data = event.data.as_bytes();
        encode_header(&mut headers, event);
        data_end += data.len();
        table.extend_from_slice(&length(headers.len()).to_be_bytes());
        table.extend_from_slice(&length(data_end).to_be_bytes());
        table.extend_from_slice(&event_checksum(&headers[start..], data).to_be_bytes());
    }
    let chain = previous.after(first, count, &headers);

    let total = FIXED_BYTES + table.len() + CHECKSUM_BYTES + headers.len() + data_end;
    let mut bytes = Vec::with_capacity(total);
    bytes.push(FORMAT);
    bytes.push(if answers.is_empty() { 0 } else { HAS_ANSWERS });
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend_from_slice(&first.0.to_be_bytes());
    bytes.extend_from_slice(&length(headers.len()).to_be_bytes());
    bytes.extend_from_slice(&length(data_end).to_be_bytes());
    bytes.extend_from_slice(&previous.0);
    bytes.extend_from_slice(&chain.0);
    bytes.extend_from_slice(&table);
    let checksum = xxh3_64(&bytes);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    bytes.extend_from_slice(&headers);
    for event in events {
        bytes.extend_from_slice(event.data.as_bytes());
    }
    debug_assert_eq!(bytes.len(), total);
    if !answers.is_empty() {
        encode_answers(&mut bytes, answers);
    }
    Encoded { bytes, chain }
}

fn encode_answers(out: &mut Vec<u8>, answers: &[Answered]) {
    let start = out.len();
    out.extend_from_slice(&length(answers.len()).to_be_bytes());
    for Answered { key, request, answer } in answers {
        out.extend_from_slice(&key.0);
        out.extend_from_slice(&request.0);
        put_long(out, answer);
    }
    let checksum = xxh3_64(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a record's bytes are bounded by the writer")
}

fn encode_header(out: &mut Vec<u8>, event: &Event) {
    let data = event.data.as_bytes();
    out.extend_from_slice(&event.id.0.to_be_bytes());
    out.extend_from_slice(&event.revision.0.to_be_bytes());
    out.extend_from_slice(&event.time.0.to_be_bytes());
    out.extend_from_slice(&length(data.len()).to_be_bytes());
    out.extend_from_slice(blake3::hash(data).as_bytes());
    put_short(out, event.stream.as_bytes());
    put_short(out, event.kind.as_bytes());
    put_long(out, event.metadata.as_bytes());
    let tags = u16::try_from(event.tags.len()).expect("tags are bounded by the writer");
    out.extend_from_slice(&tags.to_be_bytes());
    for tag in &event.tags {
        put_short(out, tag.as_bytes());
    }
}

fn event_checksum(header: &[u8], data: &[u8]) -> u64 {
    let mut hasher = Xxh3Default::new();
    hasher.update(header);
    hasher.update(data);
    hasher.digest()
}

/// A record whose head has been checked. Its events are checked as they are decoded.
#[derive(Debug)]
pub(crate) struct Record<B> {
    bytes: B,
    first: Position,
    count: u32,
    headers_at: usize,
    data_at: usize,
    answers_at: usize,
    previous: Chain,
    chain: Chain,
}

impl<B: AsRef<[u8]>> Record<B> {
    /// Reads and checks the head of the record that is kept under `key`.
    pub(crate) fn parse(key: Position, bytes: B) -> Result<Self, Damage> {
        let damaged = |why: &str| damage(key, why);
        let all = bytes.as_ref();
        let mut cursor = Cursor(all);
        let head = (|| {
            let format = cursor.u8()?;
            let flags = cursor.u8()?;
            let count = cursor.u32()?;
            let first = Position(cursor.u64()?);
            let headers_bytes = cursor.u32()? as usize;
            let data_bytes = cursor.u32()? as usize;
            let previous = Chain(cursor.array()?);
            let chain = Chain(cursor.array()?);
            Ok((format, flags, count, first, headers_bytes, data_bytes, previous, chain))
        })();
        let (format, flags, count, first, headers_bytes, data_bytes, previous, chain) =
            head.map_err(|Short| damaged("the head is cut short"))?;
        if format != FORMAT || flags & !HAS_ANSWERS != 0 {
            return Err(damaged("the format is not known"));
        }
        let headers_at = (count as usize)
            .checked_mul(ENTRY_BYTES)
            .and_then(|table| table.checked_add(FIXED_BYTES + CHECKSUM_BYTES))
            .filter(|at| *at <= all.len())
            .ok_or_else(|| damaged("the offset table is cut short"))?;
        let (checked, rest) = all.split_at(headers_at - CHECKSUM_BYTES);
        if Cursor(rest).u64() != Ok(xxh3_64(checked)) {
            return Err(damaged("the checksum of the head does not fit"));
        }
        if first != key {
            return Err(damaged("it is kept under another position"));
        }
        if count == 0 || first == Position::ZERO || first.0.checked_add(u64::from(count)).is_none() {
            return Err(damaged("it has no place in the log"));
        }
        let data_at = headers_at + headers_bytes;
        let answers_at = data_at + data_bytes;
        let fits = match flags {
            0 => answers_at == all.len(),
            // Their own checksum tells whether they are whole.
            _ => answers_at < all.len(),
        };
        if !fits {
            return Err(damaged("its length does not fit"));
        }
        let record = Self { bytes, first, count, headers_at, data_at, answers_at, previous, chain };
        let (header, data) = record.ends(count - 1);
        if (header, data) != (headers_bytes, data_bytes) {
            return Err(damaged("the offset table does not fit"));
        }
        Ok(record)
    }

    /// Position of the first event.
    pub(crate) fn first(&self) -> Position {
        self.first
    }

    /// Position of the last event.
    pub(crate) fn last(&self) -> Position {
        Position(self.first.0 + u64::from(self.count) - 1)
    }

    /// Chain hash up to the record before, as this one has it.
    pub(crate) fn previous(&self) -> Chain {
        self.previous
    }

    /// Chain hash up to this record.
    pub(crate) fn chain(&self) -> Chain {
        self.chain
    }

    /// Checks that this record continues a chain and that its own hash is right.
    pub(crate) fn verify_chain(&self, previous: Chain) -> Result<(), Damage> {
        if self.previous != previous {
            return Err(damage(self.first, "it does not continue the chain of the record before"));
        }
        let headers = &self.bytes.as_ref()[self.headers_at..self.data_at];
        if previous.after(self.first, self.count, headers) != self.chain {
            return Err(damage(self.first, "its chain hash does not fit its events"));
        }
        Ok(())
    }

    /// Decodes the event at `position`, which must lie in the record.
    pub(crate) fn event(&self, position: Position, texts: &mut Texts) -> Result<Event, Damage> {
        let (header, data) = self.parts(position)?;
        decode_event(position, header, data, texts).map_err(|why| Damage {
            what: "event",
            position,
            why: why.into(),
        })
    }

    /// The answers that are kept in it.
    pub(crate) fn answers(&self) -> Result<Vec<Answered>, Damage> {
        let bytes = &self.bytes.as_ref()[self.answers_at..];
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let damaged = || damage(self.first, "the answers kept in it are not what was written");
        let (bytes, checksum) = bytes.split_last_chunk().ok_or_else(damaged)?;
        if u64::from_be_bytes(*checksum) != xxh3_64(bytes) {
            return Err(damaged());
        }
        let mut cursor = Cursor(bytes);
        let answers = (|| {
            let count = cursor.u32()?;
            (0..count).map(|_| answer(&mut cursor)).collect::<Result<Vec<_>, Short>>()
        })();
        answers.ok().filter(|_| cursor.rest().is_empty()).ok_or_else(damaged)
    }

    /// The time of the event at `position`, which must lie in the record.
    pub(crate) fn time(&self, position: Position) -> Result<Timestamp, Damage> {
        let (header, _) = self.parts(position)?;
        header
            .get(TIME_AT)
            .and_then(|time| Cursor(time).i64().ok())
            .map(Timestamp)
            .ok_or_else(|| damage(position, "the header is cut short"))
    }

    /// Checks that the data of the event at `position`, which must lie in the record, is that of the chain.
    pub(crate) fn verify_data(&self, position: Position) -> Result<(), Damage> {
        let (header, data) = self.parts(position)?;
        match header.get(DATA_HASH_AT) {
            Some(hash) if hash == blake3::hash(data).as_bytes() => Ok(()),
            _ => Err(Damage { what: "event", position, why: "its data is not what the chain has".into() }),
        }
    }

    /// Header and data of an event, its checksum verified.
    fn parts(&self, position: Position) -> Result<(&[u8], &[u8]), Damage> {
        debug_assert!(self.first <= position && position <= self.last());
        let index = (position.0 - self.first.0) as u32;
        let (header_start, data_start) = if index == 0 { (0, 0) } else { self.ends(index - 1) };
        let (header_end, data_end) = self.ends(index);
        let bytes = self.bytes.as_ref();
        let header = bytes[..self.data_at].get(self.headers_at + header_start..self.headers_at + header_end);
        let data = bytes[..self.answers_at].get(self.data_at + data_start..self.data_at + data_end);
        let (Some(header), Some(data)) = (header, data) else {
            return Err(damage(position, "the offset table does not fit"));
        };
        if event_checksum(header, data) != self.checksum(index) {
            return Err(Damage { what: "event", position, why: "the checksum does not fit".into() });
        }
        Ok((header, data))
    }

    fn entry(&self, index: u32) -> Cursor<'_> {
        Cursor(&self.bytes.as_ref()[FIXED_BYTES + index as usize * ENTRY_BYTES..self.headers_at])
    }

    /// Where header and data of the event at `index` end, in their sections.
    fn ends(&self, index: u32) -> (usize, usize) {
        let mut entry = self.entry(index);
        let header = entry.u32().expect("the table was measured in parse");
        let data = entry.u32().expect("the table was measured in parse");
        (header as usize, data as usize)
    }

    fn checksum(&self, index: u32) -> u64 {
        let mut entry = self.entry(index);
        entry.take(8).and_then(|_| entry.u64()).expect("the table was measured in parse")
    }
}

fn answer(cursor: &mut Cursor<'_>) -> Result<Answered, Short> {
    let (key, request) = (Digest(cursor.array()?), Digest(cursor.array()?));
    Ok(Answered { key, request, answer: cursor.long_slice()?.into() })
}

fn damage(position: Position, why: &str) -> Damage {
    Damage { what: "commit record", position, why: why.into() }
}

fn decode_event(
    position: Position,
    header: &[u8],
    data: &[u8],
    texts: &mut Texts,
) -> Result<Event, &'static str> {
    const SHORT: &str = "the header is cut short";
    const UTF8: &str = "a text is not UTF-8";
    let short = |Short| SHORT;
    let mut cursor = Cursor(header);
    let id = EventId(cursor.u128().map_err(short)?);
    let revision = Revision(cursor.u64().map_err(short)?);
    let time = Timestamp(cursor.i64().map_err(short)?);
    if cursor.u32().map_err(short)? as usize != data.len() {
        return Err("the length of its data does not fit");
    }
    cursor.take(32).map_err(short)?;
    let mut text = |bytes: Result<&[u8], Short>| -> Result<Text, &'static str> {
        texts.get(bytes.map_err(short)?).map_err(|_| UTF8)
    };
    let stream = text(cursor.short_slice())?;
    let kind = text(cursor.short_slice())?;
    let metadata = text(cursor.long_slice())?;
    let count = cursor.u16().map_err(short)?;
    let tags = (0..count).map(|_| text(cursor.short_slice())).collect::<Result<Vec<_>, _>>()?;
    if !cursor.rest().is_empty() {
        return Err("the header is too long");
    }
    let data = std::str::from_utf8(data).map_err(|_| UTF8)?.into();
    Ok(Event { position, id, stream, revision, kind, time, data, metadata, tags })
}
