//! Rows as they are.

use super::{Answer, ROWS_MAX, Task};
use crate::plan::{KEY, Way};
use crate::views::{Current, Entry, Rows, SomeDepths};
use store::Text;

/// Rows that may be of the answer.
type Candidates<'r> = Vec<(&'r Text, &'r Entry)>;

pub(super) fn answer(task: &Task<'_>, current: &Current) -> Option<Answer> {
    let rows = current.rows(task.direct.table);
    let (way, candidates) = candidates(task, rows)?;
    let mut depths = task.direct.is_deep().then(SomeDepths::default);
    let candidates = candidates.into_iter().map(|(key, entry)| {
        let depth = depths.as_mut().map_or(0, |depths| {
            let Ok(depth) = depths.get(key, current);
            depth
        });
        entry.fields(depth, task.direct.at.time)
    });
    task.of(candidates, Some(rows.len()), vec![way])
}

/// The rows found by the way that finds fewest, in order of key; none where each finds too many.
fn candidates<'r>(task: &Task<'_>, rows: &'r Rows) -> Option<(usize, Candidates<'r>)> {
    let Task { direct, enough, .. } = task;
    let columns = direct.schema.columns.len();
    if let Some((nth, way)) = direct.by_key() {
        return Some((nth, gather(rows, way, columns)?));
    }
    let gathered = direct.ways.iter().enumerate();
    let gathered = gathered.filter_map(|(nth, way)| Some((nth, gather(rows, way, columns)?)));
    if let Some(least) = gathered.min_by_key(|(_, found)| found.len()) {
        return Some(least);
    }
    // Too many to look at all of them; but some of one value may be enough.
    let way = direct.ways.iter().position(|way| way.len() == 1 && way[0].values.len() == 1);
    let way = way.filter(|_| *enough <= ROWS_MAX)?;
    let lookup = &direct.ways[way][0];
    let value = lookup.values.first()?;
    Some((way, rows.having(lookup.column, columns, value).take(ROWS_MAX + 1).collect()))
}

/// All rows that a way finds, in order of key, each once; none if they are too many.
fn gather<'r>(rows: &'r Rows, way: &Way, columns: usize) -> Option<Candidates<'r>> {
    let mut found = Candidates::new();
    for lookup in way {
        for value in &lookup.values {
            if lookup.column == KEY {
                found.extend(rows.row(value));
            } else {
                let left = ROWS_MAX + 1 - found.len();
                found.extend(rows.having(lookup.column, columns, value).take(left));
            }
            if found.len() > ROWS_MAX {
                return None;
            }
        }
    }
    found.sort_unstable_by_key(|(key, _)| *key);
    found.dedup_by(|(left, _), (right, _)| left == right);
    Some(found)
}
