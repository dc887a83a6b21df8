//! Rows as they were at a moment.

use super::{Answer, ROWS_MAX, Task};
use crate::past::{Few, Needs, Past, Slot, TableAt};
use crate::plan::KEY;
use crate::scan::{World, is_looked_up};
use crate::tables::tasks;
use crate::views::Entry;
use domain::rows::Table;
use std::collections::BTreeSet;
use store::Text;

/// Most rows that are looked up by their keys: each may have to be read from the disk.
const LOOK_UPS_MAX: usize = 64;

/// Most columns that are put together before it is known whether a row is found.
const COLUMNS_MAX: usize = 4;

pub(super) fn answer(task: &Task<'_>, world: &World) -> Option<Answer> {
    let columns = task.direct.columns();
    if let Some((nth, way)) = task.direct.by_key() {
        let keys: BTreeSet<&String> = way.iter().flat_map(|lookup| &lookup.values).collect();
        let keys = keys.into_iter().map(|key| Text::from(&**key));
        return looked_up(task, world, keys.collect(), &columns, vec![nth]);
    }
    let (found, slots) = candidates(task, world, &columns)?;
    let ways = (0..task.direct.ways.len()).collect();
    let is_deep = columns.iter().any(|column| is_deep(task, *column));
    if is_deep || is_looked_up(slots.len(), found.slots(), &columns) {
        let keys = slots.iter().map(|slot| found.key(*slot).clone()).collect();
        return looked_up(task, world, keys, &columns, ways);
    }
    let found = match columns.iter().all(|column| *column == KEY || found.column(*column).is_some()) {
        true => found,
        false => Past::at_once(world, task.direct.table, task.direct.at, &columns)?,
    };
    task.of(slots.iter().map(|slot| Some(found.row(*slot))), None, ways)
}

fn is_deep(task: &Task<'_>, column: usize) -> bool {
    task.direct.table == Table::Tasks && tasks::DEEP.contains(&column)
}

/// The rows that all ways find, in order of key; where these are many, the first of them if that may be enough.
/// Beside them is what they were found in, with the columns that are `wanted` if these are few.
fn candidates(task: &Task<'_>, world: &World, wanted: &[usize]) -> Option<(TableAt, Vec<Slot>)> {
    let lookups = || task.direct.ways.iter().flatten();
    let mut columns: BTreeSet<usize> = lookups().map(|lookup| lookup.column).collect();
    // A key is no column of texts here; what else is asked for beside it is looked for in all rows.
    if columns.contains(&KEY) {
        return None;
    }
    if wanted.len() <= COLUMNS_MAX && !wanted.iter().any(|column| is_deep(task, *column)) {
        columns.extend(wanted);
    }
    let columns: Vec<usize> = columns.into_iter().collect();
    let table = Past::at_once(world, task.direct.table, task.direct.at, &columns)?;
    let found = found_by(task, &table)?;
    Some((table, found))
}

fn found_by(task: &Task<'_>, table: &TableAt) -> Option<Vec<Slot>> {
    let ways: Vec<Vec<_>> = task
        .direct
        .ways
        .iter()
        .map(|way| {
            let columns =
                way.iter().filter_map(|lookup| Some((table.column(lookup.column)?, &lookup.values)));
            columns.collect()
        })
        .collect();
    let tests: Vec<Vec<_>> = ways
        .iter()
        .map(|way| way.iter().map(|(column, values)| column.is_one_of(values)).collect())
        .collect();
    // One way is gone through; the others are looked at where it leads.
    let first = ways.first()?;
    let mut found: Vec<Slot> = first.iter().flat_map(|(column, values)| column.holders(values)).collect();
    found.retain(|slot| table.is_alive(*slot) && meets(&tests[1..], *slot));
    if found.len() <= ROWS_MAX {
        found.sort_unstable_by_key(|slot| table.key(*slot));
        found.dedup();
        return Some(found);
    }
    // Too many to look at all of them; but the first may be enough.
    (task.enough <= ROWS_MAX)
        .then(|| table.rows().filter(|slot| meets(&tests, *slot)).take(ROWS_MAX + 1).collect())
}

/// Whether one test of each way holds.
fn meets<T: Fn(Slot) -> bool>(tests: &[Vec<T>], slot: Slot) -> bool {
    tests.iter().all(|way| way.iter().any(|holds| holds(slot)))
}

/// The answer of the rows of these keys, in order.
fn looked_up(
    task: &Task<'_>,
    world: &World,
    keys: Vec<Text>,
    columns: &[usize],
    ways: Vec<usize>,
) -> Option<Answer> {
    let at = task.direct.at;
    if keys.len() > LOOK_UPS_MAX {
        return None;
    }
    let mut few = Few::at_once(world, task.direct.table, Needs::of(task.direct.table, columns))?;
    let mut rows: Vec<(Entry, u32)> = Vec::with_capacity(keys.len());
    for key in keys {
        // What cannot be read the plan tells of.
        if let Some(found) = few.row(&key, at.position).ok()? {
            rows.push((found.entry, found.depth?));
        }
    }
    let rows = rows.iter().map(|(entry, depth)| entry.fields(*depth, at.time));
    task.of(rows, None, ways)
}
