//! Moments as the API writes them.

use chrono::{DateTime, SecondsFormat, Utc};

/// Microseconds since 1970 of an RFC 3339 text.
///
/// # Panics
/// When it is not one: the API promises that every time is.
#[must_use]
pub fn micros(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap_or_else(|error| panic!("`{text}` is not an RFC 3339 time: {error}"))
        .timestamp_micros()
}

/// RFC 3339 in UTC with microseconds, the one form in which answers carry times.
///
/// # Panics
/// When the moment is outside what RFC 3339 can say.
#[must_use]
pub fn text(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros)
        .unwrap_or_else(|| panic!("{micros} µs is out of range"))
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// This process's clock, in microseconds since 1970.
#[must_use]
pub fn now() -> i64 {
    Utc::now().timestamp_micros()
}
