//! Aggregates that need every value: quantile, median, stddev, and whatever looks at distinct values.

use super::mean::mean;
use super::{super::Fault, list, lists, one, size_of};
use crate::error::PqlError;
use crate::eval::{Constant, Datum};
use crate::lower::{Reader, scalar};
use crate::types::Type;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use grammar::Span;
use rustc_hash::FxHashSet;

/// What is made of the values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finish {
    Quantile(f64),
    Stddev,
    Average,
    Sum,
}

/// The values themselves: ints, floats or durations.
#[derive(Debug)]
pub(super) struct Numbers {
    finish: Finish,
    /// With DISTINCT: those that were seen.
    seen: Option<FxHashSet<Constant>>,
    values: Vec<Constant>,
    input: Type,
    result: Type,
    span: Span,
}

impl Numbers {
    pub(super) fn new(finish: Finish, distinct: bool, input: Type, result: Type, span: Span) -> Self {
        Self { finish, seen: distinct.then(FxHashSet::default), values: Vec::new(), input, result, span }
    }

    fn add(&mut self, array: &ArrayRef) -> Result<()> {
        let reader = Reader::new(array, self.input)?;
        for row in 0..array.len() {
            let value = reader.get(row).into_owned();
            if value.is_null() || self.seen.as_mut().is_some_and(|seen| !seen.insert(value.clone())) {
                continue;
            }
            self.values.push(value);
        }
        Ok(())
    }

    fn floats(&self) -> Vec<f64> {
        let float = |value: &Constant| match value {
            Datum::Int(value) | Datum::Duration(value) => Some(*value as f64),
            Datum::Float(value) => Some(*value),
            _ => None,
        };
        self.values.iter().filter_map(float).collect()
    }

    fn sum_whole(&self) -> Option<Constant> {
        let total: i128 = self
            .values
            .iter()
            .map(|value| match value {
                Datum::Int(value) | Datum::Duration(value) => i128::from(*value),
                _ => 0,
            })
            .sum();
        i64::try_from(total).ok().map(|total| match self.result {
            Type::Duration => Datum::Duration(total),
            _ => Datum::Int(total),
        })
    }

    /// A float as the result's type.
    fn result(&self, number: f64) -> Option<Constant> {
        match self.result {
            Type::Duration => crate::functions::arithmetic::whole(number.round()).map(Datum::Duration),
            _ => Datum::float(number),
        }
    }
}

impl Accumulator for Numbers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(one(values, "aggregate")?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut numbers = self.floats();
        let count = numbers.len();
        let needed = if matches!(self.finish, Finish::Stddev) { 2 } else { 1 };
        if count < needed {
            return Ok(scalar(&Datum::Null, self.result));
        }
        let value = match self.finish {
            Finish::Sum if self.result != Type::Float => self.sum_whole(),
            Finish::Sum => self.result(numbers.iter().sum()),
            Finish::Average => self.result(mean(&numbers)),
            Finish::Quantile(share) => self.result(quantile(&mut numbers, share)),
            Finish::Stddev => self.result(deviation(&mut numbers)),
        };
        let value = value.ok_or_else(|| PqlError::wrap(Fault::overflow(self.result).at(self.span)))?;
        Ok(scalar(&value, self.result))
    }

    fn size(&self) -> usize {
        let each = self.values.first().map_or(0, size_of);
        let copies = if self.seen.is_some() { 2 } else { 1 };
        size_of_val(self) + self.values.capacity() * each * copies
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![list(std::mem::take(&mut self.values), self.input)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in lists(one(states, "aggregate")?) {
            self.add(&values)?;
        }
        Ok(())
    }
}

/// The standard deviation of a sample of two or more; infinite when it is no float.
fn deviation(numbers: &mut [f64]) -> f64 {
    let plain = |numbers: &[f64]| {
        // Seen from one of them: equal numbers deviate by nothing.
        let (first, count) = (numbers[0], numbers.len());
        let mean = first + numbers.iter().map(|number| number - first).sum::<f64>() / count as f64;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        (squares / (count - 1) as f64).sqrt()
    };
    let deviation = plain(numbers);
    if SQUARED.contains(&deviation) {
        return deviation;
    }
    // Squares of what is very large or very small are no floats: by a power of two, which loses nothing, to a size whose are.
    let largest = numbers.iter().fold(0.0_f64, |most, number| most.max(number.abs()));
    let scale = 2.0_f64.powi(largest.log2().ceil().clamp(-1_000.0, 1_000.0) as i32);
    if largest == 0.0 {
        return 0.0;
    }
    numbers.iter_mut().for_each(|number| *number /= scale);
    plain(numbers) * scale
}

/// Deviations whose squares are floats of full precision.
const SQUARED: std::ops::Range<f64> = 1e-140..1e140;

/// The value below which a share of the numbers lies, by interpolation between the two nearest.
pub(crate) fn quantile(numbers: &mut [f64], share: f64) -> f64 {
    let place = share * (numbers.len() - 1) as f64;
    let below = place.floor() as usize;
    let (_, low, rest) = numbers.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let fraction = place - below as f64;
    match rest.iter().copied().min_by(f64::total_cmp) {
        // The difference of two finite numbers may be infinite; their weighted sum is not.
        Some(high) if fraction > 0.0 && !(high - low).is_finite() => low * (1.0 - fraction) + high * fraction,
        Some(high) if fraction > 0.0 => low + (high - low) * fraction,
        _ => low,
    }
}
