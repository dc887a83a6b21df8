//! Rows in groups: what is known of each group, so that a row can be taken out again.

use super::diff::Gathered;
use super::query::{Grouped, LiveQuery, Seen, Shape};
use super::state::too_large;
use super::tally::Tally;
use super::turns::Turned;
use crate::eval::{self, Constant, Datum, FieldsRow, Row as EvalRow};
use crate::functions::aggregate::size_of;
use crate::plan::FIRST_AGGREGATE;
use crate::typed::Column;
use grammar::Error;
use rustc_hash::FxHashMap;
use store::Timestamp;

/// Groups of one subscription.
const GROUPS_MAX: usize = 100_000;

/// Bytes that the groups of one subscription take, about: keys, and the values of aggregates that need them all.
const GROUPS_BYTES_MAX: usize = 32 << 20;

/// Bytes of a group besides its key and its aggregates' values, about.
const GROUP_BYTES: usize = 128;

/// What is known of one group.
#[derive(Debug)]
struct Group {
    rows: u64,
    tallies: Vec<Tally>,
}

/// Told of a group before a row enters or leaves it: its key, and what is known of it if it is there.
type Touch<'t> = dyn FnMut(&[Constant], Option<&Group>) -> Result<(), Error> + 't;

/// The groups of a position.
#[derive(Debug)]
pub(super) struct Groups {
    groups: FxHashMap<Vec<Constant>, Group>,
    bytes: usize,
}

impl Groups {
    /// Those of no rows.
    pub(super) fn new(grouped: &Grouped) -> Self {
        let mut groups = FxHashMap::default();
        if grouped.keys.is_empty() {
            groups.insert(Vec::new(), Group::new(grouped));
        }
        Self { groups, bytes: 0 }
    }

    /// Takes a row in.
    pub(super) fn add(&mut self, query: &LiveQuery, seen: &Seen) -> Result<(), Error> {
        self.take(query, Some(seen), true, &mut |_, _| Ok(()))
    }

    /// Every group that is shown.
    pub(super) fn shown(&self, query: &LiveQuery) -> Result<Vec<Vec<u8>>, Error> {
        let rows = self.groups.iter().map(|(key, group)| group.shown(query, key));
        let mut rows: Vec<Vec<u8>> = rows.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        rows.sort_unstable();
        Ok(rows)
    }

    /// Takes a commit in.
    pub(super) fn apply(
        &mut self,
        query: &LiveQuery,
        turned: &Turned,
        gathered: &mut Gathered,
    ) -> Result<(), Error> {
        // Each group that a row leaves or enters, as it was shown before.
        let mut touched: Vec<(Vec<Constant>, Option<Vec<u8>>)> = Vec::new();
        let mut known: FxHashMap<Vec<Constant>, ()> = FxHashMap::default();
        for step in &turned.rows {
            let mut touch = |key: &[Constant], group: Option<&Group>| {
                if !known.contains_key(key) {
                    let before = group.map_or(Ok(None), |group| group.shown(query, key))?;
                    known.insert(key.to_vec(), ());
                    touched.push((key.to_vec(), before));
                }
                Ok(())
            };
            self.take(query, step.before.as_ref(), false, &mut touch)?;
            self.take(query, step.after.as_ref(), true, &mut touch)?;
        }
        for (key, before) in touched {
            let after = self.groups.get(&key).map_or(Ok(None), |group| group.shown(query, &key))?;
            gathered.turned(before, after);
        }
        Ok(())
    }

    /// Takes a row in, or out again; `touch` is told of its group before.
    fn take(
        &mut self,
        query: &LiveQuery,
        seen: Option<&Seen>,
        is_added: bool,
        touch: &mut Touch<'_>,
    ) -> Result<(), Error> {
        let Shape::Groups(grouped) = &query.shape else { return Ok(()) };
        let Some(seen) = seen else { return Ok(()) };
        let Some(fields) = query.wants(seen, Timestamp(0))? else { return Ok(()) };
        let row = FieldsRow(&fields);
        let value = |expr| eval::eval(expr, &row).map(Datum::into_owned);
        let key: Vec<Constant> = grouped.keys.iter().map(value).collect::<Result<_, _>>()?;
        touch(&key, self.groups.get(&key))?;
        if !self.groups.contains_key(&key) {
            self.bytes += key_bytes(&key);
            self.groups.insert(key.clone(), Group::new(grouped));
        }
        let Some(group) = self.groups.get_mut(&key) else { return Ok(()) };
        for ((call, _), tally) in grouped.calls.iter().zip(&mut group.tallies) {
            let arg = match call.args.first() {
                Some(arg) => value(arg)?,
                None => Datum::Bool(true),
            };
            let by = call.args.get(1).map_or(Ok(Datum::Null), value)?;
            let (more, less) = tally.take(call, arg, by, is_added);
            self.bytes = (self.bytes + more).saturating_sub(less);
        }
        match is_added {
            true => group.rows += 1,
            false => group.rows = group.rows.saturating_sub(1),
        }
        if group.rows == 0 && !grouped.keys.is_empty() {
            // Its tallies hold no values any more.
            self.groups.remove(&key);
            self.bytes = self.bytes.saturating_sub(key_bytes(&key));
        }
        if self.groups.len() > GROUPS_MAX {
            let what = format!("more than {GROUPS_MAX} groups");
            return Err(too_large(&what, "narrow it with WHERE, or group by less"));
        }
        if self.bytes > GROUPS_BYTES_MAX {
            let what = format!("more than {} MiB of groups", GROUPS_BYTES_MAX >> 20);
            return Err(too_large(
                &what,
                "narrow it with WHERE; min, max, median, quantile, stddev, collect, any and DISTINCT keep every value",
            ));
        }
        Ok(())
    }
}

fn key_bytes(key: &[Constant]) -> usize {
    GROUP_BYTES + key.iter().map(size_of).sum::<usize>()
}

impl Group {
    fn new(grouped: &Grouped) -> Self {
        Self { rows: 0, tallies: grouped.calls.iter().map(|(call, ty)| Tally::new(call, *ty)).collect() }
    }

    /// What is shown of it, if anything is.
    fn shown(&self, query: &LiveQuery, key: &[Constant]) -> Result<Option<Vec<u8>>, Error> {
        let Shape::Groups(grouped) = &query.shape else { return Ok(None) };
        let values =
            grouped.calls.iter().zip(&self.tallies).map(|((call, ty), tally)| tally.value(call, *ty));
        let values: Vec<Constant> = values.collect::<Result<_, _>>()?;
        let row = GroupRow { key, values: &values };
        if let Some(having) = &grouped.having
            && eval::truth(having, &row)? != Some(true)
        {
            return Ok(None);
        }
        query.written(&grouped.items, &row)
    }
}

/// The columns of a group: its keys, then its aggregates.
struct GroupRow<'g> {
    key: &'g [Constant],
    values: &'g [Constant],
}

impl EvalRow for GroupRow<'_> {
    fn column(&self, column: Column) -> Datum<'_> {
        let value = match column.column.checked_sub(FIRST_AGGREGATE) {
            Some(aggregate) => self.values.get(aggregate),
            None => self.key.get(column.column),
        };
        value.map_or(Datum::Null, Datum::borrow)
    }
}
