//! Carries out a [`Direct`] select: rows are looked up, tested and written by the row evaluator, on the caller's own
//! thread. Its answer is that of the plan it stands for, to the byte (docs/adr/0015).

use crate::eval::{self, Datum, FieldsRow};
use crate::lower::Builder;
use crate::plan::{Direct, KEY, Way};
use crate::tables::RowFields;
use crate::views::{Current, Entry, Rows, SomeDepths};
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use std::cmp::Ordering;
use std::time::Instant;
use store::Text;

/// Most rows that a direct select looks at. For more a scan is planned: it takes turns with others.
pub(crate) const ROWS_MAX: usize = 256;

/// What a direct select found.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) batch: RecordBatch,
    /// Rows that were looked at.
    pub(crate) examined: usize,
    /// Rows of the table.
    pub(crate) of_rows: usize,
    /// The way they were found by: which of [`Direct::ways`].
    pub(crate) way: usize,
}

impl Direct {
    /// The answer, in the columns of `schema`; none if it takes too many rows, or is not there by `until`.
    pub(crate) fn answer(&self, current: &Current, schema: &SchemaRef, until: Instant) -> Option<Answer> {
        let rows = current.rows(self.table);
        let is_by_key = self.is_by_key();
        // In order of key the rest need not be looked at once there is enough.
        let enough = match self.limit {
            Some(limit) if is_by_key => limit.saturating_add(self.offset),
            _ => usize::MAX,
        };
        let (way, candidates) = self.candidates(rows, enough)?;
        let mut kept: Vec<RowFields<'_>> = Vec::new();
        let mut examined = 0;
        let mut depths = self.is_deep().then(|| SomeDepths::new(current));
        for (key, entry) in candidates {
            if kept.len() >= enough {
                break;
            }
            examined += 1;
            if examined > ROWS_MAX || Instant::now() >= until {
                return None;
            }
            let depth = depths.as_mut().map_or(0, |depths| depths.get(key));
            let fields = entry.fields(depth, self.now)?;
            if eval::truth(&self.filter, &FieldsRow(&fields)).ok()? == Some(true) {
                kept.push(fields);
            }
        }
        let kept: Vec<FieldsRow<'_>> = kept.iter().map(|fields| FieldsRow(fields)).collect();
        let mut order: Vec<usize> = (0..kept.len()).collect();
        if !is_by_key {
            let keys = self.keys(&kept)?;
            order.sort_by(|&left, &right| self.compare(&keys, left, right));
        }
        let shown = order.iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX));
        let shown: Vec<&FieldsRow<'_>> = shown.map(|&place| &kept[place]).collect();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let mut builder = Builder::new(item.ty, shown.len());
            for row in &shown {
                builder.push(&eval::eval(item, *row).ok()?);
                if Instant::now() >= until {
                    return None;
                }
            }
            arrays.push(builder.finish());
        }
        let options = RecordBatchOptions::new().with_row_count(Some(shown.len()));
        let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options).ok()?;
        Some(Answer { batch, examined, of_rows: rows.len(), way })
    }

    /// The rows found by the way that finds fewest, in order of key; none where each finds too many.
    fn candidates<'r>(&self, rows: &'r Rows, enough: usize) -> Option<(usize, Candidates<'r>)> {
        let by_key = self.ways.iter().position(|way| way.iter().all(|lookup| lookup.column == KEY));
        if let Some(way) = by_key {
            return Some((way, self.gather(rows, &self.ways[way])?));
        }
        let gathered = self.ways.iter().enumerate();
        let gathered = gathered.filter_map(|(at, way)| Some((at, self.gather(rows, way)?)));
        if let Some(least) = gathered.min_by_key(|(_, found)| found.len()) {
            return Some(least);
        }
        // Too many to look at all of them; but some of one value may be enough.
        let way = self.ways.iter().position(|way| way.len() == 1 && way[0].values.len() == 1);
        let way = way.filter(|_| enough <= ROWS_MAX)?;
        let lookup = &self.ways[way][0];
        let value = lookup.values.first()?;
        let first = rows.having(lookup.column, self.schema.columns.len(), value).take(ROWS_MAX + 1);
        Some((way, first.collect()))
    }

    /// All rows that a way finds, in order of key, each once; none if they are too many.
    fn gather<'r>(&self, rows: &'r Rows, way: &Way) -> Option<Candidates<'r>> {
        let mut found = Candidates::new();
        for lookup in way {
            for value in &lookup.values {
                if lookup.column == KEY {
                    found.extend(rows.row(value));
                } else {
                    let left = ROWS_MAX + 1 - found.len();
                    found.extend(rows.having(lookup.column, self.schema.columns.len(), value).take(left));
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

    /// The values each row is ordered by.
    fn keys<'r>(&'r self, rows: &'r [FieldsRow<'r>]) -> Option<Vec<Vec<Datum<'r>>>> {
        rows.iter()
            .map(|row| self.order.iter().map(|key| eval::eval(&key.expr, row).ok()).collect())
            .collect()
    }

    fn compare(&self, keys: &[Vec<Datum<'_>>], left: usize, right: usize) -> Ordering {
        let each = self.order.iter().zip(keys[left].iter().zip(&keys[right]));
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

/// Rows that may be of the answer.
type Candidates<'r> = Vec<(&'r Text, &'r Entry)>;
