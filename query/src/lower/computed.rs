//! A part of the tree that DataFusion evaluates as one function of ours: row by row, by [`crate::eval`].
//!
//! Fusing a whole part keeps what stands inside it together: guards like `CASE WHEN n = 0 THEN null ELSE
//! 1/n END` stay guards whatever the optimizer does around them, and no array is made between two steps.

use super::columns::{Builder, Reader, scalar};
use crate::error::PqlError;
use crate::eval::{self, Datum, Row};
use crate::typed::{Column, Expr};
use crate::types::Type;
use crate::watch::{self, CHECK_ROWS};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An expression over the function's own arguments: column `n` is the `n`th of them.
#[derive(Debug)]
pub(super) struct Computed {
    expr: Expr,
    /// The arguments' types.
    inputs: Vec<Type>,
    /// The expression as text: different for different expressions.
    name: String,
    signature: Signature,
}

impl Computed {
    /// The function of a part of the tree.
    pub(super) fn function(expr: Expr, inputs: Vec<Type>) -> Arc<ScalarUDF> {
        // What can fail is called volatile: the optimizer then neither folds it, nor moves it to where it
        // would see rows that the statement leaves out.
        let volatility = if expr.is_fallible() { Volatility::Volatile } else { Volatility::Immutable };
        let signature = if inputs.is_empty() { TypeSignature::Nullary } else { TypeSignature::VariadicAny };
        let name = expr.to_string();
        Arc::new(ScalarUDF::new_from_impl(Self {
            expr,
            inputs,
            name,
            signature: Signature::new(signature, volatility),
        }))
    }
}

impl Computed {
    /// The expression, if the function is one of ours.
    pub(super) fn expr(function: &ScalarUDF) -> Option<&Expr> {
        function.inner().downcast_ref::<Self>().map(|computed| &computed.expr)
    }
}

/// The expression over its arguments that a function is, if it is one of ours.
pub(crate) fn expression(function: &ScalarUDF) -> Option<&Expr> {
    Computed::expr(function)
}

impl PartialEq for Computed {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr && self.inputs == other.inputs
    }
}

impl Eq for Computed {}

impl Hash for Computed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Computed {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.expr.ty.arrow())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(self.expr.ty.field(&self.name)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { args.number_rows.min(1) } else { args.number_rows };
        let mut readers = Vec::with_capacity(args.args.len());
        for (arg, ty) in args.args.iter().zip(&self.inputs) {
            readers.push(match arg {
                ColumnarValue::Array(array) => (Reader::new(array, *ty)?, true),
                ColumnarValue::Scalar(value) => (Reader::new(&value.to_array()?, *ty)?, false),
            });
        }
        let value_of = |row| eval::eval(&self.expr, &row).map(Datum::into_owned).map_err(PqlError::wrap);
        if is_scalar {
            // No row is asked for, so nothing may fail.
            let value =
                if rows == 0 { Datum::Null } else { value_of(ArrayRow { readers: &readers, row: 0 })? };
            return Ok(ColumnarValue::Scalar(scalar(&value, self.expr.ty)));
        }
        let mut builder = Builder::new(self.expr.ty, rows);
        for row in 0..rows {
            if row % CHECK_ROWS == 0 {
                watch::check()?;
            }
            let row = ArrayRow { readers: &readers, row };
            builder.push(&eval::eval(&self.expr, &row).map_err(PqlError::wrap)?);
        }
        Ok(ColumnarValue::Array(builder.finish()))
    }
}

/// One row of a batch; constants have but one row of their own.
struct ArrayRow<'r> {
    readers: &'r [(Reader, bool)],
    row: usize,
}

impl Row for ArrayRow<'_> {
    fn column(&self, column: Column) -> Datum<'_> {
        let (reader, is_array) = &self.readers[column.column];
        reader.get(if *is_array { self.row } else { 0 })
    }
}
