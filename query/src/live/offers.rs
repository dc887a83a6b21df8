//! Tasks that could be taken. Some can be from a moment on that no event tells of: their `not_before`. They are shown with
//! the first commit at or after it, as `AS OF` that position shows them.

use super::diff::Gathered;
use super::query::{LiveQuery, Seen};
use super::turns::Turned;
use domain::offer;
use domain::rows::Row;
use grammar::Error;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use store::{Text, Timestamp};

/// What is known of the tasks of a position.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// Time of the last commit that was taken in.
    now: Timestamp,
    /// Those that wait for nothing but their time, by that time. Their rows are shared with the tables.
    waiting: BTreeMap<(Timestamp, Text), Seen>,
}

impl Offers {
    /// Takes in a task that is there from the start, at `now`.
    pub(super) fn begin(&mut self, key: &Text, seen: &Seen, now: Timestamp) {
        self.now = now;
        if let Some(until) = waits_until(seen, now) {
            self.waiting.insert((until, key.clone()), seen.clone());
        }
    }

    /// Takes in a commit.
    pub(super) fn apply(
        &mut self,
        query: &LiveQuery,
        turned: &Turned,
        gathered: &mut Gathered,
    ) -> Result<(), Error> {
        let (was, now) = (self.now, turned.time);
        let changed: FxHashSet<&Text> = turned.rows.iter().map(|step| &step.key).collect();
        for step in &turned.rows {
            if let Some(until) = step.before.as_ref().and_then(|seen| waits_until(seen, was)) {
                self.waiting.remove(&(until, step.key.clone()));
            }
        }
        // What is left may be due.
        let due: Vec<(Timestamp, Text)> =
            self.waiting.keys().take_while(|(until, _)| *until <= now).cloned().collect();
        for place in due {
            if let Some(seen) = self.waiting.remove(&place) {
                debug_assert!(!changed.contains(&place.1), "a row that changed waits as it is now");
                gathered.turned(None, query.shown(Some(&seen), now)?);
            }
        }
        for step in &turned.rows {
            let before = query.shown(step.before.as_ref(), was)?;
            gathered.turned(before, query.shown(step.after.as_ref(), now)?);
            if let Some(seen) = &step.after
                && let Some(until) = waits_until(seen, now)
            {
                self.waiting.insert((until, step.key.clone()), seen.clone());
            }
        }
        self.now = now;
        Ok(())
    }
}

/// The moment a task can be taken from, if it waits for nothing else and that is after `now`.
fn waits_until(seen: &Seen, now: Timestamp) -> Option<Timestamp> {
    let Row::Task(task) = &seen.row else { return None };
    let until = task.not_before.filter(|until| *until > now)?;
    (offer::is_ready_but_for_time(task, &seen.graph) && offer::may_take(task, None)).then_some(until)
}
