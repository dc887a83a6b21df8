//! Sums that fail where they do not fit, instead of wrapping.

use super::{super::Fault, one};
use crate::error::PqlError;
use crate::eval::Datum;
use crate::lower::{Reader, scalar};
use crate::types::Type;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use grammar::Span;

/// Sum of ints or durations. It is kept wide, so that only the whole sum must fit, whatever the order.
#[derive(Debug)]
pub(super) struct SumWhole {
    total: Option<i128>,
    ty: Type,
    span: Span,
}

/// Decimal digits of the state: more than any sum of 2^63 ints of 64 bits has.
const DIGITS: u8 = 38;

impl SumWhole {
    /// How the state travels between partial aggregates.
    pub(super) const STATE: DataType = DataType::Decimal128(DIGITS, 0);

    pub(super) fn new(ty: Type, span: Span) -> Self {
        Self { total: None, ty, span }
    }

    fn add(&mut self, value: i128) {
        self.total = Some(self.total.unwrap_or(0) + value);
    }
}

impl Accumulator for SumWhole {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let array = one(values, "sum")?;
        let reader = Reader::new(array, self.ty)?;
        for row in 0..array.len() {
            if let Datum::Int(value) | Datum::Duration(value) = reader.get(row) {
                self.add(value.into());
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Some(total) = self.total else { return Ok(scalar(&Datum::Null, self.ty)) };
        let total =
            i64::try_from(total).map_err(|_| PqlError::wrap(Fault::overflow(self.ty).at(self.span)))?;
        let total = if self.ty == Type::Duration { Datum::Duration(total) } else { Datum::Int(total) };
        Ok(scalar(&total, self.ty))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Decimal128(self.total, DIGITS, 0)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for total in one(states, "sum")?.as_primitive::<Decimal128Type>().iter().flatten() {
            self.add(total);
        }
        Ok(())
    }
}

/// Sum of floats.
#[derive(Debug)]
pub(super) struct SumFloat {
    total: Option<f64>,
    span: Span,
}

impl SumFloat {
    pub(super) fn new(span: Span) -> Self {
        Self { total: None, span }
    }
}

impl Accumulator for SumFloat {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let array = one(values, "sum")?;
        let reader = Reader::new(array, Type::Float)?;
        for row in 0..array.len() {
            if let Datum::Float(value) = reader.get(row) {
                self.total = Some(self.total.unwrap_or(0.0) + value);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Some(total) = self.total else { return Ok(ScalarValue::Float64(None)) };
        let total =
            Datum::float(total).ok_or_else(|| PqlError::wrap(Fault::overflow(Type::Float).at(self.span)))?;
        Ok(scalar(&total, Type::Float))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Float64(self.total)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        // Partial sums that overflowed are infinite and must stay so: the reader would call them null.
        for total in
            one(states, "sum")?.as_primitive::<datafusion::arrow::datatypes::Float64Type>().iter().flatten()
        {
            self.total = Some(self.total.unwrap_or(0.0) + total);
        }
        Ok(())
    }
}
