//! JSON as clients see it: rows of results, rows of tables, events. Written straight into bytes.
//!
//! Times are RFC 3339 in UTC with microseconds, sets sorted arrays, whole numbers numbers, other numbers in
//! their shortest form, durations ISO 8601 in seconds (`PT90S`), JSON values themselves.

mod batch;
mod record;
mod scalar;

#[cfg(test)]
mod test;

pub use batch::write_rows;
pub use record::{event, fields, row, task};
pub(crate) use scalar::write_datum;
pub use scalar::{write_duration, write_text, write_time, write_value};
