//! The average of floats, which is always between the least and the greatest of them, also where their sum is no float.

use super::one;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use std::sync::Arc;

/// What the second sum is scaled by, a power of two: no number of values that there can be makes it overflow.
const SCALE: f64 = 1.0 / (1_u128 << 64) as f64;

/// What a partial average is made of, by name.
pub(super) const STATE: [(&str, DataType); 3] =
    [("sum", DataType::Float64), ("scaled", DataType::Float64), ("count", DataType::Int64)];

/// The averages of groups, or the one average where there are none.
#[derive(Debug, Default)]
pub(super) struct Mean {
    groups: Vec<Part>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    sum: f64,
    scaled: f64,
    count: i64,
}

impl Part {
    fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.scaled += other.scaled;
        self.count += other.count;
    }

    fn mean(self) -> Option<f64> {
        let count = self.count as f64;
        // −0.0 becomes 0.0, as everywhere.
        let mean = if self.sum.is_finite() { self.sum / count } else { self.scaled / count / SCALE } + 0.0;
        (self.count > 0).then_some(mean)
    }
}

impl From<f64> for Part {
    fn from(value: f64) -> Self {
        Self { sum: value, scaled: value * SCALE, count: 1 }
    }
}

/// The average of numbers that are at hand; of none it is zero.
pub(super) fn mean(numbers: &[f64]) -> f64 {
    let mut part = Part::default();
    numbers.iter().for_each(|&number| part.add(Part::from(number)));
    part.mean().unwrap_or_default()
}

impl Mean {
    fn values(&mut self, values: &[ArrayRef], group: impl Fn(usize) -> Option<usize>) -> Result<()> {
        let values = one(values, "avg")?;
        // An argument that is always null has no floats.
        let Some(values) = values.as_primitive_opt::<Float64Type>() else { return Ok(()) };
        for (row, value) in values.iter().enumerate() {
            if let (Some(value), Some(group)) = (value, group(row)) {
                self.groups[group].add(Part::from(value));
            }
        }
        Ok(())
    }

    fn parts(&mut self, states: &[ArrayRef], group: impl Fn(usize) -> usize) -> Result<()> {
        let [sums, scaled, counts] = states else {
            return datafusion::common::internal_err!("avg of {} states", states.len());
        };
        let (sums, scaled) = (sums.as_primitive::<Float64Type>(), scaled.as_primitive::<Float64Type>());
        let counts = counts.as_primitive::<Int64Type>();
        for row in 0..counts.len() {
            let part = Part { sum: sums.value(row), scaled: scaled.value(row), count: counts.value(row) };
            self.groups[group(row)].add(part);
        }
        Ok(())
    }

    fn state_of(parts: &[Part]) -> [ArrayRef; 3] {
        let floats = |of: fn(&Part) -> f64| -> ArrayRef {
            Arc::new(parts.iter().map(of).map(Some).collect::<Float64Array>())
        };
        let counts = parts.iter().map(|part| part.count).collect::<Vec<_>>();
        [floats(|part| part.sum), floats(|part| part.scaled), Arc::new(Int64Array::from(counts))]
    }

    fn means(parts: &[Part]) -> ArrayRef {
        Arc::new(parts.iter().map(|part| part.mean()).collect::<Float64Array>())
    }

    fn grow(&mut self, groups: usize) {
        self.groups.resize(groups, Part::default());
    }
}

impl Accumulator for Mean {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.values(values, |_| Some(0))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.grow(1);
        ScalarValue::try_from_array(&Self::means(&self.groups), 0)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.grow(1);
        Self::state_of(&self.groups).iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.parts(states, |_| 0)
    }
}

impl GroupsAccumulator for Mean {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.grow(count);
        let is_kept = |row| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        self.values(values, |row| is_kept(row).then(|| groups[row]))
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        Ok(Self::means(&emit.take_needed(&mut self.groups)))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(Self::state_of(&emit.take_needed(&mut self.groups)).into())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.grow(count);
        self.parts(states, |row| groups[row])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut each = Self::default();
        let count = one(values, "avg")?.len();
        let groups: Vec<usize> = (0..count).collect();
        GroupsAccumulator::update_batch(&mut each, values, &groups, filter, count)?;
        GroupsAccumulator::state(&mut each, EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.groups.capacity() * size_of::<Part>()
    }
}
