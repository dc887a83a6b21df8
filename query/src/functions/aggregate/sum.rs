//! Sums that fail where they do not fit, instead of wrapping or becoming infinite.

use super::super::Fault;
use super::one;
use crate::error::PqlError;
use crate::types::Type;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, DurationMicrosecondArray, Float64Array,
    Int64Array,
};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use grammar::Span;
use std::ops::AddAssign;
use std::sync::Arc;

/// Decimal digits of a partial sum: more than any sum of 2^63 ints of 64 bits has.
const DIGITS: u8 = 38;

/// The sums of groups, or the one sum where there are none.
#[derive(Debug)]
pub(super) struct Sum {
    totals: Totals,
    ty: Type,
    span: Span,
}

/// A total per group; null where no value came yet.
#[derive(Debug)]
enum Totals {
    /// Of ints and durations: kept wide, so that only the whole sum must fit, whatever the order.
    Whole(Vec<Option<i128>>),
    Float(Vec<Option<f64>>),
}

impl Sum {
    pub(super) fn new(ty: Type, span: Span) -> Self {
        let totals = match ty {
            Type::Float => Totals::Float(Vec::new()),
            _ => Totals::Whole(Vec::new()),
        };
        Self { totals, ty, span }
    }

    /// How a sum travels between partial aggregates.
    pub(super) fn state(ty: Type) -> DataType {
        match ty {
            Type::Float => DataType::Float64,
            _ => DataType::Decimal128(DIGITS, 0),
        }
    }

    /// Adds a column of values, or of partial sums, each to its group.
    fn add(&mut self, array: &ArrayRef, groups: impl Groups) {
        match (&mut self.totals, array.data_type()) {
            (Totals::Whole(totals), DataType::Int64) => {
                add(totals, array.as_primitive::<Int64Type>().iter().map(widen), groups);
            }
            (Totals::Whole(totals), DataType::Duration(_)) => {
                add(totals, array.as_primitive::<DurationMicrosecondType>().iter().map(widen), groups);
            }
            (Totals::Whole(totals), DataType::Decimal128(..)) => {
                add(totals, array.as_primitive::<Decimal128Type>().iter(), groups);
            }
            (Totals::Float(totals), DataType::Float64) => {
                add(totals, array.as_primitive::<Float64Type>().iter(), groups);
            }
            // An argument that is always null.
            _ => {}
        }
    }

    /// Makes room for so many groups.
    fn grow(&mut self, groups: usize) {
        match &mut self.totals {
            Totals::Whole(totals) => totals.resize(groups, None),
            Totals::Float(totals) => totals.resize(groups, None),
        }
    }

    /// The sums of the first groups.
    fn sums(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let overflow = || PqlError::wrap(Fault::overflow(self.ty).at(self.span));
        match &mut self.totals {
            Totals::Whole(totals) => {
                let fits = |total: i128| i64::try_from(total).map_err(|_| overflow());
                let sums = emit.take_needed(totals).into_iter().map(|total| total.map(fits).transpose());
                let sums = sums.collect::<Result<Vec<Option<i64>>>>()?;
                Ok(match self.ty {
                    Type::Duration => Arc::new(DurationMicrosecondArray::from(sums)),
                    _ => Arc::new(Int64Array::from(sums)),
                })
            }
            Totals::Float(totals) => {
                let sums = emit.take_needed(totals);
                if sums.iter().flatten().any(|sum| !sum.is_finite()) {
                    return Err(overflow());
                }
                // −0.0 becomes 0.0, as everywhere.
                Ok(Arc::new(sums.into_iter().map(|sum| sum.map(|sum| sum + 0.0)).collect::<Float64Array>()))
            }
        }
    }

    /// The partial sums of the first groups.
    fn partial(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        Ok(match &mut self.totals {
            Totals::Whole(totals) => {
                let sums = Decimal128Array::from(emit.take_needed(totals));
                Arc::new(sums.with_precision_and_scale(DIGITS, 0)?)
            }
            Totals::Float(totals) => Arc::new(Float64Array::from(emit.take_needed(totals))),
        })
    }
}

fn widen(value: Option<i64>) -> Option<i128> {
    value.map(i128::from)
}

/// Which group a row belongs to; none if it is filtered out.
trait Groups: Fn(usize) -> Option<usize> {}

impl<F: Fn(usize) -> Option<usize>> Groups for F {}

fn add<T: AddAssign + Copy>(
    totals: &mut [Option<T>],
    values: impl Iterator<Item = Option<T>>,
    groups: impl Groups,
) {
    for (row, value) in values.enumerate() {
        let (Some(value), Some(group)) = (value, groups(row)) else { continue };
        match &mut totals[group] {
            Some(total) => *total += value,
            none => *none = Some(value),
        }
    }
}

impl Accumulator for Sum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.add(one(values, "sum")?, |_| Some(0));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.grow(1);
        ScalarValue::try_from_array(&self.sums(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.grow(1);
        Ok(vec![ScalarValue::try_from_array(&self.partial(EmitTo::All)?, 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        Accumulator::update_batch(self, states)
    }
}

impl GroupsAccumulator for Sum {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.grow(count);
        let is_kept = |row| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        self.add(one(values, "sum")?, |row| is_kept(row).then(|| groups[row]));
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        self.sums(emit)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.partial(emit)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        GroupsAccumulator::update_batch(self, states, groups, None, count)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = one(values, "sum")?;
        let mut each = Self::new(self.ty, self.span);
        let groups: Vec<usize> = (0..values.len()).collect();
        GroupsAccumulator::update_batch(
            &mut each,
            std::slice::from_ref(values),
            &groups,
            filter,
            values.len(),
        )?;
        GroupsAccumulator::state(&mut each, EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + match &self.totals {
                Totals::Whole(totals) => totals.capacity() * size_of::<Option<i128>>(),
                Totals::Float(totals) => totals.capacity() * size_of::<Option<f64>>(),
            }
    }
}
