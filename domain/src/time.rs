//! Moments as text: RFC 3339 in UTC, the form they have in events.

use chrono::{DateTime, SecondsFormat, Utc};
use store::Timestamp;

/// 0000-01-01T00:00:00Z, the first moment RFC 3339 can write.
pub const MIN: Timestamp = Timestamp(-62_167_219_200_000_000);
/// 9999-12-31T23:59:59.999999Z, the last one.
pub const MAX: Timestamp = Timestamp(253_402_300_799_999_999);

/// `2026-01-31T12:00:00Z`, with 3 or 6 decimals where there are any. Moments out of range become the
/// nearest one that can be written.
#[must_use]
pub fn format(time: Timestamp) -> String {
    let micros = time.0.clamp(MIN.0, MAX.0);
    DateTime::<Utc>::from_timestamp_micros(micros)
        .map_or_else(String::new, |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// Reads RFC 3339 with any offset; finer than microseconds is cut.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| Timestamp(time.timestamp_micros()))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn written_and_read_again() {
        for micros in [0, 1, 999, 1_000, 1_700_000_000_123_456, -1, MIN.0, MAX.0] {
            assert_eq!(parse(&format(Timestamp(micros))), Some(Timestamp(micros)), "{micros}");
        }
    }

    #[test]
    fn the_bounds_are_what_they_say() {
        assert_eq!(format(MIN), "0000-01-01T00:00:00Z");
        assert_eq!(format(MAX), "9999-12-31T23:59:59.999999Z");
        assert_eq!(format(Timestamp(i64::MAX)), format(MAX));
        assert_eq!(format(Timestamp(i64::MIN)), format(MIN));
    }

    #[test]
    fn other_offsets_are_read() {
        assert_eq!(parse("1970-01-01T02:00:00.5+02:00"), Some(Timestamp(500_000)));
        assert_eq!(parse("yesterday"), None);
    }
}
