//! Aggregates that give one of the values: first, last, any, and min and max of what Arrow does not order.

use super::{one, size_of};
use crate::eval::{Constant, Datum};
use crate::lower::{Reader, scalar};
use crate::types::Type;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use std::cmp::Ordering;

/// Which value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Least,
    Greatest,
}

/// The best value so far.
#[derive(Debug)]
pub(super) struct Pick {
    which: Which,
    /// Whether a second argument says which value is best; the values themselves do otherwise.
    ordered: bool,
    input: Type,
    by: Type,
    best: Constant,
    best_by: Constant,
}

impl Pick {
    pub(super) fn new(which: Which, ordered: bool, input: Type, by: Type) -> Self {
        Self { which, ordered, input, by, best: Datum::Null, best_by: Datum::Null }
    }

    fn add(&mut self, values: &ArrayRef, by: Option<&ArrayRef>) -> Result<()> {
        let reader = Reader::new(values, self.input)?;
        let by = by.map(|by| Reader::new(by, self.by)).transpose()?;
        for row in 0..values.len() {
            let value = reader.get(row);
            if value.is_null() {
                continue;
            }
            let by = by.as_ref().map_or_else(|| value.borrow(), |by| by.get(row));
            // The first value stands against none, and a known place against an unknown one.
            let is_better = match by.compare(&self.best_by) {
                Some(Ordering::Less) => self.which == Which::Least,
                Some(Ordering::Greater) => self.which == Which::Greatest,
                Some(Ordering::Equal) => false,
                None => self.best.is_null() || self.best_by.is_null() && !by.is_null(),
            };
            if is_better {
                self.best_by = by.into_owned();
                self.best = value.into_owned();
            }
        }
        Ok(())
    }
}

impl Accumulator for Pick {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let by = if self.ordered { values.get(1) } else { None };
        self.add(one(values, "aggregate")?, by)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(scalar(&self.best, self.input))
    }

    fn size(&self) -> usize {
        size_of_val(self) + size_of(&self.best) + size_of(&self.best_by)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![scalar(&self.best, self.input), scalar(&self.best_by, self.by)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.add(one(states, "aggregate")?, states.get(1))
    }
}
