//! Times on the wire: RFC 3339 in UTC with microseconds.

use chrono::{DateTime, SecondsFormat, Utc};
use store::Timestamp;

/// `2026-01-19T14:25:00.000000Z`
pub(crate) fn rfc3339(time: Timestamp) -> String {
    match DateTime::<Utc>::from_timestamp_micros(time.0) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Micros, true),
        // Outside of chrono's range of 262,000 years; only a caller's own number can lead here.
        None => format!("{}us", time.0),
    }
}

/// Reads RFC 3339 with any offset; digits beyond microseconds are dropped.
///
/// # Errors
/// A message that says what is expected.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    DateTime::parse_from_rfc3339(text).map(|time| Timestamp(time.timestamp_micros())).map_err(|_| {
        format!("expected a time like 2026-01-19T14:25:00Z, found `{}`", super::fields::short(text))
    })
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn round_trip() {
        let time = parse("2026-01-19T15:25:00.1234567+01:00").unwrap();
        assert_eq!(rfc3339(time), "2026-01-19T14:25:00.123456Z");
        assert_eq!(parse(&rfc3339(time)), Ok(time));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["", "yesterday", "2026-01-19", "2026-13-01T00:00:00Z", "1700000000"] {
            assert!(parse(text).unwrap_err().contains("expected a time"), "{text}");
        }
    }
}
