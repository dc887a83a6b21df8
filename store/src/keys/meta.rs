//! `meta`: what the data directory is. Written once, when it is made.

use super::damaged;
use crate::{Damage, EventId, Position};

/// Keyspace name.
pub(crate) const KEYSPACE: &str = "meta";
/// Format of the directory as a whole: keyspaces, records, the protocol between them.
pub(crate) const FORMAT: u32 = 1;
/// Key of the format, 4 bytes.
pub(crate) const FORMAT_KEY: &[u8] = b"format";
/// Key of the node's id, 16 bytes.
pub(crate) const NODE_KEY: &[u8] = b"node";

pub(crate) fn format(value: &[u8]) -> Result<u32, Damage> {
    let bytes = value.try_into().map_err(|_| damaged("format", Position::ZERO, "not 4 bytes"))?;
    Ok(u32::from_be_bytes(bytes))
}

pub(crate) fn node(value: &[u8]) -> Result<EventId, Damage> {
    let bytes = value.try_into().map_err(|_| damaged("node id", Position::ZERO, "not 16 bytes"))?;
    Ok(EventId(u128::from_be_bytes(bytes)))
}
