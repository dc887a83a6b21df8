//! Times: reading, writing, calendar units and buckets. All UTC.

use super::Fault;
use crate::types::Type;
use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Utc};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// Reads an RFC 3339 time with any offset; digits beyond microseconds are dropped.
pub(crate) fn parse(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros())
}

/// Writes a time as RFC 3339 UTC with microseconds. Times beyond what the calendar reaches are written as
/// microseconds since 1970.
pub(crate) fn format(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros)
        .map_or_else(|| format!("{micros} µs"), |time| time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// The start of the stretch of `width` microseconds that `time` lies in, counted from 1970.
pub(super) fn bucket(width: i64, time: i64) -> Result<i64, Fault> {
    time.div_euclid(width).checked_mul(width).ok_or_else(|| Fault::overflow(Type::Time))
}

/// What `date_trunc` cuts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub(crate) enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    /// From Monday.
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    /// Every unit, shortest first.
    pub(crate) const ALL: [(&'static str, Self); 9] = [
        ("millisecond", Self::Millisecond),
        ("second", Self::Second),
        ("minute", Self::Minute),
        ("hour", Self::Hour),
        ("day", Self::Day),
        ("week", Self::Week),
        ("month", Self::Month),
        ("quarter", Self::Quarter),
        ("year", Self::Year),
    ];

    /// The unit of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(word, _)| *word == name).map(|(_, unit)| unit)
    }

    /// The start of the unit that `time` lies in.
    pub(super) fn start_of(self, time: i64) -> Result<i64, Fault> {
        let overflow = || Fault::overflow(Type::Time);
        let width = match self {
            Self::Millisecond => SECOND / 1_000,
            Self::Second => SECOND,
            Self::Minute => 60 * SECOND,
            Self::Hour => 3_600 * SECOND,
            Self::Day => 86_400 * SECOND,
            Self::Week | Self::Month | Self::Quarter | Self::Year => {
                let date = DateTime::<Utc>::from_timestamp_micros(time).ok_or_else(overflow)?.date_naive();
                let (year, month) = (date.year(), date.month());
                let start = match self {
                    Self::Week => date.week(chrono::Weekday::Mon).checked_first_day(),
                    Self::Month => NaiveDate::from_ymd_opt(year, month, 1),
                    Self::Quarter => NaiveDate::from_ymd_opt(year, (month - 1) / 3 * 3 + 1, 1),
                    _ => NaiveDate::from_ymd_opt(year, 1, 1),
                };
                let start = start.and_then(|date| date.and_hms_opt(0, 0, 0)).ok_or_else(overflow)?;
                return Ok(start.and_utc().timestamp_micros());
            }
        };
        bucket(width, time)
    }
}
