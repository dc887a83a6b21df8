//! The order of offers.

use crate::rows::Task;
use store::Timestamp;

const HOUR_MS: f64 = 3_600_000.0;

/// `priority + 0.1·age_hours + 0.5·dependency_depth` at `now`: what a person sees. `depth` is the latter.
#[must_use]
pub fn score(task: &Task, depth: u32, now: Timestamp) -> f64 {
    score_of(task.priority, task.created_at, depth, now)
}

/// [`score`] of a task of which no more is known.
#[must_use]
pub fn score_of(priority: i8, created_at: Timestamp, depth: u32, now: Timestamp) -> f64 {
    let age_hours = (now.0 - created_at.0) as f64 / 1_000.0 / HOUR_MS;
    f64::from(priority) + 0.1 * age_hours + 0.5 * f64::from(depth)
}

/// The score in integers, less the part that grows alike for all tasks: `score·36,000,000` without the
/// common age term. Of two tasks the one with the greater key has the greater score at every moment, so
/// an index by it never changes for time.
#[must_use]
pub fn order_key(task: &Task, depth: u32) -> i64 {
    i64::from(task.priority) * 36_000_000 + i64::from(depth) * 18_000_000 - task.created_at.as_ms()
}
