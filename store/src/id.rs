//! The numbers of the log, each a type of its own so that none is taken for another.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Shared immutable text: stream names, types, tags, keys and JSON travel as this.
pub type Text = Arc<str>;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Before the first.
            pub const ZERO: Self = Self(0);

            /// The one after this.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Place of an event in the whole log: 1-based, gapless. Zero is the empty log.
    Position
}
number! {
    /// Place of an event in its stream: 1-based, gapless. Zero is the absent stream.
    Revision
}

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Later by that many milliseconds; stops at the ends of the range.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Whole milliseconds since 1970.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

/// A ULID: unique, and nearly sorted by the time it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId(pub u128);

impl EventId {
    /// The `n`th id after this one; wraps at the end of the range.
    #[must_use]
    pub const fn plus(self, n: u128) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// Reads 26 characters of Crockford's base 32, of either case.
    ///
    /// # Errors
    /// When the text is not a ULID: also when it says more than 128 bits, and so begins with more than a 7.
    pub fn parse(text: &str) -> Result<Self, ulid::DecodeError> {
        let id = ulid::Ulid::from_string(text)?;
        // What does not fit is dropped there without a word.
        match id.to_string().eq_ignore_ascii_case(text) {
            true => Ok(Self(id.0)),
            false => Err(ulid::DecodeError::InvalidChar),
        }
    }

    /// The id as text that can be shared.
    #[must_use]
    pub fn to_text(self) -> Text {
        ulid::Ulid(self.0).to_string().into()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ulid::Ulid(self.0).fmt(f)
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u128::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_or_not_at_all() {
        for id in [0, 7, u128::MAX] {
            assert_eq!(EventId::parse(&EventId(id).to_string()), Ok(EventId(id)));
            assert_eq!(EventId::parse(&EventId(id).to_string().to_lowercase()), Ok(EventId(id)));
        }
        for text in ["", "short", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "0000000000000000000000000U"] {
            assert!(EventId::parse(text).is_err(), "{text}");
        }
    }
}
