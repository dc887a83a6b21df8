//! Carries out a [`Direct`] select: rows are looked up, tested and written by the row evaluator, on the caller's own
//! thread. Its answer is that of the plan it stands for, to the byte (docs/adr/0015).

mod now;
mod then;

use crate::eval::{self, Datum, FieldsRow};
use crate::lower::Builder;
use crate::plan::{Direct, Way};
use crate::scan::World;
use crate::tables::Fields;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use std::cmp::Ordering;
use std::time::Instant;

/// Most rows that a direct select finds by the values of columns. For more a scan is planned: it takes turns with
/// others.
pub(crate) const ROWS_MAX: usize = 256;

/// What a direct select found.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) batch: RecordBatch,
    /// Rows that were looked at.
    pub(crate) examined: usize,
    /// Rows of the table, where that is known.
    pub(crate) of_rows: Option<usize>,
    /// The ways they were found by: which of [`Direct::ways`].
    pub(crate) ways: Vec<usize>,
}

impl Direct {
    /// The answer, in the columns of `schema`; none if it takes too many rows, or is not there by `until`.
    pub(crate) fn answer(&self, world: &World, schema: &SchemaRef, until: Instant) -> Option<Answer> {
        let task = Task { direct: self, schema, until, enough: self.enough() };
        if self.at.is_head { now::answer(&task, &world.current) } else { then::answer(&task, world) }
    }

    /// How many rows that meet the condition there must be, if the first in order of key will do.
    fn enough(&self) -> usize {
        match self.limit {
            Some(limit) if self.is_by_key() => limit.saturating_add(self.offset),
            _ => usize::MAX,
        }
    }

    /// The way by the key, if there is one.
    fn by_key(&self) -> Option<(usize, &Way)> {
        self.ways
            .iter()
            .enumerate()
            .find(|(_, way)| way.iter().all(|lookup| lookup.column == crate::plan::KEY))
    }
}

/// A direct select that is being carried out.
struct Task<'d> {
    direct: &'d Direct,
    schema: &'d SchemaRef,
    until: Instant,
    /// See [`Direct::enough`].
    enough: usize,
}

impl Task<'_> {
    /// The answer of these rows, in order of key, the first of those that may be of it; none where more than
    /// [`ROWS_MAX`] would have to be looked at.
    fn of<F: Fields>(
        &self,
        candidates: impl Iterator<Item = Option<F>>,
        of_rows: Option<usize>,
        ways: Vec<usize>,
    ) -> Option<Answer> {
        let mut kept: Vec<F> = Vec::new();
        let mut examined = 0;
        for fields in candidates {
            if kept.len() >= self.enough {
                break;
            }
            examined += 1;
            if examined > ROWS_MAX || Instant::now() >= self.until {
                return None;
            }
            let fields = fields?;
            if eval::truth(&self.direct.filter, &FieldsRow(&fields)).ok()? == Some(true) {
                kept.push(fields);
            }
        }
        Some(Answer { batch: self.batch(&kept)?, examined, of_rows, ways })
    }

    /// The answer made of the rows that meet the condition.
    fn batch<F: Fields>(&self, kept: &[F]) -> Option<RecordBatch> {
        let kept: Vec<FieldsRow<'_>> = kept.iter().map(|fields| FieldsRow(fields)).collect();
        let mut order: Vec<usize> = (0..kept.len()).collect();
        if !self.direct.is_by_key() {
            let keys = self.keys(&kept)?;
            order.sort_by(|&left, &right| self.compare(&keys, left, right));
        }
        let shown = order.iter().skip(self.direct.offset).take(self.direct.limit.unwrap_or(usize::MAX));
        let shown: Vec<&FieldsRow<'_>> = shown.map(|&place| &kept[place]).collect();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.direct.items.len());
        for item in &self.direct.items {
            let mut builder = Builder::new(item.ty, shown.len());
            for row in &shown {
                builder.push(&eval::eval(item, *row).ok()?);
                if Instant::now() >= self.until {
                    return None;
                }
            }
            arrays.push(builder.finish());
        }
        let options = RecordBatchOptions::new().with_row_count(Some(shown.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options).ok()
    }

    /// The values each row is ordered by.
    fn keys<'r>(&'r self, rows: &'r [FieldsRow<'r>]) -> Option<Vec<Vec<Datum<'r>>>> {
        rows.iter()
            .map(|row| self.direct.order.iter().map(|key| eval::eval(&key.expr, row).ok()).collect())
            .collect()
    }

    fn compare(&self, keys: &[Vec<Datum<'_>>], left: usize, right: usize) -> Ordering {
        let each = self.direct.order.iter().zip(keys[left].iter().zip(&keys[right]));
        each.map(|(key, (left, right))| match (left.is_null(), right.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if key.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if key.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let order = left.compare(right).unwrap_or(Ordering::Equal);
                if key.descending { order.reverse() } else { order }
            }
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
    }
}
